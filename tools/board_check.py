"""What cannot work or is not safe of a board whose keys are right: its literals together, against tools/chips.py.

Every sentence names the file and the key.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridnode.wire.schema import TEXTS_MAX
from tools.board_shape import file_of
from tools.chips import CHIPS, Chip

if TYPE_CHECKING:
    from tools.boards import Board

PULLED = ("feedback", "button")  # inputs that the chip's own resistor holds
_LABEL = re.compile(r"(?:GPIO|GP|IO)(\d+)\b")


@dataclass(frozen=True)
class Use:
    """A pin that board.py uses.

    role: adc, relay, feedback, button, led, sense, tx, rx, sda or scl; words: what for.
    """

    key: str
    pin: int
    role: str
    words: str


def uses(board: "Board") -> list[Use]:
    """Every pin that board.py uses, in its order."""
    return [*_bus_uses(board.board), *_contactor_uses(board.board), *_panel_uses(board.board)]


def _bus_uses(values: Mapping[str, Any]) -> Iterator[Use]:
    link, meter = values["LINK"], values["METER"]
    if link["driver"] == "uart":
        yield Use("LINK: tx", link["tx"], "tx", f"to the Pi, {link['baud']} baud")
        yield Use("LINK: rx", link["rx"], "rx", f"from the Pi, {link['baud']} baud")
    if meter["driver"] == "rp2040_adc":
        yield Use("METER: voltage_pin", meter["voltage_pin"], "adc", "voltage")
        for index, channel in enumerate(values["CHANNELS"]):
            yield Use(f"CHANNELS[{index}]: pin", channel["pin"], "adc", f"current, {channel['name']}")
    if meter["driver"] == "pzem004t":
        yield Use("METER: tx", meter["tx"], "tx", "to the meter, 9600 baud")
        yield Use("METER: rx", meter["rx"], "rx", "from the meter, 9600 baud")
    if meter["driver"] == "ina226":
        yield from _i2c_uses(meter, CHIPS[values["MCU"]])


def _i2c_uses(meter: Mapping[str, Any], chip: Chip) -> Iterator[Use]:
    """The pins that the literals name, or else the only ones that the bus has."""
    bus_pins = {role: min(pins) for role, pins in (chip.i2c.get(meter["bus"]) or {}).items() if len(pins) == 1}
    for role in ("sda", "scl"):
        pin = meter.get(role, bus_pins.get(role))
        if pin is not None:
            yield Use(f"METER: {role if role in meter else 'bus'}", pin, role, f"I2C {role.upper()}")


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


def problems(board: "Board") -> list[str]:
    """What cannot work or is not safe, of a board whose shape is right."""
    chip = CHIPS[board.board["MCU"]]
    found = [
        *_pin_problems(board, chip),
        *_bus_problems(board, chip),
        *_contactor_problems(board, chip),
        *_name_problems(board.board),
        *_watchdog_problems(board.board, chip),
    ]
    in_board = [f"{file_of(board, 'board.py')}: {words}" for words in found]
    return in_board + [f"{file_of(board, 'manifest.py')}: {words}" for words in _manifest_problems(board)]


def _pin_problems(board: "Board", chip: Chip) -> Iterator[str]:
    used = uses(board)
    for number, use in enumerate(used):
        earlier = next((other for other in used[:number] if other.pin == use.pin), None)
        if earlier is not None:
            yield f"{use.key} is {use.pin}, which {earlier.key} uses already"
        yield from (f"{use.key} is {use.pin}: {wrong}" for wrong in _pin_refusals(use, chip, _header_pins(board)))


def _pin_refusals(use: Use, chip: Chip, header: set[int] | None) -> Iterator[str]:
    if use.pin not in chip.pins:
        yield f"{chip.title} has no such pin"
        return
    if use.pin in chip.taken:
        yield f"that pin is {chip.taken[use.pin]}"
    elif header is not None and use.pin not in header:
        yield "that pin is not on this board's header (HEADER and ONBOARD in manifest.py)"
    if use.role == "adc" and use.pin not in chip.adc:
        yield f"{chip.title}'s converter reaches {_listed(chip.adc)} only"
    if use.role in ("relay", "led", "tx", "sda", "scl") and use.pin not in chip.outputs:
        yield "that pin is an input only"
    if use.role in PULLED and use.pin not in chip.outputs:
        yield "that pin has no resistor of its own to hold it; take another"
    if chip.strapping.get(use.pin, use.role) != use.role:
        yield f"{chip.title} looks at that pin to choose how it starts; take another"


def _header_pins(board: "Board") -> set[int] | None:
    header = board.manifest["HEADER"]
    if header is None:
        return None
    return {pin for label in header["left"] + header["right"] if (pin := number_of(label)) is not None} | set(
        board.manifest["ONBOARD"]
    )


def number_of(label: str) -> int | None:
    """The pin's number by the label of the header, such as "GP15"; None: not a pin of the chip's."""
    found = _LABEL.match(label)
    return int(found[1]) if found else None


def _bus_problems(board: "Board", chip: Chip) -> Iterator[str]:
    link, meter = board.board["LINK"], board.board["METER"]
    if link["driver"] == "uart":
        yield from _routes("LINK", "id", link["id"], link, "UART", chip.uart, chip.uart_taken)
    if meter["driver"] == "pzem004t":
        yield from _routes("METER", "uart", meter["uart"], meter, "UART", chip.uart, chip.uart_taken)
        if link["driver"] == "uart" and link["id"] == meter["uart"]:
            yield f"METER: uart is {meter['uart']}, which LINK uses already"
    if meter["driver"] == "ina226":
        yield from _routes("METER", "bus", meter["bus"], meter, "I2C", chip.i2c, {})
        if board.board["MCU"] != "linux" and not {"sda", "scl"} <= set(meter):
            yield "METER: sda and scl are missing; a microcontroller's I2C needs its pins"
        if meter["shunt_uohm"] * meter["largest_ma"] > 81_920_000:
            drop_mv = meter["shunt_uohm"] * meter["largest_ma"] / 1e6
            yield f"METER: largest_ma through shunt_uohm is {drop_mv:.1f} mV; the INA226 measures 81.92 mV at most"


def _routes(
    where: str,
    key: str,
    unit: int,
    spec: Mapping[str, Any],
    what: str,
    routes: Mapping[int, Mapping[str, frozenset[int]] | None],
    taken: Mapping[int, str],
) -> Iterator[str]:
    if unit not in routes:
        yield f"{where}: {key} is {unit}; there is {what} {_listed(routes) or 'none'} on this chip"
        return
    if unit in taken:
        yield f"{where}: {key} is {unit}: that is {taken[unit]}"
    for role, pins in (routes[unit] or {}).items():
        if role in spec and spec[role] not in pins:
            yield f"{where}: {role} is {spec[role]}; {what} {unit} can use {_listed(pins)}"


def _contactor_problems(board: "Board", chip: Chip) -> Iterator[str]:
    groups = Counter(contactor["interlock"] for contactor in board.board["CONTACTORS"])
    for index, contactor in enumerate(board.board["CONTACTORS"]):
        key = f"CONTACTORS[{index}] ({contactor['name']})"
        if contactor["max_hold_s"] < contactor["min_on_s"]:
            yield f"{key}: max_hold_s is {contactor['max_hold_s']}, shorter than min_on_s"
        if contactor["interlock"] is not None and groups[contactor["interlock"]] == 1:
            yield f"{key}: interlock is {contactor['interlock']!r}, which no other contactor has; None: there is none"
        yield from _protection_problems(f"{key}: protection", contactor["protection"], board.board)
        if contactor["driver"] == "simulated":
            continue
        if contactor["feedback_pin"] is not None and "feedback_closed_level" not in contactor:
            yield f"{key}: feedback_closed_level is missing; it is the level of feedback_pin while closed"
        if chip.pull.get(contactor["pin"]) == contactor["closed_level"]:
            pin, level = contactor["pin"], contactor["closed_level"]
            yield f"{key}: pin is {pin}: the chip pulls it to {level} at reset, which is closed; take another"


def _protection_problems(key: str, limits: Mapping[str, Any] | None, values: Mapping[str, Any]) -> Iterator[str]:
    if limits is None:
        return
    if limits["channel"] not in [channel["name"] for channel in values["CHANNELS"]]:
        yield f"{key}: channel is {limits['channel']!r}, which is none of CHANNELS"
    for low, high in (
        ("under_voltage_mv", "over_voltage_mv"),
        ("under_frequency_mhz", "over_frequency_mhz"),
        ("over_current_ma", "instant_ma"),
    ):
        if limits[low] is not None and limits[high] is not None and limits[low] >= limits[high]:
            yield f"{key}: {low} is {limits[low]}, not below {high}, {limits[high]}"


def _name_problems(values: Mapping[str, Any]) -> Iterator[str]:
    for key in ("CHANNELS", "CONTACTORS"):
        listed = [record["name"] for record in values[key]]
        if key == "CHANNELS" and not listed:
            yield "CHANNELS is empty; a node meters something"
        if len(listed) > TEXTS_MAX:
            yield f"{key} has {len(listed)}; the wire carries {TEXTS_MAX} at most"
        yield from (f"{key}: {name!r} is there {times} times" for name, times in Counter(listed).items() if times > 1)
    meter = values["METER"]
    if meter["driver"] == "replay" and meter["heater_contactor"] not in [one["name"] for one in values["CONTACTORS"]]:
        yield f"METER: heater_contactor is {meter['heater_contactor']!r}, which is none of CONTACTORS"
    if meter["driver"] in ("pzem004t", "ina226") and len(values["CHANNELS"]) > 1:
        yield f"CHANNELS has {len(values['CHANNELS'])}; the chip {meter['driver']} measures one"


def _watchdog_problems(values: Mapping[str, Any], chip: Chip) -> Iterator[str]:
    wanted, limits = values["WATCHDOG_MS"], chip.watchdog_ms
    if limits is None:
        if wanted is not None:
            yield f"WATCHDOG_MS is {wanted}; there is none that the node could use: None"
    elif wanted is None:
        yield f"WATCHDOG_MS is None; a node on a chip has one, of {limits[0]} to {limits[1]} ms"
    elif not limits[0] <= wanted <= limits[1]:
        yield f"WATCHDOG_MS is {wanted}; {chip.title} takes {limits[0]} to {limits[1]}"


def _manifest_problems(board: "Board") -> Iterator[str]:
    manifest = board.manifest
    place = manifest["FILESYSTEM"]
    if place is not None:
        flash = manifest["FLASH_BYTES"] or 0
        if place["offset"] % place["block_bytes"] or place["bytes"] % place["block_bytes"]:
            yield f"FILESYSTEM: offset and bytes must be whole blocks of {place['block_bytes']}"
        if place["offset"] + place["bytes"] > flash:
            yield f"FILESYSTEM ends at 0x{place['offset'] + place['bytes']:x}, behind FLASH_BYTES (0x{flash:x})"
    yield from _wiring_problems(board)


def _wiring_problems(board: "Board") -> Iterator[str]:
    header = board.manifest["HEADER"]
    labels = set(header["left"] + header["right"]) if header else set()
    used = {use.pin: use.key for use in uses(board)}
    wired = Counter[int]()
    for part in board.manifest["WIRING"]:
        for terminal, label in part["wires"].items():
            if label not in labels:
                yield f"WIRING ({part['part']}): {terminal} goes to {label!r}, which is not on HEADER"
            pin = number_of(label)
            if pin is not None and pin not in board.manifest["ONBOARD"]:
                wired[pin] += 1
                if pin not in used and pin not in CHIPS[board.board["MCU"]].taken:
                    yield f"WIRING ({part['part']}): {terminal} goes to {label}, which board.py does not use"
    if header is not None:
        missing = [pin for pin in used if not wired[pin] and pin not in board.manifest["ONBOARD"]]
        yield from (f"WIRING: nothing goes to pin {pin}, which {used[pin]} uses" for pin in missing)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
