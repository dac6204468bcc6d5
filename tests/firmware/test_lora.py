"""The link over radio: chains, hidden nodes, dead relays, strangers, jammers, and the law, on an air of its own."""

import gc
import sys

from ether import Chance, Ether, chain

from gridnode.link import mesh
from gridnode.link.lora import BROADCAST, NEVER, PACKET_MAX, LoraLink
from gridnode.link.regions import EU868, US915, Plan

LEARN_S = 120  # from the boot on: until there is airtime for whatever comes


def packet(number, length=24):
    return bytes((0x18, number >> 8 & 255, number & 255)) + bytes(range(length - 3))


def up(ether, name, number, seconds=20, urgent=True, length=24):
    """Have a node send a packet; whether the gateway got it, whole, once."""
    content = packet(number, length)
    assert ether.links[name].send(content, len(content), urgent)
    before = len(ether.got["gateway"])
    ether.run(seconds)
    came = [row for row in ether.got["gateway"][before:] if row[1] == content]
    assert len(came) <= 1 and all(row[0] == ether.links[name].address for row in came)
    return bool(came)


def down(ether, name, number, seconds=20):
    content = packet(number)
    assert ether.links["gateway"].send_to(ether.links[name].address, content, True)
    before = len(ether.got[name])
    ether.run(seconds)
    came = [row for row in ether.got[name][before:] if row == content]
    assert len(came) <= 1
    return bool(came)


def count(ether, what, *names):
    return sum(ether.links[name].counts[what] for name in names or ether.links)


def sent(ether, name):
    return ether.radios[name].sent


# The way.


def test_one_node_up_and_down():
    ether = chain(1)
    ether.run(LEARN_S)
    assert up(ether, "1", 1) and down(ether, "1", 2)
    row = ether.got["gateway"][0]
    assert row[2] == 1 and row[3] == -115 and row[4] == -20
    assert (ether.links["1"].hops, ether.links["1"].next_hop) == (1, mesh.GATEWAY)
    assert ether.links["gateway"].way(ether.links["1"].address) == (mesh.short_id(ether.links["1"].address), 1)


def test_a_node_that_nobody_has_heard_of_floods_and_its_answer_comes_back_by_the_same_way():
    ether = chain(5)
    ether.run(LEARN_S)
    far = ether.links["5"]
    assert far.next_hop == mesh.ANYBODY and far.hops == 0
    assert up(ether, "5", 1)
    assert ether.got["gateway"][-1][2] == 5
    assert down(ether, "5", 2)
    assert far.hops == 5
    assert count(ether, "flooded") == 0


def test_a_chain_of_five_that_has_learned_relays_each_packet_four_times():
    ether = chain(5)
    ether.run(LEARN_S)
    assert up(ether, "5", 1) and down(ether, "5", 2)
    before = count(ether, "relayed")
    for number in range(3, 9):
        assert up(ether, "5", number) and down(ether, "5", 100 + number)
    assert count(ether, "relayed") - before == 6 * 2 * 4
    assert count(ether, "again") == count(ether, "flooded") == 0
    assert [ether.links[str(index)].hops for index in range(1, 6)] == [1, 2, 3, 4, 5]


def test_relays_alter_nothing_and_hold_no_packet_back():
    ether = chain(3)
    ether.run(LEARN_S)
    for number in range(20):
        assert up(ether, "3", number, 40, length=24 + 10 * number)
    assert len(ether.got["gateway"]) == 20 and not ether.got["1"] and not ether.got["2"]


def test_a_seventh_hop_is_too_far():
    ether = chain(7)
    ether.run(LEARN_S)
    assert up(ether, "6", 1, 60)
    assert not up(ether, "7", 2, 60)


def test_a_lossy_chain_delivers_more_than_its_links():
    came = again = 0
    for seed in (1, 2, 3):
        ether = chain(4, seed, 20)
        ether.run(LEARN_S)
        for number in range(5):
            up(ether, "4", number, 30)
            down(ether, "4", 100 + number, 30)
        came += sum(up(ether, "4", 200 + number, 60) for number in range(20))
        again += count(ether, "again")
    assert again > 20 and came >= 48, (again, came)  # of 60; four links of 80 % alone: 25


