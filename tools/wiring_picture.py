"""A board's wiring as SVG: the board in the middle, its parts to both sides, a line for each signal.

Supplies are labels, not lines. Lines do not cross as long as the manifest lists a side's parts in the order of their
pins. Everything is laid out by arithmetic; the widths of texts are estimated, on the wide side.
"""

from dataclasses import dataclass
from html import escape
from typing import Any

from tools.board_uses import Use, number_of, uses
from tools.boards import Board

MARGIN, BLOCK, CHANNEL, BODY = 20, 370, 150, 210  # widths
ROW, PIN_ROW, NOTE, GAP = 22, 25, 17, 16  # heights
CHARACTER = 6.3  # width of one at 12 px
WIDTH = 2 * (MARGIN + BLOCK + CHANNEL) + BODY
TOP = 66

STYLE = """\
  <style>
    :root { --ground: #ffffff; --ink: #1d2733; --soft: #5d6b7a; --line: #c3ccd6; --block: #f4f6f8; --body: #e3efe6;
      --mains: #fdeee3; --mains-line: #d9702b; --battery: #eef1fb; --battery-line: #7a86b8;
      --serial: #1f6fb5; --bus: #0b7f8a; --adc: #7b3fa0; --relay: #c0392b; --feedback: #1c8054; --panel: #8a6a00;
      --supply: #b03a2e; --earth: #444f5a; }
    @media (prefers-color-scheme: dark) {
      :root { --ground: #12181f; --ink: #e6ebf0; --soft: #9dabb9; --line: #3a4653; --block: #1b242d; --body: #1d3327;
        --mains: #3a2416; --mains-line: #e58a4c; --battery: #20263c; --battery-line: #8d9ad0;
        --serial: #6bb3f0; --bus: #4fc3cf; --adc: #c594e6; --relay: #ff8577; --feedback: #5fd0a0; --panel: #e0bd4b;
        --supply: #ff8577; --earth: #aab6c2; }
    }
    text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: var(--ink); }
    .title { font-size: 17px; font-weight: 600; }
    .part { font-size: 13px; font-weight: 600; }
    .soft { fill: var(--soft); }
    .small { font-size: 10.5px; }
    .end { text-anchor: end; }
    .middle { text-anchor: middle; }
    .mains { fill: var(--mains-line); font-weight: 600; }
    .tag { font-size: 10.5px; font-weight: 600; fill: var(--ground); text-anchor: middle; }
    path { fill: none; stroke-width: 2; }
  </style>"""
COLOURS = {
    "tx": "serial",
    "rx": "serial",
    "spare": "line",
    "sda": "bus",
    "scl": "bus",
    "sck": "bus",
    "mosi": "bus",
    "miso": "bus",
    "select": "bus",
    "reset": "bus",
    "ready": "bus",
    "event": "bus",
    "pulse": "feedback",
    "adc": "adc",
    "relay": "relay",
    "feedback": "feedback",
    "button": "panel",
    "sense": "panel",
    "led": "panel",
}
LEGEND = {
    "serial": "serial line",
    "bus": "bus (I2C, SPI)",
    "adc": "converter input",
    "relay": "relay, driven by the node",
    "feedback": "contact, read by the node",
    "panel": "button, lamp",
}
EARTHS = ("GND", "AGND")
WARNING = (
    "Mains voltage kills. Everything in orange is an electrician's work: behind a fuse, in an enclosure, switched off "
    "and checked."
)


@dataclass(frozen=True)
class Wire:
    """A signal between a pin (x, y) and a terminal (x, y)."""

    colour: str
    pin: tuple[float, float]
    terminal: tuple[float, float]


def draw(board: Board) -> str:
    """The picture, deterministic. The board's header must be known."""
    manifest = board.manifest
    rows = max(len(manifest["HEADER"]["left"]), len(manifest["HEADER"]["right"]))
    sides = {side: [part for part in manifest["WIRING"] if part["side"] == side] for side in ("left", "right")}
    tall = {side: sum(_height(part) + GAP for part in parts) - GAP for side, parts in sides.items()}
    middle = TOP + max(rows * PIN_ROW + 30, *tall.values()) / 2
    first_row = middle - rows * PIN_ROW / 2 + PIN_ROW / 2
    shapes: list[str] = []
    for side, parts in sides.items():
        shapes += _side(board, side, parts, middle - tall[side] / 2, first_row)
    shapes += _body(board, first_row, rows)
    bottom = TOP + max(rows * PIN_ROW + 30, *tall.values()) + GAP
    shapes += _notes_below(board, bottom)
    height = bottom + 46 + 18 * len(_on_the_board(board))
    head = _head(board, height)
    return "\n".join([*head, *shapes, "</svg>"]) + "\n"


