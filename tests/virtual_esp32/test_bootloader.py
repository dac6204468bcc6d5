"""From reset to the program: what is damaged in flash is told on the console, in the words of the real bootloader."""

import pytest

from tests.virtual_esp32.flash_kit import APP_AT, FILES_AT, SIZE, TABLE, make_flash, make_image, make_table
from tools.virtual_esp32 import bootloader
from tools.virtual_esp32.chips import CHIPS
from tools.virtual_esp32.flash import Flash
from tools.virtual_esp32.image import xor


@pytest.fixture
def boot(tmp_path):
    def walk(chip="esp32", cause="power on", **parts):
        flash = Flash(make_flash(tmp_path / "flash", "pass", chip, **parts), SIZE)
        try:
            return bootloader.boot(CHIPS[chip], flash, cause)
        finally:
            flash.close()

    return walk


def flipped(content, at):
    return content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :]


@pytest.mark.parametrize("chip", ["esp32", "esp32c3"])
def test_a_whole_flash_boots_and_says_what_it_is(boot, chip):
    found = boot(chip)
    assert found.filesystem == (FILES_AT, SIZE - FILES_AT)
    assert "rst:0x1 (POWERON" in found.text and "SPI_FAST_FLASH_BOOT" in found.text
    assert f"virtual {CHIPS[chip].name} board, CPU not emulated; MicroPython v9.8.7 in flash" in found.text


def test_a_partition_called_vfs_is_the_filesystem(boot):
    table = make_table(("factory", 0, 0, APP_AT, 0x10000), ("vfs", 1, 0x81, 0x40000, 0x20000))
    assert boot(table=table).filesystem == (0x40000, 0x20000)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"bootloader": b"\xff" * 64}, "invalid header: 0xffffffff"),
        ({"bootloader": flipped(make_image(content=b"second stage"), 40)}, "write a firmware image to 0x1000"),
        ({"table": b"\xff" * 0xC00}, "no partitions in the table"),
        ({"table": flipped(TABLE, 8)}, "partition table MD5 mismatch"),
        ({"table": flipped(TABLE, 32)}, "partition 1 invalid magic number 0x50ab"),
        ({"table": make_table(("big", 0, 0, APP_AT, SIZE))}, "exceeds flash chip size 0x100000"),
        ({"table": make_table(("all", 0, 0, 0, SIZE))}, "no room for a filesystem"),
        ({"table": make_table(("nvs", 1, 2, 0x9000, 0x6000))}, "No bootable app partitions"),
        ({"app": b"\xff" * 64}, "image at 0x10000 has invalid magic byte (nothing flashed here?)"),
        ({"app": flipped(make_image(), 40)}, "Checksum failed. Calculated"),
        ({"app": flipped(make_image(), 5)}, "Image hash failed - image is corrupt"),
        ({"app": make_image()[:40] + b"\xff" * 64}, "esp_image"),
        ({"app": make_image("esp32c3")}, "mismatch chip ID, expected 0, found 5"),
        ({"app": make_image(content=b"some other program")}, "it runs MicroPython only"),
    ],
)
def test_what_is_damaged_is_named_and_nothing_runs(boot, parts, words):
    found = boot(**parts)
    assert words in found.text
    assert "virtual ESP32 board, CPU not emulated" in found.text
    assert found.filesystem is None


@pytest.mark.parametrize(("cause", "words"), [("reset", "rst:0xc (SW_CPU_RESET)"), ("power on", "rst:0x1")])
def test_the_cause_of_the_reset_is_in_the_first_line(boot, cause, words):
    assert words in boot(cause=cause).text


def test_folding_halves_is_the_same_as_going_byte_by_byte():
    for content in (b"", b"\x05", b"abc", bytes(range(256)) * 3 + b"\x42"):
        slow = 0
        for byte in content:
            slow ^= byte
        assert xor(content) == slow
