"""The host of worlds: what is let in, what survives a restart, and that the loop is never late for long."""

import asyncio
import hashlib
import json

import pytest

from host_bridge.agent import worlds
from host_bridge.agent.preparing import WorldError
from host_bridge.microworld import tick_log
from tests.host.agent.hosted_kit import STRANGER, Hosted, in_a_loop, parts, running
from tests.host.agent.world_kit import BINDING, SPEC, live


@pytest.fixture
def hosted(tmp_path):
    return Hosted(tmp_path / "worlds")


@in_a_loop
async def test_what_is_installed_runs_and_asks(hosted):
    seen = await hosted.host.install(hosted.file(), BINDING, "ann")
    assert (seen.name, seen.phase, seen.signed_by) == ("shed", "running", hosted.signer.public)
    await hosted.seconds(5)
    seen = hosted.host.view("shed")
    assert (seen.ticks, seen.missed, seen.outputs) == (5, 0, {"close": 1, "spare": 500})
    assert [tick.number for tick in hosted.host.ticks("shed", 2)] == [3, 4]
    assert hosted.host.views() == [seen]
    assert json.loads(hosted.host.bundle("shed").case)["accepted"] is True
    assert hosted.kinds() == ["world installed"]
    assert "asked by ann" in hosted.text("world installed")[0]


def lying_case(**fields):
    return json.dumps(json.loads(parts()[5]) | fields)


def refuted():
    verdicts = json.loads(parts()[5])["verdicts"]
    verdicts[-1] |= {"outcome": "refuted"}
    return lying_case(verdicts=verdicts, accepted=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"signer": STRANGER}, f"signed by {STRANGER.public}, which is not trusted here"),
        ({"case": "{}"}, "assurance case cannot be read"),
        ({"case": refuted()}, "has not accepted this world .never at once: refuted."),
        ({"case": lying_case(verdicts=[])}, "has not accepted"),
        ({"case": lying_case(digest="00" * 32)}, "case is of other bytes"),
        ({"wasm": b"\0asm\1\0\0\0"}, "case is of other bytes"),
        ({"parameters": {"limit": 999}}, "case is of another program"),
        ({"parameters": {"limit": 9999}}, "limit"),
        ({"said": "[world]"}, "has no name"),
        ({"profile": {"nobody": "x"}}, "nobody"),
    ],
)
@in_a_loop
async def test_what_is_not_vouched_for_is_not_let_in(hosted, change, says):
    with pytest.raises(WorldError, match=says):
        await hosted.host.install(hosted.file(**change), BINDING, "ann")
    assert hosted.host.views() == []
    assert not list(hosted.folder.glob("*.world"))


@in_a_loop
async def test_bytes_that_cannot_be_followed_are_not_compiled_even_if_signed(hosted):
    wrong = b"\0asm\1\0\0\0\x01\x01\x00"
    case = lying_case(digest=hashlib.sha256(wrong).hexdigest())
    with pytest.raises(WorldError, match="something that cannot be followed"):
        await hosted.host.install(hosted.file(wasm=wrong, case=case), BINDING, "ann")


@in_a_loop
async def test_a_file_that_was_changed_is_refused(hosted):
    content = hosted.file()
    for at in range(20, len(content), len(content) // 12):
        with pytest.raises(WorldError):
            await hosted.host.install(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], BINDING, "ann")


@in_a_loop
async def test_a_trusted_key_of_the_configuration_is_taken(tmp_path):
    hosted = Hosted(tmp_path, [STRANGER.public])
    seen = await hosted.host.install(hosted.file(STRANGER), BINDING, "ann")
    assert seen.signed_by == STRANGER.public


@in_a_loop
async def test_what_cannot_be_bound_is_refused(hosted):
    for binding, says in (
        ({}, "input load is not bound"),
        ({"inputs": {"load": "away.grid.active_power_mw"}}, "no node is called away"),
        ({**BINDING, "outputs": {"close": "home.boiler"}}, "home has no contactor boiler"),
    ):
        with pytest.raises(WorldError, match=says):
            await hosted.host.install(hosted.file(), binding, "ann")


@in_a_loop
async def test_two_worlds_never_switch_one_contactor(hosted):
    await hosted.host.install(hosted.file(), BINDING, "ann")
    with pytest.raises(WorldError, match="shed is installed already"):
        await hosted.host.install(hosted.file(), BINDING, "ann")
    with pytest.raises(WorldError, match="home.heater is switched by world shed already"):
        await hosted.host.install(hosted.file(), BINDING, "ann", name="second")
    await hosted.host.install(hosted.file(), {**BINDING, "outputs": {}}, "ann", name="second")
    with pytest.raises(WorldError, match="home.heater is switched by world shed already"):
        await hosted.host.swap("second", hosted.file(limit=900), binding=BINDING)
    assert [view.name for view in hosted.host.views()] == ["second", "shed"]


@in_a_loop
async def test_a_contactor_of_the_energy_agent_is_no_world_s(tmp_path):
    hosted = Hosted(tmp_path / "worlds", reserved={("home", "heater")})
    with pytest.raises(WorldError, match="heater of home is the energy agent's"):
        await hosted.host.install(hosted.file(), BINDING, "ann")
    await hosted.host.install(hosted.file(), {**BINDING, "outputs": {}}, "ann")


@pytest.mark.parametrize("name", ["..", "a/b", "x" * 41, "kitchen heater", "é"])
@in_a_loop
async def test_a_name_is_one_that_a_file_can_have(hosted, name):
    with pytest.raises(WorldError, match="letters, digits"):
        await hosted.host.install(hosted.file(), BINDING, "ann", name=name)


