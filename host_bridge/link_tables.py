"""What `gridnexus link` prints: one row a node, one a radio, and what was refused."""

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from host_bridge.terminal import NONE, printable, styled
from host_bridge.times import in_words

Answer = dict[str, Any]
RIGHT = ("hops", "RSSI", "margin", "loss", "round trip", "clock", "drift", "airtime")


def tables(found: Answer) -> Iterator[Table | Text]:
    """All that is told of `found`, an answer of /api/link."""
    yield node_table(found["nodes"])
    for radio in found["radios"]:
        yield radio_line(radio)
    for body in found["nodes"]:
        if body["refused"] or body["damaged"]:
            yield _refused(body)
    if found["strangers"]:
        yield Text(f"{found['strangers']} packets on the air of nodes that have no key here")


def node_table(nodes: list[Answer]) -> Table:
    """How each node is reached, and how well."""
    columns = ("node", "state", "link", "hops", "next hop", *RIGHT[1:])
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in RIGHT else "left")
    for body in nodes:
        way = body["way"] or {}
        table.add_row(
            Text(printable(body["node"])),
            styled(body["link_state"]),
            Text(body["link"]),
            Text(str(way.get("hops", NONE))),
            Text(printable(next_hop(body))),
            Text(f"{way['rssi_dbm']} dBm" if way else NONE),
            Text(f"{way['margin_db']} dB" if way else NONE, _colour(way.get("margin_db"))),
            Text(NONE if body["loss_ppm"] is None else f"{body['loss_ppm'] / 10_000:.1f} %"),
            Text(_ms(body["round_trip_ms"])),
            Text(NONE if body["clock_error_ms"] is None else f"± {_ms(body['clock_error_ms'])}"),
            Text(NONE if body["drift_ppm"] is None else f"{body['drift_ppm']:+.0f} ppm"),
            Text(_ms(way["airtime_ms"]) if way else NONE),
        )
    return table


def next_hop(body: Answer) -> str:
    """Whom the gateway gives what is for this node."""
    way = body["way"]
    if not way:
        return NONE
    return way["next_hop"] or "direct"


def radio_line(radio: Answer) -> Text:
    """A radio, its airtime, and when it may send next."""
    told = f"{radio['gateway']}: {radio['region']}" + (" (simulated)" if radio["is_simulated"] else "")
    if radio["fault"]:
        return Text(printable(f"{told}: {radio['fault']}"), "red")
    for band in radio["bands"]:
        spent, limit = band["spent_ppm"] / 10_000, band["limit_ppm"] / 10_000
        told += f", {band['low_khz'] / 1000:g}-{band['high_khz'] / 1000:g} MHz {spent:.2f} % of {limit:g} % spent"
        told += f", next send in {in_words(band['next_ms'])}" if band["next_ms"] else ", may send now"
    counts = ", ".join(f"{name} {count}" for name, count in radio["counts"].items() if count)
    jammed = "; the channel is jammed: it does not send" if radio["is_jammed"] else ""
    return Text(printable(f"{told}; packets: {counts or 'none'}{jammed}"))


def _refused(body: Answer) -> Text:
    causes = [f"{cause} {count}" for cause, count in body["refused"].items()]
    causes += [f"damaged {body['damaged']}"] if body["damaged"] else []
    return Text(printable(f"{body['node']}: packets ignored: {', '.join(causes)}"), "yellow")


def _ms(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def _colour(margin_db: int | None) -> str:
    return "" if margin_db is None else "green" if margin_db >= 10 else "yellow" if margin_db >= 4 else "red"
