"""The folder of keys: who may read it, what is in it after whatever goes wrong, and that no text shows a key."""

import json
import os
import subprocess
import sys
import threading

import pytest

from gridnode.wire import channel
from host_bridge.keys import KeyRing, KeysError, Lone, NodeKeys, address_of, check_name, fingerprint, new_key, node_file

KEY, OTHER = bytes(range(32)), bytes(range(100, 132))


@pytest.fixture
def ring(tmp_path):
    return KeyRing(tmp_path / "state" / "keys")


def mode(path):
    return path.stat().st_mode & 0o777


def test_the_folder_is_its_owners_alone_whatever_the_umask_and_so_is_each_file(tmp_path):
    before = os.umask(0)
    try:
        ring = KeyRing(tmp_path / "state" / "keys")
        ring.save(NodeKeys("home-1", [(1, KEY)]))
    finally:
        os.umask(before)
    assert mode(ring.folder) == 0o700
    assert {mode(path) for path in ring.folder.iterdir()} == {0o600}


def test_what_was_saved_is_found_by_its_address_also_by_another_program(ring):
    kept = NodeKeys("home-1", [(3, KEY), (1, OTHER)], Lone(b"\0\0\0\3abcd", 17))
    ring.save(kept)
    ring.save(NodeKeys("home-2", [(1, OTHER)]))
    assert ring.find(address_of("home-1")) == [kept] == KeyRing(ring.folder).find(address_of("home-1"))
    assert [node.name for node in ring.all()] == ["home-1", "home-2"] and ring.find(1) == []


def test_addresses_are_the_wires():
    for name in ("home-1", "Küche", "x" * 32):
        assert address_of(name) == channel.address_of(name)


def test_a_file_that_appears_changes_or_goes_while_the_ring_is_used_is_seen(ring):
    theirs = KeyRing(ring.folder)
    assert ring.all() == []
    theirs.save(NodeKeys("home-1", [(1, KEY)]))
    assert ring.load("home-1").keys == [(1, KEY)] and len(ring.find(address_of("home-1"))) == 1
    theirs.add("home-1", 2, OTHER)
    (found,) = ring.find(address_of("home-1"))
    assert found.keys == [(1, KEY), (2, OTHER)]
    theirs.forget("home-1")
    assert ring.all() == []


def test_what_a_caller_does_to_what_it_got_changes_nothing_here(ring):
    ring.save(NodeKeys("home-1", [(1, KEY)]))
    (found,) = ring.all()
    found.keys.append((2, OTHER))
    assert ring.load("home-1").keys == [(1, KEY)] == ring.all()[0].keys


@pytest.mark.parametrize("bits", [0o750, 0o701, 0o777])
def test_a_folder_that_others_can_reach_is_refused_with_the_cure(ring, bits):
    ring.folder.chmod(bits)
    with pytest.raises(KeysError, match=f"chmod 700 {ring.folder}$"):
        KeyRing(ring.folder)


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620])
def test_a_file_that_others_can_reach_takes_its_own_keys_away_and_no_others(ring, bits):
    ring.save(NodeKeys("home-1", [(1, KEY)]))
    ring.save(NodeKeys("home-2", [(1, OTHER)]))
    assert len(ring.all()) == 2
    path = ring.folder / "home-1.json"
    path.chmod(bits)
    for _ in range(2):
        assert [node.name for node in ring.all()] == ["home-2"]
        assert list(ring.faults) == ["home-1.json"] and ring.faults["home-1.json"].endswith(f"chmod 600 {path}")
    with pytest.raises(KeysError, match="chmod 600"):
        ring.load("home-1")
    path.chmod(0o600)
    assert len(ring.all()) == 2 and ring.faults == {}


