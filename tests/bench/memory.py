"""Memory: the bridge with its page open in a browser, and the node's heap under MicroPython."""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.bench.figures import Figure
from tests.bench.flat_out import told
from tools import homes, setup_env
from tools.household import Household

NODES, OPEN_S = 3, 60
RSS_LIMIT_MB = 150
BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def _rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def bridge_rss_mb(folder: Path, stack: ExitStack) -> float:
    """Largest resident memory of the bridge while three nodes report and a browser shows the page."""
    household = Household(folder, stack, NODES, interval_s=5)
    browser = stack.enter_context(sync_playwright()).chromium.launch(
        executable_path=setup_env.ensure_chromium(), args=BROWSER
    )
    page = browser.new_page()
    page.goto(household.url)
    page.get_by_text("home-01").first.wait_for()
    bridge = household.process.process
    assert bridge is not None
    largest = 0.0
    for _ in range(OPEN_S):
        time.sleep(1)
        largest = max(largest, _rss_mb(bridge.pid))
    browser.close()
    return largest


def node_heap(folder: Path) -> Any:
    """What node_memory.py prints: live bytes after each simulated minute, and bytes taken per sample."""
    profile = homes.fetch(homes.default_cache())[0]
    [heap] = told("node_memory.py", folder, {"profile": str(profile), "speed": 60})
    return heap


def run(say: Callable[[str], None]) -> list[Figure]:
    """Bridge and node."""
    say("ten simulated minutes of the node")
    with tempfile.TemporaryDirectory() as folder:
        heap = node_heap(Path(folder))
    say(f"the bridge with the page open for {OPEN_S} s")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        rss = bridge_rss_mb(Path(folder), stack)
    live = heap["live_bytes"]
    return [
        Figure("bridge with the page open, resident", rss, "MB", RSS_LIMIT_MB, at_least=False),
        Figure("node's live heap after 10 simulated minutes, unix 64-bit", live[-1] / 1000, "kB"),
        Figure("of it grown since the fifth minute", (live[-1] - live[5]) / 1000, "kB"),
        Figure("node's heap taken per metered sample", heap["bytes_per_sample"], "bytes", 0, at_least=False),
    ]
