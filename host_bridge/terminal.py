"""What the command line prints: tables and sentences from the API's answers, units always shown.

Names and texts come from nodes, so nothing in them may reach the terminal as a control sequence.
"""

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from host_bridge import words
from host_bridge.times import in_words, local

Answer = dict[str, Any]
NONE = "\u2013"
PADDING = 2  # right of each column; its divider is one more
STYLES = {
    "online": "green", "connecting": "dim", "stale": "yellow", "incompatible": "red",
    "info": "dim", "warning": "yellow", "error": "red", "problem": "bold red", "ok": "green",
}  # fmt: skip
# Part of a field's name: (the unit that 1000 of it make, decimals shown). The longer part comes first.
UNITS = {
    "_mwh": ("Wh", 3), "_mw": ("W", 1), "_mvar": ("var", 1), "_mva": ("VA", 1), "_mv": ("V", 1),
    "_ma": ("A", 2), "_mhz": ("Hz", 3), "_ms": ("s", 0),
}  # fmt: skip
LEFT_OUT = ("node", "channel", "journal_epoch", "sequence", "node_end_ms")  # of interest to programs alone
# The width from which a column is shown.
NODE_COLUMNS = {
    "node": 0, "link state": 0, "power": 0, "voltage": 72, "frequency": 100, "heard": 86, "contactors": 56,
    "lasts": 140, "clock offset": 170, "round trip": 170, "board": 170, "firmware": 170,
}  # fmt: skip
SELDOM_READ = ("reactive_", "apparent_")


def printable(text: object) -> str:
    """`text` on one line, with whatever a terminal might obey replaced."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(text))


def styled(word: object) -> Text:
    """A link state or a level in its colour; the word itself says it too."""
    return Text(printable(word), STYLES.get(str(word), ""))


def thousandths(value: int | None, unit: str, decimals: int = 1) -> str:
    """mW, mV, mHz, mWh in their unit: thousandths(230104, "V") is "230.1 V"."""
    return NONE if value is None else f"{value / 1000:,.{decimals}f} {unit}"


def power(milliwatts: int | None) -> str:
    """Active power with its direction in a word: "812 W import", "2.35 kW export"."""
    if milliwatts is None:
        return NONE
    watts = abs(milliwatts) / 1000
    size = f"{watts:.0f} W" if watts < 999.5 else f"{watts / 1000:.2f} kW"
    return f"{size} {'export' if milliwatts < 0 else 'import'}" if round(watts) else "0 W"


def contactor(body: Answer) -> str:
    """One contactor: reported state first, then what runs down, then what is asked for and not yet reported."""
    text = f"{body['name']} {body['state'] or 'not reported'}"
    if body["state"] in ("tripped", "locked out"):
        text += f" ({body['cause']})"
    if body["hold_remaining_ms"]:
        text += f", hold {in_words(body['hold_remaining_ms'])}"
    if body["dwell_remaining_ms"]:
        text += f", dwell {in_words(body['dwell_remaining_ms'])}"
    if body["pending"]:
        text += f", asked: {body['pending']['target']}"
    return printable(text)


def first(node: Answer, quantity: str) -> int | None:
    """The first channel's value that is known: what stands for the whole node in one line."""
    known = (channel[quantity] for channel in node["channels"] if channel[quantity] is not None)
    return next(known, None)


def age(node: Answer, now_ms: int) -> str:
    """How long ago the node was heard."""
    return in_words(now_ms - node["last_heard_ms"]) if node["last_heard_ms"] else "never"


def nodes_table(nodes: Sequence[Answer], now_ms: int, width: int = 120) -> Table:
    """One row a node; a narrow terminal gets fewer columns, never cut ones."""
    columns = [column for column, needs in NODE_COLUMNS.items() if width >= needs]
    table = _table(columns, right=("power", "voltage", "frequency", "heard", "clock offset", "round trip"))
    for node in nodes:
        cells = _node_cells(node, now_ms)
        faded = "" if node["link_state"] == "online" else "dim"
        table.add_row(*(cells[column] for column in columns), style=faded)
    return table


def readings_table(rows: Sequence[Answer], zone: tzinfo | None, width: int = 120) -> Table:
    """Columns follow the rows' fields, units from their names, as many from the left as `width` holds whole.

    A quantity that was never measured is left out; those that few people read come last.
    """
    names = [name for name in rows[0] if name not in LEFT_OUT and any(row[name] is not None for row in rows)]
    names.sort(key=lambda name: name.startswith(SELDOM_READ))
    columns = {heading(name).replace(" ", "\n"): [_cell(name, row[name], zone) for row in rows] for name in names}
    room = width - 2  # the table's own edges
    table = Table(box=box.SIMPLE_HEAD, padding=(0, PADDING, 0, 0), pad_edge=False)
    for title, cells in columns.items():
        room -= max(map(len, cells + title.split("\n"))) + PADDING + 1
        if room < 0:
            break
        table.add_column(Text(title), justify="right", vertical="bottom")
    for line in zip(*list(columns.values())[: len(table.columns)], strict=True):
        table.add_row(*map(Text, line))
    return table


