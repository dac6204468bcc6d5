"""A guard on a node: what it keeps from closing, what does not wait for it, and that it is there after a boot."""

from test_node import Bench
from world_bench import ASKED, GUARD, POWER_W, UNIX_S, WorldBench, guard, words
from worlds import ECHO, KEEP_5, POWER, plan

from gridnode.switching.interlock import InterlockGroup


def test_a_guard_without_objection_changes_nothing():
    bench = WorldBench(with_clock=False)
    bench.put(guard(ECHO, ASKED, 0, 1, 0))
    bench.seconds(4)
    assert bench.contactor.state == "open"
    assert bench.ask_now("closed", 6) == ("applied", "none")
    bench.seconds(5)
    assert (bench.contactor.state, bench.contactor.cause) == ("closed", "request")
    assert words(bench.ticks()[-1][5]) == [1, 1]
    bench.seconds(3)
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "expiry")
    assert words(bench.ticks()[-1][5]) == [0, 0]
    bench.seconds(2)
    assert bench.ask_now("closed", 60) == ("applied", "none")
    bench.seconds(4)
    assert bench.ask_now("open") == ("applied", "none")


def test_a_guard_opens_what_the_host_holds_and_does_not_let_it_close():
    bench = WorldBench(with_clock=False)
    bench.power(1000)
    bench.put(guard(POWER, *POWER_W, 0))
    bench.seconds(4)
    assert bench.contactor.state == "open"  # it never closes one
    assert bench.ask_now("closed", 600) == ("applied", "none")
    bench.seconds(2)
    bench.power(5000)
    bench.seconds(2)
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "interlock")
    bench.seconds(4)
    assert bench.ask_now("closed", 600) == ("refused", "interlock")
    bench.power(1000)
    bench.seconds(4)
    assert bench.contactor.state == "open"  # the lease has ended
    assert bench.ask_now("closed", 600) == ("applied", "none")


def test_a_guard_that_is_silent_opens_and_keeps_open():
    bench = WorldBench(with_clock=False)
    bench.power(1000)
    bench.put(guard(POWER, *POWER_W, 0))
    bench.seconds(4)
    bench.ask_now("closed", 600)
    bench.seconds(1)
    bench.power(None)
    bench.seconds(2)
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "interlock")
    bench.seconds(4)
    bench.power(1000)  # the next tick will know
    assert bench.ask_now("closed", 600) == ("refused", "interlock")
    bench.seconds(2)
    assert bench.ask_now("closed", 600) == ("applied", "none")
    bench.contactor.min_on_ms = bench.contactor.min_off_ms = 0
    assert bench.ask_now("open") == ("applied", "none")
    bench.power(5000)  # what the last tick has said is not so any longer
    assert bench.ask_now("closed", 600) == ("refused", "interlock")


def test_a_guard_that_has_not_yet_had_a_tick_lets_nothing_close():
    bench = WorldBench(with_clock=False)
    bench.contactor.min_off_ms = 0
    bench.put(guard(ECHO, ASKED, 0, 1, 0))
    assert bench.ticks() == []
    assert bench.ask_now("closed", 600) == ("refused", "interlock")
    bench.seconds(1)
    assert bench.ask_now("closed", 600) == ("applied", "none")


def test_a_guard_whose_plan_has_ended_keeps_open():
    bench = WorldBench()
    bench.put(plan([GUARD, ECHO, ASKED, 0, 1, 0], begin_s=UNIX_S, end_s=UNIX_S + 8))
    bench.run(4_000)
    assert bench.ask_now("closed", 600) == ("applied", "none")
    bench.run(7_900)
    assert bench.contactor.state == "closed"
    bench.run(9_100)
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "interlock")
    bench.put(plan([GUARD, ECHO, ASKED, 0, 1, 0], begin_s=0, end_s=0))
    bench.run(14_000)
    assert bench.ask_now("closed", 600) == ("applied", "none")


def test_a_guards_own_time_on_keeps_from_opening_and_from_nothing_else():
    bench = WorldBench(with_clock=False)
    bench.put(guard(KEEP_5, ASKED, 0, 1, 0))
    bench.seconds(4)
    assert bench.ask_now("closed", 60) == ("applied", "none")
    bench.seconds(3)
    assert bench.contactor.dwell_remaining_ms(bench.now_ms) == 0
    assert bench.ask_now("open") == ("refused", "min on time") and bench.contactor.state == "closed"
    assert bench.ask_now("closed", 60) == ("applied", "none")
    bench.seconds(3)
    assert bench.ask_now("open") == ("applied", "none")


def test_a_trip_and_the_end_of_a_lease_do_not_wait_for_a_guard():
    for what in ("trip", "expiry", "interlock"):
        bench = WorldBench(with_clock=False)
        group = []
        bench.contactor.interlocked = lambda group=group: bool(group)
        bench.put(guard(KEEP_5, ASKED, 0, 1, 0))
        bench.seconds(4)
        bench.ask_now("closed", 2 if what == "expiry" else 60)
        bench.seconds(2 if what == "expiry" else 1)
        if what == "trip":
            bench.contactor.trip("over-current", 99_000, bench.now_ms)
        elif what == "interlock":
            group.append(1)
        bench.run(bench.now_ms + 50)
        assert bench.contactor.state != "closed" and bench.coil[-1] is False
        assert bench.node.controller._world.output(0) == 1  # it would have it closed, and never closes
        bench.seconds(2)
        assert bench.contactor.state != "closed"


