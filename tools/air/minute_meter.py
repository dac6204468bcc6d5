"""A meter that is simulated by the minute: a home's power, one window a minute, its true energy known exactly.

So that a day of many nodes is feasible; what lies between samples and windows is tried elsewhere (boards/unix).
"""

import math
import random
from collections.abc import Sequence
from typing import Any

MINUTE_US = 60_000_000
MWS_PER_MWH = 3600


CLOUDS = 0.04  # of the panels' power, standard deviation of a minute's change


class SimulatedHome:
    """Power in mW at the grid connection, minute by minute: loads that come and go, sun by day; seeded."""

    def __init__(self, seed: str, panels_w: int = 4000) -> None:
        self._chance = random.Random(f"home {seed}")  # noqa: S311
        self._panels_w = panels_w
        self._base_w = self._chance.uniform(80, 250)
        self._loads: list[list[int]] = []  # [minutes left, W]
        self._cloud = 0.5

    def next_mw(self, minute: int) -> int:
        """Of the next minute; `minute` of the day decides about the sun."""
        chance = self._chance
        if chance.random() < 0.04:  # a kettle, an oven, a machine
            self._loads.append([round(chance.expovariate(1 / 20)) + 1, chance.choice((90, 400, 900, 2000))])
        self._loads = [[left - 1, watts] for left, watts in self._loads if left]
        self._cloud = min(1.0, max(0.1, self._cloud + chance.gauss(0, CLOUDS)))
        sun = max(0.0, math.sin(math.pi * (minute % 1440 - 360) / 720)) * self._cloud
        watts = self._base_w + sum(load[1] for load in self._loads) - sun * self._panels_w
        return round(1000 * watts + chance.gauss(0, 3000))


class MinuteMeter:
    """Feeds `channels` (metering.Channel over a ToldWindow), each from its home."""

    fault = ""

    def __init__(self, channels: Sequence[Any], homes: Sequence[SimulatedHome], first_minute: int = 0) -> None:
        self._channels = channels
        self._homes = homes
        self._minute = first_minute
        self._next_us = MINUTE_US
        self._rest_mws = [[0, 0] for _ in channels]
        self.true_mwh = [[0, 0] for _ in channels]  # import and export so far, whole minutes
        self.history: list[list[tuple[int, int]]] = [[] for _ in channels]  # true_mwh at each minute's end

    def pump(self, boot_us: int) -> None:
        """Time goes on to `boot_us`."""
        while self._next_us <= boot_us:
            self._next_us += MINUTE_US
            for index, (channel, home) in enumerate(zip(self._channels, self._homes, strict=True)):
                power_mw = home.next_mw(self._minute)
                way = int(power_mw < 0)
                total = self._rest_mws[index][way] + abs(power_mw) * 60
                counted = [0, 0]
                counted[way], self._rest_mws[index][way] = divmod(total, MWS_PER_MWH)
                self.true_mwh[index][way] += counted[way]
                channel.window.told(60_000, power_mw)
                channel.count(counted)
                self.history[index].append((self.true_mwh[index][0], self.true_mwh[index][1]))
            self._minute += 1

    def close(self) -> None:
        """Nothing to close."""
