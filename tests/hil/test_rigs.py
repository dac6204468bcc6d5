"""Rigs as literals: they are read, and a wrong one names its file and key."""

import pytest

from hil import rigs
from tools import boards


def test_the_rigs_that_were_asked_for_are_there():
    wanted = {"unix64", "unix32", "rp2040_emulated", "rp2040w_emulated", "esp32_virtual", "pi_native", "serial"}
    assert wanted <= set(rigs.names())


@pytest.mark.parametrize("name", rigs.names())
def test_each_rig_loads_and_its_board_is_there(name):
    rig = rigs.load(name)
    assert rig.board in boards.names()
    assert rig.parts is None or rig.parts in boards.names()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("CLOCK", '"sundial"'), "CLOCK"),
        (("LACKS", '{"wings": "it does not fly"}'), "wings"),
        (("NAME", '"other"'), "NAME"),
        (("LIMITS", "[]"), "LIMITS"),
        (("WHAT", "open('/etc/passwd')"), "only literals"),
    ],
)
def test_a_wrong_rig_is_refused(tmp_path, monkeypatch, change, words):
    lines = (rigs.FOLDER / "serial.py").read_text()
    key, value = change
    (tmp_path / "serial.py").write_text(lines + f"\n{key} = {value}\n")
    monkeypatch.setattr(rigs, "FOLDER", tmp_path)
    with pytest.raises(rigs.RigError, match=words) as refused:
        rigs.load("serial")
    assert "serial.py" in str(refused.value)


def test_a_rig_that_is_not_there_names_those_that_are():
    with pytest.raises(rigs.RigError, match="rp2040_emulated"):
        rigs.load("z80")
