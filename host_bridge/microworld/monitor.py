"""A program as fast Python: a stepper, and a monitor that says at every tick which claims are broken."""

import ast
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import prod

from host_bridge.microworld.program import Claim, Const, Expr, Name, Op, Program, Quantity, names
from host_bridge.microworld.python_code import Code

MOST_PLACES = 4096  # a tick of the monitor takes about 3 us for each


def of_names(quantities: Sequence[Quantity], prefix: str = "") -> list[str]:
    """The quantities' names, as claims name them."""
    return [prefix + quantity.name for quantity in quantities]


def in_claims(program: Program) -> set[str]:
    """All that the claims name."""
    return {name for claim in program.claims for part in (claim.when, claim.holds) if part for name in names(part)}


def places_at_once(program: Program) -> int:
    """In how many places all actuators that claims speak of may be at one tick; a monitor bears MOST_PLACES."""
    used = in_claims(program)
    acted = [quantity for quantity in program.outputs if f"acted:{quantity.name}" in used]
    return prod(min(quantity.delay_ticks, quantity.greatest - quantity.least) + 1 for quantity in acted)


class Stepper:
    """Steps one program: the same results as reference.step, for a program that ranges.check accepts."""

    def __init__(self, program: Program) -> None:
        code = Code()
        code.unpack("state", of_names(program.state))
        code.unpack("inputs", of_names(program.inputs))
        for name, expr in program.lets:
            code.let(name, expr)
        for quantity, expr in zip(program.outputs, program.output, strict=True):
            code.let(quantity.name, expr)
        following = [whole(code.expr(expr)) for expr in program.next_state]
        outputs = [whole(code.load(name)) for name in of_names(program.outputs)]
        self._tick = code.function(("state", "inputs"), (following, outputs))

    def step(self, state: Sequence[int], inputs: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The next state and the outputs."""
        following, outputs = self._tick(state, inputs)
        return following, outputs


def whole(value: ast.expr) -> ast.expr:
    """`value` as an int, where it may be one of Python's bools."""
    return ast.UnaryOp(ast.UAdd(), value)


class Monitor:
    """Watches a run of a program and says which of its claims are broken, those of ranges ("range of soc") too.

    Before the first tick the state is `state` and the outputs are `outputs`: by default each one's start. What claims
    say of acted(x) is broken where any of the values that the actuator may be at breaks it. Raises ValueError where
    these are too many.
    """

    def __init__(
        self, program: Program, state: Sequence[int] | None = None, outputs: Sequence[int] | None = None
    ) -> None:
        self.program = program
        self._lasting = [claim for claim in program.claims if claim.kind in ("stays", "within")]
        self._plain = [claim for claim in program.claims if claim.kind not in ("stays", "within")]
        self._names = [claim.name for claim in (*self._lasting, *self._plain)]
        self._ranges = [f"range of {q.name}" for q in (*program.outputs, *program.state)]
        used = in_claims(program)
        self._acted = [n for n, q in enumerate(program.outputs) if f"acted:{q.name}" in used]
        if places_at_once(program) > MOST_PLACES:
            raise ValueError(f"{program.name}: actuators may be in too many places at once: shorten their delays")
        self._look = self._compiled(used)
        self.begin(state, outputs)

    def begin(self, state: Sequence[int] | None = None, outputs: Sequence[int] | None = None) -> None:
        """Forgets all ticks: the next one comes after `state` and `outputs`, by default each one's start."""
        program = self.program
        safe = tuple(q.start for q in program.outputs) if outputs is None else tuple(outputs)
        self._before_state: Sequence[int] = tuple(q.start for q in program.state) if state is None else tuple(state)
        self._before_outputs: Sequence[int] = safe
        self._before_inputs: Sequence[int] | None = None
        self._past = [deque([safe[n]], program.outputs[n].delay_ticks + 1) for n in self._acted]
        self._counts: tuple[int, ...] = (0,) * len(self._lasting)

    def tick(
        self,
        state: Sequence[int],
        inputs: Sequence[int],
        outputs: Sequence[int],
        next_state: Sequence[int],
        true: Mapping[str, int] | None = None,
    ) -> list[str]:
        """The names of the claims that this tick breaks. `true`: inputs as they are, where that is known."""
        real = inputs if not true else [true.get(q.name, n) for q, n in zip(self.program.inputs, inputs, strict=True)]
        before = inputs if self._before_inputs is None else self._before_inputs
        for values, n in zip(self._past, self._acted, strict=True):
            values.append(outputs[n])
        given = (state, inputs, outputs, next_state, self._before_state, before, self._before_outputs, real)
        broken, counts, ranges = self._worst(given)
        self._before_state, self._before_inputs, self._before_outputs = tuple(state), tuple(inputs), tuple(outputs)
        self._counts = counts
        found = [name for name, is_broken in zip(self._names, broken, strict=True) if is_broken]
        return found + [name for name, holds in zip(self._ranges, ranges, strict=True) if not holds]

    def _worst(self, given: tuple[Sequence[int], ...]) -> tuple[Sequence[int], tuple[int, ...], Sequence[int]]:
        """Over all that the actuators may be at: what is broken, the greatest counts, and which ranges hold."""
        if not self._acted:
            broken, counts, ranges = self._look(*given, (), self._counts)
            return broken, counts, ranges
        choices = [sorted(set(values)) for values in self._past]
        looks = [self._look(*given, acted, self._counts) for acted in product(*choices)]
        worst = [max(column) for column in zip(*(look[0] for look in looks), strict=True)]
        return worst, tuple(max(column) for column in zip(*(look[1] for look in looks), strict=True)), looks[0][2]

    def _compiled(self, used: set[str]) -> Callable[..., tuple[tuple[int, ...], ...]]:
        """One function for all claims."""
        program, code = self.program, Code()
        arguments = {
            "state": of_names(program.state),
            "inputs": of_names(program.inputs),
            "outputs": of_names(program.outputs),
            "next_state": of_names(program.state, "next:"),
            "before_state": of_names(program.state, "before:"),
            "before_inputs": of_names(program.inputs, "before:"),
            "before_outputs": of_names(program.outputs, "before:"),
            "true": of_names(program.inputs, "true:"),
            "acted": [f"acted:{program.outputs[n].name}" for n in self._acted],
            "counts": [f"count:{claim.name}" for claim in self._lasting],
        }
        for argument, its in arguments.items():
            code.unpack(argument, its)
        for name, expr in program.lets:
            code.let(name, expr)
        for claim in self._lasting:
            code.let(count(claim).name, counted(claim))
        broken = [code.expr(breach(claim)) for claim in (*self._lasting, *self._plain)]
        counts = [code.expr(count(claim)) for claim in self._lasting]
        ranges = [code.expr(inside(quantity, quantity.name)) for quantity in program.outputs]
        ranges += [code.expr(inside(quantity, f"next:{quantity.name}")) for quantity in program.state]
        return code.function(tuple(arguments), (broken, counts, ranges))


def count(claim: Claim) -> Name:
    """What other claims call the ticks that are left of a `stays`, or were waited of a `within`."""
    return Name(f"{'left' if claim.kind == 'stays' else 'waited'}:{claim.name}")


def breach(claim: Claim) -> Expr:
    """When a tick breaks `claim`."""
    if claim.kind == "within":
        return Op("ge", (count(claim), Const(claim.ticks)))
    broken = Op("not", (claim.holds,))
    return Op("and", (Op("gt", (count(claim), Const(0))), broken)) if claim.kind == "stays" else broken


def counted(claim: Claim) -> Expr:
    """What is left of a `stays`, or was waited of a `within`, from the count of the tick before."""
    before, when = Name(f"count:{claim.name}"), claim.when or Const(1)
    if claim.kind == "stays":
        return Op("if", (when, Const(claim.ticks), Op("max", (Op("sub", (before, Const(1))), Const(0)))))
    waiting = Op("and", (when, Op("not", (claim.holds,))))
    return Op("if", (waiting, Op("min", (Op("add", (before, Const(1))), Const(claim.ticks))), Const(0)))


def inside(quantity: Quantity, name: str) -> Expr:
    """That it is within its range."""
    least, greatest = Op("le", (Const(quantity.least), Name(name))), Op("le", (Name(name), Const(quantity.greatest)))
    return Op("and", (least, greatest))
