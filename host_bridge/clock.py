"""The host's estimate of one node's clock: where it stands, how fast it drifts, and how wrong that may be.

Each round trip gives a hard interval: the node read its clock after our question had arrived and before its answer
left, so between `sent + airtime` and `received - airtime` on our clock. A decaying linear regression over the middles
of these intervals, weighted by how short they were, gives the drift. With it each interval is carried to the newest,
and the offset is the middle of what all of them allow (Marzullo's intersection, as in RFC 5905 section 11.2.1).

A round trip that contradicts all that is quarantined. When several in a row contradict it and agree with each other,
one of the clocks has jumped, and a new estimate begins with them.

All times in ms; the host's are of a clock that never jumps. Nothing here reads a clock.
"""

import math
from collections import deque
from typing import NamedTuple

SAMPLES_KEPT = 128
_DECAY = [
    math.exp(-age / SAMPLES_KEPT) for age in range(SAMPLES_KEPT)
]  # by samples: they come as often as the link allows
FEW = 8  # samples before a drift is worked out
SLOW = 3  # a round trip so many times as long as the shortest says nothing that the short ones do not say better
READ_MS = 0.5  # both clocks are read in whole ms: so much on either side
DRIFT_PPM = 100.0  # no crystal that a board carries is worse, and ours is better
USUAL_PPM = 50.0  # what most stay within
LEAST_PPM = 2.0  # what temperature does to it within minutes
AGREE = 3  # contradicting samples in a row, before they are believed
WAITED_MS = 60_000.0  # what is heard without having been asked for may have waited for so long


class Interval(NamedTuple):
    """What one sample allows: our clock less the node's was from `low` to `high` when the node's showed `node_ms`."""

    node_ms: float
    low: float
    high: float

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2


