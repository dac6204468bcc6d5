"""The sandbox: what a module may do, and that whatever else it does ends as a WorldFault."""

import numpy as np
import pytest
from wasmtime import wat2wasm

from host_bridge.microworld.runtime import Batch, Sandbox, Shape, WorldFault
from tests.host.microworld.wat_kit import HEAD, HOSTILE, counter, module

ONE = Shape(1, 1, 1)
SANDBOX = Sandbox(100_000, deadline_ms=5_000)  # one engine for all: tests that need other limits make their own


def test_a_step_goes_from_state_and_inputs_to_the_next_state_and_the_outputs():
    instance = SANDBOX.load(counter()).instance(ONE)
    assert instance.step([5], [7]) == ((12,), (12,))
    assert instance.step([-(2**31)], [0]) == ((-(2**31),), (-(2**31),))
    assert instance.step([5], [-7]) == ((-2,), (-2,))


def test_the_state_is_the_callers_and_nothing_else_is_kept_of_the_outputs():
    silent = SANDBOX.load(module("(if (i32.load (i32.const 20)) (then (i32.store (i32.const 24) (i32.const 9))))"))
    instance = silent.instance(ONE)
    assert instance.step([3], [1]) == ((3,), (9,))
    assert instance.step([4], [0]) == ((4,), (0,))


def test_fuel_is_the_same_from_run_to_run():
    used = []
    for _ in range(3):
        instance = SANDBOX.load(counter()).instance(ONE)
        instance.step([5], [7])
        used.append(instance.fuel_used)
    assert used[0] > 10
    assert len(set(used)) == 1


