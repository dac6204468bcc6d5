"""One block of the journal: as many records as fit, readable without any other block.

Head: magic, channels, records (16 bits), first sequence (32), then in groups of 7 bits the node time (in 4 ms) and the
registers that its records count from. Then entries (see node.bits), zeros, and a CRC-32 over all. Little-endian.
"""

import struct
from array import array
from binascii import crc32

from gridnode.node import bits
from gridnode.wire import schema

SIZE = 384  # with what a Journal of three channels saves beside it: 512 bytes (see node.pair)
CHANNELS_MAX = 8
_MAGIC = 0xB7
_HEAD_BYTES = 8
_ROOM = SIZE - 4  # for all but the CRC
_SLACK = 32  # an entry that turns out too long is written, and taken back
_TICK = 2  # times are kept in units of 2^2 ms
_BEFORE = 2_500  # ticks: how far one channel's interval may end before another's that is already in


class Block:
    """Records `first` .. `first + count - 1`. Filled by `begin`, `add`, `skip`; read by `open`, `read`."""

    def __init__(self):
        self.content = bytearray(SIZE + _SLACK)
        self.first = self.count = self.channels = 0
        self._state = array("i", [0] * (bits.CHANNELS + bits.PLACES * CHANNELS_MAX))
        self._begin = 0  # ticks that TIME counts from
        self._entries = 0  # where they begin
        self._registers = []  # import, export of each channel, as in the head

    # -- writing

    def begin(self, first: int, time_ms=None, registers=None):
        """Empty it. It goes on from its last records, or from `time_ms` and `registers` (import, export of each)."""
        time = self._begin + self._state[bits.TIME] if time_ms is None else time_ms >> _TICK
        self._registers = registers or self.registers()
        self.channels = len(self._registers) // 2
        self.first, self.count = first, 0
        content = self.content
        content[:] = bytes(len(content))
        struct.pack_into("<BBHI", content, 0, _MAGIC, self.channels, 0, first & 0xFFFFFFFF)
        at = _put_varint(content, _HEAD_BYTES, time)
        for register in self._registers:
            at = _put_varint(content, at, register)
        self._entries = at
        self._begin = time - _BEFORE
        self._rewind()

    def registers(self) -> list:
        """Import and export of each channel as of the record read or added last."""
        return [register + self._state[_place(index)] for index, register in enumerate(self._registers)]

    def add(self, message: list, raw) -> bool:
        """Take the next record, `raw` being its CBOR; False if it does not go in: this block is full for it.

        message: None will do for what is not an INTERVAL.
        """
        at = self._state[bits.AT]
        end = 0
        if message and message[0] == schema.INTERVAL:
            end = self._put_interval(message, at)
            if not end and self.count:
                return False
            if not end and message[2] < self.channels:  # registers were set anew: count from here
                self._registers[2 * message[2] : 2 * message[2] + 2] = message[5:7]
                self.begin(self.first, message[3], self._registers)
                at = self._state[bits.AT]
        return self._accept(at, end or self._put_raw(raw, at), 1)

    def skip(self, count: int) -> bool:
        """The next `count` numbers have no record; False as `add`."""
        at = self._state[bits.AT]
        if count > bits.ARGUMENT_MAX or self.count + count > 0xFFFF:
            return False
        return self._accept(at, bits.put_entry(self.content, at, bits.HOLE, count), count)

    def _accept(self, at: int, end: int, count: int) -> bool:
        content = self.content
        if not 0 < end <= 8 * _ROOM or self.count + count > 0xFFFF:
            content[at >> 3] &= 0xFF00 >> (at & 7)
            rest = (at >> 3) + 1
            content[rest:] = bytes(len(content) - rest)
            return False
        self.count += count
        content[2], content[3] = self.count & 0xFF, self.count >> 8
        bits.advance(content, self._state, self.channels)
        return True

    def _put_raw(self, raw, at: int) -> int:
        start = (at + 27 + 7) >> 3
        end = start + len(raw)
        if end > _ROOM:
            return -1
        bits.put_entry(self.content, at, bits.RAW, len(raw))
        self.content[start:end] = raw
        return 8 * end

    def _put_interval(self, message: list, at: int) -> int:
        """Write it at bit `at`; the bit behind it, or 0 if it cannot be told in short."""
        state = self._state
        _, _, channel, end_ms, duration_ms, energy_import, energy_export = message[:7]
        if channel >= self.channels:
            return 0
        base = bits.CHANNELS + bits.PLACES * channel
        expected = (state[bits.CHANNEL] + 1) % self.channels
        end = (end_ms >> _TICK) - self._begin
        fields = (
            (bits.TIME, end),
            (base + bits.IMPORT, energy_import - self._registers[2 * channel]),
            (base + bits.EXPORT, energy_export - self._registers[2 * channel + 1]),
        )
        a_round = channel <= state[bits.CHANNEL]  # begins
        for place, value in fields:
            least = 0 if place == bits.TIME and not a_round else state[place]
            if not least <= value <= bits.NUMBER_MAX >> 2:
                return 0
        if duration_ms >> _TICK > bits.ARGUMENT_MAX or message[-1] > 0xFFFF:
            return 0
        if channel != expected or message[-1] != state[base + bits.QUALITY]:
            at = bits.put_entry(self.content, at, bits.NEWS, channel << 16 | message[-1])
        if abs(duration_ms - ((end - state[base + bits.ENDED]) << _TICK)) >= 2 << _TICK:
            at = bits.put_entry(self.content, at, bits.LENGTH, duration_ms >> _TICK)
        at += 1
        for place, value in fields:
            change = value - state[place]
            if place != bits.TIME or a_round:
                change -= state[place + 1]
            at = bits.put_number(self.content, at, bits.fold(change), state[place + 2])
        return at

    # -- reading

    @property
    def used(self) -> int:
        """Bytes that have anything in them so far."""
        return (self._state[bits.AT] + 7) >> 3

    def seal(self):
        """Add the CRC: `content[:SIZE]` is ready for flash."""
        struct.pack_into("<I", self.content, _ROOM, crc32(memoryview(self.content)[:_ROOM]) & 0xFFFFFFFF)

    @property
    def whole(self) -> bool:
        """Whether `content` has the CRC of a block."""
        (check,) = struct.unpack_from("<I", self.content, _ROOM)
        return check == crc32(memoryview(self.content)[:_ROOM]) & 0xFFFFFFFF

    def open(self, to_end: bool = False) -> bool:
        """Begin to read what is in `content`; `to_end`: go on adding to it. False if it is none of ours."""
        self.first = self.count = 0
        self.channels = self.content[1]
        if self.content[0] != _MAGIC or not 0 < self.channels <= CHANNELS_MAX:
            self.channels = 0
            return False
        _, _, self.count, self.first = struct.unpack_from("<BBHI", self.content, 0)
        time, at = _varint(self.content, _HEAD_BYTES)
        self._begin = time - _BEFORE
        self._registers = []
        for _ in range(2 * self.channels):
            register, at = _varint(self.content, at)
            self._registers.append(register)
        self._entries = at
        self._rewind()
        while to_end and self._state[bits.SEQUENCE] < self.count:
            if not bits.advance(self.content, self._state, self.channels):
                return False
        return True

    def _rewind(self):
        state = self._state
        for place in range(len(state)):
            state[place] = 0
        state[bits.AT] = 8 * self._entries
        state[bits.LIMIT] = 8 * _ROOM
        state[bits.CHANNEL] = self.channels - 1
        state[bits.TIME] = _BEFORE
        state[bits.TIME + 2] = 4  # orders to begin with
        for base in range(bits.CHANNELS, len(state), bits.PLACES):
            state[base + bits.ENDED] = _BEFORE
            state[base + bits.IMPORT + 2] = 9

    def read(self, sequence: int):
        """The record: a message, or its CBOR (a memoryview of `content`); None if the number has none."""
        state = self._state
        wanted = sequence - self.first
        if not 0 <= wanted < self.count:
            return None
        width = state[bits.ARGUMENT] if state[bits.KIND] == bits.HOLE else 1
        if wanted < state[bits.SEQUENCE] - width:
            self._rewind()
        while state[bits.SEQUENCE] <= wanted:
            if not bits.advance(self.content, state, self.channels):
                return None
        if state[bits.KIND] == bits.EXPECTED:
            return self._interval(sequence)
        if state[bits.KIND] == bits.HOLE:
            return None
        end = state[bits.AT] >> 3
        return memoryview(self.content)[end - state[bits.ARGUMENT] : end]

    def _interval(self, sequence: int) -> list:
        state = self._state
        channel = state[bits.CHANNEL]
        base = bits.CHANNELS + bits.PLACES * channel
        registers = self._registers
        duration_ms = state[base + bits.DURATION] << _TICK
        net_mwh = state[base + bits.IMPORT + 1] - state[base + bits.EXPORT + 1]
        return [
            schema.INTERVAL,
            sequence,
            channel,
            (self._begin + state[bits.TIME]) << _TICK,
            duration_ms,
            registers[2 * channel] + state[base + bits.IMPORT],
            registers[2 * channel + 1] + state[base + bits.EXPORT],
            net_mwh * 3_600_000 // duration_ms if duration_ms else None,
            None,
            None,
            None,
            None,
            None,
            state[base + bits.QUALITY],
        ]


def _place(index: int) -> int:
    """Of import and export in the state, as in a list of import, export of each channel."""
    return bits.CHANNELS + bits.PLACES * (index >> 1) + (bits.EXPORT if index & 1 else bits.IMPORT)


def _put_varint(content, at: int, value: int) -> int:
    while value > 0x7F:
        content[at] = value & 0x7F | 0x80
        value >>= 7
        at += 1
    content[at] = value
    return at + 1


def _varint(content, at: int) -> tuple:
    value = shift = 0
    while shift < 63:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return value, at
