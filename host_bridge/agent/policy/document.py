"""The plan that has a node run the distilled policy while no host holds its battery's contactors."""

from datetime import UTC, tzinfo

from host_bridge import node_world
from host_bridge.microworld import bytecode, catalogue, spec
from host_bridge.microworld.program import Program
from host_bridge.model import NodeView

NAME = "home_policy"
TICKS_AN_HOUR = 12


def program(
    capacity_wh: int = 6400, efficiency_permille: int = 949, buy_from_min: int = 900, dear_from_min: int = 960
) -> Program:
    """The student for a battery and a tariff whose dear hours begin at `dear_from_min` of the day. Raises SpecError."""
    written = spec.read(catalogue.spec_path(NAME).read_text(encoding="utf-8"))
    full = capacity_wh * efficiency_permille * TICKS_AN_HOUR // 1000
    return written.program(parameters={"full": full, "buy_from": buy_from_min, "dear_from": dear_from_min})


def document(
    its: Program,
    view: NodeView,
    valid: tuple[int, int],
    zone: tzinfo = UTC,
    *,
    grid: str = "grid",
    battery: str = "battery",
    charge: str = "battery charge",
    hold: str = "battery hold",
) -> bytes:
    """For `view`'s node, whose channels and contactors have these names; `valid`: Unix s, at most 31 days. Raises
    NodeWorldError, BytecodeError."""
    binding = {
        "inputs": {
            "grid": f"{grid}.active_power_mw",
            "battery": f"{battery}.active_power_mw",
            "minute": "clock.minute_of_day",
        },
        "outputs": {"charge": charge, "hold": hold},
    }
    return node_world.document(its, bytecode.compile(its), binding, view, guard=False, valid=valid, zone=zone)
