"""What terms are worth: one by one, and as a Python function for long searches.

The function is made from the terms' own operators alone, never from text that came in from outside.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from host_bridge.microworld.verify.term import Term, cone


def evaluate(roots: Sequence[Term], values: Mapping[str, int]) -> list[int]:
    """Each root's value, a bool as 0 or 1, where the variables are `values`. What divides by 0 is 0."""
    known: dict[Term, int] = {}
    for term in cone(*roots):
        known[term] = _value(term, [known[arg] for arg in term.args], values)
    return [known[root] for root in roots]


def _value(term: Term, args: list[int], values: Mapping[str, int]) -> int:
    match term.op:
        case "const" | "bool":
            return int(term.value)
        case "var":
            return values[term.value]
        case "sum":
            factors, constant = term.value
            return int(constant + sum(f * a for f, a in zip(factors, args, strict=True)))
        case "mul":
            return args[0] * args[1]
        case "fdiv":
            return args[0] // args[1] if args[1] else 0
        case "fmod":
            return args[0] % args[1] if args[1] else 0
        case "ite":
            return args[1] if args[0] else args[2]
        case "le":
            return int(args[0] <= term.value)
        case "eq":
            return int(args[0] == term.value)
        case "not":
            return 1 - args[0]
        case "and":
            return int(all(args))
    return int(any(args))


def compiled(roots: Sequence[Term], order: Sequence[str]) -> Callable[[Sequence[int]], tuple[int, ...]]:
    """A function from the values of the variables `order` to the roots' values."""
    places = {name: i for i, name in enumerate(order)}
    lines = ["def made(v):"]
    lines += [f" t{term.number} = {_source(term, places)}" for term in cone(*roots)]
    lines.append(f" return ({''.join(f't{root.number},' for root in roots)})")
    space: dict[str, Any] = {"__builtins__": {}}
    exec("\n".join(lines), space)  # noqa: S102 - made of our own operators, numbers and places
    made: Callable[[Sequence[int]], tuple[int, ...]] = space["made"]
    return made


def _source(term: Term, places: Mapping[str, int]) -> str:
    args = [f"t{arg.number}" for arg in term.args]
    match term.op:
        case "const" | "bool":
            return str(int(term.value))
        case "var":
            return f"v[{places[term.value]}]"
        case "sum":
            return " + ".join(
                [f"{f} * {a}" for f, a in zip(term.value[0], args, strict=True)] + [str(int(term.value[1]))]
            )
        case "mul":
            return f"{args[0]} * {args[1]}"
        case "fdiv":
            return f"{args[0]} // {args[1]} if {args[1]} else 0"
        case "fmod":
            return f"{args[0]} % {args[1]} if {args[1]} else 0"
        case "ite":
            return f"{args[1]} if {args[0]} else {args[2]}"
        case "le":
            return f"1 if {args[0]} <= {int(term.value)} else 0"
        case "eq":
            return f"1 if {args[0]} == {int(term.value)} else 0"
        case "not":
            return f"1 - {args[0]}"
        case "and":
            return f"1 if {' and '.join(args)} else 0"
    return f"1 if {' or '.join(args)} else 0"
