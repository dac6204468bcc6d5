"""The sums of samples against exact integers of any size; the same under viper code and plain Python."""

from array import array

from gridnode.metering import sums

QUARTER = 20


def exactly(voltage, current, past, zero):
    """(v, i, vv, ii, vi, di) as gather should have them, without a crossing."""
    heights = [v - zero for v in voltage]
    delayed = (past + heights)[: len(heights)]
    pairs = list(zip(heights, current))
    squares = sum(v * v for v in heights), sum(i * i for i in current)
    return (
        (sum(heights), sum(current))
        + squares
        + (sum(v * i for v, i in pairs), sum(d * i for d, i in zip(delayed, current)))
    )


def gathered(voltage, current, zero, portions, burst=1, clip=32767):
    state = array("i", [0] * sums.STATE_WORDS)
    state[sums.LEFT], state[sums.BURST], state[sums.LONGEST] = 10_000, burst, 10_000
    state[sums.QUARTER], state[sums.ZERO], state[sums.CLIP] = QUARTER, zero, clip
    state[sums.LOW] = -70_000  # never armed: no crossing ends the sums
    past = array("h", [0] * QUARTER)
    at = 0
    while at < len(voltage):
        state[sums.FROM], state[sums.TO] = at, min(len(voltage), at + portions)
        at = sums.gather(array("h", voltage), array("h", current), past, state)
    products = [sums.product(state, place) for place in (sums.VV, sums.II, sums.VI, sums.DI)]
    return (state[sums.SUM_V], state[sums.SUM_I]) + tuple(products), state


def noise(seed, count, largest):
    values = []
    for _ in range(count):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        values.append(seed % (2 * largest + 1) - largest)
    return values


def test_a_window_of_full_scale_samples_is_summed_exactly():
    for zero in (0, -7, 93):
        for portions in (1, 7, 64, 2400):
            count = 2400 if portions > 1 else 200
            voltage, current = noise(1 + zero, count, 32_500), noise(99, count, 32_767)
            found, state = gathered(voltage, current, zero, portions)
            assert found == exactly(voltage, current, [0] * QUARTER, zero), (zero, portions)
            assert state[sums.COUNT] == count


def test_constant_extremes_do_not_overflow():
    for v in (-32_767, 32_767):
        for i in (-32_768, 32_767):
            found, state = gathered([v] * 2400, [i] * 2400, 0, 64)
            assert found == exactly([v] * 2400, [max(-32_767, i)] * 2400, [0] * QUARTER, 0)  # counts as at the end
            assert state[sums.CLIPPED]


def test_bursts_are_summed_exactly_up_to_what_fits():
    for portions, burst in ((64, 29), (7, 29), (40, 3), (2400, 29)):
        voltage, current = noise(5, 2400, 6_000), noise(8, 2400, 6_070)
        found, _ = gathered(voltage, current, -30, portions, burst)
        assert found == exactly(voltage, current, [0] * QUARTER, -30), (portions, burst)
    found, _ = gathered([6_070] * 2400, [-6_070] * 2400, 0, 64, 29)
    assert found == exactly([6_070] * 2400, [-6_070] * 2400, [0] * QUARTER, 0)


def test_a_sample_beyond_the_end_counts_as_at_the_end():
    wild = [30_000, -30_000, 5_000, -2_040, 0, 17]
    limited = [2_040, -2_040, 2_040, -2_040, 0, 17]
    found, state = gathered(wild * 20, wild[::-1] * 20, 9, 7, 250, clip=2_040)
    assert found == exactly(limited * 20, limited[::-1] * 20, [0] * QUARTER, 9)
    assert state[sums.CLIPPED] and state[sums.TOP] == 80


def test_a_rising_crossing_ends_the_sums_before_its_sample():
    state = array("i", [0] * sums.STATE_WORDS)
    state[sums.QUARTER], state[sums.LOW], state[sums.CLIP], state[sums.TO] = QUARTER, -5, 2040, 8
    state[sums.LEFT], state[sums.BURST], state[sums.LONGEST] = 10_000, 3, 10_000
    voltage = array("h", [3, -4, 2, -6, -1, 4, 9, 7])
    past = array("h", [0] * QUARTER)
    assert sums.gather(voltage, array("h", [1] * 8), past, state) == 5  # -4 to 2 is within the hysteresis
    assert state[sums.COUNT] == 5 and state[sums.SUM_V] == -6 and not state[sums.CLIPPED]
    assert state[sums.HEIGHT] == -1 and not state[sums.ARMED]
    state[sums.FROM] = 5
    assert sums.gather(voltage, array("h", [1] * 8), past, state) == 8
