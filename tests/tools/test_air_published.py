"""The simulated channel against published figures: pure ALOHA's throughput, and LoRaSim's experiments.

Bor, Roedig, Voigt, Alonso: "Do LoRa Low-Power Wide-Area Networks Scale?", MSWiM 2016, doi 10.1145/2988287.2989163, in
its corrected revision (r338, Lancaster eprints 81674; the first print's 120 nodes came of a fault in the simulator): a
node sends 20 bytes each 1000 s on average. SN1 (SF12, 125 kHz, CR 4/8), 200 nodes: data extraction rate 0.51 with
simple collisions, 0.64 with capture; SN3 (CR 4/5): 64 nodes of 3.8 ha at 0.9; SN4 (each node its fastest setting): well
over 1100 nodes at 0.9.
"""

import math
import random

import pytest

from tools.air.airtime import airtime_ms
from tools.air.channel import Channel, Config
from tools.air.events import Events
from tools.air.port import Concentrator
from tools.air.propagation import SNR_LIMIT_DB, noise_dbm

KHZ = 868_100
POWER_DBM = 14
CELL_M = 110  # 3.8 ha
PERIOD_US = 1_000_000_000
AIRTIME_S = airtime_ms(20, 7, preamble=5) / 1000


class Poisson:
    """Sends 20 bytes at exponential intervals from one antenna; `told`: packets sent."""

    def __init__(self, channel, antenna, config, mean_us, chance, preamble=8, cr=1):
        self.channel, self.antenna, self.config = channel, antenna, config
        self.mean_us, self.chance, self.preamble, self.cr = mean_us, chance, preamble, cr
        self.told = 0
        self._next(channel.events.now_us)

    def _next(self, from_us):
        self.channel.events.at(from_us + round(self.chance.expovariate(1 / self.mean_us)), self._send)

    def _send(self):
        self.told += 1
        self.channel.send(self.antenna, bytes(20), self.config, POWER_DBM, self.preamble, self.cr)
        self._next(self.channel.events.now_us)


def aloha(loads, capture_db, packets=20_000):
    """Packets heard per packet time, of senders (distance_m, packets per packet time). No preamble to spare."""
    events, heard = Events(), []
    channel = Channel(events, 1, "free", fading_db=0, capture_db=capture_db)
    Concentrator(channel, channel.antenna("gateway"), lambda one: heard.append(one.good))
    chance = random.Random(5)
    config = Config(KHZ, 125, 7)
    for distance_m, load in loads:
        Poisson(channel, channel.antenna("", distance_m), config, AIRTIME_S * 1e6 / load, chance, preamble=5)
    total = sum(load for _, load in loads)
    events.run_until(round(packets / total * AIRTIME_S * 1e6))
    return sum(heard) / (events.now_us / 1e6) * AIRTIME_S


@pytest.mark.slow
@pytest.mark.parametrize("load", [0.1, 0.5, 1.0])
def test_pure_aloha(load):
    assert aloha([(100, load)], math.inf) == pytest.approx(load * math.exp(-2 * load), rel=0.03)


@pytest.mark.slow
def test_capture_gives_the_near_half_the_air_as_if_the_far_half_were_not_there():
    near = far = 0.5
    told = aloha([(100, near), (1000, far)], 6.0)
    expected = near * math.exp(-2 * near) + far * math.exp(-2 * (near + far))
    assert told == pytest.approx(expected, rel=0.03)


def cell(nodes, configs, cr, capture_db, hours, seed=3):
    """Data extraction rate of LoRaSim's scenario. `configs`: fastest first; a node takes the first that reaches."""
    events, heard = Events(), []
    channel = Channel(events, seed, "lorasim", fading_db=0, capture_db=capture_db, orthogonal=True)
    gateway = channel.antenna("gateway", gain_dbi=0)
    Concentrator(channel, gateway, lambda one: heard.append(one.good))
    chance = random.Random(seed)
    senders = []
    for number in range(nodes):
        distance_m, turn = CELL_M * math.sqrt(chance.random()), chance.uniform(0, 2 * math.pi)
        position = distance_m * math.cos(turn), distance_m * math.sin(turn)
        antenna = channel.antenna(f"n{number}", *position, gain_dbi=0)
        received = POWER_DBM + channel.gain_db(antenna, gateway)
        config = next(c for c in configs if received >= noise_dbm(c.bandwidth_khz) + SNR_LIMIT_DB[c.spreading_factor])
        senders.append(Poisson(channel, antenna, config, PERIOD_US, chance, cr=cr))
    events.run_until(hours * 3_600_000_000)
    return sum(heard) / sum(sender.told for sender in senders)


SLOWEST = (Config(KHZ, 125, 12),)
FASTEST = tuple(
    sorted(
        (Config(KHZ, bandwidth, factor) for bandwidth in (125, 250, 500) for factor in range(7, 13)),
        key=lambda config: airtime_ms(20, config.spreading_factor, config.bandwidth_khz),
    )
)


@pytest.mark.slow
@pytest.mark.parametrize(("capture_db", "published"), [(math.inf, 0.51), (6.0, 0.64)])
def test_lorasim_sn1_with_200_nodes(capture_db, published):
    assert cell(200, SLOWEST, 4, capture_db, hours=60) == pytest.approx(published, abs=0.025)


@pytest.mark.slow
def test_lorasim_sn3_with_64_nodes():
    assert cell(64, SLOWEST, 1, 6.0, hours=150) == pytest.approx(0.9, abs=0.02)


@pytest.mark.slow
def test_lorasim_sn4_serves_well_over_1100_nodes():
    assert cell(1100, FASTEST, 1, 6.0, hours=6) > 0.9
