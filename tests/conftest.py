"""What all tests share: where the project is, and the browser."""

import os
import signal
from pathlib import Path

import pytest

from tools import setup_env

# Started from a script's background, or by nohup, we ignore these, and so would the programs that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return setup_env.ROOT


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Debian's chromium. Without it a browser's test is skipped, saying so; in CI it fails."""
    found = setup_env.chromium()
    if found is None:
        packages = " ".join(setup_env.BROWSER)
        advice = f"the browser is missing. Install it: sudo apt-get update && sudo apt-get install -y {packages}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(advice)
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests had to tell: record_property("told", words). Printed by them, a worker of xdist would keep it."""
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if getattr(report, "when", "") == "call":
            for name, words in report.user_properties:
                if name == "told":
                    terminalreporter.write_line(f"{report.nodeid}: {words}")


@pytest.fixture(autouse=True)
def _browser_or_reason(request: pytest.FixtureRequest) -> None:
    """Every test marked `browser` meets the same rule, however it starts the browser."""
    if request.node.get_closest_marker("browser"):
        request.getfixturevalue("chromium")
