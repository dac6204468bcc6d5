"""Real nodes and a real bridge under power cuts, pulled cables and a full disk: nothing lost, nothing twice."""

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from itertools import pairwise

import pytest

from host_bridge.client import BridgeError
from tests.system.seen import (
    DWELL_S,
    HEATER,
    SEED,
    assert_all_there,
    close_heater,
    events,
    reported,
    rows,
    state,
    switchings,
    until,
    wait_ready,
)

pytestmark = pytest.mark.slow


def holds(house, name):
    """How long each lease of the heater lasted, in ms of node time, of those that were left to end."""
    changes = switchings(house.database, name)
    return [
        after[1] - before[1]
        for before, after in pairwise(changes)
        if before[2] == "closed" and after[2:] == ("open", "expiry")
    ]


def test_kill_9_at_any_moment_the_contactor_opens_when_its_hold_ends_and_nothing_is_missing(system):
    dice = random.Random(SEED)
    name, hold_s = system.nodes[0].name, 4
    system.process.stop()
    with (system.database.parent.parent / "gridnexus.toml").open("a") as config:
        config.write("\n[store]\ncommit_interval_ms = 4000\n")  # so that there is much in memory to be lost
    system.start()
    for turn in range(2):
        close_heater(system, name, hold_s)
        time.sleep(dice.uniform(0.5, 2.5))
        system.process.stop(signal.SIGKILL)
        time.sleep(hold_s)  # nobody but the node itself can open it
        system.start()
        heater = until(lambda: (seen := reported(system, name))["state"] and seen)
        assert (heater["state"], heater["cause"]) == ("open", "expiry")
        until(lambda: len(holds(system, name)) == turn + 1)  # noqa: B023
    for _ in range(2):  # and while a request is on its way
        wait_ready(system, name)
        threading.Timer(dice.uniform(0, 0.06), os.kill, [system.process.process.pid, signal.SIGKILL]).start()
        with suppress(BridgeError):
            system.client.command(name, HEATER, "closed", hold_s, "test")
        until(lambda: not system.process.running)
        system.start()
    time.sleep(hold_s + 0.5)
    until(lambda: reported(system, name)["state"] == "open")
    assert_all_there(system)
    lengths = holds(system, name)
    assert len(lengths) >= 2 and all(abs(length - hold_s * 1000) <= 100 for length in lengths), lengths


def test_a_node_that_loses_power_goes_on_with_its_journal_without_a_spike(system):
    node = system.nodes[0]
    close_heater(system, node.name, 60)
    time.sleep(2.5)
    node.kill()
    time.sleep(0.3)
    node.start()
    (text,) = until(lambda: [text for kind, text in events(system, "node online") if "boot 2" in text])
    assert text == f"{node.name} is online, started by power on, boot 2"
    until(lambda: reported(system, node.name)["cause"] == "boot")
    assert reported(system, node.name)["state"] == "open"
    node.kill()
    until(lambda: state(system, node.name) == "stale")
    node.start()
    until(lambda: state(system, node.name) == "online")
    time.sleep(2.5)
    figures = assert_all_there(system)
    assert figures["nodes"] == 2
    assert len({epoch for epoch, *_ in switchings(system.database, node.name)}) == 1
    flowed = "sum(high_in - low_in), sum(high_out - low_out)"
    (registers,) = rows(
        system.database,
        f"SELECT {flowed} FROM (SELECT max(energy_import_mwh) high_in, min(energy_import_mwh) low_in,"
        " max(energy_export_mwh) high_out, min(energy_export_mwh) low_out FROM readings JOIN nodes ON id = node_id"
        " WHERE name = ? AND channel = 0 GROUP BY epoch)",
        node.name,
    )
    (rolled,) = rows(
        system.database,
        "SELECT sum(import_mwh), sum(export_mwh) FROM rollup_minute JOIN nodes ON nodes.id = node_id"
        " WHERE name = ? AND channel = 0",
        node.name,
    )
    assert sum(registers) > 0 and rolled == registers


def test_a_board_that_is_unplugged_and_plugged_in_again_is_found(system):
    node, other = system.nodes
    node.close()
    until(lambda: state(system, node.name) == "stale")
    (failed,) = until(lambda: events(system, "link failed"))
    assert str(node.port) in failed[1] and "plugged in" in failed[1]
    assert state(system, other.name) == "online"
    node.start()  # on another pseudo-terminal, under the same name
    until(lambda: state(system, node.name) == "online")
    until(lambda: events(system, "link opened"))
    assert len(events(system, "link failed")) == 1
    assert [text for _, text in events(system, "node stale")] == [
        f"{node.name} is silent: its values are no longer current"
    ]
    assert_all_there(system)


def test_a_node_that_was_cut_off_for_a_while_tells_all_of_it_later(system):
    node = system.nodes[0]
    close_heater(system, node.name, 4)
    os.kill(system.process.process.pid, signal.SIGSTOP)  # as a cable that is pulled: nothing comes through
    time.sleep(9)
    os.kill(system.process.process.pid, signal.SIGCONT)
    until(lambda: reported(system, node.name)["state"] == "open")
    until(lambda: state(system, node.name) == "online")
    assert_all_there(system)
    assert [abs(length - 4000) <= 100 for length in holds(system, node.name)] == [True]


def room_for(folder, size_kb):
    """A small file system of its own at `folder`; skips where this machine does not let us."""
    if os.geteuid() != 0:
        pytest.skip("a file system of its own needs root")
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "none", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"this machine lets nobody mount: {done.stderr.strip()}")


def test_a_full_disk_is_told_live_values_go_on_and_nothing_is_lost(system):
    state_dir = system.database.parent
    system.process.stop()
    kept = state_dir.with_name("kept")
    shutil.move(state_dir, kept)
    room_for(state_dir, 3000)
    try:
        shutil.copytree(kept, state_dir, dirs_exist_ok=True)
        system.start()
        ballast = state_dir / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        until(lambda: not system.client.bridge()["store"]["writable"])
        assert "full" in system.client.bridge()["store"]["error"]
        heard_ms = max(node["last_heard_ms"] for node in system.client.nodes())
        until(lambda: all(node["last_heard_ms"] > heard_ms for node in system.client.nodes()))
        close_heater(system, system.nodes[0].name, 60)
        time.sleep(DWELL_S)
        opened = system.client.command(system.nodes[0].name, HEATER, "open", 0, "a full disk must not prevent it")
        assert opened["verdict"] == "applied"
        ballast.unlink()
        until(lambda: system.client.bridge()["store"]["writable"])
        told = until(lambda: events(system, "store fault", "store recovered")[1:])
        assert [kind for kind, _ in told] == ["store recovered"]
        until(lambda: system.client.bridge()["store"]["waiting"] < 10)
        assert_all_there(system)
        assert rows(system.database, "SELECT target, verdict FROM commands ORDER BY number") == [
            ("closed", "applied"),
            ("open", "applied"),
        ]
    finally:
        system.process.stop()
        subprocess.run(["umount", "-l", state_dir], check=False)
