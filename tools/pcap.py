"""Recordings of a link as pcap files (draft-ietf-opsawg-pcap), link type 147, LINKTYPE_USER0.

A record's packet is one byte, 0 said by the node, 1 said by the host, and then the bytes of the line as they
were: a frame with its delimiter, or a piece of noise. The packets of one direction, joined without their first
bytes, are exactly what went over the line. Times have microseconds.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from tools.wire_text import HOST, NODE, Piece

LINKTYPE_USER0 = 147
SNAP_BYTES = 65_535
_MAGIC = 0xA1B2C3D4
_HEADER = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII")


class PcapError(RuntimeError):
    """This is no recording of ours; the text says where it goes wrong."""


def begin(out: BinaryIO) -> None:
    """Write the file's header."""
    out.write(_HEADER.pack(_MAGIC, 2, 4, 0, 0, SNAP_BYTES, LINKTYPE_USER0))
    out.flush()


def write(out: BinaryIO, piece: Piece) -> None:
    """Append one record, whole: a reader at the other end of a pipe sees it at once."""
    seconds, nanoseconds = divmod(piece.at_ns, 1_000_000_000)
    size = 1 + len(piece.raw)
    out.write(_RECORD.pack(seconds, nanoseconds // 1000, size, size) + bytes([piece.speaker]) + piece.raw)
    out.flush()


def read(file: BinaryIO) -> Iterator[Piece]:
    """The pieces of a recording, one at a time. Raises PcapError."""
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size or _HEADER.unpack(header)[0] != _MAGIC:
        raise PcapError(
            "not a pcap file of this machine's byte order with microseconds, as `gridnexus sniff` writes it"
        )
    if _HEADER.unpack(header)[6] & 0xFFFF != LINKTYPE_USER0:
        raise PcapError(
            f"link type {_HEADER.unpack(header)[6]}, not {LINKTYPE_USER0}: another program recorded something else"
        )
    number = 0
    while record := file.read(_RECORD.size):
        number += 1
        yield _piece(number, record, file)


def _piece(number: int, record: bytes, file: BinaryIO) -> Piece:
    if len(record) < _RECORD.size:
        raise PcapError(f"record {number} is cut short: the recording was interrupted there")
    seconds, microseconds, size, whole = _RECORD.unpack(record)
    if not 1 <= size <= SNAP_BYTES or whole != size:
        raise PcapError(f"record {number} has an impossible length, {size} of {whole} bytes")
    data = file.read(size)
    if len(data) < size:
        raise PcapError(f"record {number} is cut short: the recording was interrupted there")
    if data[0] not in (NODE, HOST):
        raise PcapError(f"record {number} begins with {data[0]}, which is neither node (0) nor host (1)")
    return Piece(seconds * 1_000_000_000 + microseconds * 1000, data[0], data[1:])
