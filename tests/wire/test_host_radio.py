"""The host's end over radio: what it asks for and how often, requests, and a node that hears nothing."""

from radio_pipe import MINUTE, Records, World

from gridnode.wire import WireError, schema
from gridnode.wire.host_channel import CALL_PACKET
from gridnode.wire.host_session import HELLO_EPOCH
from gridnode.wire.spans import GapReceiver, Spans

HOUR = 60 * MINUTE


def asked(world):
    """Lets what the host says be noted: (time, message)."""
    said = []
    message = world.host_channel.message

    def tap(m):
        said.append((world.now_ms, list(m)))
        return message(m)

    world.host_channel.message = tap
    return said


def of(said, kind):
    return [(at_ms, message) for at_ms, message in said if message[0] == kind]


def test_without_loss_every_record_comes_once_and_little_is_said():
    world = World(seed=21, step_ms=2000)
    said = asked(world)
    world.run(8 * HOUR)
    assert not world.missing() and not world.twice and world.host.repeats == 0
    world.check_records()
    assert len(of(said, schema.WELCOME)) == 1 and len(of(said, schema.WANT)) <= 9 and len(of(said, schema.PING)) <= 22
    assert all(not message[3] for _, message in of(said, schema.WANT))
    assert world.journal.released >= world.journal.next - 75


def test_with_loss_every_record_comes_once():
    for seed, loss in ((22, 200), (23, 400)):
        world = World(seed=seed, loss_up=loss, loss_down=loss, repeats=100, step_ms=3000)
        world.run(5 * HOUR)
        known = world.journal.next
        world.run(HOUR)
        assert not world.missing(0, known) and not world.twice
        world.check_records()


def test_what_is_missing_is_asked_for_at_a_pace():
    world = World(seed=24, step_ms=2000)
    world.run(HOUR)
    world.loss_up = 1000
    said = asked(world)
    world.run(3 * HOUR)
    times = [at_ms for at_ms, message in of(said, schema.WANT) if message[3]]
    assert 3 <= len(times) <= 12, times
    world.loss_up = 0
    world.run(35 * MINUTE)
    assert not world.missing()


def test_a_host_that_keeps_nothing_yet_says_nothing_is_kept():
    world = World(seed=25)
    world.run(20 * MINUTE)
    world.host.receiver.keep = lambda sequence: None
    said = asked(world)
    world.run(3 * HOUR)
    firsts = {message[2] for _, message in of(said, schema.WANT)}
    assert firsts and max(firsts) <= 2


def test_a_record_that_could_not_be_kept_comes_again():
    world = World(seed=26)
    world.run(HOUR)
    world.host.receiver = GapReceiver(30, range(30, 45))  # as after `forget` of all behind
    for sequence in range(45, world.journal.next):
        world.store.pop(sequence, None)
    world.run(HOUR)
    assert not world.missing()


def test_a_request_is_repeated_at_a_growing_pace_until_its_answer():
    world = World(seed=27)
    world.run(HOUR)
    said = asked(world)
    world.loss_down = 1000
    for _ in range(60):
        world.host.request(1, 0, 1, 600, world.now_ms + 60_000)
        world.run(1000)
    times = [at_ms for at_ms, _ in of(said, schema.REQUEST)]
    waits = [times[index] - times[index - 1] for index in range(1, len(times))]
    assert waits == [8000, 12000, 16000, 20000] and not world.requests
    world.loss_down = 0
    world.host.request(2, 0, 1, 600, world.now_ms + 60_000)
    world.run(5000)
    assert world.outcomes == [(2, "applied", "none")] and world.requests == [(0, 1, 600)]


def test_a_request_whose_outcome_is_lost_is_carried_out_once():
    world = World(seed=28)
    world.run(HOUR)
    world.loss_up = 1000
    for _ in range(30):
        world.host.request(1, 0, 1, 600, world.now_ms + 60_000)
        world.run(1000)
    world.loss_up = 0
    while not world.outcomes:
        world.host.request(1, 0, 1, 600, world.now_ms + 60_000)
        world.run(1000)
    assert world.requests == [(0, 1, 600)] and world.outcomes == [(1, "applied", "none")]


