"""One or more LoRa gateways and the nodes behind them; sans-I/O: somebody else steps it, and owns the radios.

A node is known on the air by its address, and by its key who it is. What two gateways heard is taken once; what goes
down leaves by the gateway that hears the node best.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from gridnode.link.airtime import URGENT, airtime_us
from gridnode.link.lora import LoraLink
from gridnode.link.mesh import ANYBODY, limit_qdb, short_id
from gridnode.link.regions import Plan
from host_bridge.channels import Channels
from host_bridge.keys import KeyRing
from host_bridge.model import Air, AirBand, Way
from host_bridge.node import RemoteNode

REPEAT_MS = 20_000  # within so long the same packet has come by two gateways, or by two ways
REPEATS_KEPT = 4096
HEARD_MS = 7_200_000  # a gateway that has not heard a node for so long has no way to it
SILENT_MOST = 3  # packets down without one up, until another way is looked for
PACKET_BYTES, PING_BYTES = 60, 30  # of a command and of its outcome, at most; of a PING at least
TURN_MS = 800  # contention and a look at the radio, each hop
ANSWERS = 12  # paces that a command may take: it is sent six times
ANSWER_MAX_MS = 150_000
RENEWALS = 4  # times that a lease must be longer than what one renewal takes


@dataclass(slots=True)
class Path:
    """How one gateway hears one node: SNR (mean of late) and RSSI of the last hop; hops of the newest packet."""

    hops: int
    rssi_dbm: int
    snr_qdb: int
    heard_ms: int

    def heard(self, hops: int, rssi_dbm: int, snr_qdb: int, now_ms: int) -> None:
        self.snr_qdb += (snr_qdb - self.snr_qdb) // 4
        self.hops, self.rssi_dbm, self.heard_ms = hops, rssi_dbm, now_ms


@dataclass(slots=True)
class Gateway:
    """One radio. `link` is None while it cannot be had, `fault` says why; `is_simulated`: there is no real air."""

    url: str
    link: LoraLink | None
    plan: Plan
    region: str
    is_simulated: bool = False
    fault: str = ""
    paths: dict[int, Path] = field(default_factory=dict)  # by address

    def told(self, now_ms: int) -> Air:
        """What people are shown of it."""
        link = self.link
        if link is None:
            return Air(self.url, self.region, self.is_simulated, self.fault or "is not open yet", False, [], {})
        bands = [AirBand(*row) for row in link.ledger.figures(now_ms)]
        return Air(self.url, self.region, self.is_simulated, link.fault, link.jammed, bands, dict(link.counts))


@dataclass(slots=True)
class Peer:
    """A node whose key is kept here. `silent`: packets sent to it since one came."""

    address: int
    remote: RemoteNode
    silent: int = 0


class RadioHub:
    """`connect(name, channels)` makes the RemoteNode of a key's name when its address is first heard; `strangers` are
    the Channels that tell of nodes without a key.

    counts: repeats (heard by more than one gateway), unknown (no key), unsent (no gateway had room).
    """

    def __init__(
        self, gateways: Iterable[Gateway], keys: KeyRing, channels: Channels, connect: Callable[[str], RemoteNode]
    ) -> None:
        self.gateways = list(gateways)
        self.peers: dict[str, Peer] = {}
        self.counts = {"repeats": 0, "unknown": 0, "unsent": 0}
        self._keys = keys
        self._strangers = channels
        self._connect = connect
        self._seen: dict[tuple[int, bytes], int] = {}  # packet -> when it came

    @property
    def is_open(self) -> bool:
        """Whether any radio works."""
        return any(not link.fault for _, link in self.open())

    def open(self) -> list[tuple[Gateway, LoraLink]]:
        """The gateways whose radio can be had now."""
        return [(gateway, gateway.link) for gateway in self.gateways if gateway.link is not None]

    def remotes(self) -> list[RemoteNode]:
        return [peer.remote for peer in self.peers.values()]

    def step(self, now_ms: int) -> None:
        """Take what the radios have heard, and send what is due. Call it each 10 ms or so; `flush` runs in it."""
        for _, link in self.open():
            link.flush(now_ms)
        self.exchange(now_ms)

    def exchange(self, now_ms: int) -> None:
        """`step`, where the links are flushed elsewhere."""
        for gateway, link in self.open():
            for came in link.receive(now_ms):
                self._heard(gateway, now_ms, *came)
        for peer in self.peers.values():
            self._say(peer, now_ms)

    def _heard(
        self, gateway: Gateway, now_ms: int, address: int, packet: bytes, hops: int, rssi: int, snr_qdb: int, us: int
    ) -> None:
        is_first = self._is_first(address, packet, now_ms)
        peers = self._peers(address)
        if not peers:
            self.counts["unknown"] += 1
            if is_first and packet[:1] == b"\x00":
                self._strangers.offered(packet)
            elif is_first:  # in session with a former bridge of its own, it will not offer itself for hours
                self._strangers.unknown(address)
            return
        path = gateway.paths.get(address)
        if path is None:
            gateway.paths[address] = Path(hops, rssi, snr_qdb, now_ms)
        else:
            path.heard(hops, rssi, snr_qdb, now_ms)
        if not is_first:
            self.counts["repeats"] += 1
            return
        for peer in peers:
            peer.silent = 0
            peer.remote.airtime_back_ms = us / 1000
            peer.remote.receive(packet, now_ms)

    def _is_first(self, address: int, packet: bytes, now_ms: int) -> bool:
        key = (address, packet)
        first = now_ms - self._seen.get(key, -REPEAT_MS) >= REPEAT_MS
        self._seen.pop(key, None)
        self._seen[key] = now_ms
        while len(self._seen) > REPEATS_KEPT:
            del self._seen[next(iter(self._seen))]
        return first

    def _peers(self, address: int) -> list[Peer]:
        for keys in self._keys.find(address):
            if keys.name not in self.peers:
                self.peers[keys.name] = Peer(address, self._connect(keys.name))
                self.peers[keys.name].remote.expect(keys)
        return [peer for peer in self.peers.values() if peer.address == address]

    def best(self, address: int, now_ms: int) -> tuple[Gateway, LoraLink, Path] | None:
        """The gateway that hears the node best, of those that work: fewest hops, then strongest."""
        able = [
            (gateway, link, path)
            for gateway, link in self.open()
            if (path := gateway.paths.get(address)) and not link.fault and now_ms - path.heard_ms < HEARD_MS
        ]
        return min(able, key=lambda found: (found[2].hops, -found[2].snr_qdb), default=None)

    def _say(self, peer: Peer, now_ms: int) -> None:
        found, remote = self.best(peer.address, now_ms), peer.remote
        if found is None:
            self.counts["unsent"] += len(remote.packets(now_ms))  # what was asked must end, even so
            return
        gateway, link, path = found
        remote.airtime_out_ms = _us(gateway.plan, gateway.plan.spreading_factors[0], PING_BYTES) / 1000
        session: Any = remote.session
        session.pace_ms = _pace_ms(gateway.plan, link, path, now_ms)
        for packet in remote.packets(now_ms):
            if not link.send_to(peer.address, packet, session.urgent):
                self.counts["unsent"] += 1
                continue
            peer.silent += 1
            if peer.silent % SILENT_MOST == 0:
                link.failed(peer.address)

    def show(self, now_ms: int) -> None:
        """Bring what people are shown, and what commands go by, up to date. Call it now and then."""
        for peer in self.peers.values():
            self._show(peer, now_ms)

    def _show(self, peer: Peer, now_ms: int) -> None:
        found = self.best(peer.address, now_ms)
        if found is None:
            return
        gateway, link, path = found
        view, plan = peer.remote.view, gateway.plan
        pace_ms = _pace_ms(plan, link, path, now_ms)
        view.answer_within_ms = min(ANSWERS * pace_ms, ANSWER_MAX_MS)
        budget_ms = RENEWALS * max(pace_ms, _earning_ms(plan, path.hops))
        view.least_hold_s = -(-max(budget_ms, view.answer_within_ms) // 1000)
        next_hop = "" if path.hops <= 1 else self._name(link.way(peer.address)[0])
        margin_db = (path.snr_qdb - limit_qdb(plan.spreading_factors[-1])) // 4
        airtime_ms, session = peer.remote.airtime_back_ms, cast(Any, peer.remote.session)
        strength = path.rssi_dbm, margin_db, airtime_ms
        view.way = Way(gateway.url, gateway.is_simulated, path.hops, next_hop, *strength, session.one_way)

    def _name(self, short: int) -> str:
        if short == ANYBODY:
            return "anybody"  # flooded
        names = [peer.remote.view.name for peer in self.peers.values() if short_id(peer.address) == short]
        return " or ".join(names) or f"?{short:02x}"

    def airs(self, now_ms: int) -> list[Air]:
        """What people are shown of the gateways."""
        return [gateway.told(now_ms) for gateway in self.gateways]


def _pace_ms(plan: Plan, link: LoraLink, path: Path, now_ms: int) -> int:
    """How long an answer takes: airtime and turns of each hop both ways, and the wait for airtime here."""
    us = _us(plan, plan.spreading_factors[-1])
    wait_ms: int = link.ledger.may(now_ms, plan.channels[0], us, URGENT)
    return 2 * path.hops * (us // 1000 + TURN_MS) + wait_ms


def _earning_ms(plan: Plan, hops: int) -> int:
    """How long the region takes to give the airtime of one renewal, at the slowest rate, to the busiest radio: the
    one relay passes it on in both directions."""
    duty_ppm: int = plan.bands[plan.band(plan.channels[0])][2]
    passes = 1 if hops <= 1 else 2
    return _us(plan, plan.spreading_factors[-1]) * passes * 1000 // duty_ppm


def _us(plan: Plan, sf: int, length: int = PACKET_BYTES) -> int:
    us: int = airtime_us(length, sf, plan.bandwidth_khz, plan.preamble(sf))
    return us