BROKEN = {
    "cut short": lambda text: text[:-20],
    "empty": lambda text: "",
    "no object": lambda text: "[]",
    "null": lambda text: "null",
    "no keys": lambda text: text.replace('"keys"', '"kees"'),
    "an empty list": lambda text: json.dumps({**json.loads(text), "keys": []}),
    "three keys": lambda text: json.dumps({**json.loads(text), "keys": [[n, KEY.hex()] for n in (1, 2, 3)]}),
    "a slot twice": lambda text: json.dumps({**json.loads(text), "keys": [[1, KEY.hex()], [1, OTHER.hex()]]}),
    "slot 0": lambda text: text.replace("[[1,", "[[0,"),
    "slot 4": lambda text: text.replace("[[1,", "[[4,"),
    "slot true": lambda text: text.replace("[[1,", "[[true,"),
    "a short key": lambda text: text.replace(KEY.hex(), KEY.hex()[2:]),
    "no hex": lambda text: text.replace(KEY.hex(), "g" * 64),
    "a bad counter": lambda text: text.replace('"counter": -1', '"counter": "0"'),
    "a number for a name": lambda text: text.replace('"home-1"', "7"),
    "bytes": lambda text: "\udcff\udcfe",
}


@pytest.mark.parametrize("damage", BROKEN.values(), ids=BROKEN)
def test_a_damaged_file_is_named_with_the_cure_and_without_a_word_of_the_key(ring, damage):
    ring.save(NodeKeys("home-1", [(1, KEY)]))
    ring.save(NodeKeys("home-2", [(1, OTHER)]))
    path = ring.folder / "home-1.json"
    broken = damage(path.read_text())
    assert broken != path.read_text()
    path.write_bytes(broken.encode("utf-8", "surrogateescape"))
    with pytest.raises(KeysError) as told:
        ring.load("home-1")
    text = str(told.value)
    assert str(path) in text and "gridnexus provision home-1" in text
    assert KEY.hex()[:8] not in text and told.value.__cause__ is None and told.value.__suppress_context__
    assert [node.name for node in ring.all()] == ["home-2"] and ring.faults == {"home-1.json": text}


def test_a_file_that_bears_another_nodes_name_is_refused(ring):
    ring.save(NodeKeys("home-1", [(1, KEY)]))
    (ring.folder / "home-1.json").rename(ring.folder / "copy.json")
    assert ring.all() == [] and "rename it home-1.json" in ring.faults["copy.json"]


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a\\b", ".hidden", "-x", "a\nb", "a\0b", "x" * 33, "é" * 17])
def test_a_name_that_would_leave_the_folder_or_fits_no_node_is_refused(ring, name):
    with pytest.raises(KeysError, match="a node's name"):
        check_name(name)
    for act in (ring.load, ring.forget, lambda name: ring.save(NodeKeys(name, [(1, KEY)]))):
        with pytest.raises(KeysError, match="a node's name"):
            act(name)
    assert ring.all() == []


def clash():
    """Two names with one address."""
    seen = {}
    for number in range(100_000):
        name = f"home-{number}"
        other = seen.setdefault(address_of(name), name)
        if other != name:
            return other, name
    raise AssertionError("no two names have one address")


def test_two_names_with_one_address_are_refused_and_copied_in_both_are_found(ring):
    first, second = clash()
    ring.save(NodeKeys(first, [(1, KEY)]))
    with pytest.raises(KeysError, match=f"{second} and {first} have the same address"):
        ring.save(NodeKeys(second, [(1, OTHER)]))
    assert [node.name for node in ring.all()] == [first]
    text = (ring.folder / f"{first}.json").read_text().replace(first, second)
    (ring.folder / f"{second}.json").write_text(text)
    (ring.folder / f"{second}.json").chmod(0o600)
    assert {node.name for node in ring.find(address_of(first))} == {first, second}


def test_no_text_shows_a_key(ring):
    ring.save(NodeKeys("home-1", [(1, KEY), (2, OTHER)]))
    shown = f"{ring!r} {ring} {ring.all()!r} {ring.load('home-1')}"
    assert "slot 2: " + fingerprint(OTHER) in shown
    for key in (KEY, OTHER):
        assert key.hex()[:8] not in shown and repr(key)[2:12] not in shown


