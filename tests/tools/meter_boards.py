"""A board of ours with another meter, as somebody would write it: board.py and manifest.py as text, then loaded."""

import copy
import pprint
from pathlib import Path
from typing import Any

from tools import boards
from tools.board_check import MODULES
from tools.boards import Board

METER_PARTS = (
    "INA226",
    "PZEM-004T v3, serial side",
    "Bias 1.65 V",
    "CT 1, grid",
    "CT 2, water heater",
    "Voltage transformer",
)
ONE = [{"name": "grid", "load": False}]
PHASES = [{"name": f"L{number}", "load": False, "voltage_gain": 7305, "current_gain": 11131} for number in (1, 2, 3)]
SHUNT = {"address": 0x40, "shunt_uohm": 2000, "largest_ma": 20_000}
S0 = {"active_level": 0, "pulses_per_kwh": 1000, "largest_w": 10_000}
I2C_PINS = {"bus": 0, "sda": 4, "scl": 5}
UART_PINS = {"uart": 1, "tx": 4, "rx": 5}
SPI_PINS = {"bus": 0, "sck": 18, "mosi": 19, "miso": 16, "select": 17}
FIFTY = {"NOMINAL_FREQUENCY_HZ": 50}

# Driver -> what it adds to a Pico's board.py, and the pins that are wired then.
ON_A_PICO: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "pzem004t": ({"METER": {**UART_PINS, "address": 1}, "CHANNELS": ONE}, (4, 5)),
    "atm90e32": ({"METER": SPI_PINS, "CHANNELS": PHASES, **FIFTY}, (18, 19, 16, 17)),
    "ina226": ({"METER": {**I2C_PINS, **SHUNT}, "CHANNELS": ONE}, (4, 5)),
    "ina228": ({"METER": {**I2C_PINS, **SHUNT}, "CHANNELS": ONE}, (4, 5)),
    "s0_pulse": ({"METER": {"pin": 2, **S0}, "CHANNELS": ONE}, (2,)),
    "dsmr_p1": ({"METER": UART_PINS, "CHANNELS": ONE}, (5,)),
    "sml": ({"METER": UART_PINS, "CHANNELS": ONE}, (5,)),
}
ON_A_PI: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "pzem004t": ({"METER": {"port": "/dev/ttyUSB0", "address": 1}, "CHANNELS": ONE}, ()),
    "atm90e32": ({"METER": {"bus": 0, "select": 1}, "CHANNELS": PHASES, **FIFTY}, (11, 10, 9, 7)),
    "ina226": ({"METER": {"bus": 1, **SHUNT}, "CHANNELS": ONE}, (2, 3)),
    "ina228": ({"METER": {"bus": 1, **SHUNT}, "CHANNELS": ONE}, (2, 3)),
    "s0_pulse": ({"METER": {"chip": "/dev/gpiochip0", "pin": 4, **S0}, "CHANNELS": ONE}, (4,)),
    "dsmr_p1": ({"METER": {"port": "/dev/ttyUSB0"}, "CHANNELS": ONE}, ()),
    "sml": ({"METER": {"port": "/dev/ttyUSB0"}, "CHANNELS": ONE}, ()),
}


def metering(folder: Path, base: str, driver: str, **changes: Any) -> Board:
    """`base` metering by `driver`, from files in `folder`. changes: names of board.py that are otherwise."""
    literals, pins = (ON_A_PI if base == "pi_gpio" else ON_A_PICO)[driver]
    literals = {**literals, "METER": {"driver": driver, **literals["METER"]}}
    return written(folder, base, {**literals, **changes}, pins)


def written(folder: Path, base: str, changes: dict[str, Any], pins: tuple[int, ...]) -> Board:
    """`base` with other literals, a part wired to `pins` in its meter's place; protection is left out."""
    board = boards.load(base)
    values: dict[str, Any] = {**copy.deepcopy(board.board), **copy.deepcopy(changes)}
    for contactor in values["CONTACTORS"]:
        contactor["protection"] = None
    manifest = copy.deepcopy(board.manifest)
    header = manifest["HEADER"]["left"] + manifest["HEADER"]["right"]
    labels = {pin: next(label for label in header if _is_of(label, pin)) for pin in pins}
    manifest["WIRING"] = [part for part in manifest["WIRING"] if part["part"] not in METER_PARTS]
    side = {"left": {}, "right": {}}
    for pin, label in labels.items():
        side["left" if label in manifest["HEADER"]["left"] else "right"][f"terminal {pin}"] = label
    for which, wires in side.items():
        if wires:
            manifest["WIRING"].append({"part": f"Meter, {which}", "side": which, "wires": wires, "notes": []})
    if manifest["FLASH_BYTES"] is not None:
        meters = {module for modules in MODULES.values() for module in modules} - {"uart"}
        kept = [name for name in manifest["DRIVERS"] if name not in meters]
        manifest["DRIVERS"] = sorted({*kept, *MODULES[values["METER"]["driver"]]})
    place = folder / "boards" / base
    place.mkdir(parents=True)
    for name, literals in (("board.py", values), ("manifest.py", manifest)):
        lines = [f"{key} = {pprint.pformat(value, width=110)}" for key, value in literals.items()]
        (place / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return boards.load(base, place.parent)


def _is_of(label: str, pin: int) -> bool:
    return label.split()[0].removeprefix("GPIO").removeprefix("GP") == str(pin)
