"""Keys in the whole system: lost, replaced, copied, readable by others, rotated; each end says what to do."""

import base64
import shutil
import sqlite3
from contextlib import ExitStack

import pytest

from host_bridge import cli
from host_bridge.client import BridgeError
from host_bridge.keys import KeyRing, NodeKeys, fingerprint
from tests.system.seen import HEATER, events, reported, state, switchings, until
from tools.household import BridgeProcess, Household, free_port, introduce, write_config
from tools.nodes import NodesError, UnixNode

pytestmark = pytest.mark.slow


@pytest.fixture
def house(tmp_path):
    """One node and its bridge."""
    with ExitStack() as stack:
        house = Household(tmp_path, stack, 1, 2)
        house.folder, house.stack = tmp_path, stack
        yield house


def ring(house):
    return KeyRing(house.process.config.key_folder)


def provision(house, node, *more):
    """As a person does it, and then restarts the node."""
    config = ["--config", str(house.folder / "gridnexus.toml")]
    code = cli.main([*config, "provision", node.name, "--folder", str(node.port.parent), *more])
    node.kill()
    node.start()
    return code


def restart_bridge(house):
    house.process.stop()
    house.process.start()
    house.client = house.process.connect()


def online(house, name):
    return any(node["name"] == name and node["link_state"] == "online" for node in house.client.nodes())


def told(house, kind):
    """The text of the one event of that kind."""
    ((_, text),) = {tuple(event) for event in until(lambda: [e[:2] for e in events(house, kind)])}
    return text


def traces(folder, keys):
    """Files below `folder`, the keys' own apart, that hold one of `keys` in some form."""
    forms = [
        form
        for key in keys
        for form in (key, key.hex().encode(), key.hex().upper().encode(), base64.b64encode(key)[:-1], key[:12],
                     base64.urlsafe_b64encode(key)[:-1], repr(key).encode()[2:40])
    ]  # fmt: skip
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "keys.json"]
    files = [path for path in files if path.parent.name != "keys"]
    assert any(path.suffix == ".sqlite3" for path in files) and any(path.name == "bridge.log" for path in files)
    return {path.name for path in files for form in forms if form in path.read_bytes()}


def test_a_rotation_leaves_the_new_key_at_both_ends_and_no_trace_of_any_elsewhere(house, capsys):
    (node,) = house.nodes
    ((_, old),) = node.keys
    config = ["--config", str(house.folder / "gridnexus.toml")]
    assert cli.main([*config, "provision", "--rotate", node.name, "--reason", "yearly"]) == 0
    until(lambda: len(node.keys) == 1 and node.keys[0][0] == 2)  # the old one goes once the new one is in use
    ((slot, new),) = node.keys
    until(lambda: ring(house).load(node.name).keys == [(slot, new)])
    until(lambda: online(house, node.name))
    out = capsys.readouterr()
    assert f"slot 2, fingerprint {fingerprint(new)}" in out.out
    node.kill()
    node.start()
    restart_bridge(house)
    until(lambda: online(house, node.name))
    with pytest.raises(BridgeError):
        house.client.store_document(node.name, "key", new, "by hand")
    with pytest.raises(BridgeError):
        house.client.document(node.name, "key")
    told = str(house.client.events(200)) + str(house.client.nodes()) + out.out + out.err
    house.stop()
    assert traces(house.folder, [old, new]) == set()
    assert old.hex()[:12] not in told and new.hex()[:12] not in told
    with sqlite3.connect(house.database) as database:
        (row,) = database.execute("SELECT target, verdict, reason, detail FROM commands").fetchall()
    assert row == ("key", "applied", "yearly", f"slot 2, fingerprint {fingerprint(new)}")


def test_a_key_lost_on_the_pi_is_told_with_what_to_do_and_provisioning_mends_it(house):
    (node,) = house.nodes
    (ring(house).folder / f"{node.name}.json").unlink()
    restart_bridge(house)
    text = told(house, "node unknown")
    assert "gridnexus provision" in text and str(node.port) in text
    assert state(house, str(node.port)) == "connecting"  # nothing that it says is taken
    assert provision(house, node) == 0
    until(lambda: online(house, node.name))  # without a restart of the bridge


