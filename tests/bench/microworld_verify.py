"""From a specification's text to verified bytes, for every world of the catalogue; and how large the bytes are."""

import statistics
import time
from collections.abc import Callable

from host_bridge.microworld import bytecode, catalogue, spec, wasm
from host_bridge.microworld.verify import verify
from tests.bench.figures import Figure

MOST_S, MOST_BYTES, ROUNDS = 3.0, 1024, 3


def run(say: Callable[[str], None]) -> list[Figure]:
    """Two figures for each: the middle one of three times, and the size. RuntimeError: one is not accepted."""
    found = []
    for name in catalogue.names():
        text = catalogue.spec_path(name).read_text(encoding="utf-8")
        say(f"{name}: from its specification to verified bytes")
        rounds = [_round(text, name) for _ in range(ROUNDS)]
        seconds = statistics.median(took for took, _ in rounds)
        found.append(Figure(f"microworld: {name}, spec to verified bytes", seconds, "s", MOST_S, at_least=False))
        found.append(Figure(f"microworld: {name}, module", rounds[0][1], "B", MOST_BYTES, at_least=False))
    return found


def _round(text: str, name: str) -> tuple[float, int]:
    """(seconds, bytes of the module): read, compile for both machines, verify both."""
    started = time.perf_counter()
    program = spec.read(text, name).program()
    module = wasm.compile(program)
    case = verify(module, program, bytecode=bytecode.compile(program))
    took = time.perf_counter() - started
    if not case.accepted:
        raise RuntimeError(f"{name} is not accepted: {'; '.join(case.not_proved)}")
    return took, len(module)
