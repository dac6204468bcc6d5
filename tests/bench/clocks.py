"""How exactly the host knows a node's clock, by its own estimator over simulated latencies (seeded, virtual time)."""

import random

from host_bridge.clock import NodeClock

BOOT_MS = 500_000.0  # host time at which the node's clock showed 0
SEEDS = range(50)


class Crystal:
    """A node's clock that runs `drift_ppm` too fast."""

    def __init__(self, drift_ppm, shown_ms=0.0):
        self.rate, self.shown_ms = 1 + drift_ppm * 1e-6, shown_ms

    def shows(self, host_ms):
        return (host_ms - BOOT_MS) * self.rate + self.shown_ms

    def host(self, node_ms):
        return (node_ms - self.shown_ms) / self.rate + BOOT_MS


def _latency_ms(rng, mean_ms):
    return min(30.0, 1 + rng.expovariate(1 / mean_ms))


def serial_run(seed, drift_ppm=50.0, seconds=120, out_ms=4, back_ms=8):
    """A PING a second; latencies from 1 to 30 ms, longer on the way back (means as given above the shortest).

    Returns (clock, crystal, [(error against the truth, the bound told)], host_ms).
    """
    rng = random.Random(seed)
    clock, crystal, now_ms = NodeClock(), Crystal(drift_ppm), BOOT_MS + 60_000.0
    clock.begin(now_ms, int(crystal.shows(now_ms - 20)))
    bounds = []
    for _ in range(seconds):
        sent_ms = int(now_ms)
        arrived_ms = sent_ms + _latency_ms(rng, out_ms)
        node_ms = int(crystal.shows(arrived_ms))
        clock.sample(sent_ms, int(arrived_ms + _latency_ms(rng, back_ms)), node_ms)
        now_ms += 1000
        told, bound = clock.node_to_host(node_ms)
        bounds.append((abs(told - crystal.host(node_ms)), bound))
    return clock, crystal, bounds, now_ms


def radio_run(seed, drift_ppm=50.0, samples=16, every_ms=600_000, queue_ms=1000.0):
    """A round trip now and then, each way waiting in queues for seconds; the airtimes are known."""
    rng = random.Random(seed)
    clock, crystal, now_ms = NodeClock(), Crystal(drift_ppm), BOOT_MS + 60_000.0
    bounds = []
    for _ in range(samples):
        arrived_ms = now_ms + 164 + rng.expovariate(1 / queue_ms)
        node_ms = int(crystal.shows(arrived_ms))
        back_ms = arrived_ms + 206 + rng.expovariate(1 / queue_ms)
        clock.sample(now_ms, back_ms, node_ms, 164, 206)
        told, bound = clock.node_to_host(node_ms)
        bounds.append((abs(told - crystal.host(node_ms)), bound))
        now_ms += every_ms * rng.uniform(0.8, 1.2)
    return clock, crystal, bounds, now_ms


def figures():
    """Rows for `bench link`: name -> worst error in ms over SEEDS, at the end of each run; drift 50 ppm either way."""
    ends = [serial_run(seed, drift)[2][-1][0] for seed in SEEDS for drift in (50.0, -50.0)]
    radio = [radio_run(seed, drift)[2][-1][0] for seed in SEEDS for drift in (50.0, -50.0)]
    return {"clock error, serial, after 2 minutes": max(ends), "clock error, LoRa, after 16 round trips": max(radio)}


if __name__ == "__main__":
    for name, worst_ms in figures().items():
        print(f"{name:42} {worst_ms:8.2f} ms")
