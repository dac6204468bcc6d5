"""The event list, newest first."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, tzinfo

from nicegui.element import Element

from host_bridge.model import Event
from host_bridge.web.elements import Text, box, mark

MOST_SHOWN = 40


class EventList:
    """Adds what is new at the top and lets the oldest go; nothing else is sent again."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._shown: list[tuple[Event, Element]] = []
        self._empty = Text("p", "Nothing has happened yet.", "empty")
        self._list = box("ol", "events", role="log", aria_label="Events, newest first", tabindex=0)

    def tick(self, events: Iterable[Event]) -> None:
        known = {event for event, _ in self._shown}
        unseen = dict.fromkeys(event for event in events if event not in known)  # once each, in order
        new = sorted(unseen, key=lambda event: event.time_ms)[-MOST_SHOWN:]
        oldest_ms = self._shown[0][0].time_ms if len(self._shown) == MOST_SHOWN else 0
        for event in new:
            if event.time_ms >= oldest_ms:
                self._add(event)
        while len(self._shown) > MOST_SHOWN:
            self._shown.pop(0)[1].delete()
        mark(self._empty, hidden=bool(self._shown))

    def _add(self, event: Event) -> None:
        """In the order of time: what a node recorded while it was away comes late."""
        moment = datetime.fromtimestamp(event.time_ms / 1000, self._zone)
        today = datetime.now(self._zone).date()
        with self._list, box("li", f"level-{event.level}") as row:
            stamp = Text("time", moment.strftime("%H:%M:%S" if moment.date() == today else "%d %b %H:%M"))
            stamp.props.update({"datetime": moment.isoformat(), "title": moment.strftime("%Y-%m-%d %H:%M:%S")})
            Text("span", event.level, "level")
            Text("span", event.node, "node")
            Text("span", event.text, "text")
        position = bisect_right(self._shown, event.time_ms, key=lambda shown: shown[0].time_ms)
        row.move(target_index=len(self._shown) - position)
        self._shown.insert(position, (event, row))
