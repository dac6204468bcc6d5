"""A run of records in few bytes, readable without any other: what the journal's blocks and the radio's batches share.

A head (written and read by whoever keeps the run) tells the first sequence, the time and the registers that the records
count from. Then entries: see wire.bits.
"""

from array import array

from gridnode.wire import bits, schema

CHANNELS_MAX = 8
_SLACK = 32  # bytes: an entry that turns out too long is written, and taken back
_FIRST_ORDER = 12  # of a register that moves, where `orders` are given: its first increase is compared with none
_BEFORE_MS = 10_000  # how far one channel's interval may end before another's that is already in


class Block:
    """Records `first` .. `first + count - 1`. Filled by `begin`, `add`, `skip`; read by `open`, `read`.

    `room`: bytes of head and entries; `tail`: more behind them in `content`; `tick_ms`: unit of times.
    `put_head(block)` writes the head into `content` from `first`, `time_ms` and `registers_before`, and returns where
    the entries begin; `get_head(block)` reads it, `count` included, and returns the same, or 0: there is none.
    What the first entry is expected to be like: `pace`, (ticks of a round, their order); `quality` of all channels.
    `orders`: of import, export of each channel, from its second INTERVAL on, see _FIRST_ORDER; 0: it does not move.
    """

    def __init__(self, room: int, tick_ms: int, put_head, get_head, tail: int = 0):
        self.content = bytearray(room + tail + _SLACK)
        self.room = room
        self.tick_ms = tick_ms
        self.pace = (0, 4)
        self.orders = ()
        self.quality = 0
        self.first = self.count = self.channels = 0
        self.time_ms = 0  # that times count from
        self.registers_before = []  # import, export of each channel, that registers count from
        self._put_head = put_head
        self._get_head = get_head
        self.state = array("i", [0] * (bits.CHANNELS + bits.PLACES * CHANNELS_MAX))
        self._before = _BEFORE_MS // tick_ms
        self._entries = 0  # where they begin
        self._told = 0  # a bit for each channel whose `orders` are still to be used
        self._origin_ms = 0  # at which a time of 0 ticks is

    # -- writing

    def begin(self, first: int, time_ms=None, registers=None):
        """Empty it. It goes on from its last records, or from `time_ms` and `registers` (import, export of each)."""
        if time_ms is None:
            time_ms = self._origin_ms + self.state[bits.TIME] * self.tick_ms
        self.registers_before = self.registers() if registers is None else registers
        self.time_ms = time_ms & ~3  # so that heads may tell it in units of 4 ms
        self.channels = len(self.registers_before) // 2
        self.first, self.count = first, 0
        self.content[:] = bytes(len(self.content))
        self._entries = self._put_head(self)
        self.rewind()

    def registers(self) -> list:
        """Import and export of each channel as of the record read or added last."""
        return [register + self.state[_place(index)] for index, register in enumerate(self.registers_before)]

    def add(self, message: list, raw) -> bool:
        """Take the next record, `raw` being its CBOR; False if it does not go in: this block is full for it.

        message: None will do for what is not an INTERVAL.
        """
        at = self.state[bits.AT]
        end = 0
        if message and message[0] == schema.INTERVAL:
            end = self._put_interval(message, at)
            if not end and (self.count or self.pace[1] == bits.SILENT or 0 in self.orders):
                return False
            if not end and message[2] < self.channels:  # registers were set anew: count from here
                self.registers_before[2 * message[2] : 2 * message[2] + 2] = message[5:7]
                self.begin(self.first, message[3], self.registers_before)
                at = self.state[bits.AT]
        return self._accept(at, end or self._put_raw(raw, at), 1)

    def skip(self, count: int) -> bool:
        """The next `count` numbers have no record; False as `add`."""
        at = self.state[bits.AT]
        if count > bits.ARGUMENT_MAX or self.count + count > 0xFFFF:
            return False
        return self._accept(at, bits.put_entry(self.content, at, bits.HOLE, count), count)

    def _accept(self, at: int, end: int, count: int) -> bool:
        content = self.content
        if not 0 < end <= 8 * self.room or self.count + count > 0xFFFF:
            content[at >> 3] &= 0xFF00 >> (at & 7)
            rest = (at >> 3) + 1
            content[rest:] = bytes(len(content) - rest)
            return False
        self.count += count
        self.advance()
        return True

    def _put_raw(self, raw, at: int) -> int:
        start = (at + 27 + 7) >> 3
        end = start + len(raw)
        if end > self.room:
            return -1
        bits.put_entry(self.content, at, bits.RAW, len(raw))
        self.content[start:end] = raw
        return 8 * end

    def _put_interval(self, message: list, at: int) -> int:
        """Write it at bit `at`; the bit behind it, or 0 if it cannot be told in short."""
        state, tick_ms = self.state, self.tick_ms
        _, _, channel, end_ms, duration_ms, energy_import, energy_export = message[:7]
        if channel >= self.channels:
            return 0
        base = bits.CHANNELS + bits.PLACES * channel
        expected = (state[bits.CHANNEL] + 1) % self.channels
        end = (end_ms - self._origin_ms) // tick_ms
        fields = (
            (bits.TIME, end),
            (base + bits.IMPORT, energy_import - self.registers_before[2 * channel]),
            (base + bits.EXPORT, energy_export - self.registers_before[2 * channel + 1]),
        )
        a_round = channel <= state[bits.CHANNEL]  # begins
        for place, value in fields:
            least = 0 if place == bits.TIME and not a_round else state[place]
            if not least <= value <= bits.NUMBER_MAX >> 2:
                return 0
        if duration_ms // tick_ms > bits.ARGUMENT_MAX or message[-1] > 0xFFFF:
            return 0
        if channel != expected or message[-1] != state[base + bits.QUALITY]:
            at = bits.put_entry(self.content, at, bits.NEWS, channel << 16 | message[-1])
        if abs(duration_ms - (end - state[base + bits.ENDED]) * tick_ms) >= 2 * tick_ms:
            at = bits.put_entry(self.content, at, bits.LENGTH, duration_ms // tick_ms)
        at += 1
        for place, value in fields:
            change = value - state[place]
            if place != bits.TIME or a_round:
                change -= state[place + 1]
            if state[place + 2] < bits.SILENT:
                at = bits.put_number(self.content, at, bits.fold(change), state[place + 2])
            elif change:
                return 0
        return at

    # -- reading

    @property
    def used(self) -> int:
        """Bytes that have anything in them so far."""
        return (self.state[bits.AT] + 7) >> 3

    def open(self, to_end: bool = False) -> bool:
        """Begin to read what is in `content`; `to_end`: go on adding to it. False if it is none of ours."""
        self.first = self.count = self.channels = 0
        self._entries = self._get_head(self)
        if not self._entries:
            return False
        self.rewind()
        while to_end and self.state[bits.SEQUENCE] < self.count:
            if not self.advance():
                return False
        return True

    def advance(self) -> bool:
        """Read one entry; False if there is none that can be read."""
        state = self.state
        told = self._told
        if not bits.advance(self.content, state, self.channels):
            return False
        if told and state[bits.KIND] == bits.EXPECTED and told >> state[bits.CHANNEL] & 1:
            self._told = told & ~(1 << state[bits.CHANNEL])
            self._use_orders(state[bits.CHANNEL], 0)
        return True

    def _use_orders(self, channel: int, least: int):
        for index in (2 * channel, 2 * channel + 1):
            order = self.orders[index]
            self.state[_place(index) + 2] = max(order, least) if order else bits.SILENT

    def rewind(self):
        """Go back to before the first entry."""
        state = self.state
        for place in range(len(state)):
            state[place] = 0
        self._origin_ms = self.time_ms - self._before * self.tick_ms
        state[bits.AT] = 8 * self._entries
        state[bits.LIMIT] = 8 * self.room
        state[bits.CHANNEL] = self.channels - 1
        state[bits.TIME] = self._before
        state[bits.TIME + 1], state[bits.TIME + 2] = self.pace
        for base in range(bits.CHANNELS, len(state), bits.PLACES):
            state[base + bits.ENDED] = self._before
            state[base + bits.QUALITY] = self.quality
            state[base + bits.IMPORT + 2] = 9
        self._told = (1 << len(self.orders) // 2) - 1
        for channel in range(len(self.orders) // 2):
            self._use_orders(channel, _FIRST_ORDER)

    def read(self, sequence: int):
        """The record: a message, or its CBOR (a memoryview of `content`); None if the number has none."""
        state = self.state
        wanted = sequence - self.first
        if not 0 <= wanted < self.count:
            return None
        width = state[bits.ARGUMENT] if state[bits.KIND] == bits.HOLE else 1
        if wanted < state[bits.SEQUENCE] - width:
            self.rewind()
        while state[bits.SEQUENCE] <= wanted:
            if not self.advance():
                return None
        if state[bits.KIND] == bits.EXPECTED:
            return self.interval(sequence)
        if state[bits.KIND] == bits.HOLE:
            return None
        end = state[bits.AT] >> 3
        return memoryview(self.content)[end - state[bits.ARGUMENT] : end]

    def interval(self, sequence: int) -> list:
        """The INTERVAL that was read last: quantities unknown but for the active power, which is its energy's."""
        state = self.state
        channel = state[bits.CHANNEL]
        base = bits.CHANNELS + bits.PLACES * channel
        registers = self.registers_before
        duration_ms = state[base + bits.DURATION] * self.tick_ms
        net_mwh = state[base + bits.IMPORT + 1] - state[base + bits.EXPORT + 1]
        return [
            schema.INTERVAL,
            sequence,
            channel,
            self._origin_ms + state[bits.TIME] * self.tick_ms,
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


def put_varint(content, at: int, value: int) -> int:
    """Write `value` >= 0 in groups of 7 bits, lowest first; return where it ends."""
    while value > 0x7F:
        content[at] = value & 0x7F | 0x80
        value >>= 7
        at += 1
    content[at] = value
    return at + 1


def varint(content, at: int) -> tuple:
    """(value, where it ends) of what `put_varint` wrote; at most 63 bits are read."""
    value = shift = 0
    while shift < 63:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return value, at
