"""The integer instructions of WebAssembly on terms: what 32 or 64 bits hold, exactly.

A value is kept as the signed number it stands for. Where its interval shows that an operation cannot leave its bits,
the plain operation is the meaning; elsewhere what is cut off is modelled. Bit operations are followed where they are
arithmetic: of 0 and 1, of a sign, with a mask 2^k - 1 or its complement, by a constant number of places.
"""

from collections.abc import Callable

from host_bridge.microworld.verify.reader import Refused
from host_bridge.microworld.verify.term import Bounds, Term
from host_bridge.microworld.verify.terms import Terms

Within = Callable[[Term], Bounds]  # what is known of a term here
Trap = Callable[[Term, str], None]  # takes when it traps, and why


class Arithmetic:
    """Operations on terms. `within` may know a narrower interval than the term's own; `trap` hears of what may trap."""

    def __init__(self, terms: Terms, within: Within, trap: Trap):
        self.terms, self.within, self.trap = terms, within, trap

    def apply(self, name: str, args: list[Term]) -> Term:
        """The result of the instruction `name`, as "i32.add"."""
        kind, _, operation = name.partition(".")
        bits = 32 if kind == "i32" else 64
        if operation in UNARY:
            return UNARY[operation](self, bits, args[0])
        if operation in COMPARED:
            return self.terms.of_bool(self._compared(bits, operation, *args))
        return BINARY[operation](self, bits, *args)

    def wrap(self, bits: int, term: Term) -> Term:
        """What `bits` bits keep of `term`, signed."""
        least, most, lap = -(1 << (bits - 1)), (1 << (bits - 1)) - 1, 1 << bits
        if least <= term.low and term.high <= most:
            return term
        low, high = self.within(term)
        if least <= low and high <= most:
            return term
        terms = self.terms
        if least - lap <= low and high <= most + lap:
            below = terms.ite(terms.lt(term, terms.const(least)), terms.add(term, terms.const(lap)), term)
            return terms.ite(terms.lt(terms.const(most), term), terms.sub(term, terms.const(lap)), below)
        shifted = terms.fmod(terms.sub(term, terms.const(least)), terms.const(lap))
        return terms.add(shifted, terms.const(least))

    def unsigned(self, bits: int, term: Term) -> Term:
        """The number that the same bits stand for without a sign."""
        terms = self.terms
        return terms.ite(terms.lt(term, terms.const(0)), terms.add(term, terms.const(1 << bits)), term)

    def _compared(self, bits: int, operation: str, a: Term, b: Term) -> Term:
        terms = self.terms
        if operation.endswith("_u"):
            a, b = self.unsigned(bits, a), self.unsigned(bits, b)
        match operation[:2]:
            case "eq":
                return terms.eq(a, b)
            case "ne":
                return terms.not_(terms.eq(a, b))
            case "lt":
                return terms.lt(a, b)
            case "gt":
                return terms.lt(b, a)
            case "le":
                return terms.le(a, b)
        return terms.le(b, a)

    def add(self, bits: int, a: Term, b: Term) -> Term:
        """a + b."""
        return self.wrap(bits, self.terms.add(a, b))

    def sub(self, bits: int, a: Term, b: Term) -> Term:
        """a - b."""
        return self.wrap(bits, self.terms.sub(a, b))

    def mul(self, bits: int, a: Term, b: Term) -> Term:
        """a * b."""
        return self.wrap(bits, self.terms.mul(a, b))

    def div_s(self, bits: int, a: Term, b: Term) -> Term:
        """a / b towards zero."""
        terms = self.terms
        self.trap(terms.eq(b, terms.const(0)), "a division by 0")
        least = terms.const(-(1 << (bits - 1)))
        self.trap(terms.and_(terms.eq(a, least), terms.eq(b, terms.const(-1))), "a division that overflows")
        return self.wrap(bits, terms.tdiv(a, b))

    def rem_s(self, bits: int, a: Term, b: Term) -> Term:
        """What div_s leaves."""
        self.trap(self.terms.eq(b, self.terms.const(0)), "a division by 0")
        return self.terms.tmod(a, b)

    def div_u(self, bits: int, a: Term, b: Term) -> Term:
        """a / b without signs."""
        self.trap(self.terms.eq(b, self.terms.const(0)), "a division by 0")
        return self.wrap(bits, self.terms.fdiv(self.unsigned(bits, a), self.unsigned(bits, b)))

    def rem_u(self, bits: int, a: Term, b: Term) -> Term:
        """What div_u leaves."""
        self.trap(self.terms.eq(b, self.terms.const(0)), "a division by 0")
        return self.wrap(bits, self.terms.fmod(self.unsigned(bits, a), self.unsigned(bits, b)))

    def and_(self, bits: int, a: Term, b: Term) -> Term:
        """a & b, where one is 0 or 1, 0 or -1, a mask 2^k - 1 or the complement of one."""
        terms, zero = self.terms, self.terms.const(0)
        for one, other in ((a, b), (b, a)):
            if one.op == "const" and one.value >= 0 and (one.value + 1) & one.value == 0:
                return terms.fmod(other, terms.const(one.value + 1))
            if one.op == "const" and one.value < 0 and -one.value & (-one.value - 1) == 0:
                return terms.sub(other, terms.fmod(other, terms.const(-one.value)))
        for one, other in ((a, b), (b, a)):
            if one.low >= 0 and one.high <= 1:
                return terms.ite(terms.truth(one), terms.fmod(other, terms.const(2)), zero)
            if one.low >= -1 and one.high <= 0:
                return terms.ite(terms.truth(one), other, zero)
        raise Refused("an `and` of bits that is no arithmetic")

    def or_(self, bits: int, a: Term, b: Term) -> Term:
        """a | b = a + b - (a & b)."""
        if a.low == a.high == -1 or b.low == b.high == -1:
            return self.terms.const(-1)
        return self.terms.sub(self.terms.add(a, b), self.and_(bits, a, b))

    def xor(self, bits: int, a: Term, b: Term) -> Term:
        """a ^ b, where one is 0 or -1 (all bits turned), or as a + b - 2 * (a & b)."""
        terms = self.terms
        for one, other in ((a, b), (b, a)):
            if one.low >= -1 and one.high <= 0:
                return terms.ite(terms.truth(one), terms.sub(terms.const(-1), other), other)
            if one.op == "const" and one.value == -(1 << (bits - 1)):  # the sign alone
                half = terms.const(1 << (bits - 1))
                return terms.ite(terms.lt(other, terms.const(0)), terms.add(other, half), terms.sub(other, half))
        return terms.sub(terms.add(a, b), terms.mul(self.and_(bits, a, b), terms.const(2)))

    def _places(self, bits: int, b: Term) -> int:
        if b.op != "const":
            raise Refused("a shift by a number of places that is not constant")
        return int(b.value) % bits

    def shl(self, bits: int, a: Term, b: Term) -> Term:
        """a << b."""
        return self.wrap(bits, self.terms.mul(a, self.terms.const(1 << self._places(bits, b))))

    def shr_s(self, bits: int, a: Term, b: Term) -> Term:
        """a >> b with its sign."""
        places = self._places(bits, b)
        if places == bits - 1:
            return self.terms.neg(self.terms.of_bool(self.terms.lt(a, self.terms.const(0))))
        return self.terms.fdiv(a, self.terms.const(1 << places))

    def shr_u(self, bits: int, a: Term, b: Term) -> Term:
        """a >> b without a sign."""
        places = self._places(bits, b)
        if places == bits - 1:
            return self.terms.of_bool(self.terms.lt(a, self.terms.const(0)))
        return self.wrap(bits, self.terms.fdiv(self.unsigned(bits, a), self.terms.const(1 << places)))

    def extend_u(self, bits: int, a: Term) -> Term:
        """An i32 as an i64 without its sign."""
        return self.unsigned(32, a)

    def same(self, bits: int, a: Term) -> Term:
        """An i32 as an i64 with its sign."""
        return a

    def eqz(self, bits: int, a: Term) -> Term:
        """1 where a is 0."""
        return self.terms.of_bool(self.terms.eq(a, self.terms.const(0)))


UNARY: dict[str, Callable[[Arithmetic, int, Term], Term]] = {
    "eqz": Arithmetic.eqz,
    "wrap_i64": lambda self, _, a: self.wrap(32, a),
    "extend_i32_s": Arithmetic.same,
    "extend_i32_u": Arithmetic.extend_u,
    "extend8_s": lambda self, _, a: self.wrap(8, a),
    "extend16_s": lambda self, _, a: self.wrap(16, a),
    "extend32_s": lambda self, _, a: self.wrap(32, a),
}
COMPARED = frozenset({"eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"})
BINARY: dict[str, Callable[[Arithmetic, int, Term, Term], Term]] = {
    "add": Arithmetic.add,
    "sub": Arithmetic.sub,
    "mul": Arithmetic.mul,
    "div_s": Arithmetic.div_s,
    "div_u": Arithmetic.div_u,
    "rem_s": Arithmetic.rem_s,
    "rem_u": Arithmetic.rem_u,
    "and": Arithmetic.and_,
    "or": Arithmetic.or_,
    "xor": Arithmetic.xor,
    "shl": Arithmetic.shl,
    "shr_s": Arithmetic.shr_s,
    "shr_u": Arithmetic.shr_u,
}
