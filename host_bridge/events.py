"""The event list: what people should know of, newest last, kept in memory and handed to the store.

A subscriber gets a bounded queue that drops its oldest entry when it is full: a slow web client
never holds up the bridge.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from host_bridge.model import Event


class EventLog:
    """Events in the order they happened. `keep` is called with each (the store's door)."""

    def __init__(self, keep: Callable[[Event], None] = lambda event: None, recent: int = 300) -> None:
        self.recent: deque[Event] = deque(maxlen=recent)
        self._keep = keep
        self._queues: list[asyncio.Queue[Event]] = []

    def add(self, level: str, kind: str, text: str, node: str = "") -> None:
        """Note an event now. `level` is info, warning or error."""
        event = Event(int(time.time() * 1000), level, kind, node, text)
        self._keep(event)
        self.show(event)

    def show(self, event: Event) -> None:
        """Show an event that is kept already, as those are that nodes have recorded."""
        self.recent.append(event)
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    @contextmanager
    def subscribe(self, size: int = 100) -> Iterator[asyncio.Queue[Event]]:
        """A queue of the events to come, for as long as the `with` block lasts."""
        queue: asyncio.Queue[Event] = asyncio.Queue(size)
        self._queues.append(queue)
        try:
            yield queue
        finally:
            self._queues.remove(queue)
