"""A quick look for broken goals: many walks from the start state, with inputs at their corners and held for a while.

It finds what lies too deep for unrolling, a timer of an hour say. Seeded, so that it finds the same every time; what
it does not find proves nothing.
"""

import random
from collections.abc import Callable, Sequence

from host_bridge.microworld.verify.term import Term, cone
from host_bridge.microworld.verify.ticks import Goal, Ticks
from host_bridge.microworld.verify.unroll import Trace
from host_bridge.microworld.verify.walker import Walker

WALKS = ((20, 60), (150, 12), (1000, 3))  # (ticks, walks)
MOST_CORNERS = 60
MOST_TERMS = 4000  # of a system that is walked


def search(system: Ticks, goals: Sequence[Goal]) -> dict[str, Trace]:
    """By its name, a trace from the start state for each of `goals` that a walk broke."""
    if len(cone(*(goal.holds for goal in goals), *(c.following for c in system.carried))) > MOST_TERMS:
        return {}
    chance = random.Random(1)  # noqa: S311 - a search, no secret
    corners = [_corners(system, var) for var in system.free]
    found: dict[str, Trace] = {}
    left = list(goals)
    for ticks, walks in WALKS:
        walker = Walker(system, left)
        for _ in range(walks):
            keep = chance.choice((0.0, 0.5, 0.9, 0.98))
            walked, broken = walker.walk(_drawing(system.free, corners, keep, chance), ticks)
            if broken:
                found |= {left[i].name: walker.trace(walker.shortened(walked, i)) for i in broken}
                left = [goal for goal in left if goal.name not in found]
                if not left:
                    return found
                walker = Walker(system, left)
    return found


def _drawing(
    free: Sequence[Term], corners: Sequence[Sequence[int]], keep: float, chance: random.Random
) -> Callable[[list[int]], list[int]]:
    """How inputs go on: each is kept with the probability `keep`, else at a corner or anywhere."""

    def draw(last: list[int]) -> list[int]:
        values = []
        for i, var in enumerate(free):
            if last and chance.random() < keep:
                values.append(last[i])
            elif chance.random() < 0.8:
                values.append(chance.choice(corners[i]))
            else:
                values.append(chance.randint(int(var.low), int(var.high)))
        return values

    return draw


def _corners(system: Ticks, var: Term) -> list[int]:
    """The values of `var` at which something may change: its ends, and what it is compared with."""
    low, high = int(var.low), int(var.high)
    values = {low, high, 0, 1, -1, (low + high) // 2}
    roots = [system.runs, *(goal.holds for goal in system.goals), *(carried.following for carried in system.carried)]
    for term in cone(*roots):
        if term.op in ("le", "eq") and var in cone(term.args[0]):
            values |= {term.value, term.value + 1, -term.value, low + term.value, high - term.value}
    return sorted(value for value in values if low <= value <= high)[:MOST_CORNERS]
