"""`gridnexus plan` and `gridnexus measure` through main(argv), against the real API on a real port."""

import hashlib
import json
from types import SimpleNamespace

import pytest

from host_bridge import cli, measurements, plan
from host_bridge.questions import Aggregate, Document, Harmonics, Stored
from tests.host.served_bridge import BEGIN_MS, ServedBridge, home
from tests.host.test_plan import HEAD

VOLTS = [230_100, 480, 6_900, 120, 1_600, 60, 700, 20, 300]
AMPERES = [5_232, 40, 870, 12, 310, 6, 140, 3, 60]


class Keeper(ServedBridge):
    """Its node keeps what it is given. `reason`: of a refusal; `found`: what it measures."""

    reason = "none"
    wait_ms = 0
    found = Harmonics("none", BEGIN_MS, 31_200, 184_000, VOLTS, AMPERES)

    def __init__(self, *how):
        super().__init__(*how)
        self.kept = Document(0, b"", b"")

    def _remote(self, name):
        return SimpleNamespace(
            view=self.views[name],
            store=self._store,
            fetch=self._fetch,
            measure=self._measure,
            whole_in_ms=lambda channel, span: self.wait_ms,
        )

    async def _store(self, document, body, within_ms):
        self.asked.append((document, body))
        if self.reason == "none":
            self.kept = Document(self.kept.version + 1, hashlib.sha256(body).digest()[:8], body)
        return Stored(self.reason == "none", self.reason, self.kept.version, self.kept.digest)

    async def _fetch(self, document, within_ms):
        self.asked.append(document)
        return self.kept

    async def _measure(self, channel, span, within_ms):
        self.asked.append((channel, span))
        return self.found


