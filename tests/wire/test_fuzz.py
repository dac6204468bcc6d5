"""Millions of damaged inputs: only WireError comes out, nothing ill-formed goes in, both decoders agree."""

import os
import random
from pathlib import Path

import cbor2
import pytest
import vector_files
from fuzz import Fuzzer
from sealed import host_channel, node_channel

from gridnode.node.ring import Ring
from gridnode.wire import WireError, cbor, frame, schema, session
from gridnode.wire.host_session import HostSession
from gridnode.wire.node_session import NodeSession
from gridnode.wire.packet import put_header
from host_bridge import decode as bridge

MILLION = 1_000_000
GROWTH_BYTES = 8_000_000


def _resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _result(decode, data):
    try:
        return decode(data)
    except WireError:
        return WireError


def _reference(body):
    """What the wire's rules make of `body`, by cbor2 and a walk over its result: the item, or WireError."""
    try:
        item = cbor2.loads(body)
        if cbor2.dumps(item) != body:
            return WireError
    except Exception:
        return WireError
    return item if _is_of_the_wire(item, cbor.DEPTH_MAX) else WireError


def _is_of_the_wire(item, depth):
    if type(item) is list:
        return depth > 0 and len(item) <= cbor.ITEMS_MAX and all(_is_of_the_wire(inner, depth - 1) for inner in item)
    if type(item) is int:
        return -(1 << 64) <= item < 1 << 64
    return type(item) in (bytes, str, bool, type(None))


def _try_body(body, buffer):
    """Both decoders on one body; True if it is a message."""
    item = _result(cbor.decode, body)
    assert repr(item) == repr(_reference(body)), body.hex()
    if item is not WireError:
        assert bytes(buffer[: cbor.put(buffer, 0, item)]) == body, body.hex()
    ours = _result(session.decode, body)
    assert repr(ours) == repr(_result(bridge.decode, body)), body.hex()
    return ours is not WireError


def _fuzz_bodies(count, below):
    fuzzer = Fuzzer(below)
    buffer = bytearray(1024)
    return sum(_try_body(fuzzer.body(), buffer) for _ in range(count))


def _node():
    ring = Ring(64, 96, 55555)
    hello = [schema.WIRE_VERSION, schema.digest(), "home-1", "unix", "1", 1, "power on", 0, 0]
    rest = [320, 55555, 0, 0, 60, 900, ["grid", "pv"], ["heater"], 0]
    channel = node_channel()
    node = NodeSession(
        channel,
        ring,
        lambda number, _: hello + [number] + rest,
        lambda *request: ("none", 1, 0, 0),
        store=lambda document, body, _: ("none", 1, body[:8]),
        fetch=lambda document: (1, b"digest..", b"body"),
        measure=lambda channel, span, done, _: done("cannot measure"),
        clock=lambda *time: None,
    )
    return node, channel


def _said(node, channel):
    return bytes(channel.packet[: node.next_packet(0)])


def _opened():
    """A node and a host in an open session, and their channels."""
    (node, ours), theirs = _node(), host_channel()
    host = HostSession(7, theirs, bridge.decode)
    host.receive(_said(node, ours))
    node.receive(host.packets(0)[0], 0)
    host.receive(_said(node, ours))
    host.welcome(0, (), 4096)
    for welcome in host.packets(0):
        node.receive(welcome, 0)
    assert node.open
    return node, ours, host, theirs


def _fuzz_packets(count, below):
    """Bodies of all kinds, under the right keys, into both sessions; and packets damaged in header, text and tag."""
    fuzzer = Fuzzer(below)
    node, ours, host, theirs = _opened()
    taken, view = 0, memoryview(ours.packet)
    for _ in range(count):
        body = fuzzer.body()[: frame.PACKET_MAX - 16] or b"\x00"
        up = bytes(view[: ours.body(body, 0, len(body))])
        start = put_header(theirs._packet, 1, theirs._pair.counter)
        theirs._packet[start : start + len(body)] = body
        end = theirs._pair.down.seal(theirs._packet, start, start + len(body), theirs._pair.counter)
        down = bytes(theirs._packet[:end])
        theirs._pair.counter += 1
        if below(3) == 0:
            up, down = fuzzer.damaged(up), fuzzer.damaged(down)
        try:
            taken += host.receive(up) is not None
        except WireError:
            pass
        node.receive(down, 0)
        while node.next_packet(0):
            pass
        if host.receiver is None or not node.open:  # some message closed it
            node, ours, host, theirs = _opened()
            view = memoryview(ours.packet)
    return taken


def _fuzz_stream(count, below):
    """One endless line of sound, damaged and random frames in random portions into one FrameDecoder."""
    fuzzer = Fuzzer(below)
    decoder, sound = frame.FrameDecoder(), set()
    passed = 0
    for _ in range(count):
        body = fuzzer.body()[: frame.PACKET_MAX] or b"\x00"
        data = vector_files.framed(body)
        choice = below(8)
        if choice == 0:
            data = fuzzer.noise(400)
        elif choice <= 4:
            data = fuzzer.damaged(data)
        if choice == 1:
            data = data.replace(b"\x00", b"")  # the delimiter is gone: grows into the next
        sound.add(body)
        cut = below(len(data) + 1)
        for portion in (data[:cut], data[cut:]):
            for whole in decoder.feed(portion):
                assert whole in sound
                passed += 1
            assert len(decoder._rest) < frame.FRAME_MAX
        if len(sound) > 10:
            sound = {body}
            decoder.feed(b"\x00")
    assert decoder.bad_crc and decoder.bad_cobs and decoder.too_long
    return passed


@pytest.mark.parametrize("scale", [pytest.param(0.02, id="40k"), pytest.param(1.0, id="2M", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("fuzz", "count"), [(_fuzz_bodies, MILLION), (_fuzz_packets, MILLION // 4), (_fuzz_stream, MILLION // 2)]
)
def test_only_wire_errors_nothing_ill_formed_no_growth(fuzz, count, scale):
    dice = random.Random(20261123).random

    def below(limit):
        return int(dice() * limit)

    count = int(count * scale)
    fuzz(count // 10, below)
    before = _resident_bytes()
    accepted = fuzz(count - count // 10, below)
    grown = _resident_bytes() - before
    assert grown < GROWTH_BYTES
    assert accepted > count // 50
    print(f"{fuzz.__name__}: {count} inputs, {accepted} accepted, grown by {grown // 1024} KiB")
