"""What the verifier does not follow: refused, with a reason that says what it is."""

import pytest
from wasmtime import wat2wasm

from host_bridge.microworld import wasm
from host_bridge.microworld.verify import verify
from host_bridge.microworld.verify.reader import Reader, Refused
from tests.host.microworld.verify_kit import RIGHT, SUM, by_hand, meant, op, outcomes, wide, world
from tests.host.microworld.wat_kit import HEAD, module

PLAIN = wat2wasm(f'{HEAD} (func (export "step") {RIGHT}))')  # without names of its own


def refusal(case):
    (found,) = case.verdicts
    assert (found.claim, found.outcome) == ("the bytes can be followed", "refused")
    assert not case.accepted
    return found.says


def test_the_right_one_is_accepted():
    assert by_hand(RIGHT).accepted


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("(loop br 0)", "a loop"),
        ("(loop nop)", "a loop"),
        ("(call $step)", "a call"),
        ("(drop (f32.const 1))", "floating-point"),
        ("(drop (f64.sqrt (f64.convert_i32_s (i32.const 4))))", "floating-point"),
        ("(drop (memory.grow (i32.const 1)))", "memory.grow"),
        ("(drop (memory.size))", "memory.size"),
        ("(memory.fill (i32.const 16) (i32.const 0) (i32.const 4))", "bulk memory"),
        ("(drop (i32.popcnt (i32.const 4)))", "popcnt"),
        ("(drop (i32.load (i32.load (i32.const 16))))", "not constant"),
        ("(i32.store (i32.load (i32.const 16)) (i32.const 1))", "not constant"),
        ("(i32.store (i32.const 12) (i32.const 1))", "writes address 12"),
        ("(i32.store (i32.const 28) (i32.const 1))", "writes address 28"),
        ("(i32.store (i32.const 18) (i32.const 1))", "writes address 18"),
        ("(i32.store (i32.const -4) (i32.const 1))", "writes address 4294967292"),
        ("(i64.store (i32.const 24) (i64.const 1))", "writes address 28"),
        ("(i32.store (i32.const 20) (i32.const 1))", "writes the input i"),
        ("(drop (i32.load (i32.const 24)))", "reads address 24"),
        ("(drop (i32.load (i32.const 0)))", "reads address 0"),
        ("(drop (i32.load (i32.const 18)))", "across two"),
        ("nop", "does not write the output o"),
        ("(if (i32.load (i32.const 20)) (then (i32.store (i32.const 24) (i32.const 1))))", "output o on every path"),
        ("unreachable", "it always traps"),
        ("(drop (i32.shl (i32.const 1) (i32.load (i32.const 20))))", "a shift"),
        ("(drop (i32.and (i32.load (i32.const 16)) (i32.load (i32.const 20))))", "`and` of bits"),
        ("return (i32.store (i32.const 24) (i32.const 1))", "nothing reaches"),
        ("(drop (v128.const i32x4 0 0 0 0))", "vector"),
    ],
)
def test_a_step_that_cannot_be_followed_is_refused(body, says):
    assert says in refusal(by_hand(body))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(module)", 'import "env" "memory" is missing'),
        ('(module (memory 1) (func (export "step")))', "a memory of its own"),
        ('(module (import "env" "memory" (memory 2)) (func (export "step")))', "2 pages"),
        ('(module (import "env" "memory" (memory 0)) (func (export "step")))', "0 pages"),
        ('(module (import "env" "memory" (memory 1)) (import "env" "f" (func)) (func (export "step")))', "'env' 'f'"),
        ('(module (import "wasi" "memory" (memory 1)) (func (export "step")))', "'wasi' 'memory'"),
        ('(module (import "env" "memory" (memory i64 1)) (func (export "step")))', "64 bits"),
        (f'{HEAD} (func $s) (start $s) (func (export "step")))', "a start function"),
        (f'{HEAD} (data (i32.const 0) "x") (func (export "step")))', "data"),
        (f'{HEAD} (table 1 funcref) (elem (i32.const 0) $s) (func $s (export "step")))', "elements"),
        (f'{HEAD} (func (export "step")) (func (export "other")))', "'other'"),
        (f'{HEAD} (func (export "run")))', "exports no step"),
        (f'{HEAD} (func (export "step") (param i32)))', "step takes or gives"),
        (f'{HEAD} (func (export "step")) (func))', "2 functions"),
        (f'{HEAD} (func (export "step")) (func) (func))', "3 functions"),
        (f'{HEAD} (global (mut i32) (i32.const 1)) (func (export "step") (drop (global.get 0))))', "global.get"),
        (f'{HEAD} (func (export "step") (local f32)))', "no i32 or i64"),
        (f'{HEAD} (func (export "step")) (export "memory" (memory 0)))', "'memory'"),
    ],
)
def test_a_module_with_more_than_it_needs_is_refused(text, says):
    assert says in refusal(verify(wat2wasm(text), SUM, handwritten=True))