def _head(board: Board, height: float) -> list[str]:
    dangerous = any(part.get("beyond", {}).get("at") == "mains" for part in board.manifest["WIRING"])
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}" '
        f'role="img" aria-label="Wiring of {escape(board.board["NAME"])}">',
        STYLE,
        f'  <rect width="{WIDTH}" height="{height:g}" fill="var(--ground)"/>',
        _text(MARGIN, 30, f"{board.board['NAME']}: wiring", "title"),
    ]
    return [*lines, _text(MARGIN, 50, WARNING, "mains")] if dangerous else lines


def _height(part: dict[str, Any]) -> float:
    height = 26 + ROW * len(part["wires"]) + NOTE * len(part["notes"]) + 8
    if "beyond" in part:
        height += 26 + NOTE * (len(part["beyond"]["wires"]) + len(part["beyond"]["notes"]))
    return height


def _side(board: Board, side: str, parts: list[dict[str, Any]], top: float, first_row: float) -> list[str]:
    """The parts of one side, from `top` down, and their lines."""
    words: dict[int | None, Use] = {use.pin: use for use in uses(board)}
    header = board.manifest["HEADER"][side]
    left = side == "left"
    edge = MARGIN + BLOCK if left else WIDTH - MARGIN - BLOCK  # of the blocks, towards the board
    pin_x = MARGIN + BLOCK + CHANNEL if left else MARGIN + BLOCK + CHANNEL + BODY
    shapes, wires = [], []
    for part in parts:
        shapes += _block(part, MARGIN if left else edge, top)
        y = top + 26 + ROW / 2
        for terminal, label in part["wires"].items():
            use = words.get(number_of(label))
            shapes += _terminal(terminal, use.words if use else "", edge, y, left)
            if use is None:
                shapes += _supply(label, edge, y, left)
            else:
                pin_y = first_row + PIN_ROW * header.index(label)
                wires.append(Wire(COLOURS[use.role], (pin_x, pin_y), (edge, y)))
            y += ROW
        top += _height(part) + GAP
    return [*_lines(wires, left), *shapes]


def _block(part: dict[str, Any], x: float, top: float) -> list[str]:
    shapes = [
        f'  <rect x="{x}" y="{top:g}" width="{BLOCK}" height="{_height(part):g}" rx="8" fill="var(--block)" '
        'stroke="var(--line)"/>',
        _text(x + 12, top + 19, part["part"], "part"),
    ]
    y = top + 26 + ROW * len(part["wires"]) + 13
    for note in part["notes"]:
        shapes.append(_text(x + 12, y, note, "soft"))
        y += NOTE
    if "beyond" in part:
        shapes += _beyond(part["beyond"], x, y - 9, top + _height(part))
    return shapes


def _beyond(beyond: dict[str, Any], x: float, top: float, bottom: float) -> list[str]:
    colour = "mains" if beyond["at"] == "mains" else "battery"
    shapes = [
        f'  <path d="M{x} {top:g}h{BLOCK}v{bottom - top - 8:g}q0 8-8 8h-{BLOCK - 16}q-8 0-8-8z" '
        f'style="fill: var(--{colour}); stroke: var(--{colour}-line); stroke-width: 1"/>',
        _text(x + 12, top + 18, f"{beyond['part']} (mains)" if colour == "mains" else beyond["part"], "part"),
    ]
    y = top + 18 + NOTE
    for words, style in [(wire, "") for wire in beyond["wires"]] + [(note, "soft") for note in beyond["notes"]]:
        shapes.append(_text(x + 12, y, words, style))
        y += NOTE
    return shapes


def _terminal(name: str, words: str, edge: float, y: float, left: bool) -> list[str]:
    sign = -1 if left else 1
    anchor = "end " if left else ""
    shapes = [
        f'  <circle cx="{edge:g}" cy="{y:g}" r="4" fill="var(--ground)" stroke="var(--soft)" stroke-width="1.5"/>',
        _text(edge + sign * 12, y + 4, name, anchor.strip()),
    ]
    if words:
        shapes.append(_text(edge + sign * (24 + 7 * len(name)), y + 4, words, f"{anchor}soft"))
    return shapes


def _supply(label: str, edge: float, y: float, left: bool) -> list[str]:
    """A stub with the supply's name: it goes to any pin of that name."""
    sign = 1 if left else -1
    width = 14 + 7 * len(label)
    x = edge + 4 + 12 if left else edge - 4 - 12 - width
    colour = "earth" if label in EARTHS else "supply"
    return [
        f'  <path d="M{edge + sign * 4:g} {y:g}h{sign * 12}" stroke="var(--{colour})"/>',
        f'  <rect x="{x:g}" y="{y - 8:g}" width="{width}" height="16" rx="8" fill="var(--{colour})"/>',
        _text(x + width / 2, y + 4, label, "tag"),
    ]


