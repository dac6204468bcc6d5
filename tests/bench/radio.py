"""What the link over LoRa reaches, in a simulated channel (tools/air): bytes, losses, many nodes, a chain of relays.

The nodes' program, the hub and everything between are the product's; radio, air and time are simulated, meters by the
minute. Each row's world is seeded, so that a figure is the same again.
"""

import math
import random
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from pathlib import Path

from gridnode.link import mesh
from gridnode.link.regions import EU868, Plan
from host_bridge.model import Reading
from tests.bench import others_bytes
from tests.bench.figures import Figure
from tools.air.audit import Audit
from tools.air.sim_bridge import UNIX_MS, SimBridge
from tools.air.sim_node import SimNode
from tools.air.world import World

DAY_H, TAIL_H = 24.0, 0.75  # what was metered in a day; and until it must have arrived
MINUTE_MS = 60_000
COMMAND_EVERY_S, WITHIN_MS, HOLD_S = 480, 120_000, 600
PPM = 30  # of a node's crystal, at most
NODES, RADIUS_M = 60, 1500
CHAIN = 5
JOIN_MIN = 10
Say = Callable[[str], None]


class Village:
    """A gateway and nodes that have been provisioned, in a channel of their own."""

    def __init__(self, folder: Path, seed: int, positions, preset="suburban", lone=False, **channel):
        self.world = World(seed, preset, **channel)
        self.audit = Audit(self.world.channel)
        self.bridge = SimBridge(self.world, folder / "keys", Plan(EU868))
        chance = random.Random(seed)
        self.nodes: list[SimNode] = []
        for number, position in enumerate(positions, 1):
            name, keys = f"home-{number:02}", [(1, chance.randbytes(32))]
            ppm = chance.uniform(-PPM, PPM)
            panels_w = 4000 * (number % 2)
            node = SimNode(
                self.world, folder / name, name, position, keys, Plan(EU868), ppm, lone=lone, panels_w=panels_w
            )
            self.bridge.introduce(name, keys)
            self.nodes.append(node)
        self.outcomes: list[tuple[object, int]] = []

    def power_on(self, within_s: float) -> None:
        """One after the other, as after a power cut in the street."""
        chance = random.Random(1)
        began_us = self.world.events.now_us
        for at, node in sorted((chance.uniform(0, within_s), node.name) for node in self.nodes):
            self.world.events.at(began_us + round(at * 1e6), self.named(node).power_on)
        self.world.run(seconds=within_s)

    def named(self, name: str) -> SimNode:
        return next(node for node in self.nodes if node.name == name)

    def readings(self, node: SimNode) -> dict[int, Reading]:
        """Intervals that have arrived, by the minute (of the node's life) in which they ended."""
        kept = self.bridge.records[node.name].values()
        return {
            record.node_end_ms // MINUTE_MS: record
            for record in kept
            if isinstance(record, Reading) and record.duration_ms
        }

    def minutes_percent(self, hours: float = DAY_H) -> float:
        """Of the minutes that the nodes metered in so many hours, those that have arrived."""
        wanted = len(self.nodes) * round(hours * 60)
        came = sum(len([minute for minute in self.readings(node) if minute <= hours * 60]) for node in self.nodes)
        return 100 * came / wanted if wanted else 0.0

    def wrong_mwh(self) -> int:
        """How far the registers in what arrived are from what the homes had used by then, in all."""
        total = 0
        for node in self.nodes:
            history = node.meter.history[0]
            for minute, reading in self.readings(node).items():
                exact = history[minute - 1]
                total += abs(reading.energy_import_mwh - exact[0]) + abs(reading.energy_export_mwh - exact[1])
        return total

    def lost_mwh(self, hours: float = DAY_H) -> int:
        """What the homes used until then and the newest reading of that time does not tell."""
        lost = 0
        for node in self.nodes:
            last = max((minute for minute in self.readings(node) if minute <= hours * 60), default=0)
            history = node.meter.history[0]
            told = history[last - 1] if last else (0, 0)
            lost += sum(history[round(hours * 60) - 1]) - sum(told)
        return lost

    def cut_nodes(self) -> None:
        """Nodes do not hear each other: no relay makes up for what the gateway misses."""
        for at, node in enumerate(self.nodes):
            for other in self.nodes[at + 1 :]:
                self.world.channel.cut(node.antenna, other.antenna)

    def command_now_and_then(self, hours: float) -> None:
        """A node by chance has its contactor closed for a while."""
        chance = random.Random(2)

        def one() -> None:
            node = chance.choice(self.nodes)
            self.bridge.command(node.name, "closed", HOLD_S, WITHIN_MS, lambda *told: self.outcomes.append(told))

        for at in range(COMMAND_EVERY_S, round(hours * 3600), COMMAND_EVERY_S):
            self.world.events.at(self.world.events.now_us + at * 1_000_000, one)

    def worst_command_s(self) -> float:
        """From asked to answered, of those that were."""
        return max((ms for outcome, ms in self.outcomes if outcome is not None), default=math.inf) / 1000

    def answered_percent(self) -> float:
        return 100 * sum(outcome is not None for outcome, _ in self.outcomes) / max(1, len(self.outcomes))

    def bytes_per_reading(self) -> float:
        """All that the nodes have sent, relayed copies too, for each minute that arrived."""
        came = sum(len(self.readings(node)) for node in self.nodes)
        return sum(node.antenna.sent_bytes for node in self.nodes) / came if came else math.inf

    def close(self) -> None:
        self.bridge.close()


