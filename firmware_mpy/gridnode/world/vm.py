"""A microworld's bytecode: read with care, then one tick at a time, exact in 32 bits.

Straight-line code without jumps: a tick takes the same few instructions each time, and every operation has a result.
The format stands in host_bridge/microworld/README.md; host_bridge.microworld.bytecode makes it.
"""

from array import array

from gridnode.world.tick import run

FORMAT = 1
NO_CONDITION = 255
TICK_S_MAX = 86_400
RAN, OUT_OF_RANGE, BROKEN = 0, 2, 3  # what a tick may come to; places in wire.schema.FAULTS
# Operations, in the order of their numbers; the last one and muldiv take three values, the others two.
ADD, SUB, MUL, DIV, MOD, MULDIV, MIN, MAX, LT, LE, EQ, NE, AND, OR, IF = range(15)


class World:
    """The microworld of `code` in its first state. Raises ValueError where that is no code of FORMAT.

    tick_s: from one tick to the next. states, inputs, outputs: how many. `values`: 32-bit integers: the states before
    the last tick, its inputs from place `states` on, and more.
    """

    def __init__(self, code: bytes):
        reader = _Reader(code)
        if reader.byte() != FORMAT:
            raise ValueError("no bytecode of format %d" % FORMAT)
        self.states, self.inputs, self.outputs, constants, count = [reader.byte() for _ in range(5)]
        self.tick_s = reader.number()
        first = self.states + self.inputs + constants
        if not 0 < self.tick_s <= TICK_S_MAX or first + count > NO_CONDITION:
            raise ValueError("tick or number of values out of range")
        holds, wanted_at = reader.byte(), reader.at
        wanted = reader.take(self.outputs + self.states)
        if holds != NO_CONDITION:
            wanted += bytes((holds,))
        starts = [reader.signed() for _ in range(self.states)]
        self._ranges = array("i", self._read_ranges(reader))
        self._told = first + count
        self.values = array("i", starts + [0] * self.inputs + [reader.signed() for _ in range(constants)])
        self.values.extend(array("i", [0] * (count + self.outputs) + starts))
        sizes = (self.states, self.inputs, self.outputs + self.states, count, wanted_at, reader.at, holds, first)
        self._sizes = array("H", sizes)  # as tick.run has them
        for index in range(count):
            reader.operation(first + index)
        if reader.at != len(code) or (wanted and max(wanted) >= self._told):
            raise ValueError("bytes behind the code, or a value that is not there")
        self._code = code
        self._is_due = False  # whether the next state is still to be taken

    def _read_ranges(self, reader) -> list:
        ranges = []
        for _ in range(self.inputs):
            least = reader.signed()
            greatest = least + reader.number()
            if greatest > 0x7FFFFFFF:
                raise ValueError("range beyond 32 bits")
            ranges += (least, greatest)
        return ranges

    def tick(self) -> int:
        """Go on by a tick with the inputs in `values`: RAN; or why it was not run, and nothing has changed then."""
        outcome = self.try_out()
        self._is_due = outcome == RAN
        return outcome

    def try_out(self) -> int:
        """What `tick` would give with these inputs, and in `output`; the state stays as it is."""
        if self._is_due:
            self._is_due = False
            at = self._told + self.outputs
            for index in range(self.states):
                self.values[index] = self.values[at + index]
        return run(self._code, self.values, self._ranges, self._sizes)

    def output(self, index: int) -> int:
        """Of the last tick, or what was tried out."""
        return self.values[self._told + index]

    def record(self) -> bytes:
        """Of the last tick: the states before it, its inputs, its outputs, as a module's record has them."""
        view = memoryview(self.values)
        return bytes(view[: self.states + self.inputs]) + bytes(view[self._told : self._told + self.outputs])


class _Reader:
    def __init__(self, code: bytes):
        self._code = code
        self.at = 0

    def take(self, count: int) -> bytes:
        start = self.at
        self.at = start + count
        if self.at > len(self._code):
            raise ValueError("code cut short")
        return self._code[start : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 28:
                break
        if byte > 127 or value >> 32:
            raise ValueError("number beyond 32 bits")
        return value

    def signed(self) -> int:
        value = self.number()
        return -1 - (value >> 1) if value & 1 else value >> 1

    def operation(self, before: int):
        """One instruction, which may name the values below `before`."""
        kind = self.byte()
        if kind > IF or max(self.take(3 if kind in (MULDIV, IF) else 2)) >= before:
            raise ValueError("no operation, or a value that is not there yet")
