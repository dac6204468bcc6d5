"""`gridnexus export`: readings to a file or a pipe, a slice of time at a time, all or nothing.

csv carries Wh beside mWh, exact to the last digit; json and jsonl keep the integers alone, whose units are in
their names.
"""

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from host_bridge.client import Bridge, BridgeError

Row = dict[str, Any]
PAGE_ROWS = 5000
FIRST_SLICE_MS = 6 * 3_600_000


class Span(NamedTuple):
    """What to export: start_ms <= time < end_ms of these channels, at one resolution."""

    channels: Sequence[tuple[str, str]]  # (node, channel)
    start_ms: int
    end_ms: int
    resolution: str  # raw, minute, quarter or day


def channels(bridge: Bridge, names: Sequence[str]) -> list[tuple[str, str]]:
    """(node, channel) of the nodes named, or of all. Raises BridgeError for an unknown node."""
    nodes = [bridge.node(name) for name in names] if names else bridge.nodes()
    return [(node["name"], channel["channel"]) for node in nodes for channel in node["channels"]]


def rows(bridge: Bridge, span: Span, progress: Callable[[float], None] = lambda part: None) -> Iterator[Row]:
    """Every row of `span`, channel by channel, oldest first; `progress` hears the finished part, 0 to 1."""
    length = max(1, span.end_ms - span.start_ms)
    for number, (node, channel) in enumerate(span.channels):
        for end_ms, page in pages(bridge, node, channel, span):
            yield from ({"node": node, "channel": channel, **row} for row in page)
            progress((number + (end_ms - span.start_ms) / length) / len(span.channels))


def pages(bridge: Bridge, node: str, channel: str, span: Span) -> Iterator[tuple[int, list[Row]]]:
    """(end_ms, rows) of slices that follow each other; a slice that fills its page is asked for again, halved."""
    start_ms, width_ms = span.start_ms, FIRST_SLICE_MS
    while start_ms < span.end_ms:
        end_ms = min(start_ms + width_ms, span.end_ms)
        page = bridge.readings(node, channel, start_ms, end_ms, span.resolution, PAGE_ROWS)
        if len(page) >= PAGE_ROWS:
            if end_ms - start_ms == 1:
                raise BridgeError(f"{node} {channel}: {PAGE_ROWS} readings or more within one ms, at {start_ms}")
            width_ms = max(1, (end_ms - start_ms) // 2)
            continue
        yield end_ms, page
        start_ms = end_ms
        if len(page) < PAGE_ROWS // 4:
            width_ms *= 2


def write(form: str, rows: Iterator[Row], out: IO[str]) -> int:
    """Write all `rows` as csv, json (one array) or jsonl (an object a line); returns how many."""
    return {"csv": _write_csv, "json": _write_json, "jsonl": _write_jsonl}[form](rows, out)


@contextmanager
def whole_file(path: Path | None) -> Iterator[IO[str]]:
    """A text file that takes the place of `path` only when the block ends well. None is standard output.

    Raises OSError. A device or a pipe is written to directly.
    """
    if path is None:
        yield sys.stdout
        return
    path = path.resolve()  # a link keeps pointing where it did
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", newline="") as out:
            yield out
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("x", encoding="utf-8", newline="") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def watt_hours(milliwatt_hours: int) -> str:
    """mWh as Wh, exactly: -1 is "-0.001"."""
    whole, rest = divmod(abs(milliwatt_hours), 1000)
    return f"{'-' if milliwatt_hours < 0 else ''}{whole}.{rest:03}"


def _write_csv(rows: Iterator[Row], out: IO[str]) -> int:
    count, writer = 0, None
    for count, row in enumerate(rows, 1):  # noqa: B007 - the number of rows, used after the loop
        full = _with_derived(row)
        if writer is None:
            writer = csv.DictWriter(out, list(full))
            writer.writeheader()
        writer.writerow(full)
    return count


def _write_json(rows: Iterator[Row], out: IO[str]) -> int:
    out.write("[")
    count = 0
    for count, row in enumerate(rows, 1):
        out.write(("\n" if count == 1 else ",\n") + json.dumps(row))
    out.write("\n]\n")
    return count


def _write_jsonl(rows: Iterator[Row], out: IO[str]) -> int:
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the number of rows, used after the loop
        out.write(json.dumps(row) + "\n")
    return count


def _with_derived(row: Row) -> Row:
    """The row with ISO 8601 time (UTC) before the Unix one, and Wh after each mWh."""
    full: Row = {}
    for name, value in row.items():
        if name in ("time_ms", "start_ms"):
            moment = datetime.fromtimestamp(value // 1000, UTC).replace(microsecond=value % 1000 * 1000)
            full[name.removesuffix("_ms") + "_utc"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        full[name] = value
        if name.endswith("_mwh"):
            full[name.removesuffix("_mwh") + "_wh"] = None if value is None else watt_hours(value)
    return full
