"""pytest-embedded on benches: a service of our own whose DUT lets the rig's time pass while it expects something.

pytest-embedded knows a fixed list of services; ours is added to it. Boards with a loader use its own service `esp`,
which is esptool; a real board's console uses `serial`.
"""

import re
from typing import Any

from pytest_embedded import Dut, utils

from hil.bench import MS, Bench

SERVICE = "gridnexus-bench"
_STEP_MS = 50
_SETTLE_S = 5.0  # of wall time, for what was said to get through pytest-embedded's processes

# The plugin imports the package of a service when it is asked for: this very module stands for it.
utils.SERVICE_LIB_NAMES[SERVICE] = "hil.services"


class BenchDut(Dut):  # type: ignore[misc]
    """A bench's console as pytest-embedded's device under test; `timeout` is in seconds of the rig's time."""

    def __init__(self, bench: Bench, **wanted: Any) -> None:
        self.bench = bench
        self._told = 0  # what pytest-embedded has been given
        self._matched = 0  # what of the console was there at the last match
        super().__init__(**wanted)

    def _pass_on(self) -> None:
        said = self.bench.console()
        self._q.put(said[self._told :])
        self._told = len(said)

    def expect(self, pattern: Any, timeout: float = 10, **wanted: Any) -> Any:
        """As Dut.expect."""
        end = self.bench.now_ns + round(timeout * 1000) * MS
        while self.bench.now_ns < end:
            self._pass_on()
            if _found(pattern, self.bench.console()[self._matched :]):
                break
            self.bench.run(_STEP_MS * MS)
        self._pass_on()
        match = super().expect(pattern, timeout=_SETTLE_S, **wanted)
        self._matched = self._told
        return match

    def write(self, s: str | bytes) -> None:
        """Type at the console."""
        self.bench.type(s.encode() if isinstance(s, str) else s)


def _found(pattern: Any, text: str) -> bool:
    patterns = pattern if isinstance(pattern, list) else [pattern]
    return any(re.search(one if isinstance(one, str) else one.pattern, text) for one in patterns)
