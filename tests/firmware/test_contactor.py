"""The contactor by example: lease, dwell, interlock, trip, lock-out, plan, person. More: test_switching_model.py."""

from gridnode.switching import contactor as table
from gridnode.switching.contactor import DUE, TABLE, Contactor
from gridnode.switching.interlock import InterlockGroup
from gridnode.wire import schema

MIN_ON, MIN_OFF, MAX_HOLD, RETRY_AFTER = 3_000, 5_000, 60_000, 7_000
READY = 1_000 + MIN_OFF  # booted at 1,000
TRIPS = ("over-current", "over-voltage", "under-voltage", "over-frequency", "under-frequency")


def spec(name="heater", min_on_s=3, min_off_s=5):
    return {
        "name": name,
        "min_on_s": min_on_s,
        "min_off_s": min_off_s,
        "max_hold_s": 60,
        "feedback_ms": 200,
        "retry_after_s": 7,
        "retries": 2,
        "retry_window_s": 100,
    }


class Bench:
    """A contactor, its coil, its contact, a condition and what was noted of it."""

    def __init__(self, booted=True, feedback=False, locked_out=False):
        self.coil = []
        self.contact = False
        self.forbidden = False
        self.changes = []
        contact = (lambda: self.contact) if feedback else None
        self.contactor = Contactor(spec(), self.coil.append, lambda: self.forbidden, self.note, contact)
        if booted:
            self.contactor.boot(1_000, locked_out)

    def note(self, contactor, now_ms):
        assert contactor is self.contactor
        self.changes.append((now_ms, contactor.state, contactor.cause))

    def closed(self, hold_ms=10_000):
        assert self.contactor.request("closed", hold_ms, READY) == ("none", 0)
        return self


def test_words_are_the_wire_s():
    assert set(TABLE) == set(DUE) == set(schema.STATES)
    causes = {cause for rows in TABLE.values() for _, _, _, cause in rows.values() if cause}
    assert causes - {table.MEASURED} | set(TRIPS) == set(schema.CAUSES)
    told = [table.NONE, table.BAD_HOLD, table.MIN_ON, table.MIN_OFF, table.INTERLOCKED, table.LOCAL]
    for reason in told + list(table.REFUSALS.values()):
        assert reason in schema.REASONS


def test_what_becomes_due_has_a_row():
    for state, events in DUE.items():
        for event in events:
            assert event in TABLE[state], (state, event)


def test_the_constructor_moves_no_pin_and_boot_opens():
    bench = Bench(booted=False)
    assert bench.coil == []
    bench.contactor.boot(1_000)
    assert bench.coil == [False]
    assert bench.changes == [(1_000, "open", "boot")]


def test_nothing_is_done_before_boot():
    bench = Bench(booted=False)
    for call in (lambda: bench.contactor.request("closed", 1, 1), lambda: bench.contactor.tick(1)):
        try:
            call()
        except RuntimeError as error:
            assert "boot" in str(error)
        else:
            raise AssertionError("accepted")
    assert bench.coil == []


def test_it_boots_once():
    bench = Bench().closed()
    try:
        bench.contactor.boot(READY + 1)
    except RuntimeError as error:
        assert "already" in str(error)
    else:
        raise AssertionError("accepted")
    assert bench.coil == [False, True]


def test_closing_holds_and_expires():
    bench = Bench().closed(10_000)
    assert bench.coil == [False, True]
    assert bench.contactor.hold_remaining_ms(READY + 4_000) == 6_000
    bench.contactor.tick(READY + 9_999)
    assert bench.contactor.state == "closed"
    bench.contactor.tick(READY + 10_000)
    assert bench.coil == [False, True, False]
    assert bench.changes[1:] == [(READY, "closed", "request"), (READY + 10_000, "open", "expiry")]
    assert bench.contactor.hold_remaining_ms(READY + 10_000) == 0


def test_expiry_overrides_min_on():
    bench = Bench().closed(500)
    bench.contactor.tick(READY + 500)
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "expiry")


def test_renewing_replaces_the_hold_and_moves_no_coil():
    bench = Bench().closed(10_000)
    assert bench.contactor.request("closed", 20_000, READY + 9_000) == ("none", 0)
    assert bench.contactor.hold_remaining_ms(READY + 9_000) == 20_000
    assert bench.contactor.request("closed", 2_000, READY + 10_000) == ("none", 0)
    assert bench.contactor.hold_remaining_ms(READY + 10_000) == 2_000
    assert bench.coil == [False, True]
    assert len(bench.changes) == 2


def test_a_renewal_that_comes_too_late_finds_it_open():
    bench = Bench().closed(10_000)
    assert bench.contactor.request("closed", 20_000, READY + 10_000) == ("min off time", MIN_OFF)
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "expiry")


