"""A board's key over its console: on board and Pi or on neither, and in no image but the one that was asked for."""

import json

import pytest
import serial

from host_bridge.keys import KeyRing, NodeKeys, fingerprint, key_list
from host_bridge.provision import FolderStorage
from host_bridge.provision import provision as provision_folder
from tests.tools.firmware_kit import kept, uf2_image
from tests.tools.unix_board import UnixBoard
from tools import build, node_disk, provision
from tools.board_prompt import BoardPrompt

KEY = bytes(range(32))


@pytest.fixture
def board(tmp_path):
    with UnixBoard(tmp_path) as board:
        board.wait_for(b"node up")
        yield board


@pytest.fixture
def ring(tmp_path):
    return KeyRing(tmp_path / "keys")


def run(board, ring, *more):
    return provision.main(["home-1", "--port", board.port, "--keys", str(ring.folder), *more])


def held(board):
    path = board.flash / "keys.json"
    return key_list(json.loads(path.read_text())) if path.exists() else []


def test_a_board_gets_name_and_key_and_starts_again_and_nothing_shows_the_key(board, ring, capsys):
    assert run(board, ring) == 0
    board.wait_for(b"node up")
    assert board.boots == 2
    ((_, key),) = held(board)
    assert ring.load("home-1").keys == held(board)
    assert json.loads((board.flash / "unit.json").read_text()) == {"name": "home-1"}
    assert sorted(path.name for path in board.flash.iterdir()) == ["keys.json", "main.py", "unit.json"]
    told = capsys.readouterr()
    assert fingerprint(key) in told.out and "its contactors open" in told.err
    assert key.hex()[:8] not in told.out + told.err
    assert run(board, ring, "--json") == 0
    assert json.loads(capsys.readouterr().out)["made"] is False
    board.wait_for(b"node up")
    assert board.boots == 3


def test_a_board_of_another_name_keeps_it_and_runs_on(board, ring, capsys):
    (board.flash / "unit.json").write_text('{"name": "attic", "interval_s": 5}')
    assert run(board, ring) == 1
    assert "called 'attic'" in capsys.readouterr().err
    assert held(board) == [] and ring.all() == []
    board.wait_for(b"node up")
    assert board.boots == 2
    assert run(board, ring, "--rename") == 0
    assert json.loads((board.flash / "unit.json").read_text()) == {"name": "home-1", "interval_s": 5}


def test_a_port_that_the_bridge_holds_is_told_and_nothing_is_made(board, ring, capsys):
    with serial.serial_for_url(board.port, exclusive=True):  # as host_bridge.transport.serial opens it
        assert run(board, ring) == 1
    told = capsys.readouterr().err
    assert board.port in told and "in use by another program" in told
    assert ring.all() == [] and held(board) == [] and board.boots == 1


def test_keys_that_others_can_read_are_refused_before_the_node_is_stopped(board, ring, capsys):
    ring.folder.chmod(0o755)
    assert run(board, ring) == 1
    assert "chmod 700" in capsys.readouterr().err and board.boots == 1


@pytest.mark.parametrize("done", [False, True])
def test_a_cable_pulled_at_the_worst_moment_leaves_keys_that_fit_and_the_next_run_ends_it(
    board, ring, capsys, monkeypatch, done
):
    (board.flash / "keys.json").write_text(json.dumps([[1, KEY.hex()]]))
    (board.flash / "unit.json").write_text('{"name": "home-1"}')
    ring.save(NodeKeys("home-1", [(1, KEY)]))
    replace = BoardPrompt.replace

    def unplugged(prompt, write, remove):
        if done:
            replace(prompt, write, remove)
        board.unplug()
        replace(prompt, write, remove)

    monkeypatch.setattr(BoardPrompt, "replace", unplugged)
    assert run(board, ring, "--new-key") == 1
    assert "Run this again" in capsys.readouterr().err
    known = ring.load("home-1").keys
    assert len(known) == 2 and held(board)[0] in known and (held(board)[0][1] == KEY) is not done
    provision_folder(ring, "home-1", FolderStorage(board.flash))
    assert ring.load("home-1").keys == held(board)


def test_a_board_without_room_keeps_its_key_and_so_does_the_pi(board, ring, capsys, monkeypatch):
    (board.flash / "keys.json").write_text(json.dumps([[1, KEY.hex()]]))
    (board.flash / "unit.json").write_text('{"name": "home-1"}')
    ring.save(NodeKeys("home-1", [(1, KEY)]))
    (board.flash / "keys.json.new").mkdir()  # the board's own error when it opens it
    assert run(board, ring, "--new-key") == 1
    assert "Nothing has changed, neither there nor here" in capsys.readouterr().err
    assert held(board) == [(1, KEY)] == ring.load("home-1").keys
    board.wait_until(lambda: board.boots == 2)


# Images


def forms(key):
    return (key, key[:16], key.hex().encode(), key.hex().upper().encode())


@pytest.mark.slow
def test_no_image_holds_a_key_unless_it_is_asked_for_by_the_name_of_one_unit(tmp_path, ring, capsys, monkeypatch):
    ring.save(NodeKeys("home-1", [(1, KEY)]))
    monkeypatch.setattr(build, "image", lambda name: kept(tmp_path, "RPI_PICO", uf2_image(b"no program" * 999)))
    plain, asked = tmp_path / "plain", tmp_path / "asked"
    assert build.main(["rpi_pico", "--name", "home-1", "--out", str(plain)]) == 0
    assert build.main(["rpi_pico", "--name", "home-1", "--keys", str(ring.folder), "--out", str(asked)]) == 0
    capsys.readouterr()
    for folder, wanted in ((plain, False), (asked, True)):
        assert any(form in path.read_bytes() for path in folder.iterdir() for form in forms(KEY)) is wanted
    disks = [(folder / build.FILESYSTEM).read_bytes() for folder in (plain, asked)]
    assert node_disk.compare(*disks) == ([], ["keys.json"])
    assert asked.stat().st_mode & 0o077 == 0
    assert KEY.hex() not in (asked / build.MANIFEST).read_text()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ([], "say which with --name or --unit"),
        (["--name", "home-2"], "home-2 has no key"),
        (["--name", "../x"], "a node's name"),
    ],
)
def test_a_key_for_nobody_or_somebody_without_one_is_refused(tmp_path, ring, capsys, more, told):
    assert build.main(["rpi_pico", *more, "--keys", str(ring.folder), "--out", str(tmp_path / "out")]) == 1
    assert told in capsys.readouterr().err and not (tmp_path / "out").exists()
