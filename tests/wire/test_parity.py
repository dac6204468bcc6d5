"""Parity: lost batches come back from the checks of later ones, nothing else does."""

from radio_pipe import Chance

from gridnode.wire import WireError, parity
from gridnode.wire.solver import Solver


def sent(seed, units):
    """(batches, bodies) of a node that sends so many."""
    chance = Chance(seed)
    node = parity.Checks()
    batches, bodies = [], []
    for _ in range(units):
        batches.append(b"\x01" + chance.bytes(30 + chance.bits(5)))
        length = node.put(batches[-1] + bytes(9), len(batches[-1]))
        bodies.append(bytes(node.body[:length]))
    return batches, bodies


def share(seed, loss, units):
    """Of the batches, how many of 1000 are known in the end, and an hour (4 units) later."""
    batches, bodies = sent(seed, units + 4)
    chance, host, found, before = Chance(seed + 500), Solver(), set(), 0
    for index, body in enumerate(bodies):
        if index == units:
            before = len(found)
        if chance.bits(20) % 1000 >= loss:
            for known in host.take(body):
                assert known in batches[: index + 1] and known not in found
                found.add(known)
    return before * 1000 // units, len(found.intersection(batches[:units])) * 1000 // units


def test_without_loss_each_batch_comes_once_and_at_once():
    batches, bodies = sent(1, 60)
    host = Solver()
    assert [host.take(body) for body in bodies] == [[known] for known in batches]


def test_of_ten_batches_in_a_row_that_are_lost_all_come_back():
    batches, bodies = sent(2, 40)
    host, found = Solver(), []
    for index, body in enumerate(bodies):
        if not 20 <= index < 30:
            found += host.take(body)
    assert sorted(found) == sorted(batches)


def test_at_forty_percent_loss_a_day_is_known():
    days = [share(seed, 400, 96) for seed in range(1, 7)]
    assert sum([later for _, later in days]) >= 995 * len(days), days
    assert sum([at_once for at_once, _ in days]) >= 980 * len(days), days


def test_a_host_that_comes_late_learns_what_it_can():
    batches, bodies = sent(3, 60)
    host, found = Solver(), []
    for body in bodies[30:]:
        found += host.take(body)
    assert set(batches[30:]) <= set(found) <= set(batches)


def test_memory_is_bounded_whatever_is_lost():
    host = Solver()
    for body in sent(4, 400)[1][::3]:
        host.take(body)
        assert len(host._known) + len(host._equations) <= 2 * parity.WINDOW * 3


def test_numbers_begin_anew_behind_the_last():
    node, host = parity.Checks(), Solver()
    node._unit = 0xFFFE
    for number in range(6):
        batch = b"\x01" + bytes([number]) * 20
        length = node.put(batch, len(batch))
        assert host.take(bytes(node.body[:length])) == [batch]


def test_what_is_no_unit_is_refused():
    bodies = sent(5, 30)[1]
    chance = Chance(6)
    for body in (b"", b"\x02", bodies[9][:20], bodies[9] + b"\x00", b"\x01" + bodies[9][1:], b"\x02\x00\x00\x00abc"):
        try:
            Solver().take(body)
            raise AssertionError(body)
        except WireError:
            pass
    host = Solver()
    for body in bodies:
        damaged = bytearray(body)
        damaged[chance.bits(16) % len(damaged)] ^= 1 << chance.bits(3)
        try:
            host.take(bytes(damaged))
        except WireError:
            pass
