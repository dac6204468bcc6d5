"""A module's shape, and from it the meaning of one tick.

A generated module has exactly `run` in the fixed form of microworld/README.md ("The module") and a `step` that calls
it for one lane and one tick; what the rule means is read from the BODY inside. A hand-written one has a loop-free
`step` that loads and stores at constant addresses in the record. Anything else is refused.
"""

from dataclasses import dataclass

from host_bridge.microworld.program import Program
from host_bridge.microworld.verify import opcodes as op
from host_bridge.microworld.verify.code import Function, Instruction
from host_bridge.microworld.verify.decode import Module
from host_bridge.microworld.verify.meaning import Machine, Reached, Words
from host_bridge.microworld.verify.reader import Refused
from host_bridge.microworld.verify.term import Term
from host_bridge.microworld.verify.terms import Terms

RECORD_AT, PAGE = 16, 65536
LANES, TICKS, STATE, INPUTS, OUTPUTS, LEFT = range(6)  # the locals of `run`

BODY_MAY = {op.LOCAL_GET, op.LOCAL_SET, op.LOCAL_TEE, op.I32_CONST, op.I64_CONST, op.SELECT, op.DROP, op.IF, op.NOP}
BODY_MAY |= set(op.NUMERIC)


@dataclass(frozen=True)
class Meaning:
    """What one tick does, over variables named as the state and the inputs."""

    outputs: tuple[Term, ...]
    next_state: tuple[Term, ...]
    trap: Term  # a bool: it traps
    traps: tuple[str, ...]  # how it may
    fuel: int  # the most that `step` takes
    fuel_run: tuple[int, int, int] | None  # run(lanes, ticks) takes at most [0] + lanes * ([1] + ticks * [2])


def meaning(module: Module, program: Program, terms: Terms, handwritten: bool) -> Meaning:
    """One tick of `module`, whose record is laid out as `program`'s quantities. Refused: it has another shape."""
    if RECORD_AT + 4 * len(program.quantities()) > PAGE:
        raise Refused("the record does not fit into one page of memory")
    if "step" not in module.exports:
        raise Refused("it exports no step")
    step = module.functions[module.exports["step"]]
    if step.takes or step.gives:
        raise Refused("step takes or gives values; it works on the record alone")
    if handwritten and set(module.exports) == {"step"}:
        if len(module.functions) != 1:
            raise Refused(f"{len(module.functions)} functions; a hand-written module has step alone: inline the others")
        return _of_step(step, program, terms)
    if module.leftovers:
        raise Refused(f"it has a {module.leftovers[0]}, which no generated module has")
    if set(module.exports) != {"step", "run"} or len(set(module.exports.values())) != 2:
        raise Refused("it does not export the two functions step and run")
    _check_call(step, module, program)
    return _of_run(module.functions[module.exports["run"]], program, terms)


def _variables(program: Program, terms: Terms) -> list[Term]:
    return [terms.var(q.name, q.least, q.greatest) for q in (*program.state, *program.inputs)]


def _of_step(step: Function, program: Program, terms: Terms) -> Meaning:
    held = _variables(program, terms)
    words: Words = {RECORD_AT + 4 * i: term for i, term in enumerate(held)}
    first = RECORD_AT + 4 * len(held)
    words |= {first + 4 * j: None for j in range(len(program.outputs))}
    machine = Machine(terms)
    zeros: list[Term | None] = [terms.const(0) for _ in step.locals]
    end = machine.function(step.body, Reached(zeros, [], words, fuel=1))
    for i, quantity in enumerate(program.inputs, len(program.state)):
        if end.words[RECORD_AT + 4 * i] is not held[i]:
            raise Refused(f"it writes the input {quantity.name}")
    outputs = [end.words[first + 4 * j] for j in range(len(program.outputs))]
    for quantity, value in zip(program.outputs, outputs, strict=True):
        if value is None:
            raise Refused(f"it does not write the output {quantity.name} on every path")
    state = [end.words[RECORD_AT + 4 * i] for i in range(len(program.state))]
    return _meaning(machine, outputs, state, end.fuel, None)


