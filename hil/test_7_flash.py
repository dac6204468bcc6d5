"""pytest-embedded: the board is flashed by its real tool, and its boot log says who it is."""

import pytest

from gridnode import VERSION
from hil.bench import BOOT_LINE
from tools import boards, build


@pytest.mark.needs("flashing")
def test_flash_by_esptool(empty_board, rig, tmp_path, notes):
    from hil.esp32_bench import flash_with_esptool

    built = build.build(rig.board, {"name": "hil"}, tmp_path / "built")
    took_s, size = flash_with_esptool(empty_board.jig, built)
    notes.note("flash_mb", size / 1e6)
    notes.hold("flash_s", took_s, "plain esptool over the board's socket, each part's digest verified")


@pytest.mark.needs("console")
def test_boot_log(dut, start_again, rig):
    for _ in range(2):
        found = dut.expect(BOOT_LINE, timeout=15)
        version, node, board, _ = (words.decode() for words in found.groups())
        assert (version, node, board) == (VERSION, "hil", boards.load(rig.board).board["NAME"])
        start_again()
