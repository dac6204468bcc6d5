"""Contactor loads as the plan sees them: what a car or task still needs today, how warm a heater's water may be.

Nothing here is measured by itself: what a load took is its rated power for as long as its contactor was reported
closed, and the water's temperature follows from that and its losses. All of it is estimated, and so named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from host_bridge.agent.plan.homes import Band, Car, Span, Task, WaterHeater
from host_bridge.agent.preference import Constraints
from host_bridge.energy_config import LoadConfig, day_seconds

WH_PER_LITRE_K = 1.163
AROUND_C = 18.0


@dataclass(slots=True)
class Appliance:
    """`took_wh`: estimated, in the window that begins at `window_s`; `warm_c`: estimated."""

    config: LoadConfig
    home: str
    took_wh: float = 0.0
    window_s: int = 0
    warm_c: float = field(init=False)
    closed: bool = False
    seen_s: int = 0
    started_s: int | None = None

    def __post_init__(self) -> None:
        self.warm_c = (self.config.low_c + self.config.high_c) / 2

    @property
    def name(self) -> str:
        return self.config.device

    def see(self, now_s: int, closed: bool, zone: tzinfo) -> None:
        """Its contactor is reported `closed` at `now_s`: count what passed since it was last seen."""
        hours = max(0, now_s - self.seen_s) / 3600 if self.seen_s else 0.0
        took = self.config.power_w * hours if self.closed else 0.0
        window, _ = self.window(now_s, zone)
        if window != self.window_s:
            self.window_s, self.took_wh, self.started_s = window, 0.0, None
        self.took_wh += took
        if closed and not self.closed and self.started_s is None:
            self.started_s = now_s
        if self.config.kind == "heater":
            lost = self.config.loss_w * hours
            warmed = (took - lost) / (self.config.volume_l * WH_PER_LITRE_K)
            self.warm_c = min(max(self.warm_c + warmed, AROUND_C), float(self.config.high_c))
        self.closed, self.seen_s = closed, now_s

    def window(self, now_s: int, zone: tzinfo) -> Span:
        """From `earliest` until `by`: the one under way, else the next."""
        midnight = datetime.fromtimestamp(now_s, zone).replace(hour=0, minute=0, second=0, microsecond=0)
        first, last = day_seconds(self.config.earliest), day_seconds(self.config.by)
        for day in (-1, 0, 1):
            start = midnight + timedelta(days=day, seconds=first)
            end = midnight + timedelta(days=day + (last <= first), seconds=last)
            if now_s < end.timestamp():
                return int(start.timestamp()), int(end.timestamp())
        raise AssertionError("a day has no window")

    def needs_wh(self) -> float:
        """Of car and task, still in this window."""
        return max(0.0, self.config.needs_wh - self.took_wh)

    def planned(self, now_s: int, zone: tzinfo, wishes: Constraints) -> Car | Task | WaterHeater | None:
        """What the plan is told; None: nothing is to be planned of it."""
        priority = wishes.priority_permille.get(self.name, 1000) / 1000
        barred = barred_spans(self.name, wishes)
        if self.config.kind == "heater":
            return self._heater(priority, barred, wishes)
        start, end = self.window(now_s, zone)
        due = next((due for due in wishes.due if due.device == self.name), None)
        if self.config.kind == "car":
            by = due.by_s if due else None
            needs = self.needs_wh() - (self.config.needs_wh * (100 - due.percent) / 100 if due else 0)
            if needs <= 0:
                return None
            leaves = max(end, by or 0)
            return Car(self.name, start, leaves, needs, self.config.power_w, by, self.config.power_w * 0.99, priority,
                       barred)  # fmt: skip
        if self.needs_wh() <= 0:
            return None
        duration = round(3600 * self.config.needs_wh / self.config.power_w)
        latest = min(end, due.by_s) if due and due.by_s > now_s else end
        return Task(self.name, self.config.power_w, duration, start, latest, self.started_s, priority, barred)

    def _heater(self, priority: float, barred: tuple[Span, ...], wishes: Constraints) -> WaterHeater:
        band, of = wishes.bands.get(self.name), self.config
        low = float(of.low_c if band is None or band.low_c is None else band.low_c)
        high = float(of.high_c if band is None or band.high_c is None else min(band.high_c, of.high_c))
        per_k = of.loss_w / max(1.0, (low + high) / 2 - AROUND_C)
        bands: tuple[Band, ...] = ()
        return WaterHeater(self.name, of.power_w, of.volume_l, self.warm_c, min(low, high - 1), high, per_k, AROUND_C,
                           0.0, bands, True, priority, barred)  # fmt: skip

    def document(self) -> dict[str, Any]:
        """What goes on after a restart."""
        return {name: getattr(self, name) for name in ("took_wh", "window_s", "warm_c", "started_s")}

    def resume(self, document: dict[str, Any]) -> None:
        """Go on from `document`; what is not ours changes nothing. It is not known what happened meanwhile."""
        if {"took_wh", "window_s", "warm_c", "started_s"} <= document.keys():
            self.took_wh, self.window_s = float(document["took_wh"]), int(document["window_s"])
            self.warm_c, self.started_s = float(document["warm_c"]), document["started_s"]


def barred_spans(name: str, wishes: Constraints) -> tuple[Span, ...]:
    """Quiet hours of `name` and of all, joined where they meet: none overlaps another."""
    joined: list[Span] = []
    for hush in wishes.quiet:  # in the order of time
        if hush.device not in ("", name):
            continue
        if joined and hush.start_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], hush.end_s))
        else:
            joined.append((hush.start_s, hush.end_s))
    return tuple(joined)


def of_home(appliances: Sequence[Appliance], home: str) -> list[Appliance]:
    """Those of one home."""
    return [each for each in appliances if each.home == home]
