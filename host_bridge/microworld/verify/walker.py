"""A system of ticks as a fast function: walks from the start state, and walks made shorter.

What a walk breaks, fewer ticks and calmer inputs often break as well; those are the ones that people can read.
"""

from collections.abc import Callable, Sequence

from host_bridge.microworld.verify.evaluate import compiled
from host_bridge.microworld.verify.ticks import Goal, Ticks
from host_bridge.microworld.verify.unroll import Trace
from host_bridge.microworld.verify.well_formed import NO_TRAP

MOST_STEPS = 30_000  # that are spent on making one walk shorter
TRIES = 20  # for inputs that the assumptions allow

Inputs = list[int]  # the free variables of one tick


class Walker:
    """Ticks of `system`, watched for `goals`. No tick is walked after one that traps or leaves a range."""

    def __init__(self, system: Ticks, goals: Sequence[Goal]):
        terms, trap = system.terms, system.meaning.trap
        carried, free = [c.var.value for c in system.carried], [var.value for var in system.free]
        checks = [goal.holds if goal.name == NO_TRAP else terms.or_(goal.holds, trap) for goal in goals]
        goes_on = terms.and_(terms.not_(trap), *(goal.holds for goal in system.goals if goal.base))
        self.goals = len(checks)
        self.tick = compiled([system.runs, goes_on, *checks, *(c.following for c in system.carried)], carried + free)
        self.starts = compiled([c.start for c in system.carried], free)
        self.shown = list(system.shown)
        self.rows = compiled(list(system.shown.values()), carried + free)
        self.steps = 0

    def walk(self, draw: Callable[[Inputs], Inputs], ticks: int) -> tuple[list[Inputs], list[int]]:
        """The inputs of each tick, up to the first that breaks a goal, and which goals that tick breaks."""
        free, walked = draw([]), list[Inputs]()
        carried = list(self.starts(free))
        for _ in range(ticks):
            values = self.tick([*carried, *free])
            for _ in range(TRIES):
                if values[0]:
                    break
                free = draw(free)
                carried = carried if walked else list(self.starts(free))
                values = self.tick([*carried, *free])
            else:
                return walked, []
            walked.append(free)
            broken = [i for i, good in enumerate(values[2 : 2 + self.goals]) if not good]
            if broken or not values[1]:
                return walked, broken
            carried, free = list(values[2 + self.goals :]), draw(free)
        return walked, []

    def broken_after(self, walked: Sequence[Inputs], goal: int) -> int | None:
        """After how many ticks of these inputs the goal is broken; None: never, or one of them is not run."""
        carried: list[int] = []
        for number, free in enumerate(walked):
            self.steps += 1
            carried = carried if number else list(self.starts(free))
            values = self.tick([*carried, *free])
            if not values[0]:
                return None
            if not values[2 + goal]:
                return number + 1
            if not values[1]:
                return None
            carried = list(values[2 + self.goals :])
        return None

    def shortened(self, walked: list[Inputs], goal: int) -> list[Inputs]:
        """Fewer ticks that break the goal too, with inputs that change less often."""
        self.steps = 0
        size = max(1, len(walked) // 2)
        while size:
            start = 0
            while start < len(walked) and self.steps < MOST_STEPS:
                without = [*walked[:start], *walked[start + size :]]
                end = self.broken_after(without, goal)
                walked = walked if end is None else without[:end]
                start += size if end is None else 0
            size //= 2
        return self._calmed(walked, goal)

    def _calmed(self, walked: list[Inputs], goal: int) -> list[Inputs]:
        for variable in range(len(walked[0])):
            for number in range(1, len(walked)):
                if self.steps >= MOST_STEPS or walked[number][variable] == walked[number - 1][variable]:
                    continue
                calm = [list(inputs) for inputs in walked]
                calm[number][variable] = calm[number - 1][variable]
                if self.broken_after(calm, goal) == len(walked):
                    walked = calm
        return walked

    def trace(self, walked: Sequence[Inputs]) -> Trace:
        """What these ticks show."""
        carried, found = list(self.starts(walked[0])), []
        for free in walked:
            values = [*carried, *free]
            found.append(dict(zip(self.shown, self.rows(values), strict=True)))
            carried = list(self.tick(values)[2 + self.goals :])
        return tuple(found)
