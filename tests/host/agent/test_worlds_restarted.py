"""The host of worlds after a restart: what ran runs again, what is damaged keeps no other from it."""

import pytest

from host_bridge.agent.preparing import WorldError
from host_bridge.events import EventLog
from host_bridge.microworld.runtime import WorldFault
from tests.host.agent.hosted_kit import STRANGER, Hosted, in_a_loop, settle
from tests.host.agent.world_kit import BINDING, SPEC


@pytest.fixture
def hosted(tmp_path):
    return Hosted(tmp_path / "worlds")


async def restarted(hosted):
    hosted.events = EventLog()
    hosted.host = hosted.another()
    await hosted.host._restore()


@in_a_loop
async def test_what_was_installed_runs_again(hosted):
    await hosted.host.install(hosted.file(), BINDING, "ann")
    await hosted.seconds(6)
    hosted.fleet.views.clear()  # no node has spoken yet
    await restarted(hosted)
    hosted.fleet.views["home"] = hosted.view
    await hosted.seconds(2)
    seen = hosted.host.view("shed")
    assert (seen.phase, seen.ticks, seen.state) == ("running", 2, {"calm": 2})  # from its start
    assert hosted.kinds() == []


@in_a_loop
async def test_a_probation_goes_on_and_can_still_be_rolled_back(hosted):
    await hosted.host.install(hosted.file(), BINDING, "ann")
    await hosted.host.swap("shed", hosted.file(text=SPEC.replace("4000 W", "2000 W")), {}, 1, 30, "bob")
    await hosted.seconds(3)
    await settle(hosted.host)
    await restarted(hosted)
    assert (hosted.host.view("shed").phase, hosted.host.view("shed").probation_left) == ("probation", 28)
    await hosted.seconds(1, load_w=3000)
    assert hosted.kinds() == ["world fault", "world rolled back"]
    assert hosted.host.view("shed").phase == "running"
    await settle(hosted.host)
    await restarted(hosted)
    assert hosted.host.view("shed").previous == ""
    assert len(list(hosted.folder.glob("*.world"))) == 1


@in_a_loop
async def test_a_swap_that_was_under_way_is_forgotten_and_its_file_goes(hosted):
    await hosted.host.install(hosted.file(), BINDING, "ann")
    await hosted.host.swap("shed", hosted.file(limit=800), shadow_ticks=50)
    await restarted(hosted)
    assert hosted.host.view("shed").newcomer is None
    await hosted.host.install(hosted.file(), {**BINDING, "outputs": {}}, "ann", name="second")
    assert len(list(hosted.folder.glob("*.world"))) == 1


@in_a_loop
async def test_a_world_whose_file_is_damaged_keeps_no_other_from_running(hosted):
    await hosted.host.install(hosted.file(), BINDING, "ann")
    await hosted.host.install(hosted.file(limit=800), {**BINDING, "outputs": {}}, "ann", name="second")
    digest = hosted.host.bundle("shed").file
    (hosted.folder / f"{digest}.world").write_bytes(b"junk")
    await restarted(hosted)
    assert [view.name for view in hosted.host.views()] == ["second"]
    assert "shed is not started:" in hosted.text("world fault")[0]
    assert "is damaged: install the world again" in hosted.text("world fault")[0]
    await hosted.host.install(hosted.file(), BINDING, "ann")
    await restarted(hosted)
    assert [view.name for view in hosted.host.views()] == ["second", "shed"]


@in_a_loop
async def test_one_that_cannot_be_started_can_be_removed(hosted):
    await hosted.host.install(hosted.file(), BINDING, "ann")
    (hosted.folder / f"{hosted.host.bundle('shed').file}.world").unlink()
    await restarted(hosted)
    assert hosted.kinds() == ["world fault"]
    await hosted.host.remove("shed", "ann")
    await restarted(hosted)
    assert hosted.kinds() == []


@in_a_loop
async def test_one_that_was_stopped_stays_so_over_a_restart(hosted):
    await hosted.host.install(hosted.file(), BINDING, "ann")
    world = hosted.host._worlds["shed"].world
    world._instance.fault = WorldFault("trap", "unreachable")
    await hosted.seconds(1)
    assert hosted.kinds() == ["world installed", "world fault", "world stopped"]
    await settle(hosted.host)
    await restarted(hosted)
    await hosted.seconds(3)
    seen = hosted.host.view("shed")
    assert (seen.phase, seen.fault, seen.ticks) == ("stopped", "trap: unreachable", 0)
    assert hosted.kinds() == []
    with pytest.raises(WorldError, match="shed is stopped: remove it"):
        await hosted.host.swap("shed", hosted.file(limit=800))


@in_a_loop
async def test_a_key_that_is_no_longer_trusted_stops_its_worlds_at_the_next_start(tmp_path):
    hosted = Hosted(tmp_path, [STRANGER.public])
    await hosted.host.install(hosted.file(STRANGER), BINDING, "ann")
    hosted.trusted = []
    await restarted(hosted)
    assert hosted.host.views() == []
    assert "not trusted here" in hosted.text("world fault")[0]


@pytest.mark.parametrize("damage", ["", "{", '{"worlds": 5}', '{"worlds": [{"name": 5}]}', "[" * 100_000])
@in_a_loop
async def test_a_damaged_list_is_put_aside_and_told_of(hosted, damage):
    await hosted.host.install(hosted.file(), BINDING, "ann")
    (hosted.folder / "installed.json").write_text(damage)
    await restarted(hosted)
    assert hosted.host.views() == []
    assert "install them again" in hosted.text("worlds")[0]
    assert (hosted.folder / "installed.damaged").exists()
    await restarted(hosted)
    assert hosted.kinds() == []


@in_a_loop
async def test_a_disk_that_cannot_be_written_is_told_of(hosted, monkeypatch):
    def full(_entries):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hosted.host._kept._installed, "save", full)
    await hosted.host.install(hosted.file(), BINDING, "ann")
    assert "No space left on device" in hosted.text("worlds")[0]
    await hosted.seconds(2)
    assert hosted.host.view("shed").ticks == 2
