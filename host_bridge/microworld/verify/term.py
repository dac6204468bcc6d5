"""One term of the verifier: an operator over other terms, with an interval that holds all its values."""

from math import inf
from typing import Any

Bounds = tuple[float, float]  # integers, or an infinity
Linear = tuple[dict["Term", int], int]  # factors of the parts, and the constant


class Term:
    """One term; made by `Terms` alone. `low` and `high` hold whatever values the variables take within theirs.

    op      args            value
    const                   the integer
    var                     the name
    sum     the parts       (their factors, the constant)
    mul     two factors
    fdiv    a, b            a / b downwards, for b > 0
    fmod    a, b            a - b * fdiv(a, b)
    ite     bool, a, b
    bool                    True or False
    le      a               k: a <= k
    eq      a               k: a == k
    not     a bool
    and     bools
    or      bools
    """

    __slots__ = ("args", "high", "low", "number", "op", "value")

    def __init__(self, number: int, op: str, args: tuple["Term", ...], value: Any, low: float, high: float):
        self.number, self.op, self.args, self.value, self.low, self.high = number, op, args, value, low, high

    def __repr__(self) -> str:
        return f"#{self.number} {self.op} {self.value} {[a.number for a in self.args]} [{self.low}, {self.high}]"


def linear(term: Term) -> Linear:
    """An integer term as a sum."""
    if term.op == "const":
        return {}, term.value
    if term.op == "sum":
        factors, constant = term.value
        return dict(zip(term.args, factors, strict=True)), constant
    return {term: 1}, 0


def spread(parts: dict[Term, int], constant: int) -> Bounds:
    """The interval of a sum."""
    low: float = constant
    high: float = constant
    for term, factor in parts.items():
        if factor:
            ends = times(factor, term.low), times(factor, term.high)
            low, high = low + min(ends), high + max(ends)
    return low, high


def times(a: float, b: float) -> float:
    """a * b, with 0 * infinity = 0; exact on integers."""
    return 0 if not a or not b else a * b


def divided(a: float, b: float) -> float:
    """a // b for b > 0, exact on integers."""
    if b == inf:
        return 0 if a >= 0 else -1
    return a if a in (inf, -inf) else a // b


def cone(*roots: Term) -> list[Term]:
    """`roots` and all below them, parts before wholes."""
    found, waiting = set(roots), list(roots)
    while waiting:
        for arg in waiting.pop().args:
            if arg not in found:
                found.add(arg)
                waiting.append(arg)
    return sorted(found, key=lambda term: term.number)


def variables(*roots: Term) -> set[str]:
    """The names of the variables below `roots`."""
    return {str(term.value) for term in cone(*roots) if term.op == "var"}
