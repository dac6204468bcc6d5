"""Where inputs come from: scaled exactly, never stale, never guessed; and what a binding may say."""

from zoneinfo import ZoneInfo

import pytest

from host_bridge.agent.binding import Binding, BindingError, Missing, Target
from host_bridge.microworld.program import Program, Quantity
from host_bridge.model import ContactorReport, LinkState
from tests.host.agent.world_kit import NOW_MS, home, live


def shaped(*inputs, outputs=(("close", "on/off"), ("spare", "W")), tick_s=1):
    """A program of these (name, unit)."""
    given = tuple(Quantity(name, unit, *((0, 1) if unit == "on/off" else (-9000, 9000))) for name, unit in inputs)
    made = tuple(Quantity(name, unit, 0, 1) for name, unit in outputs)
    return Program("shed", "controller", tick_s, (), given, made, (), (), ())


def gathered(unit, source, view=None, time_ms=NOW_MS, tick_s=1, **more):
    program = shaped(("x", unit), tick_s=tick_s)
    view = view or home()
    return Binding.of({"inputs": {"x": source}}, program).gather({view.name: view}, time_ms, tick_s, **more)[0]


@pytest.mark.parametrize(
    ("milliwatts", "unit", "value"),
    [
        (1_499, "W", 1),
        (1_500, "W", 2),
        (-1_500, "W", -1),
        (-1_501, "W", -2),
        (1_499, "mW", 1_499),
        (2_600_000, "kW", 3),
        (0, "W", 0),
        (10**13, "mW", 2**31 - 1),
        (-(10**13), "mW", -(2**31)),
    ],
)
def test_a_figure_comes_in_the_inputs_unit_to_the_nearest(milliwatts, unit, value):
    view = home()
    view.live[0] = view.live[0]._replace(active_power_mw=milliwatts)
    assert gathered(unit, "home.grid.active_power_mw", view) == value


def test_other_quantities_and_their_units():
    assert gathered("V", "home.grid.voltage_rms_mv") == 230
    assert gathered("mA", "home.grid.current_rms_ma") == 1500
    assert gathered("Hz", "home.grid.frequency_mhz") == 50
    view = home()
    view.live[0] = view.live[0]._replace(energy_import_mwh=7_000_400)
    assert gathered("Wh", "home.grid.energy_import_mwh", view) == 7000
    assert gathered("kWh", "home.grid.energy_import_mwh", view) == 7


def test_a_contactor_is_what_the_node_reports():
    view = home()
    with pytest.raises(Missing, match="has not told of a contactor pump"):
        gathered("on/off", "home.pump.closed", view)
    for state, value in (("closed", 1), ("open", 0), ("tripped", 0), ("locked out", 0)):
        view.contactor_reports[1] = ContactorReport(1, NOW_MS, state, "request", 0, 0)
        assert gathered("on/off", "home.pump.closed", view) == value


def test_the_clock_is_of_the_zone():
    assert gathered("min", "clock.minute_of_day", time_ms=1_795_500_000_000, zone=ZoneInfo("Europe/Zurich")) == 7 * 60
    assert gathered("", "clock.hour", time_ms=1_795_500_000_000, zone=ZoneInfo("Europe/Zurich")) == 7
    assert gathered("h", "clock.hour", time_ms=1_795_500_000_000) == 6


def test_a_number_is_itself_and_a_series_holds_until_its_next():
    assert gathered("W", 750) == 750
    assert gathered("on/off", True) == 1
    start = NOW_MS // 1000
    series = {"series": [[start, 10], [start + 60, 20]]}
    for later_s, value in ((0, 10), (59, 10), (60, 20), (86_400, 20)):
        assert gathered("ct/kWh", series, time_ms=NOW_MS + 1000 * later_s) == value
    for later_s in (-1, 60 + 86_400):
        with pytest.raises(Missing, match="tells nothing of this time"):
            gathered("ct/kWh", series, time_ms=NOW_MS + 1000 * later_s)


def test_what_is_not_to_be_had_is_missing_and_never_guessed():
    view = home()
    for state in (LinkState.STALE, LinkState.CONNECTING, LinkState.INCOMPATIBLE):
        view.link_state = state
        with pytest.raises(Missing, match=f"x: home is {state}"):
            gathered("W", "home.grid.active_power_mw", view)
    with pytest.raises(Missing, match="away is not known"):
        gathered("W", "away.grid.active_power_mw")
    with pytest.raises(Missing, match="has not told of a channel solar"):
        gathered("W", "home.solar.active_power_mw")
    with pytest.raises(Missing, match="does not tell active_power_mw"):
        gathered("W", "home.grid.active_power_mw", home(None))
    silent = home()
    silent.live.clear()
    with pytest.raises(Missing, match="has not told of a channel grid"):
        gathered("W", "home.grid.active_power_mw", silent)


