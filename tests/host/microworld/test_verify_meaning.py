"""What the verifier says bytes mean is what they do: its terms against wasmtime and the node's machine."""

import random

import numpy as np
import pytest

from host_bridge.microworld import bytecode, wasm
from host_bridge.microworld.program import INT_MAX, INT_MIN
from host_bridge.microworld.runtime import Sandbox, Shape, WorldFault
from host_bridge.microworld.verify.bytecode import code_meaning
from host_bridge.microworld.verify.evaluate import compiled, evaluate
from host_bridge.microworld.verify.smt import Smt
from host_bridge.microworld.verify.term import cone
from host_bridge.microworld.verify.terms import Terms
from tests.host.microworld.programs import random_program, vectors
from tests.host.microworld.verify_kit import meant, wide, world
from tests.host.microworld.wat_kit import module

SANDBOX = Sandbox(deadline_ms=10_000)
TWO = world((wide("a"), wide("b")), (wide("low"), wide("high")))
CORNERS = (0, 1, -1, 2, -2, 3, 31, 32, 255, -256, 65535, 65536, 1 << 30, INT_MAX, INT_MAX - 1, INT_MIN, INT_MIN + 1)

COMPARED = ("eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u")
COMPUTED = ("add", "sub", "mul", "div_s", "div_u", "rem_s", "rem_u")
SHIFTED = ("shl", "shr_s", "shr_u")


def operands():
    chance = random.Random(5)
    pairs = [(a, b) for a in CORNERS for b in CORNERS]
    return pairs + [(chance.randint(INT_MIN, INT_MAX), chance.randint(INT_MIN, INT_MAX)) for _ in range(40)]


def assert_same(wasm_bytes, program, cases, handwritten=True):
    """The terms give, and say they trap, what and where wasmtime does."""
    found = meant(wasm_bytes, program, handwritten)
    names = [quantity.name for quantity in (*program.state, *program.inputs)]
    terms = compiled([found.trap, *found.next_state, *found.outputs], names)
    loaded = SANDBOX.load(wasm_bytes)
    instance = loaded.instance(Shape.of(program))
    for state, inputs in cases:
        traps, *values = terms([*state, *inputs])
        try:
            after, outputs = instance.step(state, inputs)
        except WorldFault as fault:
            assert fault.cause == "trap"
            assert traps, (state, inputs)
            instance = loaded.instance(Shape.of(program))
            continue
        assert not traps, (state, inputs)
        assert tuple(values) == (*after, *outputs), (state, inputs)
        assert instance.fuel_used <= found.fuel


def both_halves(expression: str) -> bytes:
    """A module whose outputs are the low and the high half of an i64."""
    return module(f"""(local i64) (local.set 0 {expression})
      (i32.store (i32.const 24) (i32.wrap_i64 (local.get 0)))
      (i32.store (i32.const 28) (i32.wrap_i64 (i64.shr_s (local.get 0) (i64.const 32))))""")


A32, B32 = "(i32.load (i32.const 16))", "(i32.load (i32.const 20))"
A64, B64 = f"(i64.extend_i32_s {A32})", f"(i64.extend_i32_s {B32})"
# From one i32 a number that uses all of the 64 bits.
WIDE = f"(i64.add (i64.shl {A64} (i64.const 32)) (i64.extend_i32_u {B32}))"


def one_word(expression: str) -> bytes:
    return module(f"(i32.store (i32.const 24) {expression}) (i32.store (i32.const 28) (i32.const 0))")


@pytest.mark.parametrize("name", [*COMPARED, *COMPUTED])
def test_an_operation_of_32_bits_is_exact_for_all_operands(name):
    assert_same(one_word(f"(i32.{name} {A32} {B32})"), TWO, [((), pair) for pair in operands()])


@pytest.mark.parametrize("name", COMPUTED)
def test_an_operation_of_64_bits_is_exact_for_all_operands(name):
    assert_same(both_halves(f"(i64.{name} {WIDE} {B64})"), TWO, [((), pair) for pair in operands()])
    assert_same(both_halves(f"(i64.{name} {A64} {WIDE})"), TWO, [((), pair) for pair in operands()])


@pytest.mark.parametrize("name", COMPARED)
def test_a_comparison_of_64_bits_is_exact(name):
    assert_same(one_word(f"(i64.{name} {WIDE} {A64})"), TWO, [((), pair) for pair in operands()])