def heading(name: str) -> str:
    """A field's name and unit for people: "active_power_mw" is "active power W"."""
    if name in ("time_ms", "start_ms"):
        return name.removesuffix("_ms")
    if name == "clock_error_ms":
        return "clock error ms"
    for suffix, (unit, _) in UNITS.items():
        if suffix in name:
            return " ".join(f"{name.replace(suffix, '')}".strip("_").split("_") + [unit]).strip()
    return name.replace("_", " ")


def outcome(command: Answer) -> str:
    """What became of a command, in a sentence; with a refusal, why and how long its cause lasts."""
    what = f"{command['node']} {command['contactor']}"
    if command["verdict"] == "applied":
        done = "no longer locked out, and open" if command["target"] == "reset" else command["target"]
        sentence = f"applied: {what} is {done}"
        if command["target"] == "closed":
            sentence += f", and opens by itself after {in_words(command['hold_s'] * 1000)} unless asked again"
    elif command["verdict"] == "refused":
        sentence = f"refused ({command['refusal']}): {what} was not switched"
        detail = words.REASONS.get(command["detail"], command["detail"])
        sentence = f"{sentence}; {detail}" if detail else sentence
        sentence += f"; try again in {in_words(command['wait_ms'])}" if command["wait_ms"] else ""
    else:
        sentence = f"{command['verdict']}: the link failed, so {what} may or may not be {command['target']}"
        sentence += f"; {command['detail']}" if command["detail"] else "; see its reported state with: gridnexus nodes"
    return printable(sentence)


def kept(command: Answer) -> str:
    """What became of a document that a node was to keep, in a sentence."""
    what = f"{command['node']}: the {command['target']}"
    if command["verdict"] == "applied":
        return printable(f"applied: {what} is kept as version {command['version']}, digest {command['digest']}")
    if command["verdict"] == "refused":
        detail = words.REASONS.get(command["detail"], command["detail"])
        return printable(f"refused ({command['refusal']}): {what} stays as it was; {detail}")
    return printable(f"{command['verdict']}: {what} may or may not be replaced ({command['detail']}); see: --show")


def event_line(event: Answer, zone: tzinfo | None, form: str = "%H:%M:%S") -> Text:
    """One event: time, level, node, text."""
    line = Text(local(event["time_ms"], zone, form) + " ", "dim")
    line.append_text(styled(event["level"]))
    return line.append(printable(f" {event['node']}: " if event["node"] else " ") + printable(event["text"]), "default")


def _node_cells(node: Answer, now_ms: int) -> dict[str, Text]:
    texts = {
        "node": node["name"],
        "power": power(node["active_power_mw"]),
        "voltage": thousandths(first(node, "voltage_rms_mv"), "V"),
        "frequency": thousandths(first(node, "frequency_mhz"), "Hz", 2),
        "heard": age(node, now_ms),
        "clock offset": _milliseconds(node["clock_offset_ms"]),
        "round trip": _milliseconds(node["round_trip_ms"]),
        "board": node["board"],
        "firmware": node["firmware"],
    }
    cells = {column: Text(printable(text)) for column, text in texts.items()}
    cells["link state"] = styled(node["link_state"])
    vitals = node["vitals"]
    lasts = words.lasting(vitals["journal_days"], vitals["flash_years"]) if vitals else []
    cells["lasts"] = Text("\n".join(lasts) or NONE)
    cells["contactors"] = Text("\n".join(contactor(body) for body in node["contactors"]) or NONE)
    return cells


def _milliseconds(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f} ms"


def _table(columns: Iterable[str], right: Sequence[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=column == "power")
    return table


def _cell(name: str, value: int | str | None, zone: tzinfo | None) -> str:
    if value is None:
        return NONE
    if name in ("time_ms", "start_ms"):
        return local(int(value), zone)
    if name == "quality":
        return words.quality(int(value))
    if name == "clock_error_ms":
        return f"{value:,}"
    for suffix, (_, decimals) in UNITS.items():
        if suffix in name and isinstance(value, int):
            return f"{value / 1000:,.{decimals}f}"
    return printable(value)
