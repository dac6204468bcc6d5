"""What was decided for a home, with its reason and what became of it; and what was refused or got no answer."""

from collections.abc import Sequence
from datetime import tzinfo

from nicegui.element import Element

from host_bridge.agent.energy.view import DecisionView
from host_bridge.web.elements import Text, box, choose, mark
from host_bridge.web.energy_words import energy, moment
from host_bridge.web.header import Panel

MOST_SHOWN = 40
REFUSED = "refused"  # the action of what the guards did not let pass


class DecisionList:
    """The newest first. An outcome that comes later is shown in place."""

    def __init__(self, title: str, note: str, empty: str, zone: tzinfo) -> None:
        self._zone = zone
        self._rows: dict[int, _Row] = {}
        with Panel(title, note):
            self._list = box("ol", "decisions", tabindex="0", aria_label=title)
            self._empty = Text("p", empty, "note")

    def tick(self, decisions: Sequence[DecisionView], now_s: int) -> None:
        """`decisions`: newest first."""
        shown = decisions[:MOST_SHOWN]
        numbers = {each.number for each in shown}
        for gone in [number for number in self._rows if number not in numbers]:
            self._rows.pop(gone).element.delete()
        for place, each in enumerate(shown):
            if each.number not in self._rows:
                with self._list:
                    self._rows[each.number] = _Row(each)
                self._rows[each.number].element.move(target_index=place)
            self._rows[each.number].show(each, moment(each.time_s, now_s, self._zone))
        mark(self._list, hidden=not shown)
        mark(self._empty, hidden=bool(shown))


class _Row:
    element: Element

    def __init__(self, decision: DecisionView) -> None:
        with box("li") as self.element:
            self._when = Text("time", "", "when")
            with box("div", "what"):
                self._what = Text("strong", what_words(decision))
                Text("p", decision.reason, "reason")
                if decision.rung != "full":
                    Text("p", f"decided on the rung {decision.rung}", "note")
            self._outcome = Text("span", "", "outcome")

    def show(self, decision: DecisionView, when: str) -> None:
        self._when.show(when)
        self._outcome.show(outcome_words(decision))
        choose(self._outcome, "was", outcome_look(decision))


def what_words(decision: DecisionView) -> str:
    """What was decided: "charge 1.20 kWh (battery charge)"."""
    amount = f" {energy(decision.energy_mwh)}" if decision.energy_mwh else ""
    return f"{decision.action}{amount}" + (f" ({decision.contactor})" if decision.contactor else "")


def outcome_words(decision: DecisionView) -> str:
    """What became of it, or why nothing did."""
    if decision.outcome or decision.action == REFUSED:
        return decision.outcome or "refused by the guard worlds"
    return "outcome not yet known" if decision.contactor else "no command so far"


def outcome_look(decision: DecisionView) -> str:
    """What colours it."""
    outcome = REFUSED if decision.action == REFUSED else decision.outcome
    for look in ("applied", "refused", "unknown"):
        if outcome.startswith(look):
            return look
    return "pending"


def refused(decisions: Sequence[DecisionView]) -> list[DecisionView]:
    """Those that were refused, by a node or by the guards, or got no answer."""
    return [each for each in decisions if outcome_look(each) in ("refused", "unknown")]
