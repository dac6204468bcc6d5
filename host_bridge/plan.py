"""A node's plan as people write it (TOML) -> its document, and back to words.

    valid_from = 2026-11-23T00:00:00          # local time of the configuration's zone where none is given
    valid_until = 2026-11-24T00:00:00
    prices = [[2026-11-23T00:00:00, 0.284], [2026-11-23T13:00:00, 0.119]]     # of a kWh, each until the next

    [[row]]                                   # the first row that applies decides
    contactor = "heater"
    start = 2026-11-23T12:00:00               # default: valid_from
    duration = "4h"                           # default: until valid_until
    target = "closed"                         # default
    when = "export >= 1500 W"                 # or: price <= 0.15, frequency <= 49.9 Hz, voltage >= 245 V
    until = "export >= -300 W"                # the same, while it is closed

The node's own reader (gridnode.node.plan) judges every document that leaves here.
"""

import hashlib
import re
import tomllib
from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from gridnode.node import plan as node_plan
from gridnode.wire import cbor, schema
from host_bridge.times import duration_s, in_words, local

# quantity: (unit, how many of the document's units that is); in the order of the document's conditions
QUANTITIES = {"price": ("", 1000), "export": ("W", 1), "frequency": ("Hz", 1000), "voltage": ("V", 1000)}
_CONDITIONS = [(quantity, sign) for quantity in QUANTITIES for sign in ("<=", ">=")]
_CONDITION = re.compile(r"(\w+)\s*(<=|>=)\s*(-?[0-9.]+)\s*(\w*)")
ROW_KEYS = {"contactor", "start", "duration", "target", "when", "until"}
KEYS = {"valid_from", "valid_until", "prices", "row"}


class PlanError(ValueError):
    """The text is no plan for this node; the words say where and what to write."""


