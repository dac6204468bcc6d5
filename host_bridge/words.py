"""What a node's bits, causes, reasons and events mean, in words that say what to do. Pure; for all who tell people.

A name of a channel or contactor comes from the node: who prints it makes it safe for where it is printed.
"""

from collections.abc import Sequence

from gridnode.wire import schema
from host_bridge.model import Event
from host_bridge.times import in_words

QUALITY = {
    schema.NO_VOLTAGE: "no voltage",
    schema.CLIPPED: "clipped",
    schema.SHORT_WINDOW: "short window",
    schema.OPEN_INPUT: "input open",
    schema.REVERSED: "reversed",
    schema.WRONG_PHASE: "wrong phase",
    schema.NO_ANSWER: "meter silent",
    schema.UNBELIEVABLE: "unbelievable",
    schema.BOUNCE: "pulses bounce",
    schema.TIME_UNSURE: "time unsure",
}
QUALITY_CURES = {
    schema.NO_VOLTAGE: "check the voltage sensor and its fuse",
    schema.CLIPPED: "the signal is larger than the input: widen the channel's range",
    schema.OPEN_INPUT: "nothing is connected, or a wire is broken: check its plug",
    schema.REVERSED: "a load seems to export: turn its transformer round, or run gridnexus calibrate",
    schema.WRONG_PHASE: "current and voltage are of different phases: move the transformer to the phase measured",
    schema.NO_ANSWER: "the meter chip does not answer, or garbled: check its wires and supply",
    schema.UNBELIEVABLE: "the meter chip says what cannot be true: check its wires and its settings",
    schema.BOUNCE: "pulses come faster than the meter can make them: check the cable, and the meter's pulses per kWh",
}
CAUSES = {
    "boot": "since the node started",
    "request": "by request",
    "expiry": "because its hold ended",
    "interlock": "because of an interlock",
    "plan": "by the node's own plan",
    "button": "by the button at the node",
    "over-current": "because of over-current",
    "over-voltage": "because of over-voltage",
    "under-voltage": "because of under-voltage",
    "over-frequency": "because of over-frequency",
    "under-frequency": "because of under-frequency",
    "welded": "because its contact is welded: told to open, it stayed closed",
    "failed to close": "because it failed to close: told to close, it stayed open",
    "retry": "again after a trip",
    "reset": "by a reset",
}
# schema.REASONS, of a refusal
REASONS = {
    "unknown contactor": "the node has no such contactor",
    "hold out of range": "the node allows no hold of that length",
    "min on time": "it was closed too recently to open (min on time)",
    "min off time": "it was opened too recently to close (min off time)",
    "interlock": "a condition at the node forbids closing (interlock)",
    "expired": "it reached the node after its deadline",
    "tripped": "its protection has opened it, and it waits to try again by itself (tripped)",
    "locked out": "it is locked out: find out why it tripped, then reset it",
    "local control": "somebody at the node has taken over with its button (local control)",
    "not locked out": "there is nothing to reset: it is not locked out",
    "bad document": "the node cannot use that document, or has no room for it in its memory",
    "flash fault": "the node's flash could not be written and read back",
    "unknown channel": "the node has no such channel",
    "cannot measure": "this meter does not give that",
}
TRIP_UNITS = {
    "over-current": "A",
    "over-voltage": "V",
    "under-voltage": "V",
    "over-frequency": "Hz",
    "under-frequency": "Hz",
}
TOLD_CAUSES = ("expiry", "interlock", "plan", "button", "retry", "reset")  # the rest is told otherwise, or not news
_WORRYING = ("interlock", "button", "retry")


def quality(bits: int) -> str:
    """The bits' words, "good" for none; a bit that is not known here is told in hexadecimal."""
    known = [word for bit, word in QUALITY.items() if bits & bit]
    unknown = bits & ~sum(QUALITY)
    return ", ".join(known + [f"{unknown:#x}"] * bool(unknown)) or "good"


def cures(bits: int) -> str:
    """What to do about them; empty where there is nothing to do."""
    return "; ".join(words for bit, words in QUALITY_CURES.items() if bits & bit)


def lasting(journal_days: int, flash_years: int | None, space: str = " ") -> list[str]:
    """How far back the node's journal reaches and how long its flash lasts; what is not known yet is left out."""
    parts = [f"journal {journal_days:,}{space}days"] if journal_days else []
    return parts if flash_years is None else [*parts, f"flash {flash_years:,}{space}years"]


