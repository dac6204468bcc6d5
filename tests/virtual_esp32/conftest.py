import time

import pytest

from tests.virtual_esp32.flash_kit import HEAP, INTERPRETER, SIZE, make_flash
from tools.virtual_esp32 import VirtualEsp32


def wait_for(condition, what, seconds=20):
    """Until `condition()` is true; a test fails only when nothing moves at all."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {seconds} s")


@pytest.fixture
def make_board(tmp_path):
    """board(main="", **flash parts and arguments of VirtualEsp32): not entered yet."""

    def make(main="", *, chip="esp32", wiring=None, **parts):
        flash = make_flash(tmp_path / f"flash{len(list(tmp_path.iterdir()))}.bin", main, chip, **parts)
        return VirtualEsp32(flash, interpreter=INTERPRETER, bytes=SIZE, chip=chip, wiring=wiring, heap=HEAP)

    return make


@pytest.fixture
def says():
    """says(board, words): wait until lines of its log have them, `count` times; the log. A prompt is no whole line."""

    def heard(log, words, count):
        *_, rest = log.split(words)
        return log.count(words) >= count and (words == ">>> " or "\n" in rest) and log

    def wait(board, words, count=1):
        return wait_for(lambda: heard(board.log(), words, count), f"{words!r} on the console")

    return wait


@pytest.fixture(name="wait_for")
def wait_for_fixture():
    return wait_for
