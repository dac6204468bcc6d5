"""The course of a session: how it opens, what ends it, and what a request from another one can do (nothing)."""

import hashlib

from pipe import CREDIT, EPOCH, Host, Node, exchange, kinds, messages, met, packed, request
from vector_files import refuses

from gridnode.wire import schema
from gridnode.wire.host_session import HELLO_SESSION
from gridnode.wire.session import CALL_EVERY_MS, HELLO_EVERY_MS, SILENCE_MS

# How a session opens


def test_the_digest_covers_every_message_field_and_name():
    text = schema.canonical()
    assert schema.digest() == hashlib.sha256(text.encode()).digest()[:8]
    for name, fields in schema.MESSAGES.values():
        assert " %s " % name in text
        assert all(" %s:%s" % field in text for field in fields), name
    assert all(word in text for names in schema.NAMES.values() for word in names)


def test_a_node_says_hello_until_it_is_welcomed():
    node = Node()
    said = [now_ms for now_ms in range(0, 5000, 50) if kinds(node.say(now_ms)) == ["hello"]]
    assert said == list(range(0, 5000, HELLO_EVERY_MS))


def test_a_host_calls_until_a_node_says_hello():
    host = Host()
    assert [now_ms for now_ms in range(0, 5000, 50) if kinds(host.say(now_ms)) == ["call"]] == list(
        range(0, 5000, CALL_EVERY_MS)
    )


def test_hello_welcome_records():
    node, host = Node(records=3), Host()
    (hello,) = node.say(0)
    host.hear([hello])
    said = host.say(0)
    assert kinds(said)[0] == "welcome"
    node.hear(said, 10)
    host.hear(node.say(10))
    assert host.records == [0, 1, 2]


def test_a_lost_welcome_is_said_again_when_the_node_says_hello_again():
    node, host = Node(), Host()
    host.hear(node.say(0))
    assert "welcome" in kinds(host.say(0)) and not node.session.open
    host.hear(node.say(1000))
    node.hear(host.say(1000), 1000)
    assert node.session.open


def test_calls_are_answered_but_a_flood_of_them_is_not():
    node, _host, now_ms = met()
    (call,) = packed([schema.CALL, 77])
    hellos = 0
    for _ in range(100):
        node.hear([call], now_ms)
        hellos += kinds(node.say(now_ms)).count("hello")
        now_ms += 10
    assert 4 <= hellos <= 6


def test_a_welcome_of_another_session_schema_or_nobody_opens_nothing():
    node = Node()
    number = messages(node.say(0), schema.HELLO)[0][HELLO_SESSION]
    for digest, node_session, host_session in (
        (schema.digest(), number - 1, 77),
        (b"another!", number, 77),
        (schema.digest(), number, 0),
    ):
        node.hear(packed([schema.WELCOME, digest, node_session, host_session, EPOCH, 0, 0, CREDIT]), 10)
        assert not node.session.open
    assert node.session.ignored == 3
    node.hear(packed([schema.WELCOME, schema.digest(), number, 77, EPOCH, 0, 0, CREDIT]), 10)
    assert node.session.open


def test_a_closed_node_takes_nothing_but_call_and_welcome():
    node = Node(records=2)
    node.say(0)
    for message in ([schema.ACK, EPOCH, 2, 0, CREDIT], [schema.PING, 0, 5, 0], [schema.REQUEST, 0, 1, 0, 1, 900, 5000]):
        node.hear(packed(message), 10)
    assert node.session.ignored == 3 and node.say(10) == [] and not node.requests and node.ring.oldest == 0


def test_records_before_the_welcome_are_not_taken():
    node, host, now_ms = met()
    host.session.close()
    node.record()
    host.hear(node.say(now_ms))
    assert host.records == []
    exchange(node, host, now_ms + 50, 3000)
    assert host.records == [0]


# What ends it


def test_a_node_that_hears_nothing_starts_over_and_keeps_its_records():
    node, host, now_ms = met()
    before = node.session.node_session
    node.record()
    for later_ms in range(now_ms, now_ms + SILENCE_MS + 2000, 100):
        node.say(later_ms)
    assert not node.session.open and node.session.node_session != before
    exchange(node, host, now_ms + 20_000)
    assert host.records == [0] and node.session.open


def test_a_host_that_hears_and_says_nothing_new_keeps_the_node_with_its_pings():
    node, host, now_ms = met()
    number = node.session.node_session
    exchange(node, host, now_ms, 3 * SILENCE_MS)
    assert node.session.node_session == number and len(messages(host.say(now_ms), schema.CALL)) == 0


def test_a_host_that_restarts_is_told_what_it_has_not_kept_and_nothing_else():
    node, host, now_ms = met()
    for _ in range(10):
        node.record()
    host.keeps = False
    host.hear(node.say(now_ms))
    assert host.records == list(range(10)) and node.ring.oldest == 0
    for sequence in range(4):
        host.keep(sequence)
    again = Host(78, next_sequence=4)  # the acknowledgement never left
    exchange(node, again, now_ms + 50)
    assert again.records == list(range(4, 10)) and node.ring.oldest == 10