def test_a_replaced_pi_hears_the_nodes_with_the_folder_of_keys_from_a_backup_and_without_it_says_so(house):
    (node,) = house.nodes
    house.process.stop()
    new = house.folder / "new"
    new.mkdir()
    process = BridgeProcess(write_config(new, free_port(0), house.nodes))
    house.stack.callback(process.stop)
    process.start()
    house.client = process.connect()
    assert "gridnexus provision" in told(house, "node unknown")
    shutil.copytree(house.process.config.key_folder, process.config.key_folder, dirs_exist_ok=True)
    until(lambda: online(house, node.name))


def test_a_replaced_node_is_heard_under_the_old_name_once_it_has_a_key(house):
    (node,) = house.nodes
    ((_, old),) = node.keys
    node.kill()
    for path in node.port.parent.iterdir():  # an empty board at the same port
        if path.name not in ("unit.json", "port"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    node.start()
    until(lambda: [e for e in events(house, "node without key") if node.name in e[1] and "gridnexus provision" in e[1]])
    until(lambda: not online(house, node.name))
    assert provision(house, node) == 0
    until(lambda: online(house, node.name))
    assert [key for _, key in ring(house).load(node.name).keys] != [old]


def test_of_two_boards_with_one_key_the_second_is_named_and_neither_acts_for_the_other(house):
    (node,) = house.nodes
    twin = UnixNode(house.folder / "twin", node.name, house.profiles[0], interval_s=2)
    house.stack.callback(twin.close)
    shutil.copy(node.port.parent / "keys.json", twin.port.parent / "keys.json")
    assert twin.keys == node.keys
    house.process.stop()
    house.process = BridgeProcess(write_config(house.folder, free_port(0), [node, twin]))
    house.stack.callback(house.process.stop)
    house.process.start()
    house.client = house.process.connect()
    until(lambda: online(house, node.name))
    twin.start()
    text = told(house, "name taken")
    assert node.name in text and str(twin.port) in text
    command = house.client.command(node.name, HEATER, "closed", 30, "")
    assert command["verdict"] == "applied" and reported(house, node.name)["state"] == "closed"
    node.kill()
    until(lambda: online(house, node.name) and house.client.node(node.name)["link"] == str(twin.port), within_s=40)
    until(lambda: reported(house, node.name)["state"] is not None)  # not known until the second board has told it
    assert reported(house, node.name)["state"] == "open", "the second board has switched for the first"
    assert house.logs().count("Traceback") == 0 and "Traceback" not in twin.log()
    assert len([row for row in switchings(house.database, node.name) if row[2] == "closed"]) == 1


def test_keys_that_others_can_read_are_not_used_and_the_cure_is_told(house):
    (node,) = house.nodes
    file = ring(house).folder / f"{node.name}.json"
    house.process.stop()
    file.chmod(0o644)
    house.process.start()
    house.client = house.process.connect()
    assert f"chmod 600 {file}" in told(house, "bad key file")
    assert state(house, str(node.port)) == "connecting"
    file.chmod(0o600)
    until(lambda: online(house, node.name))
    house.process.stop()
    file.parent.chmod(0o755)
    house.process.start()
    with pytest.raises(NodesError, match=f"chmod 700 {file.parent}"):
        house.process.connect()
    assert cli.main(["--config", str(house.folder / "gridnexus.toml"), "doctor"]) == 1


def test_a_node_whose_key_is_another_is_told_and_not_heard(house):
    (node,) = house.nodes
    node.kill()
    ring(house).save(NodeKeys(node.name, [(1, bytes(32))]))
    restart_bridge(house)
    node.start()
    assert f"gridnexus provision {node.name}" in told(house, "wrong key")
    assert state(house, str(node.port)) == "connecting"
    introduce(house.process.config, house.nodes)
    until(lambda: online(house, node.name))
