"""The drivers of meter chips on the emulated RP2040, against the emulator's own models of the chips."""

import json
import tempfile
from pathlib import Path

import pytest

from tests.emulator.kit import MS, SAY, SECOND
from tools import boards
from tools.build import littlefs_image
from tools.emulated_rp2040 import EmulatedRP2040
from tools.images import image
from tools.node_files import node_files

pytestmark = pytest.mark.slow
# Says a line for each window that was booked or skipped.
LOOP = """
import json
from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow
channels = [Channel("load %d" % number, ChipWindow()) for number in range({channels})]
channel = channels[0]
{meter}
told_us = [each.end_us for each in channels]
longest_us = 0
while True:
    began = time.ticks_us()
    meter.pump(began)
    longest_us = max(longest_us, time.ticks_diff(time.ticks_us(), began))
    for number, each in enumerate(channels):
        if each.end_us != told_us[number]:
            told_us[number] = each.end_us
            say(json.dumps([number] + list(each.live()) + [longest_us, meter.fault]))
            longest_us = 0
    time.sleep_ms(5)
"""
PZEM = """
from gridnode.drivers.uart import UartStream
from gridnode.drivers.pzem004t import Pzem004t
meter = Pzem004t(UartStream(1, 9600, 4, 5), channel, 1, time.ticks_us())
"""
I2C = """
i2c = machine.I2C(0, sda=Pin(4), scl=Pin(5), freq=400_000, timeout=2000)
"""
INA = (
    I2C
    + """
from gridnode.drivers.ina226 import Ina226
meter = Ina226(i2c, channel, 0x40, 2000, 20_000, time.ticks_us())
"""
)
INA228 = (
    I2C
    + """
from gridnode.drivers.ina228 import Ina228
meter = Ina228(i2c, channel, 0x40, 2000, 20_000, time.ticks_us())
"""
)
ATM = """
from gridnode.drivers.atm90e32 import BAUD, PHASE, POLARITY, Atm90e32
spi = machine.SPI(0, BAUD, polarity=POLARITY, phase=PHASE, sck=Pin(18), mosi=Pin(19), miso=Pin(16))
gains = [(7305, 11131), (7305, 11131), (7400, 22000)]
meter = Atm90e32(spi, Pin(17, Pin.OUT, value=1), channels, gains, 50, time.ticks_us())
"""
NO_VOLTAGE, CLIPPED, SHORT_WINDOW, NO_ANSWER, UNBELIEVABLE = 1, 2, 4, 64, 128


class Told:
    """One line of LOOP."""

    def __init__(self, line: str) -> None:
        self.number, self.end_ms, self.import_mwh, self.export_mwh, self.power_mw, *rest = json.loads(line)
        self.reactive_mvar, self.apparent_mva, *rest = rest
        self.voltage_mv, self.current_ma, self.frequency_mhz, self.quality, self.longest_us, self.fault = rest


def pico_with(meter: str, device: dict[str, object], channels: int = 1) -> EmulatedRP2040:
    """A board that runs LOOP with the modules that it imports, compiled as for a Pico."""
    board = boards.load("rpi_pico")
    with tempfile.TemporaryDirectory() as folder:
        main = Path(folder) / "main.py"
        main.write_text(SAY + LOOP.format(meter=meter, channels=channels))
        disk = littlefs_image(board, node_files(board, None, main))
    return EmulatedRP2040(image("RPI_PICO").path, filesystem=disk, devices=[device])


