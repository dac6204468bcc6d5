"""Another team's node, written from the READMEs of wire and link alone: nothing of gridnode is imported here.

It is small, not frugal: whole lists where the product counts bytes, text of ones and zeros where it shifts. Sans-I/O:
`hear` takes what came, `says` gives what goes out, times are arguments in ms.
"""

import hashlib
import hmac
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

HELLO, WELCOME, CALL, ACK, FLOOR, PING, PONG, REQUEST, OUTCOME = range(1, 10)
REGISTERS, INTERVAL, SWITCHED, SKIPPED, WANT = 10, 11, 12, 17, 26
UINTS = {CALL: 1, ACK: 4, PING: 5, REQUEST: 6, WANT: 3}  # what a node hears, and how many uints it is
EXPIRED, REPEAT_TOO_OLD, WRONG_SESSION = 6, 7, 8
Message = list[Any]


# Frame


def framed(packet: bytes) -> bytes:
    """COBS of the packet and its CRC-32, little-endian, and a zero."""
    pieces = (packet + zlib.crc32(packet).to_bytes(4, "little")).split(b"\0")
    out = b""
    for piece in pieces:
        for at in range(0, len(piece) + 1, 254):
            out += bytes([len(piece[at : at + 254]) + 1]) + piece[at : at + 254]
    return out + b"\0"


def unframed(frame: bytes) -> bytes | None:
    """The packet of a frame without its zero, or None where it is damaged."""
    out, at = b"", 0
    while at < len(frame):
        code = frame[at]
        piece, at = frame[at + 1 : at + code], at + code
        out += piece + (b"\0" if code < 255 and at < len(frame) else b"")
    packet, crc = out[:-4], out[-4:]
    return packet if at == len(frame) and packet and zlib.crc32(packet).to_bytes(4, "little") == crc else None


class Frames:
    """Cuts what a serial line brings, in whatever portions, into packets."""

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, portion: bytes) -> list[bytes]:
        *frames, self._rest = (self._rest + portion).split(b"\0")
        return [packet for frame in frames if 0 < len(frame) < 263 and (packet := unframed(frame))]


# Keys and sealing


def address(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:2]


def tag(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, said, "sha256")[:8]


