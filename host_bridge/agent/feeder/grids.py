"""Real low-voltage grids that pandapower ships, read by name, with homes put on their load buses.

They are the grids that Georg Kerber found typical of Bavarian villages and suburbs, from "Aufnahmefaehigkeit von
Niederspannungsverteilnetzen fuer die Einspeisung aus Photovoltaikkleinanlagen" (dissertation, TU Muenchen, 2011), in
the form that pandapower's `networks.kerber_networks` and `kerber_extreme_networks` give them (pandapower is under the
BSD licence of three clauses). All are radial, 10/0.4 kV, with one transformer and no coordinates. Where its makers
draw lots, over the cables of house connections, the same are drawn each time.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from host_bridge.agent.feeder.flow import Feeder, FeederError
from host_bridge.market.network import Limits

# name: (pandapower's module, its function), with its buses / places for homes / the transformer's kVA
_VILLAGES, _EXTREMES = "kerber_networks", "kerber_extreme_networks"
GRIDS = {
    "kerber_landnetz_freileitung_1": (_VILLAGES, "create_kerber_landnetz_freileitung_1"),  # 15 / 13 / 160
    "kerber_landnetz_freileitung_2": (_VILLAGES, "create_kerber_landnetz_freileitung_2"),  # 10 / 8 / 100
    "kerber_landnetz_kabel_1": (_VILLAGES, "create_kerber_landnetz_kabel_1"),  # 18 / 8 / 100
    "kerber_landnetz_kabel_2": (_VILLAGES, "create_kerber_landnetz_kabel_2"),  # 30 / 14 / 160
    "kerber_dorfnetz": (_VILLAGES, "create_kerber_dorfnetz"),  # 116 / 57 / 400
    "kerber_vorstadtnetz_kabel_1": (_VILLAGES, "create_kerber_vorstadtnetz_kabel_1"),  # 294 / 146 / 630
    "kerber_vorstadtnetz_kabel_2": (_VILLAGES, "create_kerber_vorstadtnetz_kabel_2"),  # 290 / 144 / 630
    "kerber_extrem_landnetz_freileitung": (_EXTREMES, "kb_extrem_landnetz_freileitung"),  # 28 / 26 / 250
    "kerber_extrem_landnetz_kabel": (_EXTREMES, "kb_extrem_landnetz_kabel"),  # 54 / 26 / 250
    "kerber_extrem_dorfnetz": (_EXTREMES, "kb_extrem_dorfnetz"),  # 118 / 58 / 400
}
DEMO = "kerber_landnetz_kabel_2"  # a hamlet; 17 homes with batteries can be too much for it
BENCH = "kerber_dorfnetz"  # a village: some 100 buses


class GridMissing(FeederError):
    """pandapower is not installed."""


def read(
    name: str, homes: Sequence[str], buses: Mapping[str, int] | None = None, limits: Limits | None = None
) -> Feeder:
    """The feeder `name` (a key of GRIDS) with `homes` on it.

    `buses` puts homes on buses by pandapower's number. Homes without one, or with a negative one, are spread evenly
    over the load buses in the order given; there may be more homes than load buses. The grid's own loads are taken off.

    Takes seconds the first time (pandapower's import): call it in a thread. Raises FeederError, in words.
    """
    if name not in GRIDS:
        raise FeederError(f"feeder '{name}' is not known; choose one of: {', '.join(GRIDS)}")
    if not homes or len(set(homes)) != len(homes):
        raise FeederError("a feeder needs at least one home, and each home once")
    net = _made(*GRIDS[name])
    return Feeder(name, net, tuple(homes), _places(net, homes, buses or {}), limits or Limits())


def _made(module: str, maker: str) -> Any:
    try:
        from pandapower import networks  # type: ignore[import-untyped]  # seconds, and optional
    except ImportError as error:
        raise GridMissing(f"a feeder needs pandapower ({error}): pip install 'gridnexus[grid]'") from error
    before = random.getstate()  # some of the makers draw the cables of house connections
    try:
        random.seed(0)
        return getattr(getattr(networks, module), maker)()
    finally:
        random.setstate(before)


def _places(net: Any, homes: Sequence[str], buses: Mapping[str, int]) -> list[int]:
    free = [int(bus) for bus in net.load.bus.drop_duplicates()]
    spread = [home for home in homes if buses.get(home, -1) < 0]
    at = {home: free[place * len(free) // len(spread)] for place, home in enumerate(spread)}
    for home in homes:
        bus = at.setdefault(home, buses.get(home, -1))
        if bus not in free:
            raise FeederError(f"home '{home}': the feeder has no load bus {bus}; it has {', '.join(map(str, free))}")
    return [at[home] for home in homes]