def test_hidden_nodes_take_turns_again():
    # Two nodes that do not hear each other send at one moment, again and again.
    ether = Ether(5)
    ether.join("gateway", {})
    for name in ("a", "b"):
        ether.join(name, {"gateway": -10})
    ether.run(600)
    came = 0
    for number in range(40):
        for name in ("a", "b"):
            assert ether.links[name].send(packet(number), 24)
        before = len(ether.got["gateway"])
        ether.run(30)
        came += len(ether.got["gateway"]) - before
    assert came >= 40, came  # of 80; sent at once, each would hit the other


def diamond(seed=1):
    """The gateway, two relays that hear each other, and a node that hears both of them only."""
    ether = Ether(seed)
    ether.join("gateway", {})
    ether.join("near", {"gateway": 20})
    ether.join("other", {"gateway": 10, "near": 0})
    ether.join("far", {"near": 20, "other": 10})
    ether.run(LEARN_S)
    return ether


def test_a_dead_relay_is_gone_around():
    ether = diamond()
    for number in range(6):
        assert up(ether, "far", number) and down(ether, "far", 100 + number)
    used = {mesh.short_id(ether.links[name].address): name for name in ("near", "other")}
    dead = used[ether.links["far"].next_hop]
    address = ether.links[dead].address
    ether.leave(dead)
    came = [up(ether, "far", 10 + number, 40) for number in range(6)]
    assert came == [True] * 6
    assert ether.links["far"].counts["flooded"] >= 1
    assert ether.links["far"].next_hop != mesh.short_id(address)
    assert [down(ether, "far", 110 + number, 40) for number in range(4)] == [True] * 4


def test_floods_are_relayed_weakest_first_and_not_by_everybody():
    ether = Ether(2)
    ether.join("gateway", {})
    ether.join("far", {})
    names = []
    for index in range(8):
        snr = {"gateway": 0, "far": 30 - 12 * index}
        for other in names:
            snr[other] = 20
        names.append("r%d" % index)
        ether.join(names[-1], snr)
    ether.run(LEARN_S)
    firsts = []
    came = 0
    for number in range(10):
        begin_ms = ether.now_ms
        came += up(ether, "far", number, 30)
        firsts.append(min([(row[0], name) for name in names for row in sent(ether, name) if row[0] >= begin_ms])[1])
    relayed = count(ether, "relayed", *names)
    assert came >= 8 and 15 <= relayed <= 45, (came, relayed)  # of 80
    assert count(ether, "spared", *names) >= 30
    assert sum(name in ("r5", "r6", "r7") for name in firsts) >= 6, firsts


def test_a_flood_ends_where_its_answer_is_heard():
    for down in (False, True):
        ether = diamond()
        flood, answer = bytearray(4) + packet(1), bytearray(4) + packet(2)
        mesh.put_header(flood, down, ether.links["far"].address, mesh.ANYBODY)
        mesh.put_header(answer, not down, ether.links["far"].address, 4 if down else mesh.short_id(0x4104))
        ether.inject("gateway" if down else "far", bytes(flood), 7)
        ether.run(0.2)
        ether.inject("far" if down else "gateway", bytes(answer), 7)
        ether.run(20)
        assert count(ether, "relayed") == 0 and count(ether, "spared") == 2


def test_neither_a_repeat_by_its_origin_nor_anothers_answer_ends_a_flood():
    ether = chain(2, snr=20)
    ether.run(LEARN_S)
    flood, other = bytearray(4) + packet(1), bytearray(4) + packet(2)
    mesh.put_header(flood, False, ether.links["2"].address, mesh.ANYBODY)
    mesh.put_header(other, True, 0x7777, 0x77)
    for sender, data in (("2", flood), ("2", flood), ("2", flood), ("gateway", other)):
        ether.inject(sender, bytes(data), 7)
        ether.run(0.1)
    assert not sent(ether, "1")
    ether.run(20)
    assert len(sent(ether, "1")) == 1


