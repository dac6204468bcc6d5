"""Boards are literals; what is wrong with one is said in a sentence that names the file and the key."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.board_kit import changed, loaded, said
from tools import boards
from tools.boards import BoardError, price_eur
from tools.chips import CHIPS
from tools.node_files import FIRMWARE, node_files

FLASHED = ["esp32_c3_devkit", "esp32_devkit", "lora_gateway", "rpi_pico", "rpi_pico_lora", "rpi_pico_w"]
ALL = sorted([*FLASHED, "pi_gpio", "unix", "unix_home"])


def test_these_boards_are_there():
    assert boards.names() == ALL


@pytest.mark.parametrize("name", ALL)
def test_a_board_of_ours_has_no_problem(name):
    board = boards.load(name)
    assert boards.check(board) == []
    assert (board.folder / "README.md").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"min_on_s": 3', '"min_of_s": 3', "CONTACTORS[0] (water heater): min_on_s is missing"),
        ('"max_hold_s": 900', '"max_hold_s": 900, "colour": 1', "CONTACTORS[0] (water heater): colour is unknown"),
        ('"min_on_s": 3', '"min_on_s": -1', "min_on_s is -1; it must be a whole number from 0 to 3600"),
        ('"min_off_s": 3', '"min_off_s": 3601', "min_off_s is 3601"),
        ('"min_off_s": 3', '"min_off_s": True', "min_off_s is True"),
        ('"max_hold_s": 900', '"max_hold_s": 0', "max_hold_s is 0"),
        ('"max_hold_s": 900', '"max_hold_s": 2', "max_hold_s is 2, shorter than min_on_s"),
        ('"safe": "open",', "", "CONTACTORS[0] (water heater): safe is missing; it must be one of 'open'"),
        ('"safe": "open"', '"safe": "closed"', "safe is 'closed'"),
        ('"feedback_pin": 14,', "", "feedback_pin is missing"),
        ('"feedback_closed_level": 0,', "", "feedback_closed_level is missing"),
        ('"closed_level": 1', '"closed_level": 0', "the chip pulls it to 0 at reset, which is closed"),
        ('"pin": 15', '"pin": 14', "feedback_pin is 14, which CONTACTORS[0] (water heater): pin uses already"),
        ('"pin": 28', '"pin": 27', "CHANNELS[1]: pin is 27, which CHANNELS[0]: pin uses already"),
        ('"pin": 28', '"pin": 21', "converter reaches 26, 27, 28, 29 only"),
        ('"pin": 28', '"pin": 29', "CHANNELS[1]: pin is 29: that pin is not on this board's header"),
        ('"pin": 15', '"pin": 30', "CONTACTORS[0] (water heater): pin is 30: RP2040 has no such pin"),
        ('"tx": 0', '"tx": 2', "LINK: tx is 2; UART 0 can use 0, 12, 16, 28"),
        ('"id": 0', '"id": 2', "LINK: id is 2; there is UART 0, 1 on this chip"),
        ('"baud": 115200', '"baud": 115201', "LINK: baud is 115201"),
        ('"driver": "uart"', '"driver": "usart"', "LINK: driver is 'usart'; it must be one of 'uart', 'fd', 'pty'"),
        ('"name": "water heater"', '"name": ""', "CHANNELS[1]: name is ''"),
        ('"name": "grid"', '"name": "g' + "r" * 32 + '"', "it must be a text of 1 to 32 bytes"),
        ('"name": "grid"', '"name": "water heater"', "CHANNELS: 'water heater' is there 2 times"),
        ('"interlock": "one at a time"', '"interlock": "alone"', "'alone', which no other contactor has"),
        ("WATCHDOG_MS = 4000", "WATCHDOG_MS = 8389", "WATCHDOG_MS is 8389; RP2040 takes 1 to 8388"),
        ("WATCHDOG_MS = 4000", "WATCHDOG_MS = None", "WATCHDOG_MS is None; a node on a chip has one"),
        ('MCU = "rp2040"', 'MCU = "rp2041"', "MCU is 'rp2041'"),
        ("SAMPLE_RATE_HZ = 4000", "", "SAMPLE_RATE_HZ is missing"),
        ("WATCHDOG_MS = 4000", "WATCHDOG_MS = 4000\nCOLOUR = 1", "COLOUR is unknown"),
        ('"clip_counts": 2040', '"clip_counts": 0', "CHANNELS[0] (grid): clip_counts is 0"),
    ],
)
def test_a_mistake_in_the_picos_literals_is_named(tmp_path, old, new, words):
    text = said(tmp_path, "rpi_pico", "board.py", old, new)
    assert words in text
    assert "boards/rpi_pico/board.py: " in text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"pin": 32', '"pin": 34', "pin is 34: that pin is an input only"),
        ('"feedback_pin": 18', '"feedback_pin": 35', "has no resistor of its own"),
        ('"pin": 32', '"pin": 6', "that pin is the flash"),
        ('"pin": 32', '"pin": 3', "that pin is the console (UART0)"),
        ('"pin": 32', '"pin": 12', "looks at that pin to choose how it starts"),
        ('"pin": 32', '"pin": 14', "the chip pulls it to 1 at reset, which is closed"),
        ('"pin": 32', '"pin": 20', "ESP32 has no such pin"),
        ('"id": 2', '"id": 0', "LINK: id is 0: that is the console"),
        ('"uart": 1', '"uart": 2', "METER: uart is 2, which LINK uses already"),
        ('"address": 1', '"address": 248', "METER: address is 248"),
        ('[{"name": "grid", "load": False}]', "[]", "CHANNELS is empty"),
        (
            '[{"name": "grid", "load": False}]',
            '[{"name": "a", "load": False}, {"name": "b", "load": False}]',
            "the chip pzem004t measures one",
        ),
        ("WATCHDOG_MS = 4000", "WATCHDOG_MS = 500", "ESP32 takes 1000 to 120000"),
    ],
)
def test_a_mistake_in_the_esp32s_literals_is_named(tmp_path, old, new, words):
    assert words in said(tmp_path, "esp32_devkit", "board.py", old, new)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("esp32_c3_devkit", '"pin": 10', '"pin": 18', "that pin is USB"),
        ("esp32_c3_devkit", '"pin": 10', '"pin": 8', "looks at that pin"),
        ("esp32_c3_devkit", '"id": 1', '"id": 2', "there is UART 0, 1 on this chip"),
        ("esp32_c3_devkit", '    "sda": 6,\n    "scl": 7,\n', "", "METER: sda is missing"),
        ("esp32_c3_devkit", '"shunt_uohm": 2000', '"shunt_uohm": 5000', "is 100.0 mV; the INA226 measures 81.92 mV"),
        ("pi_gpio", '"pin": 17', '"pin": 2', "pin is 2, which METER: bus uses already"),
        ("pi_gpio", '"pin": 17', '"pin": 14', "that pin is the Pi's own serial port"),
        ("pi_gpio", '"pin": 17', '"pin": 5', "the chip pulls it to 1 at reset, which is closed"),
        ("pi_gpio", '"bus": 1', '"bus": 0', "METER: bus is 0; there is I2C 1 on this chip"),
        ("pi_gpio", '"chip": "/dev/gpiochip0",', "", "CONTACTORS[0] (pump): chip is missing"),
        ("pi_gpio", "WATCHDOG_MS = None", "WATCHDOG_MS = 4000", "there is none that the node could use"),
        ("rpi_pico_w", "LED = None", 'LED = {"pin": 25, "lit_level": 1}', "not on this board's header"),
        ("unix", '"heater_contactor": "water heater"', '"heater_contactor": "pump"', "which is none of CONTACTORS"),
        ("unix_home", '"hold": "battery hold"', '"hold": "pump"', "METER: hold is 'pump', which is none of CONTACTORS"),
        ("unix_home", '"efficiency_permille": 949', '"efficiency_permille": 1001', "a whole number from 1 to 1000"),
        ("unix_home", '{"name": "solar", "load": False},', "", "CHANNELS has 2; a simulated home has grid, solar and"),
        ("unix_home", "NOMINAL_VOLTAGE_MV = 230_000", "", "NOMINAL_VOLTAGE_MV is missing"),
    ],
)
def test_a_mistake_in_other_literals_is_named(tmp_path, name, old, new, words):
    assert words in said(tmp_path, name, "board.py", old, new)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"IN": "GP15"', '"IN": "GP16"', "IN goes to GP16, which board.py does not use"),
        ('"IN": "GP15"', '"IN": "GP15b"', "which is not on HEADER"),
        ('"IN": "GP15", ', "", "WIRING: nothing goes to pin 15, which CONTACTORS[0] (water heater): pin uses"),
        ("FLASH_BYTES = 0x200000", "FLASH_BYTES = 0x100000", "FILESYSTEM ends at 0x200000, behind FLASH_BYTES"),
        ('"offset": 0xA0000', '"offset": 0xA0001', "FILESYSTEM: offset and bytes must be whole blocks"),
        ('"price_eur": 4.5', '"price_eur": -1', "PARTS[0] (Raspberry Pi Pico): price_eur is -1"),
        ('"group": "node"', '"group": "nodes"', "group is 'nodes'"),
        ("DRIVERS = ", "MODULES = ", "DRIVERS is missing"),
    ],
)
def test_a_mistake_in_the_manifest_is_named(tmp_path, old, new, words):
    text = said(tmp_path, "rpi_pico", "manifest.py", old, new)
    assert words in text
    assert "boards/rpi_pico/manifest.py: " in text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("WATCHDOG_MS = 4000", "WATCHDOG_MS = 2 * 2000", "line 98"),
        ("WATCHDOG_MS = 4000", "WATCHDOG_MS = int('4000')", "WATCHDOG_MS is not a literal"),
        ("WATCHDOG_MS = 4000", "import os\nWATCHDOG_MS = 4000", "only NAME = literal may stand here"),
        ("WATCHDOG_MS = 4000", "WATCHDOG_MS = 4000\nWATCHDOG_MS = 4001", "WATCHDOG_MS is set twice"),
        ("WATCHDOG_MS = 4000", "WATCHDOG_MS = ", "board.py, line"),
        ('"pin": 15,', '"pin": 15, "pin": 16,', "CONTACTORS: 'pin' is given twice"),
    ],
)
def test_what_is_no_literal_is_refused(tmp_path, old, new, words):
    with pytest.raises(BoardError) as refused:
        loaded(tmp_path, "rpi_pico", "board.py", old, new)
    assert words in str(refused.value)
    assert "board.py" in str(refused.value)


def test_a_board_is_never_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said(tmp_path, "rpi_pico", "board.py", "WATCHDOG_MS = 4000", "WATCHDOG_MS = open('ran', 'w')")
    assert not (tmp_path / "ran").exists()


def test_an_unknown_board_and_a_missing_manifest_are_told(tmp_path):
    with pytest.raises(BoardError, match="there is no board 'pico'; there are esp32_c3_devkit"):
        boards.load("pico")
    copy = changed(tmp_path, "unix", "board.py", "NAME", "NAME")
    (copy / "unix" / "manifest.py").unlink()
    with pytest.raises(BoardError, match="a board has a board.py and a manifest.py"):
        boards.load("unix", copy)


def test_prices_add_up_by_group():
    board = boards.load("rpi_pico")
    groups = [price_eur(board, group) for group in ("node", "meter", "switching", "installation")]
    assert sum(groups) == pytest.approx(price_eur(board))
    assert all(price > 0 for price in groups)
    assert price_eur(boards.load("unix")) == 0


@pytest.mark.slow
def test_the_list_is_for_people_and_programs(capsys, monkeypatch, tmp_path):
    assert boards.main(["--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["board"] for row in rows] == ALL
    assert boards.main(["rpi_pico"]) == 0
    assert "Raspberry Pi Pico" in capsys.readouterr().out
    assert boards.main(["pico"]) == 1
    assert "there is no board 'pico'" in capsys.readouterr().err
    monkeypatch.setattr(boards, "BOARDS", changed(tmp_path, "rpi_pico", "board.py", '"pin": 15', '"pin": 30'))
    monkeypatch.setattr(boards.names, "__defaults__", (boards.BOARDS,))
    monkeypatch.setattr(boards.load, "__defaults__", (boards.BOARDS,))
    assert boards.main([]) == 1
    assert "WRONG: boards/rpi_pico/board.py: CONTACTORS[0] (water heater): pin is 30" in capsys.readouterr().out


def test_the_rp2040s_table_keeps_its_pattern():
    """Datasheet 1.4.3: I2C repeats every four pins; each pin is SDA or SCL of one unit."""
    routes = CHIPS["rp2040"].i2c
    for pin in range(30):
        unit, role = pin // 2 % 2, "scl" if pin % 2 else "sda"
        assert pin in (routes[unit] or {})[role]


# What main.py does with a board, up to the first call into the chip: it must find each module that it asks for.
WIRES_THE_BOARD = """
import sys
import time