@pytest.mark.parametrize("name", ["div_s", "div_u", "rem_s", "rem_u"])
@pytest.mark.parametrize("divisor", [0, 1, -1, 7, -7, 1 << 20, INT_MIN])
def test_a_division_by_a_constant_is_exact(name, divisor):
    cases = [((), pair) for pair in operands()]
    assert_same(one_word(f"(i32.add {A32} (i32.{name} {A32} (i32.const {divisor})))"), TWO, cases)
    assert_same(both_halves(f"(i64.{name} {WIDE} (i64.const {divisor}))"), TWO, cases)


@pytest.mark.parametrize("name", SHIFTED)
@pytest.mark.parametrize("places", [0, 1, 7, 31, 32, 33])
def test_a_shift_by_a_constant_is_exact(name, places):
    cases = [((), pair) for pair in operands()]
    assert_same(one_word(f"(i32.{name} {A32} (i32.const {places}))"), TWO, cases)
    assert_same(both_halves(f"(i64.{name} {WIDE} (i64.const {places + 30}))"), TWO, cases)


@pytest.mark.parametrize("name", ["and", "or", "xor"])
@pytest.mark.parametrize("mask", [0, 1, 255, 0x7FFFFFFF, -1, -2, -256, INT_MIN])
def test_bits_with_a_mask_are_exact(name, mask):
    assert_same(one_word(f"(i32.{name} {A32} (i32.const {mask}))"), TWO, [((), pair) for pair in operands()])


@pytest.mark.parametrize("name", ["and", "or", "xor"])
def test_bits_with_a_condition_or_a_sign_are_exact(name):
    cases = [((), pair) for pair in operands()]
    assert_same(one_word(f"(i32.{name} {A32} (i32.lt_s {A32} {B32}))"), TWO, cases)
    assert_same(one_word(f"(i32.{name} (i32.shr_s {B32} (i32.const 31)) {A32})"), TWO, cases)


@pytest.mark.parametrize("name", ["extend8_s", "extend16_s", "eqz"])
def test_an_operation_of_one_operand_is_exact(name):
    assert_same(one_word(f"(i32.{name} {A32})"), TWO, [((), pair) for pair in operands()])


@pytest.mark.parametrize("load", ["load8_s", "load8_u", "load16_s", "load16_u"])
@pytest.mark.parametrize("at", [16, 17, 18])
def test_a_part_of_a_word_is_loaded_exactly(load, at):
    assert_same(one_word(f"(i32.{load} (i32.const {at}))"), TWO, [((), pair) for pair in operands()])


def test_two_words_are_loaded_and_stored_at_once():
    swapped = "(i64.store (i32.const 24) (i64.add (i64.load (i32.const 16)) (i64.const 1)))"
    assert_same(module(swapped), TWO, [((), pair) for pair in operands()])


BRANCHES = f"""(local i32 i32)
 (block $out
  (block $odd
   (br_if $odd (i32.and {A32} (i32.const 1)))
   (if (i32.lt_s {A32} {B32}) (then (local.set 0 (i32.const 5)) (br $out)))
   (local.set 0 (block (result i32) (drop (br_if 0 (i32.const 6) (i32.eqz {B32}))) (i32.const 7))))
  (local.set 1 (i32.add (local.get 0) (i32.const 100)))
  (if (i32.gt_s (local.get 1) {B32}) (then
    (i32.store (i32.const 24) (i32.const -1)) (i32.store (i32.const 28) (i32.const -2)) (return))))
 (i32.store (i32.const 24) (local.get 0))
 (i32.store (i32.const 28) (local.get 1))"""


def test_forward_branches_out_of_blocks_and_returns_are_followed():
    assert_same(module(BRANCHES), TWO, [((), pair) for pair in operands()])


def test_a_step_that_gives_up_traps_where_it_does():
    body = f"""(if (i32.lt_s {A32} {B32}) (then unreachable))
      (i32.store (i32.const 24) (i32.const 1)) (i32.store (i32.const 28) (i32.const 2))"""
    assert_same(module(body), TWO, [((), pair) for pair in operands()])


def random_programs(seeds):
    return [random_program(random.Random(seed)) for seed in seeds]


FEW, MANY = range(8), range(1000, 1400)


