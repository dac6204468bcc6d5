"""The node's converter driver on the emulated RP2040 when the program is held up for longer than the DMA's ring."""

import contextlib
import itertools

import pytest

from hil import benches, rigs
from hil.bench import Load, Setup, replace_once
from hil.host import Host

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("held_up_ms", [700, 1000])  # two laps of the ring, and three: three inputs do not divide two
def test_samples_lost_while_held_up_are_told_and_make_up_no_energy(tmp_path, held_up_ms):
    stall = f"        feed()\n        if 4000 < now_ms < 4050:\n            __import__('time').sleep_ms({held_up_ms})\n"
    edits = {"gridnode/start.py": replace_once("        feed()\n", stall)}
    setup = Setup(scratch=tmp_path, unit={"interval_s": 1}, load=Load(7_000_000), edits=edits)
    with contextlib.closing(benches.open_bench(rigs.load("rp2040_emulated"), setup)) as bench:
        host = Host(bench)
        bench.power_on()
        host.hello()
        host.run(9000)
        told = [heard.fields for heard in host.told("interval", channel=0)]
        said = bench.console()
    assert "ms of samples were lost" in said and "gridnexus meter: works again" in said
    cut = [fields for fields in told if fields["end_ms"] > 4000 and fields["quality"] & 4]
    assert cut, "the interval with the gap is not marked"
    for before, after in itertools.pairwise(told):
        assert after["end_ms"] - before["end_ms"] == after["duration_ms"]
        most_mwh = 7_000_000 * after["duration_ms"] / 3.6e6 * 1.01
        assert after["energy_import_mwh"] - before["energy_import_mwh"] <= most_mwh
    assert abs(told[-1]["active_power_mw"] / 7_000_000 - 1) < 0.005 and told[-1]["quality"] == 0
    counted = told[-1]["energy_import_mwh"] - told[1]["energy_import_mwh"]
    whole = 7_000_000 * (told[-1]["end_ms"] - told[1]["end_ms"]) / 3.6e6
    assert counted < whole - 7_000_000 * 0.9 * held_up_ms / 3.6e6  # what is missing is not made up
