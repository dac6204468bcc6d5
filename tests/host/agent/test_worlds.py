"""The host of worlds: what is let in, what survives a restart, and that the loop is never late for long."""

import asyncio
import functools
import hashlib
import json
from types import SimpleNamespace

import pytest

from host_bridge.agent import worlds
from host_bridge.agent.preparing import WorldError
from host_bridge.agent.worlds import WorldHost
from host_bridge.events import EventLog
from host_bridge.microworld import bundle, spec, tick_log, wasm
from host_bridge.microworld.runtime import WorldFault
from host_bridge.microworld.signing import Signer
from host_bridge.microworld.verify import verify
from tests.host.agent.world_kit import BINDING, NOW_MS, SPEC, Door, home, live

STRANGER = Signer(b"\x05" * 32)


@functools.cache
def parts(text=SPEC, limit=1000):
    """Of a world that the verifier has accepted."""
    found = spec.read(text)
    typed = found.program(parameters={"limit": limit})
    module = wasm.compile(typed)
    case = verify(module, typed)
    assert case.accepted
    return text, {}, {"limit": limit}, module, b"", case.json()


def in_a_loop(test):
    """`test`, a coroutine function, in an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments, **named):
        asyncio.run(test(*arguments, **named))

    return run


class Hosted:
    """A WorldHost with a node and a clock of its own."""

    def __init__(self, folder, trusted=(), reserved=()):
        self.now_ms = 5_000
        self.view = home()
        self.door = Door(self.view)
        self.fleet = SimpleNamespace(views={"home": self.view})
        self.events = EventLog()
        self.folder, self.trusted, self.reserved = folder, trusted, reserved
        self.signer = Signer.of(folder)
        self.host = self.another()

    def another(self):
        given = self.folder, self.fleet, self.door, self.events, self.trusted
        return WorldHost(*given, clock_ms=self.clock, wall_ms=self.wall, reserved=self.reserved)

    def clock(self):
        return self.now_ms

    def wall(self):
        return NOW_MS + self.now_ms

    def file(self, signer=None, limit=1000, text=SPEC, **changes):
        names = ("said", "profile", "parameters", "wasm", "bytecode", "case")
        now = dict(zip(names, parts(text, limit), strict=True)) | changes
        return bundle.build(*now.values(), signer or self.signer)

    async def seconds(self, count, load_w=500, each_ms=1000):
        for _ in range(count):
            self.now_ms += each_ms
            self.view.live[0] = live(load_w, NOW_MS + self.now_ms)
            self.host.advance()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    def kinds(self, *but):
        return [event.kind for event in self.events.recent if event.kind not in but]

    def text(self, kind):
        return [event.text for event in self.events.recent if event.kind == kind]


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


class running:
    """The host's `run` beside the test, until the end of the block."""

    def __init__(self, hosted):
        self.host = hosted.host

    async def __aenter__(self):
        self.task = asyncio.create_task(self.host.run())
        while not (self.host._group or self.task.done()):  # noqa: ASYNC110 (the host tells nobody)
            await asyncio.sleep(0.001)
        return self

    async def __aexit__(self, *_):
        await settle(self.host)
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task


async def settle(host):
    """Until what changed is on disk."""
    if host._unsaved:
        await host._save()


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


# After a restart.


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