def assert_wasm_is_followed(seeds):
    for program in random_programs(seeds):
        assert_same(wasm.compile(program), program, vectors(program, 10), handwritten=False)


def test_a_compiled_program_means_what_it_does_and_costs_no_more_than_the_bound():
    assert_wasm_is_followed(FEW)


@pytest.mark.slow
def test_many_compiled_programs_mean_what_they_do():
    assert_wasm_is_followed(MANY)


def test_the_bound_of_a_batch_is_never_below_what_it_costs():
    program = random_program(random.Random(3))
    found = meant(wasm.compile(program), program)
    call, lane, tick = found.fuel_run
    shape = Shape.of(program)
    for lanes, ticks in ((1, 1), (1, 50), (7, 3), (0, 5)):
        instance = (
            Sandbox(fuel=10**9, memory_bytes=1 << 20, deadline_ms=10_000).load(wasm.compile(program)).instance(shape)
        )
        instance.run(np.zeros((lanes, shape.state), np.int32), np.zeros((lanes, ticks, shape.inputs), np.int32))
        assert 0 < instance.fuel_used <= call + lanes * (lane + ticks * tick)
        assert instance.fuel_used >= lanes * ticks * tick // 4


def assert_bytecode_is_followed(seeds):
    for program in random_programs(seeds):
        code = bytecode.compile(program)
        found = code_meaning(code, program, Terms())
        names = [quantity.name for quantity in (*program.state, *program.inputs)]
        terms = compiled([*found.next_state, *found.outputs], names)
        for state, inputs in vectors(program, 10):
            after, outputs = bytecode.run(code, state, inputs)
            assert terms([*state, *inputs]) == (*after, *outputs)


def test_the_nodes_bytecode_means_what_its_machine_does():
    assert_bytecode_is_followed(FEW)


@pytest.mark.slow
def test_much_bytecode_means_what_its_machine_does():
    assert_bytecode_is_followed(MANY)


OPERATIONS = dict(enumerate(("add", "sub", "mul", "div", "mod", "muldiv", "min", "max", "lt", "le", "eq", "ne")))


@pytest.mark.parametrize("opcode", OPERATIONS, ids=OPERATIONS.get)
def test_an_instruction_of_the_bytecode_is_exact_for_all_operands(opcode):
    """The node's machine is total: it divides by 0, and wraps around."""
    muldiv = OPERATIONS[opcode] == "muldiv"
    every = b"\xff\xff\xff\xff\x0f"  # as least: -2^31; as how far above: 2^32 - 1
    arguments = bytes([0, 1, 2]) if muldiv else bytes([0, 1])
    code = bytes([1, 0, 3, 1, 0, 1, 1, 255, 3]) + 6 * every + bytes([opcode]) + arguments
    program = world((wide("a"), wide("b"), wide("c")), (wide("o"),))
    terms = compiled(code_meaning(code, program, Terms()).outputs, "abc")
    chance = random.Random(3)
    for a, b in operands():
        c = chance.choice(CORNERS)
        assert (terms((a, b, c)),) == bytecode.run(code, (), (a, b, c))[1:], (a, b, c)


def assert_z3_agrees(seeds):
    """What z3 is told is what the terms are, and every value is within its term's interval."""
    for program in random_programs(seeds):
        found = meant(wasm.compile(program), program)
        roots = [*found.outputs, *found.next_state]
        terms, smt = cone(*roots), Smt(10)
        for state, inputs in vectors(program, 1):
            values = dict(zip([q.name for q in (*program.state, *program.inputs)], [*state, *inputs], strict=True))
            results = dict(zip(terms, evaluate(terms, values), strict=True))
            for term, value in results.items():
                legal = all(results[part.args[1]] > 0 for part in cone(term) if part.op in ("fdiv", "fmod"))
                assert term.low <= value <= term.high or not legal  # a side not taken may divide by 0
            numbers = {name: smt.number(value) for name, value in values.items()}
            known = {}
            wrong = [smt.formula(root, numbers, known) != smt.number(results[root]) for root in roots]
            assert smt.check([smt.either(wrong)], share=0.5) is None


def test_z3_is_told_what_the_terms_are():
    assert_z3_agrees(range(3))


@pytest.mark.slow
def test_z3_is_told_what_many_terms_are():
    assert_z3_agrees(range(1000, 1040))
