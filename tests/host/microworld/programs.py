"""Random Programs, and values to try any Program on: for all that compares one backend with another."""

from dataclasses import replace
from pathlib import Path
from random import Random

from hypothesis import strategies

from host_bridge.microworld import catalogue, spec
from host_bridge.microworld.program import COMPARISON, INT_MAX, INT_MIN, Const, Expr, Name, Op, Program, Quantity

Ranged = tuple[Expr, int, int]  # an expression, its least and its greatest
EDGES = (0, 1, -1, 2, -2, 7, 255, 256, 1000, -1000, 65535, 1 << 20, INT_MAX, INT_MIN)


def programs():
    """Strategy: Programs that ranges.check passes; every operator occurs, guarded division and overflow too."""
    return strategies.builds(random_program, strategies.randoms(use_true_random=False))


def random_program(chance: Random, name: str = "random") -> Program:
    """A Program that ranges.check passes; the same for the same `chance`."""
    return _Maker(chance).program(name)


def catalogue_worlds() -> dict[str, list[Program]]:
    """Every world of the catalogue with its own profile and parameters; some are of several modules."""
    return {world: [each.program() for each in specs] for world, specs in _catalogue().items()}


def catalogue_programs() -> list[Program]:
    """All modules of all worlds."""
    return [program for programs_ in catalogue_worlds().values() for program in programs_]


def catalogue_strategies() -> list[Program]:
    """The same with every strategy of every agent in its turn, each under a name of its own."""
    found = []
    for each in (each for specs in _catalogue().values() for each in specs):
        for agent, strategies_ in each.agents.items():
            for strategy in strategies_:
                if strategy != each.profile[agent]:
                    made = each.program({**each.profile, agent: strategy})
                    found.append(replace(made, name=f"{made.name}_{agent}_{strategy}"))
    return found


def _catalogue() -> dict[str, list[spec.Spec]]:
    folder = Path(catalogue.__file__).parent
    files = {world.name: sorted(world.glob("*.toml")) for world in sorted(folder.iterdir())}
    return {
        world: [spec.read(file.read_text(encoding="utf-8"), file.name) for file in of_world]
        for world, of_world in files.items()
        if of_world
    }


def corners(program: Program) -> list[tuple[list[int], list[int]]]:
    """(state, inputs): all at their least, greatest and start; then each at its ends, 0, 1 and -1, others at theirs."""
    quantities = [*program.state, *program.inputs]
    places = [sorted({each.least, each.greatest, *(v for v in (0, 1, -1) if _in(v, each))}) for each in quantities]
    start = [each.start if _in(each.start, each) else each.least for each in quantities]
    found = [[place[0] for place in places], [place[-1] for place in places], start]
    for base in tuple(found):
        found += [[*base[:at], value, *base[at + 1 :]] for at, values in enumerate(places) for value in values]
    states = len(program.state)
    return [(values[:states], values[states:]) for values in found]


def vectors(program: Program, count: int, seed: int = 1) -> list[tuple[list[int], list[int]]]:
    """(state, inputs): `count` random ones within the ranges, then the corners."""
    chance = Random(seed)
    draw = [[_near(chance, each) for each in (*program.state, *program.inputs)] for _ in range(count)]
    states = len(program.state)
    return [(values[:states], values[states:]) for values in draw] + corners(program)


def _in(value: int, quantity: Quantity) -> bool:
    return quantity.least <= value <= quantity.greatest


def _near(chance: Random, quantity: Quantity) -> int:
    """One in eight is an end of the range."""
    if chance.randrange(8) == 0:
        return chance.choice((quantity.least, quantity.greatest))
    return chance.randint(quantity.least, quantity.greatest)


