"""A Program -> the bytecode that a microcontroller runs, and back to its results by the node's own machine.

Straight-line code: each value is a state, an input, a constant or the result of one instruction, which names earlier
values. README.md, "On the microcontroller", has the format; gridnode.world.vm reads it.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce

from gridnode.world import vm
from host_bridge.microworld.graph import Graph, Part
from host_bridge.microworld.program import Expr, Op, Program, Quantity

Operand = tuple[str, int]
_OPERATIONS = {"add": vm.ADD, "sub": vm.SUB, "mul": vm.MUL, "div": vm.DIV, "mod": vm.MOD, "muldiv": vm.MULDIV}
_OPERATIONS |= {"lt": vm.LT, "le": vm.LE, "eq": vm.EQ, "ne": vm.NE, "and": vm.AND, "or": vm.OR, "if": vm.IF}
_SWAPPED = {"gt": vm.LT, "ge": vm.LE}
_WORDS = {vm.OUT_OF_RANGE: "an input is out of its range", vm.BROKEN: "an assumption is broken"}


class BytecodeError(ValueError):
    """The program is too large for the format; the words say what to make smaller."""


def compile(program: Program) -> bytes:
    """The bytecode of a program that ranges.check has passed. Raises BytecodeError."""
    graph, holds = _graph(program)
    code = _Code(graph)
    wanted = [code.operand(index) for index in (*graph.outputs, *graph.next_state)]
    condition = None if holds is None else code.operand(holds)
    locals_, constants = len(program.state) + len(program.inputs), code.constants()
    instructions = list(code.numbered(locals_, constants))
    if locals_ + len(constants) + len(instructions) > vm.NO_CONDITION or len(program.outputs) > 255:
        raise BytecodeError(f"{program.name} has more than {vm.NO_CONDITION} values: fewer quantities or rules, please")
    counts = len(program.state), len(program.inputs), len(program.outputs), len(constants), len(instructions)
    out = bytes([vm.FORMAT, *counts]) + number(program.tick_s)
    out += bytes([vm.NO_CONDITION if condition is None else place(condition, locals_, constants)])
    out += bytes(place(each, locals_, constants) for each in wanted)
    out += b"".join(signed(quantity.start) for quantity in program.state)
    out += b"".join(signed(each.least) + number(each.greatest - each.least) for each in program.inputs)
    out += b"".join(signed(value) for value in constants)
    return out + b"".join(bytes([op, *operands]) for op, operands in instructions)


def run(code: bytes, state: Sequence[int], inputs: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(next state, outputs) of one tick on the node's machine. ValueError: bad code, or the tick is not run."""
    return Stepper(code).step(state, inputs)


class Stepper:
    """Steps one world's bytecode from any state: the code is read once. Raises ValueError on bad code."""

    def __init__(self, code: bytes) -> None:
        self._world = vm.World(code)

    def step(self, state: Sequence[int], inputs: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """As `run`."""
        world = self._world
        if len(state) != world.states or len(inputs) != world.inputs:
            raise ValueError(f"the world has {world.states} states and {world.inputs} inputs")
        world.values[: len(state) + len(inputs)] = array("i", [*state, *inputs])
        outcome = world.try_out()
        if outcome != vm.RAN:
            raise ValueError(f"the tick is not run: {_WORDS[outcome]}")
        told = [world.output(index) for index in range(world.outputs + world.states)]
        return tuple(told[world.outputs :]), tuple(told[: world.outputs])


def number(value: int) -> bytes:
    """An unsigned varint: 7 bits a byte, the lowest first."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def signed(value: int) -> bytes:
    """A varint of a number with a sign: 0, -1, 1, -2 ... are written as 0, 1, 2, 3 ..."""
    return number(2 * value if value >= 0 else -2 * value - 1)


def _graph(program: Program) -> tuple[Graph, int | None]:
    """The program's parts, and the part that its assumptions are."""
    if not program.assumptions:
        return Graph(program), None
    all_hold: Expr = reduce(lambda one, other: Op("and", (one, other)), program.assumptions)
    extra = Quantity("what is assumed", "on/off", 0, 1)  # no name of a specification has a space in it
    graph = Graph(replace(program, outputs=(*program.outputs, extra), output=(*program.output, all_hold)))
    holds = graph.outputs.pop()
    return graph, None if graph.parts[holds] == Part("const", value=1) else holds


class _Code:
    """Parts of a graph -> instructions. An operand is ("local", place), ("const", value) or ("result", number)."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[int, Operand] = {}
        self._written: list[tuple[int, tuple[Operand, ...]]] = []

    def operand(self, index: int) -> Operand:
        """Where the value of a part is; instructions for it are written if there are none yet."""
        if index not in self._known:
            self._known[index] = self._operand(self._graph.parts[index])
        return self._known[index]

    def _operand(self, part: Part) -> Operand:
        if part.op == "local":
            return "local", part.value
        if part.op == "const":  # beyond 32 bits only where a guard says that it is not taken
            return "const", (part.value + (1 << 31)) % (1 << 32) - (1 << 31)
        op, args = self._operation(part)
        self._written.append((op, args))
        return "result", len(self._written) - 1

    def _operation(self, part: Part) -> tuple[int, tuple[Operand, ...]]:
        args = part.args
        extreme = self._extreme(args) if part.op == "if" else None
        if extreme is not None:
            return extreme, (self.operand(args[1]), self.operand(args[2]))
        operands = tuple(self.operand(arg) for arg in args)
        if part.op == "not":
            return vm.EQ, (*operands, ("const", 0))
        if part.op in _SWAPPED:
            return _SWAPPED[part.op], operands[::-1]
        return _OPERATIONS[part.op], operands

    def _extreme(self, args: Sequence[int]) -> int | None:
        """MIN or MAX where an `if` is one of these of its two sides."""
        condition, *sides = args
        part = self._graph.parts[condition]
        if part.op not in ("lt", "le", "gt", "ge") or set(part.args) != set(sides):
            return None
        is_less = part.op in ("lt", "le")
        return vm.MIN if is_less == (list(part.args) == sides) else vm.MAX

    def constants(self) -> list[int]:
        """All that the instructions, and the operands known, name."""
        named = {operand for _, operands in self._written for operand in operands} | set(self._known.values())
        return sorted({value for kind, value in named if kind == "const"})

    def numbered(self, locals_: int, constants: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
        """The instructions, their operands by the numbers of their values."""
        for op, operands in self._written:
            yield op, [place(operand, locals_, constants) for operand in operands]


def place(operand: Operand, locals_: int, constants: Sequence[int]) -> int:
    """The number of a value: states and inputs first, then constants, then results."""
    kind, value = operand
    if kind == "local":
        return value
    return locals_ + (constants.index(value) if kind == "const" else len(constants) + value)
