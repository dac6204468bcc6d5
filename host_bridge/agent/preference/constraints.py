"""What preferences ask of the planner, for the hours ahead: moments in Unix seconds, bands, weights, hushes.

A device that is never switched has no deadline, band or hush here: the conflict has been told (see conflicts).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from host_bridge.agent.preference.kinds import (
    Budget,
    Comfort,
    Deadline,
    Never,
    Preference,
    Priority,
    Quiet,
    Weight,
)

HORIZON_S = 36 * 3600
PRIORITY_PERMILLE = {"low": 500, "normal": 1000, "high": 2000}  # of the worth of a device's unmet wish
CARBON_PERMILLE = {"cost": 0, "carbon": 800}  # of the objective; the rest is cost
MICRO_PER_CENT = 10_000


class Due(NamedTuple):
    device: str
    by_s: int
    percent: int


class Band(NamedTuple):
    low_c: float | None
    high_c: float | None


class Hush(NamedTuple):
    """Not to be run from start_s until end_s; device "" = all."""

    device: str
    start_s: int
    end_s: int


class Allowance(NamedTuple):
    """At most limit_micro from start_s until end_s: the day, week (from Monday) or month under way."""

    per: str
    limit_micro: int
    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class Constraints:
    """`due` and `quiet` in order of time. Devices without an entry: no deadline, no band, priority 1000."""

    due: tuple[Due, ...] = ()
    bands: dict[str, Band] = field(default_factory=dict)
    priority_permille: dict[str, int] = field(default_factory=dict)
    carbon_permille: int = 0
    budgets: tuple[Allowance, ...] = ()
    quiet: tuple[Hush, ...] = ()
    never: frozenset[str] = frozenset()


def constraints(preferences: Iterable[Preference], now_s: int, zone: tzinfo, horizon_s: int = HORIZON_S) -> Constraints:
    """What the planner needs at `now_s` (Unix), clocks being those of `zone`; days of 23 and 25 hours included."""
    wanted = list(preferences)
    never = frozenset(item.device for item in wanted if isinstance(item, Never))
    kept = [item for item in wanted if getattr(item, "device", None) not in never]
    end_s = now_s + horizon_s
    return Constraints(
        due=tuple(sorted((due for due in _dues(kept, now_s, end_s, zone)), key=lambda due: due.by_s)),
        bands={item.device: Band(item.low_c, item.high_c) for item in kept if isinstance(item, Comfort)},
        priority_permille={item.device: PRIORITY_PERMILLE[item.level] for item in kept if isinstance(item, Priority)},
        carbon_permille=max((CARBON_PERMILLE[item.of] for item in kept if isinstance(item, Weight)), default=0),
        budgets=tuple(_allowance(item, now_s, zone) for item in kept if isinstance(item, Budget)),
        quiet=tuple(sorted(_hushes(kept, now_s, end_s, zone), key=lambda hush: hush.start_s)),
        never=never,
    )


def _dues(preferences: list[Preference], now_s: int, end_s: int, zone: tzinfo) -> Iterator[Due]:
    for item in preferences:
        if isinstance(item, Deadline):
            moments = (_moment_s(day, item.by, zone) for day in _days(now_s, end_s, zone))
            yield from (Due(item.device, by_s, item.percent) for by_s in moments if now_s < by_s <= end_s)


def _hushes(preferences: list[Preference], now_s: int, end_s: int, zone: tzinfo) -> Iterator[Hush]:
    for item in preferences:
        if isinstance(item, Quiet):
            over_midnight = timedelta(days=item.end < item.start)
            for day in _days(now_s, end_s, zone):
                start_s, stop_s = _moment_s(day, item.start, zone), _moment_s(day + over_midnight, item.end, zone)
                if start_s < end_s and stop_s > now_s and stop_s > start_s:
                    yield Hush(item.device, start_s, stop_s)


def _days(now_s: int, end_s: int, zone: tzinfo) -> Iterator[date]:
    """Local days that the span touches, from the day before on: a hush may have begun yesterday."""
    day, last = _local(now_s, zone).date() - timedelta(days=1), _local(end_s, zone).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


def _allowance(budget: Budget, now_s: int, zone: tzinfo) -> Allowance:
    today = _local(now_s, zone).date()
    if budget.per == "day":
        first, after = today, today + timedelta(days=1)
    elif budget.per == "week":
        first = today - timedelta(days=today.weekday())
        after = first + timedelta(days=7)
    else:
        first = today.replace(day=1)
        after = (first + timedelta(days=31)).replace(day=1)
    midnights = (_moment_s(day, "00:00", zone) for day in (first, after))
    return Allowance(budget.per, budget.amount_cents * MICRO_PER_CENT, *midnights)


def _local(moment_s: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(moment_s, zone)


def _moment_s(day: date, clock: str, zone: tzinfo) -> int:
    """Unix seconds; a clock time that the day skips is taken an hour later, one that it has twice the first time."""
    return int(datetime.combine(day, time.fromisoformat(clock), zone).timestamp())
