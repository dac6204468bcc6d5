"""A microworld on a node: what it is told, what it may do with a contactor and what not, and what is told of it."""

import os

from test_node import Bench
from worlds import ECHO, KEEP_5, POWER, code, plan

from gridnode.switching.interlock import InterlockGroup
from gridnode.wire import schema

ALONE, GUARD = 0, 1
CONSTANT, FREQUENCY, CLOSED, ASKED, TRIPPED, MINUTE, PRICE = 0, 2, 5, 6, 7, 8, 9
POWER_W = (1, 0, 1000, FREQUENCY, 0, 1)
UNIX_S = 1_790_000_000  # when the bench's time begins
STORE_COMMANDS = 1000


class WorldBench(Bench):
    """A Bench whose flash is empty; its node knows the time unless told otherwise."""

    def __init__(self, with_clock=True):
        super().__init__()
        self.node._folder = folder = os.getenv("TMPDIR") or "/tmp"
        for name in os.listdir(folder):
            if name.startswith("plan."):
                os.remove(folder + "/" + name)
        self.welcome()
        if with_clock:
            self.node.clock.offset_ms = UNIX_S * 1000
        self.commands = STORE_COMMANDS

    def store(self, body):
        """Have a plan kept; the reason."""
        self.commands += 1
        sent = self.say([schema.STORE, self.session, self.commands, 0, body, self.now_ms + 1000])
        (stored,) = [message for message in sent if message[0] == schema.STORED]
        return schema.REASONS[stored[4]]

    def put(self, body):
        assert self.store(body) == "none"

    def ask_now(self, target, hold_s=60):
        """(result, reason) of a request."""
        self.commands += 1
        return self.ask(self.commands, schema.TARGETS.index(target), hold_s)[:2]

    def seconds(self, count):
        """Run for so long; the host goes on being heard."""
        for _ in range(count):
            self.say([schema.ACK, self.ring.epoch, 0, 0, 0])
            self.run(self.now_ms + 1000)

    def ticks(self):
        """All that were told; the newest one waits behind the readings."""
        self.run(self.now_ms + 100)
        return self.of(schema.TICK)

    def power(self, watts):
        """Of channel 0; None: neither it nor the frequency is told."""
        window = self.channels[0].window
        window.frequency_mhz = None if watts is None else 50_000
        window.active_power_mw = (watts or 0) * 1000


def words(record):
    return [int.from_bytes(record[k : k + 4], "little") for k in range(0, len(record), 4)]


def alone(code_, *bound, **how):
    return plan([ALONE, code_] + list(bound), begin_s=UNIX_S - 60, end_s=UNIX_S + 3600, **how)


def guard(code_, *bound, **how):
    return plan([GUARD, code_] + list(bound), **how)


def test_a_world_alone_switches_its_contactor():
    bench = WorldBench()
    bench.power(3000)
    bench.put(alone(POWER, *POWER_W, 0))
    bench.seconds(5)
    assert bench.contactor.state == "open" and bench.contactor.cause == "boot"
    bench.power(2000)
    bench.seconds(2)
    assert (bench.contactor.state, bench.contactor.cause) == ("closed", "plan")
    bench.seconds(8)  # longer than a plan holds by itself
    assert bench.contactor.state == "closed"
    bench.power(2001)
    bench.seconds(2)
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "plan")


def test_a_world_alone_leaves_a_contactor_that_the_host_holds():
    bench = WorldBench()
    bench.power(3000)
    bench.put(alone(POWER, *POWER_W, 0))
    bench.seconds(4)
    assert bench.ask_now("closed", 8) == ("applied", "none")
    bench.seconds(4)
    assert (bench.contactor.state, bench.contactor.cause) == ("closed", "request")
    bench.seconds(5)
    assert bench.contactor.state == "open"


def test_what_is_silent_wants_nothing():
    for silence, fault in ((None, 1), (20_001, 2), (-20_001, 2)):
        bench = WorldBench()
        bench.power(100)
        bench.put(alone(POWER, *POWER_W, 0))
        bench.seconds(4)
        assert bench.contactor.state == "closed"
        bench.power(silence)
        bench.seconds(8)
        assert (bench.contactor.state, bench.contactor.cause) == ("open", "expiry")
        assert bench.ticks()[-1][4] == fault
        bench.power(100)
        bench.seconds(3)
        assert bench.contactor.state == "closed"


