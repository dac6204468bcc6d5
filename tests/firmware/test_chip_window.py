"""A chip's windows in a channel: booked like those worked out from samples, and skipped where there is none."""

from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow
from gridnode.metering.interval import Interval
from gridnode.metering.window import NO_VOLTAGE, SHORT_WINDOW


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
