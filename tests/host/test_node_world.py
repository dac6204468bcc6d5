"""A world and its binding as the plan of a node: what it says, what is refused, and how a node's ticks are compared."""

import struct
from datetime import timedelta, timezone

import pytest

from gridnode.node.plan import Plan
from gridnode.wire import schema
from host_bridge import plan
from host_bridge.microworld import bytecode, catalogue, reference, spec
from host_bridge.microworld.program import Name, Program, Quantity
from host_bridge.model import NodeTick, NodeView
from host_bridge.node_ticks import compare
from host_bridge.node_world import NodeWorldError, document, read

VIEW = NodeView("home.a", "", channels=("grid", "pv"), contactors=("heater", "pump"))
BEGIN_S = 1_790_000_000
VALID = (BEGIN_S, BEGIN_S + 86_400)
GUARD = {
    "inputs": {"asked": "pump.asked", "fault": "home.a.pump.tripped", "reported": "pump.closed"},
    "outputs": {"close": "home.a.pump", "stuck": None},
}
LAMP = {
    "inputs": {"wanted": True, "frequency": "pv.frequency_mhz", "carbon": {"series": [[BEGIN_S, 90]]}},
    "outputs": {"brightness": "heater"},
}


def world(name: str) -> Program:
    return spec.read(catalogue.spec_path(name).read_text(encoding="utf-8")).program()


def tiny(unit: str, least: int = 0, greatest: int = 2000) -> Program:
    quantity = (Quantity("x", unit, least, greatest),)
    told = (Quantity("out", unit, least, greatest),)
    return Program("tiny", "controller", 1, (), quantity, told, (), (Name("x"),), ())


def made(program: Program, binding, *, guard=True, valid=None, **how) -> bytes:
    return document(program, bytecode.compile(program), binding, VIEW, guard=guard, valid=valid, **how)


def bound(source, unit="", least=0, greatest=2000, **how) -> bytes:
    return made(tiny(unit, least, greatest), {"inputs": {"x": source}, "outputs": {}}, **how)


def test_a_guard_is_read_back_as_it_was_bound():
    program = world("relay_guard")
    found = read(made(program, GUARD), VIEW)
    assert found is not None and found.is_guard and found.valid is None
    assert found.inputs == ("pump.asked", "pump.tripped", "pump.closed") and found.outputs == ("pump", None)
    assert found.code == bytecode.compile(program) and len(found.digest) == 64


def test_a_world_that_acts_by_itself_has_a_time_and_a_series():
    body = made(world("lamp"), LAMP, guard=False, valid=VALID)
    found = read(body, VIEW)
    assert found is not None and not found.is_guard and found.valid == VALID
    assert found.inputs == ("1", "pv.frequency_mhz", "a series") and found.outputs == ("heater",)
    assert len(body) <= schema.BLOB_MAX
    valid, said = plan.describe(body, VIEW.contactors, None)
    assert valid.startswith("valid from") and "acts while no host holds" in said and found.digest[:12] in said
    assert plan.describe(made(world("relay_guard"), GUARD), VIEW.contactors, None)[0] == "valid always"


def test_a_series_counts_minutes_from_the_beginning():
    rows = [[BEGIN_S - 9999, 1], [BEGIN_S - 60, 2], [BEGIN_S + 60, 3], [BEGIN_S + 61, 4], [VALID[1], 5]]
    body = bound({"series": rows}, valid=VALID)
    assert b"\x86\x00\x02\x01\x03\x02\x04" in body  # 2 from minute 0, 3 from 1, 4 from the whole minute behind its time


@pytest.mark.parametrize(
    ("source", "unit", "divisor"),
    [
        ("grid.active_power_mw", "W", 1000),
        ("grid.active_power_mw", "kW", 1_000_000),
        ("grid.active_power_mw", "mW", 1),
        ("grid.voltage_rms_mv", "V", 1000),
        ("grid.current_rms_ma", "A", 1000),
        ("pv.frequency_mhz", "Hz", 1000),
        ("clock.minute_of_day", "min", 1),
        ("clock.minute_of_day", "h", 60),
        ("clock.minute_of_day", "", 1),
    ],
)
def test_a_source_is_told_in_the_units_of_the_input(source, unit, divisor):
    numbers = Plan.parse(bound(source, unit), 2).world[2:]
    assert numbers[2] == divisor and numbers[3:] == [-1]


def test_minutes_of_the_day_are_those_of_the_zone():
    body = bound("clock.minute_of_day", "min", valid=VALID, zone=timezone(timedelta(hours=-5, minutes=-30)))
    assert Plan.parse(body, 2).world[2:5] == [8, -330, 1]