def test_a_question_that_nobody_repeats_is_dropped():
    world = World(seed=29)
    world.run(HOUR)
    world.loss_down = 1000
    said = asked(world)
    world.host.request(1, 0, 1, 600, world.now_ms + 60_000)
    world.run(1000)
    world.host.request(1, 0, 1, 600, world.now_ms + 60_000)
    world.run(MINUTE)
    assert len(of(said, schema.REQUEST)) == 1


def test_pings_come_close_at_first_and_then_seldom():
    world = World(seed=30, step_ms=2000)
    said = asked(world)
    world.run(5 * HOUR)
    times = [at_ms for at_ms, _ in of(said, schema.PING)]
    assert times[1] - times[0] < 2 * MINUTE and 58 * MINUTE < times[-1] - times[-2] < 62 * MINUTE


def test_urgent_is_what_somebody_waits_for():
    world = World(seed=31)
    world.run(HOUR)
    world.host.ask(schema.FETCH, 1, 0)
    assert world.host.packets(world.now_ms) and world.host.urgent
    assert not world.host.packets(world.now_ms) and not world.host.urgent


def test_a_node_that_hears_nothing_is_heard_without_a_session():
    world = World(seed=32, loss_down=1000, lone=True)
    said = asked(world)
    world.run(3 * HOUR)
    assert world.host.one_way and not world.node.open and not world.missing() and not world.twice
    assert said == []
    world.host.request(1, 0, 1, 600, world.now_ms)
    assert not of(said, schema.REQUEST)
    world.check_records()


def test_a_node_alone_with_loss_is_heard_by_parity():
    world = World(seed=33, loss_up=400, loss_down=1000, lone=True, step_ms=2000)
    world.run(9 * HOUR)
    known = world.journal.next - 45
    world.run(HOUR)
    assert not world.missing(0, known) and not world.twice
    world.check_records()


def test_lone_batches_wait_for_the_hello_that_tells_their_journal():
    world = World(seed=34, loss_down=1000, lone=True)
    world.run(MINUTE)
    world.start_host()
    host = world.host
    greeted = []
    keep = host._greeted
    host._greeted = lambda message, now_ms: greeted.append(1) or (keep(message, now_ms) if len(greeted) > 2 else [])
    world.run(40 * MINUTE)
    assert not world.store
    world.run(3 * HOUR)
    assert not world.missing()


def test_lone_batches_of_a_new_journal_are_not_taken_for_the_old_ones():
    world = World(seed=43, loss_down=1000, lone=True, step_ms=2000)
    world.run(HOUR)
    assert world.store
    world.journal, world.store = Records(), {}
    world.start_node()
    world.journal.epoch = 9
    opened = world.host_channel.open

    def without_hello(packet):
        body, lone = opened(packet)
        if body[0] >= 0x80 and body[1] == schema.HELLO:
            raise WireError("lost")
        return body, lone

    world.host_channel.open = without_hello
    world.run(HOUR)
    assert not world.store
    world.host_channel.open = opened
    world.run(4 * HOUR)
    assert world.host.hello[HELLO_EPOCH] == 9 and not world.missing()


def test_when_a_lone_node_is_heard_and_hears_again_nothing_comes_twice():
    world = World(seed=35, loss_down=1000, loss_up=400, lone=True)
    world.run(3 * HOUR)
    world.loss_down = world.loss_up = 0
    world.run(2 * HOUR)
    assert world.node.open and not world.host.one_way and not world.missing() and not world.twice


def test_a_node_that_is_to_speak_alone_soon_does_when_its_host_falls_silent():
    world = World(seed=42, loss_up=300, lone=True, step_ms=2000)
    world.run(3 * HOUR)
    assert world.node.open
    world.loss_down = 1000
    world.run(3 * HOUR)
    assert world.host.one_way and world.node.lone
    known = world.journal.next
    world.run(2 * HOUR)
    assert not world.missing(0, known) and not world.twice


def test_reboots_of_either_end_lose_nothing():
    world = World(seed=36, loss_up=200, loss_down=200, step_ms=2000)
    for reboot in (world.start_node, world.start_host, world.start_node, world.start_host):
        world.run(100 * MINUTE)
        reboot()
    known = world.journal.next
    world.run(2 * HOUR)
    assert not world.missing(0, known) and not world.twice
    world.check_records()


