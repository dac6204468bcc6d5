"""Keys and what is sealed with them: agreed on over whatever line, no packet taken twice, nothing from a stranger."""

from hostile import Dice
from sealed import KEY, NAME, OTHER_KEY, THIRD_KEY, Chance, host_channel, joined, key_id, node_channel
from vector_files import refuses

from gridnode.wire.channel import HAIL_BYTES, NodeChannel, Window, address_of
from gridnode.wire.frame import PACKET_MAX
from gridnode.wire.host_channel import CALL_PACKET, offer_of
from gridnode.wire.packet import COUNTER_MAX

BOTH = ((1, KEY), (2, OTHER_KEY))


def said(channel, body=b"\x81\x03", lone=False):
    """The next packet of a node."""
    return bytes(channel.packet[: channel.body(body, 0, len(body), lone)])


def offer(channel):
    return bytes(channel.packet[: channel.offer()])


def cause(channel, packet):
    """Why a channel ignores a packet; "" if it does not."""
    before = dict(channel.counts)
    try:
        channel.open(packet)
        return ""
    except ValueError:
        (found,) = [each for each in channel.counts if channel.counts[each] != before.get(each, 0)]
        return found


# Agreement


def test_both_ends_come_to_the_same_keys_and_speak_both_ways():
    node, host = node_channel(), host_channel()
    joined(node, host)
    for number in range(300):
        assert bytes(host.open(said(node, b"up %d" % number))[0]) == b"up %d" % number
        assert bytes(node.open(host.message([7, number, 0]))) == b"\x83\x07" + encoded(number) + b"\x00"
    assert node.pairs == host.pairs == 1 and not node.counts and not host.counts


def encoded(number):
    return bytes((number,)) if number < 24 else b"\x18%c" % number if number < 256 else b"\x19\x01%c" % (number & 255)


def test_hails_say_nothing_but_who_and_which_key():
    node, host = node_channel(boot=9), host_channel()
    first = offer(node)
    assert len(first) == HAIL_BYTES and first == offer(node)
    shown = offer_of(first)
    assert (shown.slot, shown.address, shown.nonce[:4], shown.name) == (1, address_of(NAME), b"\x00\x00\x00\x09", "")
    answer = host.offered(first)
    assert len(answer) == HAIL_BYTES and answer == host.offered(first), "one OFFER has one answer"
    assert not node.sealed and not host.sealed
    assert node.open(CALL_PACKET) is None and node.called and not node.sealed


def test_a_hail_that_was_changed_anywhere_opens_nothing():
    node, host = node_channel(), host_channel()
    first = offer(node)
    for at in range(HAIL_BYTES):
        for bit in (0, 5):
            changed = bytearray(first)
            changed[at] ^= 1 << bit
            assert host.offered(bytes(changed)) is None, at
    answer = host.offered(first)
    for at in range(HAIL_BYTES):
        changed = bytearray(answer)
        changed[at] ^= 1
        node.offer()  # so that it looks at another answer
        assert refuses(node.open, bytes(changed)) and not node.sealed, at
    assert node.open(answer) is None and node.sealed


def test_a_key_that_is_not_ours_opens_nothing_and_is_counted():
    node, host = node_channel(), host_channel(keys=((1, OTHER_KEY),))
    assert host.offered(offer(node)) is None and host.counts == {"forged": 1}
    assert host_channel(keys=((2, KEY),)).offered(offer(node)) is None
    assert host_channel(name="home-2").offered(offer(node)) is None
    other = node_channel(keys=((1, OTHER_KEY),))
    answer = host.offered(offer(other))
    node.offer()
    assert refuses(node.open, answer) and node.counts == {"forged": 1} and not node.sealed


def test_a_flood_of_made_up_answers_costs_three_looks_for_each_offer():
    node = node_channel()
    forged = host_channel(keys=((1, OTHER_KEY),)).offered(offer(node_channel(keys=((1, OTHER_KEY),))))
    node.offer()
    assert [cause(node, forged) for _ in range(5)] == ["forged"] * 3 + ["stale"] * 2
    answer = host_channel().offered(offer(node))
    assert node.open(answer) is None and node.sealed


