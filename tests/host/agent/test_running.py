"""A world in charge: what a tick does, how another takes over, and what becomes of those that fail."""

import pytest

from host_bridge.agent import life
from host_bridge.agent.views import view_of
from host_bridge.agent.world import HandOverError
from host_bridge.microworld.tick_log import replay
from host_bridge.model import ContactorReport, LinkState
from tests.host.agent.world_kit import BINDING, GOES_WRONG, NOW_MS, SPEC, Stage, other_spec


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


# What a tick does.


def test_a_world_asks_for_what_its_outputs_say(stage):
    stage.tick(500, count=3)
    assert stage.door.asked == []
    stage.tick(500)
    assert stage.door.asked == [("heater", "closed", 60)]
    assert stage.door.asked_by == f"world shed sha256:{stage.running.world.digest[:12]}"
    assert stage.door.reason == "close: Closes when the load has been small for a while."
    stage.tick(1500)  # one tick's state later
    stage.tick(1500)
    assert stage.door.targets == ["closed", "open"]
    assert stage.outputs == {"close": 0, "spare": 0}
    assert stage.told == []


def test_every_tick_is_logged_and_comes_out_again(stage):
    stage.tick(500, 700, 2000, "silence", 100, count=4)
    ticks = stage.running.log.last(100)
    assert [tick.number for tick in ticks] == list(range(20))
    assert [tick.inputs[0] for tick in ticks[:5]] == [500, 700, 2000, 2000, 100]
    assert replay(ticks, {stage.running.world.digest: stage.running.world.bundle.wasm}) == (20, None)


@pytest.mark.parametrize(
    ("load_w", "kind", "says"),
    [
        (None, "input missing", "load: the meter of home grid does not tell active_power_mw"),
        (6000, "assumption broken", "load is 6000 W, outside 0 .. 5000 W"),
        (4500, "assumption broken", "load < 4000"),
    ],
)
def test_a_tick_that_must_not_be_run_asks_for_nothing_and_is_told_of_once(stage, load_w, kind, says):
    stage.tick(500, count=5)
    state, asked = stage.running.world.state, len(stage.door.asked)
    stage.tick(load_w, count=90)
    assert stage.running.world.state == state
    assert len(stage.door.asked) == asked  # the lease ends by itself, and the node's own plan goes on
    assert stage.kinds == [kind]
    assert says in stage.told[0][1]
    assert "asks for nothing" in stage.told[0][1]
    assert (stage.running.ticks, stage.running.idle_ticks) == (5, 90)
    stage.tick(500)
    assert stage.kinds == [kind, "world runs again"]
    assert stage.door.targets == ["closed", "closed"]


def test_a_stale_node_is_a_missing_input(stage):
    stage.tick(500)
    stage.view.link_state = LinkState.STALE
    stage.tick("silence", count=3)
    stage.view.link_state = LinkState.ONLINE
    stage.tick("silence", count=20)
    assert [text.split(";")[0] for _, text in stage.told] == [
        "shed: load: home is stale",
        "shed: its inputs are as it takes them again",
        "shed: load: home grid is 11 s old",
    ]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("trap", "trap: unreachable"),
        ("fuel", "fuel: it used up its fuel"),
        ("claim", "claim broken: never at once"),
        ("range", "claim broken: range of spare"),
    ],
)
def test_a_world_that_fails_with_none_before_it_is_stopped(tmp_path, name, says):
    stage = Stage(tmp_path, body=GOES_WRONG[name])
    stage.tick(500, count=2)
    assert stage.told == []
    stage.tick(2600)
    assert stage.kinds == ["world fault", "world stopped"]
    assert says in stage.told[0][1]
    assert stage.running.world.phase == life.STOPPED
    assert stage.saved == 1
    stage.tick(500, count=100)
    assert (stage.running.ticks, stage.door.asked, len(stage.told)) == (2, [], 2)


