"""Registers into energy per bucket: exact, monotonic, on local days. And the journals' bookkeeping. Pure."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from host_bridge.store.journal import Journal
from host_bridge.store.rollup import MAX_POWER_MW, Register, Rollup, Row, day_bounds

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000
NOON = 1_774_695_600_000  # 2026-03-28 12:00 in Berlin, the day before the clocks change


def feed(rows, timezone=BERLIN):
    """Roll up the rows of one channel; returns the Rollup and the last register."""
    rollup, last = Rollup(timezone), None
    for row in rows:
        last = rollup.add(1, last, row)
    return rollup, last


def row(time_ms, imported, exported=0, duration_ms=60_000, node_end_ms=None, power=None, voltage=None, sequence=0):
    end = time_ms - NOON if node_end_ms is None else node_end_ms
    return Row(sequence, 0, time_ms, end, duration_ms, imported, exported, power, voltage)


def cells(rollup, resolution):
    return {start: cell for (_, _, start), cell in rollup.cells[resolution].items()}


@given(
    st.lists(
        st.tuples(
            st.integers(1, 2 * 86_400_000),  # how long
            st.integers(0, 10**6),  # import
            st.integers(0, 10**6),  # export
            st.integers(0, 100),  # percent of the span that the reading itself covers
        ),
        min_size=1,
        max_size=12,
    )
)
def test_buckets_add_up_to_the_registers(steps):
    time_ms, imported, exported = NOON, 500, 700
    rows = [row(time_ms, imported, exported, duration_ms=0)]
    for span, more_in, more_out, percent in steps:
        time_ms, imported, exported = time_ms + span, imported + min(more_in, span), exported + min(more_out, span)
        rows.append(row(time_ms, imported, exported, duration_ms=span * percent // 100))
    rollup, _ = feed(rows)
    assert not rollup.doubts
    for resolution in ("minute", "quarter", "day"):
        found = cells(rollup, resolution).values()
        assert sum(cell.import_mwh for cell in found) == imported - 500
        assert sum(cell.export_mwh for cell in found) == exported - 700
        assert all(cell.import_mwh >= 0 and cell.export_mwh >= 0 for cell in found)
        assert sum(cell.covered_ms for cell in found) == sum(r.duration_ms for r in rows)


def test_a_difference_is_split_in_proportion_to_time():
    rollup, _ = feed([row(NOON + 30_000, 0, duration_ms=0), row(NOON + 150_000, 1001, duration_ms=120_000)])
    assert [cell.import_mwh for _, cell in sorted(cells(rollup, "minute").items())] == [250, 500, 251]
    assert [cell.readings for _, cell in sorted(cells(rollup, "minute").items())] == [0, 0, 1]
    assert [cell.import_mwh for cell in cells(rollup, "quarter").values()] == [1001]


def test_an_interval_that_ends_on_a_boundary_belongs_to_the_bucket_before_it():
    rollup, _ = feed([row(NOON, 0, duration_ms=0), row(NOON + 60_000, 7)])
    ((start, cell),) = cells(rollup, "minute").items()
    assert (start, cell.import_mwh, cell.readings) == (NOON, 7, 1)


def test_nothing_is_counted_before_the_first_register():
    rollup, last = feed([row(NOON + 60_000, 123_456, power=5_000)])
    (cell,) = cells(rollup, "minute").values()
    assert (cell.import_mwh, cell.covered_ms, cell.readings, cell.power_max_mw) == (0, 60_000, 1, 5_000)
    assert last.import_mwh == 123_456


def test_a_register_that_dips_never_makes_a_spike():
    values = [1000, 1010, 3, 1012, 1020]
    rollup, last = feed([row(NOON + n * 60_000, v, duration_ms=60_000 * (n > 0)) for n, v in enumerate(values)])
    assert sum(cell.import_mwh for cell in cells(rollup, "minute").values()) == 20
    assert [doubt.kind for doubt in rollup.doubts] == ["register fell"]
    assert last.import_mwh == 1020


def test_a_register_that_leaps_is_not_believed_and_the_other_one_still_counts():
    most = MAX_POWER_MW * 60_000 // HOUR
    rollup, _ = feed([row(NOON, 0, 0, duration_ms=0), row(NOON + 60_000, 2 * most, 5), row(NOON + 120_000, 30, 9)])
    assert sum(cell.import_mwh for cell in cells(rollup, "day").values()) == 30
    assert sum(cell.export_mwh for cell in cells(rollup, "day").values()) == 9
    assert [doubt.kind for doubt in rollup.doubts] == ["register leapt"]


def test_a_step_of_our_clock_does_not_smear_energy():
    later = NOON + 5 * HOUR  # the clock was set five hours on between two readings a minute apart
    rollup, _ = feed([row(NOON, 0, duration_ms=0, node_end_ms=1000), row(later, 90, node_end_ms=61_000)])
    assert {start: cell.import_mwh for start, cell in cells(rollup, "minute").items()} == {later - 60_000: 90}


def test_after_a_reboot_our_clock_tells_the_span():
    rows = [row(NOON, 0, duration_ms=0, node_end_ms=9 * HOUR), row(NOON + 120_000, 90, node_end_ms=61_000)]
    rollup, _ = feed(rows)
    assert [cell.import_mwh for _, cell in sorted(cells(rollup, "minute").items())] == [45, 45]
    assert sum(cell.covered_ms for cell in cells(rollup, "minute").values()) == 60_000


def test_a_very_long_gap_touches_a_bounded_number_of_buckets_and_loses_nothing():
    rollup, _ = feed([row(NOON, 0, duration_ms=0), row(NOON + 4000 * 24 * HOUR, 10**9, duration_ms=1000)])
    assert {name: sum(c.import_mwh for c in cells(rollup, name).values()) for name in ("minute", "quarter", "day")} == {
        "minute": 10**9, "quarter": 10**9, "day": 10**9,
    }  # fmt: skip
    assert all(len(found) <= 3001 for found in rollup.cells.values())


@pytest.mark.parametrize("time_ms", [-1, 2**62])
def test_an_impossible_time_is_not_counted_and_its_energy_comes_with_the_next_reading(time_ms):
    rollup, _ = feed([row(NOON, 0, duration_ms=0), row(time_ms, 40, node_end_ms=60_000), row(NOON + 120_000, 90)])
    assert sum(cell.import_mwh for cell in cells(rollup, "day").values()) == 90
    assert [doubt.kind for doubt in rollup.doubts] == ["time out of range"]


def test_power_and_voltage_are_means_over_time():
    rows = [
        row(NOON, 0, duration_ms=0),
        row(NOON + 10_000, 0, duration_ms=10_000, power=-6_000, voltage=230_000),
        row(NOON + 60_000, 0, duration_ms=50_000, power=12_000, voltage=None),
    ]
    (cell,) = cells(feed(rows)[0], "minute").values()
    assert (cell.power_mw_ms, cell.power_ms) == (-6_000 * 10_000 + 12_000 * 50_000, 60_000)
    assert (cell.power_min_mw, cell.power_max_mw) == (-6_000, 12_000)
    assert (cell.voltage_mv_ms, cell.voltage_ms) == (230_000 * 10_000, 10_000)


def test_figures_beyond_belief_do_not_overflow_the_sums():
    rows = [row(NOON, 0, duration_ms=0), row(NOON + 1000, 2**62, duration_ms=2**62, power=2**62, voltage=2**62)]
    rollup, _ = feed(rows)
    for resolution in rollup.cells.values():
        assert all(value is None or abs(value) < 2**60 for cell in resolution.values() for value in cell.row())


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", (2026, 3, 28), 24),
        ("Europe/Berlin", (2026, 3, 29), 23),
        ("Europe/Berlin", (2026, 10, 25), 25),
        ("Asia/Kathmandu", (2026, 6, 1), 24),  # 5:45 h from UTC
        ("America/Havana", (2026, 3, 8), 23),  # midnight itself is skipped
        ("America/Havana", (2026, 11, 1), 25),  # and comes twice
    ],
)
def test_days_are_local_days(zone, day, hours):
    bounds = day_bounds(ZoneInfo(zone))
    noon = round(datetime(*day, 12, tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    low, high = bounds(noon)
    assert high - low == hours * HOUR
    assert bounds(low) == (low, high) == bounds(high - 1)
    assert bounds(low - 1)[1] == low and bounds(high)[0] == high


def test_a_day_of_25_hours_takes_the_energy_of_25_hours():
    start = round(datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp() * 1000)  # midnight in Berlin
    rows = [row(start, 0, duration_ms=0, node_end_ms=0)]
    rows += [row(start + n * HOUR, n * 100, duration_ms=HOUR, node_end_ms=n * HOUR) for n in range(1, 27)]
    days = cells(feed(rows)[0], "day")
    assert [(cell.import_mwh, cell.covered_ms // HOUR) for _, cell in sorted(days.items())] == [(2500, 25), (100, 1)]


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(0, 35))
@example([0, 2, 1, 2], 0)
def test_a_journal_knows_what_it_has(sequences, oldest):
    journal, stored = Journal(), set(sequences)
    journal.take(sequences)
    missing = set(range(40)) - stored
    assert journal.next_sequence == min(missing)
    assert journal.ahead == {s for s in stored if s > journal.next_sequence}
    gaps = journal.gaps_below(oldest)
    lost = {sequence for first, beyond in gaps for sequence in range(first, beyond)}
    assert lost == {s for s in missing if s < oldest}
    for gap in gaps:
        journal.skip(*gap)
    assert journal.next_sequence == min(missing - lost)
    assert journal.ahead == {s for s in stored if s > journal.next_sequence}


def test_a_journal_survives_the_largest_sequence_there_is():
    journal = Journal()
    gaps = journal.gaps_below(2**63 - 1)
    for gap in gaps:
        journal.skip(*gap)
    journal.take([2**63 - 1])
    assert journal.next_sequence == 2**63 - 1 and not journal.ahead


def test_registers_are_what_the_next_reading_is_compared_with():
    _, last = feed([row(NOON, 5, 6, duration_ms=0), row(NOON + 60_000, 7, 8)])
    assert last == Register(60_000, NOON + 60_000, 7, 8)
