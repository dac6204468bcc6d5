"""Requests are carried out at most once, answers are believed of one's own session only, live values wait."""

from pipe import Host, Node, kinds, messages, met, paired, request

from gridnode.wire import schema
from gridnode.wire.session import OUTCOMES_KEPT


def test_a_request_is_applied_once_however_often_it_comes():
    node, host, now_ms = met()
    said = request(host, 1, now_ms)
    for _ in range(5):
        node.hear(host.again(said), now_ms)
    host.hear(node.say(now_ms))
    assert node.requests == [(0, 1, 900)] and host.outcomes == [(1, "applied", "none")] * 5


def test_a_refused_request_is_not_asked_again():
    node, host, now_ms = met()
    node.answer = "interlock"
    said = request(host, 1, now_ms)
    node.hear(said, now_ms)
    node.answer = "none"
    node.hear(host.again(said), now_ms)
    host.hear(node.say(now_ms))
    assert len(node.requests) == 1 and host.outcomes == [(1, "refused", "interlock")] * 2


def test_a_request_after_its_deadline_is_refused_and_stays_refused():
    node, host, now_ms = met()
    late = request(host, 1, now_ms, within_ms=100)
    node.hear(late, now_ms + 101)
    node.hear(host.again(late), now_ms)
    host.hear(node.say(now_ms + 101))
    assert node.requests == [] and host.outcomes == [(1, "refused", "expired")] * 2
    on_time = request(host, 2, now_ms + 200, within_ms=100)
    node.hear(on_time, now_ms + 300)
    assert len(node.requests) == 1


def test_a_repeat_that_is_no_longer_remembered_is_not_applied_again():
    node, host, now_ms = met()
    first = request(host, 1, now_ms)
    node.hear(first, now_ms)
    for number in range(2, OUTCOMES_KEPT + 2):
        node.hear(request(host, number, now_ms), now_ms)
        host.hear(node.say(now_ms))
        now_ms += 500
        node.hear(host.say(now_ms), now_ms)
        host.hear(node.say(now_ms))
    host.outcomes.clear()
    node.hear(host.again(first), now_ms)
    host.hear(node.say(now_ms))
    assert len(node.requests) == OUTCOMES_KEPT + 1 and host.outcomes == [(1, "refused", "repeat too old")]


def test_a_request_that_was_overtaken_is_not_applied():
    node, host, now_ms = met()
    first, second = request(host, 1, now_ms), request(host, 2, now_ms)
    node.hear(second + first, now_ms)
    host.hear(node.say(now_ms))
    assert len(node.requests) == 1 and host.outcomes == [(2, "applied", "none"), (1, "refused", "repeat too old")]


def test_an_outcome_of_another_session_is_not_believed():
    node, host, _now_ms = met()
    for number in (0, host.session._session + 1, node.session.node_session):
        host.hear(node.packed([schema.OUTCOME, number, 1, 1, 0, 1, 0, 0]))
    assert host.outcomes == []


def test_outcomes_go_first_then_records_and_live_values_take_turns():
    node, host, now_ms = met(records=0)
    for _ in range(3):
        node.record()
    for channel in range(2):
        node.session.live([schema.LIVE, channel, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    node.hear(request(host, 1, now_ms), now_ms)
    assert kinds(node.say(now_ms)) == ["outcome", "live", "registers", "live", "registers", "registers"]


def test_only_the_newest_live_value_of_a_channel_is_sent():
    node, _host, now_ms = met()
    for power in (1, 2, 3):
        node.session.live([schema.LIVE, 0, now_ms, 0, 0, power, 0, 0, 0, 0, 0, 0])
    node.session.live([schema.LIVE, 1, now_ms, 0, 0, 9, 0, 0, 0, 0, 0, 0])
    assert sorted([message[5] for message in messages(node.say(now_ms), schema.LIVE)]) == [3, 9]


def test_live_values_from_before_the_session_are_not_told():
    node, host = paired(Node(), Host())
    node.session.live([schema.LIVE, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    host.hear(node.say(0))
    node.hear(host.say(0), 0)
    assert node.session.open and "live" not in kinds(node.say(0))