def test_the_tick_that_failed_is_logged_with_its_fault(tmp_path):
    stage = Stage(tmp_path, body=GOES_WRONG["trap"])
    stage.tick(500, 2600)
    ticks = stage.running.log.last(9)
    assert [(tick.inputs, tick.fault) for tick in ticks] == [((500,), ""), ((2600,), "trap")]
    assert replay(ticks, {stage.running.world.digest: stage.running.world.bundle.wasm}) == (2, None)


# Swaps.


def test_a_newcomer_runs_beside_and_takes_over_between_two_ticks(stage):
    stage.tick(500, count=2)
    stage.introduce(shadow=3, probation=4, limit=800)
    old, new = stage.running.world, stage.running.newcomer.world
    stage.tick(500, 900)
    assert stage.running.world is old
    assert (old.state, new.state) == ((4,), (0,))
    stage.tick(500)
    assert stage.running.world is new
    assert stage.running.newcomer is None
    assert old.phase == life.RESTING
    assert new.phase == life.PROBATION
    assert new.state == (5,)  # the old one's, not what its shadow run had come to
    assert stage.kinds == ["world shadow", "world swapped"]
    assert "their outputs agreed in 0 of 3 ticks" in stage.told[1][1]
    stage.tick(500, count=3)
    assert new.phase == life.PROBATION
    stage.tick(500)
    assert new.phase == life.RUNNING
    assert stage.kinds[2:] == ["world proved"]
    assert stage.running.ticks == 9  # none was missed
    assert stage.door.targets == ["closed"]  # and the lease went on


def test_the_log_tells_the_swap_and_the_run_comes_out_again(stage):
    stage.tick(500, count=2)
    stage.introduce(shadow=3, limit=800)
    stage.tick(500, 1900, count=4)
    ticks = stage.running.log.last(100)
    worlds = (stage.running.world, stage.running.former.world)
    assert [tick.number for tick in ticks] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    assert replay(ticks, {world.digest: world.bundle.wasm for world in worlds}) == (10, None)


def test_a_shadow_run_switches_nothing(stage):
    stage.introduce(shadow=50, limit=5000)
    stage.tick(1500, count=40)
    assert stage.running.newcomer.world.outputs_by_name()["close"] == 1
    assert stage.door.asked == []


def test_agreement_is_counted_and_differences_are_shown(stage):
    stage.introduce(shadow=50, limit=800)
    stage.tick(2000, 2000, 900, 2000)
    seen = view_of(stage.running).newcomer
    assert (seen.ran, seen.compared, seen.agreed) == (4, 4, 3)
    assert seen.differences == [{"time_ms": NOW_MS + 3000, "outputs": {"spare": [100, 0]}}]
    assert seen.outputs == {"close": 0, "spare": 0}


@pytest.mark.parametrize("name", GOES_WRONG)
def test_a_newcomer_that_fails_in_its_shadow_run_is_sent_away(stage, name):
    stage.introduce(shadow=30, limit=900, body=GOES_WRONG[name])
    old, new = stage.running.world, stage.running.newcomer.world
    stage.tick(500, 2600, 500)
    assert stage.running.world is old
    assert stage.running.newcomer is None
    assert (new.phase, old.phase) == (life.REFUSED, life.RUNNING)
    assert stage.kinds == ["world shadow", "swap refused"]
    assert stage.running.ticks == 3


@pytest.mark.parametrize("name", GOES_WRONG)
@pytest.mark.parametrize("passed", [False, True])
def test_a_newcomer_that_fails_in_charge_is_rolled_back_on_the_same_tick(stage, name, passed):
    stage.tick(500)
    stage.introduce(shadow=1, probation=2 if passed else 50, limit=900, body=GOES_WRONG[name])
    old, new = stage.running.world, stage.running.newcomer.world
    stage.tick(500, count=5)
    assert stage.running.world is new
    assert new.phase == (life.RUNNING if passed else life.PROBATION)
    stage.tick(2600)
    assert stage.running.world is old
    assert (new.phase, old.phase) == (life.ROLLED_BACK, life.RUNNING)
    assert stage.kinds[-2:] == ["world fault", "world rolled back"]
    assert new.short in stage.told[-1][1]
    assert stage.running.ticks == 7  # the tick was run all the same
    assert (stage.running.log.last(1)[0].state, stage.outputs) == ((2,), {"close": 0, "spare": 0})
    assert stage.running.former is None


