"""One contactor: what the node reports, apart from what was asked; the hold, the dwell, and the way to ask."""

import time
from typing import TYPE_CHECKING

from host_bridge import words
from host_bridge.model import Command, ContactorReport, LinkState, NodeView, Verdict
from host_bridge.web import units
from host_bridge.web.elements import Text, attribute, box, choose, glyph, mark

if TYPE_CHECKING:
    from host_bridge.dispatch import Dispatch

HOLDS_S = (10, 60, 300, 900, 1800, 3600)
HOLD_S = 300  # chosen at first, or the longest allowed when that is less
OUTCOME_SHOWN_MS = 10 * 60_000


class SwitchPanel:
    """Buttons ask through dispatch; the state shown is only ever the reported one."""

    def __init__(self, node: str, number: int, name: str, holds_s: list[int], dispatch: "Dispatch") -> None:
        self._node, self._number, self._name, self._dispatch = node, number, name, dispatch
        self._hold_s = max((hold for hold in holds_s if hold <= HOLD_S), default=holds_s[0])
        self._asking: Command | None = None
        self._longest_ms = 0
        self._view: NodeView | None = None
        with box("section", "switch", role="group", aria_label=f"{name} in {node}") as self._element:
            self._build_state()
            self._build_hold()
            self._build_request(holds_s)

    def _build_state(self) -> None:
        with box("div", "switch-head"):
            Text("h4", self._name)
            with box("p", "state", aria_live="polite"):
                glyph("contactor-open", "when-open")
                glyph("contactor-closed", "when-closed")
                glyph("warning", "when-tripped")
                self._state = Text("strong")
                self._load = Text("span", "", "load")
        self._cause = Text("p", "", "note cause")
        self._advice = Text("p", "", "note advice").props("role=alert")

    def _build_hold(self) -> None:
        with box("div", "hold", role="timer") as self._hold:
            with box("div", "bar", aria_hidden="true"):
                self._bar = box("span")
            self._hold_text = Text("p", "", "note")
        self._dwell = Text("p", "", "note dwell")

    def _build_request(self, holds_s: list[int]) -> None:
        with box("div", "ask"):
            self._close = Text("button", "Switch on", "button primary").on("click", lambda: self._ask("closed"))
            with box("label", "chooser") as self._chooser:
                Text("span", "for")
                with box("select", aria_label=f"hold of {self._name} in {self._node}") as chooser:
                    for hold_s in holds_s:
                        option = Text("option", units.span(hold_s))
                        option.props.update({"value": hold_s, **({"selected": True} if hold_s == self._hold_s else {})})
            chooser.on(
                "change", lambda event: self._choose(event.args), js_handler="(e) => emit(Number(e.target.value))"
            )
            self._open = Text("button", "Switch off", "button").on("click", lambda: self._ask("open"))
            self._reset = Text("button", "Reset", "button").on("click", lambda: self._ask("reset"))
            attribute(self._reset, "title", "end the lock-out; it stays open until it is switched on")
            for button in (self._close, self._open, self._reset):
                attribute(button, "type", "button")
        self._request = Text("p", "", "note request").props("aria-live=polite")

    def _choose(self, hold_s: object) -> None:
        if isinstance(hold_s, int):
            self._hold_s = hold_s

    async def _ask(self, target: str) -> None:
        hold_s = self._hold_s if target == "closed" else 0
        now_ms = int(time.time() * 1000)
        self._asking = Command(0, now_ms, self._node, self._name, target, hold_s, "page", "")
        self._tick_now()
        try:
            reason = "a person at the page"
            await self._dispatch.request(self._node, self._name, target, hold_s, asked_by="page", reason=reason)
        finally:
            self._asking = None
            self._tick_now()

    def _tick_now(self) -> None:
        if self._view is not None and not self._element.is_deleted:
            self.tick(self._view, int(time.time() * 1000))

    def tick(self, view: NodeView, now_ms: int) -> None:
        self._view = view
        online = view.link_state is LinkState.ONLINE
        report = view.contactor_reports.get(self._number)
        key = (self._node, self._name)
        pending, last = self._dispatch.pending.get(key) or self._asking, self._dispatch.last.get(key)
        doubt_ms = 0 if last is None else doubt_left_ms(last, report, view.clock_error_ms or 0, now_ms)
        self._show_state(report, online, now_ms)
        if last is not None and report is not None and doubt_ms and online:
            self._show_doubt(last, report, doubt_ms, now_ms)
        self._show_hold(report, last, online, now_ms)
        self._show_request(pending, last, now_ms)
        hears = view.way is None or not view.way.is_one_way
        if not hears and online:
            self._advise("It hears nothing of this bridge (one way): nothing can be asked of it.")
        self._show_buttons(report.state if report else "", online and hears and pending is None)

    def _show_buttons(self, state: str, may_ask: bool) -> None:
        for button in (self._close, self._open, self._reset):
            attribute(button, "disabled", None if may_ask else True)
        if state == "tripped":
            attribute(self._close, "disabled", True)
        locked_out = state == "locked out"
        for element in (self._close, self._open, self._chooser):
            mark(element, hidden=locked_out)
        mark(self._reset, hidden=not locked_out)
        self._close.show("Extend" if state == "closed" else "Switch on")

    def _show_state(self, report: ContactorReport | None, online: bool, now_ms: int) -> None:
        choose(self._element, "is", report.state.replace(" ", "-") if report else "unreported")
        mark(self._element, stale=not online)
        if report is None:
            self._state.show("not reported")
            self._load.show("")
            self._cause.show("The node has not told its state yet.")
            self._advise("")
            return
        self._state.show(report.state if online else f"was {report.state}")
        self._load.show(words.load(report.state, report.cause) if online else units.age(now_ms - report.time_ms))
        cause = words.CAUSES[report.cause]
        self._cause.show(cause if online else "The node is not online: its state now is unknown.")
        self._advise(words.advice(report.state, report.cause))

    def _show_doubt(self, last: Command, report: ContactorReport, doubt_ms: int, now_ms: int) -> None:
        """A state of its own: what was asked may have been applied, and the node has not said."""
        choose(self._element, "is", "in-doubt")
        self._state.show("not known")
        self._load.show(f"told {units.age(now_ms - report.time_ms)}: {report.state}")
        self._cause.show(
            f"Not known whether applied: {_wish(last)}. "
            f"It will be open by itself in {units.countdown(doubt_ms)}, or the node tells before."
        )

    def _advise(self, text: str) -> None:
        self._advice.show(text)
        mark(self._advice, hidden=not text)

    def _show_hold(self, report: ContactorReport | None, last: Command | None, online: bool, now_ms: int) -> None:
        closed = report is not None and report.state == "closed"
        left_ms = report.hold_left_ms(now_ms) if report else 0
        dwell_ms = report.dwell_left_ms(now_ms) if report and online else 0
        mark(self._hold, hidden=not closed)
        mark(self._dwell, hidden=dwell_ms == 0)
        self._dwell.show(f"Dwell: next change possible in {units.countdown(dwell_ms)}")
        asked_ms = last.hold_s * 1000 if last and last.verdict is Verdict.APPLIED and last.target == "closed" else 0
        fitting_ms = asked_ms if asked_ms >= left_ms else max(self._longest_ms, left_ms)
        self._longest_ms = fitting_ms if closed else 0
        share = left_ms / self._longest_ms if self._longest_ms else 0
        attribute(self._bar, "style", f"width:{share:.1%}")
        opens = "Opens by itself in" if online else "If nothing else happened, it opens in"
        ended = "The hold has ended; waiting for the node to say so." if online else "By its hold it is open by now."
        self._hold_text.show(f"{opens} {units.countdown(left_ms)}" if left_ms else ended)

    def _show_request(self, pending: Command | None, last: Command | None, now_ms: int) -> None:
        if pending is not None:
            choose(self._request, "was", "pending")
            self._request.show(f"Asked to {_wish(pending)}: waiting for the node")
        elif last is not None and now_ms - last.finished_ms < OUTCOME_SHOWN_MS:
            choose(self._request, "was", str(last.verdict))
            self._request.show(f"Asked to {_wish(last)}, {outcome_words(last, now_ms)}")
        mark(self._request, hidden=pending is None and (last is None or now_ms - last.finished_ms >= OUTCOME_SHOWN_MS))


