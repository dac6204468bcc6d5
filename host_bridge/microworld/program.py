"""What a specification is compiled to: one typed expression tree, which every backend reads and none changes.

All quantities are integers of 32 bits; a bool is 0 or 1. One tick: the lets in their order, then the outputs, then
the next state, each from the state and the inputs of this tick.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

INT_MIN, INT_MAX = -(1 << 31), (1 << 31) - 1

# Operators, with their number of arguments. The results are exact: what could leave 32 bits does not compile.
ARITHMETIC = {
    "add": 2,
    "sub": 2,
    "mul": 2,
    "neg": 1,
    "abs": 1,
    "min": 2,
    "max": 2,
    "div": 2,  # towards zero; the divisor's range is without 0
    "mod": 2,  # what `div` leaves, with the sign of the dividend
    "muldiv": 3,  # a * b / c with 64 bits between, towards zero; only the quotient has to fit
}
COMPARISON = {"lt": 2, "le": 2, "gt": 2, "ge": 2, "eq": 2, "ne": 2}  # of integers; gives a bool
LOGIC = {"and": 2, "or": 2, "not": 1}  # of bools, without short cut
CHOICE = {"if": 3}  # condition, then, else; both sides are of one type; a side not taken cannot trap or overflow
OPERATORS = {**ARITHMETIC, **COMPARISON, **LOGIC, **CHOICE}


@dataclass(frozen=True, slots=True)
class Const:
    """A number; parameters are folded into these."""

    value: int


@dataclass(frozen=True, slots=True)
class Name:
    """A state, input, let or output of this tick. In claims also the PREFIXES, as `next:soc`."""

    name: str


@dataclass(frozen=True, slots=True)
class Op:
    """An operator of OPERATORS with its arguments."""

    op: str
    args: tuple["Expr", ...]


Expr = Const | Name | Op

# What only claims and assumptions may name, besides the plain names. In a specification these are written next(soc) ...
PREFIXES = (
    "next",  # a state after this tick
    "before",  # a state, an input or an output of the tick before; at the first tick a state's start, an output's safe
    "true",  # an input as it is in the world: within its error of what was measured
    "acted",  # an output as the actuator carries it out: one of its last `delay_ticks` + 1 values
    "left",  # of a `stays` claim, by its name: ticks it still has to stay, this one included; 0: none
    "waited",  # of a `within` claim, by its name: ticks that `when` has held without `then`, this one included
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A state, an input or an output; least <= value <= greatest always (that state and output are is proved)."""

    name: str
    unit: str  # "W", "Wh", "s", "ct/kWh", "on/off" (a bool), "" for a plain number ...
    least: int
    greatest: int
    says: str = ""
    start: int = 0  # a state's first value; an output's safe one, which holds before the first tick and after a fault
    error: int = 0  # an input's: |true - measured| is at most this
    delay_ticks: int = 0  # an output's: the actuator follows within so many ticks
    private: bool = False  # a state or an input that must not show in what is shared
    shared: bool = False  # an output that leaves the home
    reveals: tuple[str, ...] = ()  # private names that a shared output is meant to show

    @property
    def is_bool(self) -> bool:
        """Whether it is on or off, held as 1 or 0."""
        return self.unit == "on/off"


@dataclass(frozen=True, slots=True)
class Claim:
    """What must hold. kind:

    always   `holds` at every tick
    lemma    as always; there to help another proof, and proved like any
    stays    from a tick where `when` holds, `holds` for `ticks` ticks, that one included
    within   when `when` has held for `ticks` ticks on end, `holds` at one of them
    """

    name: str
    kind: str
    holds: Expr
    when: Expr | None = None
    ticks: int = 0
    says: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """One microworld with its parameters and strategies chosen."""

    name: str
    kind: str  # controller, twin
    tick_s: int
    state: tuple[Quantity, ...]
    inputs: tuple[Quantity, ...]
    outputs: tuple[Quantity, ...]
    lets: tuple[tuple[str, Expr], ...]
    output: tuple[Expr, ...]  # in the order of `outputs`
    next_state: tuple[Expr, ...]  # in the order of `state`; `Name` of a state is its value before this tick
    claims: tuple[Claim, ...] = ()
    assumptions: tuple[Expr, ...] = ()  # of the inputs; a tick that breaks one is not run
    says: str = ""
    profile: dict[str, str] = field(default_factory=dict)  # agent -> strategy: what was chosen
    parameters: dict[str, int] = field(default_factory=dict)  # what was folded in, in each one's unit

    def quantities(self) -> tuple[Quantity, ...]:
        """State, inputs and outputs, in that order: the order of a module's record."""
        return (*self.state, *self.inputs, *self.outputs)


def walk(expr: Expr) -> Iterator[Expr]:
    """`expr` and all below it, from the top."""
    yield expr
    if isinstance(expr, Op):
        for arg in expr.args:
            yield from walk(arg)


def names(expr: Expr) -> set[str]:
    """All that `expr` names."""
    return {part.name for part in walk(expr) if isinstance(part, Name)}
