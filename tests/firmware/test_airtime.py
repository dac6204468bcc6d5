"""Time on air against Semtech's published figures, and what each region's plan says of channels and power."""

from gridnode.link.airtime import airtime_us, symbol_us
from gridnode.link.regions import EU868, US915, Plan

# Semtech AN1200.13 and its calculator: 125 kHz, CR 4/5, 8 symbols of preamble, explicit header, CRC; ms.
PUBLISHED = {24: (62, 113, 206, 371, 823, 1483), 51: (103, 185, 329, 616, 1315, 2466)}
PUBLISHED[222] = (348, 615, 1107, 2009, 4428, 8036)
SMALL = 1 << 30


def refused(*arguments, **options):
    try:
        Plan(*arguments, **options)
    except ValueError as error:
        return str(error)
    raise AssertionError("taken")


def test_the_published_table():
    for length, row in PUBLISHED.items():
        assert [(airtime_us(length, sf, 125) + 500) // 1000 for sf in range(7, 13)] == list(row), length


def test_exact_to_the_microsecond():
    assert airtime_us(1, 7, 125) == (8 * 4 + 17 + 4 * (8 + 5)) * 256  # 30.25 symbols at most a block
    assert airtime_us(24, 7, 125) == 61_696
    assert airtime_us(24, 7, 500) == 61_696 // 4
    assert airtime_us(24, 7, 125, 9) - airtime_us(24, 7, 125) == 1024 == symbol_us(7, 125)


def test_a_higher_coding_rate_takes_longer():
    assert airtime_us(51, 9, 125, 8, 4) - airtime_us(51, 9, 125) == 3 * 12 * 4096  # 12 blocks


def test_small_integers_only_up_to_the_longest_packet():
    for sf in range(7, 13):
        for bandwidth in (125, 250, 500):
            assert (4 * 600 + 17) * (symbol_us(sf, bandwidth) // 4) < SMALL
            assert airtime_us(255, sf, bandwidth, 300) < SMALL


def test_home_of_the_eu_plan():
    plan = Plan(EU868)
    assert plan.scan == tuple([(869525, 125, sf) for sf in (7, 8, 9, 10)])
    assert plan.turn_ms == 65
    assert plan.limit_dbm(869525) == 20  # what the radio gives


def test_antenna_gain_lowers_the_power_at_the_pin():
    for gain, high, low in ((0, 29, 16), (2.15, 26, 13), (6, 23, 10)):
        plan = Plan(EU868, gain, 30, (869525, 868300))
        assert (plan.limit_dbm(869525), plan.limit_dbm(868300)) == (high, low), gain
        for khz, milliwatts in ((869525, 500), (868300, 25)):
            assert 10 ** ((plan.limit_dbm(khz) + gain - 2.15) / 10) <= milliwatts  # radiated, against a dipole


def test_an_antenna_in_the_us_may_gain_six_db_for_nothing():
    assert Plan(US915, 6, 30).limit_dbm(903000) == 30
    assert Plan(US915, 9, 30).limit_dbm(903000) == 27


def test_a_preamble_outlasts_a_turn_of_the_scan():
    plan = Plan(EU868)
    for sf in plan.spreading_factors:
        assert (plan.preamble(sf) - 7) * symbol_us(sf, 125) >= 1000 * plan.turn_ms
    assert Plan(EU868, spreading_factors=(9,)).preamble(9) == 8


def test_channels_outside_every_band_are_refused():
    for khz in (868650, 869300, 869380, 869640, 867990, 915000):
        assert "is in no band" in refused(EU868, channels=(khz,)), khz
    assert "is in no band" in refused(US915, channels=(902100,))  # 250 kHz either side


def test_spreading_factors_that_do_not_exist_are_refused():
    for factors in ((6, 7), (7, 13), (9, 7)):
        assert "spreading factors" in refused(EU868, spreading_factors=factors)