def test_a_figure_has_its_age_limit():
    for tick_s, seldom_ms, oldest_ms in ((1, 0, 10_000), (60, 0, 180_000), (1, 90_000, 90_000)):
        view = home()
        view.stale_after_ms = seldom_ms
        for age_ms in (oldest_ms, -oldest_ms):
            view.live[0] = live(5, NOW_MS - age_ms)
            assert gathered("W", "home.grid.active_power_mw", view, tick_s=tick_s) == 5
        for age_ms in (oldest_ms + 1, -oldest_ms - 1):
            view.live[0] = live(5, NOW_MS - age_ms)
            with pytest.raises(Missing, match="s old"):
                gathered("W", "home.grid.active_power_mw", view, tick_s=tick_s)


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({}, "input x is not bound"),
        ({"x": 1, "y": 2}, "has no input y; it has: x"),
        ({"x": 9001}, "outside -9000 .. 9000"),
        ({"x": "home.grid"}, "write NODE.CHANNEL.QUANTITY"),
        ({"x": "home.grid.price"}, "'price' is no quantity"),
        ({"x": "home.grid.voltage_rms_mv"}, "input x is in W, and its source in mV"),
        ({"x": "home.heater.closed"}, 'a contactor is "on/off"'),
        ({"x": "clock.week"}, "the clock tells minute_of_day and hour"),
        ({"x": "clock.hour"}, "input x is in W, and its source in h"),
        ({"x": {"series": []}}, "a series is 1 to"),
        ({"x": {"series": [[1, 2.5]]}}, "whole numbers"),
        ({"x": {"series": [[1, True]]}}, "whole numbers"),
        ({"x": {"series": [[2, 1], [2, 1]]}}, "order of their times"),
        ({"x": {"serie": []}}, "write NODE.CHANNEL.QUANTITY"),
        ({"x": 1.5}, "write NODE.CHANNEL.QUANTITY"),
        ({"x": None}, "write NODE.CHANNEL.QUANTITY"),
    ],
)
def test_a_wrong_source_says_what_to_write(inputs, says):
    with pytest.raises(BindingError, match=says):
        Binding.of({"inputs": inputs}, shaped(("x", "W")))


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ({"open": "home.heater"}, "has no output open; it has: close, spare"),
        ({"close": "heater"}, "write NODE.CONTACTOR"),
        ({"close": ".heater"}, "write NODE.CONTACTOR"),
        ({"close": 5}, "write NODE.CONTACTOR"),
        ({"spare": "home.heater"}, "a contactor needs"),
        ({"close": {"contactor": "home.heater", "hold_s": 19}}, "at least two ticks, 20 s"),
        ({"close": {"contactor": "home.heater"}}, "write NODE.CONTACTOR"),
        ([], "two tables"),
    ],
)
def test_a_wrong_target_says_what_to_write(outputs, says):
    with pytest.raises(BindingError, match=says):
        Binding.of({"outputs": outputs}, shaped(tick_s=10))


@pytest.mark.parametrize("written", [None, [], "x", {"input": {}}, {"inputs": []}])
def test_what_is_no_binding(written):
    with pytest.raises(BindingError, match="two tables"):
        Binding.of(written, shaped())


def test_outputs_go_to_contactors_or_are_published_only():
    written = {"outputs": {"close": "the.home.heater", "spare": None}}
    assert Binding.of(written, shaped()).targets == {"close": Target("the.home", "heater", 60)}
    assert Binding.of(written, shaped(tick_s=30)).targets["close"].hold_s == 150
    held = {"outputs": {"close": {"contactor": "home.heater", "hold_s": 20}}}
    assert Binding.of(held, shaped()).targets["close"].hold_s == 20
    two = shaped(outputs=(("a", "on/off"), ("b", "on/off")))
    with pytest.raises(BindingError, match="two outputs go to one contactor"):
        Binding.of({"outputs": {"a": "home.heater", "b": "home.heater"}}, two)


def test_what_the_nodes_do_not_have_is_said_at_once():
    views = {"home": home()}
    fine = {"inputs": {"x": "home.grid.active_power_mw"}, "outputs": {"close": "home.heater"}}
    Binding.of(fine, shaped(("x", "W"))).check(views)
    for change, says in (
        ({"inputs": {"x": "away.grid.active_power_mw"}}, "x: no node is called away; known: home"),
        ({"inputs": {"x": "home.solar.active_power_mw"}}, "x: home has no channel solar; it has: grid"),
        ({"outputs": {"close": "home.boiler"}}, "close: home has no contactor boiler; it has: heater, pump"),
    ):
        with pytest.raises(BindingError, match=says):
            Binding.of(fine | change, shaped(("x", "W"))).check(views)
