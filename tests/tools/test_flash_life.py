"""The write budget: what is counted on littlefs is what the arithmetic takes, and every board's flash lasts."""

import json

import pytest

from gridnode.node import lasting
from tools import boards, flash_life

ALIKE = [pytest.param(name, marks=pytest.mark.slow) for name in ("esp32_c3_devkit", "rpi_pico_w")]
FLASHED = ["esp32_devkit", "rpi_pico", *ALIKE]


@pytest.mark.slow
@pytest.mark.parametrize(("blocks", "program_bytes"), [(352, 256), (512, 32)])
def test_the_erases_of_a_save_are_as_counted(blocks, program_bytes):
    counted = flash_life.measure(blocks, program_bytes)
    assert counted["saves"] == flash_life.SAVES_A_DAY
    a_save = counted["erases"] / counted["saves"]
    assert a_save == pytest.approx(flash_life.ERASES_A_1000_SAVES[program_bytes] / 1000, rel=0.03)


@pytest.mark.slow
def test_littlefs_spreads_the_erases_over_what_is_free():
    counted = flash_life.measure(60, 256)
    assert counted["erased_sectors"] == 60
    assert counted["most_erased"] < 200  # it stays for 100 erases in one place


@pytest.mark.parametrize("name", FLASHED)
def test_every_flash_lasts_ten_years_at_the_most_saves(name):
    found = flash_life.budget(boards.load(name))
    assert found.saves_a_day == 1440 and found.years >= 10
    assert found.years == pytest.approx(found.spare_blocks * 100_000 / found.erases_a_day / 365.25)


def test_half_the_saves_last_twice_as_long_and_none_for_ever():
    pico = boards.load("rpi_pico")
    most, half = flash_life.budget(pico), flash_life.budget(pico, 720)
    assert half.years == pytest.approx(2 * most.years)
    assert flash_life.budget(pico, 0).years == float("inf")
    assert flash_life.budget(pico, erase_cycles=10_000).years == pytest.approx(most.years / 10)


def test_what_has_no_flash_of_ours_has_no_budget():
    assert flash_life.budget(boards.load("pi_gpio")) is None


def test_it_is_shown_with_the_board(capsys):
    assert boards.main(["rpi_pico"]) == 0
    years = flash_life.budget(boards.load("rpi_pico")).years
    assert f"lasts {years:.0f} years" in capsys.readouterr().out
    assert boards.main(["rpi_pico", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["flash"]["years"] == pytest.approx(years)
    assert flash_life.main(["rpi_pico", "unix", "--saves-a-day", "100"]) == 0
    assert capsys.readouterr().out.startswith("rpi_pico: 100 saves a day erase 14 blocks")


@pytest.mark.parametrize("name", boards.names())
def test_a_node_reckons_with_the_same_erases(name):
    board = boards.load(name)
    place = board.manifest["FILESYSTEM"]
    wanted = None if place is None else flash_life.ERASES_A_1000_SAVES[place["program_bytes"]]
    assert lasting.ERASES.get(board.board["MCU"]) == wanted