class NoChip(Exception):
    pass

class Absent:
    def __getattr__(self, name):
        return Absent()
    def __call__(self, *given, **named):
        raise NoChip

sys.path.insert(0, sys.argv[1])
for module in ("machine", "rp2", "uctypes", "cryptolib"):
    sys.modules[module] = Absent()
for name in ("ticks_ms", "ticks_us", "ticks_diff", "sleep_ms"):
    setattr(time, name, Absent())
import board
from gridnode import coils, hardware, start
from gridnode.drivers import chip
wanted = [lambda: coils.make_coils(board)]
if board.METER:
    from gridnode import assemble, meters
    wanted.append(lambda: meters.make_meter(board, {}, {}, int))
    wanted.append(lambda: hardware.make_panel(board, []))
    wanted.append(lambda: hardware.make_supply(board))
else:
    from gridnode import gateway
    sys.modules["micropython"] = Absent()
radio = board.LINK if "region" in board.LINK else getattr(board, "RADIO", None)
if radio:
    from gridnode import radios
    wanted.append(lambda: radios.make_radio(radio, {}, 0))
    wanted.append(lambda: radios.radio_link(radio, {"name": "home"}, int, int, 0))
if radio is not board.LINK:
    wanted.append(lambda: hardware.make_stream(board, {}))
