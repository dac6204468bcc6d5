"""Pushing to a board that runs: what changes, in which order, and what is left when it breaks off."""

import hashlib
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.tools.unix_board import UnixBoard
from tools import boards, console, push
from tools.board_prompt import BoardPrompt, PromptError
from tools.node_files import node_files
from tools.push import Change, compare

BOARD = "rpi_pico"
FILES = {
    "main.py": b"print('new')\n" * 300,
    "board.mpy": b"\x00\x01\xff'\"\\\r\n",
    "gridnode/wire/frame.mpy": bytes(range(256)) * 9,
}


@pytest.fixture
def board(tmp_path):
    with UnixBoard(tmp_path) as board:
        board.wait_for(b"node up")
        yield board


def content(board):
    return {str(path.relative_to(board.flash)): path.read_bytes() for path in board.flash.rglob("*") if path.is_file()}


# What there is to do


def hashed(files):
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def test_main_is_written_last_and_only_what_differs():
    on_node = hashed(FILES) | {
        "main.py": "other",
        "board.mpy": "other",
        "unit.json": "its own",
        "boot_epoch": "its own",
    }
    assert compare(FILES, on_node) == Change(["board.mpy", "main.py"], [])
    assert not compare(FILES, hashed(FILES))


def test_a_file_that_would_be_taken_instead_is_removed_and_what_is_the_nodes_stays():
    on_node = hashed(FILES) | {
        "board.py": "", "gridnode/old.mpy": "", "gridnode/wire/frame.py": "", "notes.py": "", "log": ""
    }  # fmt: skip
    assert compare(FILES, on_node).remove == ["board.py", "gridnode/old.mpy", "gridnode/wire/frame.py"]


# On a board


def test_a_push_makes_the_board_what_the_checkout_says_and_restarts_it(board, capsys):
    (board.flash / "boot_epoch").write_text("7")
    (board.flash / "gridnode").mkdir()
    (board.flash / "gridnode" / "gone.py").write_text("old")
    files = node_files(boards.load(BOARD), None)
    assert push.main([BOARD, "--port", board.port]) == 0
    told = capsys.readouterr()
    assert f"{len(files)} of {len(files)} files differ" in told.out and "  remove  gridnode/gone.py" in told.out
    assert "its contactors open" in told.err
    assert content(board) == files | {"boot_epoch": b"7"}
    assert b"contactors open" in board.said
    board.wait_until(lambda: board.boots == 2)


def test_a_second_push_writes_nothing_and_still_restarts(board, capsys):
    push.main([BOARD, "--port", board.port])
    capsys.readouterr()
    before = {path: path.stat().st_mtime_ns for path in board.flash.rglob("*.mpy")}
    assert push.main([BOARD, "--port", board.port]) == 0
    assert "nothing differs" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in board.flash.rglob("*.mpy")} == before
    board.wait_until(lambda: board.boots == 3)


def test_a_dry_run_says_the_same_and_writes_nothing(board, capsys):
    before = content(board)
    assert push.main([BOARD, "--port", board.port, "--dry-run"]) == 0
    assert "  write   main.py" in capsys.readouterr().out
    assert content(board) == before
    board.wait_until(lambda: board.boots == 2)


def test_the_unit_is_pushed_only_when_it_is_named(board, tmp_path):
    (board.flash / "unit.json").write_text('{"name": "calibrated"}')
    push.main([BOARD, "--port", board.port])
    assert b"calibrated" in content(board)["unit.json"]
    unit = tmp_path / "unit.json"
    unit.write_text('{"name": "home-9"}')
    assert push.main([BOARD, "--port", board.port, "--unit", str(unit)]) == 0
    assert b"home-9" in content(board)["unit.json"]


def test_a_unit_that_is_none_is_told_before_the_node_is_stopped(board, tmp_path, capsys):
    unit = tmp_path / "unit.json"
    unit.write_text('{"name": ')
    assert push.main([BOARD, "--port", board.port, "--unit", str(unit)]) == 1
    assert "unit.json" in capsys.readouterr().err and board.boots == 1
    assert b"contactors open" not in board.said


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_cable_pulled_out_leaves_every_file_whole(board, after):
    """Not one of the old files is touched before all of the new ones are there."""
    before = content(board)
    written = []

    def progress(count):
        written.append(count)
        if len(written) > after:
            board.unplug()

    with pytest.raises(PromptError, match="files are whole"), BoardPrompt(board.port) as prompt:
        push.put(prompt, Change([*FILES], []), FILES, progress)
    now = content(board)
    assert {name: now[name] for name in before} == before
    assert all(name.endswith(".new") for name in now if name not in before)