def test_a_rotation_goes_on_with_its_key_until_the_old_one_is_dropped(ring):
    ring.save(NodeKeys("home-1", [(3, KEY)], Lone(b"12345678", 5)))
    slot, key, made = ring.renew("home-1")
    assert (slot, made) == (1, True) and key not in (KEY, OTHER)
    assert ring.renew("home-1") == (slot, key, False)
    assert ring.load("home-1").keys == [(3, KEY), (1, key)]
    assert ring.drop("home-1", 3).keys == [(1, key)]
    assert ring.load("home-1").lone == Lone(b"12345678", 5)
    assert ring.drop("home-1", 1).keys == [(1, key)]  # the last one stays
    assert ring.renew("home-1")[0] == 2


def test_of_three_keys_the_two_newest_stay(ring):
    for slot in (1, 2, 3):
        ring.add("home-1", slot, bytes([slot]) * 32)
    assert [slot for slot, _ in ring.load("home-1").keys] == [2, 3]


def test_what_a_node_without_a_file_needs_is_said(ring):
    with pytest.raises(KeysError, match="gridnexus provision home-9 makes one"):
        ring.load("home-9")
    with pytest.raises(KeysError, match="has no key"):
        ring.forget("home-9")
    with pytest.raises(KeysError):
        ring.remember("home-9", Lone(b"x", 1))


def test_two_who_write_at_once_lose_nothing(ring):
    """One remembers lone packets, as the bridge does; the other adds and drops keys, as provisioning does."""
    ring.save(NodeKeys("home-1", [(1, KEY)]))

    def remember():
        mine = KeyRing(ring.folder)
        for counter in range(60):
            mine.remember("home-1", Lone(b"12345678", counter))

    bridge = threading.Thread(target=remember)
    bridge.start()
    for _ in range(30):
        slot, key, _ = ring.renew("home-1")
        assert ring.load("home-1").keys[-1] == (slot, key)
        ring.drop("home-1", ring.load("home-1").keys[0][0])
    bridge.join()
    assert ring.load("home-1").lone == Lone(b"12345678", 59) and ring.load("home-1").keys == [(slot, key)]


CUT = """
import os, sys
from pathlib import Path
from host_bridge import keys
left = int(sys.argv[2])
def counted(event, _):
    global left
    if event == "open" or event.startswith("os."):
        left -= 1
        if left < 0:
            os._exit(7)
fsync = os.fsync
def flushed(file):
    counted("os.fsync", ())
    fsync(file)
keys.os.fsync = flushed
sys.addaudithook(counted)
ring = keys.KeyRing(Path(sys.argv[1]))
ring.save(keys.NodeKeys("home-1", [(2, bytes(32))]))
"""


def test_cut_short_at_any_step_the_file_is_as_before_or_as_after_and_the_next_save_works(ring):
    seen = set()
    for steps in range(40):
        ring.save(NodeKeys("home-1", [(1, KEY)]))
        was = (ring.folder / "home-1.json").stat().st_ino
        done = subprocess.run([sys.executable, "-c", CUT, str(ring.folder), str(steps)], check=False)
        seen.add(ring.load("home-1").keys[0])
        assert {mode(path) for path in ring.folder.iterdir()} == {0o600}
        assert [node.name for node in ring.all()] == ["home-1"] and ring.faults == {}
        if done.returncode == 0:
            assert (ring.folder / "home-1.json").stat().st_ino != was, "the file itself was written to"
            break
        assert done.returncode == 7
    assert steps > 3 and seen == {(1, KEY), (2, bytes(32))}


def test_new_keys_differ_and_a_nodes_file_holds_them():
    assert len({new_key() for _ in range(10)}) == 10 and len(new_key()) == 32
    assert json.loads(node_file([(1, KEY), (2, OTHER)])) == [[1, KEY.hex()], [2, OTHER.hex()]]