def test_after_a_roll_back_there_is_none_to_fall_back_on(tmp_path):
    stage = Stage(tmp_path, body=GOES_WRONG["trap"])
    stage.introduce(shadow=1, limit=900, body=GOES_WRONG["fuel"])
    stage.tick(500)
    stage.tick(2600)
    assert stage.kinds[2:] == ["world fault", "world rolled back", "world fault", "world stopped"]
    assert stage.running.world.phase == life.STOPPED


TIGHT = other_spec(**{"load < 4000 W": "load < 2000 W"})


def test_a_newcomer_whose_assumption_does_not_hold_here_is_rolled_back_while_on_probation(stage):
    stage.introduce(shadow=2, probation=9, text=TIGHT)
    stage.tick(500, 500, 500, 3000)
    assert stage.kinds == ["world shadow", "world swapped", "world fault", "world rolled back"]
    assert "assumption broken: load < 2000" in stage.told[-1][1]
    assert (stage.running.ticks, stage.running.idle_ticks) == (4, 0)


def test_where_the_one_before_could_not_run_either_nothing_is_rolled_back(stage):
    stage.introduce(shadow=2, probation=9, text=TIGHT)
    stage.tick(500, 500, 500, 4500)
    assert stage.kinds == ["world shadow", "world swapped", "assumption broken"]


def test_after_its_probation_a_broken_assumption_is_waited_out(stage):
    stage.introduce(shadow=1, probation=1, text=TIGHT)
    stage.tick(500, 500, 3000, 500)
    assert stage.kinds[2:] == ["world proved", "assumption broken", "world runs again"]


def test_a_newcomer_that_cannot_run_is_sent_away_in_the_end(stage):
    stage.introduce(shadow=2, text=TIGHT)
    stage.tick(3000, count=59)
    assert stage.running.newcomer is not None
    stage.tick(3000)
    assert stage.running.newcomer is None
    assert "it could not run for 60 ticks: assumption broken" in stage.told[-1][1]


def test_a_newcomer_whose_own_input_is_missing_waits(stage):
    text = SPEC.replace("[state]", 'pump = { unit = "on/off", says = "the pump" }\n\n[state]')
    text = text.replace('when = "load > limit"', 'when = "load > limit or pump"')
    bound = {"inputs": {"load": "home.grid.active_power_mw", "pump": "home.pump.closed"}}
    stage.introduce(shadow=2, text=text, binding=bound)
    stage.tick(500, count=5)
    assert stage.running.newcomer.unable == 5
    stage.view.contactor_reports[1] = ContactorReport(1, NOW_MS, "open", "boot", 0, 0)
    stage.tick(500, count=2)
    assert stage.running.newcomer is None
    assert stage.running.world.named()[1] == {"load": 500, "pump": 0}
    stage.view.contactor_reports.clear()
    stage.tick(500)
    assert stage.kinds[-1] == "input missing"


def test_if_the_one_in_charge_fails_its_newcomer_goes_too(tmp_path):
    stage = Stage(tmp_path, body=GOES_WRONG["trap"])
    stage.introduce(shadow=9, limit=900)
    stage.tick(500, 2600)
    assert stage.kinds == ["world shadow", "world fault", "swap refused", "world stopped"]


def test_calling_off_a_swap(stage):
    stage.introduce(shadow=9)
    stage.running.cancel("ann")
    stage.tick(500, count=20)
    assert stage.told[-1][0] == "swap refused"
    assert "called off by ann" in stage.told[-1][1]
    assert stage.running.world.phase == life.RUNNING


# Handing over.

RENAMED = SPEC.replace("calm", "quiet")
NARROW = SPEC.replace('["0 s", "60 s"]', '["0 s", "9 s"]').replace("60 s)", "9 s)")


