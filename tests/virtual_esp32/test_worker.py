"""The board's thread: what is due, what is ready, what is asked of it."""

import os
import threading
import time

import pytest

from tools.virtual_esp32.worker import Worker


@pytest.fixture
def worker():
    made = Worker()
    yield made
    made.stop()


def test_what_was_unwatched_a_moment_ago_is_not_called(worker):
    ends = [os.pipe(), os.pipe()]
    called = []

    def ready(this, other):
        called.append(this)
        worker.unwatch(ends[this][0])
        worker.unwatch(ends[other][0])

    for this, other in ((0, 1), (1, 0)):
        os.write(ends[this][1], b"x")
        worker.watch(ends[this][0], lambda this=this, other=other: ready(this, other))
    worker.start()
    worker.call(lambda: None)
    assert len(called) == 1
    for pair in ends:
        os.close(pair[0])
        os.close(pair[1])


def test_times_come_in_their_order_and_calls_give_results_and_errors(worker):
    seen, done = [], threading.Event()
    now = time.monotonic()
    worker.at(now + 0.02, done.set)
    worker.at(now + 0.01, lambda: seen.append("later"))
    worker.at(now, lambda: seen.append("sooner"))
    worker.start()
    assert done.wait(20) and seen == ["sooner", "later"]
    assert worker.call(lambda: worker.call(lambda: 42)) == 42
    with pytest.raises(ZeroDivisionError):
        worker.call(lambda: 1 // 0)


def test_a_worker_that_does_not_run_says_so(worker):
    with pytest.raises(RuntimeError):
        worker.call(lambda: None)