def test_a_world_alone_is_in_force_from_its_beginning_to_its_end():
    bench = WorldBench()
    bench.power(100)
    bench.put(plan([ALONE, POWER] + list(POWER_W) + [0], begin_s=UNIX_S + 10, end_s=UNIX_S + 20))
    bench.run(9_900)
    assert bench.contactor.state == "open" and {tick[4] for tick in bench.ticks()} == {4}
    bench.run(12_000)
    assert bench.contactor.state == "closed"
    bench.run(19_900)
    assert bench.contactor.state == "closed"
    bench.run(26_000)
    assert (bench.contactor.state, bench.contactor.cause) == ("open", "expiry")


def test_a_world_alone_does_nothing_without_a_clock():
    bench = WorldBench(with_clock=False)
    bench.power(100)
    bench.put(alone(POWER, *POWER_W, 0))
    bench.seconds(6)
    assert bench.contactor.state == "open" and bench.ticks()[-1][4:] == [4, b""]


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


def test_a_kept_world_of_another_firmware_is_no_plan():
    bench = WorldBench()
    bench.put(guard(ECHO, ASKED, 0, 1, 0))
    documents = bench.node.load_documents()
    documents._pairs[0].write(b"\x00\x07" + guard(b"\x02" + ECHO[1:], ASKED, 0, 1, 0))
    again = Bench()
    again.node._folder = bench.node._folder
    own = again.contactor.interlocked
    again.node.load_documents()
    again.run(3_500)
    assert (again.node.plan, again.node.controller, again.node.follow) == (None, None, None)
    assert again.contactor.interlocked == own


def test_each_tick_is_told_with_what_it_takes_to_run_it_again():
    bench = WorldBench(with_clock=False)
    bench.put(guard(KEEP_5, ASKED, 0, 1, 0))
    bench.seconds(4)
    bench.ask_now("closed", 60)
    bench.seconds(8)
    ticks = bench.ticks()
    assert [tick[2] for tick in ticks] == list(range(1, len(ticks) + 1)) and len(ticks) == 12
    assert {(tick[1], tick[4]) for tick in ticks} == {(1, 0)}
    assert [tick[3] - ticks[0][3] for tick in ticks] == [1000 * k for k in range(12)]
    assert [words(tick[5]) for tick in ticks[3:]] == [[0, 0, 0]] + [[min(k, 5), 1, 1] for k in range(8)]


