"""A counterexample carried out: on the bytes in a sandbox, watched by the reference's Monitor.

What a proof says is broken must break here as well; else the two disagree about the claim's meaning, and the trace is
not shown as a counterexample.
"""

from collections.abc import Sequence

from host_bridge.microworld.monitor import Monitor
from host_bridge.microworld.program import Program, Quantity
from host_bridge.microworld.reference import in_ranges
from host_bridge.microworld.runtime import Sandbox, Shape, WorldFault
from host_bridge.microworld.verify.unroll import Trace
from host_bridge.microworld.verify.well_formed import NO_TRAP


def replay(wasm: bytes, program: Program, trace: Trace) -> list[str]:
    """The claims that the last tick of `trace` breaks ("no trap" among them), run on the bytes from the start state.

    ValueError: a tick is not as the trace says.
    """
    instance = Sandbox(deadline_ms=1000).load(wasm).instance(Shape.of(program))
    monitor = Monitor(program)
    state: tuple[int, ...] = tuple(quantity.start for quantity in program.state)
    broken: list[str] = []
    for number, row in enumerate(trace):
        inputs = _row(row, program.inputs)
        if state != _row(row, program.state) or in_ranges(program, inputs):
            raise ValueError(f"tick {number} begins otherwise than the trace says")
        try:
            after, outputs = instance.step(state, inputs)
        except WorldFault as fault:
            return [NO_TRAP] if fault.cause == "trap" and number == len(trace) - 1 else []
        if outputs != _row(row, program.outputs):
            raise ValueError(f"tick {number} gives other outputs than the trace says")
        true = {q.name: row["true:" + q.name] for q in program.inputs if "true:" + q.name in row}
        broken = monitor.tick(state, inputs, outputs, after, true)
        state = after
    return broken


def _row(row: dict[str, int], quantities: Sequence[Quantity]) -> tuple[int, ...]:
    return tuple(row[quantity.name] for quantity in quantities)
