"""What cannot work or is not safe of a board whose keys are right: its literals together, against tools/chips.py.

Every sentence names the file and the key.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gridnode.link.regions import REGIONS, Plan
from gridnode.wire.schema import TEXTS_MAX
from tools.board_shape import file_of
from tools.board_uses import CONVERTERS, DIRECT, TELEGRAMS, Use, number_of, radios, uses
from tools.chips import CHIPS, Chip

if TYPE_CHECKING:
    from tools.boards import Board

PULLED = ("feedback", "button", "pulse")  # inputs that the chip's own resistor holds
DRIVEN = ("relay", "led", "tx", "sda", "scl", "sck", "mosi", "select", "reset")
ACTS_ON = {"replay": ("heater_contactor",), "simulated_home": ("charge", "discharge", "hold")}  # contactors
HOME_CHANNELS = 3
ONE_CHANNEL = ("pzem004t", *DIRECT, "s0_pulse", *TELEGRAMS)
MODULES = {  # of gridnode/drivers, what a meter's literal calls for on a microcontroller
    "rp2040_adc": ("rp2040_adc",),
    "esp32_adc": ("esp32_adc",),
    "replay": ("replay_meter",),
    "simulated_home": ("simulated_home", "home_profile"),
    "pzem004t": ("pzem004t", "uart"),
    "atm90e32": ("atm90e32",),
    "ina226": ("ina226",),
    "ina228": ("ina228",),
    "s0_pulse": ("s0_pulse", "pin_edges"),
    "dsmr_p1": ("dsmr_p1", "smart_meter", "uart"),
    "sml": ("sml", "smart_meter", "uart"),
}
UNTOLD = {  # what a meter does not tell: CANNOT of its driver; of telegrams, what the meter at hand may leave out
    "ina226": ("frequency",),
    "ina228": ("frequency",),
    "esp32_adc": ("frequency",),
    "s0_pulse": ("voltage", "current", "frequency"),
}
_LIMITS_OF = {
    "current": ("over_current_ma", "instant_ma"),
    "voltage": ("over_voltage_mv", "under_voltage_mv"),
    "frequency": ("over_frequency_mhz", "under_frequency_mhz"),
}
_FASTEST_PULSES = 3_600_000_000 // 60  # pulses a kWh times W: S0's are at least 60 ms apart (drivers/s0_pulse.py)


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
    if use.role in DRIVEN and use.pin not in chip.outputs:
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


def _bus_problems(board: "Board", chip: Chip) -> Iterator[str]:
    link, meter = board.board["LINK"], board.board["METER"]
    if link["driver"] == "uart":
        yield from _routes("LINK", "id", link["id"], link, "UART", chip.uart, chip.uart_taken)
    for key, radio in radios(board.board):
        yield from _routes(key, "bus", radio["bus"], radio, "SPI", chip.spi, {})
        yield from _radio_problems(key, radio, board.board)
    if meter is None:
        return
    yield from _meter_problems(board.board, chip)
    if "uart" in meter:
        yield from _routes("METER", "uart", meter["uart"], meter, "UART", chip.uart, chip.uart_taken)
        if link["driver"] == "uart" and link["id"] == meter["uart"]:
            yield f"METER: uart is {meter['uart']}, which LINK uses already"
    if meter["driver"] in DIRECT:
        yield from _routes("METER", "bus", meter["bus"], meter, "I2C", chip.i2c, {})
    if meter["driver"] == "atm90e32":
        yield from _routes("METER", "bus", meter["bus"], meter, "SPI", chip.spi, {})


def _radio_problems(key: str, radio: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[str]:
    meter = values["METER"]
    if meter is not None and meter["driver"] == "atm90e32" and meter["bus"] == radio["bus"]:
        yield f"{key}: bus is {radio['bus']}, which METER uses already; each wants its own rate"
    if radio["driver"] == "sx1276" and radio["power_dbm"] > 20:
        yield f"{key}: power_dbm is {radio['power_dbm']}; the SX1276 gives 20 at most"
    try:
        Plan(REGIONS[radio["region"]], radio["antenna_dbi"], radio["power_dbm"])
    except ValueError as error:
        yield f"{key}: {error}"


def _meter_problems(values: Mapping[str, Any], chip: Chip) -> Iterator[str]:
    meter, driver = values["METER"], values["METER"]["driver"]
    if values["MCU"] not in CONVERTERS.get(driver, (values["MCU"],)):
        yield f"METER: driver is {driver!r}, which is {CHIPS[CONVERTERS[driver][0]].title}'s; this is {chip.title}"
    if driver in DIRECT and meter["shunt_uohm"] * meter["largest_ma"] > DIRECT[driver]:
        drop_mv = meter["shunt_uohm"] * meter["largest_ma"] / 1e6
        most_mv = DIRECT[driver] / 1e6
        title = driver.upper()
        yield f"METER: largest_ma through shunt_uohm is {drop_mv:.1f} mV; the {title} measures {most_mv:.2f} mV at most"
    if driver == "s0_pulse" and meter["pulses_per_kwh"] * meter["largest_w"] > _FASTEST_PULSES:
        yield (
            f"METER: pulses_per_kwh is {meter['pulses_per_kwh']}: at largest_w {meter['largest_w']} they come closer "
            "than the 60 ms of S0"
        )


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
    yield from _watched_problems(key, limits, values["METER"]["driver"])
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
        if key == "CHANNELS" and not listed and values["METER"] is not None:
            yield "CHANNELS is empty; a node meters something"
        if len(listed) > TEXTS_MAX:
            yield f"{key} has {len(listed)}; the wire carries {TEXTS_MAX} at most"
        yield from (f"{key}: {name!r} is there {times} times" for name, times in Counter(listed).items() if times > 1)
    meter = values["METER"]
    if meter is None:
        return
    for key in ACTS_ON.get(meter["driver"], ()):
        if meter[key] not in [one["name"] for one in values["CONTACTORS"]]:
            yield f"METER: {key} is {meter[key]!r}, which is none of CONTACTORS"
    if meter["driver"] == "simulated_home" and len(values["CHANNELS"]) != HOME_CHANNELS:
        yield f"CHANNELS has {len(values['CHANNELS'])}; a simulated home has grid, solar and battery, in this order"
    most = 1 if meter["driver"] in ONE_CHANNEL else 3 if meter["driver"] == "atm90e32" else TEXTS_MAX
    if len(values["CHANNELS"]) > most:
        measures = "one" if most == 1 else most
        yield f"CHANNELS has {len(values['CHANNELS'])}; the chip {meter['driver']} measures {measures}"


def _watched_problems(key: str, limits: Mapping[str, Any], driver: str) -> Iterator[str]:
    """Limits of what the meter does not tell would never trip, and nobody would know."""
    for quantity, names in _LIMITS_OF.items():
        if quantity in UNTOLD.get(driver, ()):
            for name in names:
                if limits[name] is not None:
                    yield f"{key}: {name} is {limits[name]}; {driver} does not tell {quantity}, so it never trips: None"


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
    if manifest["FLASH_BYTES"] is not None:  # a microcontroller: what is not listed is not on it
        missing = [pair for pair in _modules(board.board) if pair[0] not in manifest["DRIVERS"]]
        yield from (f"DRIVERS: {module!r} is missing, which {key} in board.py calls for" for module, key in missing)
    place = manifest["FILESYSTEM"]
    if place is not None:
        flash = manifest["FLASH_BYTES"] or 0
        if place["offset"] % place["block_bytes"] or place["bytes"] % place["block_bytes"]:
            yield f"FILESYSTEM: offset and bytes must be whole blocks of {place['block_bytes']}"
        if place["offset"] + place["bytes"] > flash:
            yield f"FILESYSTEM ends at 0x{place['offset'] + place['bytes']:x}, behind FLASH_BYTES (0x{flash:x})"
    yield from _wiring_problems(board)


def _modules(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Modules of gridnode/drivers that the literals call for, and which key does; one may come twice."""
    if values["METER"] is not None:
        yield from ((module, "METER") for module in MODULES.get(values["METER"]["driver"], ()))
    if values["LINK"]["driver"] == "uart":
        yield "uart", "LINK"
    if values["LINK"]["driver"] == "usb":
        yield "usb_stream", "LINK"
    for key, radio in radios(values):
        yield radio["driver"], key
        yield "pin_edges", key
    if any(contactor["driver"] == "relay" for contactor in values["CONTACTORS"]):
        yield "relay", "CONTACTORS"
    for key in ("BUTTON", "LED", "POWER_FAIL"):
        if values.get(key):
            yield "panel", key
    if values["WATCHDOG_MS"] is not None:
        yield "chip", "WATCHDOG_MS"


def _wiring_problems(board: "Board") -> Iterator[str]:
    header = board.manifest["HEADER"]
    labels = set(header["left"] + header["right"]) if header else set()
    used = {use.pin: use.key for use in uses(board) if use.role != "spare"}
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
