"""Modules, loaded and run one tick at a time: what goes wrong inside ends as a WorldFault, never as more."""

import hashlib
import math
import struct
import time
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import wasmtime
from numpy.typing import NDArray

from host_bridge.microworld.runtime.deadline import Deadline
from host_bridge.microworld.runtime.faults import WorldFault, fault_of, first_line
from host_bridge.microworld.runtime.interface import check_interface, check_size

if TYPE_CHECKING:
    from host_bridge.microworld.program import Program

PAGE = 65536
RECORD = 16  # the address of state, inputs, outputs
STACK_BYTES = 128 * 1024
OFF = ("threads", "simd", "relaxed_simd", "tail_call", "bulk_memory", "multi_value", "multi_memory",
       "memory64", "exceptions", "function_references", "gc", "component_model")  # fmt: skip

Words = NDArray[np.int32]


class Shape(NamedTuple):
    """How many words of 32 bits a record has of each."""

    state: int
    inputs: int
    outputs: int

    @classmethod
    def of(cls, program: "Program") -> Self:
        return cls(len(program.state), len(program.inputs), len(program.outputs))


class Sandbox:
    """What a module may use: `fuel` for a step (about an instruction each; None: unlimited), `memory_bytes`, and
    `deadline_ms` for a call. Not to be used by two threads at once.

    Fuel ends what runs away, at the same instruction every time; the deadline is for what fuel does not count. A step
    that did not have the processor meanwhile is not blamed for it: it is run again.
    """

    def __init__(
        self, fuel: int | None = 1_000_000, memory_bytes: int = PAGE, deadline_ms: int = 10, *, many: bool = True
    ) -> None:
        """`many`: room for thousands of instances in the 2^39 bytes of addresses that small machines have; without
        it loads and stores need no check, which makes batches faster.
        """
        self.fuel, self.deadline_ms = fuel, deadline_ms
        self.pages = max(1, math.ceil(memory_bytes / PAGE))
        self.engine = wasmtime.Engine(self._config(many))
        self.deadline = Deadline(self.engine, deadline_ms)
        weakref.finalize(self, self.deadline.end)

    def _config(self, many: bool) -> wasmtime.Config:
        config = wasmtime.Config()
        for proposal in reversed(OFF):
            setattr(config, f"wasm_{proposal}", False)
        config.consume_fuel = self.fuel is not None
        config.epoch_interruption = True
        config.max_wasm_stack = STACK_BYTES
        config.parallel_compilation = False
        if many:
            config.memory_may_move = False
            config.memory_reservation = self.pages * PAGE
            config.memory_guard_size = PAGE
        return config

    def load(self, wasm: bytes, accept: Callable[[bytes], object] | None = None) -> "Module":
        """Compile `wasm`; `accept` sees it before and raises what it will. Raises WorldFault("refused")."""
        check_size(wasm)
        if accept is not None:
            accept(wasm)
        try:
            module = wasmtime.Module(self.engine, wasm)
        except wasmtime.WasmtimeError as error:
            raise WorldFault("refused", f"no module that can run here: {first_line(error)}") from None
        check_interface(module)
        return Module(self, wasm, module)

    def store(self, fuel: int | None) -> wasmtime.Store:
        """A store with the limits; memory that is not ours cannot be had in it."""
        store = wasmtime.Store(self.engine)
        # C's compilers leave a table with one element, which nothing can reach.
        store.set_limits(memory_size=self.pages * PAGE, table_elements=1, tables=1, memories=1)
        if fuel is not None:
            store.set_fuel(fuel)
        return store

    def memory(self, store: wasmtime.Store) -> wasmtime.Memory:
        """Memory of zeros that cannot grow."""
        return wasmtime.Memory(store, wasmtime.MemoryType(wasmtime.Limits(self.pages, self.pages)))


class Module:
    """Compiled bytes; `digest` is SHA-256 of them, in hex."""

    def __init__(self, sandbox: Sandbox, wasm: bytes, compiled: wasmtime.Module) -> None:
        self.wasm, self.digest = wasm, hashlib.sha256(wasm).hexdigest()
        self.sandbox, self.compiled = sandbox, compiled

    def instance(self, shape: Shape, fuel: int | None = None) -> "Instance":
        """One world of this module, with memory of its own. `fuel` of a step, the sandbox's unless given.

        Raises WorldFault: its start function does not end, or it wants memory of its own.
        """
        return Instance(self, shape, self.sandbox.fuel if fuel is None else fuel)


