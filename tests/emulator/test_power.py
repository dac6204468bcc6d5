"""Resets, power cuts and the flash of the emulated RP2040."""

import pytest

from tests.emulator.kit import MS, SECOND, board, filesystem, said
from tools.emulated_rp2040 import EmulatedRP2040, EmulatorError
from tools.images import image

pytestmark = pytest.mark.slow

CAUSE = "relay = Pin(15, Pin.OUT, value=1)\nsay('cause', machine.reset_cause())\ntime.sleep(60)"

# Writes a file again and again, each time whole: what is read back is one of the versions or an error.
WRITER = """
kept = "none"
try:
    with open("kept") as file:
        kept = file.read()
except OSError:
    pass
say("found", len(kept), kept[:1])
for letter in "abcdefgh":
    with open("new", "w") as file:
        file.write(letter * 3000)
    os.rename("new", "kept")
    say("wrote", letter)
"""


def test_causes_of_resets_and_time_that_never_goes_back():
    with board(CAUSE) as pico:
        times = []
        for action in (pico.reset, pico.brown_out, lambda: (pico.power_off(), pico.run(MS), pico.power_on())):
            pico.run(100 * MS)
            times.append(pico.now_ns)
            action()
            times.append(pico.now_ns)
        pico.run(100 * MS)
        assert said(pico) == ["cause 1"] * 4
        assert times == sorted(times)
        assert pico.resets == 2
        assert [edge.at_ns for edge in pico.edges()] == sorted(edge.at_ns for edge in pico.edges())


def test_pins_let_go_at_reset_and_without_power():
    with board(CAUSE) as pico:
        pico.run(100 * MS)
        assert pico.level(15) == 1
        pico.reset()
        assert pico.level(15) == 0
        pico.run(100 * MS)
        assert pico.level(15) == 1
        pico.power_off()
        assert pico.level(15) == 0
        before = pico.now_ns
        pico.run(10 * SECOND)
        assert pico.now_ns == before + 10 * SECOND
        assert [(edge.level, edge.driven) for edge in pico.edges(15)] == [(1, True), (0, False)] * 2


def test_memory_survives_a_reset_but_not_a_loss_of_power():
    program = """
from machine import mem32
SPARE = 0x20040800  # core 1's stack, which nobody uses
say(hex(mem32[SPARE]))
mem32[SPARE] = 0x600DCAFE
time.sleep(60)
"""
    with board(program) as pico:
        pico.run(100 * MS)
        pico.reset()
        pico.run(100 * MS)
        pico.brown_out()
        pico.run(100 * MS)
        first, after_reset, after_loss = said(pico)
        assert after_reset == "0x600dcafe"
        assert after_loss not in (after_reset, first)


def test_flash_is_the_image_and_the_filesystem():
    files = filesystem("")
    with EmulatedRP2040(image("RPI_PICO").path, filesystem=files, filesystem_at=0xA0000) as pico:
        flash = pico.flash()
        assert len(flash) == 2 << 20
        assert flash[0xA0000 : 0xA0000 + len(files)] == files
        assert flash[:4] != b"\xff" * 4


def test_flash_outlives_the_emulator(tmp_path):
    kept = tmp_path / "flash.bin"
    with board("with open('kept', 'w') as file: file.write('x' * 5000)", flash=kept) as pico:
        pico.run(SECOND)
        flash = pico.flash()
        assert pico.operations
    assert kept.read_bytes() == flash
    with EmulatedRP2040(image("RPI_PICO").path, flash=kept) as pico:
        assert pico.flash() == flash
    kept.write_bytes(b"short")
    with pytest.raises(EmulatorError, match="5 bytes, a flash has 2097152"):
        EmulatedRP2040(image("RPI_PICO").path, flash=kept)


def test_flash_operations_take_their_time_and_only_clear_bits_when_programming():
    with board(WRITER) as pico:
        pico.run(2 * SECOND)
        kinds = {kind for kind, _, _ in pico.operations}
        assert kinds == {"erase", "program"}
        assert pico.flash_operations == len(pico.operations)
        erased = sum(kind == "erase" for kind, _, _ in pico.operations)
        assert pico.cpu_busy_ns > erased * 45 * MS


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("operation", [1, 17])
def test_power_cut_at_a_flash_operation_leaves_exactly_that_much(when, operation):
    with board(WRITER) as pico:
        pico.run(30 * MS)
        count = pico.flash_operations
        pico.cut_power(operation, when)
        before = pico.flash()
        pico.run(2 * SECOND)
        assert not pico.powered
        assert pico.flash_operations == count + operation
        _, offset, length = pico.operations[-1]
        sector = pico.flash()[offset : offset + length]
        if operation == 1:
            was = before[offset : offset + length]
            assert (sector == was) == (when == "before")
        pico.power_on()
        pico.run(2 * SECOND)
        lines = said(pico)
        again = lines.index(next(line for line in reversed(lines) if line.startswith("found")))
        found = lines[again].split()
        # littlefs: whole and one of the versions, or there was none yet
        assert found[1:] == ["4", "n"] or found[1] == "3000"
        assert lines[-1] == "wrote h"


def test_same_cut_leaves_the_same_bits():
    def life() -> bytes:
        with board(WRITER, seed=7) as pico:
            pico.run(30 * MS)
            pico.cut_power(3, "during")
            pico.run(2 * SECOND)
            return pico.flash()

    assert life() == life()


def test_boards_of_other_seeds_are_other_boards():
    program = "say(machine.unique_id(), os.urandom(4))"

    def of(seed: int) -> list[str]:
        with board(program, seed=seed) as pico:
            pico.run(100 * MS)
            return said(pico)

    assert of(1) == of(1) != of(2)
