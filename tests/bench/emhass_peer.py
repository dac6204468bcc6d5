"""emhass's own receding-horizon optimisation ("naive MPC") of one home's battery, hour by hour; in .venv-emhass.

    python emhass_peer.py < WANTED      WANTED: JSON {"battery": {capacity_wh, power_w, efficiency}, "hours": [each hour
    {"load_w": [...], "solar_w": [...], "price": [...]} ahead, its own first], "content_wh": in the battery as the first
    begins, "final": part of the battery that the end of each horizon is to find full}

Prints {"charge_w": [hours]}: what it has the battery take in each hour, of which the content before the next
hour follows. Exports earn nothing. What is expected comes from outside: its own weather is an on-line service's.
"""

import json
import logging
import sys
from pathlib import Path

import emhass
import numpy as np
import pandas as pd
from emhass.optimization import Optimization

PV, LOAD = "sensor.power_photovoltaics", "sensor.power_load_no_var_loads"
COST, EARNS = "unit_load_cost", "unit_prod_price"


def main() -> int:
    wanted = json.load(sys.stdin)
    battery, hours = wanted["battery"], wanted["hours"]
    its = _optimisation(battery, len(hours[0]["load_w"]))
    content, eta, charge = wanted["content_wh"], battery["efficiency"], []
    for number, hour in enumerate(hours):
        first = pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(hours=number)
        index = pd.date_range(first, periods=len(hour["load_w"]), freq="1h")
        ahead = pd.DataFrame({COST: np.array(hour["price"]) / 1e5, EARNS: 0.0}, index=index)
        ahead[PV], ahead[LOAD] = hour["solar_w"], hour["load_w"]
        found = its.perform_naive_mpc_optim(
            *(ahead, ahead[PV], ahead[LOAD], len(index)),
            soc_init=content / battery["capacity_wh"],
            soc_final=wanted["final"],
        )
        if its.optim_status.lower() not in ("optimal", "optimal_inaccurate"):
            raise RuntimeError(f"hour {number}: {its.optim_status}")
        power = -float(found["P_batt"].iloc[0])
        content = min(max(content + (power * eta if power > 0 else power / eta), 0.0), battery["capacity_wh"])
        charge.append(power)
    print(json.dumps({"charge_w": charge}))
    return 0


def _optimisation(battery: dict, steps: int) -> Optimization:
    conf = json.loads((Path(emhass.__file__).parent / "data" / "config_defaults.json").read_text())
    conf |= {
        "optimization_time_step": pd.Timedelta(hours=1),
        "time_zone": "UTC",
        "delta_forecast_daily": pd.Timedelta(hours=steps),
        "number_of_deferrable_loads": 0,
        "set_use_battery": True,
        "set_use_pv": True,
        "battery_charge_power_max": battery["power_w"],
        "battery_discharge_power_max": battery["power_w"],
        "battery_charge_efficiency": battery["efficiency"],
        "battery_discharge_efficiency": battery["efficiency"],
        "battery_nominal_energy_capacity": battery["capacity_wh"],
        "battery_minimum_state_of_charge": 0.0,
        "battery_maximum_state_of_charge": 1.0,
        "battery_target_state_of_charge": 0.0,
        "maximum_power_from_grid": 50_000,
        "maximum_power_to_grid": 50_000,
        "num_threads": 1,
        "lp_solver_mip_rel_gap": 0.0,
    }
    conf |= {key: [] for key in ("nominal_power_of_deferrable_loads", "minimum_power_of_deferrable_loads")}
    logger = logging.getLogger("emhass")
    logger.setLevel(logging.ERROR)
    return Optimization(conf, conf, conf, COST, EARNS, "profit", {}, logger, num_timesteps=steps)


if __name__ == "__main__":
    sys.exit(main())