def test_a_node_that_restarts_is_greeted_anew():
    _node, host, now_ms = met()
    request(host, 1, now_ms)
    restarted = Node(first_session=5000, records=2)
    exchange(restarted, host, now_ms)
    assert restarted.session.open and host.records == [0, 1] and restarted.requests == []


def test_a_second_host_takes_the_node_over_and_voids_the_first_ones_requests():
    node, first, now_ms = met()
    late = request(first, 1, now_ms)
    second = Host(78)
    exchange(node, second, now_ms)
    assert node.session.host_session == 78
    node.hear(late, now_ms + 1000)
    assert node.requests == []
    assert messages(node.say(now_ms + 1000), schema.OUTCOME)[0][4] == schema.REASONS.index("wrong session")


def test_two_hosts_never_share_a_session():
    node, _first, now_ms = met()
    number = node.session.node_session
    node.hear(packed([schema.WELCOME, schema.digest(), number, 78, EPOCH, 0, 0, CREDIT]), now_ms)
    assert not node.session.open and node.session.node_session != number
    assert kinds(node.say(now_ms + 200)) == ["hello"]


def test_a_request_of_a_host_that_never_got_in_is_void_for_the_next_one():
    node, first, second = Node(), Host(77), Host(78)
    hello = node.say(0)
    first.hear(hello)
    first.say(0)  # its WELCOME is lost
    late = request(first, 1, 10)
    second.hear(hello)
    node.hear(second.say(20), 20)
    node.hear(late, 30)
    assert node.session.host_session == 78 and node.requests == []


def test_a_late_hello_of_an_earlier_session_misleads_the_host_until_its_next_ping():
    node, host = Node(), Host()
    late = node.say(0)
    node.session._start_over()
    now_ms = exchange(node, host, 1000)
    host.hear(late)
    assert host.session.hello[HELLO_SESSION] != node.session.node_session
    exchange(node, host, now_ms, 2500)
    assert host.session.hello[HELLO_SESSION] == node.session.node_session
    node.hear(request(host, 1, now_ms + 2500), now_ms + 2500)
    assert len(node.requests) == 1


def test_closing_forgets_the_node_and_its_requests_and_calls_at_once():
    node, host, now_ms = met()
    host.session.request(1, 0, 1, 900, now_ms + 3000)
    host.session.close()
    assert kinds(host.say(now_ms)) == ["call"]
    host.hear(node.say(now_ms + 1000) or packed(hello_of(node, now_ms)))
    said = kinds(host.say(now_ms))
    assert "welcome" in said and "request" not in said


def hello_of(node, now_ms):
    return [schema.HELLO] + node._hello(node.session.node_session, now_ms)


def test_requests_are_not_carried_over_into_a_new_session():
    node, host, now_ms = met()
    host.session.request(1, 0, 1, 900, now_ms + 3000)
    node.session._start_over()
    host.hear(packed(hello_of(node, now_ms)))
    said = kinds(host.say(now_ms))
    assert "welcome" in said and "request" not in said


# A schema that is not ours


def foreign(*rest):
    return packed([schema.HELLO, 2, b"another!", "future-1", "board", "9.9"] + list(rest))


def test_a_foreign_hello_is_shown_and_never_welcomed():
    for rest in ((), (1, 2, 3), (["a"] * 8, None, "b" * 60, -5)):
        host = Host()
        host.hear(foreign(*rest))
        assert host.others == [[schema.HELLO, 2, b"another!", "future-1", "board", "9.9"]]
        assert kinds(host.say(0)) == ["call"] and host.session.receiver is None


def test_a_foreign_hello_of_our_own_shape_is_not_welcomed_either():
    node, host = Node(), Host()
    (ours,) = messages(node.say(0), schema.HELLO)
    host.hear(packed(ours[:2] + [b"another!"] + ours[3:]))
    assert host.others[0][3] == "home-1" and kinds(host.say(0)) == ["call"] and host.session.hello is None


def test_a_foreign_hello_ends_the_open_session():
    _node, host, now_ms = met()
    host.session.request(1, 0, 1, 900, now_ms + 3000)
    host.hear(foreign())
    assert "request" not in kinds(host.say(now_ms))
    host.hear(packed([schema.REGISTERS, 0, 0, 0, 0, 0]))
    assert host.records == []


def test_what_is_no_message_and_no_hello_is_a_wire_error():
    host = Host()
    ours = schema.digest()
    for message in (
        [schema.HELLO, 2, ours, "n", "b", "f"],
        [schema.HELLO, "2", b"another!", "n", "b", "f"],
        [schema.HELLO, 2, b"another!", "n", "b"],
        [99, 2, b"another!", "n", "b", "f"],
        [schema.CALL],
    ):
        assert refuses(host.session.receive, packed(message)[0])
        node = Node()
        node.hear(packed(message), 0)
        assert node.session.ignored == 1