def holds_up_to(limit_s: int) -> list[int]:
    """The holds to choose from; at least one, none above the limit."""
    return [hold for hold in HOLDS_S if hold <= limit_s] or [limit_s]


def _wish(command: Command) -> str:
    if command.target == "reset":
        return "end the lock-out"
    return f"switch on for {units.span(command.hold_s)}" if command.target == "closed" else "switch off"


def doubt_left_ms(last: Command, report: ContactorReport | None, clock_error_ms: float, now_ms: int) -> int:
    """For how long it is not known at most whether the contactor is as reported: the fate of `last` is unknown, and
    nothing that the node said since settles it. 0: it is known. The end is that of the lease in question."""
    if last.verdict is not Verdict.UNKNOWN or report is None or last.target not in ("closed", "open"):
        return 0
    said_ms = report.time_ms - clock_error_ms  # at the earliest
    if said_ms > last.finished_ms or (said_ms > last.time_ms and report.state == last.target):
        return 0  # from its deadline on the node refuses it
    if last.target == "open":
        return report.hold_left_ms(now_ms) if report.state == "closed" else 0
    if report.state == "closed" and report.hold_left_ms(now_ms):
        return 0  # so far it is, by the lease before
    return max(0, last.finished_ms + last.hold_s * 1000 - now_ms)


def outcome_words(command: Command, now_ms: int) -> str:
    """What became of a finished command: applied, refused with its reason and wait, or unknown."""
    if command.verdict is Verdict.APPLIED:
        return f"applied, {units.age(now_ms - command.finished_ms)}"
    if command.verdict is Verdict.UNKNOWN:
        return f"not known whether applied: {command.detail}"
    wait_ms = command.wait_ms - (now_ms - command.finished_ms)
    again = f" Try again in {units.countdown(wait_ms)}." if wait_ms > 0 else ""
    reason = words.REASONS.get(command.detail, command.detail) or str(command.refusal)
    return f"refused: {reason}.{again}"
