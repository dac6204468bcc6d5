"""Loss by the gaps in counters."""

from gridnode.wire.packet import put_header
from host_bridge.loss import SPAN, Loss


def packet(counter, key_id=1):
    buffer = bytearray(20)
    put_header(buffer, key_id, counter)
    return bytes(buffer)


def test_nothing_is_told_of_one_packet():
    loss = Loss()
    assert loss.ppm is None
    loss.heard([packet(4)], 1)
    assert loss.ppm is None


def test_gaps_are_losses_and_late_packets_fill_them():
    loss = Loss()
    for counter in (0, 1, 4, 5, 9):
        loss.heard([packet(counter)], 1)
    assert loss.ppm == 500_000
    loss.heard([packet(7)], 1)
    assert loss.ppm == 400_000


def test_new_keys_begin_anew_without_a_gap():
    loss = Loss()
    for counter in range(3):
        loss.heard([packet(counter)], 1)
    loss.heard([packet(0, 2)], 2)
    loss.heard([packet(1, 2)], 2)
    assert loss.ppm == 0


def test_what_was_long_ago_is_forgotten():
    loss = Loss()
    for counter in range(0, 600, 2):
        loss.heard([packet(counter)], 1)
    assert 450_000 < loss.ppm < 550_000
    for counter in range(600, 600 + 6 * SPAN):
        loss.heard([packet(counter)], 1)
    assert loss.ppm < 20_000


def test_packets_that_came_at_once_count_as_they_would_one_by_one():
    counters = (3, 4, 6, 9, 10)
    at_once, singly = Loss(), Loss()
    for loss in (at_once, singly):
        loss.heard([packet(0, 2)], 1)
    at_once.heard([packet(counter) for counter in counters], 2)
    for counter in counters:
        singly.heard([packet(counter)], 2)
    assert at_once.ppm == singly.ppm == 333_333
