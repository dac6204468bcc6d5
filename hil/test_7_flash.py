"""pytest-embedded: the board is flashed by its real tool, and its boot log says who it is."""

import pytest

from gridnode import VERSION
from hil.bench import BOOT_LINE
from tools import boards, build


@pytest.mark.needs("flashing")
def test_flash_by_esptool(flashed_board, rig, tmp_path, notes):
    from hil.esp32_bench import flash_with_esptool

    built = build.build(rig.board, {"name": "hil"}, tmp_path / "built")
    took_s, size = flash_with_esptool(flashed_board.url, built)
    notes.note("flash_mb", size / 1e6)
    notes.hold("flash_s", took_s, "plain esptool, each part's digest verified")


@pytest.mark.needs("console")
def test_boot_log(dut, start_again, rig, request, tmp_path):
    if rig.bench == "esp32":
        flash_through(dut, rig, tmp_path)
    for _ in range(2):
        found = dut.expect(BOOT_LINE, timeout=15)
        version, node, board, _ = (words.decode() for words in found.groups())
        assert (version, node, board) == (VERSION, "hil", boards.load(rig.board).board["NAME"])
        start_again()


def flash_through(dut, rig, folder):
    """Over the connection that pytest-embedded's esp service holds."""
    import esptool

    built = build.build(rig.board, {"name": "hil"}, folder / "built")
    parts = [word for offset, path in built.flash for word in (hex(offset), str(path))]
    serial = dut.serial
    with serial.disable_redirect_thread():
        serial.esp.connect()
        esptool.main(["--after", "no-reset", "write-flash", *parts], esp=serial.esp)
    serial.hard_reset()
