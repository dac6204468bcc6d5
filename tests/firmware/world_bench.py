"""A node that is given microworlds and watched: for the tests of its controller and of its guards."""

import os

from test_node import Bench
from worlds import plan

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