def test_a_blank_node_says_that_it_is_and_takes_nothing():
    blank = NodeChannel(NAME, [], 1, Chance().bits)
    shown = offer_of(offer(blank))
    assert (shown.slot, shown.name, shown.address) == (0, NAME, address_of(NAME))
    node, host = node_channel(), host_channel()
    _, answer, _ = joined(node, host)
    for packet in (answer, host.message([3, 1]), said(node), b"", b"\x00"):
        assert cause(blank, packet) in ("unknown", "garbled"), packet
    assert not blank.sealed and refuses(lambda body: said(blank, body), b"x")
    assert refuses(lambda body: said(blank, body, True), b"x")
    assert host.offered(offer(blank)) is None and host.sealed


def test_before_there_are_keys_nothing_can_be_said():
    assert refuses(lambda body: said(node_channel(), body), b"x")
    assert refuses(host_channel().message, [3, 1])


# Replays


def test_an_offer_that_is_used_up_and_an_answer_that_was_taken_open_nothing_again():
    node, host = node_channel(), host_channel()
    first, answer, _ = joined(node, host)
    assert host.offered(first) is None and host.counts == {"replayed": 1}
    node.offer()
    assert cause(node, answer) == "forged" and node.pairs == 1  # it is of another nonce
    assert bytes(host.open(said(node))[0]) == b"\x81\x03"


def test_recorded_offers_end_no_session_and_do_not_keep_a_new_one_from_opening():
    host, old = host_channel(), []
    for boot in range(1, 12):
        old.append(offer(node_channel(boot)))
    node = node_channel(20)
    joined(node, host)
    for recorded in old:
        host.offered(recorded)
    assert bytes(host.open(said(node))[0]) == b"\x81\x03" and host.pairs == 1
    again = node_channel(21)
    answer = host.offered(offer(again))
    for recorded in old:  # more than the host keeps open
        host.offered(recorded)
    again.open(answer)
    assert bytes(host.open(said(again))[0]) == b"\x81\x03" and host.pairs == 2
    assert cause(host, said(node)) == "stale"


def test_the_node_s_own_reboots_never_bring_a_nonce_again():
    seen = set()
    for boot in range(1, 40):
        node = node_channel(boot, chance=Chance(5))  # a chip with no chance worth the name
        for _ in range(5):
            first = offer(node)
            nonce = offer_of(first).nonce
            assert nonce not in seen
            seen.add(nonce)
            assert nonce == max(seen), "they rise"
            node.open(host_channel().offered(first))


class Tape:
    """One direction: all that was ever said, and what of it was taken."""

    def __init__(self, dice):
        self.dice = dice
        self.said = []
        self.taken = set()

    def carry(self, packet, end):
        """Bring `packet`, or lose it; then bring something old again."""
        self.said.append(packet)
        if self.dice.below(5):
            self.bring(packet, end)
        self.bring(self.said[self.dice.below(len(self.said))], end)

    def bring(self, packet, end):
        if packet[0] and cause(end, packet) == "":
            assert packet not in self.taken, "taken twice"
            self.taken.add(packet)


def test_no_recorded_packet_is_ever_taken_again_whoever_restarts():
    dice = Dice(3)
    up, down = Tape(dice), Tape(dice)
    host, node, boot = host_channel(), node_channel(), 1
    for life in range(12):
        if dice.below(2):
            boot += 1
            node = node_channel(boot)
        if dice.below(3) == 0:
            host = host_channel(lone=host.lone)
        first, answer, hello = joined(node, host)
        up.said += [first, hello]
        up.taken.add(hello)
        down.said.append(answer)
        for number in range(40):
            up.carry(said(node, b"%d %d" % (life, number)), host)
            down.carry(host.message([7, life, number]), node)
            host.offered(up.said[dice.below(len(up.said))])
            cause(node, answer)
    assert len(up.taken) > 350 and len(down.taken) > 350
    for tape, end in ((up, host), (down, node)):
        for packet in tape.taken:
            assert refuses(end.open, packet)


