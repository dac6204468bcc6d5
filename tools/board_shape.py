"""The keys of a board's files: which there are, and what each value has to be, from the tables below.

Each value is looked at by itself; what they mean together is tools/board_check.py's. Every sentence names the file
and the key.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridnode.link.regions import REGIONS
from gridnode.wire.schema import TEXT_MAX
from tools.chips import CHIPS

if TYPE_CHECKING:
    from tools.boards import Board

BAUD_RATES = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)


@dataclass(frozen=True)
class Kind:
    """What a value has to be, in words and as a test."""

    words: str
    fits: Callable[[Any], bool]


def _whole(low: int, high: int) -> Kind:
    return Kind(f"a whole number from {low} to {high}", lambda value: type(value) is int and low <= value <= high)


def _one_of(*values: object) -> Kind:
    words = ", ".join(map(repr, values))
    return Kind(f"one of {words}", lambda value: any(type(value) is type(one) and value == one for one in values))


def _or_none(kind: Kind) -> Kind:
    return Kind(f"{kind.words}, or None", lambda value: value is None or kind.fits(value))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value == value.strip() != "" and len(value.encode()) <= TEXT_MAX


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _all(words: str, fits: Callable[[Any], bool]) -> Kind:
    return Kind(words, lambda value: isinstance(value, list) and all(map(fits, value)))


NAME = Kind(f"a text of 1 to {TEXT_MAX} bytes, no blanks around it", _is_name)
TEXT = Kind("a text that is not empty", _is_text)
TEXTS = _all("a list of texts", _is_text)
TABLE = Kind("a dict", lambda value: isinstance(value, dict))
RECORDS = _all("a list of dicts", lambda value: isinstance(value, dict))
PIN = _whole(0, 63)
LEVEL = _one_of(0, 1)
COUNTS = _whole(1, 1 << 20)
PRICE = Kind("a number from 0 to 10000", lambda value: type(value) in (int, float) and 0 <= value <= 10000)

# A key that ends in ? may be left out.
Table = Mapping[str, Kind]
BOARD: Table = {
    "NAME": NAME,
    "MCU": _one_of(*CHIPS),
    "LINK": TABLE,
    "METER": TABLE,
    "CHANNELS": RECORDS,
    "CONTACTORS": RECORDS,
    "BUTTON?": _or_none(TABLE),
    "LED?": _or_none(TABLE),
    "WATCHDOG_MS": _or_none(_whole(1, 1_000_000)),
    "POWER_FAIL": _or_none(TABLE),
}
SAMPLED: Table = {
    "SAMPLE_RATE_HZ": _whole(400, 100_000),
    "NOMINAL_FREQUENCY_HZ": _one_of(50, 60),
    "NOMINAL_VOLTAGE_MV": _whole(1_000, 1_000_000),
}
# A board that is a Pi's radio and no node: it meters nothing, switches nothing.
GATEWAY: Table = {
    **BOARD,
    "RADIO": TABLE,
    "METER": _one_of(None),
    "CHANNELS": _all("an empty list", lambda _: False),
    "CONTACTORS": _all("an empty list", lambda _: False),
    "POWER_FAIL": _one_of(None),
}
_FREQUENCY: Table = {"NOMINAL_FREQUENCY_HZ": SAMPLED["NOMINAL_FREQUENCY_HZ"]}
NEEDS_NOMINAL: Mapping[str, Table] = {  # meters that tell windows, and must know the mains they are of
    "atm90e32": _FREQUENCY,
    "esp32_adc": _FREQUENCY,
    "simulated_home": {**_FREQUENCY, "NOMINAL_VOLTAGE_MV": SAMPLED["NOMINAL_VOLTAGE_MV"]},
}
_UART: Table = {"uart": _whole(0, 7), "tx": PIN, "rx": PIN}
_I2C: Table = {"bus": _whole(0, 15), "sda": PIN, "scl": PIN}
_SPI: Table = {"bus": _whole(0, 7), "sck": PIN, "mosi": PIN, "miso": PIN, "select": PIN}
_AIR: Table = {
    "region": _one_of(*REGIONS),
    "antenna_dbi": _whole(-10, 30),
    "power_dbm": _whole(2, 22),
}
_SX1276: Table = {"reset": PIN, "dio0": PIN, **_AIR}
_SX1262: Table = {
    "reset": PIN,
    "busy": PIN,
    "dio1": PIN,
    "tcxo_mv": _one_of(None, 1600, 1700, 1800, 2200, 2400, 2700, 3000, 3300),
    "dio2_switch": _one_of(False, True),
    **_AIR,
}
RADIOS: Mapping[str, Table] = {"sx1276": {**_SPI, **_SX1276}, "sx1262": {**_SPI, **_SX1262}}
_PI_SPI: Table = {"bus": _whole(0, 7), "select": LEVEL}
PI_RADIOS: Mapping[str, Table] = {
    "sx1276": {**_PI_SPI, "chip": TEXT, **_SX1276},
    "sx1262": {**_PI_SPI, "chip": TEXT, **_SX1262},
}
WIRED_LINKS: Mapping[str, Table] = {
    "uart": {"id": _whole(0, 7), "tx": PIN, "rx": PIN, "baud": _one_of(*BAUD_RATES)},
    "fd": {},
    "pty": {},
}
LINKS: Mapping[str, Table] = {**WIRED_LINKS, **RADIOS}
PI_LINKS: Mapping[str, Table] = {**WIRED_LINKS, **PI_RADIOS}
GATEWAY_LINKS: Mapping[str, Table] = {"usb": {}, "uart": WIRED_LINKS["uart"]}
_SHUNT: Table = {
    "address": _whole(0x40, 0x4F),
    "shunt_uohm": _whole(1, 1_000_000),
    "largest_ma": _whole(1, 1_000_000),
}
_S0: Table = {
    "pin": PIN,
    "active_level": LEVEL,
    "pulses_per_kwh": _whole(1, 100_000),
    "largest_w": _whole(1, 100_000),
}


def _meters(line: Table, i2c: Table, spi: Table, pulses: Table) -> Mapping[str, Table]:
    """The meters that measure by themselves, by what leads to them."""
    return {
        "pzem004t": {**line, "address": _whole(1, 247)},
        "atm90e32": spi,
        "ina226": {**i2c, **_SHUNT},
        "ina228": {**i2c, **_SHUNT},
        "s0_pulse": {**_S0, **pulses},
        "dsmr_p1": line,
        "sml": line,
    }


METERS: Mapping[str, Table] = {
    "rp2040_adc": {"voltage_pin": PIN},
    "esp32_adc": {"voltage_pin": PIN},
    "replay": {"heater_contactor": NAME, "heater_power_mw": _whole(0, 100_000_000)},
    "simulated_home": {
        "charge": NAME,
        "discharge": NAME,
        "hold": NAME,
        "capacity_mwh": _whole(1, 10**9),
        "power_mw": _whole(1, 10**8),
        "efficiency_permille": _whole(1, 1000),
    },
    **_meters(_UART, _I2C, _SPI, {}),
}
# On a Pi the system has the pins: a serial port has a path, a bus its number, a chip on SPI the number of its select.
PI_METERS = _meters({"port": TEXT}, {"bus": _whole(0, 15)}, _PI_SPI, {"chip": TEXT})
FROM_SAMPLES = ("rp2040_adc", "replay")
CHANNEL: Table = {"name": NAME, "load": _one_of(False, True), "small_ma?": _whole(1, 1_000_000)}
SAMPLED_CHANNEL: Table = {
    **CHANNEL,
    "voltage_nv_per_count": _whole(1, 10**12),
    "current_na_per_count": _whole(1, 10**12),
    "clip_counts": COUNTS,
}
_GAIN = _whole(1, 0xFFFF)
_SCALE = _whole(1, 10**12)
CHANNELS: Mapping[str, Table] = {  # of other meters: CHANNEL
    "replay": SAMPLED_CHANNEL,
    "rp2040_adc": {**SAMPLED_CHANNEL, "pin": PIN},
    "esp32_adc": {**CHANNEL, "pin": PIN, "voltage_nv_per_mv": _SCALE, "current_na_per_mv": _SCALE},
    "atm90e32": {**CHANNEL, "voltage_gain": _GAIN, "current_gain": _GAIN},
}
CONTACTOR: Table = {
    "name": NAME,
    "driver": _one_of("relay", "gpiod", "simulated"),
    "min_on_s": _whole(0, 3600),
    "min_off_s": _whole(0, 3600),
    "max_hold_s": _whole(1, 86_400),
    "feedback_ms": _whole(1, 10_000),
    "retry_after_s": _whole(1, 86_400),
    "retries": _whole(0, 100),
    "retry_window_s": _whole(1, 86_400),
    "protection": _or_none(TABLE),
    "safe": _one_of("open"),
    "interlock": _or_none(NAME),
}
ON_A_PIN: Table = {
    **CONTACTOR,
    "pin": PIN,
    "closed_level": LEVEL,
    "feedback_pin": _or_none(PIN),
    "feedback_closed_level?": LEVEL,
}
COILS: Mapping[str, Table] = {"relay": ON_A_PIN, "gpiod": {**ON_A_PIN, "chip": TEXT}, "simulated": CONTACTOR}
_LIMIT = _or_none(_whole(1, 10**9))
PROTECTION: Table = {
    "channel": NAME,
    "over_current_ma": _LIMIT,
    "time_multiplier_ms": _whole(1, 100_000),
    "instant_ma": _LIMIT,
    "over_voltage_mv": _LIMIT,
    "under_voltage_mv": _LIMIT,
    "over_frequency_mhz": _LIMIT,
    "under_frequency_mhz": _LIMIT,
    "hold_off_ms": _whole(0, 600_000),
    "without_meter": _one_of("stay", "open"),
}
BUTTON: Table = {"pin": PIN, "pressed_level": LEVEL, "timeout_s": _whole(1, 86_400)}
POWER_FAIL: Table = {"pin": PIN, "failing_level": LEVEL}
LED: Table = {"pin": PIN, "lit_level": LEVEL}

MANIFEST: Table = {
    "IMAGE": _or_none(TEXT),
    "MPY_ARCH": _or_none(_one_of("armv6m", "xtensawin", "rv32imc")),
    "FLASH_BYTES": _or_none(_whole(1 << 16, 1 << 28)),
    "FILESYSTEM": _or_none(TABLE),
    "DRIVERS": TEXTS,
    "HEADER": _or_none(TABLE),
    "ONBOARD": TABLE,
    "WIRING": RECORDS,
    "PARTS": RECORDS,
    "LIMITS": TEXTS,
}
FILESYSTEM: Table = {
    "offset": _whole(0, 1 << 28),
    "bytes": _whole(1 << 14, 1 << 28),
    "block_bytes": _one_of(4096),
    "program_bytes": _one_of(32, 128, 256),
}
HEADER: Table = {
    "left": TEXTS,
    "right": TEXTS,
    "numbers": _one_of("around", "across", "down"),
    "usb": _one_of("top", "bottom", None),
}
WIRED: Table = {"part": TEXT, "side": _one_of("left", "right"), "wires": TABLE, "notes": TEXTS, "beyond?": TABLE}
BEYOND: Table = {"at": _one_of("mains", "12 V"), "part": TEXT, "wires": TEXTS, "notes": TEXTS}
GROUPS = ("node", "meter", "switching", "installation")
PART: Table = {"part": TEXT, "count": _whole(1, 100), "price_eur": PRICE, "group": _one_of(*GROUPS), "why": TEXT}


def shape(board: "Board") -> list[str]:
    """Keys that are missing, unknown, or of the wrong kind."""
    return [*_shape_of_board(board), *_shape_of_manifest(board)]


def _shape_of_board(board: "Board") -> Iterator[str]:
    file, values = file_of(board, "board.py"), board.board
    if "RADIO" in values:
        yield from _record(file, values, GATEWAY)
        yield from _by_driver(f"{file}: LINK", values.get("LINK"), GATEWAY_LINKS)
        yield from _by_driver(f"{file}: RADIO", values["RADIO"], RADIOS)
        return
    on_a_pi = values.get("MCU") == "linux"
    meter = values.get("METER")
    driver = meter.get("driver") if isinstance(meter, dict) else None
    needed = SAMPLED if driver in FROM_SAMPLES else NEEDS_NOMINAL.get(str(driver), {})
    optional = {f"{key}?": kind for key, kind in SAMPLED.items() if key not in needed}
    yield from _record(file, values, {**BOARD, **needed, **optional})
    yield from _by_driver(f"{file}: LINK", values.get("LINK"), PI_LINKS if on_a_pi else LINKS)
    yield from _by_driver(f"{file}: METER", meter, PI_METERS if on_a_pi else METERS)
    channel = CHANNELS.get(str(driver), CHANNEL)
    yield from _records(f"{file}: CHANNELS", values.get("CHANNELS"), lambda _: channel)
    yield from _records(
        f"{file}: CONTACTORS", values.get("CONTACTORS"), lambda value: COILS.get(str(value.get("driver")), CONTACTOR)
    )
    for index, contactor in enumerate(values.get("CONTACTORS") or ()):
        if isinstance(contactor, dict) and isinstance(contactor.get("protection"), dict):
            where = f"{file}: CONTACTORS[{index}] ({contactor.get('name')}): protection"
            yield from _record(where, contactor["protection"], PROTECTION)
    for key, table in (("BUTTON", BUTTON), ("LED", LED), ("POWER_FAIL", POWER_FAIL)):
        if isinstance(values.get(key), dict):
            yield from _record(f"{file}: {key}", values[key], table)


def _shape_of_manifest(board: "Board") -> Iterator[str]:
    file, values = file_of(board, "manifest.py"), board.manifest
    yield from _record(file, values, MANIFEST)
    for key, table in (("FILESYSTEM", FILESYSTEM), ("HEADER", HEADER)):
        if isinstance(values.get(key), dict):
            yield from _record(f"{file}: {key}", values[key], table)
    yield from _records(f"{file}: PARTS", values.get("PARTS"), lambda _: PART)
    yield from _records(f"{file}: WIRING", values.get("WIRING"), lambda _: WIRED)
    for wired in values.get("WIRING") or ():
        if isinstance(wired, dict) and isinstance(wired.get("beyond"), dict):
            yield from _record(f"{file}: WIRING ({wired.get('part')}): beyond", wired["beyond"], BEYOND)


def _by_driver(where: str, value: Any, tables: Mapping[str, Table]) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _record(where, value, {"driver": _one_of(*tables), **tables.get(str(value.get("driver")), {})})


def _records(where: str, values: Any, table: Callable[[Mapping[str, Any]], Table]) -> Iterator[str]:
    for index, value in enumerate(values if isinstance(values, list) else ()):
        if isinstance(value, dict):
            known = value.get("name", value.get("part"))
            yield from _record(f"{where}[{index}]{f' ({known})' if known else ''}", value, table(value))


def _record(where: str, value: Mapping[str, Any], table: Table) -> Iterator[str]:
    known = {key.removesuffix("?"): (kind, key.endswith("?")) for key, kind in table.items()}
    for key, (kind, optional) in known.items():
        if key not in value:
            if not optional:
                yield f"{where}: {key} is missing; it must be {kind.words}"
        elif not kind.fits(value[key]):
            yield f"{where}: {key} is {value[key]!r}; it must be {kind.words}"
    if "driver" in known and not known["driver"][0].fits(value.get("driver")):
        return  # the other keys are the driver's
    for key in value:
        if key not in known:
            yield f"{where}: {key} is unknown; there are {', '.join(known)}"


def file_of(board: "Board", name: str) -> str:
    """The file's name, as people find it."""
    return f"{board.folder.parent.name}/{board.name}/{name}"
