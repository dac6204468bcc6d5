"""Many modules over the same inputs: the inputs are placed in memory once, and each module runs over them there.

Without fuel: nobody waits for a batch as they do for a controller, so the deadline is enough, and a sweep has no use
for a budget that is as long as its run. (What fuel would cost is in ../README.md.)
"""

from typing import Any

import numpy as np
import wasmtime

from host_bridge.microworld.runtime.faults import WorldFault, fault_of
from host_bridge.microworld.runtime.sandbox import PAGE, Module, Sandbox, Shape, Words, instantiate, view


class Batch:
    """`lanes` homes of `ticks` each. One thread at a time; a process needs one.

    inputs [lanes, ticks, I], state [lanes, S], outputs [lanes, ticks, O]: int32 views of the memory. Fill `inputs`
    once and `state` before each run, which leaves the last state there; `outputs` are the last run's: copy what you
    keep. They take 4 * lanes * (S + ticks * (I + O)) bytes.
    """

    def __init__(self, lanes: int, ticks: int, shape: Shape, deadline_ms: int = 60_000) -> None:
        """Raises ValueError: more than 1 GiB."""
        sizes = [lanes * shape.state, lanes * ticks * shape.inputs, lanes * ticks * shape.outputs]
        starts = [PAGE + 4 * sum(sizes[:k]) for k in range(4)]  # the first page is for `step`
        if starts[3] > 1 << 30:
            raise ValueError(f"{starts[3] >> 20} MiB in one batch: run fewer lanes at a time")
        self.lanes, self.ticks, self.shape = lanes, ticks, shape
        self._starts = starts[:3]
        self._ready: tuple[Module, Any] | None = None  # the module that ran last
        self._sandbox = Sandbox(None, starts[3], deadline_ms, many=False)
        self._store = self._sandbox.store(None)
        self._memory = self._sandbox.memory(self._store)
        data = view(self._memory, self._store)
        held, given, made = (np.frombuffer(data, np.int32, sizes[k], starts[k]) for k in range(3))
        self.state: Words = held.reshape(lanes, shape.state)
        self.inputs: Words = given.reshape(lanes, ticks, shape.inputs)
        self.outputs: Words = made.reshape(lanes, ticks, shape.outputs)

    def load(self, wasm: bytes) -> Module:
        """Compile `wasm` for this batch. Raises WorldFault("refused")."""
        return self._sandbox.load(wasm)

    def run(self, module: Module) -> Words:
        """All lanes and ticks with `module`, a Module of this batch's `load`; returns `outputs`. Raises WorldFault.

        Cheapest where the same module runs again.
        """
        if self._ready is None or self._ready[0] is not module:
            self._sandbox.deadline.arm(self._store)
            exports = instantiate(self._store, module.compiled, self._memory).exports(self._store)
            if "run" not in exports:
                raise WorldFault("refused", "the module has no `run`: it is for single steps")
            run: Any = exports["run"]
            self._ready = module, run
        self._sandbox.deadline.arm(self._store)
        try:
            self._ready[1](self._store, self.lanes, self.ticks, *self._starts)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            raise fault_of(error) from None
        return self.outputs
