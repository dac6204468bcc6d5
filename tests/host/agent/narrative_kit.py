"""A day of the agent's books, made up: figures at random, none of them round."""

import json
import random

from host_bridge.store.book_rows import AwardRow, DecisionRow, ForecastRow, IntervalRow, LineRow, OutcomeRow, RungRow

DAY, STEP, STEPS = 86_400, 900, 96
BEGIN = 200 * DAY


def day_rows(seed: int, home: str = "home-07", begin_s: int = BEGIN):
    """A day of rows of one home and of another that must not show; figures at random, none of them round."""
    chance = random.Random(seed)

    def some(most=2_000_000):
        return chance.randrange(1, most)

    rows = []
    for who in (home, "home-08"):
        for step in range(STEPS):
            start_s = begin_s + step * STEP
            flags = "the solar meter has stood still for 7 h" if step == 31 else ""
            rows.append(IntervalRow(who, start_s, STEP, *(some() for _ in range(5)), step in (40, 41), flags, "{}"))
            rows.append(AwardRow(start_s, who, some(), some(), some(40_000)))
            rows.append(LineRow(start_s, who, *(some() - 500_000 for _ in range(4)), some(), some(), start_s + 901, 0))
        for number in range(20):
            kind = ("charge", "hold", "self-consumption", "refused")[number // 5]
            reason = f"a kWh costs {some(50)}.3 ct now and {some(90)} ct at {some(24):02}:00"
            at_s = begin_s + number * 4 * STEP
            key = begin_s + number + 1 + 100 * (who != home)
            rows.append(DecisionRow(key, who, at_s - 5, at_s, kind, "battery", some(), STEP, reason, "{}"))
            verdict, why = ("refused", f"min_off_s: {some(60)} s more") if number % 6 == 5 else ("applied", "")
            rows.append(OutcomeRow(key, 1000 + key, at_s, verdict, why))
        rows.append(RungRow(who, begin_s + 5 * STEP, "seasonal forecast", "the model is 3 days old"))
        for what in ("load", "solar"):
            body = {"start_s": begin_s - STEP, "step_s": STEP, "mean_w": [chance.random() * 900 for _ in range(130)]}
            rows.append(ForecastRow(who, what, begin_s - STEP, "linear", "", 800, json.dumps(body)))
    return rows
