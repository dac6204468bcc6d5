"""The report as one HTML page that needs nothing else; light and dark, readable on a phone."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from hil import plots
from hil.figures import CATALOG
from hil.report import Column, Promise, Report, reason, rows, shown

STYLE = Path(__file__).with_name("page.css")
BARS = (
    ("boot_reading_ms", "Power-on to first reading"),
    ("fail_safe_ms", "Host killed: how late the contactor opens behind its lease"),
    ("energy_error_percent", "Largest energy error at steady loads"),
    ("cpu_percent", "Processor busy under load"),
    ("parts_eur", "Price of parts, without what an electrician puts up"),
)
GROUPS = (
    ("Start", ("boot_hello_ms", "boot_reading_ms", "unsafe_edges", "starts_watched")),
    ("Switching", ("command_median_ms", "command_p99_ms", "fail_safe_ms", "over_current_ms", "over_current_erase_ms")),
    (
        "Metering",
        (
            "voltage_error_percent",
            "current_error_percent",
            "power_error_percent",
            "energy_error_percent",
            "frequency_error_mhz",
            "samples_per_s",
            "reading_bytes",
            "outage_s",
        ),
    ),
    (
        "Power cuts and flash",
        ("power_cuts", "power_cuts_wrong", "cut_lost_mwh", "journal_days", "saves_a_day", "flash_years"),
    ),
    (
        "Link",
        (
            "session_ms",
            "handshake_ms",
            "session_again_ms",
            "offer_bytes",
            "strange_packets",
            "strange_taken",
            "frames_lost",
            "records_lost",
            "clock_error_ms",
            "seal_ms",
            "open_ms",
            "seal_alloc_bytes",
            "air_session_s",
            "air_command_s",
            "air_command_worst_s",
        ),
    ),
    ("Microworlds", ("world_ticks", "world_mutants", "world_heap_free_kb")),
    (
        "Distilled policy",
        ("policy_ticks", "policy_node_ms", "policy_node_uj", "policy_host_ms", "policy_host_uj"),
    ),
    ("Load", ("load_minutes", "heap_free_kb", "heap_trend_kb", "cpu_percent", "loop_busy_percent")),
    ("Size and price", ("image_kb", "node_kb", "parts_eur", "computer_eur", "flash_s", "flash_mb")),
)


def as_html(made: Report) -> str:
    """The whole page."""
    failed = sum(column.count("failed") for column in made.columns)
    parts = [
        _head(made, failed),
        _findings(made),
        _promises(made.promises),
        _plots(made.columns),
        _table(made),
        _tests(made),
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>gridnexus HIL report</title><style>\n{STYLE.read_text(encoding='utf-8')}</style></head>\n"
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def _head(made: Report, failed: int) -> str:
    passed = sum(column.count("passed") for column in made.columns)
    chips = [f'<span class="chip good">{passed} passed</span>']
    chips += [f'<span class="chip bad">{failed} failed</span>'] if failed else []
    chips += [f'<span class="chip bad">{name} could not run</span>' for name in made.missing]
    load = "10 minutes" if made.long else "1 minute"
    words = f"{len(made.columns)} rigs, {load} of load, {made.wall_s:.0f} s on {escape(made.machine)}"
    missing = "".join(f"<p class=quiet>{escape(name)}: {escape(why)}</p>" for name, why in made.missing.items())
    return f"<header><h1>HIL report</h1><p>{''.join(chips)}</p><p class=quiet>{words}</p>{missing}</header>"


def _findings(made: Report) -> str:
    items = "".join(f'<li class="{_class(each.who)}">{escape(each.words)}</li>' for each in made.findings[:-1])
    answer = made.findings[-1].words
    question, _, rest = answer.partition("? ")
    if not rest:
        question, rest = "Pi or microcontroller", answer
    return (
        f"<section class=answer><h2>{escape(question)}?</h2><p class=lead>{escape(rest)}</p><ul>{items}</ul></section>"
    )


def _class(who: str) -> str:
    return {"microcontroller": "mcu", "Pi": "pi"}.get(who, "none")


def _promises(promises: Sequence[Promise]) -> str:
    rows_ = []
    for promise in promises:
        mark, chip = {True: ("met", "good"), False: ("not met", "bad"), None: ("not judged", "open")}[promise.met]
        rows_.append(
            f"<tr><td>{escape(promise.title)}<small>{escape(promise.rig)}</small></td><td>{escape(promise.reach)}</td>"
            f"<td class=number>{escape(promise.value)}</td><td><span class='chip {chip}'>{mark}</span>"
            f"<small>{escape(promise.words)}</small></td></tr>"
        )
    head = "<tr><th>figure</th><th>to reach</th><th>measured</th><th></th></tr>"
    table = f"<table class=promises>{head}{''.join(rows_)}</table>"
    return f"<section><h2>Numbers to reach</h2><div class=scroll>{table}</div></section>"


def _plots(columns: Sequence[Column]) -> str:
    made = []
    told = [plots.Dots(c.rig.name, c.series["command_ms"], c.rig.clock) for c in columns if "command_ms" in c.series]
    if told:
        picture = plots.dots("Command to contact", told, "ms", 40, "p99 to reach: 40 ms")
        made.append(_figure("Command to contact, each command", picture))
    for name, title in BARS:
        rows_ = [_bar(column, name) for column in columns]
        if any(row.value is not None for row in rows_):
            made.append(_figure(title, plots.bars(title, rows_)))
    heaps = [
        plots.Dots(c.rig.name, c.series["heap_free_kb"], c.rig.clock)
        for c in columns
        if "heap_free_kb" in c.series and max(c.series["heap_free_kb"]) < 1000  # a board's, not a desktop's
    ]
    if heaps:
        made.append(
            _figure(
                "Free heap under load", plots.lines("Free heap", heaps, "kB", "from the start of the load to its end")
            )
        )
    legend = (
        "<p class=quiet><span class='key simulated'></span> simulated time, exact "
        "<span class='key wall'></span> wall time on this machine</p>"
    )
    return f"<section><h2>Pictures</h2>{legend}<div class=pictures>{''.join(made)}</div></section>"


def _bar(column: Column, name: str) -> plots.Bar:
    figure = column.figures.get(name)
    if figure is None:
        return plots.Bar(column.rig.name, None, "not measured", column.rig.clock)
    return plots.Bar(column.rig.name, max(0, figure.value), shown(figure), column.rig.clock, figure.met)


def _figure(title: str, svg: str) -> str:
    return f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>"


def _table(made: Report) -> str:
    columns = made.columns
    head = "".join(
        f"<th><b>{escape(c.rig.title)}</b><small>{escape(c.rig.name)}, {c.rig.clock} time</small></th>" for c in columns
    )
    body = [
        _told("what is emulated", [c.rig.what for c in columns]),
        _told("processor", [c.rig.processor for c in columns]),
    ]
    present = set(rows(made))
    for title, names in GROUPS:
        wanted = [name for name in names if name in present]
        if wanted:
            body.append(f'<tr class=group><th colspan="{len(columns) + 1}">{title}</th></tr>')
            body += [_figure_row(columns, name) for name in wanted]
    return (
        "<section><h2>Side by side</h2><div class=scroll><table class=rigs>"
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div></section>"
    )


def _told(title: str, words: Sequence[str]) -> str:
    cells = "".join(f"<td class=words>{escape(each)}</td>" for each in words)
    return f"<tr><th>{title}</th>{cells}</tr>"


def _figure_row(columns: Sequence[Column], name: str) -> str:
    cells = []
    for column in columns:
        figure = column.figures.get(name)
        if figure is None:
            cells.append(f'<td class="words none">not measured<small>{escape(reason(column, name))}</small></td>')
            continue
        limit = "" if figure.limit is None else f" limit {figure.limit:g};"
        note = f"<small>{escape(f'{limit} {figure.note}'.strip().rstrip(';'))}</small>"
        cells.append(f'<td class="number{"" if figure.met else " over"}">{escape(shown(figure))}{note}</td>')
    return f"<tr><th>{escape(CATALOG[name].label)}</th>{''.join(cells)}</tr>"


def _tests(made: Report) -> str:
    parts = []
    for column in made.columns:
        counts = (
            f"{column.count('passed')} passed, {column.count('failed')} failed, {column.count('skipped')} not for it"
        )
        items = "".join(
            f'<li class="{test["outcome"]}"><b>{escape(test["name"])}</b> {test["outcome"]}, {test["seconds"]:.1f} s'
            f"{_words(test['words'])}</li>"
            for test in column.tests
        )
        parts.append(
            f"<details><summary><b>{escape(column.rig.name)}</b> {counts}, {column.wall_s:.0f} s</summary>"
            f"<ul>{items}</ul></details>"
        )
    return f"<section><h2>Tests</h2>{''.join(parts)}</section>"


def _words(words: str) -> str:
    return f"<small>{escape(words.splitlines()[0][:300])}</small>" if words else ""
