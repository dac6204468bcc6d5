"""Documents are stored at most once and fetched whole; measurements are answered when done; the node hears the time."""

from pipe import CREDIT, Host, Node, exchange, framed, kinds, messages, met

from gridnode.wire import schema, session
from gridnode.wire.frame import FrameDecoder
from gridnode.wire.node_session import NodeSession

BODY = b"\xaa" * schema.BLOB_MAX


def asked(host, kind, number, now_ms, *fields):
    """The packets with which the host asks now."""
    host.session.ask(kind, number, *fields)
    return host.say(now_ms)


def heard(host, kind):
    return [message for message in host.others if message[0] == kind]


def test_a_document_is_stored_once_however_often_it_comes():
    node, host, now_ms = met()
    said = asked(host, schema.STORE, 1, now_ms, 0, BODY, now_ms + 3000)
    while "store" not in kinds(said):
        node.hear(said, now_ms)
        host.hear(node.say(now_ms))
        now_ms += 10
        said = host.say(now_ms)
    for _ in range(3):
        node.hear(host.again(said), now_ms)
    host.hear(node.say(now_ms))
    assert node.stored == [(0, BODY)]
    assert [message[2:] for message in heard(host, schema.STORED)] == [[1, 1, 0, 0, 1, b"digest"]] * 3


def test_a_document_that_comes_late_again_or_from_elsewhere_is_refused():
    node, host, now_ms = met()
    pair = host.session._session
    node.hear(host.packed([schema.STORE, pair, 5, 1, BODY, now_ms - 1]), now_ms)
    node.hear(host.packed([schema.STORE, pair, 4, 1, BODY, now_ms + 1]), now_ms)
    node.hear(host.packed([schema.STORE, pair + 1, 6, 1, BODY, now_ms + 1]), now_ms)
    said = messages(node.say(now_ms), schema.STORED)
    reasons = [schema.REASONS[message[4]] for message in said]
    assert reasons == ["expired", "repeat too old", "wrong session"] and node.stored == []
    assert [(schema.RESULTS[message[3]], message[5:]) for message in said] == [("refused", [1, 0, b""])] * 3


def test_a_refused_document_says_what_is_kept_instead():
    node, host, now_ms = met()
    node.answer = "bad document"
    node.hear(host.packed([schema.STORE, host.session._session, 1, 1, BODY, now_ms]), now_ms)
    (message,) = messages(node.say(now_ms), schema.STORED)
    assert message[3:] == [0, schema.REASONS.index("bad document"), 1, 1, b"digest"]


def test_requests_and_documents_share_one_count():
    node, host, now_ms = met()
    pair = host.session._session
    node.hear(host.packed([schema.STORE, pair, 7, 0, BODY, now_ms]), now_ms)
    node.hear(host.packed([schema.REQUEST, pair, 6, 0, 1, 900, now_ms]), now_ms)
    assert node.requests == []
    node.hear(host.packed([schema.REQUEST, pair, 8, 0, 1, 900, now_ms]), now_ms)
    assert len(node.requests) == 1


def test_a_fetch_is_answered_each_time_with_what_is_kept_now():
    node, host, now_ms = met()
    node.documents[1] = (3, b"digest", BODY)
    said = asked(host, schema.FETCH, 1, now_ms, 1)
    node.hear(said, now_ms)
    node.documents[1] = (4, b"digest", b"")
    node.hear(host.again(said), now_ms)
    host.hear(node.say(now_ms))
    pair = host.session._session
    assert heard(host, schema.DOCUMENT) == [
        [schema.DOCUMENT, pair, 1, 1, 3, b"digest", BODY],
        [schema.DOCUMENT, pair, 1, 1, 4, b"digest", b""],
    ]
    node.hear(host.packed([schema.REQUEST, pair, 1, 0, 1, 900, now_ms]), now_ms)
    assert len(node.requests) == 1  # a fetch has not used the number up


