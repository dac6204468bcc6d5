"""The node table: how each link stands, for the person who looks after it."""

from collections.abc import Mapping

from host_bridge import words
from host_bridge.model import NodeView, Vitals
from host_bridge.times import in_words
from host_bridge.web import units
from host_bridge.web.elements import Text, box, choose, mark
from host_bridge.web.homes import LINK_WORDS

COLUMNS = (
    "Node",
    "Link",
    "Last heard",
    "Clock",
    "Round trip",
    "Board",
    "Firmware",
    "Kept on the node",
    "Readings",
    "Dropped frames",
)


class NodeTable:
    """A row for each node, updated in place. On a phone each row becomes a block with its column names."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        with box("table", "nodes"):
            Text("caption", "Nodes and their links", "visually-hidden")
            with box("thead"), box("tr"):
                for column in COLUMNS:
                    Text("th", column).props("scope=col")
            self._body = box("tbody")

    def tick(self, views: Mapping[str, NodeView], now_ms: int) -> None:
        for name in [name for name in self._rows if name not in views]:
            self._rows.pop(name).element.delete()
        for position, (name, view) in enumerate(views.items()):
            if name not in self._rows:
                with self._body:
                    self._rows[name] = _Row(name)
                self._rows[name].element.move(target_index=position)
            self._rows[name].show(view, now_ms)


class _Row:
    def __init__(self, name: str) -> None:
        with box("tr") as self.element:
            Text("th", name).props("scope=row")
            with box("td", data_label=COLUMNS[1]):
                self._link = Text("span", "", "link")
                self._url = Text("span", "", "note url")
            self._cells = []
            for column in COLUMNS[2:]:
                cell = Text("td")
                cell.props["data-label"] = column
                self._cells.append(cell)

    def show(self, view: NodeView, now_ms: int) -> None:
        self._link.show(LINK_WORDS[view.link_state])
        choose(self._link, "link", view.link_state.value)
        self._url.show(link_words(view))
        mark(self.element, stale=view.link_state != "online")
        texts = (
            units.age(now_ms - view.last_heard_ms) if view.last_heard_ms else "never",
            clock_words(view),
            units.lapse(view.round_trip_ms),
            view.board or units.NOTHING,
            view.firmware or units.NOTHING,
            vitals_words(view.vitals, now_ms),
            f"{view.counters.get('readings', 0):,}",
            f"{dropped(view.counters):,}",
        )
        for cell, text in zip(self._cells, texts, strict=True):
            cell.show(text)


def link_words(view: NodeView) -> str:
    """The port, or how the node is reached by radio."""
    way = view.way
    if way is None:
        return view.link
    by = f" by {way.next_hop}" if way.next_hop else ""
    hops = f"{way.hops}{units.SPACE}hop{'s' if way.hops > 1 else ''}{by}"
    kind = "simulated LoRa" if way.is_simulated else "LoRa"
    lost = [] if view.loss_ppm is None else [f"{view.loss_ppm / 10_000:.1f}{units.SPACE}% lost"]
    return ", ".join([kind, hops, *lost, *(["one way"] if way.is_one_way else [])])


def clock_words(view: NodeView) -> str:
    """How far the node's clock has gone from ours since the session began, and how wrong that may be at most; of a
    node behind a radio the second alone, as the first is less."""
    if view.clock_error_ms is None:
        return units.NOTHING
    offset = "" if view.way else units.scaled(view.clock_offset_ms, 0, "ms", divisor=1) + " "
    return f"{offset}\N{PLUS-MINUS SIGN}{units.SPACE}{units.lapse(view.clock_error_ms)}"


def vitals_words(vitals: Vitals | None, now_ms: int) -> str:
    """Plan, calibration, life of the flash, reach of the journal, and whether the node knows the time."""
    if vitals is None:
        return units.NOTHING
    parts = [
        f"plan {plan_words(vitals, now_ms)}",
        f"calibration {f'version {vitals.calibration_version}' if vitals.calibration_version else 'none'}",
        *words.lasting(vitals.journal_days, vitals.flash_years, units.SPACE),
        *([] if vitals.clock_known else ["clock not set"]),
    ]
    return "; ".join(parts)


def plan_words(vitals: Vitals, now_ms: int) -> str:
    """What the node would follow if it were alone."""
    if not vitals.plan_version:
        return "none"
    left_ms = vitals.plan_until_unix_s * 1000 - now_ms
    until = f"for {in_words(left_ms)}" if left_ms > 0 else "has run out"
    return f"version {vitals.plan_version}, {until}"


def dropped(counters: Mapping[str, int]) -> int:
    """Frames that came damaged or were no message of ours."""
    return sum(count for name, count in counters.items() if name.startswith("dropped") or name == "rejected")
