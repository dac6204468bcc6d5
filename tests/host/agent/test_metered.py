"""Energy of intervals: nothing made, nothing lost, whatever comes late or in a new journal."""

from hypothesis import given, settings
from hypothesis import strategies as st

from host_bridge.agent.grid_time import GridTime
from host_bridge.agent.metered import between, mark
from host_bridge.model import Reading


def reading(time_ms, imported, exported=0, duration_ms=1000, sequence=None, epoch=1):
    sequence = time_ms if sequence is None else sequence
    nothing = (None,) * 6
    return Reading("n", epoch, sequence, 0, time_ms, time_ms, duration_ms, imported, exported, *nothing, 0)


ROWS = [reading(0, 100, duration_ms=0), reading(1000, 200), reading(2000, 260), reading(3000, 400)]


def test_a_boundary_between_two_readings_is_in_proportion():
    found = mark(ROWS, 1500)
    assert (found.import_mwh, found.before, found.after, found.is_exact) == (230, 1000, 2000, True)


def test_a_boundary_beyond_the_newest_reading_is_not_told_yet():
    assert mark(ROWS, 3001) is None
    assert mark(ROWS, 3000).import_mwh == 400


def test_nothing_is_told_of_the_time_before_the_first_reading():
    assert mark(ROWS[1:], 500) is None


def test_a_hole_is_said_to_be_one():
    assert not mark([ROWS[0], ROWS[1], reading(9000, 900)], 5000).is_exact


def test_a_new_journal_counts_from_its_own_baseline():
    rows = [*ROWS, reading(7000, 5, 0, duration_ms=0, epoch=2), reading(8000, 25, epoch=2)]
    first, beyond = mark(rows, 2000), mark(rows, 8000)
    assert between(first, beyond, rows) == (400 - 260 + 25 - 5, 0)
    gap = mark(rows, 5000)
    assert (gap.epoch, gap.import_mwh) == (2, 5)
    assert between(first, gap, rows) == (140, 0)
    assert between(gap, beyond, rows) == (20, 0)


def test_a_late_reading_that_shows_less_takes_nothing_back():
    early = mark([ROWS[0], ROWS[3]], 2000)  # 300 in proportion, 260 in truth
    late = mark(ROWS, 2500, early)
    assert late.import_mwh == 330
    assert mark(ROWS, 2100, early).import_mwh == early.import_mwh


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 10**6), st.integers(0, 10**6)), min_size=2, max_size=40),
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
    st.randoms(use_true_random=False),
)
def test_intervals_add_up_to_the_registers_however_late_readings_come(steps, cuts, chance):
    rows, time_ms, imported, exported = [reading(0, 0, 0, duration_ms=0)], 0, 0, 0
    for wait, more, less in steps:
        time_ms, imported, exported = time_ms + wait, imported + more, exported + less
        rows.append(reading(time_ms, imported, exported, duration_ms=wait))
    boundaries = sorted({int(cut * time_ms) for cut in cuts} | {0, time_ms})
    last, total = mark(rows, 0), [0, 0]
    for at_ms in boundaries[1:]:
        known = [row for row in rows if row.time_ms <= at_ms or row is rows[-1] or chance.random() < 0.7]
        some = [row for row in known if row.time_ms == at_ms or chance.random() < 0.8 or row is rows[-1]]
        found = mark(some if some[0].time_ms <= at_ms and len(some) > 1 else rows, at_ms, last) or mark(
            rows, at_ms, last
        )
        part = between(last, found, rows)
        assert min(part) >= 0
        total, last = [total[0] + part[0], total[1] + part[1]], found
    assert total == [imported, exported]


def test_grid_time_runs_faster_and_counts_exactly():
    time = GridTime(60, 1_000_000, 86_400)
    assert time.is_replay and not GridTime().is_replay
    assert time.grid_s(1_000_000 + 15_000) == 86_400 + 900
    assert time.unix_ms(86_400 + 900) == 1_015_000
    assert all(time.grid_s(time.unix_ms(s)) >= s > time.grid_s(time.unix_ms(s) - 1) for s in range(86_400, 86_600, 7))
    assert time.energy_mwh(7) == 420
    assert time.hold_s(900) == 15 and time.hold_s(901) == 16
    assert GridTime().grid_s(5_999) == 5
