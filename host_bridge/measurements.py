"""What `gridnexus measure` prints: the harmonics of a window as a picture of bars, an aggregate as lines."""

from datetime import tzinfo
from typing import Any

from rich.table import Table
from rich.text import Text

from host_bridge import words
from host_bridge.terminal import heading, printable, thousandths
from host_bridge.times import local

Answer = dict[str, Any]
BAR = 15  # cells of the longest
LEAST = 0.01  # of the fundamental: less than this never fills a bar
EIGHTHS = " ▏▎▍▌▋▊▉"
QUANTITIES = {
    "active_power_mw": ("W", 1),
    "reactive_power_mvar": ("var", 1),
    "apparent_power_mva": ("VA", 1),
    "voltage_rms_mv": ("V", 2),
    "current_rms_ma": ("A", 3),
    "frequency_mhz": ("Hz", 3),
}


def harmonics(answer: Answer, zone: tzinfo | None) -> list[Text | Table]:
    """A heading, and a row for each harmonic: its size, its share of the fundamental, and a bar of that share.

    Bars of voltage and of current have one scale each: the largest harmonic above the first fills it, or LEAST if that
    is more.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("harmonic", "voltage", "share", "", "current", "share", ""):
        table.add_column(title, justify="left" if not title else "right")
    series = [(answer["voltage_mv"], "V", 2), (answer["current_ma"], "A", 3)]
    for order in range(len(answer["voltage_mv"])):
        cells = [str(order + 1)]
        for values, unit, decimals in series:
            share = _share(values, order)
            longest = max(LEAST, *(_share(values, other) for other in range(1, len(values))))
            cells += [thousandths(values[order], unit, decimals), f"{100 * share:.1f} %"]
            cells.append(bar(share, longest) if order else "")
        table.add_row(*map(Text, cells))
    thd = [f"{name} {answer[f'{name}_thd_ppm'] / 10_000:.2f} %" for name in ("voltage", "current")]
    return [_title(answer, f"harmonics of one window, total distortion: {', '.join(thd)}", zone), table]


def aggregate(answer: Answer, zone: tzinfo | None) -> list[Text | Table]:
    """A heading, and a row for each quantity that the meter can tell."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    for name, (unit, decimals) in QUANTITIES.items():
        if answer[name] is not None:
            table.add_row(Text(heading(name).rsplit(" ", 1)[0]), Text(thousandths(answer[name], unit, decimals)))
    table.add_row(Text("quality"), Text(words.quality(answer["quality"])))
    return [_title(answer, f"mean of {answer['span']}", zone), table]


def bar(share: float, longest: float) -> str:
    """`share` as blocks, where `longest` fills BAR cells."""
    eighths = round(8 * BAR * share / longest) if longest else 0
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _share(values: list[int], index: int) -> float:
    return values[index] / values[0] if values[0] else 0.0


def _title(answer: Answer, what: str, zone: tzinfo | None) -> Text:
    return Text(printable(f"{answer['node']} {answer['channel']} {local(answer['time_ms'], zone)}: {what}"))
