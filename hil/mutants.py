"""Nodes broken on purpose, in one place each, and the check that has to find it, else it is worth nothing."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hil.bench import Bench, Edit, Load, replace_once
from hil.checks import Maker, metering, start, switching
from hil.figures import Notebook


@dataclass(frozen=True)
class Mutant:
    """`path`: below firmware_mpy. `test`: the test whose `check` must fail on this node."""

    name: str
    path: str
    edit: Edit
    test: str
    check: Callable[[Maker, Notebook], Any]


MUTANTS = (
    Mutant(
        "relay driven before safe",
        "gridnode/drivers/relay.py",
        replace_once("Pin.OUT, value=1 - closed_level)", "Pin.OUT, value=closed_level)"),
        "test_pins_safe_at_start",
        start.pins_at_start,
    ),
    Mutant(
        "lease ignored",
        "gridnode/switching/contactor.py",
        replace_once("return NONE if now_ms >= contactor._expires_ms else NOT_DUE", "return NOT_DUE"),
        "test_host_killed",
        switching.host_killed,
    ),
    Mutant(
        "register float",
        "gridnode/metering/energy.py",
        replace_once(
            "self.import_mwh += rest // _MW_US_PER_MWH",
            "self.import_mwh = int(float(self.import_mwh + rest // _MW_US_PER_MWH))",
        ),
        "test_registers_count_in_full",
        metering.registers_exact,
    ),
)


@dataclass(frozen=True)
class MutantMaker:
    """Makes the benches that `make` makes, with the mutant's edit on the node."""

    make: Maker
    mutant: Mutant

    @property
    def rig(self) -> Any:
        return self.make.rig

    @property
    def long(self) -> bool:
        return self.make.long

    @contextmanager
    def __call__(
        self, unit: Mapping[str, Any] | None = None, load: Load | None = None, edits: Mapping[str, Edit] | None = None
    ) -> Iterator[Bench]:
        wanted = {**(edits or {}), self.mutant.path: self.mutant.edit}
        with self.make(unit or {}, load or Load(), wanted) as bench:
            yield bench
