"""What sealing costs a microcontroller: the node's own seal.py, compiled as for a Pico, on the emulated RP2040."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.emulator.kit import SAY, SECOND, said
from tools import boards
from tools.build import littlefs_image
from tools.emulated_rp2040 import EmulatedRP2040
from tools.images import image
from tools.node_files import compiled, node_files

BYTES, TIMES = 64, 20
WIRE = Path(__file__).resolve().parent.parent / "wire"
_BOARD = boards.load("rpi_pico")
# Most of TIMES, while nothing is collected. The first packet is not among them: a header of another length than the one
# before it costs 304 bytes more, as it does with counters 8, 256 and 65536.
_COSTS = f"""
import gc, json
from gridnode.wire.packet import put_header
from gridnode.wire.seal import Sealer
sealer, other = Sealer(bytes(range(48)), bytes(range(12))), Sealer(bytes(range(48)), bytes(range(12)))
packet = bytearray(256)
costs = {{"seal": [0, 0], "open": [0, 0]}}
def measured(name, run, *given):
    gc.collect()
    gc.disable()
    held = gc.mem_alloc()
    began = time.ticks_us()
    result = run(*given)
    took = time.ticks_diff(time.ticks_us(), began)
    held = gc.mem_alloc() - held
    gc.enable()
    costs[name] = [max(costs[name][0], took), max(costs[name][1], held)]
    return result
for counter in range(300, 301 + {TIMES}):
    start = put_header(packet, 1, counter)
    plain = bytes([(counter + 7 * k) & 255 for k in range({BYTES})])
    packet[start : start + {BYTES}] = plain
    if counter == 301:
        costs = {{"seal": [0, 0], "open": [0, 0]}}
    sealed = bytes(packet[: measured("seal", sealer.seal, packet, start, start + {BYTES}, counter)])
    assert bytes(measured("open", other.open, sealed, start, counter)) == plain != sealed[start:-8]
say(json.dumps(costs))
"""
_TESTS = """
import sys
sys.path.append("tests")
for module in ({names}):
    module = __import__(module)
    for name in sorted(dir(module)):
        if name.startswith("test_"):
            try:
                getattr(module, name)()
                say("passed", name)
            except Exception as error:
                say("FAILED", name, repr(error))
"""


@dataclass(frozen=True)
class Cost:
    """Of sealing or opening BYTES bytes."""

    ms: float
    allocated_bytes: int


def costs() -> dict[str, Cost]:
    """For "seal" and "open"."""
    told = json.loads(_run(_COSTS, {}, 1)[0])
    return {name: Cost(longest_us / 1000, held) for name, (longest_us, held) in told.items()}


def run_tests(*names: str) -> list[str]:
    """Run these modules of tests/wire on the board; a line for each test: "passed NAME" or "FAILED NAME why"."""
    files = {f"tests/vectors/{path.name}": path.read_bytes() for path in (WIRE / "vectors").glob("rfc*.json")}
    count = 0
    for name in names:
        source = (WIRE / f"{name}.py").read_bytes()
        files[f"tests/{name}.mpy"] = compiled(f"{name}.py", source, _BOARD.manifest["MPY_ARCH"])
        count += source.count(b"\ndef test_")
    return _run("from gridnode.wire import seal\n" + _TESTS.format(names=repr(names)[1:-1] + ","), files, count)


def _run(program: str, files: dict[str, bytes], lines: int) -> list[str]:
    """What the board says when it runs `program` with the modules that it imports, until it has said `lines`."""
    with tempfile.TemporaryDirectory() as folder:
        main = Path(folder) / "main.py"
        main.write_text(SAY + program)
        disk = littlefs_image(_BOARD, node_files(_BOARD, None, main, files))
    with EmulatedRP2040(image("RPI_PICO").path, filesystem=disk) as pico:
        told: list[str] = []
        for _ in range(60):
            pico.run(SECOND // 2)
            told += said(pico)
            if len(told) >= lines:
                return told
        console = b"".join(data for _, data in pico.read("usb")).decode(errors="replace")
        raise AssertionError(f"the board said {told} of {lines} lines, and on its console {console}")
