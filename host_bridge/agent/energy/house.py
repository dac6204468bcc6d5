"""One configured home as it stands now: its node's channels, live powers, registers, battery content, place on the
ladder. What is said here is read from the fleet's views; nothing is asked of a node.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from host_bridge.agent.energy.content import Content
from host_bridge.agent.energy.ladder import Standing
from host_bridge.energy_config import HomeConfig, LoadConfig
from host_bridge.model import LinkState, Live, NodeView

FRESH_MS = 60_000  # a live value may be so old (a node that sends by radio: its own interval)
CHANNELS = ("grid", "solar", "battery")


class Now(NamedTuple):
    """W, each None where no meter tells. + is import, generation, charging; load is what the home uses."""

    grid_w: float | None
    solar_w: float | None
    battery_w: float | None
    load_w: float | None

    @property
    def net_w(self) -> float | None:
        """What the home would take without its battery: load less sun, for which the sun's meter is not needed."""
        return None if self.grid_w is None or self.battery_w is None else self.grid_w - self.battery_w


UNKNOWN = Now(None, None, None, None)


@dataclass(slots=True)
class House:
    """`loads` are the contactor loads of this home."""

    config: HomeConfig
    loads: list[LoadConfig]
    standing: Standing
    content: Content | None = None
    meters: dict[str, str] = field(default_factory=dict)  # by part: "good" or what is wrong
    position_mwh: int = 0  # awarded in the current interval, + buys
    price_mct: int | None = None

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def node(self) -> str:
        return self.config.node or self.config.name

    def channel(self, part: str) -> str:
        """The node's channel that meters `part` of CHANNELS; empty: there is none."""
        if part == "battery" and not self.config.capacity_wh:
            return ""
        return str(getattr(self.config, part))

    def parts(self) -> list[str]:
        """Of CHANNELS, those that this home has."""
        return [part for part in CHANNELS if self.channel(part)]

    def index(self, view: NodeView | None, part: str) -> int | None:
        """The number of the channel of `part` at the node; None: it has none of that name."""
        name = self.channel(part)
        return view.channels.index(name) if view is not None and name in view.channels else None

    def live(self, view: NodeView | None, part: str) -> Live | None:
        """The newest values of `part`, however old."""
        number = self.index(view, part)
        return None if number is None or view is None else view.live.get(number)

    def now(self, views: Mapping[str, NodeView], unix_ms: int) -> Now:
        """The powers, as far as the node tells them and is heard."""
        view = views.get(self.node)
        if view is None or view.link_state is not LinkState.ONLINE:
            return UNKNOWN
        fresh_ms = max(FRESH_MS, 2000 * view.interval_s + view.stale_after_ms if view.way else 0)
        grid, solar, battery = (self._power(view, part, unix_ms - fresh_ms) for part in CHANNELS)
        if solar is not None:
            solar = -solar  # generation flows out of its meter
        if not self.channel("solar"):
            solar = 0.0
        if not self.channel("battery"):
            battery = 0.0
        known = grid is not None and solar is not None and battery is not None
        load = (grid or 0) + (solar or 0) - (battery or 0) if known else None
        return Now(grid, solar, battery, load)

    def _power(self, view: NodeView, part: str, since_ms: int) -> float | None:
        live = self.live(view, part)
        if live is None or live.active_power_mw is None or live.time_ms < since_ms:
            return None
        return live.active_power_mw / 1000
