"""A microworld on a node: what it is told, what it may do with a contactor and what not, and what is told of it."""

from test_node import Bench
from world_bench import (
    ALONE,
    ASKED,
    CLOSED,
    CONSTANT,
    FREQUENCY,
    GUARD,
    MINUTE,
    POWER_W,
    PRICE,
    TRIPPED,
    UNIX_S,
    WorldBench,
    alone,
    guard,
    words,
)
from worlds import ECHO, KEEP_5, POWER, code, plan


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
