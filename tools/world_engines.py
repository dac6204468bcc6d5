"""A microworld's bytes in engines other than the bridge's: WasmEdge (Debian trixie's package) and node (JavaScript).

Each is a program, engines/wasmedge_run.c and engines/node_run.mjs, started as PROGRAM MODULE S I O LANES TICKS. Its
standard input is int32 state[LANES][S] and inputs[LANES][TICKS][I]. It calls `run` once and `step` for every tick, and
its standard output is what each of the two left: state[LANES][S], outputs[LANES][TICKS][O], twice.

WasmEdge is unpacked, with all libraries that it needs down to trixie's C library, into the user's cache: nothing of the
system changes, and it runs on an older Debian too, by trixie's own program loader.
"""

import hashlib
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools import debian_sources, setup_node
from tools.image_cache import Cache
from tools.image_sources import NotHad
from tools.workshop import Workshop

ENGINES = Path(__file__).resolve().parent / "engines"
_RUNNER = "wasmedge_run"
_PACKAGES = ("libwasmedge0", "libwasmedge-dev")
_MACHINES = ("x86_64", "aarch64")  # for which Debian has WasmEdge and ziglang makes programs
Results = tuple[NDArray[np.int32], NDArray[np.int32]]  # state [lanes, S], outputs [lanes, ticks, O]


def node() -> list[str]:
    """The command of the JavaScript engine. Raises SetupError."""
    return [setup_node.node(), str(ENGINES / "node_run.mjs")]


@cache
def wasmedge() -> list[str]:
    """The command of WasmEdge, fetched and compiled first where it is not in the cache. Raises NotHad."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        raise NotHad(f"WasmEdge is taken from Debian, for Linux on {' and '.join(_MACHINES)}: try it on such a machine")
    folder = Cache.of_user().folder.parent / f"wasmedge-{_recipe()}"
    if not folder.exists():
        with Cache.of_user().alone("WASMEDGE") as work:
            if not folder.exists():  # another process may have made it while we waited
                _make(work.resolve()).rename(folder)
    libraries = _libraries(folder)
    [loader] = libraries.glob("ld-linux-*.so.*")
    return [str(loader), "--library-path", str(libraries), str(folder / _RUNNER)]


def run(
    command: list[str], wasm: Path, state: NDArray[np.int32], inputs: NDArray[np.int32], outputs: int
) -> list[Results]:
    """What `run` and what `step` give, in the engine of `command`, for a module of that many outputs.

    state [lanes, S], inputs [lanes, ticks, I]: int32. Raises NotHad with what the engine says.
    """
    lanes, ticks, count = inputs.shape
    states = state.shape[1]
    told = [*command, str(wasm), *map(str, (states, count, outputs, lanes, ticks))]
    given = state.astype("<i4").tobytes() + inputs.astype("<i4").tobytes()
    done = subprocess.run(told, input=given, capture_output=True, check=False)
    words = np.frombuffer(done.stdout, "<i4") if not done.returncode else np.zeros(0, np.int32)
    held, made = lanes * states, lanes * ticks * outputs
    if done.returncode or len(words) != 2 * (held + made):
        raise NotHad(f"{command[-1]} ended with exit code {done.returncode}: {done.stderr.decode(errors='replace')}")
    both = words.reshape(2, held + made)
    return [(one[:held].reshape(lanes, states), one[held:].reshape(lanes, ticks, outputs)) for one in both]


def _recipe() -> str:
    made_of = repr(_PACKAGES).encode() + (ENGINES / f"{_RUNNER}.c").read_bytes()
    return f"{platform.machine()}-{hashlib.sha256(made_of).hexdigest()[:12]}"


def _make(work: Path) -> Path:
    """A folder with trixie's libraries and the program, all in `work`."""
    print("WasmEdge: fetching Debian's package (once, 42 MB)", file=sys.stderr, flush=True)
    shop, root = Workshop(work), work / "root"
    debian_sources.unpack_whole(shop, _PACKAGES, root)
    libraries = _libraries(root)
    include = ["-isystem", str(root / "usr" / "include")]
    link = [str(libraries / "libwasmedge.so.0"), "-Wl,--allow-shlib-undefined"]
    source = str(ENGINES / f"{_RUNNER}.c")
    zig = {f"ZIG_{part}_CACHE_DIR": str(work / "zig") for part in ("LOCAL", "GLOBAL")}
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", f"{platform.machine()}-linux-gnu", "-O2"]
    shop.run([*compiler, *include, "-o", str(root / _RUNNER), source, *link], environ=os.environ | zig)
    return root


def _libraries(root: Path) -> Path:
    return root / "usr" / "lib" / f"{platform.machine()}-linux-gnu"
