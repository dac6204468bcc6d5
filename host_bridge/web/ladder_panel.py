"""The ladder of degradation: what the agent does on each rung, and which homes stand there now."""

from host_bridge.agent.energy.view import EnergyView, RungView
from host_bridge.web.elements import Text, attribute, box, mark
from host_bridge.web.energy_words import listed
from host_bridge.web.header import Panel


class LadderPanel:
    """A row for each rung, the best above."""

    def __init__(self) -> None:
        with Panel("The ladder", "what the agent still does when something is missing"):
            self._list = box("ol", "ladder")
        self._rows: dict[str, _Rung] = {}

    def tick(self, view: EnergyView) -> None:
        if list(self._rows) != [rung.name for rung in view.ladder]:
            self._list.clear()
            with self._list:
                self._rows = {rung.name: _Rung(rung) for rung in view.ladder}
        for name, row in self._rows.items():
            row.show([home.name for home in view.homes if home.standing.rung == name])


class _Rung:
    def __init__(self, rung: RungView) -> None:
        with box("li", f"rung place-{rung.place}") as self._element:
            with box("div"):
                Text("strong", rung.name)
                Text("p", rung.done, "note")
            self._count = Text("span", "", "count")
            self._homes = Text("p", "", "names")

    def show(self, homes: list[str]) -> None:
        count = len(homes)
        self._count.show(f"{count} home{'' if count == 1 else 's'}")
        self._homes.show(listed(homes) if homes else "")
        attribute(self._element, "data-empty", None if homes else "true")
        mark(self._homes, hidden=not homes)
