"""What can be seen of a household from outside: its API, its database, its processes."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from host_bridge.client import BridgeError
from tools import judge

HEATER, DWELL_S = "water heater", 3  # as boards/unix has them
SEED = 20


def until(condition, within_s=20, every_s=0.05):
    """Wait for what must come about by itself; return it."""
    deadline = time.monotonic() + within_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(every_s)


def state(house, name):
    return house.client.node(name)["link_state"]


def reported(house, name):
    """What the node says of its heater's contactor."""
    return house.client.node(name)["contactors"][0]


def wait_ready(house, name):
    """Return when nothing but policy forbids the heater to be closed."""
    until(lambda: reported(house, name)["dwell_remaining_ms"] == 0 and reported(house, name)["state"] == "open")


def close_heater(house, name, hold_s):
    """Close it for `hold_s`, waiting out its dwell; the command that was applied."""
    wait_ready(house, name)
    command = house.client.command(name, HEATER, "closed", hold_s, "test")
    assert command["verdict"] == "applied", command
    return command


def events(house, *kinds):
    """(kind, text) of the events so far, oldest first; [] while the bridge does not answer."""
    try:
        found = house.client.events(1000)
    except BridgeError:
        return []
    return [(event["kind"], event["text"]) for event in found if not kinds or event["kind"] in kinds]


def rows(database, query, *parameters):
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        return db.execute(query, parameters).fetchall()


def switchings(database, name):
    """(journal epoch, node time, state, cause) of a node's heater, in order."""
    return rows(
        database,
        "SELECT epoch, node_time_ms, state, cause FROM switchings JOIN nodes ON nodes.id = node_id WHERE name = ?"
        " ORDER BY time_ms, sequence",
        name,
    )


def assert_all_there(house):
    """End the house: everything its nodes recorded is stored, once, and the energy is exact."""
    time.sleep(1)  # what was measured last is still on its way
    house.stop()
    found = judge.judge(house.database, house.journeys)
    assert (found["lost"], found["duplicates"]) == (0, 0), found
    assert found["energy_error_ppm"] < 1000, found
    assert house.logs().count("Traceback") == 0, house.logs()
    return found


def processes_with(variable: str) -> list[str]:
    """The command lines of all processes that inherited an environment variable, given as NAME=value."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it has ended meanwhile
            pass
    return [command for command in found if command]  # a zombie has none


def last_object(text: str) -> dict:
    """The JSON object that a program printed last."""
    return json.loads(text[text.index("{") :])
