"""A newcomer beside the world in charge: it runs on the same live inputs, its outputs are compared and go nowhere."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from host_bridge.agent.binding import Binding
from host_bridge.agent.world import Mapped, World

DIFFERENCES = 50  # kept for people
PATIENCE_TICKS = 60  # ticks that a newcomer may be unable to run before it is sent away, or as many as it shadows


class Newcomer:
    """`world` in its shadow run of `shadow_ticks` ticks, then `probation_ticks` in charge."""

    def __init__(
        self, world: World, binding: Binding, mapping: Mapped, shadow_ticks: int, probation_ticks: int, asked_by: str
    ) -> None:
        self.world, self.binding, self.mapping = world, binding, mapping
        self.shadow_ticks, self.probation_ticks, self.asked_by = shadow_ticks, probation_ticks, asked_by
        self.compared = self.agreed = self.unable = 0
        self.differences: deque[dict[str, Any]] = deque(maxlen=DIFFERENCES)

    def compare(self, time_ms: int, ours: Mapping[str, int]) -> None:
        """Its outputs of the tick that it has just run with `ours`, of the one in charge."""
        theirs = self.world.outputs_by_name()
        other = {name: [ours[name], value] for name, value in theirs.items() if ours.get(name, value) != value}
        self.compared += 1
        self.agreed += not other
        if other:
            self.differences.append({"time_ms": time_ms, "outputs": other})

    def idle(self) -> bool:
        """It could not run this tick; whether that was once too often."""
        self.unable += 1
        return self.unable >= max(PATIENCE_TICKS, self.shadow_ticks)

    @property
    def is_ready(self) -> bool:
        """Whether its shadow run is over."""
        return self.world.ticks >= self.shadow_ticks
