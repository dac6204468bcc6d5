"""The drivers of meters that count energy themselves (S0, DSMR P1, SML) on the emulated RP2040, against its models."""

import json
from pathlib import Path

import pytest

from tests.emulator.kit import MS, SAY, SECOND, said
from tools import boards
from tools.build import littlefs_image
from tools.emulated_rp2040 import EmulatedRP2040
from tools.images import image
from tools.node_files import compiled

pytestmark = pytest.mark.slow
FIRMWARE = Path(__file__).resolve().parents[2] / "firmware_mpy"
FOLDERS = {
    "": ["__init__", "native"],
    "metering/": ["__init__", "channel", "energy", "halves", "integers", "interval", "sums", "told_window", "window"],
    "drivers/": ["__init__", "crc16", "dsmr_p1", "pin_edges", "s0_pulse", "smart_meter", "sml", "uart"],
}

# Says a line for each window that was booked or skipped.
LOOP = """
import json
from gridnode.metering.channel import Channel
from gridnode.metering.told_window import ToldWindow
channel = Channel("grid", ToldWindow())
{meter}
told_us = channel.end_us
longest_us = 0
while True:
    began = time.ticks_us()
    meter.pump(began)
    longest_us = max(longest_us, time.ticks_diff(time.ticks_us(), began))
    if channel.end_us != told_us:
        told_us = channel.end_us
        say(json.dumps(list(channel.live()) + [longest_us, meter.fault]))
        longest_us = 0
    {also}
    time.sleep_ms(5)
"""
TELEGRAMS = """
from gridnode.drivers.uart import UartStream
from gridnode.drivers.{module} import BAUD, {reader}
from gridnode.drivers.smart_meter import SmartMeter
meter = SmartMeter(UartStream(1, BAUD, 4, 5), {reader}(), channel, time.ticks_us())
"""
S0 = """
from gridnode.drivers.pin_edges import PinEdges
from gridnode.drivers.s0_pulse import S0Pulse
meter = S0Pulse(PinEdges(2, 0), channel, 1000, 10_000, time.ticks_us())
written = time.ticks_ms()
def write():
    global written
    if time.ticks_diff(time.ticks_ms(), written) > 300:
        written = time.ticks_ms()
        with open("kept", "w") as file:
            file.write("x" * 600)
"""


class Told:
    """One line of LOOP."""

    def __init__(self, line: str) -> None:
        self.end_ms, self.import_mwh, self.export_mwh, self.power_mw, *rest = json.loads(line)
        _, _, self.voltage_mv, self.current_ma, _, self.quality, self.longest_us, self.fault = rest


def pico_with(meter: str, device: dict[str, object], also: str = "pass") -> EmulatedRP2040:
    """A board that runs LOOP with our modules, compiled as for a Pico, beside it."""
    files = {"main.py": (SAY + LOOP.format(meter=meter, also=also)).encode()}
    for folder, modules in FOLDERS.items():
        for module in modules:
            name = f"gridnode/{folder}{module}"
            files[f"{name}.mpy"] = compiled(name + ".py", (FIRMWARE / f"{name}.py").read_bytes(), "armv6m")
    disk = littlefs_image(boards.load("rpi_pico"), files)
    return EmulatedRP2040(image("RPI_PICO").path, filesystem=disk, devices=[device])


def told(pico: EmulatedRP2040, duration_ns: int) -> list[Told]:
    pico.run(duration_ns)
    return [Told(line) for line in said(pico)]


@pytest.mark.parametrize(("kind", "reader"), [("dsmr_p1", "P1Reader"), ("sml", "SmlReader")])
def test_a_smart_meter_is_read_through_faults_without_losing_energy(kind, reader):
    device = {"chip": "telegrams", "uart": 1, "kind": kind, "power_mw": 3_456_000, "current_ma": 15_000}
    with pico_with(TELEGRAMS.format(module=kind, reader=reader), device) as pico:
        good = told(pico, 8 * SECOND + 500 * MS)
        begun = pico.tell(0)["told"]
        measured = [at for at in good if at.power_mw is not None]
        assert len(measured) >= 5
        assert all(at.power_mw == 3_456_000 and at.quality == 0 and not at.fault for at in measured)
        if kind == "dsmr_p1":
            assert all((at.voltage_mv, at.current_ma) == (230_000, 15_000) for at in measured)
        assert max(at.longest_us for at in good) < 15_000

        pico.tell(0, broken=True)
        assert told(pico, 5 * SECOND) == []  # a telegram may be missed: the last figures are not old yet
        pico.tell(0, broken=False, power_mw=-2_000_000)
        back = told(pico, 4 * SECOND)
        now = pico.tell(0)["told"]
        assert back[-1].power_mw == -2_000_000 and back[-1].quality == 0 and not back[-1].fault
        # to the step of the meter's registers, also over the telegrams that were lost
        assert back[-1].import_mwh - measured[-1].import_mwh == now[0] - begun[0] > 0
        assert back[-1].export_mwh == now[1] - begun[1] > 0

        pico.tell(0, silent=True)
        quiet = told(pico, 28 * SECOND)
        assert quiet and all(at.power_mw is None and at.quality & 64 for at in quiet)
        assert "silent" in quiet[-1].fault

        pico.tell(0, silent=False, import_wh=5)
        replaced = told(pico, 4 * SECOND)
        assert any(at.quality & 128 for at in replaced)
        assert replaced[-1].quality == 0 and replaced[-1].import_mwh == back[-1].import_mwh


def test_s0_pulses_are_counted_while_the_contact_bounces_and_flash_is_written():
    device = {"chip": "s0", "pin": 2, "power_mw": 7_200_000, "bounces": 3}
    with pico_with(S0, device, also="write()") as pico:
        steady = told(pico, 12 * SECOND)
        truth = pico.tell(0)
        assert truth["pulses"] >= 22
        counted = steady[-1].import_mwh // 1000
        assert truth["pulses"] - 3 <= counted <= truth["pulses"]  # the last window is not over, nor is the boot's
        # bounded by when flash was written: 46 ms of the 500 between two pulses
        assert abs(steady[-1].power_mw / 7_200_000 - 1) < 0.15
        assert len([at for at in steady if at.quality]) == 0

        pico.tell(0, bounces=0, power_mw=0)
        told(pico, SECOND)
        before = told(pico, 2 * SECOND)[-1].import_mwh
        assert before // 1000 >= pico.tell(0)["pulses"] - 1


def test_s0_noise_is_flagged_and_not_counted():
    with pico_with(S0, {"chip": "s0", "pin": 2, "power_mw": 3_600_000}) as pico:
        clean = told(pico, 10 * SECOND + 500 * MS)
        assert clean[-1].quality == 0 and abs(clean[-1].power_mw / 3_600_000 - 1) < 0.002
        pulses = pico.tell(0)["pulses"]
        for _ in range(4):
            pico.tell(0, power_mw=0, spike_ns=12 * MS)
            pico.run(100 * MS)
        noisy = told(pico, 2 * SECOND)
        assert any(at.quality == 256 for at in noisy)
        assert noisy[-1].import_mwh // 1000 in (pulses, pulses - 1)
        pico.tell(0, stuck=True)
        assert told(pico, 5 * SECOND)[-1].quality == 64
