"""Every reading arrives once and unaltered, every command is applied at most once, over a line that does all it can."""

import hostile


def test_five_thousand_readings():
    world = hostile.run(2, 5000, hostile.HostPeer(5000), limit_s=5000)
    counts = world.check()
    assert counts["applied"] and counts["refused"]
    assert min(world.up.dropped, world.down.dropped, world.up.flipped, world.up.repeated, world.up.split) > 0
    assert world.host_restarts and world.node_restarts and world.outages
    print(hostile.figures(world))


def test_short_journals_with_a_restart_every_second():
    applied = refused = 0
    for seed in range(30):
        counts = hostile.run(seed, 200, hostile.HostPeer(200), 2000, hostile.WILD).check()
        applied += counts["applied"]
        refused += counts["refused"]
    assert applied > 25 and refused > 5