def load(state: str, cause: str) -> str:
    """What the state means for the load."""
    if state == "locked out" and cause == "welded":
        return "load may be on"
    return "load on" if state == "closed" else "load off"


def advice(state: str, cause: str) -> str:
    """What a person can do about a contactor in this state; empty where there is nothing to do."""
    if state == "tripped":
        return "It tries again by itself; meanwhile find out what is wrong with the load."
    if state != "locked out":
        return ""
    if cause == "welded":
        return "The load may still be on: cut its power elsewhere and replace the contactor; then reset it."
    if cause == "failed to close":
        return "Check the coil, its supply and the feedback contact; then reset it."
    return "It has tripped too often: find out what is wrong with the load; then reset it."


def switching(contactor: str, state: str, cause: str) -> tuple[str, str] | None:
    """(level, text) for the event list of a change that people should know of; None for the others."""
    if state == "locked out":
        return "error", f"{contactor} is locked out {CAUSES[cause]}. {advice(state, cause)}"
    if cause not in TOLD_CAUSES or state == "tripped":
        return None
    done = "closed" if state == "closed" else "opened"
    return "warning" if cause in _WORRYING else "info", f"{contactor} {done} {CAUSES[cause]}"


def event(
    kind: str,
    subject: int,
    value: int | None,
    duration_ms: int,
    channels: Sequence[str],
    contactors: Sequence[str],
    cause: str = "",
) -> tuple[str, str]:
    """(level, text) of one of schema.EVENTS. `cause`: why the contactor has tripped, if that is known."""
    channel = channels[subject] if subject < len(channels) else f"channel {subject}"
    number = 0 if value is None else value
    if kind == "trip":
        contactor = contactors[subject] if subject < len(contactors) else f"contactor {subject}"
        return "warning", _trip(contactor, value, cause)
    if kind == "quality":
        return _quality(channel, number)
    if kind in ("sag", "swell", "interruption"):
        reached = "" if value is None else f" to {number / 1000:.1f} V"
        return "warning", f"{channel}: voltage {kind}{reached} for {_lasting(duration_ms)}"
    if kind in ("document stored", "document reverted"):
        return "info", _document(kind, subject, number)
    return _of_node(kind, channel, subject, number)


def _of_node(kind: str, channel: str, subject: int, value: int) -> tuple[str, str]:
    if kind == "boot":
        return "info", f"started (boot {value})"
    if kind == "registers began":
        return "info", f"{channel}: no energy register was found on the node; it began at {value / 1e6:.3f} kWh"
    if kind == "records dropped":
        words = "records had to go before a bridge had them; no energy is lost"
        return "warning", f"its journal was full: {value} {words}"
    if kind == "block damaged":
        return "warning", f"{value} records in its flash are damaged and cannot be read; no energy is lost"
    words = "registers would not survive a power cut; replace the board"
    return "error", f"its flash cannot be written (error {subject}): {words}"


def _trip(contactor: str, value: int | None, cause: str) -> str:
    why = f" {CAUSES[cause]}" if cause in CAUSES else ""
    unit = TRIP_UNITS.get(cause, "")
    measured = f": {value / 1000:.{2 if unit == 'Hz' else 1}f} {unit}" if unit and value is not None else ""
    return f"{contactor} tripped{why}{measured}"


def _quality(channel: str, bits: int) -> tuple[str, str]:
    if not bits:
        return "info", f"{channel}: readings are good again"
    cure = cures(bits)
    return "warning", f"{channel}: {quality(bits)}" + (f" ({cure})" if cure else "")


def _lasting(duration_ms: int) -> str:
    return f"{duration_ms / 1000:.2f} s" if duration_ms < 10_000 else in_words(duration_ms)


def _document(kind: str, subject: int, version: int) -> str:
    name = schema.DOCUMENTS[subject] if subject < len(schema.DOCUMENTS) else f"document {subject}"
    return f"{name} version {version} stored" if kind == "document stored" else f"{name}: back to version {version}"


def told(node: str, kind: str, time_ms: int, words: tuple[str, str]) -> Event:
    """The event that people read."""
    return Event(time_ms, words[0], kind, node, words[1])