def _lines(wires: list[Wire], left: bool) -> list[str]:
    """One line for each wire, each with an upright of its own between block and board.

    Of those that rise towards the block the uppermost, of those that fall the lowest, turns nearest to the board: so
    lines in the same order at both ends do not cross.
    """
    rising = [wire for wire in wires if wire.terminal[1] <= wire.pin[1]]
    falling = [wire for wire in wires if wire.terminal[1] > wire.pin[1]]
    order = sorted(rising, key=lambda wire: wire.pin[1]), sorted(falling, key=lambda wire: -wire.pin[1])
    step = min(14.0, (CHANNEL - 84) / max(1, *map(len, order)))
    shapes = []
    for group in order:
        for number, wire in enumerate(group):
            x = wire.pin[0] + (-1 if left else 1) * (16 + number * step)
            shapes.append(
                f'  <path d="M{wire.pin[0]:g} {wire.pin[1]:g}H{x:g}V{wire.terminal[1]:g}H{wire.terminal[0]:g}" '
                f'stroke="var(--{wire.colour})"/>'
            )
    return shapes


def _body(board: Board, first_row: float, rows: int) -> list[str]:
    x, top = MARGIN + BLOCK + CHANNEL, first_row - PIN_ROW / 2 - 15
    height = rows * PIN_ROW + 30
    shapes = [
        f'  <rect x="{x}" y="{top:g}" width="{BODY}" height="{height:g}" rx="10" fill="var(--body)" '
        'stroke="var(--soft)"/>'
    ]
    usb = board.manifest["HEADER"]["usb"]
    if usb:
        y = top - 8 if usb == "top" else top + height - 14
        shapes += [
            f'  <rect x="{x + BODY / 2 - 25:g}" y="{y:g}" width="50" height="22" rx="3" fill="var(--line)" '
            'stroke="var(--soft)"/>',
            _text(x + BODY / 2, y + 15, "USB", "small middle"),
        ]
    for side in ("left", "right"):
        for row, label in enumerate(board.manifest["HEADER"][side]):
            shapes += _pin(board, side, row, rows, label, first_row + PIN_ROW * row)
    return shapes


def _pin(board: Board, side: str, row: int, rows: int, label: str, y: float) -> list[str]:
    used = {use.pin: use for use in uses(board)}
    pin = number_of(label)
    use = used.get(pin) if pin is not None else None
    left = side == "left"
    x, sign = (MARGIN + BLOCK + CHANNEL, 1) if left else (MARGIN + BLOCK + CHANNEL + BODY, -1)
    anchor = "" if left else "end "
    wired = {name for part in board.manifest["WIRING"] for name in part["wires"].values()}
    if use is not None:
        fill = f"var(--{COLOURS[use.role]})"
    elif pin is None and label in wired:
        fill = "var(--earth)" if label in EARTHS else "var(--supply)"
    else:
        fill = "var(--ground)"
    number = {
        "around": row + 1 if left else 2 * rows - row,
        "across": 2 * row + (1 if left else 2),
        "down": row + 1,
    }[board.manifest["HEADER"]["numbers"]]
    return [
        f'  <circle cx="{x}" cy="{y:g}" r="6" fill="{fill}" stroke="var(--soft)"/>',
        _text(x + sign * 13, y + 4, str(number), f"{anchor}small soft"),
        _text(x + sign * 32, y + 4, label, anchor.strip() if fill != "var(--ground)" else f"{anchor}soft"),
    ]


def _on_the_board(board: Board) -> list[str]:
    onboard = board.manifest["ONBOARD"]
    mine = [use for use in uses(board) if use.pin in onboard]
    return [f"On the board: {onboard[use.pin]}, pin {use.pin} ({use.words})." for use in mine]


def _notes_below(board: Board, top: float) -> list[str]:
    shapes, y = [], top + 14
    for words in _on_the_board(board):
        shapes.append(_text(MARGIN, y, words))
        y += 18
    drawn = {COLOURS[use.role] for use in uses(board)}
    x: float = MARGIN
    for colour, words in LEGEND.items():
        if colour in drawn:
            shapes.append(f'  <path d="M{x:g} {y - 4:g}h22" stroke="var(--{colour})"/>')
            shapes.append(_text(x + 28, y, words, "soft"))
            x += 28 + CHARACTER * len(words) + 24
    shapes.append(_text(x, y, "GND and supplies: to any pin of that name.", "soft"))
    shapes.append(
        _text(
            MARGIN,
            y + 20,
            "Drawn by tools/wiring.py from board.py and manifest.py; nothing here was built.",
            "soft small",
        )
    )
    return shapes


def _text(x: float, y: float, words: str, style: str = "") -> str:
    styled = f' class="{style}"' if style else ""
    return f'  <text x="{x:g}" y="{y:g}"{styled}>{escape(words)}</text>'
