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
    short_journals(range(8))


def short_journals(seeds):
    applied = refused = 0
    for seed in seeds:
        counts = hostile.run(seed, 200, hostile.HostPeer(200), 2000, hostile.WILD).check()
        applied += counts["applied"]
        refused += counts["refused"]
    assert applied > len(seeds) * 3 // 4 and refused > len(seeds) // 8