def test_one_copy_by_a_station_as_near_to_the_gateway_is_enough():
    ether = diamond()
    hello = bytearray(4) + packet(9)
    mesh.put_header(hello, True, 0x7777, 0x77)
    ether.inject("gateway", bytes(hello))  # so both relays know that they hear the gateway
    ether.run(5)
    near = mesh.short_id(ether.links["near"].address)
    told = bytearray(4) + packet(8)
    mesh.put_header(told, False, ether.links["near"].address, mesh.GATEWAY)
    ether.inject("near", bytes(told))  # so the other knows that this one does, too
    ether.run(5)
    assert ether.links["other"]._ways.neighbours[near].hops == 1
    flood, copy = bytearray(4) + packet(1), bytearray(5) + packet(1)
    mesh.put_header(flood, False, ether.links["far"].address, mesh.ANYBODY)
    mesh.put_relayed(copy, flood, mesh.ANYBODY, near)
    ether.leave("near")
    ether.inject("far", bytes(flood), 7)
    ether.run(0.2)
    ether.inject("near", bytes(copy), 7)
    ether.run(20)
    assert ether.links["other"].counts["spared"] == 1 and ether.links["other"].counts["relayed"] == 0


def test_a_packet_is_given_once_however_many_ways_it_comes():
    ether = diamond()
    content = packet(7)
    for _ in range(5):
        for sender in ("near", "other", "far"):
            data = bytearray(5) + content
            origin = bytearray(4) + content
            mesh.put_header(origin, False, 0x4104, 255)
            mesh.put_relayed(data, origin, 0, mesh.short_id(ether.links[sender].address))
            ether.inject(sender, bytes(data), 7)
            ether.run(3)
    assert [row[1] for row in ether.got["gateway"]] == [content]


def test_everybody_hears_a_broadcast_once():
    ether = chain(4)
    ether.run(LEARN_S)
    assert ether.links["gateway"].send_to(BROADCAST, packet(1), True)
    ether.run(30)
    assert [ether.got[str(index)] for index in range(1, 5)] == [[packet(1)]] * 4


def test_a_flood_that_the_gateway_answers_is_not_sent_again():
    ether = chain(1)
    ether.run(LEARN_S)
    assert ether.links["1"].send(packet(1), 24, True)
    while not ether.got["gateway"]:
        ether.run(0.1)
    assert down(ether, "1", 2)
    assert len(sent(ether, "1")) == 1


def test_a_neighbour_that_goes_by_us_is_no_way_for_us():
    ether = chain(2)
    ether.run(LEARN_S)
    ether.hears["1", "stranger"] = 0
    data = bytearray(4) + BYTES
    mesh.put_header(data, False, 0x6677, mesh.GATEWAY)
    ether.inject("stranger", bytes(data))
    ether.run(3)
    assert ether.links["1"].next_hop == 0x77
    mesh.put_header(data, False, 0x6677, mesh.short_id(ether.links["1"].address))
    ether.inject("stranger", bytes(data))
    ether.run(3)
    assert ether.links["1"].next_hop == mesh.ANYBODY


def test_a_namesake_of_the_destination_does_not_relay():
    ether = Ether(6)
    ether.join("gateway", {})
    ether.join("a", {"gateway": 0}, address=0x5502)
    ether.join("b", {"gateway": 0, "a": 0}, address=0x6602)
    ether.run(LEARN_S)
    assert up(ether, "a", 1, 40)
    before = count(ether, "relayed", "b")
    for number in range(5):
        assert down(ether, "a", number)
    assert ether.links["gateway"].way(0x5502)[0] == 2 and count(ether, "relayed", "b") == before


def test_what_failed_end_to_end_is_flooded():
    ether = chain(2)
    ether.run(LEARN_S)
    assert up(ether, "2", 1) and down(ether, "2", 2)
    assert ether.links["2"].next_hop != mesh.ANYBODY
    ether.links["2"].failed()
    assert ether.links["2"].next_hop != mesh.ANYBODY
    assert up(ether, "2", 5) and sent(ether, "2")[-1][3] == 10
    for _ in range(2):
        ether.links["2"].failed()
    assert ether.links["2"].next_hop == mesh.ANYBODY
    gateway, address = ether.links["gateway"], ether.links["2"].address
    assert gateway.way(address)[0] != mesh.ANYBODY
    for _ in range(3):
        gateway.failed(address)
    assert gateway.way(address) == (mesh.ANYBODY, 0)
    assert up(ether, "2", 3) and down(ether, "2", 4)


