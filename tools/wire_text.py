"""Bytes of a link -> what they say: one line for people, or one object for programs, for each frame.

Frames, packets and messages are read by gridnode.wire itself; this file only words them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from gridnode.wire import WireError, channel, frame, host_channel, schema, session
from host_bridge import words
from tools.overheard import HOST, NODE, Ear, Find, Sealed

__all__ = ["HOST", "NODE", "Piece", "Reader", "Said", "Splitter", "as_object", "line", "worded"]
SPEAKERS = ("node", "host")
_DROPPED = {"bad_crc": "its CRC is wrong", "bad_cobs": "it is no COBS", "too_long": "too long for a frame"}
# Ends of the wire's field names, each thousandths of a unit that people read.
_THOUSANDTHS = {"mwh": "Wh", "mw": "W", "mvar": "var", "mva": "VA", "mv": "V", "ma": "A", "mhz": "Hz", "ms": "s"}
HAIL = b"\x00"
_KEY = schema.DOCUMENTS.index("key")  # whose body is shown to nobody
_HAILS = {channel.OFFER: "OFFER", channel.CALL: "CALL", channel.WELCOME: "WELCOME"}
_HAIL_BYTES = {channel.OFFER: channel.HAIL_BYTES, channel.CALL: 3, channel.WELCOME: channel.HAIL_BYTES}
_WHOLE = {"s": "s", "bytes": "bytes", "ppm": "ppm", "years": "years", "days": "days"}


class Piece(NamedTuple):
    """Bytes as they were on the line: a frame with its delimiter, or what there was of one."""

    at_ns: int  # when the last of them was seen, since 1970
    speaker: int  # NODE or HOST
    raw: bytes


class Said(NamedTuple):
    """One message, or why a piece is none."""

    at_ns: int
    speaker: int
    name: str  # of the message, of a hail in capitals, "sealed" if it cannot be opened; "" if the piece is none
    fields: tuple[tuple[str, str, object], ...]  # name, kind and value, as schema.MESSAGES has them
    problem: str


class Splitter:
    """Bytes in any portions -> pieces. Nothing is lost or changed: joined, the pieces are the bytes.

    A piece ends behind a zero, or at frame.FRAME_MAX bytes, so memory is bounded whatever comes.
    """

    def __init__(self, speaker: int) -> None:
        self._speaker = speaker
        self._rest = b""

    def feed(self, data: bytes, at_ns: int) -> list[Piece]:
        """The pieces that `data` completes."""
        data = self._rest + data
        pieces = []
        start = 0
        while len(data) > start:
            end = data.find(0, start, start + frame.FRAME_MAX) + 1 or start + frame.FRAME_MAX
            if end > len(data):
                break
            pieces.append(Piece(at_ns, self._speaker, data[start:end]))
            start = end
        self._rest = data[start:]
        return pieces

    def close(self, at_ns: int) -> list[Piece]:
        """The last piece, if the line ended inside one."""
        rest, self._rest = self._rest, b""
        return [Piece(at_ns, self._speaker, rest)] if rest else []


class Reader:
    """Pieces of both directions, in order -> what was said; as much of it as the keys that `find` knows open."""

    def __init__(self, find: Find | None = None) -> None:
        self._ear = Ear(find)
        self._decoders = (frame.FrameDecoder(), frame.FrameDecoder())

    def read(self, piece: Piece) -> list[Said]:
        """What `piece` completes: a message, a problem, or (an empty frame, part of a long one) nothing."""
        decoder = self._decoders[piece.speaker]
        before = {cause: getattr(decoder, cause) for cause in _DROPPED}
        said = [self._said(piece, data) for data in decoder.feed(piece.raw)]
        for cause, why in _DROPPED.items():
            if getattr(decoder, cause) > before[cause]:
                said.append(_problem(piece, f"{len(piece.raw)} bytes that are no frame: {why}: {_start(piece.raw)}"))
        return said

    def _said(self, piece: Piece, data: bytes) -> Said:
        try:
            if data[:1] == HAIL:
                self._ear.hail(data)
                return self._hail(piece, data)
            sealed = self._ear.open(piece.speaker, data)
            if sealed.body is None:
                return _unopened(piece, sealed, len(data))
            number, *values = session.decode(sealed.body)
        except WireError as error:
            return _problem(piece, f"a frame that is no message: {error}: {_start(data)}")
        name, fields = schema.MESSAGES[number]
        told = tuple((*field, value) for field, value in zip(fields, values, strict=True))
        if number == schema.STORE and values[2] == _KEY:
            told = tuple(("body", "text", "not shown") if field[0] == "body" else field for field in told)
        return Said(piece.at_ns, piece.speaker, name, told, "")

    def _hail(self, piece: Piece, data: bytes) -> Said:
        kind = data[:2]
        if kind not in _HAILS or len(data) < _HAIL_BYTES[kind] or (piece.speaker == NODE) != (kind == channel.OFFER):
            raise WireError("no hail")
        fields: list[tuple[str, str, object]] = [("wire_version", "uint", data[2])]
        if kind != channel.CALL:
            offer = host_channel.offer_of(data)
            name = offer.name if offer and offer.name else self._ear.name_of(int.from_bytes(data[4:6], "big"))
            fields += [("slot", "uint", data[3]), ("node", "text", name), ("nonce", "bytes", bytes(data[6:14]))]
        return Said(piece.at_ns, piece.speaker, _HAILS[kind], tuple(fields), "")


def _unopened(piece: Piece, sealed: Sealed, size: int) -> Said:
    fields = [("key_id", "uint", sealed.key_id), ("counter", "uint", sealed.counter), ("packet_bytes", "uint", size)]
    told: tuple[tuple[str, str, object], ...] = tuple(fields)
    if sealed.why:
        told += (("why", "text", sealed.why),)
    return Said(piece.at_ns, piece.speaker, "sealed", told, "")


def _problem(piece: Piece, why: str) -> Said:
    return Said(piece.at_ns, piece.speaker, "", (), why)


def _start(raw: bytes) -> str:
    return raw[:24].hex(" ") + (" ..." if len(raw) > 24 else "")


def line(said: Said, clock: Callable[[int], str]) -> str:
    """One line of text. `clock` words a time; nothing that a node sent can command the terminal."""
    arrow = f"{clock(said.at_ns)} {SPEAKERS[said.speaker]} {'->' if said.speaker == NODE else '=>'} "
    if said.problem:
        return f"{arrow}! {said.problem}"
    return arrow + " ".join([f"{said.name:<9}", *(worded(*field) for field in said.fields), *_meaning(said)]).rstrip()


def as_object(said: Said) -> dict[str, object]:
    """The same for programs: times in ns since 1970, fields as they are on the wire, bytes in hex."""
    told: dict[str, object] = {"at_ns": said.at_ns, "from": SPEAKERS[said.speaker]}
    if said.problem:
        return {**told, "problem": said.problem}
    fields = {name: value.hex() if isinstance(value, bytes) else value for name, _, value in said.fields}
    return {**told, "message": said.name, "fields": fields}


def worded(name: str, kind: str, value: object) -> str:
    """One field with its unit, e.g. `voltage_rms=230.014 V`; an index of the schema's tables as its word."""
    if value is None:
        return f"{_without_unit(name)}=unknown"
    names = schema.NAMES.get(kind.rstrip("?"))
    if names is not None and isinstance(value, int):
        return f"{name}={_spaced(names[value])}"
    if isinstance(value, bytes):
        return f"{name}={value.hex()}"
    if isinstance(value, list):
        return f"{name}={','.join(_spaced(each) for each in value)}"
    if not isinstance(value, int):
        return f"{name}={_spaced(str(value))}"
    return f"quality={_quality(value)}" if name == "quality" else _measured(name, value)


