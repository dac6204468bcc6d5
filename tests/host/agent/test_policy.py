"""The distilled policy: fitted as it says, in the bytes that a node has, the same on node and Pi, bounded whatever."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridnode.node.plan import Plan
from gridnode.wire import schema
from host_bridge.agent.policy.closed_loop import Inverters, bill_mct, charges
from host_bridge.agent.policy.document import document, program
from host_bridge.agent.policy.fitting import BATTERY, Weights, _moved, compare, fit
from host_bridge.agent.policy.teacher import teach
from host_bridge.microworld import bytecode
from host_bridge.microworld.study.homes import Homes, read
from host_bridge.model import NodeView
from tools import citylearn

BEGIN_S = 1_790_000_000
NODE = NodeView(
    "home",
    "",
    channels=("grid", "solar", "battery"),
    contactors=("battery charge", "battery discharge", "battery hold"),
)


def homes(days: int = 4, seed: int = 1) -> Homes:
    """Three made-up homes: evenings that need much, days of sun or none; dear from 16 to 20 h."""
    chance, hours = np.random.default_rng(seed), 24 * days
    clock = np.arange(hours) % 24
    load = chance.integers(100, 400, (3, hours)) + 900 * (clock >= 17)
    sun = np.where((clock > 8) & (clock < 16), 2500, 0) * np.array([[0], [1], [1]])
    price = np.where((clock >= 16) & (clock < 20), 54_000, 22_000)
    each = (np.asarray(its, np.int32) for its in (load, sun, price, np.full(hours, 150)))
    return Homes(("a", "b", "c"), *each)


def test_the_document_fits_a_node_and_its_own_reader_takes_it():
    body = document(program(), NODE, (BEGIN_S, BEGIN_S + 31 * 86_400))
    assert len(body) <= schema.BLOB_MAX
    assert Plan.parse(body, 3).world is not None


def test_wasm_and_the_node_s_machine_agree_in_every_tick():
    its, ticks = program(), 0
    node = bytecode.Stepper(bytecode.compile(its))

    def tell(state, inputs, outputs):
        nonlocal ticks
        for lane in range(3):
            assert node.step(state[lane].tolist(), inputs[lane].tolist())[1] == tuple(outputs[lane].tolist())
            ticks += 1

    list(charges(its, homes(), tell))
    assert ticks == 3 * 4 * 24 * 12


def test_a_home_without_sun_buys_before_dear_hours_and_gives_in_them():
    made = homes(6)
    power = np.stack(list(charges(program(), made)))  # [hours, homes, ticks]
    clock = made.hour_of_day
    assert power[(clock == 15) & (np.arange(len(clock)) > 24), 0].max() > 4000
    assert power[clock == 17, 0].min() < -200
    assert power[(clock < 15), 0].max() == 0


def test_it_pays_less_than_following_the_meter_alone():
    made = homes(10)
    inverters, paid = Inverters(np.zeros(3)), 0.0
    no = np.zeros(3, bool)
    for hour in range(made.hours):
        net = made.net_wh[:, hour].astype(float)
        grid = np.maximum(net + inverters.run(net, no, no, 1.0), 0)
        paid += float(grid.sum()) * float(made.price[hour])
    assert bill_mct(program(), made) < 0.98 * paid


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-30_000, 30_000), st.integers(-30_000, 30_000)), min_size=1, max_size=60),
       st.integers(0, 1439))  # fmt: skip
def test_whatever_its_meters_tell_it_buys_nothing_when_it_is_dear(powers, start):
    its = program()
    node, state = bytecode.Stepper(bytecode.compile(its)), [quantity.start for quantity in its.state]
    for tick, (grid, battery) in enumerate(powers):
        minute = (start + 5 * tick) % 1440
        state, (charge, hold) = node.step(state, (grid, battery, minute))
        assert not (minute >= 960 and (charge or hold))
        assert not (charge and minute < 900)
        assert 0 <= state[0] <= 72_883


def test_an_inverter_makes_no_energy():
    chance = np.random.default_rng(3)
    its = Inverters(np.zeros(50))
    put_in, got = np.zeros(50), np.zeros(50)
    for _ in range(500):
        charge = chance.random(50) < 0.3
        power = its.run(chance.normal(0, 3000, 50), charge, chance.random(50) < 0.3, 1 / 12)
        put_in, got = put_in + np.maximum(power, 0) / 12, got + np.maximum(-power, 0) / 12
        assert its.content_wh.min() >= 0 and its.content_wh.max() <= 6400
        assert np.allclose(put_in * 0.949 - got / 0.949, its.content_wh)


def test_the_teacher_never_looks_ahead():
    made = homes(6)
    changed = homes(6)
    changed.load_wh[:, 100:] += 777
    one, other = teach(made, BATTERY), teach(changed, BATTERY)
    assert np.array_equal(one.charge_wh[:, :100], other.charge_wh[:, :100])
    assert not np.array_equal(one.charge_wh[:, 100:], other.charge_wh[:, 100:])


def test_a_student_that_does_nothing_like_its_teacher_is_seen():
    made = homes(10)
    lesson = teach(made, BATTERY)
    good, bad = (compare(made, lesson, Weights(*weights)) for weights in ((1, 1, 1, 15), (0, 0, 0, 15)))
    assert good.given_up < bad.given_up and good.agrees > bad.agrees


@pytest.mark.slow
def test_the_weights_of_the_specification_are_those_that_fitting_finds():
    recorded = read(citylearn.folder())
    found = fit(recorded.some(list(range(0, len(recorded.names), 2))))
    assert found.weights == Weights(buy=1, keep=1, wait=1, buy_from=15)
    assert found.given_up < 0.02


def test_an_inverter_that_holds_takes_sun_and_gives_nothing():
    its = Inverters(np.full(2, 3000.0))
    power = its.run(np.array([900.0, -900.0]), np.zeros(2, bool), np.ones(2, bool), 0.5)
    assert power.tolist() == [0.0, 900.0]


@pytest.mark.parametrize(
    ("content_wh", "clock", "weights", "moves"),
    [
        (1000.0, 12, (1, 1, 1), -500),  # sun is to come: what is stored may go
        (1000.0, 12, (1, 1, 0), 0),  # it is not counted on: the evening's need is held
        (400.0, 12, (1, 1, 1), 0),
        (400.0, 12, (1, 0, 1), -379.6),
        (400.0, 15, (1, 1, 1), (3000 - 379.6) / 0.949**2),
        (400.0, 15, (0, 1, 1), 0),
        (400.0, 17, (1, 1, 1), -379.6),  # dear
    ],
)
def test_what_each_weight_does(content_wh, clock, weights, moves):
    told = (np.array([each]) for each in (content_wh, 500, 3000.0, 2500.0))
    assert _moved(*told, np.array(clock), Weights(*weights, 15)) == pytest.approx(moves)