def test_a_hold_out_of_range_is_refused():
    bench = Bench()
    for hold_ms in (0, -1, MAX_HOLD + 1):
        assert bench.contactor.request("closed", hold_ms, READY) == ("hold out of range", 0)
    assert bench.contactor.state == "open"
    bench.closed(10_000)
    assert bench.contactor.request("closed", MAX_HOLD + 1, READY + 1) == ("hold out of range", 0)
    assert bench.contactor.hold_remaining_ms(READY + 1) == 9_999
    assert bench.contactor.request("open", 0, READY + MIN_ON) == ("none", 0)  # opening needs no hold


def test_dwell_refuses_and_says_how_long():
    bench = Bench()
    assert bench.contactor.request("closed", 1_000, 1_001) == ("min off time", MIN_OFF - 1)
    assert bench.contactor.dwell_remaining_ms(1_001) == MIN_OFF - 1
    bench.closed(10_000)
    assert bench.contactor.request("open", 0, READY + MIN_ON - 1) == ("min on time", 1)
    assert bench.contactor.request("open", 0, READY + MIN_ON) == ("none", 0)
    assert bench.changes[-1] == (READY + MIN_ON, "open", "request")


def test_opening_what_is_open_is_no_change():
    bench = Bench()
    assert bench.contactor.request("open", 0, 1_001) == ("none", 0)
    assert bench.contactor.cause == "boot"
    assert len(bench.changes) == 1
    assert bench.coil == [False]


def test_interlock_forbids_closing_and_opens_at_once():
    bench = Bench()
    bench.forbidden = True
    assert bench.contactor.request("closed", 1_000, READY) == ("interlock", 0)
    bench.forbidden = False
    bench.closed(10_000)
    bench.forbidden = True
    bench.contactor.tick(READY + 1)  # within min on
    assert bench.changes[-1] == (READY + 1, "open", "interlock")
    assert bench.coil == [False, True, False]


def test_a_renewal_under_interlock_opens():
    bench = Bench().closed(10_000)
    bench.forbidden = True
    assert bench.contactor.request("closed", 10_000, READY + 1) == ("interlock", 0)
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "interlock")


def test_an_unknown_target_is_refused_loudly():
    try:
        Bench().contactor.request("half", 1, READY)
    except ValueError as error:
        assert "half" in str(error)
    else:
        raise AssertionError("accepted")


def test_a_coil_that_would_not_open_is_tried_again():
    faults = [OSError("pin"), OSError("pin")]
    coil = []

    def drive(closed):
        if not closed and coil and faults:
            raise faults.pop()
        coil.append(closed)

    contactor = Contactor(spec(min_on_s=0, min_off_s=0), drive)
    contactor.boot(0)
    contactor.request("closed", 1_000, 0)
    for now_ms in (1_000, 1_001, 1_002):
        try:
            contactor.tick(now_ms)
        except OSError:
            assert contactor.state == "closed"
    assert coil == [False, True, False]
    assert contactor.state == "open"


def test_group_members_exclude_each_other():
    group = InterlockGroup()
    members = []
    for name in ("up", "down", "tilt"):
        member = Contactor(spec(name, 0, 0), lambda closed: None, group.others_closed(name))
        group.join(member)
        member.boot(0)
        members.append(member)
    up, down, tilt = members
    assert up.request("closed", 9_000, 1) == ("none", 0)
    assert down.request("closed", 9_000, 2) == ("interlock", 0)
    assert tilt.request("closed", 9_000, 2) == ("interlock", 0)
    down.tick(3)
    up.tick(3)
    assert [member.state for member in members] == ["closed", "open", "open"]
    assert up.request("open", 0, 4) == ("none", 0)
    assert down.request("closed", 9_000, 5) == ("none", 0)
    try:
        group.join(Contactor(spec("up"), lambda closed: None))
    except ValueError as error:
        assert "up" in str(error)
    else:
        raise AssertionError("accepted")


def test_a_trip_opens_at_once_and_closes_again_while_the_lease_runs():
    bench = Bench().closed(60_000)
    bench.contactor.trip("over-current", 41_000, READY + 1)  # within min on
    assert not any(bench.coil[2:])
    assert bench.changes[-1] == (READY + 1, "tripped", "over-current")
    assert bench.contactor.value == 41_000
    assert bench.contactor.request("closed", 9_000, READY + 2) == ("tripped", RETRY_AFTER - 1)
    bench.contactor.tick(READY + RETRY_AFTER)
    assert bench.contactor.state == "tripped"
    bench.contactor.tick(READY + RETRY_AFTER + 1)
    assert bench.changes[-1] == (READY + RETRY_AFTER + 1, "closed", "retry")
    assert bench.contactor.hold_remaining_ms(READY + 10_000) == 50_000


