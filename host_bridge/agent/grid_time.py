"""Grid time: the clock that the agent plans and settles by; the Pi's own, unless a replay runs faster.

In a replay (simulated) of speed 60 a second of the Pi is a minute of the grid. Nodes know nothing of it: they meter
real mWh of homes that change 60 times faster, and `energy_mwh` says how much that is in the grid's own time, exactly.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GridTime:
    """`unix_zero_ms` of the Pi is `grid_zero_s` of the grid; both run from there, the grid's `speed` times as fast."""

    speed: int = 1
    unix_zero_ms: int = 0
    grid_zero_s: int = 0

    def __post_init__(self) -> None:
        if self.speed < 1:
            raise ValueError("a replay runs at a whole speed of 1 or more")

    @property
    def is_replay(self) -> bool:
        """Whether this is not the time that people live in."""
        return (self.speed, self.unix_zero_ms, self.grid_zero_s * 1000) != (1, 0, 0)

    def grid_s(self, unix_ms: int) -> int:
        """Whole seconds of the grid at `unix_ms`."""
        return self.grid_zero_s + (unix_ms - self.unix_zero_ms) * self.speed // 1000

    def unix_ms(self, grid_s: int) -> int:
        """The first millisecond of the Pi at which the grid's clock shows `grid_s`."""
        return self.unix_zero_ms - (-(grid_s - self.grid_zero_s) * 1000 // self.speed)

    def energy_mwh(self, metered_mwh: int) -> int:
        """What a node's register counted, in the grid's time."""
        return metered_mwh * self.speed

    def hold_s(self, grid_s: int) -> int:
        """Whole seconds of the Pi that last at least `grid_s` of the grid."""
        return -(-grid_s // self.speed)

    def step_start_s(self, grid_s: int, step_s: int) -> int:
        """When the step began that `grid_s` is in."""
        return grid_s - grid_s % step_s