def test_a_line_that_loses_repeats_and_reorders_hails_always_leads_to_keys():
    for seed in range(40):
        dice = Dice(seed)
        node, host, air = node_channel(seed + 1), host_channel(), []
        for _turn in range(400):
            air.append((0, offer(node) if not node.sealed or dice.below(9) == 0 else said(node)))
            for _ in range(dice.below(3)):
                if not air:
                    break
                way, packet = air[dice.below(len(air))] if dice.below(2) else air.pop(dice.below(len(air)))
                if dice.below(100) < 40:
                    continue
                if way == 0 and packet[0] == 0:
                    answer = host.offered(packet)
                    if answer:
                        air.append((1, answer))
                    continue
                cause(host if way == 0 else node, packet)
            del air[:-12]
            if node.sealed and host.sealed and dice.below(20) == 0:
                break
        for _ in range(3):  # the line is good now
            if cause(host, said(node)) == "":
                break
            node.open(host.offered(offer(node)))
        assert cause(host, said(node)) == "" and cause(node, host.message([3, 1])) == "", seed


# The window


def test_the_window_takes_each_counter_once_and_none_older_than_31_below_the_highest():
    dice = Dice(8)
    for start in (0, 7, 1 << 30, COUNTER_MAX - 200):
        window, come, highest = Window(), set(), -1
        for _ in range(2000):
            counter = max(start, highest) - 40 + dice.below(46)
            if not start <= counter <= COUNTER_MAX:
                continue
            wanted = counter not in come and counter > highest - 32
            assert window.is_new(counter) == wanted, (counter, highest)
            if wanted:
                window.mark(counter)
                come.add(counter)
                highest = max(highest, counter)


def test_the_edges_of_the_window_in_packets():
    node, host = node_channel(), host_channel()
    joined(node, host)
    packets = [said(node) for _ in range(80)]
    assert cause(host, packets[40]) == ""
    assert cause(host, packets[9]) == "" and cause(host, packets[8]) == "replayed"
    assert cause(host, packets[9]) == cause(host, packets[40]) == "replayed"
    assert cause(host, packets[79]) == "" and cause(host, packets[47]) == "replayed" and cause(host, packets[48]) == ""


def test_a_forged_packet_does_not_move_the_window():
    node, host = node_channel(), host_channel()
    joined(node, host)
    first, second = said(node), said(node)
    forged = bytearray(second)
    forged[-1] ^= 1
    assert cause(host, bytes(forged)) == "forged" and cause(host, second) == "" and cause(host, first) == ""
    down = host.message([3, 1])
    changed = bytearray(down)
    changed[0] ^= 4  # another counter: the header is authenticated
    assert cause(node, bytes(changed)) == "forged" and cause(node, down) == ""


def test_every_changed_byte_of_a_packet_is_found():
    node, host = node_channel(), host_channel()
    joined(node, host)
    packet = said(node, b"a body of some length")
    for at in range(len(packet)):
        for bit in range(8):
            changed = bytearray(packet)
            changed[at] ^= 1 << bit
            assert refuses(host.open, bytes(changed)), (at, bit)
    for length in range(len(packet)):
        assert cause(host, packet[:length]) in ("garbled", "forged", "replayed")
    assert cause(host, packet) == ""


def test_what_one_says_is_not_taken_by_itself_or_in_the_other_direction():
    node, host = node_channel(), host_channel()
    joined(node, host)
    assert cause(node, said(node)) == "forged" and cause(host, host.message([3, 1])) in ("forged", "replayed")


def test_when_the_counters_end_other_keys_are_needed():
    node, host = node_channel(), host_channel()
    joined(node, host)
    node._counter = host._pair.counter = COUNTER_MAX
    last, down = said(node), host.message([3, 1])
    assert last[:5] == b"\x1b\xff\xff\xff\xff" and cause(host, last) == cause(node, down) == ""
    assert not node.sealed and not host.sealed
    assert refuses(lambda body: said(node, body), b"x") and refuses(host.message, [3, 1])
    joined(node, host)
    assert cause(host, said(node)) == ""


