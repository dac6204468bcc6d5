"""`gridnexus energy ...`: what is set and what is not, exit codes, and what completion offers."""

import json

import pytest

from host_bridge import cli
from host_bridge.client import BridgeDown
from host_bridge.energy_commands import actions

PROPOSAL = {"document": {"kind": "never", "device": "battery"}, "words": "The battery is never switched.",
            "alternatives": []}  # fmt: skip


class Fake:
    """A bridge that notes what it is asked to set."""

    def __init__(self, proposal=PROPOSAL):
        self.proposal, self.set, self.forgotten = proposal, [], []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def energy(self, home="", part="", **params):
        if part == "preferences":
            return [{"number": 3, "words": "The car is full by 07:00."}]
        return {"homes": [{"name": "h1"}, {"name": "h2"}]}

    def prefer(self, home, wish):
        if "document" not in wish:
            return self.proposal
        self.set.append((home, wish))
        return {"number": 4, "words": self.proposal["words"]}

    def forget_preference(self, home, number):
        self.forgotten.append((home, number))
        return {"forgotten": number}


@pytest.fixture
def bridge(monkeypatch):
    fake = Fake()
    monkeypatch.setattr(actions, "_bridge", lambda args, timeout_s=20: fake)
    return fake


def test_a_sentence_is_set_only_after_a_yes(bridge, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    for said, code, count in (("n", 1, 0), ("", 1, 0), ("y", 0, 1)):
        monkeypatch.setattr("builtins.input", lambda prompt, said=said: said)
        assert cli.main(["energy", "prefer", "h1", "never switch the battery"]) == code
        assert len(bridge.set) == count
    assert bridge.set == [("h1", {"document": PROPOSAL["document"], "sentence": "never switch the battery"})]
    assert "number 4" in capsys.readouterr().out


def test_a_script_has_to_say_yes_beforehand(bridge, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert cli.main(["energy", "prefer", "h1", "never switch the battery"]) == 2 and not bridge.set
    assert "--yes" in capsys.readouterr().err
    assert cli.main(["energy", "prefer", "h1", "never switch the battery", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["number"] == 4 and len(bridge.set) == 1


def test_what_is_not_understood_is_not_set_even_with_yes(bridge, capsys):
    bridge.proposal = {"document": None, "words": "There is no sauna here.", "alternatives": []}
    assert cli.main(["energy", "prefer", "h1", "sauna at eight", "--yes"]) == 1 and not bridge.set
    assert "no sauna" in capsys.readouterr().out


def test_what_holds_is_listed_and_taken_back(bridge, capsys):
    assert cli.main(["energy", "prefer", "h1", "--list"]) == 0
    assert "3  The car is full by 07:00." in capsys.readouterr().out
    assert cli.main(["energy", "prefer", "h1", "--forget", "3"]) == 0 and bridge.forgotten == [("h1", 3)]


def test_homes_are_completed_and_a_bridge_that_is_down_completes_to_nothing(bridge, monkeypatch):
    assert actions.home_names(None) == ["h1", "h2"]

    def down(args, timeout_s=20):
        raise BridgeDown("no bridge is running")

    monkeypatch.setattr(actions, "_bridge", down)
    assert actions.home_names(None) == []
    assert cli.main(["energy", "status"]) == 3