def test_bytes_that_are_no_module_are_refused():
    assert "not a WebAssembly module" in refusal(verify(b"", SUM))
    assert "not a WebAssembly module" in refusal(verify(b"\x7fELF" + bytes(100), SUM))
    assert "at most 65536" in refusal(verify(PLAIN + bytes(70000), SUM))
    for end in range(8, len(PLAIN)):
        assert refusal(verify(PLAIN[:end], SUM, handwritten=True))


def test_sections_come_in_order_and_once():
    types = PLAIN[8 : 10 + PLAIN[9]]
    assert "section 1 after section 1" in refusal(verify(PLAIN[:8] + types + PLAIN[8:], SUM, handwritten=True))
    assert "section 1 after section 10" in refusal(verify(PLAIN + types, SUM, handwritten=True))
    assert "too many" in refusal(verify(PLAIN[:9] + bytes([PLAIN[9] + 1]) + PLAIN[10:], SUM, handwritten=True))
    assert verify(PLAIN + bytes([0, 5, 4]) + b"name", SUM, handwritten=True).accepted
    assert "UTF-8" in refusal(verify(PLAIN + bytes([0, 2, 1, 0xFF]), SUM, handwritten=True))
    assert "unknown kind 13" in refusal(verify(PLAIN + bytes([13, 0]), SUM, handwritten=True))


@pytest.mark.parametrize(
    ("content", "bits", "value"),
    [
        (b"\x00", 32, 0),
        (b"\xff\xff\xff\xff\x0f", 32, 2**32 - 1),
        (b"\x80\x00", 32, 0),
        (b"\xff\xff\xff\xff\x1f", 32, None),
        (b"\x80\x80\x80\x80\x80\x00", 32, None),
        (b"\x80", 32, None),
    ],
)
def test_a_number_is_read_within_its_bits(content, bits, value):
    if value is None:
        with pytest.raises(Refused):
            Reader(content).unsigned(bits)
    else:
        assert Reader(content).unsigned(bits) == value


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"\x7f", -1),
        (b"\x80\x80\x80\x80\x78", -(2**31)),
        (b"\xff\xff\xff\xff\x07", 2**31 - 1),
        (b"\x80\x80\x80\x80\x08", None),
        (b"\xff\xff\xff\xff\x77", None),
    ],
)
def test_a_signed_number_is_read_within_its_bits(content, value):
    if value is None:
        with pytest.raises(Refused):
            Reader(content).signed(32)
    else:
        assert Reader(content).signed(32) == value


