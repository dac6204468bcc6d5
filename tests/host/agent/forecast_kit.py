"""Homes made up by chance, seeded, whose days are alike enough to be told: for the tests of forecasts."""

import numpy as np

from host_bridge.agent.forecast.fitted import Fitted
from host_bridge.agent.forecast.forecaster import Forecaster
from host_bridge.agent.forecast.linear import Linear

STEP = 3600
DAY = 24
NAMES = ("oak", "elm", "ash")


def made(days, homes=3, seed=1):
    """(load, solar), both [homes, days * 24] W: a day's course, and what lasts for hours beside it; one sky for all."""
    chance, hours = np.random.default_rng(seed), days * DAY
    course = 800 + 500 * np.sin(np.arange(hours) * 2 * np.pi / DAY)
    load = np.maximum(course * (1 + 0.4 * lasting(chance, (homes, hours), 0.8)), 20)
    sky = np.clip(0.6 + 0.4 * lasting(chance, (1, hours), 0.9), 0.05, 1)
    height = np.maximum(np.sin((np.arange(hours) % DAY - 6) * np.pi / 12), 0)
    solar = 3000 * height * np.clip(sky + 0.02 * chance.standard_normal((homes, hours)), 0, 1)
    return load, solar


def lasting(chance, shape, kept):
    """Noise of which `kept` is still there a step later; of variance 1."""
    noise = chance.standard_normal(shape)
    for step in range(1, shape[1]):
        noise[:, step] = kept * noise[:, step - 1] + (1 - kept**2) ** 0.5 * noise[:, step]
    return noise


def told(load, solar, names=NAMES, first=0, horizon_s=36 * 3600, **more):
    """A Forecaster that was told all of it from step `first` on."""
    forecaster = Forecaster(names, STEP, horizon_s, **more)
    tell(forecaster, load, solar, first)
    return forecaster


def tell(forecaster, load, solar, first=0):
    """Tell it all steps of `load` and `solar`, the first of which is `first`."""
    starts = (first + np.arange(load.shape[1])) * STEP
    for row, home in enumerate(forecaster.homes):
        forecaster.observe_many(home, "load", starts, load[row])
        forecaster.observe_many(home, "solar", starts, solar[row])


def same(model_of_load, steps=36):
    """What a lesson would have taught: weights made by hand, [inputs, steps], for the load; the sun as usual."""
    still = Linear(np.zeros((1, 27, steps), np.float32), DAY)
    return Fitted({"load": Linear(model_of_load[None].astype(np.float32), DAY), "solar": still})


def usual_for(days=10, gain=0.0):
    """A forecaster told `days`, with a model of the load that adds `gain` of the last hour's residual at all steps."""
    load, solar = made(days + 4)
    forecaster = told(load[:, : days * DAY], solar[:, : days * DAY])
    weights = np.zeros((27, 36))
    weights[0] = gain
    forecaster.take(same(weights))
    return forecaster, load, solar, days * DAY
