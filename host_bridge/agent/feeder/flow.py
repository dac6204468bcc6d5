"""A feeder with homes on it: its full power flow, and its sensitivities in the state that a flow found."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.feeder import linear
from host_bridge.market.network import PERMILLE_PPM, PPM, Floats, Limits, Sensitivities

Integers = NDArray[np.int64]

TRANSFORMER = "transformer"


class FeederError(Exception):
    """What is wrong with a feeder, in words."""


class NoFlow(FeederError):
    """The power flow does not converge: the homes ask for more than the feeder can carry in any state."""


@dataclass(frozen=True)
class Flow:
    """One state of the feeder. Voltages of the buses in millionths of the nominal, loadings of the lines and then of
    the transformer in millionths of the rating, both in the feeder's order. Its losses are W."""

    voltage_ppm: Integers
    loading_ppm: Integers
    losses_w: int


class Feeder:
    """The power flow of a net of pandapower's with `homes` on its buses `home_bus`. May be asked by any thread.

    All three phases are taken to be loaded alike, and homes to draw and give active power alone.
    """

    def __init__(self, name: str, net: Any, homes: tuple[str, ...], home_bus: list[int], limits: Limits) -> None:
        self.name, self.homes, self.limits = name, homes, limits
        self._net, self._lock = net, threading.Lock()
        position = {int(bus): place for place, bus in enumerate(net.bus.index)}
        self.buses = tuple(str(bus) for bus in net.bus.index)
        self.branches = tuple(str(line) for line in net.line.name) + tuple([TRANSFORMER] * len(net.trafo))
        self.ends = [
            (position[int(first)], position[int(last)])
            for first, last in [
                *zip(net.line.from_bus, net.line.to_bus, strict=True),
                *zip(net.trafo.hv_bus, net.trafo.lv_bus, strict=True),
            ]
        ]
        self.root = position[int(net.ext_grid.bus.iloc[0])]
        self.home_bus = [position[bus] for bus in home_bus]
        loads = {int(bus): place for place, bus in reversed(list(enumerate(net.load.bus)))}
        self._home_load = [loads[bus] for bus in home_bus]

    def flow(self, homes_w: Floats) -> Flow:
        """The full power flow with the homes drawing `homes_w` [homes], some 20 ms. Raises NoFlow; FeederError where
        that is no number or not one for each home."""
        with self._lock:
            return self._solved(homes_w)

    def sensitivities(self, homes_w: Floats) -> Sensitivities:
        """What each home's watt does in the state that the full power flow finds at `homes_w`. Raises as `flow`."""
        return self.state(homes_w)[1]

    def state(self, homes_w: Floats) -> tuple[Flow, Sensitivities]:
        """Both, from one power flow. Raises as `flow`."""
        with self._lock:
            flow = self._solved(homes_w)
            model = linear.model(self._net, self.home_bus)
        rows = (*(f"voltage {self._place(bus)}" for bus in range(len(self.buses))), *self.branches)
        least, most, loading = self.limits_ppm()
        along = linear.along(loading, model.across)
        limits = np.concatenate([least, -along]), np.concatenate([most, along])
        return flow, Sensitivities(self.homes, rows, len(self.buses), homes_w.copy(), model.value, model.per_w, *limits)

    def limits_ppm(self) -> tuple[Floats, Floats, Floats]:
        """Of voltages, the least and the most [buses], and of loadings [branches]."""
        limits, buses, lines = self.limits, len(self.buses), len(self._net.line)
        loading = np.full(len(self.branches), float(limits.transformer_permille))
        loading[:lines] = limits.line_permille
        least = np.full(buses, float(limits.voltage_least_permille))
        most = np.full(buses, float(limits.voltage_most_permille))
        return least * PERMILLE_PPM, most * PERMILLE_PPM, loading * PERMILLE_PPM

    def _place(self, bus: int) -> str:
        here = [home for home, at in zip(self.homes, self.home_bus, strict=True) if at == bus]
        return f"at {', '.join(here)}" if here else f"at bus {self.buses[bus]}"

    def _solved(self, homes_w: Floats) -> Flow:
        self._run(homes_w)
        net = self._net
        loading = np.concatenate([net.res_line.loading_percent, net.res_trafo.loading_percent])
        losses_w = (net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum()) * PPM
        return Flow(_whole(net.res_bus.vm_pu * PPM), _whole(loading * (PPM / 100)), round(losses_w))

    def _run(self, homes_w: Floats) -> None:
        import pandapower  # type: ignore[import-untyped]  # seconds, and optional

        if homes_w.shape != (len(self.homes),) or not np.isfinite(homes_w).all():
            raise FeederError(f"the feeder needs the power of each of its {len(self.homes)} homes, as numbers")
        load_w = np.zeros(len(self._net.load))
        np.add.at(load_w, self._home_load, homes_w)
        self._net.load["p_mw"] = load_w / PPM
        self._net.load["q_mvar"] = 0.0
        try:
            pandapower.runpp(self._net, numba=False)
        except pandapower.LoadflowNotConverged as error:
            asked = f"homes draw {homes_w.sum() / 1000:.0f} kW together, the greatest {homes_w.max() / 1000:.0f} kW"
            raise NoFlow(f"the power flow of feeder {self.name} does not converge: {asked}") from error


def _whole(values: Any) -> Integers:
    return np.rint(np.asarray(values, dtype=np.float64)).astype(np.int64)