class Instance:
    """One world. It keeps nothing between steps but what the caller hands in again: the state is the caller's."""

    def __init__(self, module: Module, shape: Shape, fuel: int | None) -> None:
        self.module, self.shape = module, shape
        self.fault: WorldFault | None = None
        sandbox = module.sandbox
        self._fuel, self._deadline = (fuel if sandbox.fuel is not None else None), sandbox.deadline
        self._store = sandbox.store(self._fuel)
        self._memory = sandbox.memory(self._store)
        self.fuel_used = 0
        self._exports = self._made()
        self._step = self._exports["step"]
        self._bytes = view(self._memory, self._store)
        self._into = struct.Struct(f"<{shape.state + shape.inputs + shape.outputs}i")
        self._state = struct.Struct(f"<{shape.state}i")
        self._outputs = struct.Struct(f"<{shape.outputs}i")
        self._zeros = (0,) * shape.outputs  # an output that is not written must not be the last tick's

    def _made(self) -> Any:
        self._deadline.arm(self._store)
        return instantiate(self._store, self.module.compiled, self._memory).exports(self._store)

    def step(self, state: Sequence[int], inputs: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """One tick: (next state, outputs). Raises WorldFault; after one this instance is not run again."""
        if len(state) != self.shape.state or len(inputs) != self.shape.inputs:
            raise ValueError(f"{self.shape}: got {len(state)} of the state and {len(inputs)} inputs")
        began_s = None
        while True:
            self._into.pack_into(self._bytes, RECORD, *state, *inputs, *self._zeros)
            before_s = time.thread_time()
            try:
                self._call(self._step, self._fuel)
                break
            except WorldFault as fault:
                began_s = before_s if began_s is None else began_s
                had_ms = 1000 * (time.thread_time() - began_s)
                if fault.cause != "deadline" or had_ms >= self.module.sandbox.deadline_ms / 2:
                    raise
                self.fault = None  # others had the processor: the step is as it was before
        after = self._state.unpack_from(self._bytes, RECORD)
        return after, self._outputs.unpack_from(self._bytes, RECORD + 4 * (self.shape.state + self.shape.inputs))

    def run(self, state: Words, inputs: Words) -> Words:
        """Ticks of many lanes: `state` [lanes, S] is brought up to date, `inputs` are [lanes, ticks, I]; returns the
        outputs [lanes, ticks, O]. The fuel is that of a step for each. Raises WorldFault; ValueError: no room.
        """
        lanes, ticks = inputs.shape[:2]
        words = [state.size, inputs.size, lanes * ticks * self.shape.outputs]
        starts = [RECORD + 4 * sum(words[:k]) for k in range(4)]
        if starts[3] > len(self._bytes):
            raise ValueError(f"{starts[3]} bytes do not fit: Sandbox(memory_bytes={starts[3]}), or use Batch")
        if state.shape != (lanes, self.shape.state) or inputs.shape[2] != self.shape.inputs:
            raise ValueError(f"{self.shape}: state is {state.shape}, inputs are {inputs.shape}")
        if "run" not in self._exports:
            raise WorldFault("refused", "the module has no `run`: step it")
        held, given, made = (np.frombuffer(self._bytes, np.int32, words[k], starts[k]) for k in range(3))
        held[:], given[:], made[:] = state.ravel(), inputs.ravel(), 0
        self._call(self._exports["run"], self._fuel and self._fuel * max(1, lanes * ticks), lanes, ticks, *starts[:3])
        state[:] = held.reshape(state.shape)
        return made.reshape(lanes, ticks, self.shape.outputs).copy()

    def _call(self, function: Any, fuel: int | None, *arguments: int) -> None:
        if self.fault is not None:
            raise self.fault
        store = self._store
        if fuel is not None:
            store.set_fuel(fuel)
        self._deadline.arm(store)
        try:
            function(store, *arguments)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            self.fault = fault_of(error)
            raise self.fault from None
        finally:
            if fuel is not None:
                self.fuel_used = fuel - store.get_fuel()


def view(memory: wasmtime.Memory, store: wasmtime.Store) -> Any:
    """The bytes of `memory`, which live as long as anything looks at them."""
    found = memory.get_buffer_ptr(store)
    found.keeps = store  # type: ignore[attr-defined]
    return found


def instantiate(store: wasmtime.Store, module: wasmtime.Module, memory: wasmtime.Memory) -> wasmtime.Instance:
    """`module` over `memory`. Raises WorldFault."""
    try:
        return wasmtime.Instance(store, module, [memory])
    except wasmtime.Trap as error:
        raise fault_of(error) from None
    except wasmtime.WasmtimeError as error:
        raise WorldFault("refused", f"it wants what is not to be had here: {first_line(error)}") from None
