"""The node's end over radio: when it offers itself, greets, sends batches, and what goes first."""

from radio_pipe import AIR_MS, KEYS, MINUTE, Chance, World

from gridnode.wire import schema
from gridnode.wire.channel import CALL, OFFER, NodeChannel
from gridnode.wire.host_channel import CALL_PACKET
from gridnode.wire.session import decode

HOUR = 60 * MINUTE


def heard(world, duration_ms, take=None):
    """What the node says meanwhile: (time, packet). The host hears none of it but by `take`."""
    said = []
    until_ms = world.now_ms + duration_ms
    while world.now_ms < until_ms:
        world.now_ms += world.step_ms
        world._step_node()
        said += [(world.now_ms, packet) for _, packet in world.up]
        world.up = []
    return said


def bodies(world):
    """Lets the host note the bodies of all packets that it opens."""
    found = []
    opened = world.host_channel.open

    def tap(packet):
        body, lone = opened(packet)
        found.append((world.now_ms, bytes(body), lone))
        return bytes(body), lone

    world.host_channel.open = tap
    return found


def kinds(found):
    """Names of messages; batch, parity."""
    names = {1: "batch", 3: "batch", 2: "parity"}
    return [names.get(body[0]) or schema.MESSAGES[body[1]][0] for _, body, _ in found]


def test_it_offers_itself_soon_after_its_boot_and_ever_less_often():
    world = World(seed=2, loss_down=1000)
    times = [at_ms for at_ms, packet in heard(world, HOUR) if packet[:2] == OFFER]
    waits = [times[index] - times[index - 1] for index in range(1, len(times))]
    assert times[0] <= 10_000 + world.step_ms
    for wait, mean in zip(waits, (60_000, 120_000, 240_000, 480_000, 900_000)):
        assert mean * 3 // 4 <= wait <= mean * 5 // 4 + world.step_ms, waits
    assert len(times) <= 10 and max(waits) <= 1_125_000 + world.step_ms


def test_nodes_that_boot_together_do_not_offer_together():
    first = set()
    for number in range(8):
        world = World(seed=2)
        world.node._channel = world.channel = NodeChannel("home-%d" % number, KEYS, 1, Chance(number).bits)
        first.add(heard(world, 12_000)[0][0])
    assert len(first) >= 4


def test_a_call_is_answered_once_a_minute_at_most():
    world = World(seed=3, loss_down=1000)
    heard(world, 5 * HOUR)
    offers = 0
    for _ in range(600):
        world.node.receive(CALL_PACKET, world.now_ms)
        offers += len([1 for _, packet in heard(world, 1000) if packet[:2] == OFFER])
    assert 5 <= offers <= 12, offers


def test_a_node_that_is_heard_and_hears_is_not_disturbed_by_calls():
    world = World(seed=3)
    world.run(20 * MINUTE)
    session = world.node.node_session
    for _ in range(50):
        world.node.receive(CALL, world.now_ms)
        world.node.receive(CALL_PACKET, world.now_ms)
        world.run(1000)
    assert world.node.node_session == session and world.node.open


def test_hello_is_repeated_ever_less_often_until_it_is_welcomed():
    world = World(seed=4)
    found = bodies(world)
    welcome = world.host.welcome
    world.host.welcome = lambda next_sequence, kept: None  # the store is slow
    world.run(2 * MINUTE)
    times = [at_ms for at_ms, body, _ in found if body[1] == schema.HELLO]
    assert 3 <= len(times) <= 5 and times[-1] - times[-2] > times[1] - times[0]
    welcome(0, ())
    world.run(5000)
    assert world.node.open
    world.run(HOUR)
    assert len([1 for _, body, _ in found if body[0] > 3 and body[1] == schema.HELLO]) == len(times)


def test_a_complete_group_goes_as_one_batch_and_a_part_when_it_has_waited():
    world = World(seed=5)
    found = bodies(world)
    world.run(HOUR)
    assert kinds(found).count("batch") == world.journal.next // 15
    world.meters = False
    world.run(31 * MINUTE)
    assert kinds(found).count("batch") == world.journal.next // 15 + 1
    assert not world.missing(0, world.journal.next)


def test_switching_is_said_at_once_and_comes_once():
    world = World(seed=6)
    world.run(20 * MINUTE)
    found = bodies(world)
    world.switch(1)
    sequence = world.journal.next - 1
    world.run(4000)
    assert kinds(found)[0] == "switched" and world.store[sequence][4] == 1
    world.run(HOUR)
    assert not world.twice and not world.missing()


def test_a_trip_is_said_at_once_and_another_event_is_not():
    world = World(seed=6)
    world.run(20 * MINUTE)
    found = bodies(world)
    for name in ("sag", "trip"):
        world.journal.append([schema.EVENT, 0, schema.EVENTS.index(name), 0, world.now_ms, 17, 0])
    world.run(4000)
    trips = [decode(body) for _, body, _ in found if body[1] == schema.EVENT]
    assert [schema.EVENTS[trip[2]] for trip in trips] == ["trip"]