def _meaning(said: Said) -> list[str]:
    """What an event's numbers mean, in a sentence."""
    if said.name != schema.MESSAGES[schema.EVENT][0]:
        return []
    told: dict[str, Any] = {name: value for name, _, value in said.fields}
    kind = schema.EVENTS[told["event"]]
    return [f"({words.event(kind, told['index'], told['value'], told['duration_ms'], (), ())[1]})"]


def _measured(name: str, value: int) -> str:
    what, _, unit = name.rpartition("_")
    if what and unit in _THOUSANDTHS:
        sign, size = "-" if value < 0 else "", abs(value)
        return f"{what}={sign}{size // 1000}.{size % 1000:03} {_THOUSANDTHS[unit]}"
    if what and unit in _WHOLE:
        return f"{what}={value} {_WHOLE[unit]}"
    return f"{name}={value}"


def _without_unit(name: str) -> str:
    what, _, unit = name.rpartition("_")
    return what if what and unit in {**_THOUSANDTHS, **_WHOLE} else name


def _quality(bits: int) -> str:
    return _spaced(words.quality(bits).replace(", ", "+"))


def _spaced(text: str) -> str:
    """`text` as one word of a line: quoted where it has spaces, with no character that a terminal obeys."""
    shown = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    return f'"{shown}"' if " " in shown or not shown else shown
