"""What the node's bytecode means: its bytes decoded strictly, each operation as terms over 32 bits.

The format is that of microworld/README.md ("Bytecode"), read anew here: neither the compiler nor the node's machine is
used. Every operation is total; both sides of an `if` are computed.
"""

from dataclasses import dataclass
from typing import NamedTuple

from host_bridge.microworld.program import Program, Quantity
from host_bridge.microworld.verify.arithmetic import Arithmetic
from host_bridge.microworld.verify.reader import Reader, Refused
from host_bridge.microworld.verify.term import Term
from host_bridge.microworld.verify.terms import Terms

FORMAT = 1
ALWAYS = 255  # in the place of `holds`: no condition
OPCODES = ("add", "sub", "mul", "div", "mod", "muldiv", "min", "max", "lt", "le", "eq", "ne", "and", "or", "if")
ARGUMENTS = {"muldiv": 3, "if": 3}


class Header(NamedTuple):
    """What the bytecode says about itself, beside its code."""

    tick_s: int
    starts: tuple[int, ...]
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class CodeMeaning:
    """One tick: `runs` is when it is carried out, apart from the ranges of the inputs."""

    header: Header
    outputs: tuple[Term, ...]
    next_state: tuple[Term, ...]
    runs: Term


def code_meaning(code: bytes, program: Program, terms: Terms) -> CodeMeaning:
    """The meaning of `code`, over variables named as `program`'s state and inputs. Refused: it is malformed, or other
    quantities, ranges or starts than the program's.
    """
    reader = Reader(code)
    if reader.byte() != FORMAT:
        raise Refused(f"bytecode of another format than {FORMAT}")
    states, inputs, outputs, constants, instructions = (reader.byte() for _ in range(5))
    if (states, inputs, outputs) != (len(program.state), len(program.inputs), len(program.outputs)):
        raise Refused("the bytecode has another number of states, inputs or outputs")
    if states + inputs + constants + instructions > 255:
        raise Refused("the bytecode has more than 255 values")
    tick_s, holds = reader.unsigned(), reader.byte()
    shown = [reader.byte() for _ in range(outputs)], [reader.byte() for _ in range(states)]
    starts = tuple(_zigzag(reader) for _ in range(states))
    ranges = tuple(_range(reader) for _ in range(inputs))
    _check(Header(tick_s, starts, ranges), program)
    values = [terms.var(q.name, q.least, q.greatest) for q in (*program.state, *program.inputs)]
    values += [terms.const(_zigzag(reader)) for _ in range(constants)]
    arithmetic = Arithmetic(terms, lambda term: (term.low, term.high), lambda when, why: None)
    for _ in range(instructions):
        values.append(_instruction(reader, arithmetic, values))
    reader.done("the bytecode")
    if any(index >= len(values) for index in (*shown[0], *shown[1])) or (holds != ALWAYS and holds >= len(values)):
        raise Refused("the bytecode names a value that it does not have")
    runs = terms.true if holds == ALWAYS else terms.truth(values[holds])
    after = tuple(values[i] for i in shown[1])
    return CodeMeaning(Header(tick_s, starts, ranges), tuple(values[i] for i in shown[0]), after, runs)


def _zigzag(reader: Reader) -> int:
    number = reader.unsigned()
    return (number >> 1) ^ -(number & 1)


def _range(reader: Reader) -> tuple[int, int]:
    least = _zigzag(reader)
    return least, least + reader.unsigned()


def _check(header: Header, program: Program) -> None:
    if header.tick_s != program.tick_s:
        raise Refused(f"the bytecode's tick is {header.tick_s} s, not {program.tick_s} s")
    for quantity, start in zip(program.state, header.starts, strict=True):
        if start != quantity.start:
            raise Refused(f"the bytecode starts {quantity.name} at {start}, not {quantity.start}")
    for quantity, (least, greatest) in zip(program.inputs, header.ranges, strict=True):
        if (least, greatest) != _limits(quantity):
            raise Refused(f"the bytecode's range of {quantity.name} is {least} .. {greatest}")


def _limits(quantity: Quantity) -> tuple[int, int]:
    return quantity.least, quantity.greatest


def _instruction(reader: Reader, arithmetic: Arithmetic, values: list[Term]) -> Term:
    opcode = reader.byte()
    if opcode >= len(OPCODES):
        raise Refused(f"the bytecode has the unknown instruction {opcode}")
    name = OPCODES[opcode]
    places = [reader.byte() for _ in range(ARGUMENTS.get(name, 2))]
    if any(place >= len(values) for place in places):
        raise Refused("an instruction of the bytecode names a later value")
    args = [values[place] for place in places]
    terms = arithmetic.terms
    match name:
        case "add" | "sub" | "mul":
            return arithmetic.apply("i32." + name, args)
        case "div" | "muldiv":
            product = args[0] if name == "div" else terms.mul(args[0], args[1])
            return _total(terms, args[-1], arithmetic.wrap(32, terms.tdiv(product, args[-1])), terms.const(0))
        case "mod":
            return _total(terms, args[1], terms.tmod(args[0], args[1]), args[0])
        case "min":
            return terms.minimum(*args)
        case "max":
            return terms.maximum(*args)
        case "lt" | "le" | "eq":
            return terms.of_bool({"lt": terms.lt, "le": terms.le, "eq": terms.eq}[name](*args))
        case "ne":
            return terms.of_bool(terms.not_(terms.eq(*args)))
        case "and":
            return arithmetic.and_(32, *args)
        case "or":
            return arithmetic.or_(32, *args)
    return terms.ite(terms.truth(args[0]), args[1], args[2])


def _total(terms: Terms, divisor: Term, result: Term, otherwise: Term) -> Term:
    return terms.ite(terms.eq(divisor, terms.const(0)), otherwise, result)