def test_no_retry_without_a_lease_or_under_interlock():
    bench = Bench().closed(2_000)
    bench.contactor.trip("over-voltage", 270_000, READY + 1)
    bench.contactor.tick(READY + 1 + RETRY_AFTER)
    assert bench.changes[-1] == (READY + 1 + RETRY_AFTER, "open", "expiry")
    bench = Bench().closed(60_000)
    bench.contactor.trip("over-voltage", 270_000, READY + 1)
    bench.forbidden = True
    bench.contactor.tick(READY + 1 + RETRY_AFTER)
    assert bench.changes[-1] == (READY + 1 + RETRY_AFTER, "open", "interlock")
    assert not any(bench.coil[2:])


def test_opening_while_tripped_ends_the_retry():
    bench = Bench().closed(60_000)
    bench.contactor.trip("over-current", 41_000, READY + 1)
    assert bench.contactor.request("open", 0, READY + 2) == ("none", 0)
    bench.contactor.tick(READY + 1 + RETRY_AFTER)
    assert bench.changes[-1] == (READY + 1 + RETRY_AFTER, "open", "expiry")


def test_a_trip_is_nothing_to_a_contactor_that_is_open():
    bench = Bench()
    bench.contactor.trip("over-current", 41_000, READY)
    assert (bench.contactor.state, bench.contactor.value, bench.coil) == ("open", None, [False])


def tripped(bench, times, now_ms=READY):
    """Close and trip it so often, one retry after the other; return when."""
    bench.contactor.request("closed", 60_000, now_ms)
    for _ in range(times):
        bench.contactor.tick(now_ms)
        assert bench.contactor.state == "closed"
        bench.contactor.trip("over-current", 41_000, now_ms)
        now_ms += RETRY_AFTER
    return now_ms


def test_one_trip_too_many_locks_out_until_a_reset():
    bench = Bench()
    now_ms = tripped(bench, 3)
    assert bench.changes[-1] == (now_ms - RETRY_AFTER, "locked out", "over-current")
    assert bench.contactor.dwell_remaining_ms(now_ms) == 0
    for target in ("closed", "open"):
        assert bench.contactor.request(target, 9_000, now_ms) == ("locked out", 0)
    assert bench.contactor.plan("closed", 9_000, now_ms) == ("locked out", 0)
    bench.contactor.tick(now_ms + 1_000_000)
    assert bench.contactor.state == "locked out"
    assert bench.contactor.request("reset", 0, now_ms + 1_000_000) == ("none", 0)
    assert bench.changes[-1] == (now_ms + 1_000_000, "open", "reset")
    assert bench.contactor.request("reset", 0, now_ms + 1_000_001) == ("not locked out", 0)
    tripped(bench, 2, now_ms + 1_010_000)  # the former trips are forgotten
    assert bench.contactor.state == "tripped"


def test_trips_beyond_the_window_do_not_count_though_no_tick_came_between():
    for later_ms, state in ((100_000, "tripped"), (99_999, "locked out")):
        bench = Bench()
        bench.contactor.tick(tripped(bench, 2))
        assert bench.contactor.request("closed", 60_000, READY + 50_000) == ("none", 0)
        bench.contactor.trip("over-current", 41_000, READY + later_ms)
        assert bench.contactor.state == state


def test_a_welded_contact_locks_out_and_counts_as_closed():
    bench = Bench(feedback=True).closed(10_000)
    bench.contact = True
    bench.contactor.request("open", 0, READY + MIN_ON)
    bench.contactor.tick(READY + MIN_ON + 1)
    bench.contactor.tick(READY + MIN_ON + 200)
    assert bench.contactor.state == "open" and bench.contactor.conducting()
    bench.contactor.tick(READY + MIN_ON + 201)
    assert bench.changes[-1] == (READY + MIN_ON + 201, "locked out", "welded")
    assert bench.contactor.request("reset", 0, READY + 9_000) == ("locked out", 0)
    assert bench.contactor.reset_by_hand(READY + 9_000) == "locked out"
    bench.contact = False
    assert bench.contactor.conducting()  # nobody has looked yet
    assert bench.contactor.reset_by_hand(READY + 9_001) == "none"
    assert bench.changes[-1] == (READY + 9_001, "open", "reset")
    assert not bench.contactor.conducting()


