"""The books from the loop: in one thread, in the order asked, with numbers given out here. A fault is kept in words.

Whatever is handed over in one `add` is kept together or not at all; only when `add` has returned may it be acted on.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from host_bridge.model import StoreError
from host_bridge.store.book_rows import DecisionRow, PlanRow, PreferenceRow, Row
from host_bridge.store.books import Books

R = TypeVar("R", bound=Row)
T = TypeVar("T")
NUMBERED: tuple[type[Row], ...] = (DecisionRow, PlanRow, PreferenceRow)


class Bookkeeper:
    """`fault`: why the last write failed; empty while the books can be written."""

    def __init__(self, books: Books) -> None:
        self.fault = ""
        self._books, self._thread = books, ThreadPoolExecutor(1, "energy-books")
        self._next: dict[type[Row], int] = {}

    async def open(self) -> None:
        """Learn which numbers are taken. Raises StoreError."""
        for kind in NUMBERED:
            self._next[kind] = max(self._next.get(kind, 0), await self._run(self._books.next_number, kind))

    async def close(self) -> None:
        """After what is under way."""
        await self._run(self._books.close)
        self._thread.shutdown()

    def number(self, kind: type[Row]) -> int:
        """The next one of `kind`; one that is not used is left out."""
        number = self._next[kind]
        self._next[kind] = number + 1
        return number

    async def add(self, rows: Sequence[Row]) -> int:
        """Keep all of `rows`, or none. How many were new. Raises StoreError."""
        try:
            new = await self._run(self._books.add, rows)
        except StoreError as error:
            self.fault = str(error)
            raise
        self.fault = ""
        return new

    async def rows(self, kind: type[R], where: str = "", values: Sequence[Any] = (), last: int = 0) -> list[R]:
        """As Books.rows. Raises StoreError."""
        return await self._run(self._books.rows, kind, where, values, last)

    async def read(self, work: Callable[[Books], T]) -> T:
        """What `work` reads in the books, in their thread. Raises StoreError."""
        return await self._run(work, self._books)

    async def prune(self, before_s: int) -> int:
        """As Books.prune. Raises StoreError."""
        return await self._run(self._books.prune, before_s)

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