@contextmanager
def village(*args, **options):
    """A Village whose flash is a temporary folder."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        made = Village(Path(folder), *args, **options)
        try:
            yield made
        finally:
            made.close()


def _run(made: Village, hours: float, say: Say, what: str) -> None:
    began, step_h = time.monotonic(), hours / 4
    for quarter in range(1, 5):
        made.world.run(hours=step_h)
        say(f"{what}: {quarter * step_h:.0f} of {hours:.0f} h in {time.monotonic() - began:.0f} s")


def frugal(say: Say, hours: float = DAY_H) -> list[Figure]:
    """What a reading costs where nothing is lost, in homes with panels and without; and as others would send it."""
    with village(1, [(200, 0), (0, 200), (-200, 0), (0, -200)], fading_db=0, shadowing_db=0) as made:
        made.cut_nodes()
        made.power_on(300)
        _run(made, hours + TAIL_H, say, "four near nodes")
        all_in = made.bytes_per_reading()
        came = sum(len(made.readings(node)) for node in made.nodes)
        told = [node.node.channel for node in made.nodes]
        packets = sum(channel.packets["batch"] for channel in told)
        sealed = sum(channel.bytes["batch"] for channel in told)
        others = _others([list(made.readings(node).values()) for node in made.nodes])
    in_batches = (sealed + packets * mesh.put_header(bytearray(8), False, 1, 0)) / came
    return [
        Figure("radio: bytes on air per 1-minute reading, in batches of 15", in_batches, "B", 4.0, at_least=False),
        Figure("radio: with all else that a node says in its first day", all_in, "B"),
        *others,
    ]


def _others(homes: list[list[Reading]]) -> list[Figure]:
    """Bytes per reading of each other way, for the same readings."""
    readings = [
        [
            others_bytes.Reading(
                (UNIX_MS + reading.node_end_ms) // 1000, reading.energy_import_mwh, reading.energy_export_mwh
            )
            for reading in sorted(home)
        ]
        for home in homes
    ]
    singles = [reading for home in readings for reading in home]
    packs = [home[at : at + 15] for home in readings for at in range(0, len(home) - 14, 15)]
    return [
        Figure("radio: the same in SenML-CBOR, 15 a pack", _mean_bytes(map(others_bytes.senml, packs)) / 15, "B"),
        Figure("radio: the same in Cayenne LPP", _mean_bytes(map(others_bytes.cayenne, singles)), "B"),
        Figure("radio: the same in Meshtastic", _mean_bytes(map(others_bytes.meshtastic, singles)), "B"),
    ]


def _mean_bytes(packets: Iterable[bytes]) -> float:
    lengths = [len(packet) for packet in packets]
    return sum(lengths) / len(lengths)


def lossy(say: Say, hours: float = DAY_H) -> list[Figure]:
    """Four in ten packets are lost, each way, and no neighbour relays."""
    with village(2, [(300, 0), (0, 400), (-500, 100)], loss=0.4, shadowing_db=0) as made:
        made.cut_nodes()
        made.power_on(60)
        made.command_now_and_then(hours)
        _run(made, hours + TAIL_H, say, "40 % loss")
        return [
            Figure("radio: 40 % loss, wrong energy", made.wrong_mwh(), "mWh", 0, at_least=False),
            Figure("radio: 40 % loss, energy not told", made.lost_mwh(hours), "mWh", 0, at_least=False),
            Figure("radio: 40 % loss, minutes", made.minutes_percent(hours), "%", 99.9),
            Figure("radio: 40 % loss, bytes per reading", made.bytes_per_reading(), "B"),
            Figure("radio: 40 % loss, commands answered", made.answered_percent(), "%"),
            Figure("radio: 40 % loss, worst command", made.worst_command_s(), "s"),
        ]


def one_way(say: Say, hours: float = DAY_H) -> list[Figure]:
    """Four in ten are lost, and nothing comes down: parity."""
    with village(3, [(300, 0), (0, 400), (-500, 100)], lone=True, loss=0.4, shadowing_db=0) as made:
        made.cut_nodes()
        for node in made.nodes:
            made.world.channel.loss_between(made.bridge.antenna, node.antenna, 1.0)
        made.power_on(60)
        _run(made, hours + 2 * TAIL_H, say, "no downlink")
        return [
            Figure("radio: no downlink, wrong energy", made.wrong_mwh(), "mWh", 0, at_least=False),
            Figure("radio: no downlink, minutes", made.minutes_percent(hours), "%", 98),
            Figure("radio: no downlink, bytes per reading", made.bytes_per_reading(), "B"),
        ]


def many(say: Say, hours: float = DAY_H, nodes: int = NODES) -> list[Figure]:
    """One gateway, its nodes over a small town."""
    chance = random.Random(4)
    polar = [(RADIUS_M * math.sqrt(chance.random()), chance.uniform(0, 2 * math.pi)) for _ in range(nodes)]
    positions = [(metres * math.cos(turn), metres * math.sin(turn)) for metres, turn in polar]
    with village(4, positions) as made:
        began = time.monotonic()
        made.power_on(300)
        made.command_now_and_then(hours)
        _run(made, hours + TAIL_H, say, f"{nodes} nodes")
        for words in made.audit.violations[:5]:
            say(words)
        far = sum(1 for node in made.nodes if node.link.hops > 1)
        return [
            Figure(f"radio: {nodes} nodes, airtime violations", len(made.audit.violations), "", 0, at_least=False),
            Figure(f"radio: {nodes} nodes, minutes", made.minutes_percent(hours), "%", 99),
            Figure(f"radio: {nodes} nodes, wrong energy", made.wrong_mwh(), "mWh", 0, at_least=False),
            Figure(f"radio: {nodes} nodes, worst command", made.worst_command_s(), "s"),
            Figure(f"radio: {nodes} nodes, commands answered", made.answered_percent(), "%"),
            Figure(f"radio: {nodes} nodes, most of an hour's airtime used", 100 * made.audit.fullest, "%"),
            Figure(f"radio: {nodes} nodes, bytes per reading", made.bytes_per_reading(), "B"),
            Figure(f"radio: {nodes} nodes, behind relays", far, ""),
            Figure(f"radio: {nodes} nodes, a day computed in", time.monotonic() - began, "s"),
        ]


def chain(say: Say, hours: float = 4.0) -> list[Figure]:
    """Gateway - 1 - 2 - 3 - 4: five radios in a row, each of which hears only those beside it."""
    with village(5, [(100 * at, 0) for at in range(1, CHAIN)], preset="free") as made:
        row = [made.bridge.antenna, *(node.antenna for node in made.nodes)]
        for at, one in enumerate(row):
            for other in row[at + 2 :]:
                made.world.channel.cut(one, other)
        made.power_on(5)
        began_us = made.world.events.now_us
        last = made.nodes[-1]
        while last.node.session.open is False and made.world.events.now_us - began_us < 3600e6:
            made.world.run(seconds=1)
        joined_min = (made.world.events.now_us - began_us) / 60e6
        made.nodes, every = made.nodes[-1:], made.nodes
        made.command_now_and_then(hours)
        _run(made, hours + TAIL_H, say, "chain")
        hops = last.link.hops
        figures = [
            Figure("radio: chain, join of the fourth hop", joined_min, "min", JOIN_MIN, at_least=False),
            Figure("radio: chain, hops of the last", hops, "", CHAIN - 1),
            Figure("radio: chain, commands answered over 4 hops", made.answered_percent(), "%", 95),
            Figure("radio: chain, worst command over 4 hops", made.worst_command_s(), "s"),
            Figure("radio: chain, minutes of the last", made.minutes_percent(hours), "%", 99),
            Figure("radio: chain, wrong energy", made.wrong_mwh(), "mWh", 0, at_least=False),
            Figure("radio: chain, airtime violations", len(made.audit.violations), "", 0, at_least=False),
        ]
        made.nodes = every
        return figures


def run(say: Say) -> list[Figure]:
    """All rows."""
    return [figure for part in (frugal, lossy, one_way, chain, many) for figure in part(say)]
