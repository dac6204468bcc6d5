"""The drawing of who buys from whom, its words, and the same as a table."""

from nicegui import ui

from host_bridge.agent.energy.view import EnergyView
from host_bridge.web.elements import Text, box, mark
from host_bridge.web.energy_words import energy, watts
from host_bridge.web.header import Panel
from host_bridge.web.trade_map import Ribbon, apart, drawing, ribbons

LEGEND = (
    ("trade", "traded among neighbours: awarded for this interval, pairs estimated"),
    ("import", "from the grid: metered now, beyond what is traded"),
    ("export", "to the grid: likewise"),
)


class TradePanel:
    """Drawn anew only where a figure has changed by enough to be seen."""

    def __init__(self) -> None:
        with Panel("Who buys from whom", "now") as panel:
            # drawing() escapes what comes from names.
            self._maps = [ui.html("", sanitize=False).classes(f"trade-map {room}") for room in ("wide", "narrow")]
            self._nothing = Text("p", "Nothing flows between the homes and the grid now, or no meter tells.", "note")
            self._apart = Text("p", "", "note")
            with box("ul", "legend note", aria_label="What the colours say"):
                for kind, words in LEGEND:
                    with box("li"):
                        box("span", f"swatch ribbon-{kind}", aria_hidden="true")
                        Text("span", words)
            with box("details", "more"):
                Text("summary", "The same as a table")
                with box("div", "scroll"), box("table", "nodes plain"):
                    with box("thead"), box("tr"):
                        for title in ("From", "To", "Power", "In this interval"):
                            Text("th", title).props("scope=col")
                    self._body = box("tbody")
        self._note, self._shown = panel.note, [Ribbon("", "", 0, "")]

    def tick(self, view: EnergyView) -> None:
        shown = ribbons(view)
        self._note.show(note(view))
        self._apart.show(apart(view, shown))
        mark(self._apart, hidden=not self._apart.text)
        mark(self._nothing, hidden=bool(shown))
        if shown == self._shown:
            return
        self._shown = shown
        for element, narrow in zip(self._maps, (False, True), strict=True):
            element.set_content(drawing(shown, narrow))
        self._body.clear()
        with self._body:
            for each in shown:
                with box("tr"):
                    Text("th", each.seller).props("scope=row")
                    for text in (
                        each.buyer,
                        watts(each.watts),
                        energy(each.energy_mwh) if each.energy_mwh else "not traded",
                    ):
                        Text("td", text)


def note(view: EnergyView) -> str:
    """Beside the title."""
    traded = view.community.traded_mwh
    if view.community.mode != "market":
        return f"no market: the agent plans {view.community.mode}"
    return f"{energy(traded)} traded in this interval" if traded else "nothing is traded in this interval"
