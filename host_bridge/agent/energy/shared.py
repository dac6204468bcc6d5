"""What of each home may leave for neighbours or the operator: what its people have said, and nothing by default.

Who has the bridge's own access token sees everything; this is what a program that passes data on asks for.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from host_bridge.agent.energy.view import HomeView
from host_bridge.agent.preference import Preference, PreferenceError, may_share, read

WHOM = ("neighbours", "operator")
_READINGS = ("load_w", "solar_w", "battery_w", "grid_w")
_FORECAST = ("start_s", "step_s", "load_w", "solar_w")


def shared(homes: Iterable[HomeView], whom: str) -> list[dict[str, Any]]:
    """For each of `homes` that shares anything with `whom`: its name, and what it allows of readings (W now), forecast
    (W by steps) and preferences. Raises ValueError: no such `whom`."""
    if whom not in WHOM:
        raise ValueError(f"shared with {' or '.join(WHOM)}, not {whom[:40]!r}")
    return [found for home in homes if len(found := _of(home, whom)) > 1]


def _of(home: HomeView, whom: str) -> dict[str, Any]:
    wishes = list(_wishes(home))
    found: dict[str, Any] = {"home": home.name}
    if may_share(wishes, "readings", whom):
        found["readings"] = {name: getattr(home, name) for name in _READINGS}
    if may_share(wishes, "forecast", whom) and home.ahead is not None:
        ahead = asdict(home.ahead)
        found["forecast"] = {name: ahead[name] for name in _FORECAST}
    if may_share(wishes, "preferences", whom):
        found["preferences"] = [each.document for each in home.preferences]
    return found


def _wishes(home: HomeView) -> Iterable[Preference]:
    for each in home.preferences:
        try:
            yield read(each.document)
        except PreferenceError:  # of a newer version: it allows nothing here
            continue