def header(key_id: int, counter: int) -> bytes:
    """RFC 9605 section 4.3, for key ids below 8 and counters of up to 32 bits."""
    if counter < 8:
        return bytes([key_id << 4 | counter])
    number = counter.to_bytes((counter.bit_length() + 7) // 8, "big")
    return bytes([key_id << 4 | 8 | len(number) - 1]) + number


def split(packet: bytes) -> tuple[bytes, int, int] | None:
    """(header, key id, counter), or None where the header is not in its shortest form."""
    more = (packet[0] & 7) + 1 if packet[0] & 8 else 0
    counter = int.from_bytes(packet[1 : 1 + more], "big") if more else packet[0] & 7
    head, key_id = packet[: 1 + more], packet[0] >> 4
    return (head, key_id, counter) if more <= 4 and key_id < 8 and head == header(key_id, counter) else None


class Sealer:
    """AES_128_CTR_HMAC_SHA256_64 of RFC 9605 section 4.5.1 under 48 bytes of key and 12 of salt."""

    def __init__(self, secret: bytes):
        self._aes, self._mac, self._salt = (
            algorithms.AES(secret[:16]),
            secret[16:48],
            int.from_bytes(secret[48:], "big"),
        )

    def _nonce(self, counter: int) -> bytes:
        return (self._salt ^ counter).to_bytes(12, "big")

    def _crypt(self, counter: int, text: bytes) -> bytes:
        return Cipher(self._aes, modes.CTR(self._nonce(counter) + bytes(4))).encryptor().update(text)

    def _tag(self, head: bytes, counter: int, text: bytes) -> bytes:
        lengths = b"".join(n.to_bytes(8, "big") for n in (len(head), len(text), 8))
        return tag(self._mac, lengths + self._nonce(counter) + head + text)

    def seal(self, key_id: int, counter: int, body: bytes) -> bytes:
        head, text = header(key_id, counter), self._crypt(counter, body)
        return head + text + self._tag(head, counter, text)

    def open(self, head: bytes, counter: int, packet: bytes) -> bytes | None:
        text = packet[len(head) : -8]
        return self._crypt(counter, text) if self._tag(head, counter, text) == packet[-8:] else None


class Channel:
    """The node's keys: says OFFER, takes WELCOME, seals and opens; `lone` without a session."""

    def __init__(self, name: str, slot: int, key: bytes, boot_epoch: int, random: int):
        self._slot, self._address = slot, address(name)
        self._prk = hmac.digest(b"gridnexus 3", key, "sha256")
        self._boot, self._number, self.is_open = boot_epoch, random % 2**30, False
        self._renew()

    def _expand(self, label: bytes, *nonces: bytes, length: int = 60) -> bytes:
        return HKDFExpand(SHA256(), length, label + b"".join(nonces)).derive(self._prk)

    def _renew(self) -> None:
        self._nonce = self._boot.to_bytes(4, "big") + self._number.to_bytes(4, "big")
        self._lone, self._lone_counter = Sealer(self._expand(b"lone", self._nonce)), 0

    def offer(self) -> bytes:
        said = bytes([0, 1, 3, self._slot]) + self._address + self._nonce
        return said + tag(self._expand(b"hail", length=32), said)

    def welcomed(self, hail: bytes) -> bool:
        if hail[:6] != bytes([0, 3, 3, self._slot]) + self._address or len(hail) != 22:
            return False
        down = self._expand(b"down", self._nonce, hail[6:14])
        if tag(down[16:48], hail[:14]) != hail[14:]:
            return False
        self._up, self._down = Sealer(self._expand(b"up", self._nonce, hail[6:14])), Sealer(down)
        self._counter, self._come, self.is_open = 0, set[int](), True
        self._number += 1
        self._renew()
        return True

    def seal(self, body: bytes) -> bytes:
        self._counter += 1
        return self._up.seal(self._slot, self._counter - 1, body)

    def seal_alone(self, body: bytes) -> bytes:
        self._lone_counter += 1
        return self._lone.seal(self._slot + 4, self._lone_counter - 1, body)

    def open(self, packet: bytes) -> bytes | None:
        parts = split(packet)
        if not self.is_open or parts is None or parts[1] != self._slot or len(packet) < len(parts[0]) + 8:
            return None
        head, _, counter = parts
        if counter in self._come or counter < max(self._come, default=0) - 31:
            return None
        body = self._down.open(head, counter, packet)
        if body is not None:
            self._come.add(counter)
        return body


def read(body: bytes) -> Message | None:
    """The message of a body that a host says, or None; deterministic CBOR is what encodes to the same bytes again."""
    try:
        m = cbor2.loads(body)
        if type(m) is not list or cbor2.dumps(m) != body:
            return None
    except (ValueError, EOFError, cbor2.CBORError):
        return None
    if m and m[0] == WELCOME and len(m) == 8 and isinstance(m[1], bytes):
        uints = m[2:]
    elif m and type(m[0]) is int and len(m) == 1 + UINTS.get(m[0], -1):
        uints = m[1:]
    else:
        return None
    return m if all(type(value) is int and 0 <= value < 2**63 for value in uints) else None


# The node, over serial


@dataclass
class Node:
    """Records that wait for their ACK, all below `end`, and one contactor: `switch(target, hold_s)` gives the last five
    fields of OUTCOME."""

    name: str
    channel: Channel
    digest: bytes
    switch: Callable[[int, int], Message]
    node_session: int
    boot_epoch: int = 1
    journal_epoch: int = 1
    batch: int = 0
    hail_ms: int = 1000
    welcome_ms: int = 5000
    silence_ms: int = 15_000
    records: dict[int, Message] = field(default_factory=dict)
    end: int = 0
    session: int = 0
    _host_session: int = 0
    _answers: list[Message] = field(default_factory=list)
    _outcomes: dict[int, Message] = field(default_factory=dict)
    _highest: int = 0
    _next: int = 0
    _credit: int = 0
    _sent: dict[int, tuple[int, int, int]] = field(default_factory=dict)  # sequence: (transmission, at ms, bytes)
    _transmission: int = 0
    _hailed_ms: int | None = None
    _heard_ms: int = 0
    _opened_ms: int | None = None

    def record(self, kind: int, *fields: Any) -> int:
        sequence, self.end = self.end, self.end + 1
        self.records[sequence] = [kind, sequence, *fields]
        return sequence

    def hello(self, now_ms: int) -> Message:
        oldest = min(self.records, default=self._next)
        journal = [self.journal_epoch, oldest, self.end]
        head = [HELLO, 3, self.digest, self.name, "paper", "1", self.boot_epoch, "power on", now_ms, 0]
        return [*head, self.node_session, 4096, *journal, 60, 900, ["grid"], ["heater"], self.batch]

    def hear(self, packet: bytes, now_ms: int) -> None:
        if packet == bytes([0, 2, 3]):
            if not self.channel.is_open or now_ms - self._heard_ms > 3000:
                self._hailed_ms = None
        elif packet[:1] == b"\0":
            if self.channel.welcomed(packet):
                self._start_over(now_ms)
        elif (body := self.channel.open(packet)) is not None and (m := read(body)) is not None:
            heard = getattr(self, f"_hear_{m[0]}", None)
            if heard:
                heard(now_ms, *m[1:])

    def _start_over(self, now_ms: int) -> None:
        self.session = self._host_session = self._highest = 0
        self.node_session = self.node_session % (2**30 - 1) + 1
        self._answers, self._outcomes, self._sent = [], {}, {}
        self._hailed_ms, self._opened_ms = None, now_ms

    def _hear_2(self, now_ms: int, digest: bytes, node_session: int, host_session: int, epoch: int, *ack: int) -> None:
        if digest != self.digest or node_session != self.node_session or not host_session:
            return
        self._host_session, self.session = host_session, node_session ^ host_session
        self._hear_4(now_ms, epoch, *ack)

    def _hear_3(self, now_ms: int, host_session: int) -> None:
        if self.session and host_session != self._host_session:
            self._start_over(now_ms)
        self._answers.append(self.hello(now_ms))

    def _hear_4(self, now_ms: int, epoch: int, following: int, bitmap: int, credit: int) -> None:
        if not self.session or epoch != self.journal_epoch or following > self.end:
            return
        self._heard_ms, self._credit, self._next = now_ms, credit, max(self._next, following)
        kept = {s for s in self.records if s < following or (s > following and bitmap >> (s - following - 1) & 1)}
        newest = max((self._sent[s][0] for s in kept if s in self._sent), default=-1)
        for sequence in kept:
            self._sent.pop(sequence, None)
            del self.records[sequence]
        late = [s for s, (transmission, _, _) in self._sent.items() if transmission < newest]
        for sequence in late:
            del self._sent[sequence]
        if following < (oldest := min(self.records, default=self._next)):
            self._answers.append([FLOOR, self.journal_epoch, oldest])

    def _hear_6(self, now_ms: int, session: int, host_time_ms: int, *_: int) -> None:
        if self.session and session == self.session:
            self._heard_ms = now_ms
            self._answers.append([PONG, host_time_ms, now_ms])
        else:
            self._answers.append(self.hello(now_ms))

    def _hear_8(self, now_ms: int, session: int, command: int, _: int, target: int, hold: int, expires_ms: int) -> None:
        if not self.session or session != self.session:
            self._answers += [[OUTCOME, session, command, 0, WRONG_SESSION, None, 0, 0], self.hello(now_ms)]
            return
        self._heard_ms = now_ms
        if command not in self._outcomes:
            if command <= self._highest:
                self._answers.append([OUTCOME, session, command, 0, REPEAT_TOO_OLD, None, 0, 0])
                return
            self._highest = command
            done = [0, EXPIRED, None, 0, 0] if now_ms > expires_ms else self.switch(target, hold)
            self._outcomes[command] = [OUTCOME, session, command, *done]
            self._outcomes = dict(list(self._outcomes.items())[-8:])
        self._answers.append(self._outcomes[command])

    def says(self, now_ms: int) -> list[bytes]:
        """The packets that are due: OFFER until the keys are agreed, HELLO until the session is open, then the rest."""
        if self.channel.is_open and self.session and now_ms - self._heard_ms > self.silence_ms:
            self.channel.is_open, self.session, self._hailed_ms = False, 0, None
        if not self.session and self._opened_ms is not None and now_ms - self._opened_ms > self.welcome_ms:
            self.channel.is_open, self._opened_ms = False, None
        answers, self._answers = self._answers, []
        out = [self.channel.seal(cbor2.dumps(m)) for m in answers]
        if not self.session and (self._hailed_ms is None or now_ms - self._hailed_ms >= self.hail_ms):
            self._hailed_ms = now_ms
            keyed = self.channel.is_open
            out.append(self.channel.seal(cbor2.dumps(self.hello(now_ms))) if keyed else self.channel.offer())
        return out + (list(self._stream(now_ms)) if self.session else [])

    def _stream(self, now_ms: int) -> Iterator[bytes]:
        for sequence in sorted(self.records):
            on_the_way = sum(size for _, _, size in self._sent.values())
            waits = sequence in self._sent and now_ms - self._sent[sequence][1] < 2000
            if sequence > self._next + 30 or on_the_way >= self._credit:
                return
            if not waits:
                packet = self.channel.seal(cbor2.dumps(self.records[sequence]))
                self._transmission += 1
                self._sent[sequence] = self._transmission, now_ms, len(framed(packet))
                yield packet
