"""The pins that a board's literals use, and what for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.chips import CHIPS, Chip

if TYPE_CHECKING:
    from tools.boards import Board

CONVERTERS = {"rp2040_adc": ("rp2040",), "esp32_adc": ("esp32",)}  # the chip that each is in
TELEGRAMS = {"dsmr_p1": 115_200, "sml": 9600}  # baud
DIRECT = {"ina226": 81_920_000, "ina228": 163_840_000}  # the shunt's largest voltage, nV
RADIO_CHIPS = ("sx1276", "sx1262")
_LABEL = re.compile(r"(?:GPIO|GP|IO)(\d+)\b")


@dataclass(frozen=True)
class Use:
    """A pin that board.py uses.

    role: adc, relay, feedback, button, led, sense, pulse, tx, rx, spare (taken, but nothing is wired to it), sda, scl,
    sck, mosi, miso, select, reset, ready (the chip tells that it is) or event (and that something happened); words:
    what for.
    """

    key: str
    pin: int
    role: str
    words: str


def uses(board: "Board") -> list[Use]:
    """Every pin that board.py uses, in its order."""
    return [*_bus_uses(board.board), *_contactor_uses(board.board), *_panel_uses(board.board)]


def _bus_uses(values: Mapping[str, Any]) -> Iterator[Use]:
    link = values["LINK"]
    if link["driver"] == "uart":
        yield Use("LINK: tx", link["tx"], "tx", f"to the Pi, {link['baud']} baud")
        yield Use("LINK: rx", link["rx"], "rx", f"from the Pi, {link['baud']} baud")
    chip = CHIPS[values["MCU"]]
    for key, radio in radios(values):
        yield from _radio_uses(key, radio, chip)
    if values["METER"] is not None:
        yield from _meter_uses(values, chip)


def radios(values: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """(key, literal) of the radio that is on the board's pins, where it has one."""
    return [(key, values[key]) for key in ("LINK", "RADIO") if values.get(key, {}).get("driver") in RADIO_CHIPS]


def _radio_uses(key: str, radio: Mapping[str, Any], chip: Chip) -> Iterator[Use]:
    yield from _bus_pins(key, radio, chip.spi, ("sck", "mosi", "miso"), "SPI")
    if select := _selected(key, radio, chip):
        yield select
    yield Use(f"{key}: reset", radio["reset"], "reset", "radio, 0 resets")
    if "busy" in radio:
        yield Use(f"{key}: busy", radio["busy"], "ready", "radio, 1 is busy")
    event = "dio0" if "dio0" in radio else "dio1"
    yield Use(f"{key}: {event}", radio[event], "event", "radio, rises when a packet was sent or came")


def _meter_uses(values: Mapping[str, Any], chip: Chip) -> Iterator[Use]:
    meter, driver = values["METER"], values["METER"]["driver"]
    if driver in CONVERTERS:
        yield Use("METER: voltage_pin", meter["voltage_pin"], "adc", "voltage")
        for index, channel in enumerate(values["CHANNELS"]):
            yield Use(f"CHANNELS[{index}]: pin", channel["pin"], "adc", f"current, {channel['name']}")
    elif driver == "pzem004t" and "uart" in meter:
        yield Use("METER: tx", meter["tx"], "tx", "to the meter, 9600 baud")
        yield Use("METER: rx", meter["rx"], "rx", "from the meter, 9600 baud")
    elif driver in TELEGRAMS and "uart" in meter:
        yield Use("METER: tx", meter["tx"], "spare", "nothing: the meter is only listened to")
        yield Use("METER: rx", meter["rx"], "rx", f"from the meter, {TELEGRAMS[driver]} baud")
    elif driver in DIRECT:
        yield from _bus_pins("METER", meter, chip.i2c, ("sda", "scl"), "I2C")
    elif driver == "atm90e32":
        yield from _bus_pins("METER", meter, chip.spi, ("sck", "mosi", "miso"), "SPI")
        if select := _selected("METER", meter, chip):
            yield select
    elif driver == "s0_pulse":
        yield Use("METER: pin", meter["pin"], "pulse", f"pulses, {meter['active_level']} is one")


def _bus_pins(
    key: str,
    spec: Mapping[str, Any],
    routes: Mapping[int, Mapping[str, frozenset[int]] | None],
    roles: tuple[str, ...],
    what: str,
) -> Iterator[Use]:
    """The pins that the literals name, or else the only ones that the bus has."""
    only = {role: min(pins) for role, pins in (routes.get(spec["bus"]) or {}).items() if len(pins) == 1}
    for role in roles:
        pin = spec.get(role, only.get(role))
        if pin is not None:
            yield Use(f"{key}: {role if role in spec else 'bus'}", pin, role, f"{what} {role.upper()}")


def _selected(key: str, spec: Mapping[str, Any], chip: Chip) -> Use | None:
    """The pin that selects the chip: the literal names it, or where the system drives it, its number."""
    pins = chip.selects or range(64)
    pin = pins[spec["select"]] if spec["select"] < len(pins) else None
    return None if pin is None else Use(f"{key}: select", pin, "select", "SPI select, 0 selects")


def _contactor_uses(values: Mapping[str, Any]) -> Iterator[Use]:
    for index, contactor in enumerate(values["CONTACTORS"]):
        if contactor["driver"] == "simulated":
            continue
        key, name = f"CONTACTORS[{index}] ({contactor['name']})", contactor["name"]
        yield Use(f"{key}: pin", contactor["pin"], "relay", f"{name}: {contactor['closed_level']} closes")
        if contactor["feedback_pin"] is not None:
            level = contactor.get("feedback_closed_level")
            yield Use(f"{key}: feedback_pin", contactor["feedback_pin"], "feedback", f"{name}: {level} is closed")


def _panel_uses(values: Mapping[str, Any]) -> Iterator[Use]:
    if values.get("BUTTON"):
        yield Use(
            "BUTTON: pin", values["BUTTON"]["pin"], "button", f"button, pressed is {values['BUTTON']['pressed_level']}"
        )
    if values.get("LED"):
        yield Use("LED: pin", values["LED"]["pin"], "led", f"lamp, lit is {values['LED']['lit_level']}")
    if values["POWER_FAIL"]:
        failing = values["POWER_FAIL"]["failing_level"]
        yield Use("POWER_FAIL: pin", values["POWER_FAIL"]["pin"], "sense", f"supply, {failing} is going")


def number_of(label: str) -> int | None:
    """The pin's number by the label of the header, such as "GP15"; None: not a pin of the chip's."""
    found = _LABEL.match(label)
    return int(found[1]) if found else None
