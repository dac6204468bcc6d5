"""How long the account of a home's day takes, from the books on disk to the text, beside its limit of 200 ms."""

import tempfile
import time
from pathlib import Path
from statistics import median

from host_bridge.agent.narrative import LENGTHS, read, tell
from host_bridge.store.books import Books
from tests.bench.figures import Figure
from tests.host.agent.narrative_kit import BEGIN, DAY, day_rows

LIMIT_MS = 200
DAYS = 20  # in the books


def figures() -> list[Figure]:
    """The median of the long account, the file opened anew each time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.db"
        books = Books(path)
        for day in range(DAYS):
            books.add(sorted(day_rows(day, begin_s=BEGIN + day * DAY), key=lambda row: type(row).__name__))
        books.close()
        took = [_once(path, length, BEGIN + day * DAY) for day in range(DAYS) for length in LENGTHS]
    return [
        Figure(
            "account of a home's day / its limit of 200 ms (median)",
            median(took) / LIMIT_MS,
            "ratio",
            1.0,
            at_least=False,
        )
    ]


def _once(path: Path, length: str, begin_s: int) -> float:
    begun = time.perf_counter()
    books = Books(path)
    if not tell(read(books, "home-07", begin_s, begin_s + DAY), length).figures:
        raise RuntimeError("the account is empty")
    books.close()
    return 1000 * (time.perf_counter() - begun)
