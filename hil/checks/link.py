"""The sealed line: how soon a session stands, what strangers see and do there, what loss costs, how clocks agree."""

from gridnode.wire import cbor, schema
from gridnode.wire.channel import hail_tag, pseudorandom
from gridnode.wire.host_channel import HostChannel, offer_of
from gridnode.wire.packet import header, put_header
from gridnode.wire.seal import Sealer
from hil.bench import MS, UNIT, Bench
from hil.checks import Maker, applied, dwell_s, moments, running
from hil.figures import Notebook
from hil.host import Answer, Host
from host_bridge.link import framed

OFFER, CALL, WELCOME = b"\0\1", b"\0\2", b"\0\3"
SLOTS = (1, 2, 3)
TAG_BYTES = 8
PACKET_MAX = 256
SHORT = 8  # bytes: what is shorter may be in anything by chance
WRONG_KEY = bytes(range(32))
HOLD_S = 3
LOSS_S = 15
CLOCK_S, SHORT_CLOCK_S = 120, 20
UNIX_MS = 1_790_000_000_000
OFTEN_MS = 250
STEP_MS = 5


def handshake(make: Maker, notes: Notebook) -> None:
    """Power-on to a session, and its host's restart to the next; nothing can be read at the line meanwhile."""
    with make(unit={"interval_s": 1}) as bench:
        host = Host(bench)
        began = bench.now_ns
        bench.power_on()
        offer, first = host.wait("offer", since=0), _first_inside(host, 0)
        notes.hold(
            "session_ms", (first - began) / MS, "OFFER, WELCOME, HELLO, WELCOME, and the first packet behind them"
        )
        notes.note("handshake_ms", (first - offer.at_ns) / MS, "of these, from OFFER on")
        host.run(2500)
        host.command(0, "open")
        host.kill()
        host.run(500)
        at, again = len(host.heard), bench.now_ns
        host.restart()
        notes.hold("session_again_ms", (_first_inside(host, at) - again) / MS, "a host that was started anew")
        host.run(500)
        assert _sealed(bench, host) >= 10
        notes.note("offer_bytes", offer.bytes, "all that a node says in clear")


def _first_inside(host: Host, since: int) -> int:
    """When the first packet of the session came that the newest HELLO opened."""
    host.wait("hello", since=since)
    while True:
        hello = [at for at, heard in enumerate(host.heard) if heard.name == "hello"][-1]
        inside = [heard.at_ns for heard in host.heard[hello + 1 :] if heard.name not in ("hello", "offer")]
        if inside:
            return inside[0]
        host.run(STEP_MS)


def _sealed(bench: Bench, host: Host) -> int:
    """Nothing that the node or the host has said can be read at the line; how many packets that were."""
    names = [
        UNIT,
        bench.board["NAME"],
        *[spec["name"] for kind in ("CHANNELS", "CONTACTORS") for spec in bench.board[kind]],
    ]
    clear = [name.encode() for name in names] + [body for body in host.bodies if len(body) >= SHORT]
    for packet, hails in [(each, (OFFER,)) for each in host.on_line] + [(each, (CALL, WELCOME)) for each in host.said]:
        assert packet[:2] in hails or header(packet)[0] in SLOTS, f"not sealed: {packet.hex()}"
        for each in clear:
            assert each not in packet, f"{each!r} can be read at the line: {packet.hex()}"
    return len(host.bodies)


def intruder(make: Maker, notes: Notebook) -> None:
    """Who is at the line and has no key, or another one, moves nothing and gets no answer but OFFERs."""
    with running(make) as (bench, host):
        at, offers = len(host.said), [packet for packet in host.on_line if packet[:2] == OFFER]
        applied(host.command(0, "closed", HOLD_S))
        recorded = [packet for packet in host.said[at:] if packet[:1] != b"\0"]
        welcomes = [packet for packet in host.said if packet[:2] == WELCOME]
        host.run(1000 * (HOLD_S + 1 + dwell_s(bench)))
        assert [edge.closed for edge in moments(bench, host, 0)] == [True, False]
        forged = [_flipped(packet) for packet in recorded]
        strange = recorded + forged + welcomes + _of_another_key(recorded[0], offers[-1], host)
        heard, since = len(host.heard), len(moments(bench, host, 0))
        for packet in strange:
            bench.write(framed(packet))
            host.run(60)
        host.run(600)
        told = [each.name for each in host.heard[heard:]]
        taken = len(moments(bench, host, 0)) - since + told.count("outcome") + told.count("hello")
        notes.add("strange_packets", len(strange), "replayed, with a bit turned over, and under another key")
        notes.note("strange_taken", taken, "switched by one, answered, or led into a session")
        assert not taken, f"a stranger's packet did something: {told}"
        applied(host.command(0, "closed", HOLD_S))


