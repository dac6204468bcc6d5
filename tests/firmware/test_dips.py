"""Sags, swells and interruptions, from waves that have them."""

from waves import NA, NV, RATE, Source

from gridnode.metering.dips import Dips
from gridnode.metering.window import WindowMeter


class Mains:
    """A voltage that can be set, watched every 10 ms."""

    def __init__(self, nominal_mv=230_000):
        self.window = WindowMeter(RATE, 50, NV, NA, 30_000)
        self.source = Source(self.window.feed, [(230, 50, 0)], [])
        self.dips = Dips(self.window.halves, self.window, nominal_mv)
        self.told = []
        self.go(230, 1000)

    def go(self, volts, ms):
        self.source.voltage = [(volts, 50, 0)]
        for _ in range(ms // 10):
            self.source.run(RATE // 100)
            told = self.dips.step()
            while told:
                self.told.append(told)
                told = self.dips.step()
        return self.told


def check(told, kind, extreme_mv, duration_ms):
    assert len(told) == 1, told
    assert told[0][0] == kind
    assert abs(told[0][1] - extreme_mv) <= max(300, extreme_mv // 300), told
    assert abs(told[0][2] - duration_ms) <= 20, told


def test_a_steady_voltage_tells_nothing():
    mains = Mains()
    for volts in (230, 209, 251, 230):
        assert mains.go(volts, 500) == []


def test_a_sag_is_told_when_it_is_over():
    mains = Mains()
    assert mains.go(150, 100) == []
    assert mains.go(180, 200) == []
    check(mains.go(230, 100), "sag", 150_000, 300)


def test_a_swell_is_told_when_it_is_over():
    mains = Mains()
    assert mains.go(270, 200) == []
    check(mains.go(230, 100), "swell", 270_000, 200)


def test_an_interruption_is_no_sag_besides():
    mains = Mains()
    assert mains.go(5, 2000) == []
    check(mains.go(230, 500), "interruption", 5000, 2000)
    mains.told.clear()
    mains.go(120, 100)
    check(mains.go(230, 100), "sag", 120_000, 100)


def test_an_interruption_is_no_sag_on_its_way_up_either():
    mains = Mains()
    mains.go(150, 100)
    mains.go(5, 400)
    check(mains.go(150, 200), "interruption", 5000, 400)
    assert len(mains.go(230, 100)) == 1


def test_hysteresis_keeps_one_event_one():
    mains = Mains()
    mains.go(200, 100)
    for _ in range(5):
        assert mains.go(209, 100) == []  # 90.9 %: above the threshold, not yet above its hysteresis
        assert mains.go(204, 100) == []
    check(mains.go(230, 100), "sag", 200_000, 1100)
    mains.told.clear()
    mains.go(256, 100)
    assert mains.go(251, 100) == []  # 109.1 %
    check(mains.go(230, 100), "swell", 256_000, 200)


def test_before_the_voltage_has_been_there_nothing_has_ended():
    window = WindowMeter(RATE, 50, NV, NA, 30_000)
    dips = Dips(window.halves, window, 230_000)
    source = Source(window.feed, [], [])
    source.run(RATE)
    assert dips.step() is None
    source.voltage = [(230, 50, 0)]
    source.run(RATE)
    assert dips.step() is None


def test_thresholds_follow_the_calibration():
    mains = Mains()
    mains.window.calibrate(-120_000)
    mains.go(230, 1000)  # now reads 202 V: 88 %
    mains.window.calibrate()
    told = mains.go(230, 1000)
    assert len(told) == 1 and told[0][0] == "sag"
    mains = Mains()
    mains.window.calibrate(50_000)
    mains.go(230, 300)
    assert mains.go(205, 300) == []  # reads 215 V
    mains.window.calibrate()
    mains.go(205, 300)
    assert len(mains.go(230, 100)) == 1


def test_halves_that_were_missed_are_passed_over():
    mains = Mains()
    mains.go(100, 100)
    mains.source.run(RATE)  # 100 halves, of which 32 are kept
    mains.source.voltage = [(230, 50, 0)]
    mains.source.run(RATE // 20)
    check(mains.go(230, 100), "sag", 100_000, 1100)