@in_a_loop
async def test_a_swap_from_its_shadow_run_to_its_end(hosted):
    await hosted.host.install(hosted.file(), BINDING, "ann")
    await hosted.seconds(5)
    seen = await hosted.host.swap("shed", hosted.file(limit=800), shadow_ticks=3, probation_ticks=2, asked_by="bob")
    assert (seen.newcomer.shadow_ticks, seen.newcomer.ran, seen.newcomer.asked_by) == (3, 0, "bob")
    with pytest.raises(WorldError, match="a swap of shed is under way"):
        await hosted.host.swap("shed", hosted.file(limit=700))
    await hosted.seconds(3)
    seen = hosted.host.view("shed")
    assert (seen.phase, seen.parameters, seen.newcomer, seen.ticks) == ("probation", {"limit": 800}, None, 8)
    with pytest.raises(WorldError, match="in its probation for 2 ticks more"):
        await hosted.host.swap("shed", hosted.file(limit=700))
    await hosted.seconds(2)
    assert hosted.kinds() == ["world installed", "world shadow", "world swapped", "world proved"]
    assert hosted.host.view("shed").missed == 0


@in_a_loop
async def test_what_a_swap_refuses(hosted):
    with pytest.raises(WorldError, match="no world is called shed; installed: none"):
        await hosted.host.swap("shed", hosted.file())
    await hosted.host.install(hosted.file(), BINDING, "ann")
    with pytest.raises(WorldError, match="1 to 86400 ticks, not 0"):
        await hosted.host.swap("shed", hosted.file(), shadow_ticks=0)
    with pytest.raises(WorldError, match="not trusted"):
        await hosted.host.swap("shed", hosted.file(STRANGER))
    with pytest.raises(WorldError, match="shed has no state quiet; it has: calm"):
        await hosted.host.swap("shed", hosted.file(limit=800), {"quiet": "calm"})
    with pytest.raises(WorldError, match="shed has no state quiet; it has: calm"):
        await hosted.host.swap("shed", hosted.file(limit=800), {"calm": "quiet"})
    with pytest.raises(WorldError, match="calm would be 99"):
        await hosted.host.swap("shed", hosted.file(limit=800), {"calm": 99})
    slow = SPEC.replace('tick = "1 s"', 'tick = "2 s"').replace("calm >= 3 s", "calm >= 4 s")
    with pytest.raises(WorldError, match="ticks every 1 s"):
        await hosted.host.swap("shed", hosted.file(text=slow))
    assert hosted.host.view("shed").newcomer is None


@in_a_loop
async def test_calling_off_and_removing(hosted):
    await hosted.host.install(hosted.file(), BINDING, "ann")
    with pytest.raises(WorldError, match="no swap of shed is under way"):
        await hosted.host.cancel("shed", "ann")
    await hosted.host.swap("shed", hosted.file(limit=800))
    assert (await hosted.host.cancel("shed", "ann")).newcomer is None
    await hosted.host.remove("shed", "ann")
    assert hosted.host.views() == []
    assert not list(hosted.folder.glob("*.world"))
    with pytest.raises(WorldError, match="no world is called shed"):
        await hosted.host.remove("shed", "ann")
    await hosted.seconds(3)


@in_a_loop
async def test_removal_gives_the_contactor_back_and_keeps_the_ticks(hosted):
    async with running(hosted):
        await hosted.host.install(hosted.file(), BINDING, "ann")
        await hosted.seconds(6)
        await hosted.host.remove("shed", "ann")
    assert hosted.door.targets == ["closed", "open"]
    assert len(list(tick_log.read(hosted.folder / "ticks" / "shed"))) == 6


# The one task.


@in_a_loop
async def test_it_ticks_by_itself_when_a_tick_is_due(tmp_path, monkeypatch):
    hosted = Hosted(tmp_path)

    async def sleep(_event, seconds):
        assert seconds <= (1.0 if hosted.host.views() else 60.0)
        hosted.now_ms += round(1000 * seconds)
        hosted.view.live[0] = live(500, hosted.wall())
        await asyncio.sleep(0.001)

    monkeypatch.setattr(worlds, "_set_within", sleep)
    async with running(hosted) as ran:
        await hosted.host.install(hosted.file(), BINDING, "ann")
        while hosted.host.view("shed").ticks < 8 and not ran.task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        assert hosted.host.view("shed").missed == 0
    ticks = list(tick_log.read(tmp_path / "ticks" / "shed"))
    assert [tick.number for tick in ticks] == list(range(len(ticks)))
    assert len(ticks) >= 8
    assert "closed" in hosted.door.targets


@in_a_loop
async def test_late_ticks_are_missed_and_counted_never_made_up_for(hosted):
    await hosted.host.install(hosted.file(), BINDING, "ann")
    await hosted.seconds(3)
    await hosted.seconds(1, each_ms=3_900)  # due 1 s after; the 2 s and 3 s ones are gone
    assert (hosted.host.view("shed").ticks, hosted.host.view("shed").missed) == (4, 2)
    await hosted.seconds(1, each_ms=100)
    assert (hosted.host.view("shed").ticks, hosted.host.view("shed").missed) == (5, 2)


@in_a_loop
async def test_worlds_tick_each_in_its_own_time(hosted):
    slow = SPEC.replace('tick = "1 s"', 'tick = "2 s"').replace("calm >= 3 s", "calm >= 4 s")
    await hosted.host.install(hosted.file(), BINDING, "ann")
    await hosted.host.install(hosted.file(text=slow), {**BINDING, "outputs": {}}, "ann", name="slow")
    await hosted.seconds(8)
    assert [view.ticks for view in hosted.host.views()] == [8, 4]
