"""The event list, newest first."""

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
        moment = datetime.fromtimestamp(event.time_ms / 1000, self._zone)
        with self._list, box("li", f"level-{event.level}") as row:
            stamp = Text("time", moment.strftime("%H:%M:%S"))
            stamp.props.update({"datetime": moment.isoformat(), "title": moment.strftime("%Y-%m-%d %H:%M:%S")})
            Text("span", event.level, "level")
            Text("span", event.node, "node")
            Text("span", event.text, "text")
        row.move(target_index=0)
        self._shown.append((event, row))
