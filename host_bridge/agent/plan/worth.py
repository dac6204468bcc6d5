"""What energy in a battery is worth, and the rule that acts on it by the meter until the next plan.

Each of several ways in which the net load may go is gone through backward. The value of what is stored before a step
is that after it, convolved with what can be done in the step: buy, keep the sun, cover what is short, sell. All of
these are concave, so their marginal worths, each a list that falls, are merged (stochastic dynamic programming in its
derivative: M. Pereira, L. Pinto, Mathematical Programming 52 (1991) 359-375). The mean over the ways is the worth.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from host_bridge.agent.plan.homes import Battery, Floats
from host_bridge.agent.plan.plan import Plan
from host_bridge.agent.plan.storing import movable

BANDS = 8
DAY_S = 86_400
NEVER = 1e12
TIE_MCT = 1e-6  # what is worth no more than it costs is not bought, and is given
DAYS = 7
MOVED, FADING, RECENT_S = 0.5, 0.9, 3 * 3600  # of `likely`: believed at first, what is left an hour later


@dataclass(frozen=True)
class Stores:
    """Batteries side by side, or each the sum of several: [n] each; efficiency of one way, 0 to 1."""

    capacity_wh: Floats
    charge_w: Floats
    discharge_w: Floats
    efficiency: Floats

    @staticmethod
    def of(batteries: list[Battery]) -> "Stores":
        """Each by itself."""
        rows = [(its.capacity_wh, its.charge_w, its.discharge_w, its.efficiency) for its in batteries]
        return Stores(*np.array(rows, float).reshape(len(rows), 4).T)

    def together(self) -> "Stores":
        """All as one that is charged and discharged evenly; its efficiency the mean, by capacity."""
        total = self.capacity_wh.sum(keepdims=True)
        mean = (self.efficiency * self.capacity_wh).sum(keepdims=True) / np.maximum(total, 1e-9)
        return Stores(total, self.charge_w.sum(keepdims=True), self.discharge_w.sum(keepdims=True), mean)


def likely(past_w: Floats, steps: int, step_s: int, days: int = DAYS) -> Floats:
    """[ways, homes, steps]: how net load may go, from that of the steps past [homes, any], oldest first, the next step
    the one that begins now. Each of the last days again, moved by half of how the last three hours differed from that
    day's. A day that was not seen is like the oldest seen; 0 before there is one. Nothing is fitted.
    """
    day, recent = DAY_S // step_s, max(1, RECENT_S // step_s)
    had = past_w.shape[1] // day
    if not had:
        return np.zeros((days, len(past_w), steps))
    ahead, back = np.arange(steps), np.arange(1, days + 1)
    lag = day * np.minimum(back[:, None] + ahead // day, had) - ahead % day
    found = past_w[:, past_w.shape[1] - lag].astype(float)
    usable = np.minimum(back, (past_w.shape[1] - recent) // day)
    if usable[0] > 0:
        newest = past_w.shape[1] - np.arange(1, recent + 1)
        differs = past_w[:, newest].mean(axis=1)[:, None] - past_w[:, newest - day * usable[:, None]].mean(axis=2)
        found += differs[:, :, None] * (MOVED * FADING ** (ahead * step_s / 3600))
    return np.moveaxis(found, 1, 0)


def worths(
    ways_w: Floats, price_mct: Floats, export_mct: Floats, hours: float, stores: Stores, bands: int = BANDS
) -> Floats:
    """[n, steps, bands] mct/kWh: what another kWh stored is worth after each step, in each equal part of the battery,
    the lowest first. ways_w [ways, n, steps]; prices [steps] or [n, steps]. What is left at the end: half the mean
    price. At a negative price it is reckoned as if giving saved no more than taking costs.
    """
    ways, n, steps = ways_w.shape
    cell = np.maximum(stores.capacity_wh, 1e-9)[:, None] / bands
    buy, earn = (np.broadcast_to(np.asarray(part, float), (n, steps)) for part in (price_mct, export_mct))
    earn = np.minimum(earn, buy)
    eta = stores.efficiency[:, None]
    most_in = np.repeat((stores.charge_w * stores.efficiency)[:, None], steps, 1) * hours / cell
    most_out = np.repeat((stores.discharge_w / stores.efficiency)[:, None], steps, 1) * hours / cell
    sun = np.minimum(np.maximum(-ways_w, 0) * eta * hours / cell, most_in)
    short = np.minimum(np.maximum(ways_w, 0) / eta * hours / cell, most_out)
    slopes = [buy / eta, earn / eta, np.minimum(buy * eta, buy / eta), np.minimum(earn * eta, earn / eta)]
    lengths = [most_in - sun, sun, short, most_out - short]
    now = np.repeat(np.maximum(0.5 * buy.mean(axis=1) * stores.efficiency, 0), ways * bands).reshape(n, ways, bands)
    found = np.empty((n, steps, bands))
    sells = bool((earn > 0).any())
    for step in range(steps - 1, -1, -1):
        found[:, step] = now.mean(axis=1)
        for kind in (0, 1, 2, 3) if sells else (0, 1, 2):
            length = lengths[kind][:, :, step].T
            if length.any():
                now = _merged(now, slopes[kind][:, step, None, None], length if kind > 1 else -length)
    return found


def _merged(worth: Floats, slope: Floats, length: Floats) -> Floats:
    """`worth` [n, ways, bands], which falls, merged with `length` [n, ways] bands of `slope`: above 0 they may be given
    in the place of what is stored, below 0 taken to it, so that what is seen begins that much higher."""
    n, ways, bands = worth.shape
    whole = np.floor(np.minimum(np.abs(length), bands)).astype(np.intp)
    part = (np.minimum(np.abs(length), bands) - whole)[:, :, None]
    wide = np.full((n, ways, 3 * bands + 2), NEVER)
    wide[:, :, bands + 1 : 2 * bands + 1] = worth
    wide[:, :, 2 * bands + 1 :] = -NEVER
    first = np.arange(n * ways).reshape(n, ways) * (3 * bands + 2) + bands + 1 + np.where(length > 0, -whole, whole)
    at = first[:, :, None] + np.arange(bands)
    beyond = np.where(length > 0, -1, 1)[:, :, None]
    flat = wide.ravel()
    near: Floats = flat[at]
    far: Floats = flat[at + beyond]
    if (length > 0).any():  # all of one kind
        near, far = np.maximum(worth, np.minimum(near, slope)), np.maximum(worth, np.minimum(far, slope))
    else:
        kept = np.minimum(worth, slope)
        near, far = np.maximum(near, kept), np.maximum(far, kept)
    return np.asarray(near + (far - near) * part)


def law(
    worth_mct: Floats,
    price_mct: ArrayLike,
    export_mct: ArrayLike,
    net_w: Floats,
    content_wh: Floats,
    stores: Stores,
    hours: float,
    least_wh: ArrayLike = 0.0,
) -> Floats:
    """[n] W into the batteries (below 0 out of them), from the net load as measured now [n], what the batteries hold
    and what is worth_mct [n, bands] after this step; `hours` are those until it ends. It buys up to where a stored kWh
    is worth what buying it costs, stores sun as far as that beats selling it, covers what is short down to where that
    saves as much, and sells what is worth less than that earns.
    """
    eta = stores.efficiency
    buy, earn = np.broadcast_arrays(np.asarray(price_mct, float), np.minimum(export_mct, price_mct))
    bought, kept = (_level(worth_mct, price / eta, stores) for price in (buy, earn))
    given, sold = (np.maximum(_level(worth_mct, price * eta, stores), least_wh) for price in (buy, earn))
    most_in = stores.charge_w * eta * hours
    sun = np.maximum(-net_w, 0) * eta * hours
    into = np.clip(np.where(content_wh < kept, kept - content_wh, 0), 0, np.minimum(sun, most_in))
    into = np.maximum(into, np.clip(bought - content_wh, 0, most_in))
    most_out = stores.discharge_w / eta * hours
    out = np.clip(content_wh - given, 0, np.minimum(np.maximum(net_w, 0) / eta * hours, most_out))
    out = np.where(earn > 0, np.maximum(out, np.clip(content_wh - sold, 0, most_out)), out)
    return np.asarray(np.where(into > 0, into / eta, -out * eta) / hours)


def _level(worth_mct: Floats, mct: Floats, stores: Stores) -> Floats:
    """[n] Wh up to which a stored kWh is worth more than `mct`; at least as much, where that is nothing."""
    tie = np.where(mct > 0, TIE_MCT, -TIE_MCT)
    more = worth_mct > (mct + tie)[..., None]
    return np.asarray(more.sum(axis=-1) * stores.capacity_wh / worth_mct.shape[-1])


def shared(charge_w: float, batteries: list[Battery], hours: float) -> Floats:
    """[b] W: what all batteries are to take or give together, each in proportion to the room that it has for it, or to
    what it can give: so none is full or empty while another could still help."""
    eta = np.array([its.efficiency for its in batteries])
    content = np.array([its.content_wh for its in batteries])
    if charge_w >= 0:
        room = np.maximum(np.array([its.capacity_wh for its in batteries]) - content, 0) / eta / hours
        can = np.minimum(room, [its.charge_w for its in batteries])
    else:
        held = np.maximum(content - np.array([its.least_wh for its in batteries]), 0) * eta / hours
        can = np.minimum(held, [its.discharge_w for its in batteries])
    total = can.sum()
    part = min(1.0, abs(charge_w) / total) if total > 0 else 0.0
    return np.asarray(np.copysign(can * part, charge_w))


def plan_worths(plan: Plan, bands: int = BANDS) -> Plan:
    """The plan with its `worth_mct`: of the scenarios of what is ahead (or the forecast as the one way), with what
    cars, heaters and tasks take by the plan. Pooled, the batteries are one and all homes have its worth."""
    begun = time.perf_counter()
    at = [number for number, home in enumerate(plan.homes) if movable(home) is not None]
    found = np.zeros((len(plan.homes), plan.steps, bands))
    if at:
        stores = Stores.of([battery for number in at if (battery := movable(plan.homes[number])) is not None])
        ways = _ways(plan)
        if plan.pooled:
            ways, stores = ways.sum(axis=1, keepdims=True) if ways.shape[1] > 1 else ways, stores.together()
        else:
            ways = ways[:, at]
        found[at] = worths(ways, *plan.prices(), plan.ahead.hours, stores, bands)
    marginal = plan.marginal_mct if plan.marginal_mct.any() else _at_content(plan, found)
    return replace(plan, worth_mct=found, marginal_mct=marginal, worth_ms=1e3 * (time.perf_counter() - begun))


def _at_content(plan: Plan, worth_mct: Floats) -> Floats:
    """[homes, steps]: the worth at the planned content, for a plan whose solver had no time for duals."""
    full = np.array([[home.battery.capacity_wh if home.battery else 1.0] for home in plan.homes])
    bands = worth_mct.shape[2]
    band = np.clip(plan.content_wh[:, 1:] / np.maximum(full, 1.0) * bands, 0, bands - 1).astype(np.intp)
    return np.take_along_axis(worth_mct, band[:, :, None], axis=2)[:, :, 0]


def _ways(plan: Plan) -> Floats:
    """[ways, homes or 1, steps]."""
    ahead, moved = plan.ahead, plan.grid_w - plan.charge_w - plan.ahead.net_w
    if plan.pooled and ahead.pool_scenarios_w is not None:
        return np.asarray(np.asarray(ahead.pool_scenarios_w, float)[:, None] + moved.sum(axis=0))
    known = ahead.net_w[None] if ahead.scenarios_w is None else np.asarray(ahead.scenarios_w, float)
    return np.asarray(known + moved)
