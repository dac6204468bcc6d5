"""The other team's node on the air: link header, relay, batches, WANT and parity, from the two READMEs alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import cbor2
from other_team import INTERVAL, SKIPPED, Message, Node, address

TICK_MS, SILENT, MAX_BODY = 250, 0, 200


# Link header


def short_id(at: bytes) -> int:
    return min(max(at[1], 1), 254)


def link_header(at: bytes, next_hop: int, *, down: bool = False, left: int = 5, made: int = 0, relay: int = 0) -> bytes:
    head = bytes([down << 7 | (made > 0) << 6 | left << 3 | made]) + at + bytes([next_hop])
    return head + (bytes([relay]) if made else b"")


@dataclass
class Heard:
    """A packet from the air, its header taken apart; `relay` 0: from the node or the gateway itself."""

    down: bool
    left: int
    made: int
    at: bytes
    next_hop: int
    relay: int
    packet: bytes


def taken_apart(air: bytes) -> Heard | None:
    """None where the link README says that the packet is dropped."""
    if len(air) < 4:
        return None
    left, made, relayed = air[0] >> 3 & 7, air[0] & 7, bool(air[0] & 64)
    size = 4 + relayed
    if left + made > 5 or relayed != (made > 0) or len(air) < size + 9 or (relayed and air[4] in (0, 255)):
        return None
    heard = Heard(bool(air[0] & 128), left, made, air[1:3], air[3], air[4] if relayed else 0, air[size:])
    return None if heard.down and heard.next_hop == 0 else heard


class Relay:
    """Passes on what names it or is flooded, once in 20 s; `hears` gives what it sends, or None. `next_hop`: its way
    up; down is where a node's packets came from."""

    def __init__(self, name: str, next_hop: int):
        self.at, self._up = address(name), next_hop
        self._down: dict[bytes, int] = {}
        self._accepted: dict[tuple[bool, bytes, bytes], int] = {}

    def hears(self, air: bytes, now_ms: int) -> bytes | None:
        heard = taken_apart(air)
        me = short_id(self.at)
        if heard and not heard.down:
            self._down[heard.at] = heard.relay or short_id(heard.at)
        if heard is None or heard.next_hop not in (me, 255) or not heard.left or heard.at == self.at:
            return None
        if heard.down and heard.next_hop == short_id(heard.at):
            return None
        key = heard.down, heard.at, heard.packet
        if now_ms - self._accepted.get(key, -20_000) < 20_000:
            return None
        self._accepted[key] = now_ms
        onward = 255 if heard.next_hop == 255 else self._down.get(heard.at, 255) if heard.down else self._up
        hops = {"left": heard.left - 1, "made": heard.made + 1, "relay": me}
        return link_header(heard.at, onward, down=heard.down, **hops) + heard.packet


# A batch, bit by bit


@dataclass
class Number:
    """One of an INTERVAL's numbers: coded against the last value and the last increase."""

    value: int
    increase: int
    order: int

    def code(self, value: int, *, by_increase: bool = True) -> str:
        off = value - self.value - (self.increase if by_increase else 0)
        v = 2 * off if off >= 0 else -2 * off - 1
        bits = f"{v + (1 << self.order):b}"
        zeros = "0" * (len(bits) - self.order - 1)
        if v >= 1 << self.order:
            self.order += 1
        elif self.order and v < 1 << (self.order - 1):
            self.order -= 1
        if by_increase:
            self.increase = value - self.value
        self.value = value
        return zeros + bits


@dataclass
class Before:
    """What the reader knows when a batch begins: each channel's registers and quality bits, and a time."""

    time_ms: int
    registers: list[tuple[int, int]]
    clock_bits: int = 0


