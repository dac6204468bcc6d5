"""The course of a session: how it opens, what ends it, and what a request from another one can do (nothing)."""

import hashlib

from pipe import CREDIT, EPOCH, Host, Node, exchange, greeted, kinds, messages, met, paired, request
from vector_files import refuses

from gridnode.wire import schema
from gridnode.wire.host_channel import CALL_PACKET
from gridnode.wire.host_session import HELLO_SESSION
from gridnode.wire.session import CALL_EVERY_MS, HELLO_EVERY_MS, HELLO_FOR_MS, OFFER_EVERY_MS, QUIET_MS, SILENCE_MS

# How a session opens


def test_the_digest_covers_every_message_field_and_name():
    text = schema.canonical()
    assert schema.digest() == hashlib.sha256(text.encode()).digest()[:8]
    for name, fields in schema.MESSAGES.values():
        assert " %s " % name in text
        assert all(" %s:%s" % field in text for field in fields), name
    assert all(word in text for names in schema.NAMES.values() for word in names)


def test_a_node_offers_itself_until_keys_are_agreed_and_says_hello_until_it_is_welcomed():
    node, host = Node(), Host()
    said = [now_ms for now_ms in range(0, 5000, 50) if kinds(node.say(now_ms)) == ["offer"]]
    assert said == list(range(0, 5000, OFFER_EVERY_MS))
    paired(node, host, 5000)
    said = [(now_ms - 5000, kinds(node.say(now_ms))) for now_ms in range(5000, 13_000, 50)]
    said = [(now_ms, what) for now_ms, what in said if what]
    hellos = [(now_ms, ["hello"]) for now_ms in range(0, HELLO_FOR_MS, HELLO_EVERY_MS)]
    assert said == hellos + [(now_ms, ["offer"]) for now_ms in range(HELLO_FOR_MS, 8000, OFFER_EVERY_MS)]


def test_a_host_calls_until_a_node_offers_itself():
    host = Host()
    assert [now_ms for now_ms in range(0, 5000, 50) if host.say(now_ms) == [CALL_PACKET]] == list(
        range(0, 5000, CALL_EVERY_MS)
    )


def test_offer_answer_hello_welcome_records():
    node, host = Node(records=3), Host()
    (offer,) = node.say(0)
    host.hear([offer])
    said = host.say(0)
    assert kinds(said) == ["answer"]
    node.hear(said, 10)
    host.hear(node.say(10))
    said = host.say(10)
    assert kinds(said)[0] == "welcome"
    node.hear(said, 20)
    host.hear(node.say(20))
    assert host.records == [0, 1, 2]


def test_a_lost_welcome_is_said_again_when_the_node_says_hello_again():
    node, host = paired(Node(), Host())
    host.hear(node.say(0))
    assert "welcome" in kinds(host.say(0)) and not node.session.open
    host.hear(node.say(1000))
    node.hear(host.say(1000), 1000)
    assert node.session.open


def test_a_lost_answer_is_said_again_when_the_node_offers_itself_again():
    node, host = Node(), Host()
    host.hear(node.say(0))
    (first,) = host.say(0)
    host.hear(node.say(1000))
    assert host.say(1000)[0] == first
    node.hear([first], 1000)
    assert node.channel.sealed


def test_calls_are_answered_but_a_flood_of_them_is_not():
    node, offers = Node(), 0
    for now_ms in range(0, 1000, 10):
        node.hear([CALL_PACKET], now_ms)
        offers += kinds(node.say(now_ms)).count("offer")
    assert 4 <= offers <= 6


def test_a_node_that_hears_its_host_answers_nobody_elses_call():
    node, _host, now_ms = met()
    for passed_ms in range(0, QUIET_MS - 1000, 100):
        node.hear([CALL_PACKET], now_ms + passed_ms)
        assert "offer" not in kinds(node.say(now_ms + passed_ms)), passed_ms
    node.hear([CALL_PACKET], now_ms + QUIET_MS + 100)
    assert "offer" in kinds(node.say(now_ms + QUIET_MS + 100)) and node.session.open


def test_a_welcome_of_another_session_schema_or_nobody_opens_nothing():
    node, host = Node(), Host()
    said, hello = greeted(node, host)
    host.hear(said)
    number = hello[HELLO_SESSION]
    for digest, node_session, host_session in (
        (schema.digest(), number - 1, 77),
        (b"another!", number, 77),
        (schema.digest(), number, 0),
    ):
        node.hear(host.packed([schema.WELCOME, digest, node_session, host_session, EPOCH, 0, 0, CREDIT]), 10)
        assert not node.session.open
    assert node.session.ignored == 3
    node.hear(host.packed([schema.WELCOME, schema.digest(), number, 77, EPOCH, 0, 0, CREDIT]), 10)
    assert node.session.open


def test_a_closed_node_takes_nothing_but_call_and_welcome():
    node, host = Node(records=2), Host()
    host.hear(greeted(node, host)[0])
    for message in (
        [schema.ACK, EPOCH, 2, 0, CREDIT],
        [schema.PING, 0, 5, 0, 0, 0],
        [schema.REQUEST, 0, 1, 0, 1, 900, 5000],
    ):
        node.hear(host.packed(message), 10)
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
    exchange(node, again, now_ms + 50, QUIET_MS + 1500)
    assert again.records == list(range(4, 10)) and node.ring.oldest == 10


def test_a_node_that_restarts_is_greeted_anew():
    _node, host, now_ms = met()
    request(host, 1, now_ms)
    restarted = Node(boot=2, records=2)
    exchange(restarted, host, now_ms)
    assert restarted.session.open and host.records == [0, 1] and restarted.requests == []