@pytest.fixture
def bridge(tmp_path, monkeypatch):
    for name in ("GRIDNEXUS_CONFIG", "GRIDNEXUS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    served = Keeper(tmp_path, home())
    yield served.start()
    served.stop()


@pytest.fixture
def ask(bridge, capsys):
    """Runs a command on the served bridge: (exit code, output, errors)."""

    def run(*arguments):
        code = cli.main(["--config", str(bridge.config_file), *arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(HEAD + '[[row]]\ncontactor = "heater"\nduration = "2h"\n')
    return path


def test_a_plan_is_stored_and_shown(bridge, ask, file):
    code, out, _ = ask("plan", "home-1", "--file", str(file))
    assert code == 0 and "applied: home-1: the plan is kept as version 1, digest " in out
    assert bridge.asked == [(0, bridge.kept.body)] and bridge.kept.digest.hex() in out
    code, out, _ = ask("plan", "home-1")
    assert code == 0 and "heater closed from 2026-11-23 00:00 for 2 h 00 min\nversion 1\n" in out
    assert ask("plan", "home-1", "--show")[1] == out
    said = json.loads(ask("plan", "home-1", "--json")[1])
    assert said["body"] == bridge.kept.body.hex() and said["text"] == out.splitlines()


def test_without_a_plan_it_says_what_the_node_does(ask):
    code, out, _ = ask("plan", "home-1")
    assert code == 0 and out == "no plan: the node goes safe when no host holds a contactor\nnothing was ever stored\n"


def test_a_plan_is_cleared(bridge, ask, file):
    ask("plan", "home-1", "--file", str(file))
    code, _, _ = ask("plan", "home-1", "--clear")
    assert code == 0 and bridge.kept.body == plan.empty()
    assert ask("plan", "home-1")[1] == "no plan: the node goes safe when no host holds a contactor\nversion 2\n"


def test_a_plan_that_is_none_is_not_sent(bridge, ask, file):
    file.write_text(file.read_text().replace("heater", "boiler"))
    code, _, errors = ask("plan", "home-1", "--file", str(file))
    assert code == 2 and "plan.toml: row 1: no contactor 'boiler'; the node has: heater" in errors
    file.write_bytes(b"\xff\xfe")
    assert ask("plan", "home-1", "--file", str(file))[0] == 2
    assert ask("plan", "home-1", "--file", "nowhere.toml")[0] == 1
    assert bridge.asked == []


def test_what_the_node_refuses_is_told_in_words(bridge, ask, file):
    bridge.reason = "flash fault"
    code, out, _ = ask("plan", "home-1", "--file", str(file))
    assert code == 1 and "refused (refused by the node): home-1: the plan stays as it was; " in out
    code, out, _ = ask("plan", "home-1", "--file", str(file), "--json")
    assert code == 1 and json.loads(out)["detail"] == "flash fault"


def test_a_plan_that_the_node_keeps_and_nobody_can_read_is_told(bridge, ask):
    bridge.kept = Document(3, b"", b"\x01")
    code, _, errors = ask("plan", "home-1")
    assert code == 2 and "home-1: the node would refuse it" in errors


def test_an_unknown_node_is_told(ask):
    code, _, errors = ask("plan", "attic")
    assert code == 1 and "known nodes: home-1" in errors


def test_harmonics_are_a_picture_whose_bars_are_the_shares(bridge, ask):
    code, out, _ = ask("measure", "home-1", "grid")
    lines = out.splitlines()
    assert code == 0 and bridge.asked == [(0, None)]
    assert "voltage 3.12 %, current 18.40 %" in lines[0] and "home-1 grid" in lines[0]
    assert lines[2].split() == ["1", "230.10", "V", "100.0", "%", "5.232", "A", "100.0", "%"]
    third = lines[4].split()
    assert third[:5] == ["3", "6.90", "V", "3.0", "%"] and third[5] == "█" * measurements.BAR == third[-1]
    fifth = lines[6].split()
    assert fifth[5].count("█") == 3 and fifth[-1].count("█") == 5
    assert len(lines) == 11 and max(map(len, lines[1:])) <= 80


def test_what_is_hardly_there_fills_no_bar(bridge, ask):
    bridge.found = bridge.found._replace(voltage_mv=[230_000, *[230] * 8], current_ma=[1000, *[0] * 8])
    _, out, _ = ask("measure", "home-1", "grid")
    assert "█▌" in out and "██" not in out  # 0.1 % of 1 %


def test_nothing_to_measure_is_no_picture_of_something(bridge, ask):
    bridge.found = bridge.found._replace(voltage_mv=[0] * 9, current_ma=[0] * 9)
    code, out, _ = ask("measure", "home-1", "grid")
    assert code == 0 and "█" not in out and "0.00 V" in out


def test_an_aggregate_is_told_with_units_and_quality(bridge, ask):
    bridge.found = Aggregate("none", "10 min", BEGIN_MS, 1_204_000, None, 1_204_000, 230_104, 5_232, 49_987, 2)
    code, out, _ = ask("measure", "home-1", "grid", "--span", "10 min")
    assert code == 0 and bridge.asked == [(0, 1)]
    for words in ("mean of 10 min", "1,204.0 W", "230.10 V", "5.232 A", "49.987 Hz", "clipped"):
        assert words in out, words
    assert "reactive" not in out
    assert json.loads(ask("measure", "home-1", "grid", "--span", "10 min", "--json")[1])["active_power_mw"] == 1_204_000


def test_a_span_that_is_not_whole_yet_says_when(bridge, ask):
    bridge.found, bridge.wait_ms = None, 845_000
    code, out, errors = ask("measure", "home-1", "grid", "--span", "10 min")
    assert code == 1 and not out and "home-1 grid: not yet" in errors and "of 10 min in 14 min 05 s" in errors


def test_what_cannot_be_measured_says_why(bridge, ask):
    bridge.found = bridge.found._replace(reason="cannot measure")
    code, _, errors = ask("measure", "home-1", "grid")
    assert code == 1 and "home-1 grid: cannot measure" in errors
    with pytest.raises(SystemExit):
        ask("measure", "home-1", "grid", "--span", "1 h")