def test_the_longest_body_fits_and_one_byte_more_does_not():
    node, host = node_channel(), host_channel()
    joined(node, host)
    longest = PACKET_MAX - 1 - 8
    assert bytes(host.open(said(node, b"x" * longest))[0]) == b"x" * longest
    assert refuses(lambda body: said(node, body), b"x" * (longest + 1))
    assert refuses(lambda body: node.message([22, body]), b"x" * 300) and refuses(host.message, [19, b"x" * 300])
    assert cause(host, said(node)) == ""  # what did not fit has used no counter


# Two keys


def test_a_new_key_is_offered_at_once_and_the_old_one_goes_when_it_has_opened_a_session():
    node, host, dropped = node_channel(), None, []
    node.dropped = lambda slot: dropped.append(("node", slot))
    host = host_channel(dropped=lambda slot: dropped.append(("host", slot)))
    joined(node, host)
    node.add_key(2, OTHER_KEY)
    host.use_keys(BOTH)
    assert cause(host, said(node)) == "" and key_id(said(node)) == 1  # the session goes on
    assert offer_of(offer(node)).slot == 2
    joined(node, host)
    assert key_id(said(node)) == 2 and host.slot == 2 and sorted(dropped) == [("host", 1), ("node", 1)]
    assert host.offered(offer(node_channel(50))) is None, "the old key is void"


def test_a_host_that_does_not_have_the_new_key_yet_is_still_heard():
    node, host = node_channel(keys=BOTH), host_channel()
    answers = [host.offered(offer(node)) for _ in range(4)]
    assert [answer is not None for answer in answers] == [False, False, False, True]
    node.open(answers[3])
    assert cause(host, said(node)) == "" and key_id(said(node)) == 1
    host.use_keys(BOTH)
    joined(node, host)
    assert key_id(said(node)) == 2


def test_of_three_keys_the_newest_two_stay():
    node = node_channel(keys=BOTH)
    node.add_key(3, THIRD_KEY)
    assert [offer_of(offer(node)).slot for _ in range(4)] == [3, 3, 3, 2] and node.slot == 3


# Packets without a session


def test_lone_packets_are_taken_once_and_in_order_over_restarts_of_the_host():
    node, host = node_channel(), host_channel()
    packets = [said(node, b"%d" % number, lone=True) for number in range(10)]
    assert cause(host, packets[0]) == "stale"  # who it is was not heard yet
    host.offered(offer(node))
    for number in (0, 4):
        body, lone = host.open(packets[number])
        assert bytes(body) == b"%d" % number and lone
    assert cause(host, packets[2]) == cause(host, packets[4]) == "replayed"
    again = host_channel(lone=host.lone)
    assert cause(again, packets[4]) == "replayed" and cause(again, packets[5]) == ""
    assert not again.sealed and again.lone > host.lone


def test_a_lower_boot_is_never_believed_alone_and_a_session_shuts_out_what_came_before_it():
    first, second = node_channel(5), node_channel(6)
    host = host_channel()
    host.offered(offer(first))
    recorded = [offer(first)] + [said(first, lone=True) for _ in range(5)]
    assert cause(host, recorded[1]) == ""
    host.offered(offer(second))
    later = said(second, lone=True)
    host.offered(recorded[0])
    assert refuses(host.open, recorded[2]) and cause(host, later) == ""
    third = node_channel(7)
    early = said(third, lone=True)
    joined(third, host)
    for packet in recorded[1:] + [later, early]:
        assert refuses(host.open, packet)
    host.offered(offer(third))
    assert cause(host, said(third, lone=True)) == ""  # of the nonce behind the session's


def test_lone_and_session_packets_do_not_pass_for_each_other():
    node, host = node_channel(), host_channel()
    host.offered(offer(node))
    alone = bytearray(said(node, lone=True))
    joined(node, host)
    assert key_id(alone) == 5
    alone[0] ^= 0x40
    assert refuses(host.open, bytes(alone))
    packet = bytearray(said(node))
    packet[0] |= 0x40
    assert refuses(host.open, bytes(packet))
    assert cause(node, bytes(packet)) in ("unknown", "stale")
