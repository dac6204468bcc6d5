"""The host's estimate of a node's clock, against clocks whose truth is known."""

import random

from host_bridge.clock import AGREE, NodeClock
from tests.bench.clocks import BOOT_MS, Crystal, radio_run, serial_run


def test_serial_clock_is_known_to_2_ms_after_2_minutes():
    for seed in range(20):
        for drift_ppm in (50.0, -50.0):
            clock, crystal, bounds, now_ms = serial_run(seed, drift_ppm)
            assert bounds[-1][0] <= 2
            assert abs(clock.drift_ppm - drift_ppm) < 30
            assert abs(clock.host_to_node(now_ms)[0] - crystal.shows(now_ms)) <= 2


def test_radio_clock_is_known_to_500_ms():
    for seed in range(40):
        _, _, bounds, _ = radio_run(seed)
        assert bounds[-1][0] <= 500


def test_the_error_told_is_a_bound():
    for seed in range(20):
        for run in (serial_run(seed), radio_run(seed), radio_run(seed, -90.0, 40, 300_000)):
            for error, bound in run[2]:
                assert error <= bound + 0.01


def test_the_bound_grows_away_from_what_was_measured():
    clock, crystal, _, now_ms = serial_run(3)
    hour_later = crystal.shows(now_ms + 3_600_000)
    told, bound = clock.node_to_host(hour_later)
    assert clock.node_to_host(crystal.shows(now_ms))[1] + 7 < bound
    assert abs(told - crystal.host(hour_later)) <= bound


def test_one_sample_that_contradicts_is_quarantined():
    clock, crystal, _, now_ms = serial_run(1)
    before = clock.node_to_host(crystal.shows(now_ms))
    assert clock.sample(now_ms, now_ms + 10, crystal.shows(now_ms) + 5000) == "quarantined"
    assert clock.node_to_host(crystal.shows(now_ms)) == before
    assert clock.sample(now_ms, now_ms + 10, crystal.shows(now_ms + 5)) == ""
    assert clock.jumps == 0


def test_a_jump_is_believed_when_several_agree():
    clock, crystal, _, now_ms = serial_run(1)
    crystal.shown_ms += 7000.0
    verdicts = []
    for _ in range(AGREE + 1):
        now_ms += 1000
        verdicts.append(clock.sample(now_ms, now_ms + 10, crystal.shows(now_ms + 5)))
    assert verdicts == ["quarantined"] * (AGREE - 1) + ["jumped", ""]
    assert clock.jumps == 1 and abs(clock.jump_ms - 7000) < 10
    assert abs(clock.node_to_host(crystal.shows(now_ms))[0] - now_ms) < 10


def test_contradictions_that_disagree_with_each_other_are_never_believed():
    clock, crystal, _, now_ms = serial_run(1)
    for step in range(10):
        now_ms += 1000
        shown_ms = crystal.shows(now_ms + 5) + (step + 1) * 3000
        assert clock.sample(now_ms, now_ms + 10, shown_ms) == "quarantined"
    assert abs(clock.node_to_host(crystal.shows(now_ms))[0] - now_ms) < 3


def test_an_agreeing_sample_between_clears_the_quarantine():
    clock, crystal, _, now_ms = serial_run(1)
    for _ in range(5):
        now_ms += 1000
        for _ in range(AGREE - 1):
            assert clock.sample(now_ms, now_ms + 10, crystal.shows(now_ms) + 5000) == "quarantined"
        assert clock.sample(now_ms, now_ms + 10, crystal.shows(now_ms + 5)) == ""


def test_an_answer_before_its_question_is_dropped():
    clock, crystal, _, now_ms = serial_run(1)
    before = clock.node_to_host(0)
    assert clock.sample(now_ms, now_ms - 20, crystal.shows(now_ms)) == "dropped"
    assert clock.sample(now_ms, now_ms + 300, crystal.shows(now_ms), 200, 200) == "dropped"
    assert clock.node_to_host(0) == before


def test_what_comes_unasked_bounds_one_side_until_a_round_trip():
    clock, crystal = NodeClock(), Crystal(0.0)
    clock.heard(BOOT_MS + 9000, 1000.0, 300)  # 7.7 s in queues
    assert not clock.is_known
    assert clock.node_to_host(1000)[0] == BOOT_MS + 8700
    clock.heard(BOOT_MS + 12_500, 12_000.0, 300)  # 0.2 s
    clock.heard(BOOT_MS + 21_000, 18_000.0, 300)  # 2.7 s: says nothing new
    told, bound = clock.node_to_host(18_000)
    assert abs(told - (BOOT_MS + 18_200)) < 2 and bound >= 60_000
    clock.sample(BOOT_MS + 20_000, BOOT_MS + 20_100, crystal.shows(BOOT_MS + 20_050))
    assert clock.is_known and clock.node_to_host(20_050)[1] <= 51


def test_a_changed_drift_is_followed():
    clock, crystal, _, now_ms = serial_run(5, 60.0)
    turned = Crystal(-20.0)
    turned.shown_ms = crystal.shows(now_ms) - turned.shows(now_ms)
    rng = random.Random(5)
    for _ in range(200):
        now_ms += 1000
        arrived_ms = now_ms + rng.uniform(1, 10)
        clock.sample(now_ms, arrived_ms + rng.uniform(1, 30), int(turned.shows(arrived_ms)))
    assert abs(clock.node_to_host(turned.shows(now_ms))[0] - now_ms) <= 3
    assert clock.jumps == 0


def test_a_new_boot_begins_anew():
    clock, _, _, now_ms = serial_run(2)
    clock.begin(now_ms, 77.0)
    assert not clock.is_known and clock.drift_ppm == 0
    assert clock.node_to_host(77.0)[0] == now_ms
    assert clock.sample(now_ms + 50, now_ms + 60, 100.0) == ""
