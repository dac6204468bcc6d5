"""A microworld at work on its node: what it is told of the node, and what it may do with the contactors.

The world of a plan of format 2 (see node.plan), in its CBOR:

    [is_guard, code, source, index, divisor, ..., contactor, ...]

three integers for each input of the code, then the contactor of each output (-1: none). An input is what `source` says
of channel or contactor `index`, divided by `divisor` and rounded: 0 the number `index` itself; of a channel: 1
active power in mW, 2 frequency in mHz, 3 voltage in mV, 4 current in mA; of a contactor: 5 it is closed (as its
feedback says, if it has one), 6 it is asked to be closed, 7 it is tripped or locked out; 8 the minute of the day, which
begins `index` minutes before it does in UTC; 9 the plan's price.

Alone (is_guard 0) the world is the plan of its contactors while no host holds them. A guard (1) stands between the wish
- of the host's lease, else of the plan's rows - and the contactor, with the rank of an interlock: where its output is
off, or it is silent, the contactor opens and does not close. It never closes one. A guard that is told what is asked of
the contactor (6), and says on although it is asked to open, keeps the host and the plan from opening it; trips,
interlocks, a person, and the end of a lease open it all the same. A guard whose plan begins and ends at 0 is always in
force, and needs no clock.
"""

from gridnode.node.plan import HOLD_MS
from gridnode.switching.contactor import CLOSED, NONE, OPEN, plan_holds
from gridnode.wire import schema
from gridnode.world.vm import RAN, World

CONSTANT, POWER, FREQUENCY, VOLTAGE, CURRENT, IS_CLOSED, ASKED, TRIPPED, MINUTE, PRICE = range(10)
_UNKNOWN, _OUT_OF_RANGE, _NOT_IN_FORCE = 1, 2, 4  # in schema.FAULTS
_LARGEST = (1 << 31) - 1


