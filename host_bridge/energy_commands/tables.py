"""What `gridnexus energy` prints. Units are shown; what is not known is a dash, what is estimated says so."""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from host_bridge.terminal import NONE, printable

Answer = dict[str, Any]
COLOURS = {0: "green", 1: "green", 2: "yellow", 3: "yellow", 4: "bold red"}
MOST_STEPS = 48


def community(found: Answer, zone: tzinfo) -> Iterator[Text]:
    """All homes together, in lines."""
    its = found["community"]
    yield Text(printable(f"{its['mode']}, {_clock(found['time_s'], zone)} of the grid {found['speed_says']}".rstrip()))
    if found["fault"]:
        yield Text(printable(found["fault"]), "bold red")
    price = f"{_ct(its['price_mct'])}, {_kwh(its['traded_mwh'])} traded" if its["traded_mwh"] else f"no trade: " \
        f"{its['price_why']}"  # fmt: skip
    yield Text(printable(f"market: {price}; the supplier takes {_ct(its['buy_mct'])} and pays {_ct(its['sell_mct'])}"))
    for trade in its["trades"]:
        yield Text(printable(f"  {trade['seller']} -> {trade['buyer']}: {_kwh(trade['estimated_mwh'])} (estimated)"))
    if its["feeder"]:
        feeder = its["feeder"]
        full = f"{feeder['estimated_loading_permille'] / 10:.0f} % at {feeder['fullest']} (estimated)"
        yield Text(printable(f"feeder {feeder['name']}: {full}"))
    if its["savings"]:
        yield savings(its["savings"])
    if pool := its["pool"]:
        paid = (
            "" if pool["paid_micro"] is None else f"; for {pool['paid_day']} it paid out {_money(pool['paid_micro'])}"
        )
        yield Text(printable(f"pool: {_money(pool['held_micro'])}, each day's paid out by what each home added{paid}"))


def savings(its: Answer) -> Text:
    """Against doing nothing, with the band."""
    share = NONE if its["permille"] is None else f"{its['permille'] / 10:.1f} %"
    band = "" if its["low_permille"] is None else (
        f", {its['low_permille'] / 10:.1f} to {its['high_permille'] / 10:.1f} %")  # fmt: skip
    waiting = f"; {its['open_intervals']} intervals wait for a meter" if its["open_intervals"] else ""
    money = f"{_money(its['saved_micro'])} of {_money(its['baseline_micro'])}"
    return Text(f"saved against doing nothing: {money}, {share}{band} ({its['says']}{waiting})")


def homes(found: Answer) -> Table:
    """A row a home."""
    right = ("load", "sun", "battery", "grid", "content")
    table = _table(("home", "rung", *right, "doing", "what is wrong"), right)
    for home in found["homes"]:
        standing = home["standing"]
        content = NONE
        if home["content_estimated_wh"] is not None:
            sure = home["content_uncertain_wh"]
            content = f"{home['content_estimated_wh'] / 1000:.1f} ± {sure / 1000:.1f} kWh"
        powers = (_watts(home[f"{part}_w"]) for part in ("load", "solar", "battery", "grid"))
        causes = standing["causes"][0] if standing["causes"] else ""
        table.add_row(_plain(home["name"]), Text(standing["rung"], COLOURS.get(standing["place"], "")), *powers,
                      Text(content), Text(home["now_doing"]), _plain(causes))  # fmt: skip
    return table


def plan(found: Answer, zone: tzinfo) -> Iterator[Table | Text]:
    """The steps ahead; all of it estimated."""
    ahead = found["ahead"]
    if ahead is None:
        yield Text("there is no plan for this home now")
        return
    names = {"load_w": "load", "solar_w": "sun", "battery_w": "battery", "loads_w": "loads", "grid_w": "grid"}
    table = _table(("time", *names.values(), "content", "price", "why"), (*names.values(), "content", "price"))
    for step in range(min(MOST_STEPS, len(ahead["grid_w"]))):
        time_s = ahead["start_s"] + step * ahead["step_s"]
        table.add_row(_clock(time_s, zone), *(_watts(ahead[name][step]) for name in names),
                      f"{ahead['content_wh'][step] / 1000:.1f} kWh", _ct(ahead["buy_mct"][step]),
                      _plain(ahead["why"][step]))  # fmt: skip
    yield table
    its = found["next_switching"]
    if its:
        target = f"{its['contactor']} {its['target']}, {its['action']}"
        yield Text(printable(f"next switching at {_clock(its['at_s'], zone)}: {target}: {its['why']}"))
    yield Text(f"when it is alone its node keeps to: {found['node_plan'] or 'no plan from here'}")


def decisions(home: Answer, found: Sequence[Answer], zone: tzinfo) -> Iterator[Table | Text]:
    """Newest first, with what became of each."""
    standing = home["standing"]
    yield Text(printable(f"{home['name']}: {standing['rung']}"), COLOURS.get(standing["place"], ""))
    for cause in standing["causes"]:
        yield _plain(f"  {cause}")
    table = _table(("time", "what", "why", "outcome"), ())
    for each in found:
        table.add_row(_clock(each["time_s"], zone), _plain(each["action"]), _plain(each["reason"]),
                      _plain(each["outcome"]))  # fmt: skip
    yield table


def ladder(found: Sequence[Answer]) -> Table:
    """The rungs, best first."""
    table = _table(("rung", "what is done", "what it means"), ())
    for rung in found:
        table.add_row(Text(rung["name"], COLOURS.get(rung["place"], "")), rung["done"], rung["shown"])
    return table


def _table(columns: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


def _plain(text: str) -> Text:
    return Text(printable(text))


def _clock(time_s: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(time_s, zone).strftime("%d %b %H:%M")


def _watts(value: float | None) -> str:
    return NONE if value is None else f"{value:.0f} W"


def _kwh(mwh: int) -> str:
    return f"{mwh / 1e6:.3f} kWh"


def _money(micro: int) -> str:
    return f"{micro / 10_000:.1f} ct"


def _ct(mct: int | None) -> str:
    return "an unknown price" if mct is None else f"{mct / 1000:.1f} ct/kWh"