def told(pico: EmulatedRP2040, duration_ns: int) -> list[Told]:
    pico.run(duration_ns)
    text = b"".join(data for _, data in pico.read("uart0"))
    while text and not text.endswith(b"\n"):
        pico.run(5 * MS)
        text += b"".join(data for _, data in pico.read("uart0"))
    return [Told(line) for line in text.decode().splitlines()]


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
        assert len(bad) >= 3 and all(at.power_mw is None and at.quality == SHORT_WINDOW | NO_ANSWER for at in bad)
        assert bad[-1].import_mwh == bad[0].import_mwh and "not understood" in bad[-1].fault

        pico.tell(0, broken=False, silent=True)
        bad = told(pico, 5 * SECOND)[1:]
        assert len(bad) >= 3 and all(at.power_mw is None for at in bad) and "does not answer" in bad[-1].fault

        pico.tell(0, silent=False, answers_as=7)
        bad = told(pico, 4 * SECOND)[1:]
        assert bad and all(at.power_mw is None and at.quality == SHORT_WINDOW | NO_ANSWER for at in bad)

        pico.tell(0, answers_as=None, impossible=True)
        bad = told(pico, 4 * SECOND)[1:]
        assert bad and all(at.power_mw is None and at.quality == SHORT_WINDOW | UNBELIEVABLE for at in bad)
        assert "cannot be" in bad[-1].fault

        pico.tell(0, impossible=False, current_ma=1000)
        back = told(pico, 4 * SECOND)
        assert back[-1].current_ma == 1000 and back[-1].quality == 0 and not back[-1].fault
        assert abs(back[-1].end_ms - pico.now_ns // MS) < 2000  # all the time was counted


@pytest.mark.parametrize(("chip", "meter"), [("ina226", INA), ("ina228", INA228)])
def test_a_direct_current_is_metered_over_i2c_in_both_directions(chip, meter):
    device = {"chip": chip, "bus": 0, "shunt_uohm": 2000, "voltage_mv": 12_800, "current_ma": 5000}
    with pico_with(meter, device) as pico:
        steady = told(pico, 10 * SECOND)[1:]  # the first may say that it was set up a little late
        assert len(steady) >= 30
        assert all(abs(at.current_ma - 5000) <= 1 and abs(at.power_mw - 64_000) <= 10 for at in steady)
        assert all(at.voltage_mv == 12_800 and at.quality == 0 for at in steady)
        begun_mwh = pico.tell(0)["energy_mwh"]
        metered_mwh = steady[-1].import_mwh
        last = steady[-1]
        for current_ma in (1250, 7500, -3750, 250, -10_000, 6250) * 4:  # steps at odd times, and turns round
            pico.tell(0, current_ma=current_ma)
            last = told(pico, 777 * MS)[-1]
        true_mwh = pico.tell(0)["energy_mwh"] - begun_mwh
        net_mwh = last.import_mwh - last.export_mwh - metered_mwh
        assert last.export_mwh > 0 and last.frequency_mhz is None
        # The INA226's model takes the current at the end of an average for all of it: off by an average a step at most.
        assert abs(net_mwh - true_mwh) < 24 * 3, (net_mwh, true_mwh)
        assert max(at.longest_us for at in steady) < 5000


@pytest.mark.parametrize(("chip", "meter"), [("ina226", INA), ("ina228", INA228)])
def test_faults_on_i2c_are_flags_and_never_figures(chip, meter):
    device = {"chip": chip, "bus": 0, "shunt_uohm": 2000, "voltage_mv": 12_800, "current_ma": 5000}
    with pico_with(meter, device) as pico:
        told(pico, 2 * SECOND)
        for fault, why, words in (
            ({"silent": True}, NO_ANSWER, "does not answer"),
            ({"impossible": True}, UNBELIEVABLE, "cannot be"),
            ({"stuck_clocks": -1}, NO_ANSWER, "does not answer"),
        ):
            pico.tell(0, **fault)
            bad = told(pico, 3 * SECOND)[2:]
            assert bad and all(at.power_mw is None and at.quality == SHORT_WINDOW | why for at in bad), fault
            assert words in bad[-1].fault and bad[-1].import_mwh == bad[0].import_mwh
            assert max(at.longest_us for at in bad) < 20_000  # the rest of the node goes on; a collection may be in it
            pico.tell(0, silent=False, impossible=False, stuck_clocks=0)
            back = told(pico, 2 * SECOND)[-1]
            assert (back.voltage_mv, back.quality, back.fault) == (12_800, 0, ""), fault
            assert abs(back.end_ms - pico.now_ns // MS) < 1000  # all the time was counted

        pico.tell(0, stuck_clocks=6)  # as a chip that was interrupted while it sent
        pico.tell(0, reset=True)
        lines = told(pico, 3 * SECOND)
        assert all(at.voltage_mv in (12_800, None) for at in lines)
        assert lines[-1].voltage_mv == 12_800 and lines[-1].quality == 0


PHASES = [
    {"voltage_mv": 230_000, "active_mw": 2_000_000, "reactive_mvar": 600_000},
    {"voltage_mv": 231_500, "active_mw": -1_250_000, "reactive_mvar": -90_000},
    {"voltage_mv": 0},
]
THREE = {
    "chip": "atm90e32",
    "select": 17,
    "frequency_mhz": 49_980,
    "gains": [[7305, 11131], [7305, 11131], [7400, 22000]],
    "phases": PHASES,
}


def test_the_atm90e32_meters_three_phases_over_spi():
    with pico_with(ATM, THREE, channels=3) as pico:
        lines = [at for at in told(pico, 5 * SECOND) if at.power_mw is not None and at.end_ms > 1500]
        assert {at.number for at in lines} == {0, 1, 2} and len(lines) >= 27
        for at in lines:
            phase = PHASES[at.number]
            assert at.voltage_mv == phase["voltage_mv"]
            assert abs(at.power_mw - phase.get("active_mw", 0)) <= 300
            assert abs(at.reactive_mvar - phase.get("reactive_mvar", 0)) <= 300
            assert (at.quality, at.frequency_mhz) == ((NO_VOLTAGE, None) if at.number == 2 else (0, 49_980))
        assert max(at.longest_us for at in lines) < 10_000

        before = [at for at in told(pico, SECOND) if at.number == 0][-1]
        begun_mwh = pico.tell(0)["energy_mwh"][0]
        for active_mw in (500_000, 3_000_000, -800_000, 1_000_000) * 5:
            pico.tell(0, phases=[{"active_mw": active_mw}])
            last = [at for at in told(pico, 477 * MS) if at.number == 0][-1]
        true_mwh = pico.tell(0)["energy_mwh"][0] - begun_mwh
        net_mwh = last.import_mwh - last.export_mwh - before.import_mwh
        # The chip's means and our windows end at different times: each step is off by a window at most.
        assert abs(net_mwh - true_mwh) < 5 * 4_000_000 * 0.32 / 3600, (net_mwh, true_mwh)


def test_faults_on_spi_are_flags_and_never_figures():
    with pico_with(ATM, THREE, channels=3) as pico:
        told(pico, 2 * SECOND)
        for fault, why, words in (
            ({"line": "ones"}, NO_ANSWER, "does not answer"),
            ({"line": "zeros"}, NO_ANSWER, "does not answer"),
            ({"garbled": 1}, NO_ANSWER, "garbled"),
            ({"impossible": True}, UNBELIEVABLE, "cannot be"),
        ):
            pico.tell(0, **fault)
            bad = told(pico, 1500 * MS)[6:]
            assert bad and all(at.power_mw is None and at.quality == SHORT_WINDOW | why for at in bad), fault
            assert words in bad[-1].fault
            pico.tell(0, line=None, garbled=0, impossible=False)
            back = [at for at in told(pico, 1500 * MS) if at.number == 1][-1]
            assert (back.voltage_mv, back.quality, back.fault) == (231_500, 0, ""), fault

        pico.tell(0, garbled=7)  # now and then a bit: asked again
        noisy = [at for at in told(pico, 3 * SECOND) if at.number == 0]
        assert all(at.voltage_mv in (230_000, None) for at in noisy)
        assert sum(at.voltage_mv is not None for at in noisy) > 7

        pico.tell(0, garbled=0, reset=True)
        lines = [at for at in told(pico, 4 * SECOND) if at.number == 0]
        assert all(at.voltage_mv in (230_000, None) for at in lines)
        assert any(at.voltage_mv is None for at in lines) and lines[-1].voltage_mv == 230_000


def test_a_pico_without_the_chip_says_what_to_check():
    with pico_with(INA, {"chip": "pzem004t", "uart": 1}) as pico:
        lines = told(pico, 3 * SECOND)
        assert lines and all(at.power_mw is None and at.import_mwh == 0 for at in lines)
        assert "0x40 does not answer" in lines[-1].fault
