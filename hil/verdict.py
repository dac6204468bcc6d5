"""'Pi or microcontroller?' in words that follow from the figures by rules; no figure is written here by hand."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hil.figures import CATALOG, Figure

CONTROLLERS = ("serial", "rp2040_emulated", "rp2040w_emulated", "esp32_virtual")  # the best proof first
PI = "pi_native"
PLACES = 3  # that a home meters and switches: say the incoming line, hot water, the car
ALIKE = 1.25  # figures within this factor are called alike
Figures = Mapping[str, Figure]


@dataclass(frozen=True)
class Finding:
    """One comparison: `who` is ahead ("microcontroller", "Pi", "neither"), and the sentence that says why."""

    who: str
    words: str


# figure, what it decides, whether the difference matters: beyond the bound for both it does not
_COMPARED = (
    (
        "boot_reading_ms",
        "Ready after power-on",
        "the Pi's operating system has to start first, which is not in its figure",
    ),
    ("command_p99_ms", "Command to contact (p99)", ""),
    ("fail_safe_ms", "Opening when the host dies", ""),
    ("energy_error_percent", "Energy error", ""),
)


def verdict(rigs: Mapping[str, Figures], passed: Mapping[str, set[str]]) -> list[Finding]:
    """Findings, and as the last one the answer. `rigs`: figures by rig; `passed`: names of the tests that passed."""
    controller = next((name for name in CONTROLLERS if name in rigs), None)
    if controller is None or PI not in rigs:
        missing = PI if controller else "a microcontroller's rig"
        return [Finding("neither", f"No answer: {missing} was not run, and the answer compares both.")]
    ours, pis = rigs[controller], rigs[PI]
    findings = [
        _compare(name, what, ours, pis, controller, remark)
        for name, what, remark in _COMPARED
        if name in ours and name in pis
    ]
    findings += _price(ours, pis, controller)
    findings += _only_one(ours, passed.get(controller, set()), pis, passed.get(PI, set()))
    return [*findings, _answer(findings, controller)]


def _compare(name: str, what: str, ours: Figures, pis: Figures, controller: str, remark: str) -> Finding:
    kind, mine, theirs = CATALOG[name], ours[name], pis[name]
    a, b = _shown(mine), _shown(theirs)
    better = mine.value < theirs.value if kind.at_most else mine.value > theirs.value
    both_meet = mine.limit is not None and theirs.limit is not None and mine.met and theirs.met
    low, high = sorted((max(mine.value, 1e-9), max(theirs.value, 1e-9)))
    numbers = f"{a} on the microcontroller ({controller}), {b} as on a Pi ({PI})"
    if both_meet:
        limits = " and ".join(dict.fromkeys(f"{figure.limit:g}" for figure in (mine, theirs)))
        return Finding("neither", f"{what}: {numbers}; both keep their limits ({limits} {kind.unit}){_remark(remark)}.")
    if high / low < ALIKE:
        return Finding("neither", f"{what}: {numbers}; that is alike{_remark(remark)}.")
    who = "microcontroller" if better else "Pi"
    return Finding(who, f"{what}: {numbers}: the {who} is ahead{_remark(remark)}.")


def _price(ours: Figures, pis: Figures, controller: str) -> list[Finding]:
    """Microcontrollers need one Pi above them all; the Pi way needs one at each place."""
    if not {"parts_eur"} <= set(ours) or not {"parts_eur", "computer_eur"} <= set(pis):
        return []
    mine, theirs, above = ours["parts_eur"].value, pis["parts_eur"].value, pis["computer_eur"].value
    one, other = ours["parts_eur"], pis["parts_eur"]
    prices = (
        f"{_shown(one)} for a place with a microcontroller ({controller}), {_shown(other)} with a Pi "
        f"(parts of {one.note or 'one'} and {other.note or 'the other'})"
    )
    if mine >= theirs:
        return [Finding("Pi", f"Price of parts: {prices}: the Pi is ahead.")]
    places = math.floor(above / (theirs - mine)) + 1
    who = "microcontroller" if places <= PLACES else "Pi"
    words = f"with the one Pi above them ({above:.2f} EUR) microcontrollers cost less from {places} places on"
    return [Finding(who, f"Price of parts: {prices}; {words}, and a home is taken to have {PLACES}.")]


def _only_one(ours: Figures, our_tests: set[str], pis: Figures, pi_tests: set[str]) -> list[Finding]:
    """What one of them proved and the other has not shown."""
    findings = []
    if "test_pins_safe_at_start" in our_tests and "test_pins_safe_at_start" not in pi_tests:
        edges, starts = ours["unsafe_edges"], ours.get("starts_watched")
        watched = f" in {starts.value:.0f} starts and resets" if starts else ""
        words = (
            f"Pins at a start: {edges.value:.0f} edges to the unsafe level{watched}; as on a Pi nobody has measured it."
        )
        findings.append(Finding("microcontroller", words))
    if "test_watchdog" in our_tests and "test_watchdog" not in pi_tests:
        words = (
            "A hung program: the microcontroller's watchdog restarted it with its contactors open; "
            "the Pi way was not shown to."
        )
        findings.append(Finding("microcontroller", words))
    if "heap_free_kb" in ours:
        words = (
            f"Memory: the microcontroller had {_shown(ours['heap_free_kb'])} free under load; a Pi has no such bound."
        )
        findings.append(Finding("Pi", words))
    return findings


def _answer(findings: list[Finding], controller: str) -> Finding:
    counts = {who: sum(finding.who == who for finding in findings) for who in ("microcontroller", "Pi", "neither")}
    score = (
        f"{counts['microcontroller']} of {len(findings)} findings speak for the microcontroller, "
        f"{counts['Pi']} for the Pi, {counts['neither']} for neither"
    )
    if counts["microcontroller"] > counts["Pi"]:
        words = "at the load a microcontroller, and a Pi above it for storage, the page and plans"
        who = "microcontroller"
    elif counts["Pi"] > counts["microcontroller"]:
        words = "where a Pi stands beside the load anyway, let it do the work; elsewhere a microcontroller"
        who = "Pi"
    else:
        words, who = "the figures do not choose; take what stands nearer to the load", "neither"
    proof = "" if controller == "serial" else " None of this was measured on a real board or a real Pi."
    return Finding(who, f"Pi or microcontroller? {words[0].upper()}{words[1:]}. {score}.{proof}")


def _shown(figure: Figure) -> str:
    kind = CATALOG[figure.name]
    return f"{figure.value:.{kind.decimals}f} {kind.unit}".strip()


def _remark(remark: str) -> str:
    return f" ({remark})" if remark else ""
