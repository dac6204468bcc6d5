"""The wiring pictures and parts lists are drawn from the literals, and are fresh."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from tests.tools.board_kit import changed, loaded
from tools import boards, wiring
from tools.boards import BoardError
from tools.wiring_picture import BLOCK, CHARACTER, draw

DRAWN = ["esp32_c3_devkit", "esp32_devkit", "pi_gpio", "rpi_pico", "rpi_pico_w"]


@pytest.mark.parametrize("name", boards.names())
def test_what_is_drawn_from_the_literals_is_fresh(name):
    assert not wiring.stale(boards.load(name)), "run python -m tools.wiring"


@pytest.mark.parametrize("name", DRAWN)
def test_the_picture_is_whole_and_the_same_each_time(name):
    board = boards.load(name)
    picture = draw(board)
    assert picture == draw(board)
    texts = [text.text or "" for text in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    for part in board.manifest["WIRING"]:
        assert {part["part"], *part["notes"], *part["wires"]} <= set(texts)
    assert ("Mains voltage kills" in picture) == any(
        part.get("beyond", {}).get("at") == "mains" for part in board.manifest["WIRING"]
    )
    assert "prefers-color-scheme: dark" in picture


@pytest.mark.parametrize("name", DRAWN)
def test_notes_fit_into_their_boxes(name):
    for part in boards.load(name).manifest["WIRING"]:
        for note in part["notes"] + part.get("beyond", {}).get("wires", []) + part.get("beyond", {}).get("notes", []):
            assert len(note) * CHARACTER < BLOCK - 24, note


@pytest.mark.parametrize("name", DRAWN)
def test_lines_do_not_cross(name):
    """Each line goes H, V, H; two of them never share a point."""
    pattern = r'd="M([\d.]+) ([\d.]+)H([\d.]+)V([\d.]+)H([\d.]+)"'
    lines = [tuple(map(float, found)) for found in re.findall(pattern, draw(boards.load(name)))]
    assert lines
    segments = [_segments(*line) for line in lines]
    for number, mine in enumerate(segments):
        for others in segments[number + 1 :]:
            assert not any(_touch(one, other) for one in mine for other in others)


def _segments(x, y, turn, end_y, end_x):
    return [(x, y, turn, y), (turn, y, turn, end_y), (turn, end_y, end_x, end_y)]


def _touch(one, other):
    return all(
        min(one[axis], one[axis + 2]) <= max(other[axis], other[axis + 2])
        and min(other[axis], other[axis + 2]) <= max(one[axis], one[axis + 2])
        for axis in (0, 1)
    )


def test_the_picture_follows_board_py(tmp_path):
    board = loaded(tmp_path, "rpi_pico", "board.py", '"feedback_closed_level": 0', '"feedback_closed_level": 1')
    assert "water heater: 1 is closed" in draw(board)
    assert set(wiring.stale(board)) == {board.folder / "wiring.svg", board.folder / "README.md"}


def test_the_parts_list_follows_the_manifest(tmp_path):
    board = loaded(tmp_path, "rpi_pico", "manifest.py", '"price_eur": 4.5', '"price_eur": 104.5')
    assert "| Raspberry Pi Pico | 1 | 104.50 | runs the node (RP2040) |" in wiring.tables(board)
    assert "| **together** | | **235.70** | |" in wiring.tables(board)


def test_a_readme_without_its_marks_is_told(tmp_path):
    board = loaded(tmp_path, "rpi_pico", "README.md", wiring.END, "")
    with pytest.raises(BoardError, match="README.md has lost a mark; put this line back: <!-- end -->"):
        wiring.stale(board)
    (board.folder / "README.md").unlink()
    with pytest.raises(BoardError, match="every board explains itself there"):
        wiring.stale(board)


def test_check_writes_nothing_and_a_run_mends_it(tmp_path, monkeypatch, capsys):
    copy = changed(tmp_path, "rpi_pico", "wiring.svg", "</svg>", "<g/></svg>")
    monkeypatch.setattr(boards.load, "__defaults__", (copy,))
    before = (copy / "rpi_pico" / "wiring.svg").read_text()
    assert wiring.main(["rpi_pico", "--check"]) == 1
    assert "wiring.svg: out of date; run python -m tools.wiring" in capsys.readouterr().out
    assert (copy / "rpi_pico" / "wiring.svg").read_text() == before
    assert wiring.main(["rpi_pico"]) == 0
    assert wiring.main(["rpi_pico", "--check"]) == 0


def test_a_board_with_a_mistake_is_not_drawn(tmp_path, monkeypatch, capsys):
    copy = changed(tmp_path, "rpi_pico", "board.py", '"pin": 15', '"pin": 14')
    monkeypatch.setattr(boards.load, "__defaults__", (copy,))
    assert wiring.main(["rpi_pico"]) == 1
    assert "which CONTACTORS[0] (water heater): pin uses already" in capsys.readouterr().err