def test_a_lock_out_outlasts_a_power_cut_and_a_weld_is_found_again():
    bench = Bench(feedback=True, locked_out=True)
    assert (bench.contactor.state, bench.contactor.cause, bench.coil) == ("locked out", "boot", [False])
    assert bench.changes == [(1_000, "locked out", "boot")]
    assert bench.contactor.request("closed", 9_000, READY) == ("locked out", 0)
    assert bench.contactor.plan("closed", 9_000, READY) == ("locked out", 0)
    assert bench.contactor.request("reset", 0, READY) == ("none", 0)
    assert bench.contactor.request("closed", 9_000, READY + MIN_OFF) == ("none", 0)
    bench = Bench(feedback=True)
    bench.contact = True
    for now_ms, state in ((1_001, "open"), (1_200, "open"), (1_201, "locked out")):
        bench.contactor.tick(now_ms)
        assert bench.contactor.state == state, now_ms
    assert bench.contactor.request("closed", 9_000, READY) == ("locked out", 0)


def test_a_contact_that_does_not_follow_is_told_and_its_coil_let_go():
    bench = Bench(feedback=True).closed(10_000)
    for now_ms in (READY + 1, READY + 200):
        bench.contactor.tick(now_ms)
        assert bench.contactor.state == "closed"
    bench.contactor.tick(READY + 201)
    assert bench.changes[-1] == (READY + 201, "locked out", "failed to close")
    assert bench.coil == [False, True, False]


def test_a_contact_that_bounces_is_no_fault():
    bench = Bench(feedback=True).closed(10_000)
    for now_ms in range(READY, READY + 5_000, 100):
        bench.contact = not bench.contact
        bench.contactor.tick(now_ms)
    assert bench.contactor.state == "closed"


def test_the_plan_waits_for_the_host_and_takes_over_without_an_opening():
    bench = Bench().closed(10_000)
    assert bench.contactor.plan("open", 0, READY + 5_000) == ("the host's lease", 0)
    assert bench.contactor.plan("closed", 20_000, READY + 5_000) == ("the host's lease", 0)
    bench.contactor.tick(READY + 10_000)
    assert bench.changes[-1] == (READY + 10_000, "closed", "plan")
    assert bench.coil == [False, True]
    assert bench.contactor.hold_remaining_ms(READY + 10_000) == 15_000
    assert bench.contactor.request("closed", 5_000, READY + 11_000) == ("none", 0)  # and back again
    assert bench.changes[-1] == (READY + 11_000, "closed", "request")
    assert bench.contactor.plan("open", 0, READY + 12_000) == ("the host's lease", 0)
    bench.contactor.tick(READY + 16_000)
    assert bench.changes[-1] == (READY + 16_000, "open", "expiry")


def test_the_host_s_open_keeps_the_plan_away_for_its_hold():
    bench = Bench()
    assert bench.contactor.request("open", 9_000, READY) == ("none", 0)
    assert bench.contactor.plan("closed", 5_000, READY + 8_999) == ("the host's lease", 0)
    assert bench.contactor.plan("closed", 5_000, READY + 9_000) == ("none", 0)
    assert bench.changes[-1] == (READY + 9_000, "closed", "plan")
    assert bench.contactor.plan("open", 0, READY + 9_001) == ("min on time", MIN_ON - 1)
    bench.contactor.tick(READY + 14_000)
    assert bench.changes[-1] == (READY + 14_000, "open", "expiry")


def test_a_person_opens_and_host_and_plan_are_refused_until_the_end():
    bench = Bench().closed(60_000)
    bench.contactor.local = True
    bench.contactor.tick(READY + MIN_ON - 1)
    assert bench.contactor.state == "closed"
    bench.contactor.tick(READY + MIN_ON)
    assert bench.changes[-1] == (READY + MIN_ON, "open", "button")
    now_ms = READY + 20_000
    assert bench.contactor.request("closed", 9_000, now_ms) == ("local control", 0)
    assert bench.contactor.plan("closed", 9_000, now_ms) == ("local control", 0)
    bench.contactor.local = False
    bench.contactor.tick(now_ms)
    assert bench.contactor.state == "open"
    assert bench.contactor.request("closed", 9_000, now_ms) == ("none", 0)


def test_a_person_ends_the_retry_and_the_lock_out():
    bench = Bench().closed(60_000)
    bench.contactor.trip("over-current", 41_000, READY + 1)
    bench.contactor.local = True
    bench.contactor.tick(READY + 2)
    bench.contactor.tick(READY + 1 + RETRY_AFTER)
    assert bench.changes[-1] == (READY + 1 + RETRY_AFTER, "open", "expiry")
    bench = Bench()
    now_ms = tripped(bench, 3)
    bench.contactor.local = True
    assert bench.contactor.request("reset", 0, now_ms) == ("local control", 0)
    assert bench.contactor.reset_by_hand(now_ms) == "none"
