"""The product's nodes and hub in the simulated channel: they join, tell exactly, obey, and survive power cuts."""

import pytest

from tests.bench.radio import Village
from tools.air.audit import Audit


def digest(folder, seed):
    village = Village(folder, seed, [(200, 0), (0, 300)], loss=0.2)
    village.power_on(60)
    village.world.run(hours=2)
    village.close()
    return village.world.channel.log_digest(), village.minutes_percent(1), village.wrong_mwh()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_to_the_last_packet(tmp_path):
    one, two, other = digest(tmp_path / "1", 1), digest(tmp_path / "2", 1), digest(tmp_path / "3", 2)
    assert one == two and one[0] != other[0]
    assert one[1:] == (100, 0)


@pytest.mark.slow
def test_a_command_switches_the_contactor_and_its_lease_ends(tmp_path):
    village = Village(tmp_path, 3, [(200, 0)])
    village.power_on(1)
    village.world.run(seconds=120)
    told = []
    village.bridge.command("home-01", "closed", 30, 60_000, lambda *outcome: told.append(outcome))
    village.world.run(seconds=20)
    (outcome, took_ms), coil = told[0], village.nodes[0].coil
    assert outcome.applied and outcome.state == "closed" and 0 < took_ms < 20_000 and coil.closed
    village.world.run(seconds=30)
    assert not coil.closed
    village.close()


@pytest.mark.slow
def test_a_command_that_nobody_hears_is_not_known_to_have_been_carried_out(tmp_path):
    village = Village(tmp_path, 3, [(200, 0)])
    village.power_on(1)
    village.world.run(seconds=120)
    village.world.channel.cut(village.nodes[0].antenna, village.bridge.antenna)
    told = []
    village.bridge.command("home-01", "closed", 30, 60_000, lambda *outcome: told.append(outcome))
    village.world.run(seconds=100)
    assert [outcome for outcome, _ in told] == [None] and not village.nodes[0].coil.closed
    village.close()


@pytest.mark.slow
def test_a_node_goes_on_after_a_power_cut_with_the_same_journal(tmp_path):
    village = Village(tmp_path, 4, [(200, 0)])
    village.power_on(1)
    village.world.run(hours=1)
    node = village.nodes[0]
    node.power_off()
    village.world.run(seconds=600)
    node.power_on()
    village.world.run(hours=1.5)
    epochs = {epoch for epoch, _ in village.bridge.records[node.name]}
    newest = max(village.readings(node).items())[1]
    assert len(epochs) == 1
    assert newest.energy_import_mwh + newest.energy_export_mwh <= sum(node.true_mwh)
    assert sum(node.true_mwh) - newest.energy_import_mwh - newest.energy_export_mwh < 5_000_000
    village.close()


@pytest.mark.slow
def test_a_jammed_channel_stops_the_nodes_and_they_recover(tmp_path):
    village = Village(tmp_path, 5, [(200, 0), (0, 300)])
    village.power_on(1)
    village.world.run(hours=1)
    jam = village.world.channel.jam(village.bridge.antenna, 869_525, 125, 27)
    village.world.run(hours=1)
    came = {node.name: len(village.readings(node)) for node in village.nodes}
    jam.stop()
    village.world.run(hours=2)
    assert all(len(village.readings(node)) > came[node.name] + 60 for node in village.nodes)
    assert village.wrong_mwh() == 0 and not village.audit.violations
    assert village.minutes_percent(3) == 100
    village.close()


@pytest.mark.slow
def test_a_dead_radio_is_told_of_and_what_was_metered_comes_later(tmp_path):
    village = Village(tmp_path, 6, [(200, 0)])
    village.power_on(1)
    village.world.run(hours=1)
    node = village.nodes[0]
    node.radio.dead = True
    village.world.run(hours=1)
    assert node.link.fault
    node.radio.dead = False
    village.world.run(hours=1.5)
    assert village.minutes_percent(3) == 100 and village.wrong_mwh() == 0
    village.close()


def test_the_audit_watches_the_village(tmp_path):
    village = Village(tmp_path, 7, [(200, 0)])
    assert isinstance(village.audit, Audit)
    village.power_on(1)
    village.world.run(seconds=200)
    assert village.audit.packets >= 3 and 0 < village.audit.fullest < 1
    village.close()
