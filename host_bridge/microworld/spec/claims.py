"""The sections [[always]], [[lemma]], [[stays]], [[within]] and [[assume]] of a specification."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from host_bridge.microworld.language.fold import fold
from host_bridge.microworld.language.meaning import Known, Scope
from host_bridge.microworld.language.units import NUMBER, ON_OFF, unit
from host_bridge.microworld.program import Claim, Expr
from host_bridge.microworld.spec.declared import worked_out
from host_bridge.microworld.spec.source import Source
from host_bridge.microworld.spec.toml_places import Path

REQUIRED = {
    "always": ("name", "holds"),
    "lemma": ("name", "holds"),
    "stays": ("name", "when", "holds", "for"),
    "within": ("name", "when", "holds", "time"),
}
PREFIXES = ("next", "before", "true", "acted")
NAMES = ("state", "input", "output", "let", "parameter")
LONGEST = 1 << 20  # ticks


@dataclass(frozen=True, slots=True)
class Written:
    """A claim whose parameters are not filled in, and where it stands."""

    path: Path
    claim: Claim
    duration: Expr | None


def read_claims(source: Source, known: Mapping[str, Known], tick_s: int) -> list[Written]:
    """All claims, in the order of the sections."""
    paths = [
        (kind, path)
        for kind, keys in REQUIRED.items()
        for path in source.tables(kind)
        if source.table(path, (*keys, "says"), keys) is not None
    ]
    named: dict[str, Path] = {}
    for _, path in paths:
        read_name(source, (*path, "name"), named)
    of_claims = {name: Known(str(path[0]), NUMBER) for name, path in named.items() if path[0] in ("stays", "within")}
    found = []
    for kind, path in paths:
        prefixes = (*PREFIXES, "left", "waited") if kind in ("always", "lemma") else PREFIXES
        scope = Scope({**of_claims, **known}, NAMES, "a claim of this kind", tick_s, prefixes)
        written = read_claim(source, kind, path, scope)
        if written:
            found.append(written)
    return found


def read_name(source: Source, path: Path, named: dict[str, Path]) -> None:
    """Adds a claim's name to `named`."""
    name = source.string(path, longest=80)
    if not name or not name.isprintable() or "'" in name:
        source.wrong(path, "a claim's name has no quotes in it and is not empty")
    elif name in named:
        line = source.places.line_column(source.places.value(named[name]))[0]
        source.wrong(path, f"another claim has this name, in line {line}")
    else:
        named[name] = path


def read_claim(source: Source, kind: str, path: Path, scope: Scope) -> Written | None:
    """One claim."""
    holds = source.expression((*path, "holds"), scope, ON_OFF)
    when = source.expression((*path, "when"), scope, ON_OFF) if "when" in REQUIRED[kind] else None
    lasts = REQUIRED[kind][3:]
    duration = None
    if lasts:
        constants = Scope(scope.known, ("parameter",), "a duration", scope.tick_s)
        duration = source.expression((*path, lasts[0]), constants, unit("s"))
    if holds is None or (when is None) != ("when" not in REQUIRED[kind]) or (duration is None) != (not lasts):
        return None
    name, says = source.string((*path, "name")), source.string((*path, "says"))
    claim = Claim(name, kind, holds.expr, when.expr if when else None, 0, says)
    return Written(path, claim, duration.expr if duration else None)


def filled_in(source: Source, written: Written, known: Mapping[str, Expr], tick_s: int) -> Claim:
    """The claim with its parameters. What stays does so for at least its time, what comes comes within it."""
    claim, ticks = written.claim, 0
    if written.duration is not None:
        place = (*written.path, REQUIRED[claim.kind][3])
        seconds = worked_out(source, place, written.duration, known)
        ticks = -(-seconds // tick_s) if claim.kind == "stays" else max(seconds // tick_s, 1)
        if seconds < 1 or ticks > LONGEST:
            source.wrong(place, f"this lasts from 1 s to {LONGEST} ticks")
    when = None if claim.when is None else fold(claim.when, known)
    return replace(claim, holds=fold(claim.holds, known), when=when, ticks=ticks)


def read_assumptions(source: Source, known: Mapping[str, Known], tick_s: int) -> list[tuple[Path, Expr]]:
    """What is assumed of the inputs, and where it stands."""
    hints = dict.fromkeys(("state", "output", "let"), "it is checked before the tick, of the inputs alone")
    scope = Scope(known, ("input", "parameter"), "an assumption", tick_s, (), hints)
    found = []
    for path in source.tables("assume"):
        if source.table(path, ("holds", "says"), ("holds",)) is None:
            continue
        typed = source.expression((*path, "holds"), scope, ON_OFF)
        if typed:
            found.append((path, typed.expr))
    return found
