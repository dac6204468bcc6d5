"""Millions of damaged inputs: only WireError comes out, nothing ill-formed goes in, both decoders agree."""

import os
import random
from pathlib import Path

import cbor2
import pytest
from fuzz import Fuzzer

from gridnode.node.ring import Ring
from gridnode.wire import WireError, cbor, frame, packet, schema, session
from gridnode.wire.host_session import HostSession
from gridnode.wire.node_session import NodeSession
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
    rest = [263, 55555, 0, 0, 60, 900, ["grid", "pv"], ["heater"]]
    return NodeSession(
        lambda: 5,
        ring,
        lambda number, _: hello + [number] + rest,
        lambda *request: ("none", 1, 0, 0),
        store=lambda document, body, _: ("none", 1, body[:8]),
        fetch=lambda document: (1, b"digest..", b"body"),
        measure=lambda channel, span, done, _: done("cannot measure"),
        clock=lambda unix_ms, now_ms: None,
    )


def _open_host():
    host = HostSession(7, bridge.decode)
    node, decoder = _node(), frame.FrameDecoder()
    host.receive(decoder.feed(bytes(node.frame[: node.next_frame(0)]))[0])
    host.welcome(0, (), 4096)
    return host


def _open_node():
    node = _node()
    writer = packet.Writer()
    length = writer.message([schema.WELCOME, schema.digest(), 5, 7, 55555, 0, 0, 4096])
    node.receive(frame.FrameDecoder().feed(bytes(writer.frame[:length]))[0], 0)
    assert node.open
    return node


def _fuzz_packets(count, below):
    """Packets, damaged in header, body and tag, into both sessions."""
    fuzzer = Fuzzer(below)
    host, node, taken = _open_host(), _open_node(), 0
    for _ in range(count):
        counter = below(1 << below(33))
        header = bytearray(8)
        data = bytes(header[: packet.put_header(header, 0, counter)]) + fuzzer.body() + packet.UNSEALED + b"crc!"
        if below(3) == 0:
            data = fuzzer.damaged(data)
        try:
            taken += host.receive(data) is not None
        except WireError:
            pass
        if host.receiver is None:  # some HELLO closed it
            host = _open_host()
        node.receive(data, 0)
        while node.next_frame(0):
            pass
    return taken


def _fuzz_stream(count, below):
    """One endless line of sound, damaged and random frames in random portions into one FrameDecoder."""
    fuzzer = Fuzzer(below)
    decoder, writer, sound = frame.FrameDecoder(), packet.Writer(), set()
    passed = 0
    for _ in range(count):
        body = fuzzer.body()[: frame.PACKET_MAX - 16] or b"\x00"
        data = bytes(writer.frame[: writer.body(body, 0, len(body))])
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
                assert packet.body(whole) in sound
                passed += 1
            assert len(decoder._rest) < frame.FRAME_MAX
        if len(sound) > 10:
            sound = {body}
            decoder.feed(b"\x00")
    assert decoder.bad_crc and decoder.bad_cobs and decoder.too_long
    return passed


@pytest.mark.parametrize("scale", [pytest.param(0.05, id="100k"), pytest.param(1.0, id="2M", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("fuzz", "count"), [(_fuzz_bodies, MILLION), (_fuzz_packets, MILLION // 2), (_fuzz_stream, MILLION // 2)]
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
