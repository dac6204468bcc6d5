"""`gridnexus watch`: the bridge as it is now, redrawn every second; lines instead where there is no terminal."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from host_bridge.client import Bridge, BridgeDown
from host_bridge.terminal import contactor, event_line, first, nodes_table, power, printable, thousandths
from host_bridge.times import in_words, local

Answer = dict[str, Any]
EVENTS_ASKED = 30
MOST_EVENTS = 10_000  # the API's limit of one answer
EVENTS_FOLLOWED = 300  # more than happen between two looks
LOOK_EVERY_S = 1.0
LEVELS = ("info", "warning", "error")


@dataclass(slots=True)
class Snapshot:
    """What was last heard from the bridge, and whether it still answers."""

    time_ms: int = 0  # of this machine's clock
    bridge: Answer = field(default_factory=dict)
    nodes: list[Answer] = field(default_factory=list)
    events: list[Answer] = field(default_factory=list)  # oldest first
    new_events: list[Answer] = field(default_factory=list)  # those that the snapshot before did not have
    trouble: str = ""  # why it does not answer now; the rest is then old
    down_since_ms: int = 0
    note: str = ""  # a restart seen just now


def snapshots(bridge: Bridge, every_s: float, until_s: float | None = None) -> Iterator[Snapshot]:
    """One snapshot each `every_s`, for `until_s` or for ever. Raises only when the very first gets no answer."""
    shot, begun = Snapshot(), time.monotonic()
    while until_s is None or time.monotonic() - begun < until_s:
        due = time.monotonic() + every_s
        shot = _next(bridge, shot)
        yield shot
        time.sleep(max(0.0, due - time.monotonic()))


def _next(bridge: Bridge, last: Snapshot) -> Snapshot:
    now_ms = time.time_ns() // 1_000_000
    try:
        about, nodes, events = bridge.bridge(), bridge.nodes(), bridge.events(EVENTS_ASKED)
    except BridgeDown as error:
        if not last.bridge:
            raise
        since = last.down_since_ms or now_ms
        return Snapshot(now_ms, last.bridge, last.nodes, last.events, [], str(error), since)
    note = ""
    if last.trouble:
        note = f"the bridge answers again after {in_words(now_ms - last.down_since_ms)}"
    elif last.bridge and about["uptime_s"] < last.bridge["uptime_s"]:
        note = "the bridge was restarted"
    new = [event for event in events if event not in last.events]
    return Snapshot(now_ms, about, nodes, events, new, note=note)


def watch_screen(bridge: Bridge, console: Console, zone: tzinfo | None, every_s: float, until_s: float | None) -> None:
    """Redraw a whole screen until Ctrl-C or SIGTERM; either way the terminal is left as it was."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    shots = snapshots(bridge, every_s, until_s)
    shot = next(shots, Snapshot())  # a bridge that is not there is told on the plain terminal
    note = ""  # the newest one stays on the screen
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while shot.bridge:
                note = f"{local(shot.time_ms, zone, '%H:%M:%S')} {shot.note}" if shot.note else note
                live.update(screen(shot, console.width, console.height, zone, note), refresh=True)
                shot = next(shots, Snapshot())
    except KeyboardInterrupt:
        return


def screen(shot: Snapshot, width: int, height: int, zone: tzinfo | None, note: str = "") -> RenderableType:
    """One screen of `width` x `height` cells: heading, nodes, and as many of the newest events as fit."""
    parts: list[RenderableType] = [_heading(shot, zone, note)]
    console = Console(width=width)
    nodes = shot.nodes if not shot.trouble else [{**node, "link_state": "not known"} for node in shot.nodes]
    room = height - _lines(console, parts[0])
    shown, table = _fitting(nodes, shot.time_ms, console, width, room - 1)
    if shown:
        parts.append(table)
        room -= _lines(console, table)
    elif not nodes:
        parts.append(Text("No node yet: connect one and name its port with [[link]] in the configuration."))
    if shown < len(nodes):
        more = f"\u2026 and {len(nodes) - shown} more; make the window taller"
        parts.append(Text(more, "dim", no_wrap=True, overflow="ellipsis"))
        room -= 1
    parts += _newest_events(shot.events, room - 1, zone)
    return Group(*parts)


