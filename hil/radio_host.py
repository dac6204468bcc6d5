"""A Pi with an SX1262 in the bench's air: the chip is a model; driver, link and the bridge's hub are the product's.

All of it is stepped in the bench's time. It keeps every record at once, as a bridge with an instant disk would.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from gridnode.drivers.spidev_spi import SpidevSpi
from gridnode.drivers.sx1262 import Sx1262
from gridnode.link.lora import LoraLink
from gridnode.link.regions import REGIONS, Plan
from gridnode.wire import schema
from gridnode.wire.host_radio import HostRadio
from hil.bench import MS, UNIT
from hil.lora_bench import LoraBench
from host_bridge.channels import Channels
from host_bridge.keys import KeyRing, NodeKeys
from host_bridge.model import LinkState, NodeView, Record
from host_bridge.node import Outcome, RemoteNode
from host_bridge.radio import Gateway, RadioHub
from tools.air.port import Port
from tools.sx1262_chip import Dio1, Sx1262Chip

UNIX_MS = 1_790_000_000_000  # true time of day when the bench's time begins
STEP_MS = 8  # as host_bridge.radio_loop's
AWAY_M = 500
SENDS_MS = 600  # a command's own airtime at the slowest rate, and its wait for a free channel


class Answer(NamedTuple):
    """What became of a command: when it was asked for and when its outcome was known, in ns."""

    asked_ns: int
    heard_ns: int
    outcome: Outcome | None


class RadioHost:
    """The Pi. Everything runs inside the bench's `run`. `records`: by (journal epoch, sequence); `told`: events."""

    def __init__(self, bench: LoraBench, keys: list[tuple[int, bytes]] | None = None) -> None:
        self.bench = bench
        self.records: dict[tuple[int, int], Record] = {}
        self.repeats = 0  # of records that were kept
        self.told: list[str] = []
        self.heard: list[str] = []  # messages that came by themselves, by name
        self.remote: RemoteNode | None = None
        link = bench.board["LINK"]
        self.plan = Plan(REGIONS[link["region"]], link["antenna_dbi"], link["power_dbm"])
        self._events = bench.channel.events
        self._ring = KeyRing(bench.scratch / "keys")
        self._ring.save(NodeKeys(UNIT, bench.keys if keys is None else keys))
        self._chance = random.Random(1)  # noqa: S311 (repeatable, nothing secret)
        self.antenna = bench.channel.antenna("pi", x_m=AWAY_M)
        self.chip = Sx1262Chip(Port(bench.channel, self.antenna))
        self._loop = asyncio.new_event_loop()
        self._hub: RadioHub | None = None
        self._came: list[int] = []
        self._greeted: list[RemoteNode] = []
        self.restart()
        self._step()

    def restart(self) -> None:
        """Start the bridge anew, with all records that were kept before."""
        self.remote = None
        edges = Dio1(self.chip)
        self.radio = Sx1262(SpidevSpi(self.chip), int, self.chip.reset, self.chip.busy, edges=edges)
        self.link = LoraLink(self.radio, self.plan, 0, self._chance.getrandbits, gateway=True, now_ms=self._now_ms())
        self._channels = Channels("air", self._ring, self._tell)
        gateway = Gateway("air", self.link, self.plan, self.bench.board["LINK"]["region"], is_simulated=True)
        self._hub = RadioHub([gateway], self._ring, self._channels, self._connect)

    def kill(self) -> None:
        """End at once, without a word to the node."""
        self._hub = self.remote = None

    @property
    def open(self) -> bool:
        return self.remote is not None and self.remote.session.receiver is not None

    def wait(self, what: str, true: Callable[[], object], within_ms: float) -> int:
        """Let time pass until `true()`; when that was, ns. Raises AssertionError after `within_ms`."""
        end = self.bench.now_ns + round(within_ms * MS)
        while not true():
            assert self.bench.now_ns < end, (
                f"no {what} within {within_ms:.0f} ms; {self.told}\n{self.bench.log()[-2000:]}"
            )
            self.run(STEP_MS)
        return self.bench.now_ns

    def run(self, duration_ms: float) -> None:
        """Let the bench's time pass."""
        self.bench.run(round(duration_ms * MS))

    def command(self, target: str, hold_s: int, within_ms: int = 30_000) -> Answer:
        """Have the first contactor switched."""
        remote = self.remote
        assert remote is not None and self.open, f"no session to command in; {self.told}"
        asked_ns = self.bench.now_ns
        ask: Coroutine[Any, Any, Outcome | None] = remote.command(0, schema.TARGETS.index(target), hold_s, within_ms)
        task = self._loop.create_task(ask)
        while not task.done():
            self._spin()
            self.run(STEP_MS)
        return Answer(asked_ns, self.bench.now_ns, task.result())

    def sequences(self) -> list[int]:
        """Of all records of the newest journal, in order."""
        newest = max((epoch for epoch, _ in self.records), default=0)
        return sorted(sequence for epoch, sequence in self.records if epoch == newest)

    def close(self) -> None:
        self._loop.close()

    def _now_ms(self) -> int:
        return self._events.now_us // 1000

    def _step(self) -> None:
        self._events.at(self._events.now_us + STEP_MS * 1000, self._step)
        if self._hub is None:
            return
        self._hub.step(self._now_ms())
        while self._greeted:
            self._welcome(self._greeted.pop())
        for sequence in self._came:
            if self.remote is not None and self.open:
                self.remote.kept(sequence)
        self._came.clear()
        self._spin()

    def _spin(self) -> None:
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()

    def _connect(self, name: str) -> RemoteNode:
        calls = self._keep, self._introduced, self._greeted.append, self._gap
        clocks = self._now_ms, lambda: UNIX_MS + self._now_ms()
        given = NodeView(name, "air"), self._chance.randrange(1, 1 << 30), *calls, self._channels, self._tell
        self.remote = RemoteNode(*given, self._session, clocks=clocks)
        return self.remote

    def _session(self, host_session: int, channel: Any, decode: Callable[[bytes], list[Any]]) -> HostRadio:
        def told(body: bytes) -> list[Any]:
            message = decode(body)
            self.heard.append(schema.MESSAGES[message[0]][0])
            return message

        return HostRadio(host_session, channel, told)

    def _tell(self, kind: str, text: str, node: str) -> None:
        self.told.append(f"{kind}: {text}")

    def _introduced(self, remote: RemoteNode, name: str) -> bool:
        return remote.view.name == name

    def _gap(self, node: str, epoch: int, oldest: int) -> None:
        self.told.append(f"gap: {node} has nothing below {oldest}")

    def _keep(self, record: Record) -> None:
        key = (record.journal_epoch, record.sequence)
        self.repeats += key in self.records
        self.records[key] = record
        self._came.append(record.sequence)

    def _welcome(self, remote: RemoteNode) -> None:
        kept = {sequence for epoch, sequence in self.records if epoch == remote.epoch}
        at = 0
        while at in kept:
            at += 1
        if remote.view.link_state != LinkState.INCOMPATIBLE and remote.session.receiver is None:
            remote.welcome(at, {sequence for sequence in kept if sequence > at})


class Stranger:
    """Another radio: hears what is in the air, sends what it likes. `heard`: when, data, spreading factor."""

    def __init__(self, bench: LoraBench, plan: Plan, x_m: float = 200) -> None:
        self._plan = plan
        self._port = Port(bench.channel, bench.channel.antenna("stranger", x_m=x_m))
        self._port.on_heard = lambda heard: self.heard.append((bench.now_ns, heard.data, heard.config.spreading_factor))
        self._port.scan(plan.scan, plan.turn_ms)
        self.heard: list[tuple[int, bytes, int]] = []

    def send(self, data: bytes, spreading_factor: int) -> None:
        """On the home channel, as a station of theirs would."""
        plan = self._plan
        khz, bandwidth_khz = plan.channels[0], plan.bandwidth_khz
        self._port.send(data, khz, bandwidth_khz, spreading_factor, 14, plan.preamble(spreading_factor))