def _meaning(
    machine: Machine,
    outputs: list[Term | None],
    state: list[Term | None],
    fuel: int,
    fuel_run: tuple[int, int, int] | None,
) -> Meaning:
    trap = machine.terms.or_(*(when for when, _ in machine.traps))
    known = [term for term in (*outputs, *state) if term is not None]
    return Meaning(
        tuple(known[: len(outputs)]),
        tuple(known[len(outputs) :]),
        trap,
        tuple(dict.fromkeys(why for _, why in machine.traps)),
        fuel,
        fuel_run,
    )


def _check_call(step: Function, module: Module, program: Program) -> None:
    inputs_at = RECORD_AT + 4 * len(program.state)
    args = (1, 1, RECORD_AT, inputs_at, inputs_at + 4 * len(program.inputs))
    wanted = (*(Instruction(op.I32_CONST, arg) for arg in args), Instruction(op.CALL, module.exports["run"]))
    if step.body != wanted or step.locals:
        raise Refused(f"step is not run{args} and nothing else")


class _Form:
    """Instructions compared one by one with the form that is wanted."""

    def __init__(self, body: tuple[Instruction, ...], where: str):
        self.body, self.at, self.where = body, 0, where

    def wrong(self, wanted: str) -> Refused:
        return Refused(f"{self.where} of run is not of the fixed form: at instruction {self.at} {wanted} is wanted")

    def take(self, opcode: int, value: int | None = None) -> Instruction:
        """The next instruction, which is `opcode` with `value` (None: any)."""
        found = self.body[self.at] if self.at < len(self.body) else None
        if found is None or found.opcode != opcode or (value is not None and found.value != value):
            raise self.wrong(f"0x{opcode:02x} {'' if value is None else value}".strip())
        self.at += 1
        return found

    def inside(self, opcode: int, where: str) -> "_Form":
        """The form inside the next instruction, a block or loop without a result."""
        found = self.take(opcode)
        if found.result is not None:
            raise self.wrong("a block without a result")
        return _Form(found.body, where)

    def end(self) -> None:
        """Refused unless all was taken."""
        if self.at != len(self.body):
            raise self.wrong("the end")


@dataclass
class _Run:
    """The parts of a `run` of the right form."""

    state: list[int]  # the local of each
    inputs: list[int]
    outputs: list[int]
    next_state: list[int]
    body: tuple[Instruction, ...]
    fuel: tuple[int, int]  # of one lane's frame, of one tick's; without BODY


def _of_run(run: Function, program: Program, terms: Terms) -> Meaning:
    parts = _match(run, len(program.state), len(program.inputs), len(program.outputs))
    given = [*parts.state, *parts.inputs]
    _check_body(parts.body, forbidden=set(range(6)), read_only=set(given))
    held: list[Term | None] = [None] * len(run.locals)
    for local, term in zip(given, _variables(program, terms), strict=True):
        held[local] = term
    machine = Machine(terms)
    end = machine.function(parts.body, Reached(held, [], {}))
    for local in (*parts.outputs, *parts.next_state):
        if end.locals[local] is None:
            raise Refused(f"BODY gives local {local} no value on some path")
    lane, tick = parts.fuel[0], parts.fuel[1] + end.fuel
    call = 9  # entering, and the two tests
    outputs, state = [end.locals[i] for i in parts.outputs], [end.locals[i] for i in parts.next_state]
    return _meaning(machine, outputs, state, 7 + call + lane + tick, (call, lane, tick))


