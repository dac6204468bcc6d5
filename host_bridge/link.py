"""One link's reconnect loop: open, serve, and when it fails say so once and try again.

A link's errors end here; they never disturb another link.
"""

import asyncio

from host_bridge.events import EventLog
from host_bridge.node import RemoteNode, monotonic_ms
from host_bridge.transport import LinkError, Transport

RETRY_FIRST_S, RETRY_MAX_S = 0.5, 10.0
GARBAGE_FRAMES = 5  # bad frames in GARBAGE_MS that are worth an event
GARBAGE_MS = 10_000


class Link:
    """Joins one transport to the remote node behind it."""

    def __init__(self, transport: Transport, remote: RemoteNode, events: EventLog) -> None:
        self.transport = transport
        self.remote = remote
        self.is_open = False
        self._events = events
        self._told = ""  # the failure already reported
        self._garbage_seen = 0
        self._garbage_from_ms = 0
        self._garbage_told = False

    async def run(self) -> None:
        """Serve the link until cancelled."""
        wait_s = RETRY_FIRST_S
        while True:
            try:
                await self.transport.run(self._opened, self._received)
            except LinkError as error:
                wait_s = RETRY_FIRST_S if self.is_open else min(2 * wait_s, RETRY_MAX_S)
                self._failed(str(error))
            await asyncio.sleep(wait_s)

    def flush(self, now_ms: int) -> None:
        """Send what is due."""
        if self.is_open:
            for frame in self.remote.frames(now_ms):
                self.transport.send(frame)

    def _opened(self) -> None:
        self.is_open = True
        if self._told:
            self._events.add("info", "link opened", f"{self.transport.url} is open again", self._node())
        self._told = ""
        self.flush(monotonic_ms())

    def _received(self, data: bytes) -> None:
        now_ms = monotonic_ms()
        self.remote.feed(data, now_ms)
        self.flush(now_ms)

    def _failed(self, why: str) -> None:
        self.is_open = False
        self.remote.closed()
        if why != self._told:
            self._told = why
            self._events.add("error", "link failed", f"{self.transport.url}: {why}", self._node())

    def _node(self) -> str:
        name = self.remote.view.name
        return "" if name == self.transport.url else name

    def watch_garbage(self, now_ms: int) -> None:
        """One event when bad frames gather, one when the line has been clean again for a while."""
        if now_ms - self._garbage_from_ms < GARBAGE_MS:
            return
        bad = self.remote.decoder.dropped + self.remote.rejected
        count, self._garbage_seen, self._garbage_from_ms = bad - self._garbage_seen, bad, now_ms
        if count >= GARBAGE_FRAMES and not self._garbage_told:
            text = f"{self.transport.url}: {count} bad frames in {GARBAGE_MS // 1000} s: wrong baud rate, a bad cable, "
            self._events.add("warning", "garbage", text + "or another program reading the port", self._node())
            self._garbage_told = True
        elif count == 0 and self._garbage_told:
            self._garbage_told = False
            self._events.add("info", "garbage over", f"{self.transport.url}: the line is clean again", self._node())
