"""A link in memory: two ends in one process, for tests and benchmarks."""

import asyncio
from collections.abc import Callable

from host_bridge.transport import LinkError


class Loopback:
    """The bridge's end. The other end is `peer_send` to speak to the bridge and `peer_received` to hear it."""

    def __init__(self, url: str, peer_received: Callable[[bytes], None]) -> None:
        self.url = url
        self.send = peer_received
        self._received: Callable[[bytes], None] | None = None
        self._failed = asyncio.Event()

    async def run(self, opened: Callable[[], None], received: Callable[[bytes], None]) -> None:
        self._received = received
        self._failed.clear()
        opened()
        try:
            await self._failed.wait()
        finally:
            self._received = None
        raise LinkError("the loopback was unplugged")

    def peer_send(self, data: bytes) -> None:
        """Bytes from the node; lost while the bridge has the link closed."""
        if self._received is not None:
            self._received(data)

    def unplug(self) -> None:
        """Make the link fail, as pulling a cable does."""
        self._failed.set()
