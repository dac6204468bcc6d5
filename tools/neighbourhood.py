"""A neighbourhood on this machine: homes with batteries as real nodes under MicroPython, and the real bridge.

The homes are those of CityLearn's 2022 challenge, simulated on boards/unix_home: 60 times faster than time, so a day of
the grid takes 24 minutes. Of them the agent knows what a real one would: the meters, a month of metered quarter
hours, and the challenge's tariff. Some homes hang on a cable that can be pulled out while their node goes on.
"""

import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from host_bridge.microworld.study import homes as study
from tools import citylearn, homes
from tools.absence import Absence, witness
from tools.household import BridgeProcess, Together, free_port, introduce, wait_online
from tools.neighbourhood_files import BOARD, DAY, HOLD_S, SPEED, Calendar, write_config, write_history, write_prices
from tools.nodes import UnixNode
from tools.tap import Tap, TapError

INTERVAL_S = 5  # between records, real: 5 minutes of the grid
CHANNELS = len(BOARD.board["CHANNELS"])


class HomeNode(UnixNode):
    """A node of boards/unix_home. `cable`: where the bridge finds it, if that is not its own port."""

    board = BOARD.folder

    def __init__(self, folder: Path, profile: Path, start_hour: int, began_unix_ms: int, on_cable: bool) -> None:
        self.folder, self.profile = folder, profile
        self.start_hour, self.began_unix_ms = start_hour, began_unix_ms
        unit = {"speed": SPEED, "start_hour": start_hour, "began_unix_ms": began_unix_ms, "interval_s": INTERVAL_S}
        super().__init__(folder, profile.stem, profile, battery=str(folder / "battery"), **unit)
        self.cable = Cable(self.port, folder / "cable") if on_cable else None
        self.contents: list[tuple[int, float]] = []  # (the home's age in ms, mWh), each second of it that was looked at

    @property
    def url(self) -> Path:
        """What the bridge opens."""
        return self.cable.link if self.cable else self.port

    def look(self) -> None:
        """Note what its battery holds now, in `contents`, as the simulation keeps it: nobody tells the agent."""
        content, age_ms = map(int, (self.folder / "battery").read_bytes().split())
        if not self.contents or self.contents[-1][0] < age_ms:
            self.contents.append((age_ms, content / 3_600_000))

    def close(self) -> None:
        """Power off, unplugged."""
        if self.cable:
            self.cable.pull()
        super().close()


class Cable:
    """Between a node's port and `link`, which the bridge opens: pulled out, the node goes on and nobody hears it."""

    def __init__(self, port: Path, link: Path) -> None:
        self.link = link
        self._port = port
        self._tap: Tap | None = None
        self._drain: threading.Thread | None = None

    def plug(self) -> None:
        """Plug it in. Raises tools.tap.TapError."""
        if self._tap is None:
            self._tap = Tap(str(self._port), link=self.link).__enter__()
            self._drain = threading.Thread(target=_drop, args=(self._tap,), daemon=True)
            self._drain.start()

    def pull(self) -> None:
        """Pull it out of the bridge's side."""
        if self._tap is not None and self._drain is not None:
            self._tap.end()
            self._drain.join()
            self._tap.__exit__(None, None, None)
            self._tap = self._drain = None


def _drop(tap: Tap) -> None:
    with suppress(TapError):
        for _ in tap.copies():
            pass


class Neighbourhood(Together):
    """`count` homes and the bridge that serves them, started; `stack` ends them all. The last `on_cable` of them can
    be cut off. `first_hour`: of the day, when it begins. `port` of the page: that one, or a free one.

    `mode`: alone, pooled or market. Raises NodesError, homes.HomesError.
    """

    def __init__(
        self, folder: Path, stack: ExitStack, count: int, on_cable: int, first_hour: int, mode: str, port: int = 0
    ) -> None:
        self.folder = folder
        profiles = homes.fetch(homes.default_cache())[:count]
        year = study.read(citylearn.folder()).some(range(count))
        self.calendar = Calendar(DAY * 24 + first_hour, int(time.time() * 1000))
        self.nodes: list[HomeNode] = []
        for number, profile in enumerate(profiles):
            place = folder / profile.stem
            cabled = number >= count - on_cable
            node = HomeNode(place, profile, self.calendar.start_hour, self.calendar.began_unix_ms, cabled)
            stack.callback(node.close)
            node.start()
            if node.cable:
                node.cable.plug()
            self.nodes.append(node)
        places = {node.name: node.url for node in self.nodes}
        write_history(folder / "history", year, self.calendar.start_hour)
        write_prices(folder / "prices.csv", year, self.calendar)
        self.config_file = write_config(folder, free_port(port), places, self.calendar, mode)
        self.process = BridgeProcess(self.config_file)
        introduce(self.process.config, self.nodes)
        stack.callback(self.process.stop)
        self.process.start()
        self.client = self.process.connect()
        wait_online(self.client, count)

    @property
    def cabled(self) -> list[HomeNode]:
        """The homes that can be cut off."""
        return [node for node in self.nodes if node.cable]

    def look(self) -> None:
        """Note what is in each battery; to be called each half second where `contents` is wanted."""
        for node in self.nodes:
            node.look()

    def cut(self) -> int:
        """Pull the cables out; when, Unix ms."""
        for node in self.cabled:
            node.cable.pull() if node.cable else None
        return int(time.time() * 1000)

    def rejoin(self, cut_ms: int) -> list[Absence]:
        """Plug them in again; what each node did meanwhile, taken from its own flash just before."""
        absences = []
        for node in self.cabled:
            absences.append(witness(node.name, node.folder, CHANNELS, 1000 * HOLD_S, cut_ms, int(time.time() * 1000)))
            node.cable.plug() if node.cable else None
        return absences
