"""Program to WebAssembly: text of the fixed shape that README.md tells, and the bytes of that text.

The same Program gives the same bytes. Locals have numbers, not names, so that the module carries no name section.
"""

from collections.abc import Iterable

import wasmtime

from host_bridge.microworld.program import Program
from host_bridge.microworld.wasm_body import Body

RECORD_AT = 16  # address of `step`'s record: state, inputs, outputs, each an i32
LANES, TICKS, STATE, INPUTS, OUTPUTS, LEFT = range(6)  # locals of `run`, before those of its body


def compile(program: Program) -> bytes:
    """The module's bytes. `program` is one that ranges.check has passed."""
    return bytes(wasmtime.wat2wasm(wat(program)))


def addresses(program: Program) -> tuple[int, int, int]:
    """Where the state, the inputs and the outputs of `step` begin."""
    inputs = RECORD_AT + 4 * len(program.state)
    return RECORD_AT, inputs, inputs + 4 * len(program.inputs)


def wat(program: Program) -> str:
    """The module as WebAssembly text."""
    body = Body(program)
    counts = len(program.state), len(program.inputs), len(program.outputs)
    lines = [
        "(module",
        '(import "env" "memory" (memory 1))',
        '(func (export "step")',
        *(f"i32.const {number}" for number in (1, 1, *addresses(program))),
        "call 1)",
        f";; locals: 0 lanes, 1 ticks, 2 state, 3 inputs, 4 outputs, 5 left, {body.legend()}",
        f'(func (export "run") (param i32 i32 i32 i32 i32) (local {" ".join(["i32"] * (body.locals - LEFT))})',
        *_loops(body, *counts),
        "))",
    ]
    return "\n".join(lines) + "\n"


def _loops(body: Body, states: int, inputs: int, outputs: int) -> list[str]:
    """`run`: for each lane, for each tick."""
    s, i, o, n = body.state, body.inputs, body.outputs, body.next_state
    return [
        "block",
        *(line for local in (LANES, TICKS) for line in (f"local.get {local}", "i32.const 0", "i32.le_s", "br_if 0")),
        "loop",
        *_load(STATE, s),
        f"local.get {TICKS}",
        f"local.set {LEFT}",
        "loop",
        *_load(INPUTS, i),
        *body.lines,
        *_store(OUTPUTS, o),
        *(line for old, new in zip(s, n, strict=True) for line in (f"local.get {new}", f"local.set {old}")),
        *_advance(INPUTS, inputs),
        *_advance(OUTPUTS, outputs),
        *_again(LEFT),
        *_store(STATE, s),
        *_advance(STATE, states),
        *_again(LANES),
        "end",
    ]


def _load(base: int, locals_: Iterable[int]) -> list[str]:
    lines: list[str] = []
    for place, local in enumerate(locals_):
        lines += [f"local.get {base}", f"i32.load offset={4 * place}", f"local.set {local}"]
    return lines


def _store(base: int, locals_: Iterable[int]) -> list[str]:
    lines: list[str] = []
    for place, local in enumerate(locals_):
        lines += [f"local.get {base}", f"local.get {local}", f"i32.store offset={4 * place}"]
    return lines


def _advance(base: int, count: int) -> list[str]:
    return [f"local.get {base}", f"i32.const {4 * count}", "i32.add", f"local.set {base}"] if count else []


def _again(counter: int) -> list[str]:
    return [f"local.get {counter}", "i32.const 1", "i32.sub", f"local.tee {counter}", "br_if 0", "end"]
