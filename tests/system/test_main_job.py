"""The main job: homes are metered, kept, shown and switched; the demo measures it and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import uuid

import pytest

from tests.system.seen import HEATER, close_heater, last_object, processes_with, reported, until
from tools import judge
from tools.nodes import ROOT

FIGURES = {"nodes", "readings_stored", "lost", "duplicates", "energy_error_ppm"}
FIGURES |= {"commands_applied", "commands_refused", "commands_unknown", "refusals", "worlds"}


def test_a_home_is_metered_kept_shown_and_switched(system):
    node = system.nodes[0].name
    close_heater(system, node, 60)
    until(lambda: reported(system, node)["state"] == "closed")
    refused = system.client.command(node, HEATER, "open", 0, "too soon")
    assert (refused["verdict"], refused["detail"]) == ("refused", "min on time")
    rows = until(lambda: system.client.readings(node, "grid", 0, 1 << 50, "raw", 100)[1:])
    assert rows[0]["duration_ms"] > 0 and rows[0]["voltage_rms_mv"] > 200_000
    until(lambda: [c for c in system.client.node(node)["channels"] if (c["active_power_mw"] or 0) > 1_500_000])
    system.stop()
    found = judge.judge(system.database, system.journeys)
    assert found["nodes"] == 2 and found["lost"] == found["duplicates"] == 0
    assert found["energy_error_ppm"] < 1000
    assert system.logs().count("Traceback") == 0


class Demo:
    """`python -m tools.demo`, with a mark in its environment that everything it starts inherits."""

    def __init__(self, *options):
        self.mark = f"GRIDNEXUS_TEST_MARK={uuid.uuid4()}"
        name, value = self.mark.split("=")
        path = os.pathsep.join([str(ROOT / "firmware_mpy"), str(ROOT)])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tools.demo", "--port", "0", *options],
            cwd=ROOT,
            env={**os.environ, name: value, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate()

    def left(self):
        return processes_with(self.mark)


@pytest.mark.slow
def test_a_measured_demo_prints_its_figures_as_one_object():
    with Demo("--seconds", "20", "--json") as demo:
        out, err = demo.process.communicate(timeout=80)
        assert demo.process.returncode == 0, err
        figures = last_object(out)
        assert out.startswith("{") and set(figures) == FIGURES
        assert figures["nodes"] == 3 and figures["readings_stored"] >= 3 * 2 * 4
        assert (figures["lost"], figures["duplicates"]) == (0, 0)
        assert 0 <= figures["energy_error_ppm"] < 1000
        assert figures["commands_applied"] >= 1 and figures["commands_refused"] >= 1
        assert len(figures["refusals"]) == figures["commands_refused"]
        assert any("min on time" in text for text in figures["refusals"])
        worlds = figures["worlds"]
        assert (worlds["swapped"], worlds["rolled_back"]) == (2, 1)  # the bad one came into charge, and went
        assert any(text.startswith("world rolled back: heat_water: back from sha256:") for text in worlds["events"])
        assert demo.left() == []


@pytest.mark.slow
def test_a_demo_of_an_emulated_board_is_as_exact():
    with Demo("--board", "rpi_pico", "--homes", "1", "--seconds", "20", "--json") as demo:
        out, err = demo.process.communicate(timeout=150)
        assert demo.process.returncode == 0, err
        figures = last_object(out)
        assert (figures["nodes"], figures["lost"], figures["duplicates"]) == (1, 0, 0)
        assert 0 <= figures["energy_error_ppm"] < 1000


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_demo_that_is_ended_leaves_no_process_behind(number):
    with Demo("--homes", "1") as demo:
        for line in demo.process.stdout:
            if re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        assert len(demo.left()) >= 3  # demo, bridge, node
        demo.process.send_signal(number)
        demo.process.wait(30)
        assert number == signal.SIGKILL or demo.process.returncode == 0
        until(lambda: demo.left() == [])
