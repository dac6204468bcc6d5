"""The bare parts of a sealed frame's way in: COBS, CRC, HMAC, AES and cbor2, each as tight as Python lets it be.

Nothing is kept of a session here: no replay window, no counting of faults, no schema.
"""

import binascii
from collections.abc import Callable, Iterable
from hashlib import sha256
from hmac import compare_digest
from struct import Struct
from typing import Any, NamedTuple

import cbor2
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gridnode.wire.hkdf import pads

HEADER, TAG, CRC = 3, 8, 4  # bytes; a counter of two bytes
RESIDUE = 0x2144DF1C  # CRC-32 over anything and its own CRC
_lengths = Struct(">QQQ").pack


class Key(NamedTuple):
    """Of one direction, made ready."""

    inner: Any
    outer: Any
    begin: Callable[[bytes], None]
    crypt: Callable[[bytes], bytes]
    salt: int


def key(material: bytes) -> Key:
    """`material`: 48 bytes of key, 12 of salt."""
    cipher = Cipher(algorithms.AES(material[:16]), modes.CTR(bytes(16))).encryptor()
    inner, outer = map(sha256, pads(material[16:48]))
    return Key(inner, outer, cipher.reset_nonce, cipher.update, int.from_bytes(material[48:]) << 32)


def unstuffed(portion: bytes) -> list[bytes]:
    """COBS: the packets of a portion of whole frames, with their CRCs."""
    packets = []
    for raw in portion.split(b"\x00")[:-1]:
        at, parts, size = 0, [], len(raw)
        while at < size:
            end = at + raw[at]
            parts.append(raw[at + 1 : end])
            at = end
        packets.append(b"\x00".join(parts))
    return packets


def opened(of: Key, packets: Iterable[bytes], messages: list[Any]) -> None:
    """CRC, HMAC, AES and cbor2: what is genuine of `packets` goes into `messages`."""
    inner_0, outer_0, begin, crypt, salt = of
    crc32, loads, take, lengths = binascii.crc32, cbor2.loads, messages.append, _lengths
    for data in packets:
        if crc32(data) != RESIDUE:
            continue
        nonce = (salt ^ int.from_bytes(data[1:3]) << 32).to_bytes(16)
        inner, outer = inner_0.copy(), outer_0.copy()
        inner.update(lengths(3, len(data) - 15, 8) + nonce[:12] + data[:-12])
        outer.update(inner.digest())
        if compare_digest(outer.digest()[:8], data[-12:-4]):
            begin(nonce)
            take(loads(crypt(data[3:-12])))
