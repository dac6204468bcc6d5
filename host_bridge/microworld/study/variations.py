"""Which variations of a world a sweep tries, and by which homes it chooses.

They are a Latin hypercube (M. D. McKay, R. J. Beckman, W. J. Conover, 1979) of the parameters, dealt evenly over the
strategy profiles; the same for a seed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from random import Random
from typing import Any

from host_bridge.microworld.spec import Spec
from host_bridge.microworld.study.homes import Homes

HARDWARE = ("capacity", "most", "efficiency")  # what a home has, not how it is run: varied only when asked for
MOST_WORLDS = 1_000_000
_FORMAT = 1


class SweepError(ValueError):
    """The sweep cannot be made as asked; the text says what to do."""


@dataclass(frozen=True)
class Variation:
    """One world: its number, the strategy of each agent, the value of each varied parameter in its unit."""

    number: int
    profile: dict[str, str]
    parameters: dict[str, int]


@dataclass(frozen=True)
class Plan:
    """What is swept. `chosen_by`, `held_out`: numbers of homes, none in both."""

    spec: Spec
    homes: Homes
    worlds: int = 1000
    seed: int = 1
    varied: tuple[str, ...] = ()  # none: all with a range but HARDWARE
    profile: Mapping[str, str] = field(default_factory=dict)  # agents whose strategy is not varied
    chosen_by: tuple[int, ...] = ()  # none: `split`'s
    held_out: tuple[int, ...] = ()

    def settled(self) -> "Plan":
        """The same with what was left open filled in. Raises SweepError, spec.SpecError."""
        if not 1 <= self.worlds <= MOST_WORLDS:
            raise SweepError(f"{self.worlds} worlds: sweep 1 to {MOST_WORLDS:,}")
        open_ones = [name for name, its in self.spec.parameters.items() if its.least < its.greatest]
        wrong = sorted(set(self.varied) - set(open_ones))
        if wrong:
            raise SweepError(f"{wrong[0]} has no range to vary in; those that have: {', '.join(open_ones) or 'none'}")
        self.spec.choose(self.profile)
        varied = self.varied or tuple(name for name in open_ones if name not in HARDWARE)
        chosen_by, held_out = self.chosen_by, self.held_out
        if not chosen_by and not held_out:
            chosen_by, held_out = split(len(self.homes.names), self.seed)
        if not chosen_by or not held_out or set(chosen_by) & set(held_out):
            raise SweepError("choose by some homes and hold out others: at least 2 homes, none in both")
        return Plan(self.spec, self.homes, self.worlds, self.seed, varied, dict(self.profile), chosen_by, held_out)

    def profiles(self) -> list[dict[str, str]]:
        """All that are swept: every strategy of each agent that is not fixed."""
        agents = self.spec.agents
        choices = [[self.profile[agent]] if agent in self.profile else list(its) for agent, its in agents.items()]
        return [dict(zip(agents, chosen, strict=True)) for chosen in product(*choices)]

    def variations(self) -> list[Variation]:
        """All of them, the same for the same seed."""
        chance = Random(self.seed)  # noqa: S311 (sampling, not a secret)
        columns = {name: self._column(name, chance) for name in self.varied}
        order = list(range(self.worlds))
        chance.shuffle(order)
        profiles = self.profiles()
        return [
            Variation(n, profiles[order[n] % len(profiles)], {name: column[n] for name, column in columns.items()})
            for n in range(self.worlds)
        ]

    def _column(self, name: str, chance: Random) -> list[int]:
        """One value from each of `worlds` equal parts of the parameter's range, in random order."""
        its, worlds = self.spec.parameters[name], self.worlds
        count = its.greatest - its.least + 1
        parts = [(count * n // worlds, max(count * (n + 1) // worlds, count * n // worlds + 1)) for n in range(worlds)]
        values = [its.least + chance.randrange(least, beyond) for least, beyond in parts]
        chance.shuffle(values)
        return values

    def identity(self) -> dict[str, Any]:
        """What makes two sweeps the same, so that one may go on with the other's results."""
        return {
            "format": _FORMAT,
            "spec": hashlib.sha256(self.spec.text.encode()).hexdigest(),
            "homes": self.homes.digest(),
            **{name: getattr(self, name) for name in ("worlds", "seed")},
            **{name: list(getattr(self, name)) for name in ("varied", "chosen_by", "held_out")},
            "profile": dict(self.profile),
        }


def split(homes: int, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(to choose by, held out): 8 and 9 of 17 homes; the same for a seed."""
    numbers = list(range(homes))
    Random(seed).shuffle(numbers)  # noqa: S311
    half = homes // 2
    return tuple(sorted(numbers[:half])), tuple(sorted(numbers[half:]))
