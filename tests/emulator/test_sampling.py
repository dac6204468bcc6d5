"""Sampling and metering on the emulated RP2040, without the rest of the node: see tests/bench/accuracy.py."""

import pytest

from tests.bench.accuracy import MAINS, RANGE_A, RANGE_V, Meter, Point, Row, cpu_share, metering, write_readme
from tests.emulator.kit import SECOND, said

pytestmark = pytest.mark.slow
STEP_16THS = 144  # what the emulator's uneven converter swallows at each wide code: see mains.mjs


def test_weak_signals_harmonics_and_a_low_power_factor_are_metered_within_reach():
    with metering() as pico:
        pico.run(SECOND)
        meter = Meter(pico)
        for at in meter.measure(Point(volts=RANGE_V * 0.05), 4):
            assert abs(at.voltage_mv / (RANGE_V * 50) - 1) < 0.002
        point = Point(amperes=RANGE_A * 0.05, lag=60)
        for at in meter.measure(point, 4):
            assert abs(at.power_mw / point.active_mw - 1) < 0.006 and at.quality == 0
        for at in meter.measure(Point(hertz=65, harmonics=((3, 8, 10), (7, 6, 100))), 4):
            assert abs(at.frequency_mhz - 65_000) <= 5 and at.quality == 0
        for at in meter.measure(Point(amperes=RANGE_A * 1.02), 4):
            assert at.quality == 2


def test_metering_leaves_the_processor_to_others():
    assert 0.02 < cpu_share() <= 0.15


@pytest.mark.parametrize(("step_16ths", "even"), [(0, False), (STEP_16THS, True)])
def test_the_converters_uneven_steps_are_put_right(step_16ths, even):
    gains = []
    with metering(step_16ths=step_16ths, devices=[MAINS | {"steps": True}]) as pico:
        pico.run(2 * SECOND)
        meter = Meter(pico)
        for watts in (900, 2300, 4600, 7800):
            pico.tell(0, fixed={"grid_mw": watts * 1000, "grid_mvar": 0})
            found = [at for at in meter.windows(4) if at.channel == 0]
            gains += [at.current_ma / (watts * 1000 / 230) for at in found]
    spread = (max(gains) - min(gains)) / min(gains)
    assert spread < 0.002 if even else spread > 0.004, spread


# Feeds a chunk at a time with the heap locked, as long as no window ends; says how many, and what was seen of halves.
LOCKED = """
import math, micropython
from array import array
from gridnode.metering.channel import Channel
from gridnode.metering.dips import Dips
from gridnode.metering.window import WindowMeter
channel = Channel("load", WindowMeter(4000, 50, {nv} // 3, {na} // 3, {clip} * 3))
dips = Dips(channel.halves, channel.window, 230_000)
voltage = array("h", [round(4996 * math.sin(2 * math.pi * k / 80)) for k in range(80)])
current = array("h", [each // 2 for each in voltage])
dips.step()
fed = 0
for chunk in range(60):
    if 720 <= channel.window._sums[11] or chunk % 10 == 0:
        channel.feed(voltage, current, 80)
    else:
        micropython.heap_lock()
        try:
            channel.feed(voltage, current, 80)
            dips.step()
            fed += 1
        finally:
            micropython.heap_unlock()
say(fed, channel.halves.count, channel.window.voltage_rms_mv)
"""


def test_half_periods_are_measured_and_looked_at_without_a_heap():
    with metering(program=LOCKED) as pico:
        pico.run(2 * SECOND)
        fed, halves, voltage_mv = map(int, said(pico)[0].split())
    assert fed >= 40 and halves == 120 and abs(voltage_mv - 230_000) < 300


def test_the_table_goes_between_its_marks_and_nowhere_else(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- errors -->\nold\n<!-- /errors -->\nbehind\n", encoding="utf-8")
    write_readme([Row("IEC 62053-21", "5 A | 1", 0.0123, "%"), Row("V", "5 % of range", 0.1, "%", 0.2)], readme)
    before, _, heading, _, row, end, behind = readme.read_text(encoding="utf-8").splitlines()
    assert (before, row, end, behind) == ("before", "| 5 A | 1 | 0.012 |", "<!-- /errors -->", "behind")
    assert "power factor" in heading
    readme.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="no marks"):
        write_readme([], readme)
