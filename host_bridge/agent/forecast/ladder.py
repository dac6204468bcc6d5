"""Which rung of the ladder tells: the best that is old enough, learnt, sound and no worse than persistence. Why, in
words, where it is not the best.
"""

from dataclasses import dataclass

from host_bridge.agent.forecast.model import LINEAR, PERSISTENCE, SEASONAL

SEASONAL_DAYS = 3  # believed of the last three weeks, before a usual day is known
LINEAR_DAYS = 7  # before what is beside it means something
LATE_HOURS = 6  # since the last that is believed: the recent hours say nothing any more


@dataclass(frozen=True)
class Footing:
    """What the choice stands on, of one home and of load or solar. days: believed in the last three weeks; hours:
    since the last; unfit: why there is no model, "" if there is; worse: rungs that did worse than persistence for a
    day; unsound: rungs whose forecast cannot be, and why.
    """

    days: float
    hours: float
    unfit: str
    worse: frozenset[str]
    unsound: dict[str, str]


def rung_of_age(days: float) -> str:
    """The best rung for a history of so many days."""
    if days < SEASONAL_DAYS:
        return PERSISTENCE
    return SEASONAL if days < LINEAR_DAYS else LINEAR


def choose(footing: Footing) -> tuple[str, str]:
    """(rung, why it is not the linear model: "" if it is)."""
    linear, seasonal = (_against(rung, footing) for rung in (LINEAR, SEASONAL))
    if not linear:
        return LINEAR, ""
    if not seasonal:
        return SEASONAL, f"not linear: {linear}"
    if linear == seasonal:
        return PERSISTENCE, f"neither linear nor seasonal: {linear}"
    return PERSISTENCE, f"not linear: {linear}; not seasonal: {seasonal}"


def _against(rung: str, footing: Footing) -> str:
    least = LINEAR_DAYS if rung == LINEAR else SEASONAL_DAYS
    if footing.days <= 0:
        return "nothing believed in three weeks"
    if footing.days < least:
        return f"only {footing.days:.1f} days believed, it wants {least}"
    if rung == LINEAR and footing.unfit:
        return footing.unfit
    if rung == LINEAR and footing.hours > LATE_HOURS:
        return f"nothing believed for {footing.hours:.0f} h"
    if rung in footing.unsound:
        return footing.unsound[rung]
    return "for a day it has been worse than persistence" if rung in footing.worse else ""