def test_a_state_is_handed_over_by_name_by_mapping_or_begins_anew(stage):
    stage.tick(500, count=5)
    new = stage.introduce(text=RENAMED)
    assert new.state == (0,)
    stage.running.cancel("ann")
    assert stage.introduce(text=RENAMED, mapping={"quiet": "calm"}).state == (5,)
    stage.running.cancel("ann")
    assert stage.introduce(text=RENAMED, mapping={"quiet": 7}).state == (7,)
    stage.running.cancel("ann")
    assert stage.introduce(limit=500).state == (5,)


def test_a_value_that_the_newcomer_does_not_have_refuses_the_swap(stage):
    stage.tick(500, count=20)
    with pytest.raises(
        HandOverError, match="state calm would be 20 .shed's calm., and the newcomer has it from 0 to 9"
    ):
        stage.introduce(text=NARROW)
    assert stage.running.newcomer is None
    stage.introduce(text=NARROW, mapping={"calm": 9})


def test_a_value_that_has_grown_out_of_its_range_meanwhile_refuses_it_too(stage):
    stage.tick(500, count=8)
    stage.introduce(shadow=3, text=NARROW)
    stage.tick(500, count=3)
    assert stage.kinds == ["world shadow", "swap refused"]
    assert "state calm would be 11" in stage.told[-1][1]
    stage.tick(500)
    assert stage.running.ticks == 12


def test_what_is_watched_begins_anew_with_the_state_that_was_handed_over(stage):
    text = SPEC + '\n[[always]]\nname = "never falls"\nholds = "calm >= before(calm)"\n'
    stage.introduce(shadow=5, probation=3, text=text, mapping={"calm": 0})
    stage.tick(500, count=12)
    assert stage.kinds == ["world shadow", "world swapped", "world proved"]


def test_a_newcomer_with_another_contactor_switches_that_one_and_the_old_ones_lease_ends(stage):
    stage.tick(500, count=5)
    stage.introduce(shadow=2, binding={**BINDING, "outputs": {"close": "home.pump"}})
    stage.tick(500, count=4)
    assert stage.door.asked == [("heater", "closed", 60), ("pump", "closed", 60)]


def test_a_roll_back_hands_the_state_back_by_the_mapping(stage):
    stage.tick(500, count=5)
    stage.introduce(shadow=1, text=RENAMED.replace("load < 4000", "load < 2000"), mapping={"quiet": "calm"})
    stage.tick(500, 500, 2500)
    assert stage.kinds[-1] == "world rolled back"
    ticks = stage.running.log.last(2)
    assert [tick.state for tick in ticks] == [(6,), (7,)]
    assert ticks[1].number == 0


def test_what_the_failed_one_left_out_of_range_begins_anew(stage):
    wrong = "(i32.store (i32.const 16) (i32.const -5)) " + GOES_WRONG["trap"]
    stage.tick(500, count=5)
    stage.introduce(shadow=1, mapping={}, text=RENAMED, body=wrong)
    stage.tick(2600)
    assert stage.kinds[-1] == "swap refused"
    assert "claim broken: range of quiet" in stage.told[-1][1] or "trap" in stage.told[-1][1]


# What people see.


def test_the_view_says_what_runs(stage):
    stage.tick(500, count=4)
    seen = view_of(stage.running)
    assert (seen.name, seen.world, seen.phase, seen.tick_s, seen.ticks) == ("shed", "shed", "running", 1, 4)
    assert (seen.state, seen.inputs, seen.outputs) == ({"calm": 4}, {"load": 500}, {"close": 1, "spare": 500})
    assert seen.units == {"calm": "s", "load": "W", "close": "on/off", "spare": "W"}
    assert seen.contactors == ["home.heater"]
    assert seen.last_ms == NOW_MS + 4000
    assert seen.digest == stage.running.world.digest
    stage.tick(None)
    assert "does not tell" in view_of(stage.running).idle
