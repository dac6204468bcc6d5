"""A sweep's results as files: CSV, Parquet, and a picture of all worlds as SVG."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from host_bridge.microworld.on_disk import write_whole
from host_bridge.microworld.study.settle import ratio
from host_bridge.microworld.study.sweep import Row
from host_bridge.microworld.study.variations import SweepError

WIDTH, HEIGHT, EDGE = 720, 540, 60
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#7f7f7f", "#000000")  # Okabe and Ito's


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """One line for each world, in the order of `rows`, under a line of heads. Raises OSError."""
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0].flat()), lineterminator="\n")
    table.writeheader()
    table.writerows(row.flat() for row in rows)
    write_whole(path, text.getvalue().encode(), 0o644)


def write_parquet(rows: Sequence[Row], path: Path) -> None:
    """The same table as Parquet. Raises SweepError where pyarrow is not installed, OSError."""
    try:
        import pyarrow  # type: ignore[import-untyped]
        from pyarrow import parquet
    except ImportError as error:
        raise SweepError("Parquet needs pyarrow: pip install 'gridnexus[tables]', or take the CSV") from error
    content = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist([row.flat() for row in rows]), content)
    write_whole(path, content.getvalue(), 0o644)


def picture(rows: Sequence[Row], title: str) -> str:
    """SVG: each world by what it saves the homes that chose (across) and those that were held out (up)."""
    kinds = sorted({_kind(row) for row in rows})
    ends = [value for row in rows for value in (row.chosen_by_permille, row.held_out_permille)]
    least, greatest = min(ends) // 50 * 50, -(-(max(ends) + 1) // 50) * 50
    parts = [*_axes(least, greatest), *(_dot(row, kinds.index(_kind(row)), least, greatest) for row in rows[::-1])]
    best = rows[0]
    x, y = _place(best.chosen_by_permille, best.held_out_permille, least, greatest)
    parts.append(f'<circle cx="{x}" cy="{y}" r="8" fill="none" stroke="#000"><title>chosen</title></circle>')
    for n, kind in enumerate(kinds):
        at = EDGE + 18 * n + 6
        parts.append(f'<circle cx="{EDGE + 12}" cy="{at}" r="4" fill="{COLOURS[n % len(COLOURS)]}"/>')
        parts.append(f'<text x="{EDGE + 22}" y="{at + 4}">{escape(kind)}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
    words = f'<text x="{WIDTH // 2}" y="24" text-anchor="middle" font-size="15">{escape(title)}</text>'
    paper = '<rect width="100%" height="100%" fill="#fff"/>'
    return "\n".join([f'{head} font-size="12">', paper, words, *parts, "</svg>\n"])


def _kind(row: Row) -> str:
    return ", ".join(row.variation.profile.values()) or "all worlds"


def _place(across: int, up: int, least: int, greatest: int) -> tuple[int, int]:
    width, height = WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE
    x = EDGE + width * (across - least) // (greatest - least)
    return x, HEIGHT - EDGE - height * (up - least) // (greatest - least)


def _dot(row: Row, kind: int, least: int, greatest: int) -> str:
    x, y = _place(row.chosen_by_permille, row.held_out_permille, least, greatest)
    told = ", ".join(f"{name} {value}" for name, value in row.flat().items())
    fill = COLOURS[kind % len(COLOURS)]
    return f'<circle cx="{x}" cy="{y}" r="3" fill="{fill}" fill-opacity="0.6"><title>{escape(told)}</title></circle>'


def _axes(least: int, greatest: int) -> list[str]:
    parts = []
    for value in range(least, greatest + 1, max(50, (greatest - least) // 50 // 8 * 50)):
        x, y = _place(value, value, least, greatest)
        parts.append(f'<path d="M{x} {EDGE}V{HEIGHT - EDGE}M{EDGE} {y}H{WIDTH - EDGE}" stroke="#ddd"/>')
        parts.append(f'<text x="{x}" y="{HEIGHT - EDGE + 18}" text-anchor="middle">{ratio(value)}</text>')
        parts.append(f'<text x="{EDGE - 8}" y="{y + 4}" text-anchor="end">{ratio(value)}</text>')
    middle = f'<text x="{WIDTH // 2}" y="{HEIGHT - 16}" text-anchor="middle">'
    parts.append(f"{middle}cost for the homes that chose, relative to no battery</text>")
    turned = f'<text transform="translate(18 {HEIGHT // 2}) rotate(-90)" text-anchor="middle">'
    parts.append(f"{turned}cost for the homes held out</text>")
    return parts