def test_a_world_ticks_at_its_own_pace():
    bench = WorldBench(with_clock=False)
    slow = code(ranges=[(0, 1)], outputs=[0], tick_s=5)
    bench.put(guard(slow, ASKED, 0, 1, 0))
    bench.seconds(21)
    times = [tick[3] for tick in bench.ticks()]
    assert [time // 1000 - times[0] // 1000 for time in times] == [0, 5, 10, 15, 20]


def test_every_source_is_told():
    bench = WorldBench()
    wide = (-(1 << 31), (1 << 31) - 1)
    bench.channels[0].window.voltage_rms_mv = 230_060
    sources = [CONSTANT, -7, 1, 1, 1, 1000, FREQUENCY, 0, 1, 3, 0, 100, 4, 1, 1, CLOSED, 0, 1, TRIPPED, 0, 1]
    sources += [MINUTE, 60, 1, PRICE, 0, 10]
    world = code(ranges=[wide] * 9)
    bench.put(plan([GUARD, world] + sources, begin_s=UNIX_S, end_s=UNIX_S + 3600, prices=(0, 250)))
    bench.seconds(4)
    bench.ask_now("closed", 60)
    bench.seconds(1)
    minute = (UNIX_S // 60 + 60) % 1440
    told = [-7 & 0xFFFFFFFF, -1800 & 0xFFFFFFFF, 50_000, 2301, 5_000]
    assert words(bench.ticks()[-1][5]) == told + [1, 0, minute, 25]
    bench.contactor.feedback = lambda: False
    bench.contactor.trip("over-current", 1, bench.now_ms)
    bench.contactor.feedback = lambda: True
    bench.contactor.feedback_ms = 1 << 20
    bench.seconds(1)
    assert words(bench.ticks()[-1][5]) == told + [1, 1, minute, 25]


def test_what_is_unknown_is_not_made_up():
    for source, with_clock in ((MINUTE, False), (PRICE, True)):
        bench = WorldBench(with_clock=with_clock)
        bench.put(guard(code(ranges=[(0, 2000)]), source, 0, 1))
        bench.seconds(2)
        assert bench.ticks()[-1][4:] == [1, b""]


def test_outputs_may_be_bound_to_nothing_and_rows_rule_the_rest():
    bench = WorldBench()
    bench.power(3000)
    rows = [0, 60, 0, 1]
    bench.put(plan([ALONE, POWER] + list(POWER_W) + [-1], rows, begin_s=UNIX_S, end_s=UNIX_S + 3600))
    bench.seconds(5)
    assert (bench.contactor.state, bench.contactor.cause) == ("closed", "plan")


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


def test_what_is_no_world_for_this_node_is_refused():
    bench = WorldBench()
    take = bench.node.load_documents()._takers[0]
    for world, times in (
        ([], (0, 0)),
        ([GUARD], (0, 0)),
        ([2, ECHO, ASKED, 0, 1, 0], (0, 0)),
        ([GUARD, 5, ASKED, 0, 1, 0], (0, 0)),
        ([GUARD, ECHO[:-1], ASKED, 0, 1, 0], (0, 0)),
        ([GUARD, ECHO, ASKED, 0, 1], (0, 0)),
        ([GUARD, ECHO, ASKED, 0, 1, 0, 0], (0, 0)),
        ([GUARD, ECHO, ASKED, 0, None, 0], (0, 0)),
        ([GUARD, ECHO, 10, 0, 1, 0], (0, 0)),
        ([GUARD, ECHO, -1, 0, 1, 0], (0, 0)),
        ([GUARD, ECHO, ASKED, 0, 0, 0], (0, 0)),
        ([GUARD, ECHO, ASKED, 1, 1, 0], (0, 0)),
        ([GUARD, ECHO, 1, 2, 1, 0], (0, 0)),
        ([GUARD, ECHO, 1, -1, 1, 0], (0, 0)),
        ([GUARD, ECHO, ASKED, 0, 1, 1], (0, 0)),
        ([GUARD, code(ranges=[(0, 1)], outputs=[0, 0]), ASKED, 0, 1, 0, 0], (0, 0)),
        ([ALONE, ECHO, ASKED, 0, 1, 0], (0, 0)),
        ([ALONE, ECHO, ASKED, 0, 1, 0], (UNIX_S, UNIX_S)),
        ([GUARD, ECHO, ASKED, 0, 1, 0], (UNIX_S, UNIX_S)),
    ):
        try:
            take(plan(world, begin_s=times[0], end_s=times[1]))
        except ValueError:
            continue
        raise AssertionError(world)
    assert bench.store(plan([], begin_s=0, end_s=0)) == "bad document"  # which collects garbage: once is enough
    assert bench.node.plan is None and bench.node.controller is None
    bench.put(guard(ECHO, ASKED, 0, 1, 0))


def test_no_damaged_document_does_more_than_be_refused():
    bench = WorldBench()
    body = plan([GUARD, KEEP_5, ASKED, 0, 1, 0], [0, 60, 0, 1], begin_s=UNIX_S - 60, end_s=UNIX_S + 3600)
    take = bench.node.load_documents()._takers[0]
    taken = 0
    for place in range(len(body)):
        for bit in range(8):
            damaged = bytearray(body)
            damaged[place] ^= 1 << bit
            try:
                take(bytes(damaged))
            except ValueError:
                continue
            taken += 1
            bench.node.controller.step(bench.now_ms)
            bench.contactor.request("closed", 5000, bench.now_ms)
            bench.node.controller.keeps(0)
    assert 0 < taken < 8 * len(body)
