"""Ways for bytes to reach a node. One Protocol; no policy, no session, no frames."""

from collections.abc import Callable
from typing import Protocol


class LinkError(Exception):
    """The link cannot be opened or has failed; the text says why and what to do."""


class Transport(Protocol):
    """A byte link that can be opened again and again."""

    @property
    def url(self) -> str: ...

    async def run(self, opened: Callable[[], None], received: Callable[[bytes], None]) -> None:
        """Open, call `opened`, then `received` for whatever comes, until the link fails: LinkError."""

    def send(self, data: bytes) -> None:
        """Hand bytes to the link without waiting; what a dead or clogged link cannot take is dropped."""