class NodeClock:
    """`sample` takes round trips, `node_to_host` and `host_to_node` tell; `begin` for each boot of the node.

    drift_ppm: how much too fast the node's clock runs (below 0: too slow). round_trip_ms: of the newest sample.
    jumps, jump_ms: how often a clock has jumped, and by how much the last time (above 0: the node's jumped forward).
    """

    def __init__(self) -> None:
        self.drift_ppm = 0.0
        self.round_trip_ms: float | None = None
        self.jumps = 0
        self.jump_ms = 0.0
        self._kept: deque[Interval] = deque(maxlen=SAMPLES_KEPT)
        self._doubted: list[Interval] = []
        self._at_ms = 0.0  # node time for which the offset below holds
        self._offset = 0.0  # our clock less the node's
        self._error = math.inf
        self._slope_error = DRIFT_PPM

    @property
    def is_known(self) -> bool:
        """Whether a round trip has been made since the node began."""
        return bool(self._kept)

    def begin(self, host_ms: float, node_ms: float, waited_ms: float = WAITED_MS) -> None:
        """Forget all: a boot of the node has introduced itself. What it said arrived at `host_ms`, and had been under
        way for `waited_ms` at most."""
        self._kept.clear()
        self._doubted.clear()
        self.drift_ppm, self._slope_error = 0.0, DRIFT_PPM
        self.round_trip_ms = None
        self._at_ms, self._offset, self._error = node_ms, host_ms - node_ms, waited_ms

    def heard(self, received_ms: float, node_ms: float, airtime_back_ms: float = 0.0) -> None:
        """What the node said of its clock came unasked: it bounds one side, which is all until a round trip is made."""
        high = received_ms - airtime_back_ms - node_ms
        if not self._kept and (math.isinf(self._error) or high < self._offset_at(node_ms)[0]):
            self._at_ms, self._offset, self._error = node_ms, high, WAITED_MS

    def sample(
        self,
        sent_ms: float,
        received_ms: float,
        node_ms: float,
        airtime_out_ms: float = 0.0,
        airtime_back_ms: float = 0.0,
    ) -> str:
        """Take one round trip: "" taken, "dropped" (cannot be), "quarantined", or "jumped": a new estimate begins."""
        low, high = sent_ms + airtime_out_ms - node_ms - READ_MS, received_ms - airtime_back_ms - node_ms + READ_MS
        if high < low:
            return "dropped"
        found = Interval(node_ms, low, high)
        verdict = ""
        if self._contradicts(found):
            verdict = self._doubt(found)
            if verdict == "quarantined":
                return verdict
        else:
            self._doubted.clear()
            self._kept.append(found)
        self.round_trip_ms = received_ms - sent_ms
        self._estimate()
        return verdict

    def node_to_host(self, node_ms: float) -> tuple[float, float]:
        """(host_ms, error_ms): our clock when the node's shows `node_ms`, and how wrong that may be at most."""
        offset, error = self._offset_at(node_ms)
        return node_ms + offset, error

    def host_to_node(self, host_ms: float) -> tuple[float, float]:
        """(node_ms, error_ms): the inverse of `node_to_host`."""
        node_ms = self._at_ms + (host_ms - self._at_ms - self._offset) / (1 - self.drift_ppm * 1e-6)
        return node_ms, self._offset_at(node_ms)[1]

    def _offset_at(self, node_ms: float) -> tuple[float, float]:
        away_ms = node_ms - self._at_ms
        return self._offset - away_ms * self.drift_ppm * 1e-6, self._error + abs(away_ms) * self._slope_error * 1e-6

    def _contradicts(self, found: Interval) -> bool:
        if not self._kept:
            return False
        offset, error = self._offset_at(found.node_ms)
        return found.low > offset + error or found.high < offset - error

    def _doubt(self, found: Interval) -> str:
        if self._doubted and not _agree(self._doubted[-1], found):
            self._doubted.clear()
        self._doubted.append(found)
        if len(self._doubted) < AGREE:
            return "quarantined"
        before = self._offset_at(found.node_ms)[0]
        self._kept.clear()
        self._kept.extend(self._doubted)
        self._doubted.clear()
        self.drift_ppm, self._slope_error = 0.0, DRIFT_PPM
        self.jumps += 1
        self.jump_ms = before - min(self._kept, key=lambda kept: kept.half).middle
        return "jumped"

    def _estimate(self) -> None:
        slope = self._regress(self._kept[-1].node_ms)
        self._at_ms, self.drift_ppm = self._kept[-1].node_ms, -slope * 1e6
        low, high = self._allowed(slope, self._slope_error / 2)  # where it is likely; within what is possible
        lowest, highest = self._allowed(slope, self._slope_error)
        self._offset = (low + high) / 2
        self._error = max(highest - self._offset, self._offset - lowest)

    def _allowed(self, slope: float, slope_error_ppm: float) -> tuple[float, float]:
        """What all samples together allow the offset to be now, if the slope is wrong by so much at most."""
        low, high = -math.inf, math.inf
        for kept in reversed(self._kept):
            away_ms = self._at_ms - kept.node_ms
            slack = abs(away_ms) * slope_error_ppm * 1e-6
            lower, upper = kept.low + away_ms * slope - slack, kept.high + away_ms * slope + slack
            if max(low, lower) > min(high, upper):
                break  # the drift has changed since: what the newer ones say holds
            low, high = max(low, lower), min(high, upper)
        return low, high

    def _regress(self, newest_ms: float) -> float:
        """The slope of our clock less the node's, by weighted least squares; sets how wrong it may be."""
        bar = SLOW * min(kept.half for kept in self._kept) + READ_MS
        fits = [(kept, weight) for kept, weight in zip(reversed(self._kept), _DECAY, strict=False) if kept.half <= bar]
        points = [(kept.node_ms - newest_ms, kept.middle, weight / kept.half**2) for kept, weight in fits]
        total = sum(w for _, _, w in points)
        x = sum(w * t for t, _, w in points) / total
        y = sum(w * middle for _, middle, w in points) / total
        spread = sum(w * (t - x) ** 2 for t, _, w in points)
        self._slope_error = DRIFT_PPM
        if len(points) < FEW or not spread:
            return 0.0
        slope = sum(w * (t - x) * middle for t, middle, w in points) / spread
        residual = sum(w * (middle - y - slope * (t - x)) ** 2 for t, middle, w in points)
        count = total * total / sum(w * w for _, _, w in points)  # as if all weighed the same
        doubt = math.sqrt(residual / max(count - 2, 1) / spread) / (DRIFT_PPM * 1e-6)
        self._slope_error = min(DRIFT_PPM, max(LEAST_PPM, 3 * doubt * DRIFT_PPM))
        return slope / (1 + (doubt * DRIFT_PPM / USUAL_PPM) ** 2)  # known to be 0 +- USUAL_PPM before


def _agree(one: Interval, other: Interval) -> bool:
    slack = abs(one.node_ms - other.node_ms) * DRIFT_PPM * 1e-6
    return one.low <= other.high + slack and other.low <= one.high + slack
