"""The rig of an emulated RP2040 with an emulated SX1276, in the simulated air of tools/air; it has no wire to a host.

The board, the chip and the channel go on in one simulated time. Whoever else is in the air joins `channel`.
"""

from typing import Any

from hil.bench import BenchError, Setup
from hil.emulated_bench import EmulatedBench
from hil.rigs import Rig
from tools.air.channel import Antenna, Channel, Heard, Transmission
from tools.air.events import Events
from tools.air.port import Port
from tools.air_join import PicoAntenna

SEED = 5
RADIO = ("bus", "select", "reset", "dio0")


class LoraBench(EmulatedBench):
    """See hil.bench.Bench. What is sent and heard goes through the air, so it has neither `read` nor `write`.

    had: what has come whole to the node's radio. A recorded packet that is not in it would come late, but once.
    """

    def __init__(self, rig: Rig, setup: Setup) -> None:
        super().__init__(rig, setup)
        self.scratch = setup.scratch
        self.channel = Channel(Events(), seed=SEED, preset="free", fading_db=0)
        self.channel.on_heard = self._came
        self.node_antenna = self.channel.antenna("node")
        self.had: set[bytes] = set()
        self._antenna: PicoAntenna | None = None

    def _came(self, packet: Transmission, antenna: Antenna, heard: Heard) -> None:
        if antenna is self.node_antenna and heard.good:
            self.had.add(packet.data)

    def _devices(self) -> list[dict[str, Any]]:
        radio = {"chip": "sx1276", "air": True} | {key: self.board["LINK"][key] for key in RADIO}
        return [*super()._devices(), radio]

    def power_on(self) -> None:
        """As every bench; the first time the board comes into the air."""
        super().power_on()
        if self._antenna is None:
            self._antenna = PicoAntenna(self.chip, len(self._devices()) - 1, Port(self.channel, self.node_antenna))

    @property
    def now_ns(self) -> int:
        return self.channel.events.now_us * 1000

    def run(self, duration_ns: int) -> None:
        until_us = self.channel.events.now_us + duration_ns // 1000
        if self._antenna is None:
            self.channel.events.run_until(until_us)
        else:
            self._antenna.run_until(until_us)

    def read(self) -> list[tuple[int, bytes]]:
        raise self._wireless()

    def write(self, data: bytes) -> int:
        raise self._wireless()

    def _wireless(self) -> BenchError:
        return BenchError(f"{self.rig.name} has no line: {self.rig.lacks['line']}")