def test_fuel_may_be_as_little_as_one_step_takes_and_not_much_less():
    loaded = SANDBOX.load(counter())
    probe = loaded.instance(ONE)
    probe.step([5], [7])
    enough = loaded.instance(ONE, probe.fuel_used)
    for _ in range(3):
        assert enough.step([5], [7]) == ((12,), (12,))
    with pytest.raises(WorldFault) as caught:
        loaded.instance(ONE, probe.fuel_used // 4).step([5], [7])
    assert caught.value.cause == "fuel"


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_hostile_step_does_ends_as_a_fault(name):
    body, cause = HOSTILE[name]
    instance = SANDBOX.load(module(body)).instance(ONE)
    with pytest.raises(WorldFault) as caught:
        instance.step([0], [0])
    assert caught.value.cause == cause
    assert SANDBOX.load(counter()).instance(ONE).step([1], [1]) == ((2,), (2,))  # and the others go on


@pytest.mark.parametrize("name", ["spins", "grows"])
def test_without_fuel_the_deadline_ends_it(name):
    instance = Sandbox(fuel=None, deadline_ms=8).load(module(HOSTILE[name][0])).instance(ONE)
    with pytest.raises(WorldFault) as caught:
        instance.step([0], [0])
    assert caught.value.cause == "deadline"


def test_the_deadline_is_there_again_after_the_thread_has_slept():
    sandbox = Sandbox(fuel=None, deadline_ms=4)
    good, bad = (sandbox.load(wasm).instance(ONE) for wasm in (counter(), module("(loop br 0)")))
    good.step([1], [1])
    sandbox.deadline.sleeps.wait(10)
    with pytest.raises(WorldFault) as caught:
        bad.step([0], [0])
    assert caught.value.cause == "deadline"


def test_a_step_that_did_not_have_the_processor_is_run_again(monkeypatch):
    instance = Sandbox(deadline_ms=2).load(counter()).instance(ONE)
    call, left = instance._call, [3]

    def interrupted(*arguments):
        if left[0]:
            left[0] -= 1
            instance._into.pack_into(instance._bytes, 16, 99, 99, 99)  # half of a step
            instance.fault = WorldFault("deadline", "")
            raise instance.fault
        call(*arguments)

    monkeypatch.setattr(instance, "_call", interrupted)
    assert instance.step([5], [7]) == ((12,), (12,))
    assert left == [0]


def test_an_instance_that_has_failed_is_not_run_again():
    instance = SANDBOX.load(module("(if (i32.load (i32.const 20)) (then unreachable))")).instance(ONE)
    assert instance.step([3], [0]) == ((3,), (0,))
    for inputs in ([1], [0]):
        with pytest.raises(WorldFault):
            instance.step([3], inputs)


def test_memory_does_not_grow():
    grows = module("(i32.store (i32.const 24) (memory.grow (i32.const 1)))")
    assert SANDBOX.load(grows).instance(ONE).step([0], [0])[1] == (-1,)
    assert Sandbox(memory_bytes=200_000).load(grows).instance(ONE).step([0], [0])[1] == (-1,)


REFUSED = {
    "another import": ('(module (import "env" "memory" (memory 1)) (import "env" "f" (func)) (func (export "step")))'),
    "wasi": '(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))) (func (export "step")))',
    "a memory of its own": '(module (memory 1) (func (export "step")))',
    "two memories": f'{HEAD} (memory 1) (func (export "step")))',
    "nothing exported": f"{HEAD} (func))",
    "a step with a result": f'{HEAD} (func (export "step") (result i32) i32.const 1))',
    "a step with a parameter": f'{HEAD} (func (export "step") (param i32)))',
    "a step that is a global": f'{HEAD} (global (export "step") i32 (i32.const 1)))',
    "a run of four": f'{HEAD} (func (export "step")) (func (export "run") (param i32 i32 i32 i32)))',
    "floats across many lanes": f'{HEAD} (func (export "step") (drop (v128.const i64x2 0 0))))',
    "many functions": f'{HEAD} (func (export "step")) {"(func)" * 8})',
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_asks_for_more_than_the_one_memory_is_refused(name):
    with pytest.raises(WorldFault) as caught:
        SANDBOX.load(wat2wasm(REFUSED[name])).instance(ONE)
    assert caught.value.cause == "refused"


@pytest.mark.parametrize("name", ["another import", "wasi", "a memory of its own"])
def test_what_it_imports_is_named_before_it_is_run(name):
    with pytest.raises(WorldFault, match="it imports .*; a microworld imports env.memory and nothing else"):
        SANDBOX.load(wat2wasm(REFUSED[name]))


def test_more_memory_than_is_given_is_refused():
    wants = wat2wasm('(module (import "env" "memory" (memory 2)) (func (export "step")))')
    with pytest.raises(WorldFault) as caught:
        SANDBOX.load(wants).instance(ONE)
    assert caught.value.cause == "refused"
    table = wat2wasm(f'{HEAD} (table 10000000 funcref) (func (export "step")))')
    with pytest.raises(WorldFault) as caught:
        SANDBOX.load(table).instance(ONE)
    assert caught.value.cause == "refused"


def test_a_start_function_that_does_not_end_is_ended():
    endless = wat2wasm(f'{HEAD} (func (export "step")) (func $s (loop br 0)) (start $s))')
    with pytest.raises(WorldFault) as caught:
        SANDBOX.load(endless).instance(ONE)
    assert caught.value.cause == "fuel"


def test_what_would_take_long_to_compile_is_not_compiled():
    large = module("(drop (i32.const 1))" * 3000)
    assert len(large) > 8192
    with pytest.raises(WorldFault, match="8192 are the most"):
        SANDBOX.load(large)


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_bytes_that_are_cut_or_turned_are_refused_or_run(cut):
    good = counter()
    for wasm in (good[:cut], good[:cut] + bytes([good[cut] ^ 0x55]) + good[cut + 1 :], b""):
        try:
            SANDBOX.load(wasm).instance(ONE).step([1], [1])
        except WorldFault:
            continue


def test_the_decoder_sees_the_bytes_before_the_compiler_does():
    seen = []

    def refuse(wasm):
        seen.append(wasm)
        raise RuntimeError("not mine")

    with pytest.raises(RuntimeError, match="not mine"):
        SANDBOX.load(b"no module at all", refuse)
    assert seen == [b"no module at all"]


def test_the_wrong_number_of_words_is_a_mistake_of_the_caller():
    instance = SANDBOX.load(counter()).instance(ONE)
    with pytest.raises(ValueError, match="got 2 of the state"):
        instance.step([1, 2], [3])


def test_run_steps_all_lanes_and_brings_the_state_up_to_date():
    instance = SANDBOX.load(counter()).instance(ONE)
    state = np.array([[10], [20]], np.int32)
    outputs = instance.run(state, np.arange(6, dtype=np.int32).reshape(2, 3, 1))
    assert outputs.tolist() == [[[10], [11], [13]], [[23], [27], [32]]]
    assert state.tolist() == [[13], [32]]


def test_run_says_what_does_not_fit():
    instance = SANDBOX.load(counter()).instance(ONE)
    with pytest.raises(ValueError, match="use Batch"):
        instance.run(np.zeros((1, 1), np.int32), np.zeros((1, 20_000, 1), np.int32))
    with pytest.raises(ValueError, match="state is"):
        instance.run(np.zeros((2, 1), np.int32), np.zeros((1, 2, 1), np.int32))
    with pytest.raises(WorldFault, match="has no `run`"):
        SANDBOX.load(module("")).instance(ONE).run(np.zeros((1, 1), np.int32), np.zeros((1, 2, 1), np.int32))


def test_a_batch_runs_many_modules_over_inputs_that_are_placed_once():
    batch = Batch(3, 100, ONE)
    batch.inputs[:] = np.random.default_rng(1).integers(-50, 50, batch.inputs.shape)
    before = batch.inputs.copy()
    for first in (0, 7):
        batch.state[:] = first
        outputs = batch.run(batch.load(counter()))
        assert (outputs[:, :, 0] == first + np.cumsum(before[:, :, 0], axis=1)).all()
        assert (batch.state[:, 0] == outputs[:, -1, 0]).all()
    assert (batch.inputs == before).all()


def test_a_batch_ends_at_its_deadline():
    spin = wat2wasm(f'{HEAD} (func (export "step")) (func (export "run") (param i32 i32 i32 i32 i32) (loop br 0)))')
    batch = Batch(1, 1, ONE, deadline_ms=8)
    with pytest.raises(WorldFault) as caught:
        batch.run(batch.load(spin))
    assert caught.value.cause == "deadline"
    batch.inputs[:] = 4
    assert batch.run(batch.load(counter())).tolist() == [[[4]]]


def test_arrays_of_a_batch_outlive_it():
    outputs = Batch(2, 2, ONE).outputs
    outputs[:] = 3
    assert outputs.sum() == 12


def test_a_batch_that_is_too_large_says_so():
    with pytest.raises(ValueError, match="fewer lanes"):
        Batch(1000, 8760, Shape(2, 30, 20))
