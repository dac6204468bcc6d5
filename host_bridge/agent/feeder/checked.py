"""The market's clearing on a feeder: by linear limits, checked by full power flow, and again from there if it fails."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from host_bridge.agent.feeder.flow import Feeder, FeederError, Flow
from host_bridge.market.book import Order
from host_bridge.market.clearing import clear
from host_bridge.market.constrained import WORSE_PPM, Constrained, Firm, clear_constrained
from host_bridge.market.network import Floats, Sensitivities
from host_bridge.market.tariff import Tariff

ROUNDS = 4
TOLERANCE_PPM = (
    500  # of the nominal voltage and of ratings: so much may the full power flow be beyond what it must bear
)


@dataclass(frozen=True)
class Checked:
    """`flow` is the full power flow with the awards; None: it found none. `rounds` of clearing and checking. `why`, in
    words, where moving orders got nothing as no state was found within the limits; empty otherwise."""

    cleared: Constrained
    flow: Flow | None
    rounds: int
    why: str = ""


@dataclass(frozen=True)
class _Bearable:
    """What the full power flow may show: the limits, or what the baseline has beyond them already."""

    least_ppm: Floats
    most_ppm: Floats
    loading_ppm: Floats

    @staticmethod
    def of(feeder: Feeder, baseline: Flow) -> "_Bearable":
        least, most, loading = feeder.limits_ppm()
        spare = WORSE_PPM + TOLERANCE_PPM
        return _Bearable(
            np.where(baseline.voltage_ppm - WORSE_PPM < least, baseline.voltage_ppm - spare, least - TOLERANCE_PPM),
            np.where(baseline.voltage_ppm + WORSE_PPM > most, baseline.voltage_ppm + spare, most + TOLERANCE_PPM),
            np.where(baseline.loading_ppm + WORSE_PPM > loading, baseline.loading_ppm + spare, loading + TOLERANCE_PPM),
        )

    def beyond_ppm(self, flow: Flow) -> Floats:
        """[rows] how far a state is beyond it, 0 where it is not."""
        voltage = np.maximum(self.least_ppm - flow.voltage_ppm, flow.voltage_ppm - self.most_ppm)
        beyond: Floats = np.maximum(np.concatenate([voltage, flow.loading_ppm - self.loading_ppm]), 0.0)
        return beyond


def clear_checked(
    feeder: Feeder, orders: Sequence[Order], tariff: Tariff, baseline_w: Floats, step_s: int, firm: Firm = ()
) -> Checked:
    """As `constrained.clear_constrained`, with awards whose full power flow is within the limits to TOLERANCE_PPM.

    Where it is not, the feeder is taken linear around the state that was found, and from the second time on with limits
    that much narrower, up to ROUNDS times. Where that does not help, the power flow does not converge or the baseline
    is not known, moving orders get nothing: firm ones, which change nothing on the feeder, trade alone. 50 ms a round:
    not for an event loop.
    Raises book.BookError as there.
    """
    try:
        baseline, network = feeder.state(baseline_w)
    except FeederError as error:
        return _firm_alone(orders, tariff, firm, None, 0, str(error))
    bearable = _Bearable.of(feeder, baseline)
    beyond, why = np.zeros(len(network.rows)), ""
    for done in range(1, ROUNDS + 1):
        cleared = clear_constrained(orders, tariff, _narrower(network, beyond), baseline_w, step_s, firm)
        if not cleared.moved_mwh:
            return Checked(cleared, baseline, done)
        try:
            flow, network = feeder.state(baseline_w + moved_w(feeder, cleared, step_s))
        except FeederError as error:
            return _firm_alone(orders, tariff, firm, baseline, done, str(error))
        excess = bearable.beyond_ppm(flow)
        if not excess.any():
            return Checked(cleared, flow, done)
        beyond = beyond + (excess if done > 1 else 0)
        worst = int(excess.argmax())
        why = f"{network.rows[worst]} would be {excess[worst] / 10_000:.2f} % beyond its limit"
    return _firm_alone(orders, tariff, firm, baseline, ROUNDS, why)


def moved_w(feeder: Feeder, cleared: Constrained, step_s: int) -> Floats:
    """[homes] what the awards add to the baseline."""
    return np.array([cleared.moved_mwh.get(home, 0) * 3.6 / step_s for home in feeder.homes])


def _narrower(network: Sensitivities, by_ppm: Floats) -> Sensitivities:
    return replace(network, least=network.least + by_ppm, most=network.most - by_ppm)


def _firm_alone(
    orders: Sequence[Order], tariff: Tariff, firm: Firm, flow: Flow | None, rounds: int, why: str
) -> Checked:
    firm_orders = [order for order in orders if (order.home, order.number) in firm]
    clearing, all_of_them = clear(firm_orders, tariff), clear(orders, tariff)
    less = max(0, all_of_them.traded_mwh - clearing.traded_mwh)
    why = f"only what needs no feeder is traded: {why}"
    return Checked(Constrained(replace(clearing, why=why), curtailed_mwh=less), flow, rounds, why)