def test_a_hello_of_another_node_or_schema_opens_nothing():
    world = World(seed=37)
    hello = world._hello
    world.node._hello = lambda session, now_ms: [3, schema.digest(), "home-2"] + hello(session, now_ms)[3:]
    world.run(5 * MINUTE)
    assert not world.node.open and world.host.hello is None
    world = World(seed=38)
    world.node._hello = lambda session, now_ms: [2, b"12345678"] + hello(session, now_ms)[2:]
    found = []
    world.host.welcome = lambda *given: found.append(world.host.hello)
    world.run(5 * MINUTE)
    assert found and found[0] is None and world.host.receiver is None


def test_a_node_under_keys_that_are_gone_is_called():
    world = World(seed=39)
    world.run(HOUR)
    world.start_host()
    world.switch(1)
    world.loss_down = 1000
    said = []
    send = world._send
    world._send = lambda queue, packet, loss: said.append(packet == CALL_PACKET) or send(queue, packet, loss)
    world.run(HOUR)
    assert 3 <= sum(said) <= 8


def test_answers_of_another_session_and_floors_of_another_journal_are_nothing():
    world = World(seed=44)
    world.run(20 * MINUTE)
    session, channel = world.host._session, world.channel
    for mine, message in (
        (True, [schema.OUTCOME, session, 1, 1, 0, 1, 0, 0]),
        (False, [schema.OUTCOME, session ^ 1, 1, 1, 0, 1, 0, 0]),
        (True, [schema.FLOOR, 55555, 3]),
        (False, [schema.FLOOR, 55556, 3]),
    ):
        packet = bytes(channel.packet[: channel.message(message)])
        assert world.host.messages(packet, world.now_ms) == ([message] if mine else [])


def test_damaged_packets_change_nothing():
    world = World(seed=40)
    world.run(HOUR)
    before = dict(world.store)
    for size in range(60):
        for packet in (world.chance.bytes(size), b"\x00\x01" + world.chance.bytes(size)):
            try:
                assert world.host.messages(packet, world.now_ms) == []
            except WireError:
                pass
            world.node.receive(packet, world.now_ms)
    assert world.store == before and world.node.open
    world.run(HOUR)
    assert not world.missing()


def test_ranges_are_a_set():
    chance = World(seed=41).chance
    spans, numbers = Spans(), set()
    for _ in range(2000):
        number = chance.bits(6)
        choice = chance.bits(5)
        if choice < 18:
            spans.add(number)
            numbers.add(number)
        elif choice < 31:
            spans.discard(number)
            numbers.discard(number)
        else:
            spans.drop_below(number // 4)
            numbers = {n for n in numbers if n >= number // 4}
        edges = spans.edges
        assert edges == sorted(set(edges)) and len(edges) % 2 == 0
        held = {n for n in range(70) if n in spans}
        assert held == numbers and spans.count_below(number) == len([n for n in numbers if n < number])
        assert spans.covers(number, number + 3) == ({number, number + 1, number + 2} <= numbers)


def test_a_floor_ends_the_wait_for_what_is_gone():
    receiver = GapReceiver(10, (12, 13, 20))
    assert receiver.wanted(5, 25) == (2, 0b111) and receiver.bitmap() == 0b1000000110
    assert receiver.floor(14) == 2 and receiver.next_sequence == 14
    assert receiver.floor(20) == 6 and receiver.next_sequence == 21 and receiver.floor(3) == 0
    assert not receiver.take(20) and receiver.take(21) and not receiver.take(21)
    receiver.forget(21)
    assert receiver.take(21)
    receiver.keep(21)
    receiver.forget(21)
    assert receiver.next_sequence == 22


def test_a_gap_of_any_length_is_crossed():
    receiver = GapReceiver(0)
    for sequence in range(50_000, 50_100):
        assert receiver.take(sequence)
        receiver.keep(sequence)
    assert receiver.wanted(15, 50_100) == (0, (1 << 30) - 1) and len(receiver.taken.edges) == 2
    assert receiver.floor(49_990) == 49_990
    assert receiver.wanted(15, 50_100) == (3332, 0b11)
