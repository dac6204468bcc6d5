"""SLIP: what goes in comes out, however it is cut; what is no packet is passed over."""

import random

from tools.virtual_esp32.slip import END, LONGEST, SlipReader, encode


def test_packets_come_out_whole_however_the_stream_is_cut():
    source = random.Random(3)
    packets = [source.randbytes(source.randrange(1, 400)) + b"\xc0\xdb\xdc\xdd\xdb\xdc" for _ in range(50)]
    stream = b"".join(encode(packet) for packet in packets)
    reader, found = SlipReader(), []
    while stream:
        cut = source.randrange(1, 90)
        found += reader.feed(stream[:cut])
        stream = stream[cut:]
    assert found == packets


def test_noise_between_packets_costs_nothing_behind_the_next_end():
    reader = SlipReader()
    assert reader.feed(b"noise" + encode(b"one") + b"more noise" + encode(b"two")) == [b"one", b"two"]


def test_a_packet_without_end_takes_no_memory_without_end():
    reader = SlipReader()
    reader.feed(END)
    for _ in range(100):
        assert reader.feed(b"x" * 4096) == []
    assert len(reader._pieces) <= LONGEST + 1
    assert reader.feed(END + encode(b"after")) == [b"after"]
