"""One link's reconnect loop: open, serve, and when it fails say so once and try again. Bytes become packets here.

A link's errors end here; they never disturb another link.
"""

import asyncio

from gridnode.wire.frame import CRC_BYTES, FRAME_MAX, FrameDecoder, encode
from host_bridge.events import EventLog
from host_bridge.model import LinkState
from host_bridge.node import RemoteNode, monotonic_ms
from host_bridge.transport import LinkError, Transport

RETRY_FIRST_S, RETRY_MAX_S = 0.5, 10.0
STEADY_MS = 3000  # a link that stays open for so long is good again; one that comes and goes is told of once
GARBAGE_FRAMES = 5  # bad frames in GARBAGE_MS that are worth an event
GARBAGE_BYTES = 500  # bytes in GARBAGE_MS that are, where not one good frame is among them
GARBAGE_MS = 10_000
SILENT_MS = 10_000  # an open port that nobody answers on for so long is worth an event


class Link:
    """Joins one transport to the remote node behind it."""

    def __init__(self, transport: Transport, remote: RemoteNode, events: EventLog) -> None:
        self.transport = transport
        self.remote = remote
        self.is_open = False
        self.decoder = FrameDecoder()
        self._events = events
        self._opened_ms = 0
        self._opened_bytes = 0
        self._silence_judged = False
        self._told: set[str] = set()  # failures already reported
        self._bytes = 0
        self._garbage_seen = (0, 0, 0)
        self._garbage_from_ms = 0
        self._garbage_told = False

    async def run(self) -> None:
        """Serve the link until cancelled."""
        wait_s = RETRY_FIRST_S
        while True:
            try:
                await self.transport.run(self._opened, self._received)
            except LinkError as error:
                wait_s = RETRY_FIRST_S if self._is_steady(monotonic_ms()) else min(2 * wait_s, RETRY_MAX_S)
                self._failed(str(error))
            await asyncio.sleep(wait_s)

    def flush(self, now_ms: int) -> None:
        """Send what is due."""
        if self.is_open:
            for packet in self.remote.packets(now_ms):
                self.transport.send(framed(packet))

    def count(self) -> None:
        """Bring the counters that people are shown up to date."""
        self.remote.count()
        decoder = self.decoder
        self.remote.view.counters.update(
            frames=decoder.frames,
            dropped_crc=decoder.bad_crc,
            dropped_cobs=decoder.bad_cobs,
            dropped_length=decoder.too_long,
        )

    def watch(self, now_ms: int) -> None:
        """Note what shows with time only: that the link is good again, that garbage comes. Call it now and then."""
        if self._told and self._is_steady(now_ms):
            self._told.clear()
            self._events.add("info", "link opened", f"{self.transport.url} is open again", self._node())
        if now_ms - self._garbage_from_ms >= GARBAGE_MS:
            self._garbage_from_ms = now_ms
            self._weigh_garbage()
        if self.is_open and not self._silence_judged and now_ms - self._opened_ms >= SILENT_MS:
            self._silence_judged = True
            self._judge_silence()

    def _judge_silence(self) -> None:
        """Once for each opening: an event where nobody has ever answered."""
        if self.remote.view.link_state == LinkState.CONNECTING and self._bytes == self._opened_bytes:
            url = self.transport.url
            text = f"{url} is open, but no node answers: does the board run gridnode, and is the baud rate right?"
            self._events.add("warning", "link silent", text, self._node())

    def _is_steady(self, now_ms: int) -> bool:
        return self.is_open and now_ms - self._opened_ms >= STEADY_MS

    def _opened(self) -> None:
        self.is_open = True
        self._opened_ms = monotonic_ms()
        self._opened_bytes = self._bytes
        self._silence_judged = False
        self.flush(self._opened_ms)

    def _received(self, data: bytes) -> None:
        now_ms = monotonic_ms()
        self._bytes += len(data)
        self.remote.receive_all(self.decoder.feed(data), now_ms)
        self.flush(now_ms)

    def _failed(self, why: str) -> None:
        if self._is_steady(monotonic_ms()):
            self._told.clear()
        self.is_open = False
        self.remote.closed()
        self.decoder.reset()
        if why not in self._told:
            self._told.add(why)
            self._events.add("error", "link failed", f"{self.transport.url}: {why}", self._node())

    def _node(self) -> str:
        name = self.remote.view.name
        return "" if name == self.transport.url else name

    def _weigh_garbage(self) -> None:
        """One event when bad frames gather, one when the line has been clean again for a while."""
        decoder = self.decoder
        bad = decoder.dropped + self.remote.channels.totals()["garbled"]  # not what is well formed and of another key
        seen = (bad, decoder.frames, self._bytes)
        bad, good, size = (now - before for now, before in zip(seen, self._garbage_seen, strict=True))
        self._garbage_seen = seen
        if (bad >= GARBAGE_FRAMES or (size >= GARBAGE_BYTES and not good)) and not self._garbage_told:
            self._garbage_told = True
            text = f"{self.transport.url}: {bad} bad and {good} good frames in {GARBAGE_MS // 1000} s: "
            text += "wrong baud rate, a bad cable, another device, or another program reading the port"
            self._events.add("warning", "garbage", text, self._node())
        elif bad == 0 and good and self._garbage_told:
            self._garbage_told = False
            self._events.add("info", "garbage over", f"{self.transport.url}: the line is clean again", self._node())


def framed(packet: bytes) -> bytes:
    """The frame of one packet."""
    out = bytearray(FRAME_MAX)
    length = encode(bytearray(packet) + bytes(CRC_BYTES), len(packet), out)
    return bytes(memoryview(out)[:length])