def grouped(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def sized(imported: int, exported: int) -> bytes:
    sizes = [(value.bit_length() + 7) // 8 for value in (imported, exported)]
    return (
        bytes([sizes[0] << 4 | sizes[1]])
        + imported.to_bytes(sizes[0], "little")
        + exported.to_bytes(sizes[1], "little")
    )


def batch(records: list[Message], before: Before, order: int) -> bytes:
    """Records of consecutive numbers as one body; `order` is used for each register that moves."""
    intervals = [r for r in records if r[0] == INTERVAL]
    time_ms, channels = before.time_ms // 4 * 4, len(before.registers) if intervals else 0
    orders, head = [], b""
    for channel in range(channels):
        own = [r for r in intervals if r[2] == channel]
        moved = [any(r[5 + side] != before.registers[channel][side] for r in own) for side in (0, 1)]
        orders.append([order if moves else SILENT for moves in moved])
        head += bytes([orders[channel][0] << 4 | orders[channel][1]])
    for channel in range(channels):
        head += sized(*before.registers[channel])
    start = bytes([channels << 5 | before.clock_bits]) + grouped(records[0][1])
    start += grouped(time_ms // 4) + head if channels else b""
    rounds = _Entries(time_ms, before, orders)
    bits = "".join(rounds.entry(record) for record in records)
    if rounds.regular:  # no end differs from what the reader expects: kind 03 leaves them out
        rounds = _Entries(time_ms, before, orders, with_ends=False)
        bits = "".join(rounds.entry(record) for record in records)
    bits += "1" * (-len(bits) % 8)
    return bytes([3 if rounds.regular else 1]) + start + int("1" + bits, 2).to_bytes(len(bits) // 8 + 1, "big")[1:]


class _Entries:
    def __init__(self, time_ms: int, before: Before, orders: list[list[int]], *, with_ends: bool = True):
        self._time_ms, self._with_ends, self.regular = time_ms, with_ends, True
        self._orders, self._last = orders, len(orders) - 1
        self._end = Number(0, 240, 0)
        self._ends = [0] * len(orders)
        self._quality = [before.clock_bits << 11] * len(orders)
        wide = [[max(12, order) for order in pair] for pair in orders]
        self._energies = [[Number(r, 0, o) for r, o in zip(*both, strict=True)] for both in zip(before.registers, wide)]
        self._begun, self._bits = set[int](), 0

    def entry(self, record: Message) -> str:
        if record[0] == SKIPPED:
            bits = f"101{1:024b}"
        elif record[0] == INTERVAL:
            bits = self._interval(record)
        else:
            body = cbor2.dumps(record)
            bits = f"110{len(body):024b}"
            bits += "0" * (-(self._bits + len(bits)) % 8) + "".join(f"{byte:08b}" for byte in body)
        self._bits += len(bits)
        return bits

    def _interval(self, record: Message) -> str:
        _, _, channel, end_ms, duration_ms, *registers = record[:7]
        quality, end = record[-1], (end_ms - self._time_ms) // TICK_MS
        ticks = round(duration_ms / TICK_MS)
        bits = f"111{ticks:024b}" if ticks != end - self._ends[channel] else ""
        expected = (self._last + 1) % len(self._orders)
        if channel != expected or quality != self._quality[channel]:
            bits += f"100{channel:08b}{quality:016b}"
        bits += "0"
        ended = self._end.code(end, by_increase=channel <= self._last)
        self.regular = self.regular and ended == "1"
        bits += ended if self._with_ends else ""
        self._last, self._ends[channel], self._quality[channel] = channel, end, quality
        for side in (0, 1):
            if self._orders[channel][side]:
                bits += self._energies[channel][side].code(registers[side])
        if channel not in self._begun:
            self._begun.add(channel)
            for number, order in zip(self._energies[channel], self._orders[channel], strict=True):
                number.order = order
        return bits


# Parity


class Parity:
    """Puts two checks over earlier batches behind each batch."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []

    def unit(self, body: bytes) -> bytes:
        u = len(self._rows)
        covered = [[self._rows[u - 1 - i] for i in range(24) if mask(u, c) >> i & 1] for c in (0, 1)]
        width = max((len(row) for rows in covered for row in rows), default=0)
        checks = b"".join(xor(rows, width) for rows in covered)
        self._rows.append(bytes([len(body)]) + body)
        return b"\x02" + u.to_bytes(2, "big") + self._rows[-1] + checks


def mask(u: int, c: int) -> int:
    if u == 0:
        return 0
    x = 2 * u + c + 1
    for _ in range(4):
        x = x * 16807 % 2**24
        x ^= x >> 11
    return x % 2 ** min(u, 24) or 1


def xor(rows: list[bytes], width: int) -> bytes:
    out = 0
    for row in rows:
        out ^= int.from_bytes(row.ljust(width, b"\0"), "big")
    return out.to_bytes(width, "big")


# The node on the air


@dataclass
class RadioNode(Node):
    """Sends whole groups as batches, again what a WANT names; its last ends and registers stand before each batch."""

    batch: int = 15
    hail_ms: int = 8000
    welcome_ms: int = 300_000
    silence_ms: int = 4 * 3_600_000
    next_hop: int = 255
    registers: tuple[int, int] = (0, 0)
    order: int = 8
    _fresh: int = 0
    _wanted: set[int] = field(default_factory=set)
    _parity: Parity = field(default_factory=Parity)

    def on_air(self, now_ms: int) -> list[bytes]:
        head = link_header(address(self.name), self.next_hop)
        return [head + packet for packet in self.says(now_ms)]

    def hear_air(self, air: bytes, now_ms: int) -> None:
        heard = taken_apart(air)
        if heard and heard.down:
            self.next_hop = heard.relay  # 0: the gateway itself
        if heard and heard.down and heard.at in (address(self.name), b"\xff\xff"):
            self.hear(heard.packet, now_ms)

    def _hear_2(self, now_ms: int, *fields: Any) -> None:
        super()._hear_2(now_ms, *fields)
        if self.session:
            first = fields[4] // self.batch
            self._fresh = max(first, self._whole() - 1)
            self._wanted = set(range(first, self._fresh))

    def _hear_26(self, now_ms: int, epoch: int, first: int, bitmap: int) -> None:
        if self.session and epoch == self.journal_epoch:
            self._heard_ms = now_ms
            self._wanted = {first + k for k in range(30) if bitmap >> k & 1 and first + k < self._fresh}
            for sequence in [s for s in self.records if s < first * self.batch]:
                self._next = max(self._next, sequence + 1)
                self.registers = (*self.records.pop(sequence)[5:7],)

    def _whole(self) -> int:
        """Groups of which every record is made."""
        return self.end // self.batch

    def _stream(self, now_ms: int) -> Iterator[bytes]:
        while self._fresh < self._whole():
            yield self.channel.seal(self.body_of(self._fresh))
            self._fresh += 1
        for group in sorted(self._wanted):
            yield self.channel.seal(self.body_of(group))
        self._wanted = set()

    def body_of(self, group: int) -> bytes:
        first = group * self.batch
        records = [self.records[s] for s in range(first, first + self.batch)]
        earlier = [r for s, r in self.records.items() if s < first and r[0] == INTERVAL]
        registers = tuple(earlier[-1][5:7]) if earlier else self.registers
        time_ms = records[0][3] - records[0][4]
        body = batch(records, Before(time_ms, [registers]), self.order)
        assert len(body) <= MAX_BODY
        return body

    def alone(self, now_ms: int) -> Iterator[bytes]:
        """HELLO and every whole group, each batch with parity, for a host that says nothing."""
        yield self.channel.seal_alone(cbor2.dumps(self.hello(now_ms)))
        for group in range(self._whole()):
            yield self.channel.seal_alone(self._parity.unit(self.body_of(group)))
