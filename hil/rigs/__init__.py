"""The rigs, one file of literals each: which board, what of it is emulated, what it lacks, what it is held to."""

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
# What a rig may lack, and what a test may need.
FEATURES = {
    "line": "a serial line to its host, at which the bench stands",
    "air": "a radio, in whose air the bench stands",
    "pins": "levels of the relay pins, with the time of each edge",
    "power": "a supply that the bench can switch",
    "reset": "a reset from outside",
    "watchdog": "a watchdog that resets the node when it hangs",
    "brown-out": "a supply that sags",
    "power cuts": "power that fails at a chosen flash operation",
    "injection": "a known load at the meter's input",
    "flash": "a flash of the node's own, with its file system",
    "flashing": "the real tool that writes the board's flash",
    "dwell": "contactors with a minimum on and off time that the bench can set",
    "interlock": "two contactors of which one at most may be closed",
    "converter": "samples that come from a converter, scaled as board.py says",
    "replacing": "files of the node that the bench can exchange",
    "console": "a console that shows what the node says",
    "prompt": "a console that takes what a person types",
    "heap": "the node's own word on its memory",
    "exact time": "a chip whose own time the bench knows to the microsecond",
    "cpu": "how busy the processor is",
}


class RigError(RuntimeError):
    """A rig's file is wrong, or there is no such rig; the text says what to do."""


@dataclass(frozen=True)
class Rig:
    """`bench`: which class of hil.benches serves it. `clock`: "simulated" or "wall". `parts`: the board whose parts one
    would buy; None: nothing. `lacks`: feature -> why. `limits`: figure -> bound, most or least as
    hil.figures.CATALOG has it.
    """

    name: str
    title: str
    board: str
    bench: str
    what: str
    processor: str
    clock: str
    parts: str | None
    lacks: dict[str, str] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)

    @property
    def simulated(self) -> bool:
        return self.clock == "simulated"


_KEYS: dict[str, Any] = {
    "NAME": str,
    "TITLE": str,
    "BOARD": str,
    "BENCH": str,
    "WHAT": str,
    "PROCESSOR": str,
    "CLOCK": str,
    "PARTS": str | None,
    "LACKS": dict,
    "LIMITS": dict,
}


def names() -> list[str]:
    """Of all rigs."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def load(name: str) -> Rig:
    """The rig of that name. Raises RigError naming the file and the key that is wrong."""
    path = FOLDER / f"{name}.py"
    if name not in names():
        raise RigError(f"no rig called {name}; there are: {', '.join(names())}")
    found = literals(path.read_text(encoding="utf-8"), path)
    for key, kind in _KEYS.items():
        if key not in found or not isinstance(found[key], kind):
            raise RigError(f"{path}: {key} must be there, as {getattr(kind, '__name__', kind)}")
    rig = Rig(**{key.lower(): found[key] for key in _KEYS})
    for feature in rig.lacks:
        if feature not in FEATURES:
            raise RigError(f"{path}: LACKS: no feature called {feature}; there are: {', '.join(FEATURES)}")
    if rig.name != name or rig.clock not in ("simulated", "wall"):
        raise RigError(f'{path}: NAME must be the file\'s, CLOCK "simulated" or "wall"')
    return rig


def literals(source: str, path: Path) -> dict[str, Any]:
    """Name -> value of each assignment of a source that holds literals only. Raises RigError."""
    found = {}
    try:
        for node in ast.parse(source, str(path)).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found[node.targets[0].id] = ast.literal_eval(node.value)
    except (SyntaxError, ValueError) as error:
        raise RigError(f"{path}: only literals may stand here ({error})") from error
    return found
