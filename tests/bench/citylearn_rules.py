"""CityLearn's own rule-based controllers over a year of its 2022 homes, for `bench energy`; runs in .venv-citylearn.

    python citylearn_rules.py FOLDER NAME ...     FOLDER: CityLearn 2.1.2's wheel, unpacked; NAME: in its agents.rbc

Prints {NAME: {"grid_wh": [homes][hours], "none_wh": the same without storage}}. The battery is CityLearn's own: its
losses, its curves of power and efficiency, its ageing. Controllers and batteries are stepped without the rest of the
environment, which spends its time on devices for heat that these homes have not; its own `step` must come to the same
over the first days, or nothing is printed.
"""

import json
import sys

from citylearn_peer import stand_ins

CHECKED_HOURS = 72


def main() -> int:
    folder, names = sys.argv[1], sys.argv[2:]
    stand_ins()
    sys.path.insert(0, folder)
    from citylearn.agents import rbc
    from citylearn.citylearn import CityLearnEnv

    found = {}
    for name in names:
        environment = CityLearnEnv(f"{folder}/citylearn/data/citylearn_challenge_2022_phase_all/schema.json")
        kind = getattr(rbc, name)
        stepped = _stepped(environment, kind(environment), CHECKED_HOURS)
        found[name] = _year(environment, kind(environment))
        _same(stepped, found[name]["grid_wh"], name)
    print(json.dumps(found))
    return 0


def _stepped(environment, controller, hours) -> list[list[float]]:
    """[homes][hours] Wh at the meters, by the environment's own step."""
    observations = environment.reset()
    for _ in range(hours):
        observations = environment.step(controller.predict(observations))[0]
    return [_wh(home.net_electricity_consumption[:hours]) for home in environment.buildings]


def _year(environment, controller) -> dict[str, list[list[float]]]:
    environment.reset()
    homes = environment.buildings
    clock = [int(hour) for hour in homes[0].energy_simulation.hour]
    for hour in clock[:-1]:  # an action is taken on what is seen in an hour, and fills the next
        seen = [[hour if what == "hour" else 0.0 for what in names] for names in controller.observation_names]
        for home, (action,) in zip(homes, controller.predict(seen), strict=True):
            home.electrical_storage.next_time_step()
            home.electrical_storage.charge(action * home.electrical_storage.capacity)
    none, grid = [], []
    for home in homes:
        its = home.energy_simulation
        sun = home.pv.get_generation(its.solar_generation)
        without = [load - made for load, made in zip(its.non_shiftable_load, sun, strict=True)]
        none.append(_wh(without))
        moved = home.electrical_storage.electricity_consumption
        grid.append(_wh(alone + battery for alone, battery in zip(without, moved, strict=True)))
    return {"grid_wh": grid, "none_wh": none}


def _same(stepped, grid, name) -> None:
    off = max(abs(a - b) for one, other in zip(stepped, grid, strict=True) for a, b in zip(one, other, strict=False))
    if off > 0.1:
        raise SystemExit(f"{name}: the environment's own step comes to {off} Wh otherwise")


def _wh(kwh) -> list[float]:
    return [round(1000 * float(value), 3) for value in kwh]


if __name__ == "__main__":
    sys.exit(main())