def test_a_file_that_arrives_damaged_is_removed_and_nothing_is_replaced(board, monkeypatch):
    before = content(board)
    with BoardPrompt(board.port) as prompt:
        monkeypatch.setattr("tools.board_prompt.sha256", lambda data: "0" * 64)
        with pytest.raises(PromptError, match="did not arrive as it was sent"):
            push.put(prompt, Change(["main.py"], []), FILES, lambda count: None)
    assert content(board) == before


def test_every_byte_arrives_as_it_is(board):
    with BoardPrompt(board.port) as prompt:
        for name, data in {"all": bytes(range(256)) * 20, "empty": b"", "deep/er/file": b"x"}.items():
            prompt.write(name, data)
            assert (board.flash / name).read_bytes() == data
        assert prompt.hashes("deep")["deep/er/file"] == hashlib.sha256(b"x").hexdigest()


def test_the_boards_own_words_are_told(board):
    (board.flash / "main.py.new").mkdir()
    with BoardPrompt(board.port) as prompt, pytest.raises(PromptError, match="the board says OSError: .*EISDIR"):
        prompt.write("main.py.new", b"x")


def test_a_port_behind_which_nothing_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tools.board_prompt.ANSWER_S", 0.2)
    monkeypatch.setattr("tools.board_prompt.STOP_S", 0.2)
    ours, theirs = os.openpty()
    assert push.main([BOARD, "--port", os.ttyname(theirs)]) == 1
    assert "MicroPython does not answer" in capsys.readouterr().err
    os.close(ours)
    os.close(theirs)


def test_the_program_is_interrupted_once_and_given_time_to_open_its_contactors(monkeypatch):
    """A second Ctrl-C would hit just the part that opens them."""
    monkeypatch.setattr("tools.board_prompt.ANSWER_S", 0.2)
    ours, theirs = os.openpty()
    heard = b""

    def open_contactors():
        nonlocal heard
        while b"\x03" not in heard:
            heard += os.read(ours, 100)
        while select.select([ours], [], [], 0.4)[0]:  # busy with its contactors: hears, and answers nothing
            heard += os.read(ours, 100)
        os.write(ours, b"\r\n>>> ")

    node = threading.Thread(target=open_contactors)
    node.start()
    with pytest.raises(PromptError), BoardPrompt(os.ttyname(theirs)):
        pass
    node.join()
    assert heard.count(b"\x03") == 1
    os.close(ours)
    os.close(theirs)


# The console


def test_the_console_shows_what_the_node_prints_and_leaves_it_running(board):
    (board.flash / "main.py").write_text("import time\nwhile True:\n    print('tick')\n    time.sleep(0.05)\n")
    with BoardPrompt(board.port) as prompt:
        prompt.restart()
    ours, theirs = os.openpty()  # mpremote wants a terminal
    command = [sys.executable, "-m", "tools.console", "--port", board.port]
    root = Path(console.__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'firmware_mpy'}"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=environment) as process:
        seen, deadline = b"", time.monotonic() + 20
        while seen.count(b"tick") < 3 and time.monotonic() < deadline:
            seen += os.read(ours, 4096) if select.select([ours], [], [], 0.1)[0] else b""
        assert seen.count(b"tick") >= 3
        os.write(ours, b"\x1d")  # Ctrl-]
        assert process.wait(20) == 0
        told = process.stderr.read().decode()
    assert "Ctrl-] leaves it" in told and "contactors open" in told
    assert board.boots == 2
    os.close(ours)
    os.close(theirs)


def test_a_board_without_a_console_and_an_unknown_one(capsys):
    assert console.main(["pi_gpio"]) == 1
    assert "pi_gpio has no console of its own" in capsys.readouterr().err
    assert console.main(["toaster"]) == 1
    assert "toaster" in capsys.readouterr().err