@pytest.mark.parametrize(
    ("source", "unit", "words"),
    [
        ("grid.active_power_mw", "V", "x is in V, and the node tells mW"),
        ("grid.active_power_mw", "on/off", "is in on/off"),
        ("pump.asked", "W", 'x is in W; asked is "on/off"'),
        ("attic.active_power_mw", "W", "home.a has no channel attic; it has: grid, pv"),
        ("boiler.asked", "on/off", "home.a has no contactor boiler"),
        ("grid.energy", "Wh", "a node knows no 'energy'"),
        (2001, "W", "2001 is outside 0 .. 2000"),
        ("nothing", "W", "write CHANNEL.QUANTITY"),
        (None, "W", "write CHANNEL.QUANTITY"),
        ({"series": [[1, 2]]}, "W", "one series where it has a time until when"),
    ],
)
def test_what_cannot_be_bound_says_what_to_write(source, unit, words):
    with pytest.raises(NodeWorldError) as refused:
        bound(source, unit)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        ({}, "input asked is not bound"),
        ({"input": {}}, "a binding has two tables"),
        ({**GUARD, "outputs": {"clos": "pump"}}, "relay_guard has no output clos; it has: close, stuck"),
        ({**GUARD, "inputs": {**GUARD["inputs"], "load": 1}}, "has no input load"),
        ({**GUARD, "outputs": {"close": "boiler"}}, "close: home.a has no contactor boiler; it has: heater, pump"),
        ({**GUARD, "outputs": {"close": 1}}, "output close: write a contactor of home.a"),
        ({**GUARD, "outputs": {"close": "pump", "stuck": "pump"}}, "the node would refuse it"),
    ],
)
def test_a_wrong_binding_says_what_to_write(binding, words):
    with pytest.raises(NodeWorldError) as refused:
        made(world("relay_guard"), binding)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "words"),
    [([[BEGIN_S, 2001]], "2001 is outside"), ([[BEGIN_S]], "a series has rows"), ("x", "a series has rows")],
)
def test_a_wrong_series_says_what_is_wrong(rows, words):
    with pytest.raises(NodeWorldError, match=words):
        bound({"series": rows}, valid=VALID)


def test_when_it_is_in_force_is_looked_at():
    with pytest.raises(NodeWorldError, match="needs a time until when"):
        bound(1, guard=False)
    with pytest.raises(NodeWorldError, match="would refuse it: it must end after it begins"):
        bound(1, valid=(BEGIN_S, BEGIN_S - 1))
    with pytest.raises(NodeWorldError, match="31 days"):
        bound(1, valid=(BEGIN_S, BEGIN_S + 32 * 86_400))


def test_a_world_that_is_too_large_is_told_so():
    program = tiny("")
    code = bytecode.compile(program) + bytes(200)
    with pytest.raises(NodeWorldError, match=f"a node keeps {schema.BLOB_MAX}"):
        document(program, code, {"inputs": {"x": 1}, "outputs": {}}, VIEW, guard=True)


def test_what_is_no_world_is_none():
    assert read(b"", VIEW) is None and read(plan.empty(), VIEW) is None
    body = made(world("relay_guard"), GUARD)
    assert read(body, NodeView("b", "", channels=("grid",), contactors=("heater",))) is None


# Ticks


def run(program: Program, inputs, *, version=1) -> list[NodeTick]:
    """What a node tells that runs the program."""
    state, told = tuple(quantity.start for quantity in program.state), []
    for number, values in enumerate(inputs, 1):
        if values is None:
            told.append(NodeTick(version, number, 1000 * number, "input unknown", b""))
            continue
        after, outputs = reference.step(program, state, values)
        words = (*state, *values, *outputs)
        told.append(NodeTick(version, number, 1000 * number, "", struct.pack(f"<{len(words)}i", *words)))
        state = after
    return told


def stepper(program: Program):
    return lambda state, inputs: reference.step(program, state, inputs)


INPUTS = [(0, 0, 0), (1, 0, 0), (1, 0, 1), None, (0, 0, 1), (1, 1, 1), (0, 0, 0)]


def test_ticks_that_are_alike_are_counted_and_lost_ones_cost_themselves_alone():
    program = world("relay_guard")
    told = run(program, INPUTS)
    assert compare(program, stepper(program), told) == (6, 6, "")
    del told[2]
    assert compare(program, stepper(program), told) == (5, 4, "")
    again = [tick._replace(plan_version=2) for tick in run(program, INPUTS[1:])]
    assert compare(program, stepper(program), told + again) == (10, 9, "")


@pytest.mark.parametrize("place", range(0, 36, 4))
def test_one_bit_that_differs_is_found(place):
    program = world("relay_guard")
    told = run(program, INPUTS)
    record = bytearray(told[1].record)
    record[place] ^= 1
    told[1] = told[1]._replace(record=bytes(record))
    assert compare(program, stepper(program), told).difference.startswith(("tick 2", "tick 3")), place


def test_a_start_in_another_state_and_an_input_out_of_range_are_found():
    program = world("relay_guard")
    late = run(program, INPUTS)[1:2]
    first = late[0]._replace(number=1, record=bytes(36))
    assert "was to follow" in compare(program, stepper(program), [first]).difference
    code = bytecode.Stepper(bytecode.compile(program)).step
    words = (0, 0, 0, 0, 5, 0, 0, 0, 0)
    odd = late[0]._replace(record=struct.pack("<9i", *words))
    assert "not here" in compare(program, code, [odd]).difference