class Controller:
    """Of `plan`, which has a world, as it stands in the document `body`; `node` is told of ticks. `begin` puts it to
    work, in its first state, `end` takes it from there. Raises ValueError that says what is wrong."""

    def __init__(self, body: bytes, plan, node, channels: list):
        self.body = body
        self._plan = plan
        self._node = node
        self._channels = channels
        self._contactors = node.contactors
        is_guard, code = plan.world[:2] if len(plan.world) > 1 else (None, None)
        if is_guard not in (0, 1) or type(code) is not bytes:
            raise ValueError("a world begins with 0 or 1 and its code")
        self._guards = bool(is_guard)
        self._world = world = World(code)
        numbers = plan.world[2:]
        if len(numbers) != 3 * world.inputs + world.outputs or not all(type(number) is int for number in numbers):
            raise ValueError("three whole numbers for each input, one for each output")
        self._inputs = [numbers[3 * k : 3 * k + 3] for k in range(world.inputs)]
        self._outputs = numbers[3 * world.inputs :]  # contactor of each
        self._check()
        self._always = self._guards and not plan.until_unix_s
        self._keepable = [index for source, index, _ in self._inputs if source == ASKED and self._guards]
        self._before = []  # (contactor, its own condition)
        self._fault = None  # of the last tick, in schema.FAULTS; None: there was none yet
        self._on = [False] * world.outputs  # as of the last tick, or of what was asked since
        self._ticks = self._due_ms = self._now_ms = 0

    def _check(self):
        counts = len(self._channels), len(self._contactors)
        for source, index, divisor in self._inputs:
            if not CONSTANT <= source <= PRICE or divisor < 1:
                raise ValueError("no source %d, or a divisor below 1" % source)
            if POWER <= source <= TRIPPED and not 0 <= index < counts[source >= IS_CLOSED]:
                raise ValueError("no channel or contactor %d here" % index)
        bound = [index for index in self._outputs if index >= 0]
        if len(set(bound)) != len(bound) or max(bound + [-1]) >= counts[1]:
            raise ValueError("an output's contactor is not here, or another's too")
        if self._plan.from_unix_s >= self._plan.until_unix_s and (not self._guards or self._plan.until_unix_s):
            raise ValueError("it must end after it begins; only a guard may be for ever: 0, 0")

    def begin(self):
        """A guard's contactors ask it from now on."""
        if self._guards:
            for output, index in enumerate(self._outputs):
                if index >= 0:
                    contactor = self._contactors[index]
                    self._before.append((contactor, contactor.interlocked))
                    contactor.interlocked = self._condition(output, contactor)

    def end(self):
        """They no longer do."""
        for contactor, condition in self._before:
            contactor.interlocked = condition
        self._before = []

    def step(self, now_ms: int):
        """Do what is due: a tick; and renew what is wanted of the contactors. Call it each second."""
        self._now_ms = now_ms
        if now_ms >= self._due_ms:
            self._due_ms = now_ms - now_ms % 1000 + 1000 * self._world.tick_s
            self._tick(now_ms)
        for index, contactor in enumerate(self._contactors):
            wish = self._wish(index, now_ms)
            if wish:
                contactor.plan(wish, HOLD_MS, now_ms)

    def keeps(self, index: int) -> bool:
        """Whether the guard would have contactor `index` stay closed although it is asked to open."""
        if not self._may_keep(index) or index not in self._outputs:
            return False
        output = self._outputs.index(index)
        return self._fault == 0 and self._try_out(index, 0) and self._world.output(output) != 0

    def _wish(self, index, now_ms):
        """What the contactor is to be by plan: by its rows; alone, where it is the world's, by that."""
        if index not in self._outputs:
            return self._row(index, now_ms)
        is_on = self._on[self._outputs.index(index)]
        if not self._guards:
            return None if self._fault != 0 else CLOSED if is_on else OPEN
        wish = self._row(index, now_ms)
        return CLOSED if wish == OPEN and is_on and self._may_keep(index) else wish

    def _may_keep(self, index) -> bool:
        return index in self._keepable and self._contactors[index].state == CLOSED

    def _row(self, index, now_ms):
        return self._plan.of(index, self._node, self._channels[0].window, now_ms)

    def _tick(self, now_ms):
        world = self._world
        self._ticks += 1
        fault = self._take_inputs(now_ms)
        record = b""
        if not fault:
            fault = world.tick()
            record = world.record() if fault == RAN else world.record()[: 4 * (world.states + world.inputs)]
        self._fault = fault
        self._on = [not fault and world.output(output) != 0 for output in range(world.outputs)]
        node = self._node
        version = node.load_documents().version(0)
        node.session.live([schema.TICK, version, self._ticks, now_ms, fault, record])

    def _take_inputs(self, now_ms, asked=None, is_asked=0) -> int:
        """Put them where the world finds them; the fault there is. `asked`: a contactor whose wish is supposed."""
        unix_ms = None
        if self._node.clock.offset_ms is not None:
            unix_ms = now_ms + self._node.clock.offset_ms
        if not self._is_in_force(unix_ms):
            return _NOT_IN_FORCE
        at = self._world.states
        for source, index, divisor in self._inputs:
            value = is_asked if source == ASKED and index == asked else self._told(source, index, now_ms, unix_ms)
            if value is None:
                return _UNKNOWN
            value = (value + divisor // 2) // divisor
            if not -_LARGEST <= value <= _LARGEST:
                return _OUT_OF_RANGE
            self._world.values[at] = value
            at += 1
        return 0

    def _is_in_force(self, unix_ms) -> bool:
        plan = self._plan
        return self._always or (unix_ms is not None and plan.from_unix_s <= unix_ms // 1000 < plan.until_unix_s)

    def _told(self, source, index, now_ms, unix_ms):
        if source == CONSTANT:
            return index
        if source <= CURRENT:
            last = self._channels[index].window
            return (last.active_power_mw, last.frequency_mhz, last.voltage_rms_mv, last.current_rms_ma)[source - 1]
        if source <= TRIPPED:
            return int(self._of_contactor(source, index, now_ms))
        if unix_ms is None:
            return None
        if source == MINUTE:
            return (unix_ms // 60_000 + index) % 1440
        return self._plan.price((unix_ms // 1000 - self._plan.from_unix_s) // 60)

    def _of_contactor(self, source, index, now_ms) -> bool:
        contactor = self._contactors[index]
        is_closed = contactor.state == CLOSED
        if source == IS_CLOSED:
            reported = contactor.feedback() if contactor.feedback else None
            return is_closed if reported is None else reported
        if source == TRIPPED:
            return not is_closed and contactor.state != OPEN
        return (is_closed and plan_holds(contactor) != NONE) or self._row(index, now_ms) == CLOSED

    def _try_out(self, index, is_asked) -> bool:
        """Whether the world would run if contactor `index` were asked to be closed (1) or open (0) now."""
        return self._take_inputs(self._now_ms, index, is_asked) == 0 and self._world.try_out() == RAN

    def _condition(self, output, contactor):
        """True while the guard forbids the contactor to be closed, or its own condition does."""
        own, index = contactor.interlocked, self._outputs[output]

        def forbidden() -> bool:
            is_open = contactor.state != CLOSED
            if own() or self._fault:
                return True
            if self._fault is None:
                return is_open  # what is closed waits for the first tick
            if is_open:  # somebody wants to close it: would the world have it so?
                self._on[output] = False
                if self._try_out(index, 1) and self._world.output(output):
                    self._on = [self._world.output(each) != 0 for each in range(self._world.outputs)]
            return not self._on[output]

        return forbidden
