"""Decodes a live link between a node and its bridge, or a recording of one.

    python -m tools.sniff PORT [--keys FOLDER] [--link PATH] [--pcap FILE] [--json]
    python -m tools.sniff --read FILE [--keys FOLDER] [--json]

Point the bridge at the port it prints. Without --keys (of the bridge: the folder `keys` in its state_dir) it shows
the handshakes, and of sealed packets their lengths. With --keys it opens them, of sessions that begin while it looks.

It sits in between: the bridge opens the port that is printed first, and every byte passes both ways unaltered.
Without a bridge it shows what the node says by itself. tools/pcap.py describes the recording; to watch in Wireshark:
gridnexus sniff PORT --pcap - | wireshark -k -i -
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, TextIO

from host_bridge.keys import KeyRing, KeysError
from host_bridge.times import duration_s
from tools import pcap, wire_text
from tools.pcap import PcapError
from tools.tap import Tap, TapError
from tools.wire_text import HOST, NODE, Piece, Reader, Splitter

DONE, FAILED = 0, 1


def main(argv: Sequence[str] | None = None) -> int:
    """Sniff as the arguments say; the exit code."""
    options = _parse(argv)
    try:
        with ExitStack() as stack:
            pieces = _recorded(stack, options.read) if options.read else _live(stack, options)
            reader = Reader(_ring(options.keys).find if options.keys else None)
            _show(pieces, _recorder(stack, options.pcap), options.json, reader)
    except KeyboardInterrupt:
        return DONE
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (TapError, PcapError, KeysError, OSError) as error:
        print(f"gridnexus sniff: {error}", file=sys.stderr)
        return FAILED
    return DONE


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="gridnexus sniff",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("port", nargs="?", metavar="PORT", help="of the node: a path or a pyserial URL")
    parser.add_argument("--baud", type=int, default=115_200, help="of a real serial line (default: 115200)")
    parser.add_argument("--link", type=Path, metavar="PATH", help="name the bridge's port so (a symbolic link)")
    parser.add_argument("--read", type=Path, metavar="FILE", help="a recording instead of a port")
    parser.add_argument("--keys", type=Path, metavar="FOLDER", help="open what is sealed, with the bridge's keys")
    parser.add_argument("--pcap", metavar="FILE", help="record to FILE; - is standard output, instead of lines")
    parser.add_argument("--for", dest="lasting", type=duration_s, metavar="SPAN", help="stop by itself, e.g. 10s, 5m")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args(argv)
    if (options.port is None) == (options.read is None):
        parser.error("name the node's PORT, or a recording with --read FILE")
    return options


def _ring(folder: Path) -> KeyRing:
    if not folder.is_dir():
        raise KeysError(f"{folder} is no folder: name the bridge's folder of keys, `keys` in its state_dir")
    ring = KeyRing(folder)
    ring.all()
    for fault in ring.faults.values():
        print(f"gridnexus sniff: {fault}", file=sys.stderr)
    return ring


def _recorded(stack: ExitStack, path: Path) -> Iterator[Piece]:
    return pcap.read(stack.enter_context(path.open("rb")))


def _live(stack: ExitStack, options: argparse.Namespace) -> Iterator[Piece]:
    tap = stack.enter_context(Tap(options.port, options.baud, options.link))
    print(f"the bridge's port: {options.link or tap.port}   (gridnexus run --link {options.link or tap.port})",
          file=sys.stderr, flush=True)  # fmt: skip
    # Ctrl-C is how this is meant to end: nothing that passed before is to be lost.
    signal.signal(signal.SIGINT, partial(_interrupted, tap))
    return _pieces(tap, None if options.lasting is None else time.monotonic() + options.lasting)


def _interrupted(tap: Tap, *_: object) -> None:
    tap.end()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a second one is meant


def _pieces(tap: Tap, until: float | None) -> Iterator[Piece]:
    splitters = (Splitter(NODE), Splitter(HOST))
    try:
        for speaker, at_ns, data in tap.copies(until):
            yield from splitters[speaker].feed(data, at_ns)
    except TapError:
        yield from _rest(splitters)
        raise
    yield from _rest(splitters)


def _rest(splitters: Iterable[Splitter]) -> Iterator[Piece]:
    for splitter in splitters:
        yield from splitter.close(time.time_ns())


def _recorder(stack: ExitStack, name: str | None) -> BinaryIO | None:
    if name is None:
        return None
    out = sys.stdout.buffer
    if name != "-":
        out = stack.enter_context(Path(name).open("wb"))  # noqa: SIM115 (the stack closes it)
    pcap.begin(out)
    return out


def _show(pieces: Iterable[Piece], recorder: BinaryIO | None, as_json: bool, reader: Reader) -> None:
    lines: TextIO | None = None if recorder is sys.stdout.buffer else sys.stdout
    word = _object if as_json else _line
    for piece in pieces:
        if recorder is not None:
            pcap.write(recorder, piece)
        for said in reader.read(piece):
            if lines is not None:
                print(word(said), file=lines, flush=True)


def _object(said: wire_text.Said) -> str:
    return json.dumps(wire_text.as_object(said))


def _line(said: wire_text.Said) -> str:
    return wire_text.line(said, _clock)


def _clock(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns / 1e9):%H:%M:%S.%f}"[:-3]


if __name__ == "__main__":
    sys.exit(main())