def test_live_values_are_not_sent_and_the_rest_is_seldom():
    world = World(seed=7, step_ms=3000)
    world.run(10 * MINUTE)
    found = bodies(world)
    world.run(7 * HOUR)
    said = kinds(found)
    assert "live" not in said and said.count("contactor") == 1 and said.count("vitals") == 1


def test_an_answer_goes_before_a_backlog_and_is_urgent():
    world = World(seed=8)
    world.run(20 * MINUTE)
    for _ in range(40):
        world.minute()
    world.host.request(1, 0, 1, 600, world.now_ms + 60_000)
    (packet,) = world.host.packets(world.now_ms)
    world.node.receive(packet, world.now_ms)
    found = bodies(world)
    length = world.node.next_packet(world.now_ms)
    assert length and world.node.urgent
    assert world.requests == [(0, 1, 600)]
    assert decode(world.host_channel.open(bytes(world.channel.packet[:length]))[0])[0] == schema.OUTCOME
    world.run(20 * AIR_MS)
    assert kinds(found)[1] == "switched" and "batch" in kinds(found)


def test_only_what_is_urgent_goes_when_asked_for_that():
    world = World(seed=9)
    world.run(20 * MINUTE)
    while world.node.next_packet(world.now_ms):
        pass
    for _ in range(40):
        world.minute()
    for _ in range(20):
        assert world.node.next_packet(world.now_ms, True) == 0
    world.switch(1)
    assert world.node.next_packet(world.now_ms, True) and world.node.urgent
    lengths = [world.node.next_packet(world.now_ms) for _ in range(20)]
    assert any(lengths) and not world.node.urgent


def test_what_is_wanted_goes_again_and_not_twice_in_a_row():
    world = World(seed=10)
    world.run(2 * HOUR + 20 * MINUTE)
    found = bodies(world)
    want = world.host_channel.message([schema.WANT, 55555, 2, 0b1001])
    again = world.host_channel.message([schema.WANT, 55555, 2, 0b1001])
    now_ms = world.now_ms
    world.node.receive(want, now_ms)
    world.run(10_000)
    world.node.receive(again, world.now_ms)
    world.run(15_000)
    assert kinds(found) == ["batch", "batch"]
    world.run(40_000)
    assert kinds(found) == ["batch"] * 4
    assert world.journal.released >= 30


def test_what_it_no_longer_has_it_says():
    world = World(seed=11)
    world.run(2 * HOUR)
    world.journal.oldest = 40
    world.node.receive(world.host_channel.message([schema.WANT, 55555, 1, 0b11]), world.now_ms)
    world.run(20_000)
    assert world.floors == [40]


def test_a_want_of_another_journal_or_beyond_its_end_is_nothing():
    world = World(seed=12)
    world.run(HOUR + 20 * MINUTE)
    found = bodies(world)
    for want in ([schema.WANT, 1, 0, 7], [schema.WANT, 55555, 1 << 40, 7]):
        world.node.receive(world.host_channel.message(want), world.now_ms)
        world.run(10_000)
    assert kinds(found) == [] and world.journal.released <= world.journal.next


def test_a_node_without_a_key_says_that_it_has_none_and_no_more():
    world = World(seed=13, lone=True)
    world.channel = NodeChannel("home-1", [], 1, world.chance.bits)
    world.node._channel = world.node._packer._channel = world.channel
    said = heard(world, 3 * HOUR)
    assert said and all(packet[:2] == OFFER and packet[3] == 0 for _, packet in said)


def test_requests_are_refused_when_they_come_too_late():
    world = World(seed=14)
    world.run(10 * MINUTE)
    world.host.request(1, 0, 1, 600, world.now_ms - 1)
    world.run(5000)
    assert world.outcomes == [(1, "refused", "expired")] and not world.requests


def test_the_clock_is_told():
    world = World(seed=15)
    world.run(MINUTE)
    unix_ms, node_time_ms, error_ms, now_ms = world.clock[0]
    assert error_ms == 50 and node_time_ms < now_ms and unix_ms - node_time_ms == 1_800_000_000_000


def test_another_host_takes_over_by_a_new_welcome():
    world = World(seed=16, step_ms=2000)
    world.run(HOUR)
    session = world.node.node_session
    world.start_host()
    world.run(6 * HOUR)
    assert world.node.open and world.node.node_session != session and not world.missing()


def test_a_welcome_with_another_host_session_ends_the_session():
    world = World(seed=17)
    world.run(20 * MINUTE)
    session = world.node.node_session
    welcome = [schema.WELCOME, schema.digest(), session, 4711, 55555, 0, 0, 0]
    world.node.receive(world.host_channel.message(welcome), world.now_ms)
    assert not world.node.open and world.node.node_session != session
    world.run(MINUTE)
    assert world.node.open