def test_a_person_does_not_wait_for_a_guard():
    bench = WorldBench(with_clock=False)
    bench.put(guard(KEEP_5, ASKED, 0, 1, 0))
    bench.seconds(4)
    bench.ask_now("closed", 60)
    bench.seconds(3)  # the contactor's own time on
    bench.contactor.local = True
    bench.run(bench.now_ms + 50)
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "button")


def test_a_guard_stands_before_the_plans_rows_too():
    bench = WorldBench()
    bench.power(1000)
    rows = ([0, 60, 0, 0, 2, 300], [0, 60, 0, 1])  # dear from its second minute on
    times = {"begin_s": UNIX_S - 40, "end_s": UNIX_S + 3600, "prices": (0, 100, 1, 400)}
    bench.put(plan([GUARD, POWER] + list(POWER_W) + [0], *rows, **times))
    bench.seconds(5)
    assert (bench.contactor.state, bench.contactor.cause) == ("closed", "plan")
    bench.power(3000)
    bench.seconds(2)
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "interlock")
    bench.seconds(6)
    assert bench.contactor.state == "open"
    bench.power(1000)
    bench.seconds(2)
    assert (bench.contactor.state, bench.contactor.cause) == ("closed", "plan")
    bench.seconds(6)  # a guard that is not told what is asked for does not keep
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "plan")


def test_a_guards_time_on_holds_against_a_row_that_says_open():
    bench = WorldBench()
    keep = [GUARD, KEEP_5, ASKED, 0, 1, 0]
    bench.put(plan(keep, begin_s=UNIX_S, end_s=UNIX_S + 3600))
    bench.node.plan.of = lambda index, node, first, now_ms: "closed" if now_ms < 4_000 else "open"
    bench.contactor.min_on_ms = 0
    bench.run(3_900)
    assert (bench.contactor.state, bench.contactor.cause) == ("closed", "plan")
    bench.run(5_900)  # on since its first tick, at 1 s
    assert bench.contactor.state == "closed"
    bench.run(6_100)
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "plan")


def test_a_contactor_that_tripped_closes_again_under_a_guard_that_agrees():
    bench = WorldBench(with_clock=False)
    bench.power(1000)
    bench.put(guard(POWER, *POWER_W, 0))
    bench.seconds(4)
    bench.ask_now("closed", 600)
    bench.seconds(1)
    bench.contactor.trip("over-current", 99_000, bench.now_ms)
    bench.seconds(62)
    assert (bench.contactor.state, bench.contactor.cause) == ("closed", "retry")
    bench.seconds(3)
    assert bench.contactor.state == "closed"


def test_another_document_ends_a_guard_and_the_same_one_leaves_it_alone():
    bench = WorldBench(with_clock=False)
    own = bench.contactor.interlocked
    body = guard(KEEP_5, ASKED, 0, 1, 0)
    bench.put(body)
    bench.seconds(4)
    bench.ask_now("closed", 600)
    bench.seconds(2)
    state, tick = bench.node.controller._world.values[0], bench.ticks()[-1][2]
    bench.put(body)
    assert bench.store(b"\x01") == "bad document"
    bench.seconds(1)
    assert (bench.node.controller._world.values[0], bench.ticks()[-1][2]) == (state + 1, tick + 1)
    assert bench.contactor.state == "closed"
    bench.put(guard(ECHO, ASKED, 0, 1, 0))
    bench.seconds(2)
    assert bench.contactor.state == "closed" and bench.ticks()[-1][1:3] == [3, 2]
    bench.put(b"")  # the one before
    assert bench.node.controller.body == body
    bench.put(b"\x84\x01\x00\x00\x80")
    assert bench.node.controller is None and bench.contactor.interlocked == own
    bench.seconds(2)
    assert bench.contactor.state == "closed"


def test_a_guard_that_is_kept_is_there_before_anything_closes_after_a_boot():
    body = guard(POWER, *POWER_W, 0)
    bench = WorldBench(with_clock=False)
    bench.put(body)
    for hears, later_ms in ((True, 1000), (False, 3000)):
        folder = bench.node._folder
        bench = Bench()
        bench.node._folder = folder
        own = bench.contactor.interlocked
        bench.channels[0].window.active_power_mw = 1_000_000
        bench.node.load_documents()
        if hears:
            bench.welcome()
        bench.contactor.min_off_ms = 0
        assert bench.contactor.request("closed", 1000, bench.now_ms) == ("interlock", 0)
        assert bench.node.controller is None
        bench.run(bench.now_ms + later_ms + 100)
        assert bench.node.controller.body == body and bench.contactor.interlocked != own
        bench.run(bench.now_ms + 1000)
        assert bench.contactor.request("closed", 1000, bench.now_ms) == ("none", 0)
        bench.channels[0].window.active_power_mw = 3_000_000
        bench.run(bench.now_ms + 1100)
        assert bench.contactor.cause == "interlock"


def test_guards_of_an_interlock_group_keep_its_condition():
    bench = WorldBench(with_clock=False)
    group = InterlockGroup()

    class Other:
        name = "other"

        def conducting(self):
            return True

    group.join(Other())
    bench.contactor.interlocked = group.others_closed("heater")
    bench.put(guard(ECHO, ASKED, 0, 1, 0))
    bench.seconds(4)
    assert bench.ask_now("closed", 60) == ("refused", "interlock")
