"""The whole node on an emulated Pico with its SX1276, and the bridge's hub on a Pi with its SX1262, in the air.

Firmware, drivers, link, channel and session of both are the product's; chips and air are models.
"""

import re
from contextlib import contextmanager

import pytest

from gridnode.link import mesh
from gridnode.wire import schema
from gridnode.wire.channel import address_of
from hil import rigs
from hil.bench import MS, UNIT, Load, Setup
from hil.lora_bench import LoraBench
from hil.radio_host import RadioHost, Stranger

pytestmark = pytest.mark.slow
SESSION_MS = 150_000  # an OFFER within 10 s, then each minute; all wait for airtime, which nobody has at a boot
BATCH_MS = 60_000
COPIES_MS = 60_000  # a request is sent again after 1, 1.5, 2 ... paces
LINK_FORGETS_MS = 41_000  # what was sent before
RENEWED_S = 60


@contextmanager
def home(tmp_path, keys=None, **unit):
    """A node that meters 1 kW, and a host that has not heard it yet."""
    setup = Setup(tmp_path, {"interval_s": 1, **unit}, Load(1_000_000))
    bench = LoraBench(rigs.load("rp2040_lora_emulated"), setup)
    host = RadioHost(bench, keys)
    bench.power_on()
    try:
        yield bench, host
    finally:
        host.close()
        bench.close()


def test_a_session_readings_and_a_command_through_the_air(tmp_path):
    with home(tmp_path, report_heap_s=5) as (bench, host):
        host.wait("session", lambda: host.open, SESSION_MS)
        view = host.remote.view
        assert (view.name, view.board, view.reset_cause) == (UNIT, bench.board["NAME"], "power on")
        assert host.remote.session.hello[-1] == 15
        assert list(view.contactors) == [spec["name"] for spec in bench.board["CONTACTORS"]]

        host.wait("records", lambda: len(host.records) >= 60, BATCH_MS)
        in_order = [host.records[key] for key in sorted(host.records)]  # the newest come first
        readings = [record for record in in_order if getattr(record, "channel", None) == 0]
        powers = [reading.active_power_mw for reading in readings if hasattr(reading, "active_power_mw")]
        assert len(powers) >= 25
        assert all(abs(power - 1_000_000) < 10_000 for power in powers[2:]), powers

        answer = host.command("closed", RENEWED_S)
        assert answer.outcome is not None and answer.outcome.applied and answer.outcome.state == "closed"
        (edge,) = bench.edges(0)
        assert edge.closed and answer.asked_ns < edge.at_ns < answer.heard_ns
        assert bench.edges(1) == []
        assert host.remote.rejected == 0 and host.chip.ignored == []
        assert (host.radio.fault, host.radio.resets, host.link.counts["garbled"]) == ("", 0, 0)
        console = bench.console()
        free = [int(found) for found in re.findall(r"^heap free (\d+)", console, re.MULTILINE)]
        assert len(free) > 10 and min(free) > 90_000, free
        assert "samples were lost" not in console


def test_who_has_no_key_hears_nothing_and_moves_nothing(tmp_path):
    with home(tmp_path) as (bench, host):
        stranger = Stranger(bench, host.plan)
        host.wait("session", lambda: host.open, SESSION_MS)
        host.wait("records", lambda: host.records, BATCH_MS)
        before = len(stranger.heard)
        copies = first_is_lost(bench, host)
        assert host.command("closed", 5, COPIES_MS).outcome.applied
        closed_ns = [edge for edge in bench.edges(0) if edge.closed][-1].at_ns  # its answer may come after the lease
        recorded = [(data, sf) for _, data, sf in stranger.heard[before:] if mesh.header(data)[0]]
        heard = {data[mesh.header(data)[-1] :] for data in bench.had if mesh.header(data)}
        late = [packet for packet in copies if packet not in heard]
        assert late and len(late) < len(copies)
        for _, data, _ in stranger.heard:
            assert UNIT.encode() not in data and b"water heater" not in data
        host.wait("the lease's end", lambda: not bench.is_closed(0), 8000)
        assert bench.edges(0)[-1].at_ns - closed_ns >= 4900 * MS
        host.run(LINK_FORGETS_MS)
        edges, outcomes = len(bench.edges(0)), host.heard.count("outcome")
        assert edges == 2

        forged = bytearray(recorded[0][0])
        forged[-10] ^= 1
        address = address_of(UNIT).to_bytes(2, "big")
        made_up = bytes((0x80 | 5 << 3,)) + address + address[1:] + bytes(range(40))
        for data, sf in [*recorded, (bytes(forged), recorded[0][1]), (made_up, 7), (b"\xff" * 30, 8)]:
            stranger.send(data, sf)
            host.run(2500)
        host.run(5000)
        assert len(bench.edges(0)) == edges and host.open
        # What the node has opened does nothing; a copy that comes late, but for the first time, has its answer repeated
        assert host.heard.count("outcome") - outcomes <= len(late), "a stranger was answered"

        assert host.command("closed", RENEWED_S).outcome.applied  # and the node hears its host as before
        assert bench.is_closed(0)


def first_is_lost(bench, host):
    """The node misses the first copy of the next request, everybody else hears it. Returns what fills with all copies:
    each is a packet of its own."""
    session, copies = host.remote.session.channel, []
    seal = session.message

    def message(fields):
        packet = seal(fields)
        if fields[0] == schema.REQUEST:
            copies.append(packet)
        return packet

    def on_send(packet):
        if packet.antenna is host.antenna:
            is_first = bool(copies) and packet.data.endswith(copies[0])
            bench.channel.loss_between(host.antenna, bench.node_antenna, float(is_first))

    session.message, bench.channel.on_send = message, on_send
    return copies


def test_a_host_with_another_key_is_not_heard(tmp_path):
    with home(tmp_path, keys=[(1, bytes(32))]) as (_, host):
        host.run(45_000)
        assert host.link.counts["heard"] >= 2
        assert not host.open and host.records == {}
        assert [told for told in host.told if told.startswith("wrong key")]