def _check_body(body: tuple[Instruction, ...], forbidden: set[int], read_only: set[int]) -> None:
    for instruction in body:
        if instruction.opcode not in BODY_MAY:
            raise Refused(f"BODY has {op.called(instruction.opcode)}; it may have arithmetic, select and if alone")
        if instruction.opcode in (op.LOCAL_GET, op.LOCAL_SET, op.LOCAL_TEE):
            writes = instruction.opcode != op.LOCAL_GET
            if instruction.value in forbidden or (writes and instruction.value in read_only):
                raise Refused(f"BODY touches local {instruction.value}, which is run's own")
        _check_body(instruction.body, forbidden, read_only)
        _check_body(instruction.otherwise or (), forbidden, read_only)


def _match(run: Function, states: int, inputs: int, outputs: int) -> _Run:
    if run.takes != (op.I32,) * 5 or run.gives:
        raise Refused("run does not take five i32 and give nothing")
    whole = _Form(run.body, "the whole")
    guarded = whole.inside(op.BLOCK, "the block")
    whole.end()
    for count in (LANES, TICKS):
        guarded.take(op.LOCAL_GET, count)
        guarded.take(op.I32_CONST, 0)
        guarded.take(0x4C)  # i32.le_s
        guarded.take(op.BR_IF, 0)
    lane = guarded.inside(op.LOOP, "the loop over lanes")
    guarded.end()
    state = [_load(lane, STATE, k) for k in range(states)]
    lane.take(op.LOCAL_GET, TICKS)
    lane.take(op.LOCAL_SET, LEFT)
    tick = lane.inside(op.LOOP, "the loop over ticks")
    given = [_load(tick, INPUTS, j) for j in range(inputs)]
    tail = 3 * outputs + 2 * states + 4 * (inputs > 0) + 4 * (outputs > 0) + 5
    start, tick.at = tick.at, len(tick.body) - tail
    if tick.at < start:
        raise tick.wrong("the loads, BODY and the stores")
    body = tick.body[start : tick.at]
    stored = [_store(tick, OUTPUTS, j) for j in range(outputs)]
    following = [_copy(tick, local) for local in state]
    _advance(tick, INPUTS, 4 * inputs)
    _advance(tick, OUTPUTS, 4 * outputs)
    _count_down(tick, LEFT)
    for k, local in enumerate(state):
        if _store(lane, STATE, k) != local:
            raise lane.wrong(f"the local of state {k}")
    _advance(lane, STATE, 4 * states)
    _count_down(lane, LANES)
    own = [*state, *given, *stored, *following]
    if len(set(own)) != len(own) or any(local <= LEFT or run.locals[local] != op.I32 for local in own):
        raise Refused("run's locals of state, inputs, outputs and next state are not i32 apart from each other")
    if run.locals[LEFT] != op.I32:
        raise Refused("run's local 5 is no i32")
    lane_cost, tick_cost = 3 * states + 2 + 3 * states + 4 * (states > 0) + 5, 3 * inputs + tail
    return _Run(state, given, stored, following, body, (lane_cost, tick_cost))


def _load(form: _Form, pointer: int, place: int) -> int:
    form.take(op.LOCAL_GET, pointer)
    form.take(op.I32_LOAD, 4 * place)
    return form.take(op.LOCAL_SET).value


def _store(form: _Form, pointer: int, place: int) -> int:
    form.take(op.LOCAL_GET, pointer)
    local = form.take(op.LOCAL_GET).value
    form.take(op.I32_STORE, 4 * place)
    return local


def _copy(form: _Form, into: int) -> int:
    local = form.take(op.LOCAL_GET).value
    form.take(op.LOCAL_SET, into)
    return local


def _advance(form: _Form, pointer: int, by: int) -> None:
    if by:
        form.take(op.LOCAL_GET, pointer)
        form.take(op.I32_CONST, by)
        form.take(0x6A)  # i32.add
        form.take(op.LOCAL_SET, pointer)


def _count_down(form: _Form, counter: int) -> None:
    """The end of a loop that goes on while `counter` is left."""
    form.take(op.LOCAL_GET, counter)
    form.take(op.I32_CONST, 1)
    form.take(0x6B)  # i32.sub
    form.take(op.LOCAL_TEE, counter)
    form.take(op.BR_IF, 0)
    form.end()