def _flipped(packet: bytes) -> bytes:
    """One bit of what is sealed is another."""
    return packet[: -TAG_BYTES - 1] + bytes((packet[-TAG_BYTES - 1] ^ 1,)) + packet[-TAG_BYTES:]


def _of_another_key(packet: bytes, offer: bytes, host: Host) -> list[bytes]:
    """A WELCOME, and a REQUEST in its time, as one makes them whose key is not the node's; CALL, which is anybody's."""
    request = [schema.REQUEST, 1, 99, 0, schema.TARGETS.index("closed"), 60, round(host.node_ms()) + 60_000]
    key_id, counter, _ = header(packet)
    sealed = bytearray(PACKET_MAX)
    start = put_header(sealed, key_id, counter + 1000)
    end = cbor.put(memoryview(sealed), start, request)
    end = Sealer(WRONG_KEY + WRONG_KEY[:16], WRONG_KEY[:12]).seal(sealed, start, end, counter + 1000)
    return [_impostor(offer), bytes(sealed[:end]), CALL + bytes((schema.WIRE_VERSION,))]


def _impostor(offer: bytes) -> bytes:
    """A WELCOME for this OFFER from somebody with another key."""
    found = offer_of(offer)
    assert found is not None
    said = offer[:-TAG_BYTES]
    welcome = HostChannel(UNIT, [(found.slot, WRONG_KEY)]).offered(said + hail_tag(pseudorandom(WRONG_KEY), said))
    assert welcome is not None, "the impostor's OFFER does not convince itself"
    return welcome


def wrong_key(make: Maker, notes: Notebook) -> None:
    """A host whose key is not the node's gets no session and no word; with the right one it does."""
    with make(unit={"interval_s": 1}) as bench:
        true = bench.keys
        bench.keys = [(slot, WRONG_KEY) for slot, _ in true]
        host = Host(bench)
        bench.power_on()
        host.wait("offer", since=0)
        bench.write(framed(_impostor(host.on_line[-1])))
        host.run(2500)
        spoke = {packet[:2] for packet in host.on_line}
        assert spoke == {OFFER} and not host.open, f"a host without its key has made it say {spoke}"
        bench.keys = true
        host.restart()
        host.hello()
        host.run(1500)
        assert host.records


def loss(make: Maker, notes: Notebook) -> None:
    """A line that loses 5 % of the frames both ways: every record comes, once, and every command is answered."""
    with running(make, unit={"interval_s": 1}) as (bench, host):
        end = bench.now_ns + LOSS_S * 1000 * MS
        host.losing = True
        answers: list[Answer] = []
        while bench.now_ns < end:
            answers.append(host.command(0, "closed", 60))
            host.run(OFTEN_MS)
        host.losing = False
        host.run(2500)
        records = host.sequences()
        missing = records[-1] + 1 - len(records)
        notes.note("frames_lost", sum(host.lost), f"{host.lost[0]} of the host's and {host.lost[1]} of the node's")
        notes.note("records_lost", missing + host.repeats, "missing, or taken twice")
        assert min(host.lost) > 0, f"the line has lost none: {host.lost}"
        assert missing == 0 and host.repeats == 0, f"{missing} of {records[-1] + 1} are missing, {host.repeats} twice"
        assert all(answer.applied for answer in answers), answers
        assert len([edge for edge in moments(bench, host, 0) if edge.closed]) == 1


def clock(make: Maker, notes: Notebook) -> None:
    """What host and node know of each other's clock after 2 minutes (--long) or 20 s. The chip's true time is known."""
    with make(unit={"interval_s": 60}) as bench:
        host = Host(bench)
        host.unix_ms = UNIX_MS
        began = bench.now_ns
        bench.power_on()
        host.hello()
        clock_s = CLOCK_S if make.long else SHORT_CLOCK_S
        host.run(clock_s * 1000)
        now_ms = bench.now_ns / MS
        believed_ms, bound_ms = host.clock.host_to_node(now_ms)
        error_ms = abs(believed_ms - (now_ms - began / MS))
        keep = notes.hold if make.long else notes.note
        keep("clock_error_ms", error_ms, f"the host's estimate after {clock_s} s; it says ± {bound_ms:.1f} ms")
        assert error_ms <= bound_ms
        told = host.told("clock")[-1].fields
        node_error_ms = abs(told["unix_ms"] - UNIX_MS - began / MS - told["node_time_ms"])
        assert node_error_ms <= told["error_ms"], f"a record of the time of day is {node_error_ms} ms wrong: {told}"


def costs(notes: Notebook) -> None:
    """What sealing and opening of 64 bytes cost the chip."""
    from tests.bench import seal_costs

    for name, cost in seal_costs.costs().items():
        notes.hold(f"{name}_ms", cost.ms, f"{seal_costs.BYTES} bytes, the slowest of {seal_costs.TIMES}")
        notes.hold("seal_alloc_bytes", cost.allocated_bytes, "of sealing or opening, the most")
