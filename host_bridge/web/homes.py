"""A card for each home: power now with its recent course, what each channel measures, and its switches."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from host_bridge import words
from host_bridge.model import LinkState, Live, NodeView
from host_bridge.web import units
from host_bridge.web.elements import Text, attribute, box, choose, mark
from host_bridge.web.overview import Direction, EnergyToday
from host_bridge.web.switches import SwitchPanel, holds_up_to
from host_bridge.web.today import Energy

if TYPE_CHECKING:
    from host_bridge.dispatch import Dispatch

DIRECTION_WORDS = {"import": "import", "export": "export", "idle": "idle", "unknown": "nothing measured"}
LINK_WORDS = {
    LinkState.CONNECTING: "connecting",
    LinkState.ONLINE: "online",
    LinkState.STALE: "stale",
    LinkState.INCOMPATIBLE: "incompatible",
}
MINUTE_MS = 60_000
SPARK_MS, SPARK_STEPS, SPARK_HEIGHT = 5 * MINUTE_MS, 60, 32


class HomeCard:
    """One node. Its channels and contactors are fixed when it is made: `shape` says when to make it anew."""

    def __init__(self, view: NodeView, color: str, max_hold_s: int, dispatch: "Dispatch", zone: tzinfo) -> None:
        self.shape = shape(view)
        self._zone = zone
        holds_s = holds_up_to(min(max_hold_s, view.max_hold_s or max_hold_s))
        with box("article", "card home", aria_label=view.name) as self.element:
            self.element.style(f"--home:{color}")
            with box("header"):
                Text("h3", view.name)
                self._link = Text("span", "", "link")
            self._board = Text("p", "", "note board")
            self._build_power()
            self._mean = Text("p", "", "note mean")
            self._channels = [_ChannelRow(name) for name in view.channels] if len(view.channels) > 1 else []
            self._trouble = Text("p", "", "note trouble")
            self._energy = EnergyToday()
            self._switches = [
                SwitchPanel(view.name, number, name, holds_s, dispatch) for number, name in enumerate(view.contactors)
            ]

    def _build_power(self) -> None:
        with box("div", "now"):
            with box("div"):
                with box("p", "figure") as self._figure:
                    self._sign = Text("span", "", "sign")
                    self._number = Text("span", units.NOTHING, "number")
                    self._unit = Text("span", "W", "unit")
                self._direction = Direction(DIRECTION_WORDS)
            spark = {"viewBox": f"0 0 {SPARK_STEPS} {SPARK_HEIGHT}", "preserveAspectRatio": "none"}
            with box("svg", "spark", role="img", **spark) as self._spark_box:
                self._zero = box("path", "zero")
                self._spark = box("path", "line")

    def tick(self, view: NodeView, energy: Energy | None, now_ms: int) -> None:
        online = view.link_state is LinkState.ONLINE
        mark(self.element, stale=not online)
        self._link.show(LINK_WORDS[view.link_state])
        choose(self._link, "link", view.link_state.value)
        self._board.show(view.board)
        self._show_power(view, online, now_ms)
        for number, row in enumerate(self._channels):
            row.show(view.live.get(number))
        trouble = quality_words(view) if online else ""
        self._trouble.show(trouble)
        mark(self._trouble, hidden=not trouble)
        self._energy.show(energy)
        for switch in self._switches:
            switch.tick(view, now_ms)

    def _show_power(self, view: NodeView, online: bool, now_ms: int) -> None:
        power_mw = view.active_power_mw()
        number, unit = units.power(power_mw)
        direction = units.direction(power_mw)
        self._sign.show(units.sign(power_mw))
        self._number.show(number)
        self._unit.show(unit)
        choose(self._figure, "is", direction)
        self._direction.show(direction, None if online else last_known(view, now_ms))
        mean = mean_words(view, self._zone)
        self._mean.show(mean)
        mark(self._mean, hidden=not mean)
        span_ms = spark_ms(view)
        attribute(self._spark_box, "aria-label", f"power of the last {span_ms // MINUTE_MS} minutes")
        line, zero = spark_paths(list(view.live_trail), now_ms, span_ms, apart_ms(view))
        attribute(self._spark, "d", line)
        attribute(self._zero, "d", zero)


class _ChannelRow:
    def __init__(self, name: str) -> None:
        with box("p", "channel"):
            Text("span", name, "name")
            self._power = Text("span", "", "power")
            self._rest = Text("span", "", "rest")

    def show(self, live: Live | None) -> None:
        self._power.show(units.signed_power(live.active_power_mw if live else None))
        volts = units.scaled(live.voltage_rms_mv if live else None, 1, "V")
        hertz = units.scaled(live.frequency_mhz if live else None, 2, "Hz")
        self._rest.show(f"{volts}  {hertz}")


def shape(view: NodeView) -> tuple[object, ...]:
    """What a card's make-up depends on."""
    return view.channels, view.contactors, view.max_hold_s


