"""A calibration that tells the converter's steps, taken by a meter that runs: what is whole stays told as whole."""

import pytest

from tests.bench.accuracy import MAINS, PROGRAM, RANGE_A, Meter, Point, metering
from tests.emulator.kit import SECOND

pytestmark = pytest.mark.slow
STEP_16THS = 144  # as in test_sampling.py
LATER = PROGRAM.replace("widened({clip}, {step_16ths})", "{clip}").replace(
    "time.ticks_ms, {step_16ths})", "time.ticks_ms)\nmeter.step_16ths = {step_16ths}"
)


def test_the_range_grows_by_what_is_put_back():
    with metering(program=LATER, step_16ths=STEP_16THS, devices=[MAINS | {"steps": True}]) as pico:
        pico.run(SECOND)
        meter = Meter(pico)
        qualities = {}
        for share in (0.998, 1.02):
            found = [at for at in meter.measure(Point(amperes=RANGE_A * share), 4) if at.channel == 0]
            qualities[share] = {at.quality for at in found}
    assert qualities == {0.998: {0}, 1.02: {2}}
