"""`watch`: what a screen shows at each size, lines and JSON without a terminal, a restart, and a clean end."""

import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from host_bridge.client import Bridge
from host_bridge.model import ContactorReport, LinkState
from host_bridge.watch import Snapshot, screen, snapshots
from tests.host.served_bridge import ServedBridge, home

COMMAND = [sys.executable, "-m", "host_bridge.cli", "watch"]
PATIENCE_S = 20


@pytest.fixture
def bridge(tmp_path):
    served = ServedBridge(tmp_path, home(), home("home-2", LinkState.STALE, -2_345_000))
    served.events.add("warning", "link", "home-2 is silent", "home-2")
    yield served.start()
    served.stop()


@pytest.fixture
def shot(bridge):
    view = bridge.views["home-1"]
    view.contactor_reports[0] = ContactorReport(0, view.last_heard_ms + 60_000, "closed", "request", 245_000, 0)
    with Bridge(bridge.url, bridge.token) as client:
        return next(snapshots(client, 0))


def drawn(shot, width=120, height=30):
    out = io.StringIO()
    Console(file=out, width=width, height=height).print(screen(shot, width, height, None))
    return out.getvalue()


def test_a_screen_shows_power_link_hold_and_events(shot):
    text = drawn(shot)
    assert "Test house  1.23 kW import  1 of 2 online" in text  # the stale node is not in the total
    assert re.search(r"home-1 +online +1\.23 kW import +230\.1 V +50\.00 Hz", text)
    assert "heater closed, hold 4 min 05 s" in text
    assert re.search(r"warning home-2: home-2 is silent", text)


@pytest.mark.parametrize(("width", "height"), [(20, 5), (40, 10), (60, 12), (80, 24), (200, 50)])
def test_it_fits_any_terminal(shot, width, height):
    shot.nodes *= 12
    shot.events *= 40
    lines = drawn(shot, width, height).splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    if height >= 10:
        assert "home-1" in "".join(lines)
        assert ("more; make the window taller" in " ".join(lines)) == (height < 50)


def test_old_figures_are_said_to_be_old(shot):
    old = Snapshot(shot.time_ms + 9_000, shot.bridge, shot.nodes, shot.events, [], "no bridge is running", shot.time_ms)
    text = drawn(old)
    assert "no answer since" in text
    assert "these figures are old" in text
    assert "online" not in text


def test_no_node_and_a_store_that_cannot_write_are_said(shot):
    shot.nodes, shot.bridge["store"]["writable"] = [], False
    text = drawn(shot)
    assert "No node yet" in text
    assert "the store cannot write" in text


def test_a_restart_is_noticed_and_events_come_once(bridge):
    with Bridge(bridge.url, bridge.token, timeout_s=5) as client:
        looks = snapshots(client, 0)
        assert [event["text"] for event in next(looks).new_events] == ["home-2 is silent"]
        assert next(looks).new_events == []
        bridge.stop()
        down = next(looks)
        assert "no bridge is running" in down.trouble
        since = down.down_since_ms
        assert next(looks).down_since_ms == since
        assert [node["name"] for node in down.nodes] == ["home-1", "home-2"]
        bridge.start()
        back = next(looks)
        assert (back.trouble, back.down_since_ms) == ("", 0)
        assert "answers again after" in back.note
        assert next(looks).note == ""
        back.bridge["uptime_s"] = 10**6
        looks = snapshots(client, 0)
        first = next(looks)
        first.bridge["uptime_s"] = 10**6
        assert next(looks).note == "the bridge was restarted"


def started(bridge, *arguments, **how):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "GRIDNEXUS_CONFIG": str(bridge.config_file)}
    return subprocess.Popen([*COMMAND, *arguments], env={**env, "TERM": "xterm"}, **how)


@pytest.mark.slow
def test_without_a_terminal_it_prints_lines_and_tells_a_restart_once(bridge):
    process = started(bridge, "--every", "1s", stdout=subprocess.PIPE, text=True)
    lines = iter(process.stdout.readline, "")
    assert "warning home-2: home-2 is silent" in next(lines)
    assert "home-1  online  1.23 kW import  230.1 V  50.00 Hz  heater open" in next(lines)
    bridge.stop()
    told = next(line for line in lines if "home-" not in line)
    assert "no bridge is running" in told
    bridge.start()
    assert "answers again after" in next(lines)  # nothing in between: it was told once
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    assert "Traceback" not in process.stdout.read()
    process.stdout.close()


@pytest.mark.slow
def test_json_is_one_object_a_line_and_ends_by_itself(bridge):
    process = started(bridge, "--json", "--for", "2s", stdout=subprocess.PIPE, text=True)
    out, _ = process.communicate(timeout=PATIENCE_S)
    looks = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0
    assert len(looks) >= 2
    assert looks[0]["nodes"][0]["active_power_mw"] == 1_234_567
    assert [len(look["events"]) for look in looks[:2]] == [1, 0]


@pytest.mark.parametrize("ending", ["key", "SIGTERM"])
def test_on_a_terminal_it_draws_a_screen_and_leaves_it_clean(bridge, ending):
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    process = started(bridge, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=_own_terminal)
    os.close(theirs)
    text = _read_until(ours, lambda text: "home-2" in text and "kW" in text)
    assert "\x1b[?1049h" in text  # the alternate screen
    if ending == "key":
        os.write(ours, b"\x03")
    else:
        process.terminate()
    rest = _read_until(ours, lambda text: process.poll() is not None)
    assert process.returncode == 0
    assert "\x1b[?1049l" in rest
    assert "\x1b[?25h" in rest  # the cursor is shown again
    assert "Traceback" not in rest
    os.close(ours)


def _own_terminal():
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    fcntl.ioctl(0, termios.TIOCSWINSZ, b"\x1e\x00\x78\x00\x00\x00\x00\x00")  # 30 lines of 120


def _read_until(terminal, enough):
    text, deadline = "", time.monotonic() + PATIENCE_S
    while not enough(text):
        assert time.monotonic() < deadline, text
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                text += os.read(terminal, 65536).decode()
            except OSError:  # EIO: the other end is closed
                time.sleep(0.05)
    return text