def watch_lines(bridge: Bridge, zone: tzinfo | None, every_s: float, until_s: float | None, as_json: bool) -> None:
    """Print each snapshot as lines of text, or as one line of JSON, until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    told = ""
    try:
        for shot in snapshots(bridge, every_s, until_s):
            if as_json:
                lines = [json.dumps(_json(shot))]
            else:
                lines = _plain_lines(shot, zone, told)
                told = shot.trouble
            sys.stdout.writelines(line + "\n" for line in lines)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return


def recorded_events(bridge: Bridge, node: str, level: str, start_ms: int = 0, limit: int = MOST_EVENTS) -> list[Answer]:
    """Of the `limit` events stored last those of `level` and worse, oldest first; `node` empty: of all."""
    wanted = LEVELS[LEVELS.index(level) :]
    return [event for event in bridge.events(limit, node, start_ms) if event["level"] in wanted]


def follow_events(bridge: Bridge, node: str, level: str, seen: list[Answer]) -> Iterator[list[Answer]]:
    """What is stored beyond `seen`, as it comes, until Ctrl-C: also what is older and comes late. A bridge that is away
    is waited for."""
    try:
        while True:
            time.sleep(LOOK_EVERY_S)
            with suppress(BridgeDown):
                newest = recorded_events(bridge, node, level, limit=EVENTS_FOLLOWED)
                yield [event for event in newest if event not in seen]
                seen = newest
    except KeyboardInterrupt:
        return


def _json(shot: Snapshot) -> Answer:
    return {
        "time_ms": shot.time_ms,
        "trouble": shot.trouble,
        "note": shot.note,
        "nodes": [] if shot.trouble else shot.nodes,  # what is old is not repeated as if it were new
        "events": shot.new_events,
    }


def _plain_lines(shot: Snapshot, zone: tzinfo | None, told: str) -> list[str]:
    clock = local(shot.time_ms, zone, "%H:%M:%S")
    if shot.trouble:
        return [] if shot.trouble == told else [f"{clock} {shot.trouble}; trying again"]
    lines = [f"{clock} {shot.note}"] if shot.note else []
    lines += [event_line(event, zone).plain for event in shot.new_events]
    return lines + [f"{clock} {_node_line(node)}" for node in shot.nodes]


def _node_line(node: Answer) -> str:
    parts = [node["name"], node["link_state"], power(node["active_power_mw"])]
    parts.append(thousandths(first(node, "voltage_rms_mv"), "V"))
    parts.append(thousandths(first(node, "frequency_mhz"), "Hz", 2))
    return printable("  ".join(parts + [contactor(body) for body in node["contactors"]]))


def _heading(shot: Snapshot, zone: tzinfo | None, note: str) -> Text:
    online = sum(node["link_state"] == "online" for node in shot.nodes)
    heading = Text(printable(shot.bridge["name"]), "bold")
    if shot.trouble:
        since = local(shot.down_since_ms, zone, "%H:%M:%S")
        return heading.append(f"  no answer since {since}, trying again; these figures are old. ", "bold red").append(
            printable(shot.trouble), "red"
        )
    powers = [node["active_power_mw"] for node in shot.nodes if node["link_state"] == "online"]
    total = power(sum(mw for mw in powers if mw is not None)) if any(mw is not None for mw in powers) else ""
    clock = local(shot.time_ms, zone, "%H:%M:%S")
    heading.append(f"  {total}  {online} of {len(shot.nodes)} online  {clock}", "default")
    if not shot.bridge["store"].get("writable", True):
        heading.append("  the store cannot write: gridnexus doctor", "bold red")
    return heading.append(f"  {note}" if note else "", "yellow")


def _fitting(nodes: list[Answer], now_ms: int, console: Console, width: int, room: int) -> tuple[int, RenderableType]:
    """As many nodes as `room` lines hold, and their table."""
    for count in range(len(nodes), 0, -1):
        table = nodes_table(nodes[:count], now_ms, width)
        if _lines(console, table) <= room:
            return count, table
    return 0, Text("")


def _newest_events(events: list[Answer], room: int, zone: tzinfo | None) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for event in reversed(events[-room:] if room > 0 else []):
        line = event_line(event, zone)
        line.no_wrap, line.overflow = True, "ellipsis"
        lines.append(line)
    return lines


def _lines(console: Console, part: RenderableType) -> int:
    return len(console.render_lines(part))
