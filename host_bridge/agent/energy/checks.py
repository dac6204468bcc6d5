"""Whether the meters of a home can be believed, interval by interval: missing, wrong sign, frozen. Pure.

Grid, sun and battery are three meters of one sum, the load, which is never below zero: a meter that counts the wrong
way shows there. One that stands still gives the very same energy again and again, which nothing real does.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from gridnode.wire import schema

FROZEN_S = 7200  # of the same energy in every interval
STILL_S = 2 * 86_400  # of no sun at all, where there was some before
IDLE_S, IDLE_W = 6 * 3600, 1  # a home that uses less than this for so long: its grid meter stands still
TOLD_MWH = 5_000  # by the powers told; a register that then counts less than a tenth of it stands still
SAME_PERMILLE, SAME_MWH = 2, 3  # two intervals closer than that are the same
LEAST_MWH = 1000  # less is nothing
WRONG_PERMILLE, WRONG_MWH = 50, 20_000  # of what all three counted; a load below minus that cannot be
WRONG_TIMES = 2  # in a row
BAD_BITS = schema.NO_VOLTAGE | schema.OPEN_INPUT | schema.WRONG_PHASE | schema.NO_ANSWER | schema.UNBELIEVABLE


class Counted(NamedTuple):
    """What one meter counted in an interval."""

    import_mwh: int
    export_mwh: int
    quality: int = 0  # all bits that its readings had
    told_mwh: int = 0  # by the mean powers of its readings, imports and exports added up


@dataclass
class MeterChecks:
    """Of one home; `step_s`: length of an interval."""

    step_s: int
    last: dict[str, Counted] = field(default_factory=dict)
    same: dict[str, int] = field(default_factory=dict)  # intervals in a row
    still: int = 0  # intervals without sun
    idle: int = 0  # intervals in which the home used nothing
    sun_moved: bool = False
    negative: deque[bool] = field(default_factory=lambda: deque(maxlen=WRONG_TIMES))

    def look(self, counted: dict[str, Counted], missing: Iterable[str]) -> dict[str, str]:
        """{part: what is wrong} of one interval: "missing", "wrong sign: ...", "frozen: ...", "fault: ..."."""
        found = dict.fromkeys(missing, "missing: it counted nothing that could be read")
        for part, each in counted.items():
            wrong = self._frozen(part, each) or _fault(each)
            if wrong:
                found[part] = wrong
            self.last[part] = each
        reversed_parts = [part for part, each in counted.items() if each.quality & schema.REVERSED]
        for part in reversed_parts:
            found[part] = "wrong sign: the node says that its transformer is the wrong way round"
        if not missing:
            load = load_mwh(counted)
            self.idle = self.idle + 1 if abs(load) <= IDLE_W * 1000 * self.step_s // 3600 else 0
            self.negative.append(load < -_bound(counted))
            if len(self.negative) == WRONG_TIMES and all(self.negative) and not reversed_parts:
                found[_suspect(counted)] = "wrong sign: by the meters together the home would use less than nothing"
            elif self.idle * self.step_s >= IDLE_S and "grid" in counted:
                found["grid"] = f"frozen: by the meters together the home has used nothing for {self.idle} intervals"
        return found

    def _frozen(self, part: str, now: Counted) -> str:
        before, energy = self.last.get(part), now.import_mwh + now.export_mwh
        alike = energy > LEAST_MWH and before is not None and _alike(before, now)
        self.same[part] = self.same.get(part, 0) + 1 if alike else 0
        if self.same[part] * self.step_s >= FROZEN_S:
            return f"frozen: the very same energy for {self.same[part] + 1} intervals"
        if now.told_mwh > TOLD_MWH and energy < now.told_mwh // 10:
            return "frozen: it tells power, and its registers stand still"
        if part == "solar":
            self.sun_moved = self.sun_moved or energy > LEAST_MWH
            self.still = 0 if energy > LEAST_MWH else self.still + 1
            if self.sun_moved and self.still * self.step_s >= STILL_S:
                return f"frozen: no sun for {self.still} intervals"
        return ""


def load_mwh(counted: dict[str, Counted]) -> int:
    """What the home used."""
    nothing = Counted(0, 0)
    grid, solar, battery = (counted.get(part, nothing) for part in ("grid", "solar", "battery"))
    return (
        (grid.import_mwh - grid.export_mwh)
        + (solar.export_mwh - solar.import_mwh)
        - (battery.import_mwh - battery.export_mwh)
    )


def _bound(counted: dict[str, Counted]) -> int:
    total = sum(each.import_mwh + each.export_mwh for each in counted.values())
    return max(WRONG_MWH, total * WRONG_PERMILLE // 1000)


def _suspect(counted: dict[str, Counted]) -> str:
    """The one meter that, counted the other way round, makes the load possible; the sun's before the grid's."""
    for part in ("solar", "grid", "battery"):
        if part in counted:
            each = counted[part]
            turned = {**counted, part: Counted(each.export_mwh, each.import_mwh)}
            if load_mwh(turned) >= -_bound(counted):
                return part
    return "grid"


def _alike(before: Counted, now: Counted) -> bool:
    return all(
        abs(a - b) <= max(SAME_MWH, max(a, b) * SAME_PERMILLE // 1000) for a, b in zip(before[:2], now[:2], strict=True)
    )


def _fault(each: Counted) -> str:
    return "fault: its node does not believe it (no voltage, no answer, or what cannot be)" if each.quality & BAD_BITS \
        else ""  # fmt: skip