def test_a_fetch_or_measure_of_another_session_brings_a_hello():
    for message in ([schema.FETCH, 1, 1, 1], [schema.MEASURE, 1, 1, 0, None]):
        node, host, now_ms = met()
        node.documents[1] = (3, b"digest", BODY)
        node.hear(host.packed(message), now_ms)
        assert "hello" in kinds(node.say(now_ms + 1000)) and node.measured == []


def test_what_is_measured_is_told_when_it_is_done():
    node, host, now_ms = met()
    said = asked(host, schema.MEASURE, 1, now_ms, 0, None)
    node.hear(said + host.again(said), now_ms)
    ((channel, span, done),) = node.measured
    assert (channel, span) == (0, None) and "harmonics" not in kinds(node.say(now_ms))
    done("none", [now_ms, 30_000, 90_000] + list(range(18)))
    done("none", [0] * 21)
    host.hear(node.say(now_ms))
    fields = [1, 0, 0, now_ms, 30_000, 90_000] + list(range(18))
    assert heard(host, schema.HARMONICS) == [[schema.HARMONICS, host.session._session] + fields]


def test_an_aggregate_carries_its_span_and_a_refusal_its_reason():
    node, host, now_ms = met()
    node.hear(asked(host, schema.MEASURE, 1, now_ms, 0, 1), now_ms)
    node.measured.pop()[2]("none", (600_000, 1, None, None, 2, 3, 4, 0))
    node.hear(asked(host, schema.MEASURE, 2, now_ms, 9, 0), now_ms)
    node.measured.pop()[2]("unknown channel")
    node.hear(asked(host, schema.MEASURE, 3, now_ms, 1, None), now_ms)
    node.measured.pop()[2]("cannot measure")
    host.hear(node.say(now_ms))
    whole, refused = heard(host, schema.AGGREGATE)
    assert whole[2:] == [1, 0, 0, 1, 600_000, 1, None, None, 2, 3, 4, 0]
    assert refused[2:6] == [2, schema.REASONS.index("unknown channel"), 9, 0]
    assert heard(host, schema.HARMONICS)[0][2:5] == [3, schema.REASONS.index("cannot measure"), 1]


def test_a_newer_measurement_takes_the_place_of_one_that_is_not_done():
    node, host, now_ms = met()
    for number in (1, 2):
        node.hear(asked(host, schema.MEASURE, number, now_ms, 0, 0), now_ms)
    first, second = [measured[2] for measured in node.measured]
    first("none", [1] * 8)
    second("none", [2] * 8)
    assert [message[2] for message in messages(node.say(now_ms), schema.AGGREGATE)] == [2]


def test_what_is_done_after_its_session_is_told_to_nobody():
    node, host, now_ms = met()
    node.hear(asked(host, schema.MEASURE, 1, now_ms, 0, 0), now_ms)
    now_ms = exchange(node, host, now_ms, 500)
    node.hear(host.packed([schema.CALL, 555]), now_ms)
    now_ms = exchange(node, host, now_ms, 3000)
    node.hear(asked(host, schema.MEASURE, 1, now_ms, 0, 0), now_ms)
    assert node.session.open and len(node.measured) == 2  # the same number means another question
    node.measured[0][2]("none", [1] * 8)
    assert "aggregate" not in kinds(node.say(now_ms))
    node.measured[1][2]("none", [2] * 8)
    assert "aggregate" in kinds(node.say(now_ms))


def test_answers_of_another_session_are_not_believed():
    node, host, _now_ms = met()
    other = host.session._session + 1
    none = [0] * 21
    for message in (
        [schema.STORED, other, 1, 1, 0, 0, 1, b""],
        [schema.DOCUMENT, other, 1, 0, 1, b"", b""],
        [schema.HARMONICS, other, 1, 0, 0] + none,
        [schema.AGGREGATE, other, 1, 0, 0, 0] + none[:8],
    ):
        host.others.clear()
        host.hear(node.packed(message))
        assert host.others == [], message[0]
        message[1] = host.session._session
        host.hear(node.packed(message))
        assert host.others == [message]