def test_a_second_host_takes_the_node_over_when_the_first_is_silent_and_voids_its_requests():
    node, first, now_ms = met()
    late = request(first, 1, now_ms)
    second = Host(78)
    now_ms = exchange(node, second, now_ms, QUIET_MS + 1500)
    assert node.session.host_session == 78
    node.hear(late, now_ms)
    assert node.requests == [] and node.channel.counts["forged"] == 1


def test_two_hosts_never_share_a_session():
    node, first, now_ms = met()
    second = Host(78)
    exchange(node, second, now_ms, QUIET_MS + 1500)
    assert node.session.host_session == 78 and not second.session.channel.counts
    first.hear(node.packed([schema.REGISTERS, 0, 0, 0, 0, 0]))
    assert first.records == [] and first.session.channel.counts == {"forged": 1}


def test_a_request_of_a_host_that_never_got_in_is_void_for_the_next_one():
    node, first = Node(), Host(77)
    said, _hello = greeted(node, first)
    first.hear(said)
    first.say(0)  # its WELCOME is lost
    late = request(first, 1, 10)
    second = Host(78, channel=first.session.channel)  # it has the keys, whoever it is
    second.session._pairs = 1
    second.hear(node.again(said))
    node.hear(second.say(20), 20)
    node.hear(late, 30)
    assert node.session.host_session == 78 and node.requests == []


def test_a_late_hello_of_an_earlier_session_misleads_the_host_until_its_next_ping():
    node, host = Node(), Host()
    late, _hello = greeted(node, host)
    node.session._start_over()
    now_ms = exchange(node, host, 1000)
    host.hear(node.again(late))
    assert host.session.hello[HELLO_SESSION] != node.session.node_session
    exchange(node, host, now_ms, 2500)
    assert host.session.hello[HELLO_SESSION] == node.session.node_session
    node.hear(request(host, 1, now_ms + 2500), now_ms + 2500)
    assert len(node.requests) == 1


def test_closing_forgets_the_node_and_its_requests_and_calls_at_once():
    node, host, now_ms = met()
    host.session.request(1, 0, 1, 900, now_ms + 3000)
    host.session.close()
    said = host.say(now_ms)
    assert kinds(said) == ["hail", "call"]  # whether the node has kept the keys is not known
    node.hear(said, now_ms)
    host.hear(node.say(now_ms + 200))
    said = kinds(host.say(now_ms + 200))
    assert "welcome" in said and "request" not in said


def test_a_session_that_is_ended_on_purpose_gets_other_keys():
    node, host, now_ms = met()
    pairs = node.channel.pairs
    host.session.end()
    node.record()
    exchange(node, host, now_ms, QUIET_MS + 1500)
    assert node.channel.pairs == pairs + 1 and node.session.open and host.records == [0]


def hello_of(node, now_ms):
    return [schema.HELLO] + node._hello(node.session.node_session, now_ms)


def test_requests_are_not_carried_over_into_a_new_session():
    node, host, now_ms = met()
    host.session.request(1, 0, 1, 900, now_ms + 3000)
    node.session._start_over()
    host.hear(node.packed(hello_of(node, now_ms)))
    said = kinds(host.say(now_ms))
    assert "welcome" in said and "request" not in said


def test_a_node_that_calls_itself_by_another_name_than_its_keys_is_not_heard():
    node, host = Node(), Host()
    (_hail, hello) = greeted(node, host)
    for other in (hello[:3] + ["home-2"] + hello[4:], [schema.HELLO, 3, b"another!", "home-2", "board", "9.9"]):
        assert refuses(host.session.receive, node.packed(other)[0])
    assert host.session.hello is None and host.others == []


# A schema that is not ours


def foreign(*rest):
    return [schema.HELLO, 3, b"another!", "home-1", "board", "9.9"] + list(rest)


def test_a_foreign_hello_is_shown_and_never_welcomed():
    for rest in ((), (1, 2, 3), (["a"] * 8, None, "b" * 60, -5)):
        node, host = paired(Node(), Host())
        host.hear(node.packed(foreign(*rest)))
        assert host.others == [foreign()]
        assert kinds(host.say(1000)) == ["hail", "call"] and host.session.receiver is None


def test_a_foreign_hello_of_our_own_shape_is_not_welcomed_either():
    node, host = Node(), Host()
    _said, ours = greeted(node, host)
    host.hear(node.packed(ours[:2] + [b"another!"] + ours[3:]))
    assert host.others[0][3] == "home-1" and "welcome" not in kinds(host.say(1000)) and host.session.hello is None


def test_a_foreign_hello_ends_the_open_session():
    node, host, now_ms = met()
    host.session.request(1, 0, 1, 900, now_ms + 3000)
    host.hear(node.packed(foreign()))
    assert "request" not in kinds(host.say(now_ms))
    host.hear(node.packed([schema.REGISTERS, 0, 0, 0, 0, 0]))
    assert host.records == []


def test_what_is_no_message_and_no_hello_is_a_wire_error():
    ours = schema.digest()
    for message in (
        [schema.HELLO, 3, ours, "n", "b", "f"],
        [schema.HELLO, "3", b"another!", "n", "b", "f"],
        [schema.HELLO, 3, b"another!", "n", "b"],
        [99, 3, b"another!", "n", "b", "f"],
        [schema.CALL],
    ):
        node, host = paired(Node(), Host())
        host.hear(node.say(0))
        assert refuses(host.session.receive, node.packed(message)[0])
        node.hear(host.packed(message), 0)
        assert node.session.ignored == 1 and not node.session.open