# Rate and power.


def rates(snr, **plan):
    ether = Ether(3)
    ether.join("gateway", {}, **plan)
    ether.join("a", {"gateway": snr}, **plan)
    ether.run(1200)
    first = up(ether, "a", 1)
    assert first and down(ether, "a", 2) and up(ether, "a", 3)
    return [(sf, dbm) for _, _, _, sf, dbm, _ in sent(ether, "a")]


def test_unknown_is_slowest_and_a_good_link_soon_fast_and_quiet():
    assert rates(-20) == [(10, 20), (10, 20), (10, 20)]
    assert rates(-16) == [(10, 20), (10, 20), (9, 20)]
    assert rates(-5) == [(10, 20), (10, 20), (8, 20)]
    assert rates(10) == [(10, 20), (10, 20), (7, 18)]
    assert rates(40) == [(10, 20), (10, 20), (7, 11)]


def test_commands_that_are_not_answered_go_slower_each_time():
    ether = Ether(3)
    ether.join("gateway", {})
    ether.join("a", {"gateway": 40})
    ether.run(LEARN_S)
    assert up(ether, "a", 1)
    ether.leave("a")
    for number in range(5):
        assert ether.links["gateway"].send_to(0x4102, packet(number), True)
        ether.run(20)
    assert [row[3] for row in sent(ether, "gateway")] == [7, 7, 8, 9, 10]


def test_where_nobody_relays_it_goes_slower_each_time_and_then_to_all():
    ether = diamond()
    for number in range(4):
        assert up(ether, "far", number) and down(ether, "far", 100 + number)
    before = len(sent(ether, "far"))
    assert sent(ether, "far")[-1][3] == 7
    for name in ("near", "other"):
        ether.leave(name)
    assert not up(ether, "far", 50, 60)
    tried = [(sf, dbm, data[3]) for _, _, _, sf, dbm, data in sent(ether, "far")[before:]]
    assert [sf for sf, _, _ in tried] == [7, 8, 9, 10, 10], tried
    assert [dbm for _, dbm, _ in tried][1:] == [20, 20, 20, 20]
    assert [hop == mesh.ANYBODY for _, _, hop in tried] == [False] * 3 + [True] * 2


# The law.


def breaches(ether, name, plan):
    """What a station has sent against its plan's duty, power or dwell."""
    wrong = []
    spent = {}
    for start_ms, us, khz, sf, dbm, data in sent(ether, name):
        band = plan.bands[plan.band(khz)]
        hour = spent.setdefault(khz, [])
        hour.append((start_ms, us))
        total = sum(us for at, us in hour if at > start_ms - 3_600_000)
        if total > band[2] * 3600 or dbm > plan.limit_dbm(khz) or (plan.dwell_ms and us > 1000 * plan.dwell_ms):
            wrong.append((start_ms, khz, sf, dbm, len(data)))
    return wrong


def test_a_node_with_more_to_say_than_the_law_gives_keeps_the_law():
    plan = {"channels": (868300, 868900)}
    ether = Ether(4)
    ether.join("gateway", {}, **plan)
    link = ether.join("a", {"gateway": -20}, **plan)
    for number in range(1500):
        if link.idle:
            assert link.send(packet(number, 60), 60)
        ether.run(5)
    assert not breaches(ether, "a", Plan(EU868, **plan))
    channels = {khz for _, _, khz, _, _, _ in sent(ether, "a")}
    assert channels == {868300, 868900}
    assert 60 < len(sent(ether, "a")) < 200


def test_dwell_makes_it_faster_and_what_never_fits_is_refused_in_words():
    plan = {"region": US915, "power_dbm": 30}
    ether = Ether(4)
    ether.join("gateway", {}, **plan)
    ether.join("a", {"gateway": 0}, **plan)
    for number in range(8):
        assert up(ether, "a", number, length=100 + 20 * number)
    assert not breaches(ether, "a", Plan(US915, power_dbm=30))
    assert {sf for _, _, _, sf, _, _ in sent(ether, "a")} == {9, 10}
    slow = Ether(4).join("a", {}, US915, spreading_factors=(12,))
    assert slow.send(packet(1, 200), 200)
    slow.flush(100_000)
    slow.flush(110_000)
    assert slow.counts["refused"] == 1 and "above the dwell of 400 ms" in slow.refused and slow.idle


