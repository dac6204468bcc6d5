"""A chip's windows in a channel: booked like those worked out from samples, and skipped where there is none."""

from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow
from gridnode.metering.interval import Interval
from gridnode.metering.window import NO_ANSWER, NO_VOLTAGE, SHORT_WINDOW


def channel():
    made = Channel("water heater", ChipWindow())
    made.begin(5_000_000)
    return made


def measure(made, duration_ms, power_mw, voltage_mv=230_000, current_ma=10_000, frequency_mhz=50_000, quality=0):
    made.window.measured(duration_ms, voltage_mv, current_ma, power_mw, frequency_mhz, quality)
    made.count()


def test_before_the_first_window_nothing_is_told():
    assert channel().live() == (5000, 0, 0) + (None,) * 6 + (0,)
    assert not channel().measured


def test_a_window_is_time_energy_and_figures():
    made = channel()
    measure(made, 1000, 1_800_000)
    assert made.measured
    assert made.live() == (6000, 500, 0, 1_800_000, None, 2_300_000, 230_000, 10_000, 50_000, 0)
    measure(made, 2000, -3_600_000)
    assert made.live()[:4] == (8000, 500, 2000, -3_600_000)
    assert made.live()[5] == 3_600_000  # never below the active power, whatever the chip rounds


def test_milliseconds_of_any_length_add_up_exactly():
    made = channel()
    total = 0
    for duration_ms in range(1, 1500):
        measure(made, duration_ms, 1000)
        total += duration_ms
    assert made.end_us == 5_000_000 + total * 1000
    assert made.energy.import_mwh == 1000 * total // 3_600_000


def test_means_are_weighted_by_time():
    made = channel()
    measure(made, 1000, 1_000_000, frequency_mhz=50_000)
    measure(made, 3000, 2_000_000, frequency_mhz=None)
    means = made.take_interval()
    assert means[:2] == (9000, 4000)
    assert means[4:7] == (1_750_000, None, 2_300_000) and means[9:] == (50_000, 0)


def test_skipped_time_passes_without_energy_and_does_not_enter_the_means():
    made = channel()
    measure(made, 1000, 3_600_000)
    made.skip(7000)
    assert made.live() == (13_000, 1000, 0) + (None,) * 6 + (SHORT_WINDOW,)
    measure(made, 2000, 3_600_000)
    means = made.take_interval()
    assert means[:5] == (15_000, 10_000, 3000, 0, 3_600_000) and means[-1] == SHORT_WINDOW


def test_an_interval_that_was_skipped_whole_says_so_and_the_next_does_not():
    made = channel()
    made.skip(60_000)
    assert made.take_interval() == (65_000, 60_000, 0, 0) + (None,) * 6 + (SHORT_WINDOW,)
    measure(made, 1000, 1000)
    assert made.take_interval()[-1] == 0


def test_an_interval_without_anything_is_empty():
    assert Interval().take() == (None,) * 6 + (0,)


def test_the_chip_s_quality_is_kept():
    made = channel()
    measure(made, 1000, 0, 0, 0, None, NO_VOLTAGE)
    measure(made, 1000, 1000)
    assert made.take_interval()[-1] == NO_VOLTAGE


def test_time_does_not_go_back():
    made = channel()
    try:
        made.window.measured(-1, 230_000, 0, 0)
    except ValueError:
        return
    raise AssertionError("accepted")


def test_skipped_time_says_why_and_only_in_its_interval():
    made = channel()
    measure(made, 1000, 3_600_000)
    made.skip(7000, NO_ANSWER)
    assert made.live()[-1] == SHORT_WINDOW | NO_ANSWER
    measure(made, 2000, 3_600_000)
    assert made.live()[-1] == 0
    assert made.take_interval()[-1] == SHORT_WINDOW | NO_ANSWER
    measure(made, 1000, 1000)
    assert made.take_interval()[-1] == 0


def corrected(gains, reactive_mvar=None):
    made = ChipWindow()
    made.calibrate(*gains)
    made.measured(1000, 230_000, 10_000, 2_000_000, 50_000, 0, reactive_mvar)
    return made.voltage_rms_mv, made.current_rms_ma, made.active_power_mw, made.reactive_power_mvar


def test_gains_correct_voltage_current_and_both_powers():
    assert corrected((0, 0, 0, 0, 0), 900_000) == (230_000, 10_000, 2_000_000, 900_000)
    assert corrected((20_000, -30_000, 0, 0, 0)) == (234_600, 9700, 1_978_800, None)
    assert corrected((20_000, -30_000, 0, -1500, 0), 900_000) == (234_600, 9700, 1_977_300, 890_460)


def test_a_transformer_turned_round_is_turned_back():
    assert corrected((0, -2_000_000, 0, 0, 0), -900_000) == (230_000, 10_000, -2_000_000, 900_000)


def test_phase_turns_power_where_the_chip_tells_both_its_parts():
    # 30 degrees more: P cos - Q sin, P sin + Q cos
    _, _, active_mw, reactive_mvar = corrected((0, 0, 30_000, 0, 0), 900_000)
    assert abs(active_mw - (2_000_000 * 0.8660254 - 900_000 * 0.5)) < 10
    assert abs(reactive_mvar - (2_000_000 * 0.5 + 900_000 * 0.8660254)) < 10
    assert corrected((0, 0, 30_000, 0, 0)) == (230_000, 10_000, 2_000_000, None)


def test_the_current_s_noise_goes_off_in_squares_and_never_below_0():
    assert corrected((0, 0, 0, 0, 6000))[1] == 8000
    assert corrected((0, 0, 0, 0, 5000))[1] == 8660
    assert corrected((0, -990_000, 0, 0, 5000))[1] == 0


def test_apparent_power_follows_what_was_corrected():
    made = ChipWindow()
    made.calibrate(voltage_ppm=100_000)
    made.measured(1000, 230_000, 10_000, 2_000_000)
    assert made.apparent_power_mva == 2_530_000
    made.calibrate()  # nominal again
    made.measured(1000, 230_000, 10_000, 2_000_000)
    assert made.apparent_power_mva == 2_300_000
