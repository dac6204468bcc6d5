"""The gateway board's own image on an emulated RP2040: a Pi on its USB port, the simulated air on its SX1276."""

import pytest

from gridnode.drivers.serial_radio import SerialRadio
from gridnode.link.regions import EU868, Plan
from tests.emulator.kit import MS
from tools import boards
from tools.air.channel import Channel, Heard
from tools.air.events import Events
from tools.air.port import Port
from tools.air_join import PicoAntenna
from tools.build import littlefs_image
from tools.emulated_rp2040 import EmulatedRP2040
from tools.images import image
from tools.node_files import node_files

pytestmark = pytest.mark.slow
STEP_MS = 10


class UsbPort:
    """The Pi's end of the board's USB port."""

    def __init__(self, pico: EmulatedRP2040) -> None:
        self._pico = pico
        self._came = bytearray()

    def readinto(self, buffer: bytearray) -> int:
        self._came += b"".join(data for _, data in self._pico.read("usb"))
        count = min(len(buffer), len(self._came))
        buffer[:count] = self._came[:count]
        del self._came[:count]
        return count

    def write(self, data: bytes) -> int:
        self._pico.write("usb", bytes(data))
        return len(data)

    def close(self) -> None:
        """The cable stays."""


class Gateway:
    """The board, a peer in its air, and the Pi's radio."""

    def __init__(self) -> None:
        board = boards.load("lora_gateway")
        disk = littlefs_image(board, node_files(board, {"name": "gateway"}))
        device = {"chip": "sx1276", "bus": 0, "select": 17, "reset": 20, "dio0": 21, "air": True}
        self.pico = EmulatedRP2040(image("RPI_PICO").path, filesystem=disk, devices=[device])
        self.pico.run(1500 * MS)
        self.channel = Channel(Events(), seed=3, preset="free", fading_db=0)
        self._antenna = PicoAntenna(self.pico, 0, Port(self.channel, self.channel.antenna("gateway")))
        self.peer = Port(self.channel, self.channel.antenna("peer", x_m=400))
        self.radio = SerialRadio(lambda: UsbPort(self.pico))
        self.heard: list[Heard] = []
        self.peer.on_heard = self.heard.append
        self.packets: list[tuple[bytes, int, int, int, int, int]] = []

    def run(self, ms: int) -> None:
        for _ in range(ms // STEP_MS):
            self._antenna.run_until(self.channel.events.now_us + STEP_MS * 1000)
            packet = self.radio.poll(self.channel.events.now_us // 1000)
            if packet:
                self.packets.append(packet)


def test_a_pi_speaks_and_hears_through_the_board_and_is_held_to_the_law():
    gateway = Gateway()
    plan = Plan(EU868, 2, 20)
    with gateway.pico:
        gateway.radio.listen(plan.scan)
        gateway.run(1500)
        assert gateway.radio.fault == "" and not gateway.radio.busy
        end_us = gateway.peer.send(bytes(range(200)), 869_525, 125, 8, 14, plan.preamble(8))
        gateway.run(1200)
        ((data, rssi, snr, spreading, khz, end_ms),) = gateway.packets
        assert (data, spreading, khz) == (bytes(range(200)), 8, 869_525) and rssi < -20 and snr > 0
        assert -5 <= end_ms - end_us / 1000 <= 2 * STEP_MS + 10  # the line's own time
        gateway.peer.receive(869_525, 125, 9)
        gateway.run(3000)
        sent = bytes(range(3, 63))  # with the byte of Ctrl-C
        gateway.radio.send(sent, len(sent), 869_525, 125, 9, 14, plan.preamble(9))
        assert gateway.radio.busy
        gateway.run(1500)
        assert [heard.data for heard in gateway.heard] == [sent]
        assert abs(gateway.radio.sent_ms - gateway.heard[0].end_us / 1000) <= 2 * STEP_MS + 10
        for _ in range(3):  # more than a board that has just started may
            gateway.radio.send(bytes(200), 200, 869_525, 125, 10, 14, plan.preamble(10))
            gateway.run(2600)
        assert gateway.radio.refused == "no airtime left" and len(gateway.heard) < 4
        sent_us = sum(antenna.sent_us for antenna in gateway.channel.antennas if antenna.name == "gateway")
        assert sent_us < 0.1 * gateway.pico.now_ns / 1000
        gateway.pico.tell(0, line="zeros")
        gateway.run(2500)
        assert "SX1276 does not answer" in gateway.radio.fault and gateway.radio.busy
        gateway.pico.tell(0, line=None)
        gateway.run(11_000)
        assert gateway.radio.fault == "" and gateway.radio.resets >= 1
        gateway.pico.reset()  # the board starts anew, and is told again what to listen to
        gateway.run(7000)
        gateway.peer.send(b"again", 869_525, 125, 10, 14, plan.preamble(10))
        gateway.run(1200)
        assert gateway.packets[-1][0] == b"again"
