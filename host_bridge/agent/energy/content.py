"""What is in a battery, estimated from the registers of its channel, and how far that may be off. Pure.

Content rises by what went in times the one-way efficiency and falls by what came out over it. It is anchored anew
when the battery shows that it is full (asked to charge, or with sun to spare, it takes nothing) or empty (the same of
discharging). Between anchors the bound widens by ERROR_PERMILLE of what passed through.
"""

from dataclasses import dataclass
from typing import Any

ERROR_PERMILLE = 20  # of the energy through it: meter and efficiency, known no better
ANCHORED_PERMILLE = 10  # of the capacity: how sharp "full" and "empty" are
REST_PERMILLE = 10  # of the rated power: less than that is nothing
SHOWS_S = 120  # of the grid: for so long it must show full or empty


@dataclass(slots=True)
class Content:
    """`epoch`, `import_mwh`, `export_mwh`: the registers up to which it is counted, None before the first."""

    capacity_wh: float
    efficiency: float  # of one way, 0 to 1
    rest_w: float
    wh: float
    uncertain_wh: float
    epoch: int | None = None
    import_mwh: int = 0
    export_mwh: int = 0
    shows_since_s: int | None = None
    shows: str = ""
    anchor: str = "unknown"  # full, empty: what it was anchored to last
    anchored_s: int = 0

    @classmethod
    def unknown(cls, capacity_wh: float, efficiency_permille: int, rated_w: float) -> "Content":
        """Of a battery never seen: half full, give or take half."""
        return cls(capacity_wh, efficiency_permille / 1000, rated_w * REST_PERMILLE / 1000, capacity_wh / 2,
                   capacity_wh / 2)  # fmt: skip

    def count(self, epoch: int, import_mwh: int, export_mwh: int, speed: int) -> None:
        """Take the registers as they are now. A new journal counts from its own beginning: what passed in between was
        not metered, and widens the bound to all."""
        if epoch == self.epoch:
            into = max(0, import_mwh - self.import_mwh) * speed / 1000
            out = max(0, export_mwh - self.export_mwh) * speed / 1000
            self.wh += into * self.efficiency - out / self.efficiency
            self._widen((into + out) * ERROR_PERMILLE / 1000)
        elif self.epoch is not None:
            self._widen(self.capacity_wh)
        self.wh = min(max(self.wh, 0.0), self.capacity_wh)
        self.epoch, self.import_mwh, self.export_mwh = epoch, import_mwh, export_mwh

    def look(self, now_s: int, asked: str, battery_w: float | None, grid_w: float | None) -> str:
        """Whether it shows full or empty: `asked` is what it does (charge, discharge, hold, self-consumption). Returns
        "full" or "empty" when that has just anchored it."""
        shows = self._showing(asked, battery_w, grid_w)
        if shows != self.shows:
            self.shows, self.shows_since_s = shows, now_s
        if not shows or self.shows_since_s is None or now_s - self.shows_since_s < SHOWS_S:
            return ""
        was = self.anchor == shows and self.uncertain_wh <= self.capacity_wh * ANCHORED_PERMILLE / 1000
        self.wh = self.capacity_wh if shows == "full" else 0.0
        self.uncertain_wh = self.capacity_wh * ANCHORED_PERMILLE / 1000
        self.anchor, self.anchored_s = shows, now_s
        return "" if was else shows

    def _showing(self, asked: str, battery_w: float | None, grid_w: float | None) -> str:
        if battery_w is None or abs(battery_w) > self.rest_w:
            return ""
        surplus = grid_w is not None and grid_w < -4 * self.rest_w
        deficit = grid_w is not None and grid_w > 4 * self.rest_w
        if asked == "charge" or (surplus and asked in ("hold", "self-consumption")):
            return "full"
        return "empty" if asked == "discharge" or (deficit and asked == "self-consumption") else ""

    def _widen(self, by_wh: float) -> None:
        self.uncertain_wh = min(self.uncertain_wh + by_wh, self.capacity_wh)

    def document(self) -> dict[str, Any]:
        """What goes on after a restart."""
        names = ("wh", "uncertain_wh", "epoch", "import_mwh", "export_mwh", "anchor", "anchored_s")
        return {name: getattr(self, name) for name in names}

    def resume(self, document: dict[str, Any]) -> None:
        """Go on from `document`; one that is not ours changes nothing."""
        kinds: dict[str, tuple[type, ...]] = {
            "wh": (int, float), "uncertain_wh": (int, float), "epoch": (int, type(None)), "import_mwh": (int,),
            "export_mwh": (int,), "anchor": (str,), "anchored_s": (int,),
        }  # fmt: skip
        if all(isinstance(document.get(name), kind) for name, kind in kinds.items()):
            for name in kinds:
                setattr(self, name, document[name])
            self.wh = min(max(self.wh, 0.0), self.capacity_wh)
