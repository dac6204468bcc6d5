"""Virtual time for whole programs: nodes and bridges that are stepped over one simulated channel."""

import random
from collections.abc import Callable
from typing import Any, Protocol

from tools.air.channel import Antenna, Channel
from tools.air.events import Events
from tools.air.port import Port
from tools.air.radio import TURN_MS, SimRadio

CADENCE_MS = 5000  # a node with nothing to do is stepped so often: its meter ends a window once a minute
LOOP_MS = 7  # of a real node: so late at most it sees what its radio has


class Stepper(Protocol):
    """A program. `wake_ms`: by its own clock, when it wants to be looked at next at the latest; None: no wish."""

    @property
    def wake_ms(self) -> int | None: ...

    def glance(self, now_ms: int) -> bool:
        """See to its radio alone. Whether the whole program must run, in the next round of its loop."""

    def step(self, now_ms: int) -> object: ...


class Clock:
    """A crystal: `offset_ms` at the beginning, and so many parts in a million fast."""

    def __init__(self, ppm: float = 0.0, offset_ms: int = 0) -> None:
        self._rate = 1 + ppm / 1e6
        self._offset_ms = offset_ms

    def ms(self, us: int) -> int:
        """What it shows at `us` of true time."""
        return int(us * self._rate // 1000) + self._offset_ms

    def us(self, ms: int) -> int:
        """When it will first show `ms`."""
        return int((ms - self._offset_ms) * 1000 / self._rate) + 1


class Stepped:
    """A program in a world: stepped at its cadence; its radio is seen to when it has something and when it is time.

    A real loop runs the whole program each time. Here that waits until there is something in it to do.
    """

    def __init__(self, events: Events, clock: Clock, chance: random.Random, cadence_ms: int) -> None:
        self.clock = clock
        self.program: Stepper | None = None
        self.steps = self.glances = 0
        self._events = events
        self._chance = chance
        self._cadence_us = cadence_ms * 1000
        self._step_us = 0  # when the whole program is stepped next
        self._due_us = -1  # when it is looked at next

    @property
    def now_ms(self) -> int:
        """By its own clock."""
        return self.clock.ms(self._events.now_us)

    def begin(self, program: Stepper) -> None:
        """From now on it runs."""
        self.program = program
        self._step_us = self._events.now_us + self._chance.randrange(self._cadence_us)
        self._plan(self._step_us)

    def end(self) -> None:
        """Its power is cut."""
        self.program = None

    def soon(self) -> None:
        """Its radio has something: its loop will see it."""
        us = self._events.now_us + self._chance.randrange(LOOP_MS * 1000)
        if us < self._due_us:
            self._plan(us)

    def step_soon(self) -> None:
        """It has something to do."""
        self._step_us = self._events.now_us
        self.soon()

    def _plan(self, us: int) -> None:
        self._due_us = us
        self._events.at(us, self._run, us)

    def _run(self, due_us: int) -> None:
        program, now_us = self.program, self._events.now_us
        if due_us != self._due_us or program is None:
            return
        if now_us >= self._step_us:
            self.steps += 1
            self._step_us = now_us + self._cadence_us
            program.step(self.now_ms)
        else:
            self.glances += 1
            if program.glance(self.now_ms):
                self._step_us = min(self._step_us, now_us + LOOP_MS * 1000)
        next_us, wake_ms = self._step_us, program.wake_ms
        if wake_ms is not None:
            next_us = min(next_us, max(self.clock.us(wake_ms), now_us + 1000))
        self._plan(next_us)


class World:
    """A channel and those who are on it. `seed` is all its chance."""

    def __init__(self, seed: int = 0, preset: str = "suburban", **channel: Any) -> None:
        self.seed = seed
        self.events = Events()
        self.channel = Channel(self.events, seed, preset, **channel)
        self.chance = random.Random(f"world {seed}")  # noqa: S311 (repeatable is what it must be)
        self.stepped: list[Stepped] = []

    def radio(self, antenna: Antenna, turn_ms: int = TURN_MS) -> SimRadio:
        """One at that antenna."""
        return SimRadio(Port(self.channel, antenna), turn_ms)

    def add(
        self,
        radio: SimRadio | None,
        make: Callable[[Stepped], Stepper],
        ppm: float = 0.0,
        offset_ms: int = 0,
        cadence_ms: int = CADENCE_MS,
    ) -> Stepped:
        """A program with its own clock, made by `make`; it is stepped from now on."""
        stepped = Stepped(self.events, Clock(ppm, offset_ms), self.chance, cadence_ms)
        if radio:
            radio.clock = stepped.clock.ms
            radio.on_event = stepped.soon
        stepped.begin(make(stepped))
        self.stepped.append(stepped)
        return stepped

    def run(self, hours: float = 0.0, seconds: float = 0.0) -> None:
        """Let so much time pass."""
        self.events.run_until(self.events.now_us + round((hours * 3600 + seconds) * 1e6))