def test_a_node_that_keeps_no_documents_ignores_them():
    node, host = Node(), Host()
    ours = node.session = NodeSession(node.channel, node.ring, node._hello, None)
    now_ms = exchange(node, host, 0)
    pair = host.session._session
    for message in (
        [schema.STORE, pair, 1, 0, BODY, now_ms + 10],
        [schema.FETCH, pair, 1, 0],
        [schema.MEASURE, pair, 1, 0, None],
        [schema.PONG, 1, 1],
    ):
        node.hear(host.packed(message), now_ms)
    node.hear(host.packed([schema.PING, pair, 1, 1_767_225_600_000, 1, 1]), now_ms)
    assert ours.open and ours.ignored == 4


def test_the_time_of_day_is_heard_where_the_host_knows_it():
    node, host, now_ms = met()
    assert node.clock == []
    for unix_ms in (0, 1_767_225_600_000):
        now_ms += 2000
        node.hear(host.say(now_ms, unix_ms, 17, 3), now_ms)
        host.hear(node.say(now_ms))
    assert node.clock == [(1_767_225_600_000, 17, 3, now_ms)]
    node.hear(host.packed([schema.PING, host.session._session + 1, 5, 1_767_225_600_000, 17, 3]), now_ms)
    assert len(node.clock) == 1


def test_a_document_waits_until_the_node_has_read_the_rest():
    for step_ms in (1, 10, 50):
        node, host, now_ms = met()
        unread, said = 0, []
        for number in range(1, 4):  # the node reads nothing yet
            host.session.acknowledge(CREDIT)
            host.session.ask(schema.STORE, number, 0, BODY, now_ms + 3000)
            packets = host.session.packets(now_ms)
            unread += len(framed(packets))
            said += packets
            now_ms += step_ms
        assert unread <= node.buffer_bytes, unread
        node.hear(said, now_ms)
        host.hear(node.say(now_ms))
        for _ in range(1000):
            if len(node.stored) == 3:
                break
            now_ms += step_ms
            host.session.acknowledge(CREDIT)  # there is always something to acknowledge
            node.hear(host.say(now_ms), now_ms)
            host.hear(node.say(now_ms))
        assert len(node.stored) == 3 and [message[2] for message in heard(host, schema.STORED)] == [1, 2, 3]


def test_documents_never_overrun_a_node_that_reads_slowly():
    node, host, now_ms = met()
    decoder, waiting, most, number = FrameDecoder(), b"", 0, 0
    for turn in range(6000):
        host.session.acknowledge(CREDIT)
        if turn % 100 == 0:
            number += 1
            host.session.ask(schema.STORE, number, 0, BODY, now_ms + 9000)
        if turn % 70 == 0:
            number += 1
            host.session.request(number, 0, 1, 900, now_ms + 9000)
        waiting += framed(host.session.packets(now_ms))
        most = max(most, len(waiting))
        for data in decoder.feed(waiting[:12]):  # 12 bytes in 10 ms
            node.hear([data], now_ms)
        waiting = waiting[12:]
        host.hear(node.say(now_ms))
        now_ms += 10
    assert 171 < most <= node.buffer_bytes, most
    assert len(node.stored) > 50 and len(node.requests) > 70, (len(node.stored), len(node.requests))


def test_lost_pongs_hold_a_document_up_for_two_seconds_at_most():
    _node, host, now_ms = met()
    host.session.acknowledge(CREDIT)
    host.say(now_ms)
    host.session.ask(schema.STORE, 1, 0, BODY, now_ms + 9000)
    assert kinds(host.say(now_ms)) == ["ping"]
    until_ms = now_ms + session.PING_EVERY_MS + 10
    while "store" not in kinds(host.say(now_ms)):  # nothing that the node says arrives
        now_ms += 10
        assert now_ms < until_ms
