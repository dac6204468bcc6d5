"""Every meter driver can be named in a board's METER: its text is read, checked, drawn, and goes onto the node."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.meter_boards import FIFTY, ON_A_PI, ON_A_PICO, ONE, PHASES, metering, written
from tests.tools.test_boards import WIRES_THE_BOARD
from tools import boards
from tools.board_check import MODULES, UNTOLD
from tools.boards import BoardError
from tools.node_files import FIRMWARE, node_files
from tools.wiring_picture import draw

ESP32_SCALES = {"voltage_nv_per_mv": 347_826_087, "current_na_per_mv": 52_173_913}
ESP32_ADC = {
    "METER": {"driver": "esp32_adc", "voltage_pin": 34},
    "CHANNELS": [{**ONE[0], "pin": 35, **ESP32_SCALES}, {"name": "heater", "load": True, "pin": 36, **ESP32_SCALES}],
    **FIFTY,
}
ESP32_PINS = (34, 35, 36)


def board_with(folder, base, driver):
    if driver == "esp32_adc":
        return written(folder, base, ESP32_ADC, ESP32_PINS)
    return metering(folder, base, driver)


@pytest.mark.parametrize(
    ("base", "driver"),
    [
        *(("rpi_pico", driver) for driver in ON_A_PICO),
        *(("pi_gpio", driver) for driver in ON_A_PI),
        ("esp32_devkit", "esp32_adc"),
    ],
)
def test_a_board_with_each_meter_has_no_problem_and_is_drawn(tmp_path, base, driver):
    board = board_with(tmp_path, base, driver)
    assert boards.check(board) == []
    assert "Meter, " in draw(board) or board.board["METER"].get("port")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "driver"), [*(("rpi_pico", driver) for driver in ON_A_PICO), ("esp32_devkit", "esp32_adc")]
)
def test_its_node_has_every_module_that_its_literals_call_for(tmp_path, base, driver):
    board = board_with(tmp_path, base, driver)
    files = node_files(board, {"name": "one"})
    assert f"gridnode/drivers/{driver}.mpy" in files or f"gridnode/drivers/{driver}.py" in files
    assert not any(f"drivers/{other}." in path for other in MODULES if other != driver for path in files)
    firmware = tmp_path / "firmware"
    for name in files:
        if name.endswith((".py", ".mpy")):
            path = str(Path(name).with_suffix(".py"))
            (firmware / path).parent.mkdir(parents=True, exist_ok=True)
            source = board.folder / path if path == "board.py" else FIRMWARE / path
            (firmware / path).write_bytes(source.read_bytes())
    command = [sys.executable, "-I", "-c", WIRES_THE_BOARD, str(firmware)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def refusal(folder, base, driver, **changes):
    try:
        return "\n".join(boards.check(metering(folder, base, driver, **changes)))
    except BoardError as error:
        return str(error)


def meter(base, driver, **changes):
    literals = (ON_A_PI if base == "pi_gpio" else ON_A_PICO)[driver][0]["METER"]
    values = {"driver": driver, **literals, **changes}
    return {"METER": {key: value for key, value in values.items() if value is not None}}


@pytest.mark.parametrize(
    ("base", "driver", "changes", "words"),
    [
        ("rpi_pico", "atm90e32", meter("rpi_pico", "atm90e32", sck=17, select=18), "sck is 17; SPI 0 can use 2, 6, 18"),
        (
            "rpi_pico",
            "atm90e32",
            meter("rpi_pico", "atm90e32", select=15),
            "CONTACTORS[0] (water heater): pin is 15, which METER: select uses",
        ),
        ("rpi_pico", "atm90e32", {"NOMINAL_FREQUENCY_HZ": 55}, "NOMINAL_FREQUENCY_HZ is 55"),
        ("rpi_pico", "atm90e32", {"CHANNELS": [{**PHASES[0], "current_gain": 70_000}]}, "current_gain is 70000"),
        ("rpi_pico", "atm90e32", {"CHANNELS": ONE}, "CHANNELS[0] (grid): voltage_gain is missing"),
        (
            "rpi_pico",
            "atm90e32",
            {"CHANNELS": [{**PHASES[0], "name": str(number)} for number in range(4)]},
            "CHANNELS has 4; the chip atm90e32 measures 3",
        ),
        ("pi_gpio", "atm90e32", meter("pi_gpio", "atm90e32", bus=1), "METER: bus is 1; there is SPI 0 on this chip"),
        ("pi_gpio", "atm90e32", meter("pi_gpio", "atm90e32", select=2), "METER: select is 2; it must be one of 0, 1"),
        (
            "rpi_pico",
            "ina228",
            meter("rpi_pico", "ina228", shunt_uohm=10_000),
            "is 200.0 mV; the INA228 measures 163.84",
        ),
        ("rpi_pico", "ina228", meter("rpi_pico", "ina228", sda=6, scl=7), "METER: sda is 6; I2C 0 can use 0, 4"),
        ("pi_gpio", "ina228", meter("pi_gpio", "ina228", sda=2), "METER: sda is unknown"),
        ("rpi_pico", "s0_pulse", meter("rpi_pico", "s0_pulse", largest_w=61_000), "come closer than the 60 ms of S0"),
        ("rpi_pico", "s0_pulse", meter("rpi_pico", "s0_pulse", chip="/dev/gpiochip0"), "METER: chip is unknown"),
        ("pi_gpio", "s0_pulse", meter("pi_gpio", "s0_pulse", chip=None), "METER: chip is missing"),
        ("pi_gpio", "s0_pulse", meter("pi_gpio", "s0_pulse", pin=17), "pin is 17, which METER: pin uses already"),
        ("rpi_pico", "dsmr_p1", meter("rpi_pico", "dsmr_p1", uart=0, tx=0, rx=1), "uart is 0, which LINK uses already"),
        ("rpi_pico", "sml", meter("rpi_pico", "sml", rx=6), "METER: rx is 6; UART 1 can use 5, 9"),
        (
            "rpi_pico",
            "sml",
            meter("rpi_pico", "sml", tx=0, rx=1, uart=1),
            "METER: tx is 0, which LINK: tx uses already",
        ),
        ("rpi_pico", "sml", {"CHANNELS": [ONE[0], {"name": "b", "load": True}]}, "the chip sml measures one"),
        ("pi_gpio", "pzem004t", meter("pi_gpio", "pzem004t", port=None), "METER: port is missing"),
        ("rpi_pico", "pzem004t", meter("rpi_pico", "pzem004t", port="/dev/ttyUSB0"), "METER: port is unknown"),
        ("rpi_pico", "sml", {"CHANNELS": [{**ONE[0], "small_ma": 0}]}, "small_ma is 0"),
    ],
)
def test_a_mistake_in_a_meters_literals_is_named(tmp_path, base, driver, changes, words):
    assert words in refusal(tmp_path, base, driver, **changes)


def test_small_ma_may_be_given(tmp_path):
    assert refusal(tmp_path, "rpi_pico", "sml", CHANNELS=[{**ONE[0], "small_ma": 500}]) == ""


def test_a_converter_is_its_own_chips(tmp_path):
    board = written(tmp_path, "esp32_devkit", ESP32_ADC, ESP32_PINS)
    board.board["METER"]["driver"] = "rp2040_adc"
    assert any("driver is 'rp2040_adc', which is RP2040's; this is ESP32" in wrong for wrong in boards.check(board))


def test_a_driver_that_the_manifest_forgets_is_told(tmp_path):
    board = metering(tmp_path, "rpi_pico", "s0_pulse")
    board.manifest["DRIVERS"].remove("pin_edges")
    (wrong,) = boards.check(board)
    assert "manifest.py: DRIVERS: 'pin_edges' is missing, which METER in board.py calls for" in wrong


@pytest.mark.parametrize(
    ("driver", "limit", "quantity"),
    [
        ("s0_pulse", "over_current_ma", "current"),
        ("s0_pulse", "under_voltage_mv", "voltage"),
        ("ina228", "over_frequency_mhz", "frequency"),
    ],
)
def test_a_limit_of_what_the_meter_does_not_tell_is_refused(tmp_path, driver, limit, quantity):
    board = metering(tmp_path, "rpi_pico", driver)
    limits = boards.load("rpi_pico").board["CONTACTORS"][0]["protection"]
    none = {key: None for key in limits if key.startswith(("over_", "under_", "instant"))}
    board.board["CONTACTORS"][0]["protection"] = {**limits, **none, "channel": "grid", limit: 1000}
    (wrong,) = boards.check(board)
    assert f"{limit} is 1000; {driver} does not tell {quantity}, so it never trips: None" in wrong


def test_what_is_untold_is_what_the_drivers_say():
    from gridnode.drivers import atm90e32, esp32_adc, ina226, ina228, pzem004t, s0_pulse, smart_meter

    words = {"voltage_rms_mv": "voltage", "current_rms_ma": "current", "frequency_mhz": "frequency"}
    for driver in (atm90e32, esp32_adc, ina226, ina228, pzem004t, s0_pulse, smart_meter):
        name = driver.__name__.rpartition(".")[2]
        cannot = {words[quantity] for quantity in getattr(driver, "CANNOT", ()) if quantity in words}
        assert set(UNTOLD.get(name, ())) == cannot, name
