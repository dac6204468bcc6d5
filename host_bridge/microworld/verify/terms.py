"""Terms over the mathematical integers, each with an interval that holds all its values; equal terms are one object.

The verifier's common ground: what bytes mean and what a specification says are both built by one `Terms`, so that
what compiles to the same sums and choices is the same object, and z3 is asked only about the rest. Integers are kept
as sums `c0*t0 + c1*t1 + .. + k`, comparisons as `sum <= k`: the ways a compiler may write a thing fall together.
"""

from collections.abc import Callable, Collection, Iterable
from math import gcd, inf
from typing import Any

from host_bridge.microworld.verify.narrow import narrowed
from host_bridge.microworld.verify.term import Linear, Term, cone, divided, linear, spread, times

INT_MIN, INT_MAX = -(1 << 31), (1 << 31) - 1
MOST_IN_SUM = 24  # a longer sum is kept as a part of the next one
MOST_TERMS = 200_000


class TooLarge(Exception):
    """The meaning does not fit into MOST_TERMS terms."""


class Terms:
    """Where terms are made. Every method returns the simplest equal term it knows."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Term] = {}
        self._compared: dict[tuple[str, Term], Term] = {}
        self.true, self.false = self._make("bool", (), True, 1, 1), self._make("bool", (), False, 0, 0)

    def _make(self, op: str, args: tuple[Term, ...], value: Any, low: float, high: float) -> Term:
        key = (op, args, value)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MOST_TERMS:
                raise TooLarge
            known = self._known[key] = Term(len(self._known), op, args, value, low, high)
        return known

    # Integers

    def const(self, value: int) -> Term:
        """The integer `value`."""
        return self._make("const", (), value, value, value)

    def var(self, name: str, low: float = -inf, high: float = inf) -> Term:
        """The variable `name`; its first making says its interval."""
        return self._make("var", (), name, low, high)

    def of_linear(self, parts: dict[Term, int], constant: int) -> Term:
        """The sum of `parts` and `constant`."""
        parts = {term: factor for term, factor in parts.items() if factor}
        if not parts:
            return self.const(constant)
        if len(parts) == 1 and not constant:
            ((term, factor),) = parts.items()
            if factor == 1:
                return term
        args = tuple(sorted(parts, key=lambda term: term.number))
        low, high = spread(parts, constant)
        return self._make("sum", args, (tuple(parts[term] for term in args), constant), low, high)

    def add(self, *terms: Term) -> Term:
        """Their sum."""
        return self._combine([(term, 1) for term in terms])

    def sub(self, a: Term, b: Term) -> Term:
        """a - b."""
        return self._combine([(a, 1), (b, -1)])

    def neg(self, a: Term) -> Term:
        """-a."""
        return self._combine([(a, -1)])

    def _combine(self, terms: list[tuple[Term, int]]) -> Term:
        parts: dict[Term, int] = {}
        constant = 0
        for term, factor in terms:
            more, also = linear(term) if len(term.args) <= MOST_IN_SUM else ({term: 1}, 0)
            constant += factor * also
            for part, own in more.items():
                parts[part] = parts.get(part, 0) + factor * own
        return self.of_linear(parts, constant)

    def mul(self, a: Term, b: Term) -> Term:
        """a * b."""
        if a.op == "const":
            a, b = b, a
        if b.op == "const":
            return self._combine([(a, b.value)])
        for one, other in ((a, b), (b, a)):
            if (one.low, one.high) == (0, 1):
                return self.ite(self.le(one, self.const(0)), self.const(0), other)
            if one.op == "ite" and one.args[1].op == one.args[2].op == "const":  # so it stays a sum
                return self.ite(one.args[0], self.mul(other, one.args[1]), self.mul(other, one.args[2]))
        if a.number > b.number:
            a, b = b, a
        corners = [times(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
        low = max(0, min(corners)) if a is b else min(corners)
        return self._make("mul", (a, b), None, low, max(corners))

    def fdiv(self, a: Term, b: Term) -> Term:
        """a / b downwards; b > 0 or the result is of no account."""
        if b.low == b.high == 1:
            return a
        if b.op == "const" and b.value > 0:
            if a.op == "const":
                return self.const(a.value // b.value)
            parts, constant = linear(a)
            if all(factor % b.value == 0 for factor in parts.values()):
                return self.of_linear({t: f // b.value for t, f in parts.items()}, constant // b.value)
        if a.low >= 0 and a.high < b.low:
            return self.const(0)
        least, most = max(1, b.low), max(1, b.high)
        low = min(divided(a.low, least), divided(a.low, most))
        high = max(divided(a.high, least), divided(a.high, most))
        return self._make("fdiv", (a, b), None, low, high)

    def fmod(self, a: Term, b: Term) -> Term:
        """a - b * fdiv(a, b); b > 0 or the result is of no account."""
        if a.low >= 0 and a.high < b.low:
            return a
        if b.op == "const" and b.value > 0:
            parts, constant = linear(a)
            kept = {term: factor % b.value for term, factor in parts.items()}
            a = self.of_linear(kept, constant % b.value)
            if a.op == "const":
                return self.const(a.value % b.value)
        high = max(0, b.high - 1)
        return self._make("fmod", (a, b), None, 0, min(high, a.high) if a.low >= 0 else high)

    def tdiv(self, a: Term, b: Term) -> Term:
        """a / b towards zero, as div_s; b = 0 is of no account."""
        quotient = self.fdiv(self.absolute(a), self.absolute(b))
        return self.ite(self.same_sign(a, b), quotient, self.neg(quotient))

    def tmod(self, a: Term, b: Term) -> Term:
        """What tdiv leaves, with the sign of a."""
        rest = self.fmod(self.absolute(a), self.absolute(b))
        return self.ite(self.lt(a, self.const(0)), self.neg(rest), rest)

    def absolute(self, a: Term) -> Term:
        """|a|."""
        return self.ite(self.lt(a, self.const(0)), self.neg(a), a)

    def same_sign(self, a: Term, b: Term) -> Term:
        """Whether both are below zero, or neither."""
        negative, also = self.lt(a, self.const(0)), self.lt(b, self.const(0))
        return self.or_(self.and_(negative, also), self.and_(self.not_(negative), self.not_(also)))

    def minimum(self, a: Term, b: Term) -> Term:
        """The lesser."""
        return self.ite(self.lt(a, b), a, b)

    def maximum(self, a: Term, b: Term) -> Term:
        """The greater."""
        return self.ite(self.lt(b, a), a, b)

    def ite(self, c: Term, a: Term, b: Term) -> Term:
        """a where the bool c holds, else b; integers."""
        if c.op == "bool":
            return a if c.value else b
        if a is b:
            return a
        if c.op == "not":
            c, a, b = c.args[0], b, a
        if a.op == "ite" and a.args[0] is c:
            a = a.args[1]
        if b.op == "ite" and b.args[0] is c:
            b = b.args[2]
        if a is b:
            return a
        if a.op == b.op == "const" and c.op == "le" and c.value == 0 and (c.args[0].low, c.args[0].high) == (0, 1):
            return self.add(self.mul(c.args[0], self.const(b.value - a.value)), a)  # a choice by x that is 0 or 1
        if (a.op != "const" or b.op != "const") and min(a.low, b.low) >= 0 and max(a.high, b.high) <= 1:
            return self.of_bool(self.choose(c, self.truth(a), self.truth(b)))
        (low, high), (low2, high2) = narrowed(c, True, a), narrowed(c, False, b)
        if low > high or low2 > high2:  # that side is never taken
            return b if low > high else a
        return self._make("ite", (c, a, b), None, min(low, low2), max(high, high2))

    # Bools

    def le(self, a: Term, b: Term) -> Term:
        """a <= b."""
        return self._compare("le", self.sub(a, b))

    def lt(self, a: Term, b: Term) -> Term:
        """a < b."""
        return self._compare("le", self.add(self.sub(a, b), self.const(1)))

    def eq(self, a: Term, b: Term) -> Term:
        """a == b."""
        return self._compare("eq", self.sub(a, b))

    def _compare(self, op: str, difference: Term) -> Term:
        """`difference` against 0, with a positive first factor and without a common divisor."""
        if difference.low > 0 or (op == "eq" and difference.high < 0):
            return self.false
        if op == "le" and difference.high <= 0:
            return self.true
        if (op, difference) not in self._compared:
            self._compared[op, difference] = self._compare_anew(op, difference)
        return self._compared[op, difference]

    def _compare_anew(self, op: str, difference: Term) -> Term:
        parts, constant = linear(difference)
        if len(parts) == 1:
            ((only, factor),) = parts.items()
            if only.op == "ite":
                ways = [
                    self._compare(op, self.of_linear(*self._scaled(arm, factor, constant))) for arm in only.args[1:]
                ]
                if ways[0].op == "bool" or ways[1].op == "bool":
                    return self.choose(only.args[0], ways[0], ways[1])
        k = -constant
        common = gcd(*parts.values()) or 1
        if op == "eq" and k % common:
            return self.false
        parts, k = {term: factor // common for term, factor in parts.items()}, k // common
        flip = bool(parts) and parts[min(parts, key=lambda term: term.number)] < 0
        if flip:
            parts, k = {term: -factor for term, factor in parts.items()}, -k
        left = self.of_linear(parts, 0)
        if op == "eq":
            return self._equals(left, k)
        return self.not_(self._at_most(left, k - 1)) if flip else self._at_most(left, k)

    def _scaled(self, term: Term, factor: int, constant: int) -> Linear:
        parts, own = linear(term)
        return {part: factor * times for part, times in parts.items()}, factor * own + constant

    def _at_most(self, left: Term, k: int) -> Term:
        if left.high <= k:
            return self.true
        if left.low > k:
            return self.false
        return self._make("le", (left,), k, 0, 1)

    def _equals(self, left: Term, k: int) -> Term:
        if not left.low <= k <= left.high:
            return self.false
        if k == left.low:
            return self._at_most(left, k)
        if k == left.high:
            return self.not_(self._at_most(left, k - 1))
        return self._make("eq", (left,), k, 0, 1)

    def not_(self, a: Term) -> Term:
        """Not a."""
        if a.op == "bool":
            return self.false if a.value else self.true
        return a.args[0] if a.op == "not" else self._make("not", (a,), None, 0, 1)

    def and_(self, *terms: Term) -> Term:
        """All of them."""
        return self._join("and", terms, self.true, self.false)

    def or_(self, *terms: Term) -> Term:
        """Any of them."""
        return self._join("or", terms, self.false, self.true)

    def _join(self, op: str, terms: Iterable[Term], neutral: Term, final: Term) -> Term:
        found: set[Term] = set()
        for term in terms:
            found.update(term.args if term.op == op else (term,))
        found.discard(neutral)
        if final in found or any(term.op == "not" and term.args[0] in found for term in found):
            return final
        other = "or" if op == "and" else "and"
        for term in sorted(
            (t for t in found if t.op == other), key=lambda term: term.number
        ):  # a and (not a or b) is a and b
            kept = [part for part in term.args if self.not_(part) not in found]
            if any(part in found for part in term.args):  # a and (a or b) is a
                found.discard(term)
            elif len(kept) < len(term.args):  # a and (not a or b) is a and b
                found.discard(term)
                return self._join(op, [*found, self._join(other, kept, final, neutral)], neutral, final)
        args = tuple(sorted(found, key=lambda term: term.number))
        if not args:
            return neutral
        return args[0] if len(args) == 1 else self._make(op, args, None, 0, 1)

    def implies(self, a: Term, b: Term) -> Term:
        """b, wherever a."""
        return self.or_(self.not_(a), b)

    def choose(self, c: Term, a: Term, b: Term) -> Term:
        """a where c holds, else b; bools."""
        if a is b:
            return a
        return self.or_(self.and_(c, a), self.and_(self.not_(c), b))

    def of_bool(self, c: Term) -> Term:
        """1 or 0."""
        return self.ite(c, self.const(1), self.const(0))

    def truth(self, a: Term) -> Term:
        """a != 0."""
        return self.not_(self.eq(a, self.const(0)))


def renamed(terms: Terms, root: Term, names: Collection[str]) -> Term:
    """`root` with a variable "other NAME" in place of each of `names`."""
    again: dict[str, Callable[..., Term]] = {"mul": terms.mul, "fdiv": terms.fdiv, "fmod": terms.fmod, "ite": terms.ite}
    again |= {"not": terms.not_, "and": terms.and_, "or": terms.or_}
    made: dict[Term, Term] = {}
    for term in cone(root):
        args = [made[arg] for arg in term.args]
        if term.op == "var":
            made[term] = terms.var("other " + term.value, term.low, term.high) if term.value in names else term
        elif term.op == "sum":
            scaled = [terms.mul(arg, terms.const(factor)) for arg, factor in zip(args, term.value[0], strict=True)]
            made[term] = terms.add(*scaled, terms.const(term.value[1]))
        elif term.op in ("le", "eq"):
            made[term] = (terms.le if term.op == "le" else terms.eq)(args[0], terms.const(term.value))
        else:
            made[term] = again[term.op](*args) if term.op in again else term
    return made[root]
