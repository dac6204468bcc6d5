"""Virtual time: one queue of what is to happen, in whole microseconds; what is due at once happens as it was asked."""

import heapq
from collections.abc import Callable
from typing import Any


class Events:
    """`at(us, call, *args)`; `run_until(us)` lets all of it happen up to then, and `now_us` is then `us`."""

    def __init__(self) -> None:
        self.now_us = 0
        self._queue: list[tuple[int, int, Callable[..., object], tuple[Any, ...]]] = []
        self._asked = 0

    @property
    def next_us(self) -> int | None:
        """When the next thing is to happen; None: nothing is."""
        return self._queue[0][0] if self._queue else None

    def at(self, us: int, call: Callable[..., object], *args: Any) -> None:
        """Have `call(*args)` happen at `us`; what is past happens now."""
        self._asked += 1
        heapq.heappush(self._queue, (max(us, self.now_us), self._asked, call, args))

    def run_until(self, us: int) -> None:
        """Go on to `us`. Backwards it does not go."""
        queue = self._queue
        while queue and queue[0][0] <= us:
            self.now_us, _, call, args = heapq.heappop(queue)
            call(*args)
        self.now_us = max(self.now_us, us)
