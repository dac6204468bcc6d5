"""The product's node in a simulated channel: gridnode's own Node, journal, contactor, session and LoraLink.

Only its meter (simulated by the minute), its coil and its radio are not real. Its flash is a folder.
"""

import random
from collections import Counter
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from gridnode.assemble import make_contactors
from gridnode.link.lora import LoraLink
from gridnode.metering.channel import Channel as Metered
from gridnode.metering.told_window import ToldWindow
from gridnode.node.journal import Journal
from gridnode.node.node import Identity, Node
from gridnode.wire import schema
from gridnode.wire.channel import NodeChannel, address_of
from gridnode.wire.node_radio import NodeRadio
from tools.air.minute_meter import MinuteMeter, SimulatedHome
from tools.air.world import Stepped, World

INTERVAL_S = 60
ARRAY = 0x80  # first byte of a CBOR array, or beyond
ROUNDS = 50
CONTACTOR = {
    "name": "water heater",
    "min_on_s": 3,
    "min_off_s": 3,
    "max_hold_s": 900,
    "feedback_ms": 200,
    "retry_after_s": 60,
    "retries": 3,
    "retry_window_s": 3600,
    "protection": None,
    "safe": "open",
    "interlock": None,
}
BOARD = SimpleNamespace(NAME="simulated by the minute", CONTACTORS=[CONTACTOR])
KeyList = list[tuple[int, bytes]]


class SimulatedCoil:
    """A contactor's coil that is not there; `closed` is what it was told last."""

    closed = False

    def __call__(self, closed: bool) -> None:
        self.closed = closed

    def feedback(self) -> None:
        """It has no auxiliary contact."""


class TellingChannel(NodeChannel):
    """A NodeChannel that also counts what it seals: `packets` and `bytes` by kind, `batch` or the message's name."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.packets: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()

    def _count(self, kind: str, length: int) -> int:
        self.packets[kind] += 1
        self.bytes[kind] += length
        return length

    def offer(self) -> int:
        return self._count("offer", super().offer())

    def message(self, message: list[Any], lone: bool = False) -> int:
        return self._count(schema.MESSAGES[message[0]][0], super().message(message, lone))

    def body(self, source: Any, start: int, length: int, lone: bool = False) -> int:
        kind = "batch" if source[start] < ARRAY else "record"  # messages are arrays
        return self._count(kind, super().body(source, start, length, lone))


class SimNode:
    """One node in `world`, at a position in m; `keys` as in its key file; `plan` a gridnode.link.regions.Plan.

    `power_on` begins a boot, `power_off` cuts it at once; the folder keeps what flash would. `true_mwh`: what its home
    has imported and exported while it was on, in whole minutes, exactly.
    """

    def __init__(
        self,
        world: World,
        folder: Path,
        name: str,
        position: tuple[float, float],
        keys: KeyList,
        plan: Any,
        ppm: float = 0.0,
        batch: int = 15,
        lone: bool = False,
        height_m: float = 3,
        panels_w: int = 4000,
    ) -> None:
        self.world = world
        self.name = name
        self.keys = keys
        self.plan = plan
        self.address = address_of(name)
        self.antenna = world.channel.antenna(name, *position, height_m)
        self.radio = world.radio(self.antenna, plan.turn_ms or 1)
        self.coil = SimulatedCoil()
        self.node: Any = None
        self.link: Any = None
        self.meter: MinuteMeter | None = None
        self.stepped: Stepped | None = None
        self._folder = folder
        self._ppm = ppm
        self._batch, self._lone = batch, lone
        self._home = SimulatedHome(f"{world.seed} {name}", panels_w)
        self._chance = random.Random(f"node {world.seed} {name}")  # noqa: S311 (repeatable)
        self._before_mwh = [0, 0]  # in earlier boots
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def true_mwh(self) -> list[int]:
        now = self.meter.true_mwh[0] if self.meter else [0, 0]
        return [before + since for before, since in zip(self._before_mwh, now, strict=True)]

    def power_on(self) -> None:
        """A boot, now."""
        channels = [Metered("grid", ToldWindow())]
        journal = Journal(f"{self._folder}/journal", 1, self._chance.getrandbits(30), INTERVAL_S * 1000)
        if journal.registers[0]:
            channels[0].energy.go_on(*journal.registers[0])
        minute = self.world.events.now_us // 60_000_000
        meter = self.meter = MinuteMeter(channels, [self._home], minute)
        boot_ms = journal.boot_time_ms
        offset_ms = boot_ms - round(self.world.events.now_us * (1 + self._ppm / 1e6) / 1000)

        def make(stepped: Stepped) -> "SimNode":
            coils = {CONTACTOR["name"]: self.coil}
            contactors = make_contactors(BOARD.CONTACTORS, coils, channels, journal.locks, boot_ms)
            channel = TellingChannel(self.name, self.keys, journal.boot_epoch, self._chance.getrandbits)
            self.link = LoraLink(self.radio, self.plan, self.address, self._chance.getrandbits, now_ms=boot_ms)
            self.node = Node(
                str(self._folder),
                Identity(self.name, BOARD.NAME, journal.boot_epoch, boot_ms, "power on"),
                meter,
                channels,
                contactors,
                self.link,
                channel,
                journal,
                partial(NodeRadio, batch=self._batch, lone=self._lone),
                INTERVAL_S,
                900,
            )
            return self

        self.stepped = self.world.add(self.radio, make, self._ppm, offset_ms)

    def power_off(self) -> None:
        """A cut, now."""
        self._before_mwh = self.true_mwh
        self.meter = None
        self.coil(False)
        self.radio.listen(())
        if self.stepped:
            self.stepped.end()
            self.stepped = None

    @property
    def wake_ms(self) -> int | None:
        """See world.Stepper."""
        return int(self.link.wake_ms)

    def glance(self, now_ms: int) -> bool:
        """See world.Stepper."""
        was_idle = self.link.idle
        self.link.flush(now_ms)
        return bool(self.link._in) or (self.link.idle and not was_idle)

    def step(self, now_ms: int) -> None:
        """See world.Stepper."""
        self.node.step(now_ms)
        for _ in range(ROUNDS):  # a batch is packed a little in each round of its loop
            if not self.node.session._packing:
                break
            self.node.step(now_ms)
