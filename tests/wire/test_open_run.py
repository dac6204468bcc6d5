"""Packets that come at once are opened in one go, and none of them that would not open alone."""

from sealed import host_channel, joined, node_channel

from gridnode.wire import WireError


def pair(counter=0):
    """A node's channel, the host's, and as many packets of the node as wanted: `some(n)`."""
    node, host = node_channel(), host_channel()
    joined(node, host)
    node._counter = max(counter, node._counter)

    def some(count):
        return [bytes(node.packet[: node.message([3, k])]) for k in range(count)]

    return node, host, some


def refused(host, packet):
    try:
        host.open(packet)
    except WireError as error:
        return str(error)
    return ""


def run(host, packets, at=0):
    return [bytes(body) for body in host.open_run(packets, at)]


def expected(count):
    return [bytes((0x82, 3, k)) for k in range(count)]


def test_packets_in_order_open_in_one_go_whatever_their_headers():
    for counter in (1, 6, 250, 65530, 0xFFFFF0):
        _, host, some = pair(counter)
        packets = some(12)
        assert run(host, packets[:5]) == expected(5)
        assert run(host, packets, 5) == expected(12)[5:]
        assert [refused(host, packet) for packet in packets] == ["replayed"] * 12


def test_a_repeat_ends_the_run():
    _, host, some = pair(300)
    a, b, c = some(3)
    assert run(host, [a, b, a, c]) == expected(2)
    assert refused(host, a) == "replayed"
    assert run(host, [a, b, a, c], 3) == expected(3)[2:]
    assert run(host, [a, b, c]) == []


def test_a_late_packet_is_left_to_open():
    _, host, some = pair(300)
    a, b, c = some(3)
    assert run(host, [a, c, b]) == [expected(3)[0], expected(3)[2]]
    assert not refused(host, b)
    assert refused(host, b) == "replayed"


def test_a_packet_with_a_flipped_bit_ends_the_run_and_is_not_marked():
    _, host, some = pair(300)
    packets = some(3)
    for at in range(len(packets[1])):
        wrong = bytearray(packets[1])
        wrong[at] ^= 1
        assert run(host, [bytes(wrong), packets[2]]) == []
    assert run(host, packets) == expected(3)


def test_a_counter_in_a_longer_form_ends_the_run():
    node, host, some = pair(300)
    (a,) = some(1)
    long = bytearray(40)
    long[:5] = b"\x19\x00\xff\x81\x03"  # 255 in two bytes
    wrong = bytes(long[: node._up.seal(long, 3, 5, 255)])
    assert run(host, [a, wrong]) == expected(1)
    assert run(host, [wrong]) == []
    assert refused(host, wrong) == "garbled"


def test_hails_other_keys_and_nothing_at_all_end_the_run():
    node, host, some = pair(300)
    (a,) = some(1)
    offer = bytes(node.packet[: node.offer()])
    lone = bytes(node.packet[: node.message([3, 0], lone=True)])
    for other in (offer, lone, b"", b"\x19", b"\x19\x01", b"\x88\x01\x02"):
        assert run(host, [other, a]) == []
    assert run(host, [a, offer]) == expected(1)


def test_without_a_session_nothing_opens():
    _, _, some = pair(300)
    assert run(host_channel(), some(2)) == []
