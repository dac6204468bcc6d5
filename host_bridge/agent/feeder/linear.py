"""The linear model of a feeder around a solved power flow: exact derivatives, for all homes in one solve.

With constant power S at every bus but the root, the currents Y V = conj(S / V) give for a small change
Y dV + diag(conj(S / V^2)) conj(dV) = conj(dS / V), which is linear in the real and the imaginary part of dV (the power
flow's Jacobian in Cartesian form). A branch's current changes by Yf dV.

A loading is |I| / rating, which has a kink where the current turns round. So what is watched is the part of the current
along the voltage of the bus where it enters, with a sign, and its limit is what the part across leaves of the rating.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_bridge.market.network import PPM, Floats

Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class Model:
    """`value` [rows] and `per_w` [rows, homes]: voltages of the buses, then currents of the branches along the
    voltage; ppm. `across` [branches]: the rest of those currents."""

    value: Floats
    per_w: Floats
    across: Floats


def model(net: Any, home_bus: list[int]) -> Model:
    """Of a pandapower `net` that has just been solved; `home_bus` are places in net.bus. Radial or meshed."""
    inside = net._ppc["internal"]
    voltage: Complex = inside["V"]
    place = net._pd2ppc_lookups["bus"][net.bus.index]
    change = _voltage_per_w(inside, place[home_bus]) * PPM
    turn = np.conj(voltage) / np.abs(voltage)
    entering = inside["branch"][:, 0].real.astype(np.int64)
    rating = _rating(net, inside["baseMVA"])
    current = (inside["Yf"] @ voltage) * turn[entering] / rating * PPM
    current_change = (inside["Yf"] @ change) * (turn[entering] / rating)[:, None]
    value = np.concatenate([np.abs(voltage)[place] * PPM, current.real])
    per_w = np.concatenate([(turn[:, None] * change).real[place], current_change.real])
    return Model(value, per_w, current.imag)


def along(limit_ppm: Floats, across: Floats) -> Floats:
    """What is left of `limit_ppm` for the part of a current along the voltage."""
    left: Floats = np.sqrt(np.maximum(limit_ppm**2 - across**2, 0.0))
    return left


def _voltage_per_w(inside: Any, home_place: NDArray[np.int64]) -> Complex:
    """[buses, homes] change of the complex voltages (per unit) for a watt more drawn at each home."""
    admittance = inside["Ybus"].toarray()
    voltage: Complex = inside["V"]
    free = np.setdiff1d(np.arange(len(voltage)), inside["ref"])
    v = voltage[free]
    y = admittance[np.ix_(free, free)]
    feedback = np.diag((admittance @ voltage)[free] / np.conj(v))  # conj(S / V^2), with conj(S / V) = Y V
    system = np.block(
        [[y.real + feedback.real, -y.imag + feedback.imag], [y.imag + feedback.imag, y.real - feedback.real]]
    )
    drawn = np.zeros((len(voltage), len(home_place)), dtype=np.complex128)
    drawn[home_place, np.arange(len(home_place))] = -1 / PPM / inside["baseMVA"] / np.conj(voltage[home_place])
    right = np.concatenate([drawn[free].real, drawn[free].imag])
    solved = np.linalg.solve(system, right)
    change = np.zeros_like(drawn)
    change[free] = solved[: len(free)] + 1j * solved[len(free) :]
    return change


def _rating(net: Any, base_mva: float) -> Floats:
    """[branches] of lines and transformers in per unit of current, as pandapower's loading_percent takes them."""
    line_kv = net.bus.vn_kv.loc[net.line.from_bus].to_numpy()
    line = net.line.max_i_ka * net.line.df * net.line.parallel * np.sqrt(3) * line_kv / base_mva
    trafo_kv = net.bus.vn_kv.loc[net.trafo.hv_bus].to_numpy()
    trafo = net.trafo.sn_mva * net.trafo.df * net.trafo.parallel / base_mva * (trafo_kv / net.trafo.vn_hv_kv)
    return np.concatenate([line, trafo]).astype(np.float64)
