"""The contactor: every edge of its table, the lease, the dwell, the interlock."""

from gridnode.switching import contactor as table
from gridnode.switching.contactor import TABLE, Contactor
from gridnode.switching.interlock import InterlockGroup
from gridnode.wire import schema

MIN_ON, MIN_OFF, MAX_HOLD = 3_000, 5_000, 60_000
READY = 1_000 + MIN_OFF  # booted at 1,000


class Bench:
    """A contactor, its coil, a condition and what was noted of it."""

    def __init__(self, booted=True):
        self.coil = []
        self.forbidden = False
        self.changes = []
        self.contactor = Contactor(
            "heater", self.coil.append, MIN_ON, MIN_OFF, MAX_HOLD, lambda: self.forbidden, self.note
        )
        if booted:
            self.contactor.boot(1_000)

    def note(self, contactor, now_ms):
        assert contactor is self.contactor
        self.changes.append((now_ms, contactor.state, contactor.cause))

    def closed(self, hold_ms=10_000):
        assert self.contactor.request("closed", hold_ms, READY) == ("none", 0)
        return self


def test_words_are_the_wire_s():
    assert (table.OPEN, table.CLOSED) == schema.STATES
    assert {cause for _, _, _, cause in TABLE.values() if cause} == set(schema.CAUSES)
    for reason in (table.NONE, table.BAD_HOLD, table.MIN_ON, table.MIN_OFF, table.INTERLOCKED):
        assert reason in schema.REASONS


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


def test_boot_opens_a_closed_contactor_and_counts_as_an_opening():
    bench = Bench().closed()
    bench.contactor.boot(READY + 1)
    assert bench.coil == [False, True, False]
    assert bench.contactor.request("closed", 1_000, READY + 2) == ("min off time", MIN_OFF - 1)


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

    contactor = Contactor("heater", drive, 0, 0, 60_000)
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
        member = Contactor(name, lambda closed: None, 0, 0, 60_000, group.others_closed(name))
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
        group.join(Contactor("up", lambda closed: None, 0, 0, 1))
    except ValueError as error:
        assert "up" in str(error)
    else:
        raise AssertionError("accepted")


def test_every_edge_of_the_table_leads_where_it_says():
    for (state, event), (guards, _, next_state, cause) in TABLE.items():
        bench = Bench().closed() if state == "closed" else Bench()
        walk(bench, event, READY + MIN_ON)
        assert bench.contactor.state == next_state, (state, event)
        assert bench.coil[-1] == (next_state == "closed"), (state, event)
        if cause:
            assert bench.changes[-1] == (READY + MIN_ON, next_state, cause), (state, event)
        refused = set()
        for guard in guards:
            bench = Bench().closed() if state == "closed" else Bench()
            refused.add(refuse(bench, guard.__name__, event))
            assert bench.contactor.state == state, (state, event, guard.__name__)
        assert len(refused) == len(guards)


def walk(bench, event, now_ms):
    """Make `event` happen through the public door."""
    if event == "boot":
        bench.contactor.boot(now_ms)
    elif event == "interlock":
        bench.forbidden = True
        bench.contactor.tick(now_ms)
    elif event == "expiry":
        bench.contactor.request("closed", now_ms - READY, READY)
        bench.contactor.tick(now_ms)
    else:
        target = "open" if event == "request open" else "closed"
        assert bench.contactor.request(target, 10_000, now_ms) == ("none", 0)


def refuse(bench, guard, event):
    """Ask so that only `guard` objects; return its reason."""
    target = "open" if event == "request open" else "closed"
    hold_ms = 0 if guard == "hold_in_range" else 10_000
    now_ms = 1_002 if guard == "off_long_enough" else READY
    bench.forbidden = guard == "no_interlock"
    reason, _ = bench.contactor.request(target, hold_ms, now_ms)
    assert reason != "none"
    return reason
