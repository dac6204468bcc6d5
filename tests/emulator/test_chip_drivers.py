"""The drivers of meter chips on the emulated RP2040, against the emulator's own models of the chips."""

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
MODULES = ["__init__", "native", "metering/__init__", "metering/channel", "metering/chip_window", "metering/energy"]
MODULES += ["metering/integers", "metering/interval", "metering/sums", "metering/window", "drivers/__init__"]
MODULES += ["drivers/uart", "drivers/modbus", "drivers/pzem004t", "drivers/ina226"]

# Says a line for each window that was booked or skipped.
LOOP = """
import json
from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow
channel = Channel("load", ChipWindow())
{meter}
told_us = channel.end_us
longest_us = 0
while True:
    began = time.ticks_us()
    meter.pump(began)
    if channel.end_us != told_us:
        told_us = channel.end_us
        say(json.dumps(list(channel.live()) + [longest_us, meter.fault]))
        longest_us = 0
    else:
        longest_us = max(longest_us, time.ticks_diff(time.ticks_us(), began))
    time.sleep_ms(5)
"""
PZEM = """
from gridnode.drivers.uart import UartStream
from gridnode.drivers.pzem004t import Pzem004t
meter = Pzem004t(UartStream(1, 9600, 4, 5), channel, 1, time.ticks_us())
"""
INA = """
from gridnode.drivers.ina226 import Ina226
i2c = machine.I2C(0, sda=Pin(4), scl=Pin(5), freq=400_000)
meter = Ina226(i2c, channel, 0x40, 2000, 20_000, time.ticks_us())
"""


class Told:
    """One line of LOOP."""

    def __init__(self, line: str) -> None:
        self.end_ms, self.import_mwh, self.export_mwh, self.power_mw, _, _, *rest = json.loads(line)
        self.voltage_mv, self.current_ma, self.frequency_mhz, self.quality, self.longest_us, self.fault = rest


def pico_with(meter: str, device: dict[str, object]) -> EmulatedRP2040:
    """A board that runs LOOP with our modules, compiled as for a Pico, beside it."""
    files = {"main.py": (SAY + LOOP.format(meter=meter)).encode()}
    for module in MODULES:
        source = (FIRMWARE / "gridnode" / f"{module}.py").read_bytes()
        files[f"gridnode/{module}.mpy"] = compiled(f"gridnode/{module}.py", source, "armv6m")
    disk = littlefs_image(boards.load("rpi_pico"), files)
    return EmulatedRP2040(image("RPI_PICO").path, filesystem=disk, devices=[device])


def told(pico: EmulatedRP2040, duration_ns: int) -> list[Told]:
    pico.run(duration_ns)
    return [Told(line) for line in said(pico)]


def test_the_pzem004t_is_metered_through_faults_without_a_wrong_figure():
    device = {"chip": "pzem004t", "uart": 1, "voltage_mv": 231_500, "current_ma": 8_640, "power_factor_per_mille": 950}
    with pico_with(PZEM, device) as pico:
        good = told(pico, 10 * SECOND + 300 * MS)
        assert len(good) >= 9
        assert all(at.voltage_mv == 231_500 and at.current_ma == 8640 and at.frequency_mhz == 50_000 for at in good)
        assert all(abs(at.power_mw - 1_900_152) <= 100 and at.quality == 0 and not at.fault for at in good)
        begun_ms = good[0].end_ms - 1000
        true_mwh = pico.tell(0)["energy_mwh"] * (good[-1].end_ms - begun_ms) * MS / pico.now_ns
        assert abs(good[-1].import_mwh / true_mwh - 1) < 0.001
        assert max(at.longest_us for at in good) < 5000

        pico.tell(0, broken=True)
        bad = told(pico, 5 * SECOND)[1:]
        assert len(bad) >= 3 and all(at.power_mw is None and at.quality == 4 for at in bad)
        assert bad[-1].import_mwh == bad[0].import_mwh and "not understood" in bad[-1].fault

        pico.tell(0, broken=False, silent=True)
        bad = told(pico, 5 * SECOND)[1:]
        assert len(bad) >= 3 and all(at.power_mw is None for at in bad) and "does not answer" in bad[-1].fault

        pico.tell(0, silent=False, current_ma=1000)
        back = told(pico, 4 * SECOND)
        assert back[-1].current_ma == 1000 and back[-1].quality == 0 and not back[-1].fault
        assert abs(back[-1].end_ms - pico.now_ns // MS) < 2000  # all the time was counted


def test_the_ina226_is_metered_over_i2c_in_both_directions():
    device = {"chip": "ina226", "bus": 0, "shunt_uohm": 2000, "voltage_mv": 12_800, "current_ma": 5000}
    with pico_with(INA, device) as pico:
        steady = told(pico, 10 * SECOND)
        assert len(steady) >= 30
        assert all((at.voltage_mv, at.current_ma, at.power_mw) == (12_800, 5000, 64_000) for at in steady)
        begun_mwh = pico.tell(0)["energy_mwh"]
        metered_mwh = steady[-1].import_mwh
        last = steady[-1]
        for current_ma in (1250, 7500, -3750, 250, -10_000, 6250) * 4:  # steps at odd times, and turns round
            pico.tell(0, current_ma=current_ma)
            last = told(pico, 777 * MS)[-1]
        true_mwh = pico.tell(0)["energy_mwh"] - begun_mwh
        net_mwh = last.import_mwh - last.export_mwh - metered_mwh
        assert last.export_mwh > 0 and last.frequency_mhz is None
        # The model takes the current at the end of an average for all of it: each step is off by an average at most.
        assert abs(net_mwh - true_mwh) < 24 * 3, (net_mwh, true_mwh)
        assert max(at.longest_us for at in steady) < 5000


def test_a_pico_without_the_chip_says_what_to_check():
    with pico_with(INA, {"chip": "pzem004t", "uart": 1}) as pico:
        lines = told(pico, 3 * SECOND)
        assert lines and all(at.power_mw is None and at.import_mwh == 0 for at in lines)
        assert "0x40 does not answer" in lines[-1].fault
