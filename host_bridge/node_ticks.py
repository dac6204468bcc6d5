"""Whether a node's microworld does, tick by tick, what the same world does elsewhere."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from host_bridge.microworld.program import Program
from host_bridge.model import NodeTick

Step = Callable[[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]]


class Compared(NamedTuple):
    """How a node's ticks compare with a step of the same world elsewhere."""

    ticks: int  # that were run, and came out alike
    followed: int  # of which the next one was told, too, with the state that was to follow
    difference: str  # the first one in words; "": none


def compare(program: Program, step: Step, ticks: Iterable[NodeTick]) -> Compared:
    """Run each tick that a node has told of again with `step` (state, inputs) -> (next state, outputs).

    Every tick carries its state, so one that was lost costs that alone; where the next one came, its state is compared,
    and that of the first tick after a start with the program's.
    """
    count = followed = 0
    states, told = len(program.state), len(program.state) + len(program.inputs)
    before: tuple[NodeTick, tuple[int, ...]] | None = None  # a tick, and the state that is to follow
    for tick in ticks:
        words = tick.words()
        state = words[:states]
        if not words:  # its inputs are not known; the state stays
            before = (tick, before[1]) if before and _follows(tick, before[0]) else None
            continue
        due = before[1] if before and _follows(tick, before[0]) else None
        if tick.number == 1:
            due = tuple(quantity.start for quantity in program.state)
        if due is not None and due != state:
            return Compared(count, followed, f"tick {tick.number}: its state is {state}, and {due} was to follow")
        followed += due is not None
        following = state
        if not tick.fault:
            try:
                following, outputs = map(tuple, step(state, words[states:told]))
            except ValueError as error:
                return Compared(count, followed, f"tick {tick.number} was run on the node, and not here: {error}")
            if outputs != words[told:]:
                both = f"the node has {words[told:]}, here it is {outputs}"
                return Compared(count, followed, f"tick {tick.number} of {state}, {words[states:told]}: {both}")
            count += 1
        before = tick, following
    return Compared(count, followed, "")


def _follows(tick: NodeTick, before: NodeTick) -> bool:
    return tick.number == before.number + 1 and tick.plan_version == before.plan_version
