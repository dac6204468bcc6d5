"""The flash chip: NOR memory in a file."""

import pytest

from tools.virtual_esp32.flash import SECTOR, Flash, FlashError


@pytest.fixture
def flash(tmp_path):
    chip = Flash(tmp_path / "flash", 1 << 16)
    yield chip
    chip.close()


def test_a_new_chip_is_erased_and_programming_only_clears_bits(flash):
    assert flash.read(0, 1 << 16) == b"\xff" * (1 << 16)
    flash.program(5, b"\xf0\x0f")
    flash.program(5, b"\x3c\xff")
    assert flash.read(4, 4) == b"\xff\x30\x0f\xff"


def test_erasing_takes_the_whole_sectors_that_are_touched(flash):
    flash.program(0, b"\0" * (3 * SECTOR))
    flash.erase(SECTOR + 10, 1)
    assert flash.read(0, 3 * SECTOR) == b"\0" * SECTOR + b"\xff" * SECTOR + b"\0" * SECTOR


def test_what_is_written_is_there_when_the_board_comes_back(tmp_path):
    first = Flash(tmp_path / "flash", 1 << 16)
    first.program(100, b"kept")
    first.close()
    again = Flash(tmp_path / "flash", 1 << 16)
    assert again.read(100, 4) == b"kept"
    again.close()


@pytest.mark.parametrize(("at", "count"), [(1 << 16, 1), (0xFFFF, 2), (-1, 2), (0, -1)])
def test_nothing_outside_of_the_chip(flash, at, count):
    with pytest.raises(FlashError, match="outside"):
        flash.read(at, count)
    with pytest.raises(FlashError, match="outside"):
        flash.erase(at, count)


def test_a_file_of_another_size_and_one_in_use_are_refused(flash, tmp_path):
    with pytest.raises(FlashError, match="switch that one off"):
        Flash(flash.path, 1 << 16)
    (tmp_path / "short").write_bytes(b"x" * 100)
    with pytest.raises(FlashError, match="has 100 bytes"):
        Flash(tmp_path / "short", 1 << 16)
    assert (tmp_path / "short").read_bytes() == b"x" * 100
    with pytest.raises(FlashError, match="power of two"):
        Flash(tmp_path / "odd", 3 << 20)