def changed(old: str, new: str, count: int = 1):
    """The case of SUM's own module with a change to its text."""
    text = wasm.wat(SUM)
    assert old in text, text
    return verify(wat2wasm(text.replace(old, new, count)), SUM)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("i32.le_s", "i32.lt_s"),  # no lanes at all would be one
        ("i32.const 16\n", "i32.const 20\n"),  # another record
        ("local.set 5\n", "local.tee 5\nlocal.set 5\n"),
        ("i32.load offset=0\nlocal.set 6", "i32.load offset=4\nlocal.set 6"),
        ("i32.const 1\ni32.sub\nlocal.tee 5", "i32.const 2\ni32.sub\nlocal.tee 5"),
        ("i32.const 4\ni32.add\nlocal.set 3", "i32.const 8\ni32.add\nlocal.set 3"),
        ("i32.const 1\ni32.sub\nlocal.tee 0", "i32.const 1\ni32.add\nlocal.tee 0"),
        ("br_if 0\nend\n", "br_if 1\nend\n"),
        ("i32.add\nlocal.tee", "i32.add\nlocal.tee 3\nlocal.tee"),  # the rule moves a pointer
        ("i32.add\nlocal.tee", "i32.add\nlocal.tee 5\nlocal.tee"),  # ... or the counter
        ("i32.add\nlocal.tee", "i32.add\nlocal.tee 6\nlocal.tee"),  # ... or the state it was given
        ("i32.add\nlocal.tee", "i32.add\nlocal.get 9\ni32.add\nlocal.tee"),  # reads what the last tick left
        ("i32.add\nlocal.tee", "i32.add\nlocal.get 2\ni32.load\ni32.add\nlocal.tee"),
        ("i32.add\nlocal.tee", "i32.add\nlocal.get 5\ni32.add\nlocal.tee"),  # knows how many ticks are left
    ],
)
def test_a_run_of_another_form_is_refused(old, new):
    assert refusal(changed(old, new))


def test_a_run_whose_rule_is_another_is_followed_and_found_to_differ():
    case = changed("i32.add\nlocal.tee", "i32.sub\nlocal.tee")
    assert outcomes(case)["equals the reference: o"] == "refuted"


def test_a_generated_module_has_no_leftovers_and_a_hand_written_one_may():
    text = (
        wasm.wat(SUM).replace("(module", "(module (table 1 funcref)").replace("(module (table 1 funcref)", "(module", 1)
    )
    table = text.replace('(import "env" "memory" (memory 1))', '(import "env" "memory" (memory 1)) (table 1 1 funcref)')
    assert "a table" in refusal(verify(wat2wasm(table), SUM))
    assert by_hand(RIGHT, more="(table 1 1 funcref) (global (mut i32) (i32.const 1024))").accepted


def test_what_divides_by_zero_is_found():
    body = """(i32.store (i32.const 24) (i32.div_s (i32.const 100) (i32.load (i32.const 20))))"""
    case = by_hand(body, world((wide("i", 0, 10),), (wide("o", 0, 100),), (wide("s", 0, 990),), (op("add", "s", "i"),),
                               (op("add", "s", 0),)))  # fmt: skip
    assert outcomes(case)["no trap"] == "refuted"
    assert next(each for each in case.verdicts if each.claim == "no trap").trace[-1]["i"] == 0


def test_what_wraps_around_is_found():
    """A careless sum: right for small numbers, and below zero for large ones."""
    large = world((wide("a", 0, 2_000_000_000), wide("b", 0, 2_000_000_000)), (wide("o", 0, 2_000_000_000),),
                  output=(op("min", "a", op("sub", 2_000_000_000, "b")),))  # fmt: skip
    careless = """(local i32) (local.set 0 (i32.sub (i32.const 2000000000) (i32.load (i32.const 20))))
      (i32.store (i32.const 24) (select (i32.load (i32.const 16)) (local.get 0)
        (i32.le_s (i32.add (i32.load (i32.const 16)) (i32.load (i32.const 20))) (i32.const 2000000000))))"""
    careful = careless.replace("i32.le_s", "i32.le_u")
    assert by_hand(careful, large).accepted
    case = by_hand(careless, large)
    (row,) = next(each for each in case.verdicts if each.claim == "equals the reference: o").trace
    assert row["a"] + row["b"] > 2**31 - 1


def test_a_module_that_keeps_a_table_of_another_kind_is_refused():
    assert "hand-written" in refusal(by_hand("nop", more="(func)"))
    with pytest.raises(Refused, match="missing function"):
        meant(module(RIGHT).replace(b"\x04step\x00\x00", b"\x04step\x00\x05"), SUM, handwritten=True)
