"""How well a home's forecasts have done against persistence: the same time a day before."""

from collections.abc import Sequence

from host_bridge.agent.energy.view import SkillView
from host_bridge.web.elements import Text, box, choose, mark
from host_bridge.web.energy_words import intervals, percent, watts

COLUMNS = ("Forecast", "Method", "Better than persistence", "Mean error", "Of persistence", "Scored")


class SkillTable:
    """A row for each forecast; a block on a phone."""

    def __init__(self) -> None:
        with box("table", "nodes plain skills"):
            Text("caption", "Forecast skill", "visually-hidden")
            with box("thead"), box("tr"):
                for column in COLUMNS:
                    Text("th", column).props("scope=col")
            self._body = box("tbody")
        self._empty = Text("p", "No forecast has been made yet.", "note")
        self._shown: list[SkillView] | None = None

    def tick(self, skills: Sequence[SkillView]) -> None:
        mark(self._empty, hidden=bool(skills))
        if list(skills) == self._shown:
            return
        self._shown = list(skills)
        self._body.clear()
        with self._body:
            for skill in skills:
                with box("tr"):
                    Text("th", skill.what).props("scope=row")
                    for column, text in zip(COLUMNS[1:], cells(skill), strict=True):
                        cell = Text("td", text)
                        cell.props["data-label"] = column
                        if column == COLUMNS[2]:
                            choose(cell, "skill", look(skill))


def cells(skill: SkillView) -> tuple[str, ...]:
    """As people read it."""
    method = f"{skill.method}: {skill.why}" if skill.why else skill.method
    errors = (watts(skill.error_w), watts(skill.persistence_error_w))
    return method, skill_words(skill), *errors, intervals(skill.steps)


def skill_words(skill: SkillView) -> str:
    """ "18.2 % less error", "worse", or that it is too young."""
    if skill.permille is None:
        return "too young to tell"
    if skill.permille == 0:
        return "the same error"
    return f"{percent(abs(skill.permille))} {'less' if skill.permille > 0 else 'more'} error"


def look(skill: SkillView) -> str:
    """What colours it."""
    return "young" if skill.permille is None else "bad" if skill.permille < 0 else "good" if skill.permille else "same"
