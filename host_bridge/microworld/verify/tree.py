"""A Program's tree as terms: what the specification means, for proofs.

The arithmetic is exact, as the tree's is; a division by 0 is of no account (ranges.check refuses it).
"""

from collections.abc import Callable, Mapping

from host_bridge.microworld.program import Const, Expr, Name, Op, Program
from host_bridge.microworld.verify.term import Term
from host_bridge.microworld.verify.terms import Terms

BOOLS = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"})


class Tree:
    """Expressions over names whose terms are `known`; a bool's term is the integer 1 or 0 there."""

    def __init__(self, terms: Terms, known: Mapping[str, Term]):
        self.terms, self.known = terms, dict(known)
        self._made: dict[int, tuple[Expr, Term]] = {}  # by identity: hashing a tree walks all of it

    def define(self, name: str, term: Term) -> None:
        """`name` is `term` from now on."""
        self.known[name] = term

    def value(self, expr: Expr) -> Term:
        """`expr` as an integer term. KeyError: the name that is not known."""
        if isinstance(expr, Const):
            return self.terms.const(int(expr.value))
        if isinstance(expr, Name):
            return self.known[expr.name]
        if id(expr) not in self._made:
            term = self.terms.of_bool(self.holds(expr)) if expr.op in BOOLS else self._arithmetic(expr)
            self._made[id(expr)] = expr, term
        return self._made[id(expr)][1]

    def _arithmetic(self, expr: Op) -> Term:
        terms = self.terms
        if expr.op == "if":
            return terms.ite(self.holds(expr.args[0]), self.value(expr.args[1]), self.value(expr.args[2]))
        args = [self.value(arg) for arg in expr.args]
        made: dict[str, Callable[..., Term]] = {
            "add": terms.add,
            "sub": terms.sub,
            "mul": terms.mul,
            "neg": terms.neg,
            "abs": terms.absolute,
            "min": terms.minimum,
            "max": terms.maximum,
            "div": terms.tdiv,
            "mod": terms.tmod,
            "muldiv": lambda a, b, c: terms.tdiv(terms.mul(a, b), c),
        }
        return made[expr.op](*args)

    def holds(self, expr: Expr) -> Term:
        """`expr` as a bool term."""
        terms = self.terms
        if not isinstance(expr, Op) or expr.op not in BOOLS:
            return terms.truth(self.value(expr))
        if expr.op in ("and", "or", "not"):
            parts = [self.holds(arg) for arg in expr.args]
            return terms.not_(*parts) if expr.op == "not" else (terms.and_ if expr.op == "and" else terms.or_)(*parts)
        a, b = (self.value(arg) for arg in expr.args)
        match expr.op:
            case "lt":
                return terms.lt(a, b)
            case "le":
                return terms.le(a, b)
            case "gt":
                return terms.lt(b, a)
            case "ge":
                return terms.le(b, a)
            case "eq":
                return terms.eq(a, b)
        return terms.not_(terms.eq(a, b))


def declared(terms: Terms, program: Program) -> Tree:
    """The names of the state and the inputs as variables within their ranges."""
    quantities = (*program.state, *program.inputs)
    return Tree(terms, {q.name: terms.var(q.name, q.least, q.greatest) for q in quantities})


def one_tick(terms: Terms, program: Program) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """The outputs and the next states that the specification says."""
    tree = declared(terms, program)
    for name, expr in program.lets:
        tree.define(name, tree.value(expr))
    outputs = []
    for quantity, expr in zip(program.outputs, program.output, strict=True):
        outputs.append(tree.value(expr))
        tree.define(quantity.name, outputs[-1])
    return tuple(outputs), tuple(tree.value(expr) for expr in program.next_state)


def assumed(terms: Terms, program: Program) -> Term:
    """That every assumption holds; they name inputs alone."""
    tree = declared(terms, program)
    return terms.and_(*(tree.holds(expr) for expr in program.assumptions))
