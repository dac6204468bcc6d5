"""The node's own estimate of the time of day, in node time; runs under MicroPython too."""

from gridnode.node.clock import GROWTH, JUMP_MS, Clock

UNIX = 1_800_000_000_000


def known(error_ms=100):
    clock = Clock()
    assert clock.told(UNIX + 5000, 5000, error_ms, 5000)
    return clock


def test_nothing_is_known_before_a_host_tells():
    clock = Clock()
    assert clock.offset_ms is None
    assert clock.exponent(1000) == 0


def test_the_first_time_is_believed_and_worth_a_record():
    clock = known()
    assert clock.offset_ms == UNIX
    assert clock.bound_ms(5000) == 100


def test_the_bound_grows_by_100_ppm():
    clock = known()
    assert clock.bound_ms(5000 + 3_600_000) == 100 + 360
    assert clock.exponent(5000) == 7
    assert clock.exponent(5000 + 3_600_000) == 9  # 460 ms fit 512


def test_what_was_told_of_the_past_is_less_exact_now():
    clock = Clock()
    clock.told(UNIX + 5000, 5000, 100, 5000 + 50 * GROWTH)
    assert clock.offset_ms == UNIX and clock.bound_ms(5000 + 50 * GROWTH) == 150


def test_the_exponent_holds_the_bound_and_no_more_than_twice_it():
    for error_ms in (1, 15, 16, 17, 255, 256, 257, 60_000, 1 << 40):
        k = known(error_ms).exponent(5000)
        assert k == 31 or (1 << k > error_ms and (k == 4 or 1 << (k - 1) <= error_ms))


def test_a_better_time_is_taken_and_a_worse_one_left():
    clock = known()
    assert not clock.told(UNIX + 6000 + 40, 6000, 50, 6000)
    assert clock.offset_ms == UNIX + 40 and clock.bound_ms(6000) == 50
    assert not clock.told(UNIX + 7000 + 90, 7000, 400, 7000)
    assert clock.offset_ms == UNIX + 40


def test_as_the_bound_grows_a_time_as_good_as_before_is_taken():
    clock = known()
    assert not clock.told(UNIX + 3_600_000 + 300, 3_600_000, 100, 3_600_000)
    assert clock.offset_ms == UNIX + 300 and clock.bound_ms(3_600_000) == 100


def test_a_much_better_time_is_worth_a_record_once():
    clock = known(4000)
    assert clock.told(UNIX + 6000 + 900, 6000, 200, 6000)
    assert not clock.told(UNIX + 7000 + 900, 7000, 150, 7000)


def test_a_jump_is_believed_only_when_it_is_told_twice_in_a_row():
    clock = known()
    far = UNIX + JUMP_MS + 10_000
    assert not clock.told(far + 6000, 6000, 5, 6000)
    assert clock.offset_ms == UNIX and clock.quarantined == 1
    assert clock.told(far + 7000 + 3, 7000, 5, 7000)
    assert clock.offset_ms == far + 3


def test_an_agreeing_time_between_ends_the_quarantine():
    clock = known()
    far = UNIX + JUMP_MS + 10_000
    for at_ms in range(6000, 16_000, 2000):
        assert not clock.told(far + at_ms, at_ms, 5, at_ms)
        assert not clock.told(UNIX + at_ms + 1000, at_ms + 1000, 500, at_ms + 1000)  # worse, but it agrees
    assert clock.offset_ms == UNIX


def test_jumps_that_disagree_are_never_believed():
    clock = known()
    for step in range(1, 10):
        assert not clock.told(UNIX + 6000 + step * 7000, 6000, 5, 6000)
    assert clock.offset_ms == UNIX and clock.quarantined == 9


def test_a_step_within_2_s_is_followed():
    clock = known(10)
    assert not clock.told(UNIX + 6000 + 1500, 6000, 30, 6000)
    assert clock.offset_ms == UNIX + 1500
