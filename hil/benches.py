"""Rig -> its bench, and what has to be fetched or built before it runs."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hil.bench import Bench, BenchError, Setup
from hil.rigs import Rig
from tools import boards, images, setup_node
from tools.boards import BoardError
from tools.images import ImageError
from tools.nodes import NodesError
from tools.setup_env import SetupError

MISSING = (BenchError, BoardError, ImageError, NodesError, SetupError, OSError)  # what `prepare` may raise


def open_bench(rig: Rig, setup: Setup) -> Bench:
    """The bench of that rig, without power. Raises BenchError, or what the tools behind it raise."""
    return _BENCHES[rig.bench](rig, setup)


def _process(rig: Rig, setup: Setup) -> Bench:
    from hil.process_bench import ProcessBench

    return ProcessBench(rig, setup)


def _emulated(rig: Rig, setup: Setup) -> Bench:
    from hil.emulated_bench import EmulatedBench

    return EmulatedBench(rig, setup)


def _esp32(rig: Rig, setup: Setup) -> Bench:
    from hil.esp32_bench import Esp32Bench

    return Esp32Bench(rig, setup)


def _serial(rig: Rig, setup: Setup) -> Bench:
    from hil.serial_bench import SerialBench

    return SerialBench(rig, setup)


def _lora(rig: Rig, setup: Setup) -> Bench:
    from hil.lora_bench import LoraBench

    return LoraBench(rig, setup)


_BENCHES: dict[str, Callable[[Rig, Setup], Bench]] = {
    "process": _process,
    "emulated": _emulated,
    "lora": _lora,
    "esp32": _esp32,
    "serial": _serial,
}


def prepare(rig: Rig, port: str | None = None, keys: Path | None = None) -> None:
    """Fetch or build what the rig needs, so that no test waits for it. Raises one of MISSING, saying what to do."""
    if rig.bench == "process":
        from hil.process_bench import INTERPRETERS

        INTERPRETERS[rig.name]()
    elif rig.bench == "serial" and not port:
        raise BenchError("a real board needs --port, the serial port of its link to the Pi")
    elif rig.bench == "serial" and not keys:
        raise BenchError("a real board needs --keys FOLDER, where gridnexus provision has put its key: hil/README.md")
    elif rig.bench in ("emulated", "lora", "esp32"):
        images.image(boards.load(rig.board).manifest["IMAGE"])
        if rig.bench != "esp32":
            images.boot_rom()
            setup_node.ensure()
        else:
            images.unix32()


class Price(NamedTuple):
    """In EUR: a board's computer, meter and switching; and the computer alone, with its supply.

    Not in it: what an electrician puts up whatever commands it."""

    meter: str  # the driver
    all_eur: float
    computer_eur: float


def parts(rig: Rig) -> Price | None:
    """What this rig stands for would cost; None where nothing of it could be bought."""
    if rig.parts is None:
        return None
    sums: dict[str, float] = defaultdict(float)
    board = boards.load(rig.parts)
    for part in board.manifest["PARTS"]:
        sums[part["group"]] += part["count"] * part["price_eur"]
    return Price(
        board.board["METER"]["driver"], sum(eur for group, eur in sums.items() if group != "installation"), sums["node"]
    )
