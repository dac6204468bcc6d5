"""Homes behind simulated LoRa: real node programs, the real bridge, and tools.air's channel by the wall clock.

What `demo --radio` and the system's tests have in common. Three homes out of six stand near the gateway, one (a tall
house) half way to two more, which the gateway cannot hear: what they say is relayed, with nothing configured.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tools import homes
from tools.air.channel import Channel
from tools.air.door import Door
from tools.air.events import Events
from tools.household import SPEED, START_HOUR, BridgeProcess, Together, free_port, introduce
from tools.nodes import NodesError, UnixNode

INTERVAL_S, BATCH = 5, 8  # records, two an interval: a batch each 20 s, so that there is something to see
SLOWEST = 8  # spreading factor: a small network, so that joining takes a minute and not ten
POWER_DBM = 14
GATEWAY = (0, 0, 10, 2)  # x, y, height in m, gain in dBi
# At SF8 the margin is 5.9 dB over 2.2 km from the tall house with its better antenna, and -4.1 dB over 4.4 km without.
PLACES = (
    (400, 0, 3, 2),
    (-200, 500, 3, 2),
    (-500, -300, 3, 2),
    (2150, 450, 10, 5),
    (4300, 900, 3, 2),
    (4200, 1300, 3, 2),
)
RELAYED = 2  # the last ones
Place = tuple[int, int, int, int]
ONLINE_WITHIN_S = 300  # those behind a relay wait until it has saved up airtime since its boot


class RadioHousehold(Together):
    """Six replayed homes, a channel and the bridge, started; `stack` ends them all. As tools.household.Household."""

    def __init__(
        self,
        folder: Path,
        stack: ExitStack,
        port: int = 0,
        region: str = "EU868",
        scale: float = 1.0,
        places: Sequence[Place] = PLACES,
        gateways: Sequence[Place] = (GATEWAY,),
    ) -> None:
        """`scale`: of all distances; US915's wider channels reach half as far, and its law lets all join at once. Each
        of `places` is a home, each of `gateways` a radio of the bridge."""
        self.region, self.scale = region, scale
        self._gateways = gateways
        self.profiles = homes.fetch(homes.default_cache())[: len(places)]
        self.channel = Channel(Events(), 1, "suburban", shadowing_db=0)
        self.door = Door(self.channel)
        stack.callback(self.door.close)
        self.door.start()
        self.nodes = [self._node(folder, profile, place) for profile, place in zip(self.profiles, places, strict=True)]
        self.process = BridgeProcess(self.write_config(folder, free_port(port)))
        introduce(self.process.config, self.nodes)
        stack.callback(self.process.stop)
        self.process.start()
        self.client = self.process.connect()
        self._powered_on_s = time.monotonic()
        for node in self.nodes:
            stack.callback(node.close)
            node.start()

    def _scaled(self, place: Place) -> Place:
        return round(place[0] * self.scale), round(place[1] * self.scale), *place[2:]

    def _node(self, folder: Path, profile: Path, place: Place) -> UnixNode:
        place = self._scaled(place)
        link = {"driver": "air", "region": self.region, "power_dbm": POWER_DBM, "antenna_dbi": place[3]}
        unit: dict[str, Any] = {"link": link, "air": f"127.0.0.1:{self.door.port}", "position": place, "batch": BATCH}
        unit["slowest"] = SLOWEST
        unit |= {"speed": SPEED, "start_hour": START_HOUR, "interval_s": INTERVAL_S}
        return UnixNode(folder / profile.stem, profile.stem, profile, **unit)

    def write_config(self, folder: Path, port: int) -> Path:
        """For a bridge in `folder` with all the gateways."""
        text = f'[bridge]\nname = "gridnexus demo"\nstate_dir = "state"\n\n[web]\nport = {port}\n'
        for number, place in enumerate(self._gateways, 1):
            x_m, y_m, height_m, gain_dbi = self._scaled(place)
            url = f"{self.door.url}?name=gateway-{number}&x={x_m}&y={y_m}&height={height_m}&gain={gain_dbi}"
            text += f'\n[[radio]]\nurl = "{url}"\nregion = "{self.region}"\npower_dbm = {POWER_DBM}\n'
            text += f"slowest = {SLOWEST}\n"
        path = folder / "gridnexus.toml"
        path.write_text(text)
        return path

    def wait_online(
        self,
        within_s: float = ONLINE_WITHIN_S,
        say: Callable[[list[str], float], object] = lambda names, after_s: None,
    ) -> float:
        """Return, when all homes are online, how long after their power-on, s. `say(names, after_s)` hears each time
        more of them are. Raises NodesError."""
        deadline = time.monotonic() + within_s
        heard: list[str] = []
        while time.monotonic() < deadline and self.running:
            links = self.client.links()["nodes"]
            online = [body["node"] for body in links if body["link_state"] == "online" and body["way"]]
            after_s = time.monotonic() - self._powered_on_s
            if len(online) > len(heard):
                say(online, after_s)
            heard = online
            if len(heard) == len(self.nodes):
                return after_s
            time.sleep(0.2)
        raise NodesError(f"not all homes were heard, only {', '.join(heard) or 'none'}\n{self.logs()}")

    def wait_readings(self, count: int, within_s: float = ONLINE_WITHIN_S) -> None:
        """Return when each home has so many readings. Raises NodesError."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and self.running:
            kept = [node["counters"].get("readings", 0) for node in self.client.nodes()]
            if len(kept) == len(self.nodes) and min(kept) >= count:
                return
            time.sleep(0.5)
        raise NodesError(f"not all homes sent {count} readings\n{self.logs()}")

    @property
    def url(self) -> str:
        """Where a browser gets in; holds the access token."""
        return self.process.address

    @property
    def database(self) -> Path:
        return self.process.config.database

    @property
    def journeys(self) -> dict[str, tuple[Path, int, int]]:
        """What each node replays, for tools.judge."""
        return {profile.stem: (profile, START_HOUR, SPEED) for profile in self.profiles}

    @property
    def journals(self) -> dict[str, Path]:
        """Where each node keeps its records, for tools.judge."""
        return {node.name: node.port.parent / "journal" for node in self.nodes}

    def airtime_s(self) -> dict[str, float]:
        """What each antenna has been on the air so far."""
        with self.door.lock:
            return {antenna.name: round(antenna.sent_us / 1e6, 2) for antenna in self.channel.antennas}

    def sent(self) -> dict[str, int]:
        """Packets on the air so far, and what became of them where somebody listened."""
        with self.door.lock:
            return dict(self.channel.counts)

    def figures(self) -> dict[str, Any]:
        """What the bridge and the channel tell of the links; while both run."""
        found = self.client.links()
        ways = {body["node"]: body["way"] for body in found["nodes"] if body["way"]}
        on_air = self.airtime_s()
        return {
            "simulated": True,
            "hops": {name: way["hops"] for name, way in ways.items()},
            "relayed_homes": sum(way["hops"] > 1 for way in ways.values()),
            "margin_db": {name: way["margin_db"] for name, way in ways.items()},
            "loss_ppm": {body["node"]: body["loss_ppm"] for body in found["nodes"]},
            "packets_on_air": self.sent(),
            "airtime_s": on_air,
            "gateway_packets": found["radios"][0]["counts"],
            "gateway_bands": found["radios"][0]["bands"],
        }