def read(text: str, contactors: Sequence[str], zone: tzinfo | None) -> bytes:
    """The document of a plan in TOML, for a node with these contactors. Raises PlanError."""
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"not TOML: {error}") from None
    _known(said, KEYS, "the plan")
    begin_s = _moment_s(_needed(said, "valid_from", "the plan"), "valid_from", zone)
    end_s = _moment_s(_needed(said, "valid_until", "the plan"), "valid_until", zone)
    if end_s <= begin_s:
        raise PlanError("valid_until must be after valid_from")
    prices = _prices(said.get("prices", []), begin_s, zone)
    rows = said.get("row", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PlanError("write each row under its own [[row]]")
    made = [_row(row, f"row {number}", contactors, begin_s, end_s, zone) for number, row in enumerate(rows, 1)]
    if any(len(row) > 4 and row[4] in (1, 2) for row in made) and not prices:
        raise PlanError("a row looks at the price, and there are no prices")
    return _document([node_plan.FORMAT, begin_s, end_s, prices, *made], len(contactors))


def empty() -> bytes:
    """The document that is no plan."""
    return _document([node_plan.FORMAT, 0, 0, []], 0)


def describe(body: bytes, contactors: Sequence[str], zone: tzinfo | None) -> list[str]:
    """What a document says, in lines for people. Raises PlanError when it is none for this node."""
    plan = _parsed(body, len(contactors))
    if not plan.rows and plan.world is None:
        return ["no plan: the node goes safe when no host holds a contactor"]

    def at(minute: int) -> str:
        return local((plan.from_unix_s + 60 * minute) * 1000, zone, "%Y-%m-%d %H:%M")

    until = f"from {at(0)} until {local(plan.until_unix_s * 1000, zone, '%Y-%m-%d %H:%M')}"
    lines = ["valid " + (until if plan.until_unix_s else "always")]
    if plan.world is not None:
        lines.append(_world(plan.world))
    steps = zip(plan.prices[::2], plan.prices[1::2], strict=True) if plan.rows else ()  # else they are the world's
    lines += [f"price {price / 1000:.3f} from {at(minute)}" for minute, price in steps]
    for start, duration, contactor, target, *condition in plan.rows:
        words = f"{contactors[contactor]} {schema.TARGETS[target]} from {at(start)} for {in_words(duration * 60_000)}"
        if condition and condition[0]:
            words += f" when {_worded(condition[0], condition[1])}"
            words += f", and then while {_worded(condition[0], condition[2])}" if len(condition) > 2 else ""
        lines.append(words)
    return lines


def _world(world: list[Any]) -> str:
    """Which microworld it is: node_world.read tells more of it."""
    role = "stands between the host's wish and its contactors" if world[0] else "acts while no host holds a contactor"
    return f"a microworld {role}: bytecode sha256:{hashlib.sha256(world[1]).hexdigest()[:12]}, {len(world[1])} bytes"


def _document(items: list[Any], contactors: int) -> bytes:
    buffer = bytearray(16 * len(str(items)))  # more than its CBOR needs
    body = bytes(buffer[: cbor.put(buffer, 0, items)])
    if len(body) > schema.BLOB_MAX:
        raise PlanError(f"it takes {len(body)} bytes and a node keeps {schema.BLOB_MAX}: fewer rows or prices, please")
    _parsed(body, contactors)
    return body


def _parsed(body: bytes, contactors: int) -> Any:
    try:
        return node_plan.Plan.parse(body, contactors)
    except ValueError as error:
        raise PlanError(f"the node would refuse it: {error}") from None


def _row(
    said: dict[str, Any], where: str, contactors: Sequence[str], begin_s: int, end_s: int, zone: tzinfo | None
) -> list[int]:
    _known(said, ROW_KEYS, where)
    contactor = _needed(said, "contactor", where)
    if contactor not in contactors:
        raise PlanError(f"{where}: no contactor {contactor!r}; the node has: {', '.join(contactors) or 'none'}")
    target = said.get("target", "closed")
    if target not in ("open", "closed"):
        raise PlanError(f"{where}: target must be open or closed, not {target!r}")
    start_s = _moment_s(said["start"], f"{where}: start", zone) if "start" in said else begin_s
    if not begin_s <= start_s < end_s:
        raise PlanError(f"{where}: start lies outside valid_from and valid_until")
    until_end_s = -(-(end_s - start_s) // 60) * 60
    lasting_s = _span_s(said["duration"], f"{where}: duration") if "duration" in said else until_end_s
    row = [_minutes(start_s - begin_s, where), _minutes(lasting_s, where), contactors.index(contactor)]
    return row + [schema.TARGETS.index(target), *_conditions(said, where)]


def _conditions(said: dict[str, Any], where: str) -> list[int]:
    if "when" not in said:
        if "until" in said:
            raise PlanError(f"{where}: until goes with when")
        return []
    number, threshold = _condition(said["when"], f"{where}: when")
    if "until" not in said:
        return [number, threshold]
    again, keeping = _condition(said["until"], f"{where}: until")
    if again != number:
        raise PlanError(f"{where}: when and until must look at the same quantity in the same direction")
    return [number, threshold, keeping]


def _condition(text: Any, where: str) -> tuple[int, int]:
    found = _CONDITION.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or found[1] not in QUANTITIES:
        shown = ", ".join(f'"{quantity} >= 1 {unit}"'.replace(' "', '"') for quantity, (unit, _) in QUANTITIES.items())
        raise PlanError(f"{where}: {text!r} is no condition; write e.g. {shown}")
    quantity, sign, number, unit = found.groups()
    wanted, factor = QUANTITIES[quantity]
    if unit != wanted:
        raise PlanError(f"{where}: {quantity} is in {wanted or 'money, without a unit'}, not {unit or 'nothing'}")
    return _CONDITIONS.index((quantity, sign)) + 1, _scaled(number, factor, where)


def _worded(condition: int, threshold: int) -> str:
    quantity, sign = _CONDITIONS[condition - 1]
    unit, factor = QUANTITIES[quantity]
    return f"{quantity} {sign} {threshold / factor:g} {unit}".rstrip()


def _prices(said: Any, begin_s: int, zone: tzinfo | None) -> list[int]:
    if not isinstance(said, list) or not all(isinstance(step, list) and len(step) == 2 for step in said):
        raise PlanError("prices: write e.g. prices = [[2026-11-23T00:00:00, 0.284], ...]")
    made = []
    for moment, price in said:
        start_s = _moment_s(moment, "prices", zone) - begin_s
        if start_s < 0:
            raise PlanError("prices: none may begin before valid_from")
        made += [_minutes(start_s, "prices"), _scaled(price, 1000, "prices")]
    return made


def _scaled(number: Any, factor: int, where: str) -> int:
    try:
        scaled = Decimal(str(number)) * factor
    except InvalidOperation:
        raise PlanError(f"{where}: {number!r} is no number") from None
    if not (scaled.is_finite() and abs(scaled) < 1 << 31):
        raise PlanError(f"{where}: {number!r} is no number a plan can hold")
    if scaled != int(scaled):
        raise PlanError(f"{where}: {number} is finer than a node can tell; {1 / factor:g} is the finest")
    return int(scaled)


def _moment_s(said: Any, where: str, zone: tzinfo | None) -> int:
    if isinstance(said, date) and not isinstance(said, datetime):
        said = datetime(said.year, said.month, said.day)
    if not isinstance(said, datetime):
        raise PlanError(f"{where}: {said!r} is no time; write e.g. 2026-11-23T18:00:00, without quotes")
    try:
        return int((said if said.tzinfo or zone is None else said.replace(tzinfo=zone)).timestamp())
    except (ValueError, OverflowError):
        raise PlanError(f"{where}: {said} is beyond what this machine can reckon with") from None


def _span_s(said: Any, where: str) -> int:
    try:
        return duration_s(str(said))
    except ValueError as error:
        raise PlanError(f"{where}: {error}") from None


def _minutes(seconds: int, where: str) -> int:
    if seconds % 60:
        raise PlanError(f"{where}: whole minutes from valid_from on, please")
    return seconds // 60


def _needed(said: dict[str, Any], key: str, where: str) -> Any:
    if key not in said:
        raise PlanError(f"{where} needs {key}")
    return said[key]


def _known(said: dict[str, Any], keys: set[str], where: str) -> None:
    unknown = sorted(said.keys() - keys)
    if unknown:
        raise PlanError(f"{where} has {unknown[0]!r}, which is nothing; there are: {', '.join(sorted(keys))}")
