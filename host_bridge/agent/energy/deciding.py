"""From an amount of energy for an interval to what the battery's contactors should do right now. Pure.

A battery is asked in four ways: charge and discharge (at its rated power), hold (it does not discharge; the sun still
charges it) and self-consumption (nothing is asked; the sun charges, the load discharges). An amount in between is
made of parts of the interval, looked at again and again: first the part that is forced, then what leads there by
itself. So an error of the forecast or of a lease's length is made good within the interval.
"""

from typing import NamedTuple

CHARGE, DISCHARGE, HOLD, SELF = "charge", "discharge", "hold", "self-consumption"
ACTIONS = (CHARGE, DISCHARGE, HOLD, SELF)
DEADBAND_PERMILLE = 30  # of what the rated power moves in the whole interval: less is not worth a switching


class Limits(NamedTuple):
    """Of a battery at its terminals, now: W, and Wh that still go in or come out."""

    charge_w: float
    discharge_w: float
    room_wh: float
    left_wh: float


class Choice(NamedTuple):
    """What to do now, and the Wh that it should bring until the interval's end (+ in)."""

    action: str
    energy_wh: float
    why: str


def natural(action: str, net_w: float, limits: Limits, hours: float) -> float:
    """Wh that go in (+) or come out within `hours` by itself, where the home would take `net_w` without battery."""
    if net_w <= 0:
        return min(min(-net_w, limits.charge_w) * hours, limits.room_wh)
    return -min(min(net_w, limits.discharge_w) * hours, limits.left_wh) if action == SELF else 0.0


def choose(wanted_wh: float, net_w: float, limits: Limits, left_s: float, step_s: int, now: str) -> Choice:
    """`wanted_wh`: still to go in (+) until the interval ends in `left_s`; `now`: what is being done.

    What is being done goes on until its part is done, so that a contactor moves once for each part.
    """
    hours = left_s / 3600
    held, free = natural(HOLD, net_w, limits, hours), natural(SELF, net_w, limits, hours)
    band = max(limits.charge_w, limits.discharge_w) * step_s / 3600 * DEADBAND_PERMILLE / 1000
    more = 0.0 if now in (CHARGE, DISCHARGE) else band
    wanted = min(max(wanted_wh, -limits.left_wh), limits.room_wh)
    if wanted > held + more and limits.charge_w > 0 and limits.room_wh > 0:
        return Choice(CHARGE, wanted, f"{wanted:.0f} Wh are to go in, and by itself only {held:.0f} Wh would")
    if wanted < min(free, 0.0) - more and limits.discharge_w > 0 and limits.left_wh > 0:
        return Choice(DISCHARGE, wanted, f"{-wanted:.0f} Wh are to come out, and by itself only {-free:.0f} Wh would")
    if net_w <= 0 or abs(wanted - free) <= band or (now == SELF and wanted < -band / 4):
        return Choice(SELF, free, _by_itself(free))
    if wanted < -band / 4:  # part of the deficit: first that, then hold
        return Choice(SELF, wanted, f"{-wanted:.0f} Wh are to serve the load, then the rest is kept")
    return Choice(HOLD, held, f"what is stored is kept for later: the load would take {-free:.0f} Wh of it")


def _by_itself(energy_wh: float) -> str:
    if abs(energy_wh) < 1:
        return "nothing is to be done"
    words = f"{energy_wh:.0f} Wh in" if energy_wh > 0 else f"{-energy_wh:.0f} Wh out"
    return f"the battery does by itself what is wanted: {words}"
