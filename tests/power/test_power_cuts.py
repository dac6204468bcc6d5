"""Power cuts of the real node on the emulated RP2040."""

import pytest

from tools import power_cuts

SEED = 4  # another one cuts elsewhere


def test_the_flash_is_made_as_it_was_at_each_operation():
    erased, page = b"\xff" * 4096, bytes(range(256))
    first = b"\x0f" * 8192
    done = power_cuts._Run(None, 1, 0, [], first, [(4096, None), (4096, page), (4352, page)], [], [])
    states = [(operation, state) for operation in range(3) for state in power_cuts.STATES]
    made = dict(zip(states, [flash for _, _, flash in power_cuts.flashes(done, set(states), 1)], strict=True))
    assert made[(0, "before")] == first and made[(0, "after")] == first[:4096] + erased == made[(1, "before")]
    assert made[(1, "after")][4096:4352] == page and made[(2, "after")][4352:4608] == page
    assert made[(2, "after")][4608:] == erased[512:]
    half = made[(0, "half-way")][4096:]
    assert all(byte & 0x0F == 0x0F for byte in half) and 0 < sum(byte >> 4 != 0 for byte in half) < 4096
    assert all(
        a | b == a for a, b in zip(made[(1, "half-way")][4096:4352], page, strict=True)
    )  # programming only clears bits
    assert dict(zip(states, [flash for _, _, flash in power_cuts.flashes(done, set(states), 1)], strict=True)) == made


@pytest.mark.slow
def test_a_sample_of_cuts_leaves_nothing_wrong(record_property):
    found = power_cuts.cuts(60, SEED, lambda words: record_property("told", words))
    assert found.wrong == []
    assert found.made >= 60 and found.unsafe_edges == 0
    assert found.worst_lost_mwh <= power_cuts.LEAST_MWH
