"""Waits until channels are steady, and gives the means of their readings: what a calibration compares.

The readings are the bridge's live ones; each counts once. A bad one, or a link that fails, begins the count anew.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gridnode.wire import schema
from host_bridge import words
from host_bridge.calibrate.arithmetic import CalibrationError, Figures
from host_bridge.client import Bridge
from host_bridge.times import in_words

LOOK_S = 0.25
UNTIL_NEW = 2  # readings let pass at first: they may be of a window that began before
# How far a quantity's readings may be apart, as a share of their mean, and what is noise of any size.
SPREADS = {"voltage": (0.005, 0), "current": (0.01, 4), "power": (0.015, 2_000)}
MENDABLE = schema.REVERSED | schema.WRONG_PHASE  # what a calibration is there to mend, or to tell of

Answer = dict[str, Any]


class Place(NamedTuple):
    """One channel of one node; `least_ma`: the current that a steady load must at least have there."""

    node: str
    channel: str
    least_ma: int = 0


class Wait(NamedTuple):
    """How many readings are wanted, and how long to wait for them. `idle`: noise is all there is, so it may move."""

    readings: int
    longest_s: float
    clock: Callable[[], float]  # seconds
    sleep: Callable[[float], None]
    idle: bool = False


def steady(bridge: Bridge, places: Sequence[Place], wait: Wait, tell: Callable[[float, str], None]) -> list[Figures]:
    """The means of each place's newest readings, once all are steady together.

    `tell` hears the share of readings there are, and why they are not steady yet. Raises CalibrationError when the
    time is over, BridgeError when the bridge fails.
    """
    trails = [_Trail(place, wait) for place in places]
    end_s = wait.clock() + wait.longest_s
    while True:
        nodes = {node["name"]: node for node in bridge.nodes()}
        for trail in trails:
            trail.look(nodes.get(trail.place.node))
        why = next((trail.why for trail in trails if trail.why), "")
        tell(min(len(trail.readings) for trail in trails) / wait.readings, why)
        if not why:
            return [trail.means() for trail in trails]
        if wait.clock() >= end_s:
            raise CalibrationError(f"no steady readings within {in_words(int(wait.longest_s * 1000))}: {why}")
        wait.sleep(LOOK_S)


class _Trail:
    """The newest readings of one place; `why` they are not steady, empty when they are."""

    def __init__(self, place: Place, wait: Wait) -> None:
        self.place = place
        self.readings: deque[Figures] = deque(maxlen=wait.readings)
        self.why = "no reading yet"
        self._idle = wait.idle
        self._time_ms: int | None = None
        self._passing = UNTIL_NEW + 1  # the one that is there already, too

    def look(self, node: Answer | None) -> None:
        """Take the node's newest reading, if it is new."""
        name = f"{self.place.node} {self.place.channel}"
        body = (
            next((each for each in node["channels"] if each["channel"] == self.place.channel), None) if node else None
        )
        if node is None or body is None or node["link_state"] != "online":
            self._broken(f"{name}: the node is {node['link_state'] if node else 'gone'}")
        elif body["time_ms"] is not None and body["time_ms"] != self._time_ms:
            self._time_ms = body["time_ms"]
            self._take(name, body)

    def _take(self, name: str, body: Answer) -> None:
        if self._passing:
            self._passing -= 1
            return
        bad = body["quality"] & ~MENDABLE
        if bad:
            cure = words.cures(bad)
            self._broken(f"{name}: {words.quality(bad)}" + (f" ({cure})" if cure else ""))
            return
        if body["current_rms_ma"] is None and body["voltage_rms_mv"] is None:
            self._broken(f"{name}: nothing is measured")
            return
        names = ("voltage_rms_mv", "current_rms_ma", "active_power_mw", "reactive_power_mvar")
        self.readings.append(Figures(*(body[each] for each in names)))
        self.why = self._unsteady(name)

    def _broken(self, why: str) -> None:
        self.readings.clear()
        self.why = why

    def _unsteady(self, name: str) -> str:
        means = self.means()
        flows, least = means.current_ma or 0, self.place.least_ma
        if flows < least:
            return f"{name}: only {flows / 1000:.2f} A flow: switch on a load of {least / 1000} A or more"
        missing = (self.readings.maxlen or 0) - len(self.readings)
        if not self._idle:
            columns = zip(*self.readings, strict=True)
            for (what, (share, noise)), values, mean in zip(SPREADS.items(), columns, means, strict=False):
                if mean is not None and max(values) - min(values) > abs(mean) * share + noise:
                    return f"{name}: the {what} moves by {_percent(max(values) - min(values), mean)}"
        return f"{name}: {missing} more readings" if missing else ""

    def means(self) -> Figures:
        """Of what was read; a quantity that is missing anywhere is None."""
        columns = list(zip(*self.readings, strict=True))
        return Figures(*(None if None in column else sum(column) / len(column) for column in columns))


def _percent(spread: float, mean: float) -> str:
    return f"{100 * spread / abs(mean):.1f} %" if mean else "all of itself"
