"""Packets that come at once are taken as they would be one by one, whatever lies between them."""

import pytest

from gridnode.wire import schema
from gridnode.wire.channel import CALL
from tests.host.test_node import Pair


@pytest.fixture
def pair():
    pair = Pair()
    pair.peer.mute = True
    pair.open(node_time_ms=10_000)
    return pair


def forged(packet):
    return packet[:-1] + bytes([packet[-1] ^ 1])


def registers(pair, sequence):
    return pair.peer.packet([schema.REGISTERS, sequence, 0, 10_000, 100 + sequence, 0])


def test_all_that_is_genuine_is_kept_once_and_in_order(pair):
    a, b, c, d = (registers(pair, sequence) for sequence in range(4))
    switching = pair.peer.packet(pair.peer.switched(4, 1, node_ms=9_000))
    rejected = pair.remote.rejected
    pair.remote.receive_all([a, forged(b), CALL, b"", a, c, b, forged(a), switching, d, d], pair.now_ms)
    assert [record.sequence for record in pair.kept] == [0, 2, 1, 4, 3]
    assert pair.remote.rejected - rejected == 5  # the forged, the empty, the repeated
    assert pair.remote.heard_ms == pair.now_ms and pair.view.last_heard_ms


def test_a_message_that_is_none_of_ours_does_not_stop_those_behind_it(pair):
    packets = [registers(pair, 0), pair.peer.packet([schema.REGISTERS, 1, -1, 2, 3, 4]), registers(pair, 2)]
    pair.remote.receive_all(packets, pair.now_ms)
    assert [record.sequence for record in pair.kept] == [0, 2]
    assert pair.remote.rejected


def test_a_channel_that_was_never_announced_is_acknowledged_and_not_kept(pair):
    strange = pair.peer.packet([schema.REGISTERS, 0, 2, 10_000, 1, 2])
    pair.remote.receive_all([strange, registers(pair, 1)], pair.now_ms)
    assert [record.sequence for record in pair.kept] == [1]
    assert pair.remote.session.receiver.next_sequence == 1


def test_a_new_greeting_among_records_sets_the_clock_of_those_behind_it(pair):
    before = registers(pair, 0)
    pair.peer.hello.update(boot_epoch=5, node_time_ms=0, node_session=78)
    packets = [before, pair.peer.packet(pair.peer.greeting()), pair.peer.packet([schema.LIVE, 0, 50, *[0] * 9])]
    pair.remote._greeted = lambda remote: remote.welcome(1, ())
    pair.remote.receive_all(packets, pair.now_ms)
    (reading,) = pair.kept
    assert pair.view.live[0].time_ms - reading.time_ms == 50  # both clocks showed this now


def test_loss_is_reckoned_of_what_is_genuine(pair):
    packets = [registers(pair, sequence) for sequence in range(10)]
    before = pair.remote.loss._sent, pair.remote.loss._came
    pair.remote.receive_all([b"\x00", *packets[:3], forged(packets[3]), *packets[5:], b"\x00\x01"], pair.now_ms)
    after = pair.remote.loss._sent, pair.remote.loss._came
    assert (after[0] - before[0], after[1] - before[1]) == (10, 8)
