"""Long runs over radio in virtual time: a day of each loss, a day without downlink, a week cut off."""

import pytest
from radio_pipe import DAY, MINUTE, World

HOUR = 60 * MINUTE


@pytest.mark.slow
@pytest.mark.parametrize("loss", [0, 100, 200, 400, 600])
def test_a_day_of_loss_both_ways_is_complete_an_hour_later(loss):
    world = World(seed=loss + 1, loss_up=loss, loss_down=loss, repeats=50, step_ms=2000)
    world.run(DAY)
    known = world.journal.next // 15 * 15
    missing = len(world.missing(0, known))
    assert missing <= (15 if loss <= 200 else 60)
    world.run(HOUR if loss <= 400 else 4 * HOUR)
    assert not world.missing(0, known) and not world.twice
    world.check_records()


@pytest.mark.slow
def test_a_day_without_downlink_is_known_by_parity():
    shares, later = [], []
    for seed in range(1, 6):
        world = World(seed=seed, loss_up=400, loss_down=1000, lone=True, step_ms=2000)
        world.run(DAY)
        known = world.journal.next // 15 * 15
        shares.append(1 - len(world.missing(0, known)) / known)
        world.run(HOUR)
        later.append(1 - len(world.missing(0, known)) / known)
        assert not world.twice
        world.check_records()
    assert sum(shares) / len(shares) >= 0.98 and sum(later) / len(later) >= 0.995, (shares, later)


@pytest.mark.slow
def test_a_week_cut_off_comes_back_whole_and_the_newest_first():
    world = World(seed=6, step_ms=4000)
    world.run(6 * HOUR)
    world.loss_up = world.loss_down = 1000
    world.run(7 * DAY)
    cut = world.journal.next // 15 * 15
    world.loss_up = world.loss_down = 300
    world.run(HOUR)
    assert len(world.missing(0, cut)) > 5000 and max(world.store) >= cut
    world.run(11 * HOUR)
    assert not world.missing(0, cut) and not world.twice
    world.check_records()


@pytest.mark.slow
def test_a_week_of_which_the_node_has_lost_a_part():
    world = World(seed=7, step_ms=4000)
    world.run(6 * HOUR)
    world.loss_up = world.loss_down = 1000
    world.run(5 * DAY)
    cut = world.journal.next
    world.journal.oldest = 5007
    world.loss_up = world.loss_down = 200
    world.run(8 * HOUR)
    assert world.floors and not world.missing(5007, cut) and world.host.receiver.next_sequence > cut


@pytest.mark.slow
def test_reboots_at_any_time_lose_nothing():
    world = World(seed=8, loss_up=300, loss_down=300, repeats=100, step_ms=2000)
    for _ in range(10):
        world.run(world.chance.bits(20) % (5 * HOUR))
        (world.start_node if world.chance.bits(1) else world.start_host)()
    known = world.journal.next
    world.run(4 * HOUR)
    assert not world.missing(0, known) and not world.twice
    world.check_records()