for make in wanted:
    try:
        make()
    except NoChip:
        pass
"""


@pytest.mark.slow
def test_only_boards_with_a_radio_carry_what_it_takes():
    carried = {name: set(node_files(boards.load(name), None)) for name in ("rpi_pico", "rpi_pico_lora", "lora_gateway")}
    radio, metering = "gridnode/link/lora.mpy", "gridnode/metering/window.mpy"
    assert [radio in carried[name] for name in carried] == [False, True, True]
    assert [metering in carried[name] for name in carried] == [True, True, False]
    assert ["gridnode/gateway.mpy" in carried[name] for name in carried] == [False, False, True]


@pytest.mark.slow
@pytest.mark.parametrize("name", FLASHED)
def test_every_module_that_the_literals_call_for_is_on_the_node(name, tmp_path):
    board = boards.load(name)
    on = [Path(path).with_suffix(".py") for path in node_files(board, None)]
    for path in on:
        source = board.folder / path if path.name == "board.py" else FIRMWARE / path
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(source.read_bytes())
    command = [sys.executable, "-I", "-c", WIRES_THE_BOARD, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"sck": 18', '"sck": 17', "LINK: sck is 17; SPI 0 can use 2, 6, 18, 22"),
        ('"bus": 0', '"bus": 2', "LINK: bus is 2; there is SPI 0, 1 on this chip"),
        ('"dio0": 21', '"dio0": 22', "BUTTON: pin is 22, which LINK: dio0 uses already"),
        ('"reset": 20,', "", "LINK: reset is missing"),
        ('"region": "EU868"', '"region": "EU433"', "LINK: region is 'EU433'; it must be one of 'EU868', 'US915'"),
        ('"power_dbm": 14', '"power_dbm": 21', "the SX1276 gives 20 at most"),
        ('"power_dbm": 14', '"power_dbm": 23', "LINK: power_dbm is 23"),
        ('"driver": "sx1276"', '"driver": "sx1262"', "LINK: busy is missing"),
    ],
)
def test_what_is_wrong_with_a_radio_is_said(tmp_path, old, new, words):
    assert words in said(tmp_path, "rpi_pico_lora", "board.py", old, new)
