"""The link header, repeats, and the ways that are learned from what is overheard."""

from ether import Chance

from gridnode.link import mesh
from gridnode.wire.channel import CALL

BODY = bytes(range(12))
SLOWEST = 10


def made(down, address, next_hop):
    data = bytearray(4) + BODY
    assert mesh.put_header(data, down, address, next_hop) == 4
    return data


def relayed(data, next_hop, sender):
    _, _, _, _, _, _, start = mesh.header(data)
    out = bytearray(5) + data[start:]
    assert mesh.put_relayed(out, data, next_hop, sender) == 5
    return out


def test_the_header_in_bytes():
    assert bytes(made(False, 0x1234, 0x00))[:4] == bytes((0x28, 0x12, 0x34, 0x00))
    assert bytes(made(True, 0x1234, 0xFF))[:4] == bytes((0xA8, 0x12, 0x34, 0xFF))
    assert bytes(relayed(made(True, 0x1234, 0x07), 0x34, 0x07))[:5] == bytes((0xE1, 0x12, 0x34, 0x34, 0x07))


def test_a_header_comes_back():
    assert mesh.header(made(False, 0xABCD, 7)) == (False, 5, 0, 0xABCD, 7, 0xCD, 4)
    assert mesh.header(made(True, 0xABCD, 7)) == (True, 5, 0, 0xABCD, 7, mesh.GATEWAY, 4)
    assert mesh.header(relayed(made(False, 0xABCD, 7), 0, 7)) == (False, 4, 1, 0xABCD, 0, 7, 5)


def test_five_relays_and_no_more():
    data = made(False, 0xABCD, 255)
    for hop in range(1, 6):
        assert mesh.header(data)[1] > 0
        data = relayed(data, 255, hop)
        assert mesh.header(data) == (False, 5 - hop, hop, 0xABCD, 255, hop, 5)
    assert mesh.header(data)[1] == 0


def test_any_header_is_read_or_refused_and_promises_at_most_five_hops():
    taken = 0
    for first in range(256):
        for sender in (0, 1, 127, 254, 255):
            for next_hop in (0, 1, 254, 255):
                head = mesh.header(bytes((first, 0xAB, 0xCD, next_hop, sender)) + BODY)
                if head is None:
                    continue
                taken += 1
                down, left, done, address, _, who, start = head
                assert left + done <= 5 and address == 0xABCD and start == (5 if done else 4)
                assert who == 0 if down and not done else 0 < who < 255
                assert down == (first >= 128)
    assert 100 < taken < 1000, taken


def test_short_packets_are_refused():
    whole = bytes(made(False, 1, 2))
    for length in range(4 + mesh.PACKET_LEAST):
        assert mesh.header(whole[:length]) is None
    assert mesh.header(whole[: 4 + mesh.PACKET_LEAST])


def test_the_shortest_packet_is_a_call():
    head = bytes(made(True, 1, 2))[:4]
    assert mesh.header(head + CALL + b"\x03") and mesh.header(head + CALL) is None


def test_short_ids_are_neither_the_gateway_nor_anybody():
    assert [mesh.short_id(address) for address in (0x1234, 0xFF00, 0xFF, 0, 0xFFFF)] == [0x34, 1, 254, 1, 254]


def test_a_repeat_is_known_for_twenty_seconds_and_forgotten_after_forty():
    for start_ms in (0, 1_000_000, 1 << 41):
        repeats = mesh.Repeats(32)
        assert repeats.first(5, start_ms)
        for later in (0, 10_000, 19_999):
            assert not repeats.first(5, start_ms + later)
        assert repeats.first(5, start_ms + 60_001)


def test_repeats_take_no_more_room_than_they_may():
    repeats = mesh.Repeats(32)
    for identity in range(1000):
        assert repeats.first(identity, 1000 + identity)
        assert not repeats.first(max(0, identity - 31), 1000 + identity)
        assert len(repeats._young) + len(repeats._old) <= 64


def ways(*rows, most=8, now_ms=1000):
    """Each row: short id, SNR in quarters of a dB, hops to the gateway."""
    learned = mesh.Ways(most, SLOWEST)
    for short, snr, hops in rows:
        learned.told(learned.heard(short, -100, snr, now_ms), hops, now_ms)
    return learned


def up(learned, now_ms=1000, **but):
    found = learned.up(now_ms, **but)
    return found.short if found else None


def test_fewest_hops_then_the_better_margin():
    assert up(ways((5, 0, 2), (6, -20, 1), (7, 20, 2))) == 6
    assert up(ways((5, 0, 1), (6, -20, 1), (7, -30, 1))) == 5
    assert up(ways((0, -30, 0), (6, 30, 1))) == 0


def test_a_weak_link_counts_for_two_hops_more():
    assert up(ways((0, -55, 0), (6, 30, 1))) == 6
    assert up(ways((0, -55, 0), (6, 30, 3))) == 0


