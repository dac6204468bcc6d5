"""A node asked for its 10 min: whole ones of the time of day, told once they are, and not before."""

from test_node import Bench

from gridnode.wire import schema

LONG_MS = 600_000
UNIX_MS = 1_785_000_000_000 + 570_000  # at node time 0: 30 s before a multiple of 10 min


def run(bench, until_ms):
    """In long steps, with a host that is heard."""
    while bench.now_ms < until_ms:
        bench.now_ms += 500
        bench.say([schema.PING, bench.session, bench.now_ms, UNIX_MS + bench.now_ms, bench.now_ms, 3])
        bench.link.sent = bench.of(schema.AGGREGATE)  # the rest would fill MicroPython's heap


def test_ten_minutes_are_those_of_the_clock_and_told_when_they_are_whole():
    bench = Bench(interval_s=600)
    bench.welcome()
    bench.say([schema.PING, bench.session, 1, UNIX_MS, 0, 3])
    bench.say([schema.MEASURE, bench.session, 1, 0, schema.SPANS.index("10 min")])
    run(bench, 30_000 + LONG_MS - 1_000)
    assert not bench.of(schema.AGGREGATE)
    run(bench, 30_000 + LONG_MS + 2_000)
    (told,) = bench.of(schema.AGGREGATE)
    assert told[1:6] == [bench.session, 1, 0, 0, schema.SPANS.index("10 min")]
    assert 0 <= told[6] - 30_000 - LONG_MS <= 200 and told[7] == 3_600_000
    bench.say([schema.MEASURE, bench.session, 2, 0, schema.SPANS.index("10 min")])
    run(bench, bench.now_ms + 1_000)
    assert bench.of(schema.AGGREGATE)[-1][2:] == [2] + told[3:]  # at once: the newest whole one
