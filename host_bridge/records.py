"""Reliable messages of one node -> records, with the Unix time as well as it can be told when they come.

A record of the boot that the session is about has its time by the session's clocks. One of a former boot is given a
guess, as if the node had not been off since, and marked TIME_UNSURE; the store finds the time that its boot's CLOCK
tells (see store/settle.py).
"""

from typing import Any

from gridnode.wire import schema
from host_bridge import words
from host_bridge.model import ClockRecord, Event, NodeEvent, NodeView, Reading, Record, Skipped, Switching

QUALITY = (1 << schema.CLOCK_SHIFT) - 1  # what of the wire's `quality` is about the figures
CLOCK_BOUNDS = (0, *(1 << k for k in range(1, 32)))  # what the rest says; 0: the node did not know the time of day
_new = tuple.__new__  # Reading._make without a look at the length
NO_QUANTITIES = (None, None, None, None, None, None, 0)  # of a reading that tells registers only


class RecordReader:
    """Reads the records of one node's session. `boot_time_ms`: node time at which its boot began."""

    def __init__(self) -> None:
        self.boot_time_ms = 0
        self._trips: dict[int, str] = {}  # contactor -> why it last tripped

    def read(self, m: list[Any], view: NodeView, epoch: int, shift: int, error_ms: int = 0) -> Record:
        """The record in message `m` of one of schema.RELIABLE.

        `shift` is Unix time minus node time, known to +- `error_ms`.
        """
        kind = m[0]
        if kind == schema.REGISTERS:
            told = (view.name, epoch, m[1], m[2], m[3] + shift, m[3], 0, m[4], m[5], *NO_QUANTITIES, error_ms)
            reading = _new(Reading, told)
            return reading if m[3] >= self.boot_time_ms else _unsure(reading)
        key = (view.name, epoch, m[1])
        if kind == schema.INTERVAL:
            quality = m[13]
            bound = max(error_ms, CLOCK_BOUNDS[quality >> schema.CLOCK_SHIFT & 31])
            reading = Reading._make((*key, m[2], m[3] + shift, *m[3:13], quality & QUALITY, bound))
            return reading if m[3] >= self.boot_time_ms else _unsure(reading)
        if kind == schema.SWITCHED:
            return self._switching(m, view, key, shift)
        if kind == schema.EVENT:
            return self._event(m, view, key, shift)
        if kind == schema.CLOCK:
            return ClockRecord(*key, *m[2:5])
        return Skipped(*key)

    def reported(self, contactor: int, state: str, cause: str) -> None:
        """What a contactor now says of itself: the cause of a trip that is told of later."""
        if state in ("tripped", "locked out"):
            self._trips[contactor] = cause

    def _switching(self, m: list[Any], view: NodeView, key: tuple[str, int, int], shift: int) -> Switching:
        state, cause = schema.STATES[m[4]], schema.CAUSES[m[5]]
        self.reported(m[2], state, cause)
        said = words.switching(view.contactors[m[2]], state, cause)
        told = words.told(view.name, "switched", m[3] + shift, said) if said else None
        return Switching(*key, m[2], m[3] + shift, m[3], state, cause, m[6], self._quality(m[3]), told)

    def _event(self, m: list[Any], view: NodeView, key: tuple[str, int, int], shift: int) -> NodeEvent:
        kind, subject, node_time_ms, value, duration_ms = schema.EVENTS[m[2]], m[3], m[4], m[5], m[6]
        told: Event | None = None
        if kind != "boot" or node_time_ms < self.boot_time_ms:  # the boot that the session is about is told of by it
            said = words.event(
                kind, subject, value, duration_ms, view.channels, view.contactors, self._trips.get(subject, "")
            )
            told = words.told(view.name, kind, node_time_ms + shift, said)
        quality = self._quality(node_time_ms)
        return NodeEvent(*key, kind, subject, node_time_ms + shift, node_time_ms, value, duration_ms, quality, told)

    def _quality(self, node_time_ms: int) -> int:
        return 0 if node_time_ms >= self.boot_time_ms else schema.TIME_UNSURE


def _unsure(reading: Reading) -> Reading:
    return reading._replace(quality=reading.quality | schema.TIME_UNSURE, clock_error_ms=None)