class _Maker:
    """Knows the range of what it has made, and keeps every operator within 32 bits."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._numbers: list[Ranged] = []
        self._bools: list[Expr] = []

    def program(self, name: str) -> Program:
        chance = self._chance
        state = self._quantities("s", chance.randint(0, 3))
        inputs = self._quantities("i", chance.randint(1, 4))
        lets = [(f"l{at}", self._any(f"l{at}", 3)) for at in range(chance.randint(0, 4))]
        outputs, values = [], []
        for at in range(chance.randint(1, 3)):
            expr, least, greatest = self._number(3)
            is_bool = chance.random() < 0.3
            expr, least, greatest = (self._bool(3), 0, 1) if is_bool else (expr, least, greatest)
            outputs.append(Quantity(f"o{at}", "on/off" if is_bool else "W", least, greatest))
            values.append(expr)
            self._know(f"o{at}", is_bool, least, greatest)
        after = [self._bool(3) if each.is_bool else self._within(each.least, each.greatest) for each in state]
        parts = (tuple(state), tuple(inputs), tuple(outputs), tuple(lets), tuple(values), tuple(after))
        return Program(name, "controller", 1, *parts)

    def _quantities(self, prefix: str, count: int) -> list[Quantity]:
        made = []
        for at in range(count):
            is_bool = self._chance.random() < 0.3
            ends = [0, 1] if is_bool else sorted((self._constant(), self._constant()))
            start = self._chance.randint(*ends)
            made.append(Quantity(f"{prefix}{at}", "on/off" if is_bool else "W", ends[0], ends[1], start=start))
            self._know(f"{prefix}{at}", is_bool, ends[0], ends[1])
        return made

    def _know(self, name: str, is_bool: bool, least: int, greatest: int) -> None:
        if is_bool:
            self._bools.append(Name(name))
        else:
            self._numbers.append((Name(name), least, greatest))

    def _any(self, name: str, depth: int) -> Expr:
        if self._chance.random() < 0.3:
            expr = self._bool(depth)
            self._know(name, True, 0, 1)
            return expr
        expr, least, greatest = self._number(depth)
        self._know(name, False, least, greatest)
        return expr

    def _constant(self) -> int:
        if self._chance.random() < 0.3:
            return self._chance.choice(EDGES)
        return self._chance.randint(-30000, 30000)

    def _bool(self, depth: int) -> Expr:
        kind = self._chance.randrange(6) if depth else 0
        if kind == 0 and self._bools:
            return self._chance.choice(self._bools)
        if kind == 1:
            return Op("not", (self._bool(depth - 1),))
        if kind == 2:
            return Op(self._chance.choice(("and", "or")), (self._bool(depth - 1), self._bool(depth - 1)))
        if kind == 3:
            return Op("if", tuple(self._bool(depth - 1) for _ in range(3)))
        below = max(depth - 1, 0)
        return Op(self._chance.choice(tuple(COMPARISON)), (self._number(below)[0], self._number(below)[0]))

    def _number(self, depth: int) -> Ranged:
        if not depth or self._chance.random() < 0.15:
            if self._numbers and self._chance.random() < 0.7:
                return self._chance.choice(self._numbers)
            value = self._constant()
            return Const(value), value, value
        making = (self._sum, self._product, self._sign, self._order, self._quotient, self._share, self._if, self._guard)
        return self._chance.choice(making)(depth - 1)

    def _clamped(self, of: Ranged, least: int, greatest: int) -> Ranged:
        expr, low, high = of
        if low < least:
            expr, low, high = Op("max", (expr, Const(least))), least, max(high, least)
        if high > greatest:
            expr, low, high = Op("min", (expr, Const(greatest))), min(low, greatest), greatest
        return expr, low, high

    def _within(self, least: int, greatest: int) -> Expr:
        return self._clamped(self._number(3), least, greatest)[0]

    def _sum(self, depth: int) -> Ranged:
        half = INT_MAX >> 1
        (a, b, c), (d, e, f) = (self._clamped(self._number(depth), -half, half) for _ in range(2))
        if self._chance.random() < 0.5:
            return Op("add", (a, d)), b + e, c + f
        return Op("sub", (a, d)), b - f, c - e

    def _product(self, depth: int) -> Ranged:
        (a, b, c), (d, e, f) = (self._clamped(self._number(depth), -46340, 46340) for _ in range(2))
        corners_ = [x * y for x in (b, c) for y in (e, f)]
        return Op("mul", (a, d)), min(corners_), max(corners_)

    def _sign(self, depth: int) -> Ranged:
        expr, least, greatest = self._clamped(self._number(depth), -INT_MAX, INT_MAX)
        if self._chance.random() < 0.5:
            return Op("neg", (expr,)), -greatest, -least
        ends = abs(least), abs(greatest)
        return Op("abs", (expr,)), 0 if least <= 0 <= greatest else min(ends), max(ends)

    def _order(self, depth: int) -> Ranged:
        (a, b, c), (d, e, f) = self._number(depth), self._number(depth)
        if self._chance.random() < 0.5:
            return Op("min", (a, d)), min(b, e), min(c, f)
        return Op("max", (a, d)), max(b, e), max(c, f)

    def _divisor(self, depth: int) -> Ranged:
        kind = self._chance.randrange(3)
        if kind == 0:
            value = self._constant() or 3
            return Const(value), value, value
        ends = (1, INT_MAX) if kind == 1 else (INT_MIN, -1)
        return self._clamped(self._number(depth), *ends)

    def _quotient(self, depth: int) -> Ranged:
        a, b, c = self._clamped(self._number(depth), -INT_MAX, INT_MAX)  # the least by -1 would leave 32 bits
        d, e, f = self._divisor(depth)
        if self._chance.random() < 0.5:
            most = max(abs(e), abs(f)) - 1
            return Op("mod", (a, d)), max(min(b, 0), -most), min(max(c, 0), most)
        most = max(abs(b), abs(c)) // min(abs(e), abs(f))
        return Op("div", (a, d)), -most, most

    def _share(self, depth: int) -> Ranged:
        """a * b / c; where its range is too wide, of a narrower a."""
        (a, b, c), (d, e, f), (g, h, i) = self._number(depth), self._number(depth), self._divisor(depth)
        factor, divisor = max(abs(e), abs(f)), min(abs(h), abs(i))
        a, b, c = (
            self._clamped((a, b, c), -(INT_MAX * divisor // factor), INT_MAX * divisor // factor)
            if factor
            else (a, b, c)
        )
        most = max(abs(b), abs(c)) * factor // divisor
        return Op("muldiv", (a, d, g)), -most, most

    def _if(self, depth: int) -> Ranged:
        (a, b, c), (d, e, f) = self._number(depth), self._number(depth)
        return Op("if", (self._bool(depth), a, d)), min(b, e), max(c, f)

    def _guard(self, depth: int) -> Ranged:
        """A division or a product that only its guard keeps within bounds."""
        wide = [each for each in self._numbers if each[2] > 0]
        if not wide:
            return self._if(depth)
        name, _, greatest = self._chance.choice(wide)
        a, b, c = self._clamped(self._number(depth), -20000, 20000)
        d, e, f = self._number(depth)
        if self._chance.random() < 0.5:
            most = max(abs(b), abs(c))
            return Op("if", (Op("gt", (name, Const(0))), Op("div", (a, name)), d)), min(-most, e), max(most, f)
        both = Op("and", (Op("gt", (name, Const(0))), Op("lt", (name, Const(50000)))))
        most = max(abs(b), abs(c)) * min(greatest, 49999)
        return Op("if", (both, Op("mul", (a, name)), d)), min(-most, e), max(most, f)
