"""A WindowMeter under calibration against the formulas of metering/README.md."""

import math

from waves import NA, NV, RATE, Source

from gridnode.metering.channel import Channel
from gridnode.metering.told_window import ToldWindow
from gridnode.metering.window import WindowMeter


def metered(gains, volts=230, amperes=10, lag=60, windows=4):
    """The figures of the newest window: (mV, mA, mW, mvar, mVA)."""
    window = WindowMeter(RATE, 50, NV, NA, 30_000)
    window.calibrate(*gains)
    Source(window.feed, [(volts, 50, 0)], [(amperes, 50, -lag)]).run(RATE * windows // 5 + 200)
    return (
        window.voltage_rms_mv,
        window.current_rms_ma,
        window.active_power_mw,
        window.reactive_power_mvar,
        window.apparent_power_mva,
    )


def near(found, wanted, tolerance=400):
    assert all(abs(one - other) <= tolerance for one, other in zip(found, wanted)), (found, wanted)


def polar(mva, lag):
    return mva * math.cos(math.radians(lag)), mva * math.sin(math.radians(lag))


def test_nominal_changes_nothing():
    near(metered(()), (230_000, 10_000) + polar(2_300_000, 60) + (2_300_000,))
    assert metered(()) == metered((0, 0, 0, 0, 0))


def test_gains_scale_voltage_current_and_every_power():
    p, q = polar(2_300_000 * 1.1 * 0.95, 60)
    near(metered((100_000, -50_000, 0, 0, 0)), (253_000, 9_500, p, q, 2_300_000 * 1.1 * 0.95))


def test_a_small_gain_is_not_lost_in_rounding():
    off, on = metered((0, 0, 0, 0, 0)), metered((100, 0, 0, 0, 0))
    assert 15 <= on[0] - off[0] <= 30  # 100 ppm of 230 V are 23 mV


def test_phase_turns_the_powers_and_nothing_else():
    for turn in (2_500, -2_500, 30_000):
        p, q = polar(2_300_000, 60 + turn / 1000)
        near(metered((0, 0, turn, 0, 0)), (230_000, 10_000, p, q, 2_300_000))


def test_a_negative_gain_turns_the_transformer_round():
    p, q = polar(2_300_000, 60)
    near(metered((0, -2_000_000, 0, 0, 0)), (230_000, 10_000, -p, -q, 2_300_000))
    near(metered((0, -2_100_000, 0, 0, 0)), (230_000, 11_000, -p * 1.1, -q * 1.1, 2_530_000))


def test_the_power_offset_is_added_after_the_gains():
    p, _ = polar(2_300_000 * 1.2, 60)
    near(metered((0, 200_000, 0, -1_500, 0))[2:3], (p - 1_500,))


def test_the_noise_floor_goes_off_in_squares_and_never_below_zero():
    near(metered((0, 0, 0, 0, 6_000))[1:2], (8_000,), 3)
    found = metered((0, 0, 0, 0, 12_000))
    assert found[1] == 0 and found[4] == abs(found[2])


def test_a_new_calibration_holds_from_the_next_window_on():
    window = WindowMeter(RATE, 50, NV, NA, 30_000)
    source = Source(window.feed, [(230, 50, 0)], [(10, 50, 0)])
    seen = []
    source.run(2000, lambda: seen.append(window.voltage_rms_mv))
    window.calibrate(100_000)
    assert window.voltage_nv_per_count == NV
    source.run(1600, lambda: seen.append(window.voltage_rms_mv))
    window.calibrate()
    source.run(1600, lambda: seen.append(window.voltage_rms_mv))
    assert [round(each / 1000) for each in seen] == [230, 230, 230, 253, 253, 230]
    assert window.voltage_nv_per_count == NV


def test_energy_follows_the_calibration():
    channel = Channel("grid", WindowMeter(RATE, 50, NV, NA, 30_000))
    channel.window.calibrate(0, -2_000_000)
    Source(channel.feed, [(230, 50, 0)], [(10, 50, 0)]).run(4 * RATE)
    assert channel.energy.import_mwh == 0
    assert abs(channel.energy.export_mwh - 2_300_000 * channel.end_us / 3.6e9) < 3


def test_a_meter_that_counts_energy_itself_is_not_corrected():
    window = ToldWindow()
    window.calibrate()
    window.calibrate(0, 0, 0, 0, 0)
    for place in range(5):
        gains = [0] * 5
        gains[place] = 1
        try:
            window.calibrate(*gains)
        except ValueError as error:
            assert "counts energy itself" in str(error)
        else:
            raise AssertionError("taken: %r" % (gains,))