def test_a_reboot_starts_without_airtime():
    ether = chain(1)
    assert not up(ether, "1", 1, 4)
    ether.run(LEARN_S)
    assert ether.got["gateway"]


# Strangers, noise, faults.


def test_headers_with_any_bits_neither_crash_nor_loop():
    ether = diamond()
    chance = Chance(9)
    quiet = 0
    for _turn in range(600):
        data = bytes([chance.bits(8) for _ in range(5 + chance.bits(4))]) + BYTES
        ether.inject("far", data, 7)
        ether.run(1)
        quiet += ether.links["near"].wake_ms == NEVER
    ether.run(120)
    for name in ("near", "other"):
        link = ether.links[name]
        assert link.wake_ms == NEVER and link.counts["garbled"] > 100
        assert link.counts["relayed"] <= 600
        assert len(link._ways.neighbours) <= 8 and len(link._ways._nodes) <= 16
    assert quiet > 100
    assert up(ether, "far", 1, 60)


BYTES = bytes(range(9))


def test_each_bit_of_a_header_turned_over():
    ether = chain(2)
    ether.run(LEARN_S)
    good = bytearray(4) + packet(1)
    mesh.put_header(good, False, 0x4102, 255)
    for bit in range(40):
        data = bytearray(good)
        data[bit // 8] ^= 1 << bit % 8
        ether.inject("2", bytes(data))
        ether.run(30)
    assert count(ether, "relayed") <= 5 * 40
    assert ether.links["1"].wake_ms == NEVER


def test_a_strangers_floods_leave_a_node_its_own_airtime():
    ether = chain(2)
    ether.run(1200)
    node = ether.links["1"]
    came = 0
    for number in range(2400):  # each two seconds a new one
        data = bytearray(4) + packet(number, 60)
        mesh.put_header(data, False, 0x7700 + number % 250, 255)
        ether.inject("2", bytes(data), 8)
        if number % 20 == 5 and node.idle:
            node.send(packet(5000 + number, 60), 60)
        ether.run(2)
    came = len([row for row in ether.got["gateway"] if row[0] == node.address])
    assert came >= 110, came  # of 120
    relayed_us = sum(us for _, us, _, _, _, data in sent(ether, "1")[-3000:] if data[1] == 0x77)
    assert relayed_us <= 4800 * 43_750 + 22_400_000, relayed_us
    assert node.counts["dropped"] > 500
    assert not breaches(ether, "1", Plan(EU868))


def test_a_forged_neighbour_costs_a_way_for_a_while_and_no_packet():
    # A stranger says that it is one hop from the gateway, and swallows what it is given.
    ether = diamond()
    for number in range(3):
        assert up(ether, "far", number) and down(ether, "far", 100 + number)
    data = bytearray(4) + BYTES
    mesh.put_header(data, False, 0x6677, 0)
    ether.hears["far", "stranger"] = ether.hears["stranger", "far"] = 40
    ether.inject("stranger", bytes(data), 7)
    ether.run(5)
    assert ether.links["far"].next_hop == 0x77
    assert [up(ether, "far", 20 + number, 60) for number in range(4)] == [True] * 4
    assert ether.links["far"].next_hop != 0x77


def test_nobody_can_make_a_node_its_own_neighbour():
    ether = chain(1)
    data = bytearray(4) + BYTES
    mesh.put_header(data, False, ether.links["1"].address, 0)
    ether.inject("gateway", bytes(data))
    ether.run(5)
    assert ether.links["1"].next_hop == mesh.ANYBODY and not ether.links["1"].neighbours


def test_a_channel_that_is_never_free_stops_it_and_it_recovers():
    ether = chain(1)
    ether.run(LEARN_S)
    radio, link = ether.radios["1"], ether.links["1"]
    radio.jam = True
    assert link.send(packet(1), 24)
    ether.run(100)
    assert link.jammed and not sent(ether, "1") and link.counts["busy"] < 100
    radio.jam = False
    ether.run(15)
    assert not link.jammed and [row[1] for row in ether.got["gateway"]] == [packet(1)]
    radio.jam = True
    assert link.send(packet(2), 24)
    ether.run(200)
    assert link.counts["dropped"] == 1 and link.idle and link.wake_ms == NEVER


def test_where_nobody_answers_any_more_it_falls_silent_and_recovers():
    ether = diamond()
    for number in range(4):
        assert up(ether, "far", number) and down(ether, "far", 100 + number)
    relays = ether.links["near"], ether.links["other"]
    for name in ("near", "other"):
        ether.leave(name)
    link = ether.links["far"]
    for number in range(60):
        # Learned again each time from a recording, so that it goes on hoping.
        for found in link._ways.neighbours.values():
            found.hops, found.lost = 1, 0
        if link.idle:
            link.send(packet(200 + number), 24)
        ether.run(10)
        if number == 30:
            begun = len(sent(ether, "far"))
    assert link.jammed and begun > 20 and len(sent(ether, "far")) - begun <= 12, (begun, len(sent(ether, "far")))
    ether.links["near"], ether.links["other"] = relays
    assert down(ether, "far", 300, 60)
    assert not link.jammed
    ether.run(60)
    assert up(ether, "far", 301, 60)


def test_a_radio_that_does_not_answer_is_told_and_keeps_the_packet():
    ether = chain(1)
    ether.run(LEARN_S)
    radio, link = ether.radios["1"], ether.links["1"]
    radio.fault = "radio does not answer"
    assert link.send(packet(1), 24)
    ether.run(30)
    assert link.fault == "radio does not answer" and not sent(ether, "1")
    radio.fault = ""
    ether.run(10)
    assert ether.got["gateway"]


# The surface.


def test_an_urgent_packet_has_a_place_of_its_own():
    link = Ether(1).join("a", {})
    assert link.idle and link.room(True)
    assert link.send(packet(1), 24) and not link.idle and link.room(True)
    assert not link.send(packet(2), 24)
    assert link.send(packet(3), 24, True) and not link.room(True)
    assert not link.send(packet(4), PACKET_MAX + 1, True)


def test_an_urgent_packet_overtakes():
    ether = Ether(1)
    link = ether.join("a", {})
    link.flush(100_000)
    assert link.send(packet(1), 24)
    link.flush(105_000)  # it is due, and waits for airtime
    due_ms = link.wake_ms
    link.flush(due_ms - 1)
    assert link.send(packet(2), 24, True)
    ether.now_ms = due_ms + 1000
    link.flush(ether.now_ms)
    assert sent(ether, "a")[0][5][4:] == packet(2)


def test_the_longest_packet_fits():
    ether = chain(2)
    ether.run(600)
    assert up(ether, "2", 1, 60, False, PACKET_MAX)


def test_neighbours_are_told():
    ether = chain(2)
    ether.run(LEARN_S)
    assert up(ether, "2", 1) and down(ether, "2", 2)
    rows = {row[0]: row for row in ether.links["1"].neighbours}
    assert set(rows) == {mesh.GATEWAY, mesh.short_id(ether.links["2"].address)}
    _, rssi, margin, heard_ms, hops = rows[mesh.GATEWAY]
    assert (rssi, margin, hops) == (-115, (-20 + 60) // 4, 0) and heard_ms <= ether.now_ms


def test_listening_begins_with_the_scan_of_the_plan():
    ether = Ether(1)
    ether.join("a", {})
    assert ether.radios["a"].scan == Plan(EU868).scan


class Silent:
    busy = False
    fault = ""

    def listen(self, scan):
        pass

    def poll(self, now_ms):
        return None


def test_an_idle_link_allocates_nothing():
    link = LoraLink(Silent(), Plan(EU868), 0x4101, Chance(1).bits)
    times = list(range(1000, 60_000, 250))
    micropython = sys.implementation.name == "micropython"
    gc.collect()
    before = gc.mem_alloc() if micropython else 0
    for now_ms in times:
        link.flush(now_ms)
        link.receive(now_ms)
    after = gc.mem_alloc() if micropython else 0
    assert after - before <= 64, after - before
