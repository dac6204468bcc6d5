"""Acknowledgement means kept; neither side is sent more than it takes: credit for the host, a buffer for the node."""

from pipe import CREDIT, EPOCH, Host, Node, exchange, framed, kinds, met

from gridnode.node.report import RECEIVE_BYTES
from gridnode.wire import packet, schema, session
from gridnode.wire.frame import CRC_BYTES, FRAME_MAX, FRAMING_BYTES, PACKET_MAX, FrameDecoder
from gridnode.wire.host_session import BUFFER_MIN, PING_ROOM, REQUEST_ROOM, STORE_ROOM


def test_only_what_is_kept_is_acknowledged():
    node, host, now_ms = met()
    host.keeps = False
    for _ in range(3):
        node.record()
    now_ms = exchange(node, host, now_ms, 5000)
    assert host.records == [0, 1, 2] and node.ring.oldest == 0
    host.keep(0)
    host.keep(2)
    now_ms = exchange(node, host, now_ms, 500)
    assert node.ring.oldest == 1
    host.session.receiver.forget(1)
    host.keeps = True
    exchange(node, host, now_ms, 12_000)
    assert host.records == [0, 1, 2, 1] and node.ring.oldest == 3


def test_an_acknowledgement_of_another_journal_releases_nothing():
    node, host, now_ms = met()
    node.record()
    node.say(now_ms)
    node.hear(host.packed([schema.ACK, EPOCH + 1, 1, 0, CREDIT]), now_ms)
    assert node.ring.oldest == 0
    node.hear(host.packed([schema.ACK, EPOCH, 1, 0, CREDIT]), now_ms)
    assert node.ring.oldest == 1


def test_a_record_that_comes_again_is_acknowledged_again():
    node, host, now_ms = met()
    node.record()
    said = node.say(now_ms)
    host.hear(said)
    host.say(now_ms)  # its ACK is lost
    assert "ack" not in kinds(host.say(now_ms))
    host.hear(node.again(said))
    assert "ack" in kinds(host.say(now_ms)) and host.records == [0] and host.session.repeats == 1


def test_a_lost_acknowledgement_is_repeated_with_the_next_ping():
    node, host = Node(records=5), Host()
    host.credit = 0
    now_ms = exchange(node, host, 0, 3000)
    host.session.acknowledge(CREDIT)
    assert kinds(host.say(now_ms)) == ["ack"]  # lost
    exchange(node, host, now_ms, session.PING_EVERY_MS + 100)
    assert host.records == list(range(5))


def test_what_the_ring_dropped_is_told_as_floor_and_the_rest_arrives():
    node, host = Node(records=100, slots=16), Host()
    exchange(node, host, 0, 3000)
    assert node.ring.dropped == 84 and host.records == list(range(84, 100)) and node.ring.oldest == 100


def test_a_floor_of_another_journal_is_nothing():
    node, host, _now_ms = met()
    assert host.session.receive(node.packed([schema.FLOOR, EPOCH + 1, 50])[0]) is None
    assert host.session.receive(node.packed([schema.FLOOR, EPOCH, 50])[0]) == [schema.FLOOR, EPOCH, 50]


def test_a_host_without_credit_gets_no_records():
    node, host = Node(records=5), Host()
    host.credit = 0
    now_ms = exchange(node, host, 0, 3000)
    assert host.records == [] and node.session.open
    host.session.acknowledge(CREDIT)
    exchange(node, host, now_ms, 500)
    assert host.records == list(range(5))


def test_the_host_never_sends_more_than_the_node_can_hold_unread():
    for buffer_bytes in (BUFFER_MIN, 512):
        for step_ms in (1, 7, 50):
            _node, host, now_ms = met(buffer_bytes=buffer_bytes)
            # The node reads up to here, and then nothing for a while: everything the host sends stays in its buffer.
            unread = most = 0
            for turn in range(400 // step_ms):
                host.session.acknowledge(CREDIT)
                host.session.request(turn, 0, 1, 900, now_ms + 3000)
                unread += len(framed(host.session.packets(now_ms)))
                most = max(most, unread)
                now_ms += step_ms
            assert buffer_bytes // 4 < most <= buffer_bytes, (most, buffer_bytes)


def test_a_pong_confirms_nothing_that_was_sent_behind_its_ping():
    node, host, now_ms = met()
    number = 100
    while "ping" not in kinds(said := host.say(now_ms)):
        now_ms += 10
    node.hear(said, now_ms)
    (pong,) = [data for data in node.say(now_ms) if kinds([data]) == ["pong"]]
    unread = 0  # from here on the node reads nothing
    for turn in range(100):
        host.session.request(number + turn, 0, 1, 900, now_ms + 3000)
        unread += len(framed(host.session.packets(now_ms)))
        if turn == 50:
            host.hear([pong])
        now_ms += 10
    assert 100 < unread <= node.buffer_bytes, unread


def test_a_node_that_reads_slowly_is_never_overrun():
    node, host, now_ms = met()
    decoder, waiting, most, number, applied = FrameDecoder(), b"", 0, 0, len(node.requests)
    for _ in range(4000):
        host.session.acknowledge(CREDIT)
        if now_ms % 500 == 0:
            number += 1
            host.session.request(number, 0, 1, 900, now_ms + 3000)
        waiting += framed(host.session.packets(now_ms))
        most = max(most, len(waiting))
        for data in decoder.feed(waiting[:5]):  # 5 bytes in 10 ms
            node.hear([data], now_ms)
        waiting = waiting[5:]
        host.hear(node.say(now_ms))
        now_ms += 10
    assert 100 < most <= node.buffer_bytes and len(node.requests) - applied >= number - 2 > 70


def test_lost_pings_hold_nothing_up_for_long():
    _node, host, now_ms = met()
    acks = []
    for _ in range(600):  # no PONG ever comes
        host.session.acknowledge(CREDIT)
        acks += [now_ms] * kinds(host.say(now_ms)).count("ack")
        now_ms += 20
    acks.append(now_ms)
    assert max([acks[k + 1] - acks[k] for k in range(len(acks) - 1)]) <= session.PING_EVERY_MS + 20


def test_a_buffer_that_is_said_to_be_tiny_still_gets_acknowledgements():
    node, host = Node(records=40, buffer_bytes=0), Host()
    exchange(node, host, 0, 5000)
    assert node.ring.oldest == 40


def test_the_longest_frames_have_the_room_that_is_reckoned_with():
    most, session_30 = schema.INT_MAX, (1 << 30) - 1
    _node, host, _now_ms = met()
    for message, room in (
        ([schema.REQUEST, most, most, most, 1, most, most], REQUEST_ROOM),
        ([schema.PING, session_30, most, most, most, 65_535], PING_ROOM),
        ([schema.STORE, session_30, (1 << 32) - 1, 1, b"\xff" * schema.BLOB_MAX, most], STORE_ROOM),
    ):
        host.session.channel._pair.counter = packet.COUNTER_MAX
        (data,) = host.packed(message)
        assert len(framed([data])) <= len(data) + FRAMING_BYTES == room, message
    assert STORE_ROOM + 2 * PING_ROOM == BUFFER_MIN <= RECEIVE_BYTES
    assert FRAME_MAX == PACKET_MAX + CRC_BYTES + 3 == PACKET_MAX + FRAMING_BYTES