def quality_words(view: NodeView) -> str:
    """What is wrong with the newest figures and what to do, channel by channel; empty when all are good."""
    told = []
    for number, name in enumerate(view.channels):
        live = view.live.get(number)
        if live is not None and live.quality:
            cures = words.cures(live.quality)
            told.append(f"{name}: {words.quality(live.quality)}" + (f" ({cures})" if cures else ""))
    return "; ".join(told)


def last_known(view: NodeView, now_ms: int) -> str:
    """Words for a figure that is not current."""
    if not view.last_heard_ms:
        return "never heard"
    return f"last known, {units.age(now_ms - view.last_heard_ms)}"


def mean_words(view: NodeView, zone: tzinfo) -> str:
    """What a figure by radio is: no value of now, but the mean of the newest interval that has come."""
    if view.way is None or not view.live or not view.interval_s:
        return ""
    whole = view.interval_s % 60 == 0
    span = "minute" if view.interval_s == 60 else units.span(view.interval_s)
    end = datetime.fromtimestamp(max(live.time_ms for live in view.live.values()) / 1000, zone)
    return f"mean of the {span} to {end.strftime('%H:%M' if whole else '%H:%M:%S')}"


def apart_ms(view: NodeView) -> int:
    """What lies further apart has a gap in between: there is a figure each second by cable, each interval by radio."""
    return 3 * view.interval_s * 500 if view.way else 0


def spark_ms(view: NodeView) -> int:
    """How far back the spark goes: two batches of a node that sends in batches."""
    return max(SPARK_MS, 2 * view.stale_after_ms // 3 // MINUTE_MS * MINUTE_MS)


def spark_paths(
    trail: Sequence[tuple[int, int]], now_ms: int, span_ms: int = SPARK_MS, apart_ms: int = 0
) -> tuple[str, str]:
    """SVG paths of the mean power of each 60th of the last `span_ms` (five seconds of five minutes), and of the zero
    line. What is no further apart than `apart_ms`, or than one step, is joined."""
    step_ms = span_ms // SPARK_STEPS
    joined = max(1, -(-apart_ms // step_ms))
    newest = now_ms // step_ms
    bins: dict[int, list[int]] = {}
    for time_ms, milliwatts in trail:
        position = SPARK_STEPS - (newest - time_ms // step_ms)
        if 0 <= position <= SPARK_STEPS:
            bins.setdefault(position, []).append(milliwatts)
    if not bins:
        return "", ""
    means = {position: sum(powers) / len(powers) for position, powers in sorted(bins.items())}
    low, high = min(0.0, *means.values()), max(0.0, *means.values())
    scale = (SPARK_HEIGHT - 4) / ((high - low) or 1)
    parts, before = [], -SPARK_STEPS - joined
    for position, mean in means.items():
        parts.append(f"{'L' if position <= before + joined else 'M'}{position} {2 + (high - mean) * scale:.1f}")
        before = position
    zero = 2 + high * scale
    return "".join(parts), f"M0 {zero:.1f}H{SPARK_STEPS}"
