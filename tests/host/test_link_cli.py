"""`gridnexus link` and /api/link: how nodes are reached, against the real API on a real port."""

import json

import pytest

from host_bridge import cli
from host_bridge.model import Air, AirBand, LinkState, Way
from host_bridge.terminal import NONE
from tests.host.served_bridge import ServedBridge, home

GATEWAY = "air://127.0.0.1:5000"


@pytest.fixture
def bridge(tmp_path, monkeypatch):
    for name in ("GRIDNEXUS_CONFIG", "GRIDNEXUS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    served = ServedBridge(tmp_path, home(), home("home-2", LinkState.STALE))
    cable, far = served.views["home-1"], served.views["home-2"]
    cable.round_trip_ms, cable.clock_error_ms, cable.drift_ppm, cable.loss_ppm = 8.0, 1.25, 12.3, 0
    cable.counters = {"frames": 900, "dropped_crc": 3, "forged": 2, "replayed": 0, "repeats": 1}
    far.way = Way(GATEWAY, True, 2, "home-4", -121, 3, 730.0)
    far.round_trip_ms, far.clock_error_ms, far.loss_ppm = 4_210.0, 350.0, 125_000
    bands = [AirBand(869_400, 869_650, 4_100, 100_000, 0)]
    served.airs = [Air(GATEWAY, "EU868", True, "", False, bands, {"sent": 7, "heard": 30, "refused": 0})]
    yield served.start()
    served.stop()


@pytest.fixture
def ask(bridge, capsys):
    def run(*arguments):
        code = cli.main(["--config", str(bridge.config_file), "link", *arguments])
        return code, *capsys.readouterr()

    return run


def row(out, name):
    return next(line for line in out.splitlines() if line.split()[:1] == [name])


def test_a_node_on_a_cable_shows_what_applies_there(ask):
    code, out, _ = ask()
    assert code == 0
    words = f"home-1 online serial {NONE} {NONE} {NONE} {NONE} 0.0 % 8.0 ms ± 1.2 ms +12 ppm {NONE}"
    assert row(out, "home-1").split() == words.split()
    assert "home-1: packets ignored: forged 2, damaged 3" in out


def test_a_node_behind_a_relay_shows_its_way_and_simulated_lora_is_called_so(ask):
    _, out, _ = ask()
    words = f"home-2 stale radio (simulated) 2 home-4 -121 dBm 3 dB 12.5 % 4.2 s ± 350 ms {NONE} 730 ms"
    assert row(out, "home-2").split() == words.split()


def test_the_airtime_of_a_radio_is_told_with_its_limit(ask, bridge):
    _, out, _ = ask()
    assert "EU868 (simulated), 869.4-869.65 MHz 0.41 % of 10 % spent, may send now" in out
    assert "packets: sent 7, heard 30" in out and "3 packets on the air of nodes that have no key here" in out
    bridge.airs[0].bands = [AirBand(869_400, 869_650, 98_000, 100_000, 61_000)]
    assert "9.80 % of 10 % spent, next send in 1 min" in ask()[1]
    bridge.airs[0].fault = "SX1262 does not answer"
    assert "SX1262 does not answer" in ask()[1]


def test_programs_get_numbers_and_nulls(ask):
    code, out, _ = ask("--json")
    found = json.loads(out)
    cable, far = found["nodes"]
    assert code == 0
    assert (cable["link"], cable["way"], cable["clock_error_ms"], cable["damaged"]) == ("serial", None, 1.25, 3)
    assert cable["refused"] == {"forged": 2} and cable["frames"] == 900
    assert far["link"] == "radio (simulated)" and far["way"]["next_hop"] == "home-4" and far["frames"] is None
    assert found["radios"][0]["bands"][0]["limit_ppm"] == 100_000
    assert found["strangers"] == 3


def test_one_node_alone(ask):
    _, out, _ = ask("--node", "home-2", "--json")
    assert [body["node"] for body in json.loads(out)["nodes"]] == ["home-2"]
    code, _, errors = ask("--node", "nobody")
    assert code != 0 and "no node 'nobody'; known nodes: home-1, home-2" in errors


def test_a_lease_too_short_to_be_renewed_by_radio_is_refused_before_it_is_sent(bridge, capsys):
    view = bridge.views["home-1"]
    view.way = Way(GATEWAY, True, 2, "home-4", -121, 3, 730.0)
    view.least_hold_s, view.answer_within_ms = 96, 60_000
    asked = ["--config", str(bridge.config_file), "relay", "home-1", "heater", "closed", "--hold"]
    assert cli.main([*asked, "95s"]) != 0
    out, _ = capsys.readouterr()
    assert "by radio, over 2 hops, the hold must be at least 96 s now: a renewal may take 60 s" in out
    assert "None is set aside" in out and "not renewed in time opens by itself" in out
    assert not bridge.asked
    assert cli.main([*asked, "96s"]) == 0 and bridge.asked


def test_of_a_node_that_hears_nothing_nothing_can_be_asked(bridge, capsys):
    bridge.views["home-1"].way = Way(GATEWAY, True, 1, "", -121, 3, 730.0, is_one_way=True)
    asked = ["--config", str(bridge.config_file), "relay", "home-1", "heater", "closed", "--hold", "10m"]
    assert cli.main(asked) != 0
    out, _ = capsys.readouterr()
    assert "hears nothing (one way): nothing can be asked of it" in out and not bridge.asked