def test_never_back_to_whom_it_came_from():
    learned = ways((5, 0, 1), (6, 0, 2))
    assert up(learned, sender=5) == 6
    assert up(learned, sender=5, origin=6) is None


def test_what_is_silent_for_long_is_no_way():
    learned = ways((5, 0, 1))
    assert up(learned, 1000 + mesh.AGE_MS) == 5
    assert up(learned, 1001 + mesh.AGE_MS) is None


def test_a_longer_way_is_believed_only_after_a_while():
    learned = ways((5, 0, 1))
    learned.told(learned.neighbours[5], 3, 2000)
    assert learned.neighbours[5].hops == 1
    learned.told(learned.neighbours[5], 3, 1001 + mesh.FRESH_MS)
    assert learned.neighbours[5].hops == 3


def test_a_neighbour_that_leads_nowhere_is_left_out_until_it_tells_again():
    learned = ways((5, 0, 1), (6, 0, 2))
    learned.forget(5)
    assert up(learned) == 6
    learned.told(learned.neighbours[5], 1, 2000)
    assert up(learned) == 5


def test_silence_wears_a_link_down_and_hearing_mends_it():
    learned = ways((5, 0, 1))
    learned.neighbours[5].lost = 9
    assert up(learned) is None
    for _ in range(4):
        learned.heard(5, -100, 0, 2000)
    assert up(learned) == 5


def test_the_snr_follows_worse_faster_than_better():
    learned = ways((5, 0, 1))
    assert learned.heard(5, -100, -40, 1).snr_qdb == -20
    assert learned.heard(5, -100, 20, 1).snr_qdb == -10


def test_what_fails_is_slowed_first_and_then_forgotten():
    learned = ways((5, 20, 1))
    learned.failed(5)
    assert up(learned) == 5 and learned.neighbours[5].lost == mesh.LOST_MANY + 1
    learned.failed(5)
    assert up(learned) is None


def test_the_first_unanswered_question_costs_nothing():
    learned = ways((5, 20, 1), now_ms=1000)
    for asked_ms, lost in ((2000, 0), (3000, 1), (4000, 2)):
        learned.asked(5, asked_ms)
        assert learned.neighbours[5].lost == lost
    learned.heard(5, -100, 20, 5000)
    learned.asked(5, 6000)
    assert learned.neighbours[5].lost == 1


def test_as_near_to_the_gateway_as_we_are():
    learned = ways((0, 20, 0), (5, 20, 1), (6, 20, 2))
    assert learned.as_near(5, 1000) and not learned.as_near(6, 1000) and not learned.as_near(7, 1000)
    assert not ways((5, 20, mesh.UNKNOWN)).as_near(5, 1000)


def test_the_more_stations_are_about_the_longer_floods_are_spread():
    learned = ways((0, 20, 0), (5, 20, 1))
    assert learned.crowd == 2
    for address in range(40):
        learned.brought(address, learned.neighbours[5], 1, 1000)
    assert learned.crowd == 1 + (2 + 16) // 2


def test_strangers_cannot_talk_the_next_hop_out_of_the_table():
    learned = ways((5, -20, 1))
    chance = Chance(3)
    for turn in range(2000):
        learned.heard(1 + chance.bits(20) % 254, -100, 40, 2000 + turn)
        assert len(learned.neighbours) <= 8
    assert up(learned, 4000) == 5


def test_the_way_down_is_the_way_it_came_up():
    learned = ways((5, 0, 1), (6, 0, 1))
    learned.brought(0xABCD, learned.neighbours[5], 2, 1000)
    assert learned.down(0xABCD, 1000) == 5 and learned.hops(0xABCD) == 3
    assert learned.down(0xABCD, 1000, 5) == mesh.ANYBODY
    assert learned.down(0xABCE, 1000) == mesh.ANYBODY and learned.hops(0xABCE) == 0
    assert learned.down(0xABCD, 1001 + mesh.AGE_MS) == mesh.ANYBODY
    learned.brought(0xABCD, learned.neighbours[6], 3, 2000)  # longer
    assert learned.down(0xABCD, 2000) == 5
    learned.brought(0xABCD, learned.neighbours[6], 1, 2000)
    assert learned.down(0xABCD, 2000) == 6
    learned.forget(5, 0xABCD)
    assert learned.down(0xABCD, 2000) == 6
    learned.forget(6, 0xABCD)
    assert learned.down(0xABCD, 2000) == mesh.ANYBODY


def test_nodes_take_no_more_room_than_they_may_and_the_oldest_goes():
    learned = ways((5, 0, 1))
    for address in range(1000):
        learned.brought(address, learned.neighbours[5], 1, 1000 + address)
        assert learned.down(max(0, address - 15), 2000) == 5
        assert learned.down(address - 16, 2000) == mesh.ANYBODY
