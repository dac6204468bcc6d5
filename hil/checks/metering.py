"""What the node reports against what truly flows."""

import re
from collections.abc import Mapping
from itertools import pairwise

from hil.bench import Bench, Load
from hil.checks import Maker
from hil.figures import Notebook
from hil.host import Heard, Host

SETTLED_MS = 1500  # of node time: from here on nothing of the start is in an interval
ROUNDED_MWH = 20  # an interval's duration is told in whole ms, and a small load scaled up is tens of kW


def metering(make: Maker, notes: Notebook, load: Load, seconds: int = 6) -> None:
    """What the node reports of a steady load, against what is truly injected: each window, and the registers."""
    with make(unit={"interval_s": 1}, load=load) as bench:
        host = Host(bench)
        bench.power_on()
        host.hello()
        host.run(2500)  # the first window begins anywhere, the meter's offset is still unknown
        host.run(seconds * 1000)
        told = host.told("interval", channel=0)
        settled = [heard for heard in told if heard.fields["end_ms"] - heard.fields["duration_ms"] > SETTLED_MS]
        assert len(settled) >= seconds - 1, f"{len(settled)} intervals in {seconds} s"
        for heard in settled:
            _compare(bench, heard, notes)
        _energy(bench, settled, load, notes)
        span_ms = settled[-1].fields["end_ms"] - settled[0].fields["end_ms"]
        lag_ms = host.node_ms() - settled[-1].fields["end_ms"]
        assert lag_ms < 1600, f"the meter is {lag_ms:.0f} ms behind the node's clock after {span_ms} ms"


_ERRORS = (
    ("voltage_error_percent", "voltage_rms_mv"),
    ("current_error_percent", "current_rms_ma"),
    ("power_error_percent", "active_power_mw"),
)


def _compare(bench: Bench, heard: Heard, notes: Notebook) -> None:
    fields = heard.fields
    assert fields["quality"] == 0, f"quality {fields['quality']} of a clean load: {fields}"
    true = bench.truth(fields["end_ms"] - fields["duration_ms"] / 2)
    for name, field in _ERRORS:
        expected = getattr(true, field)
        notes.hold(name, abs(fields[field] / expected - 1) * 100, "worst interval of 1 s, at steady loads")
    off_mhz = abs(fields["frequency_mhz"] - true.frequency_mhz)
    notes.hold("frequency_error_mhz", off_mhz, "worst interval of 1 s, at steady loads")


def _energy(bench: Bench, settled: list[Heard], load: Load, notes: Notebook) -> None:
    first, last = settled[0].fields, settled[-1].fields
    counted_mwh = last["energy_import_mwh"] - first["energy_import_mwh"]
    true_mwh = load.active_mw * (last["end_ms"] - first["end_ms"]) / 3.6e6
    notes.hold("energy_error_percent", abs(counted_mwh / true_mwh - 1) * 100, "registers over steady loads")
    assert last["energy_export_mwh"] == first["energy_export_mwh"], "energy went out of a load"


def registers_exact(make: Maker, notes: Notebook) -> None:
    """With registers beyond 2^24 mWh a small load still counts in full: what no float of 32 bits can do."""
    scale = 100_000  # a current transformer so large that the registers fill within seconds

    def large(source: str) -> str:
        return re.sub(r'("current_na_per_count"): *([\d_]+)', lambda m: f"{m[1]}: {int(m[2]) * scale}", source)

    with make(unit={"interval_s": 1}, load=Load(7_000_000), edits={"board.py": large}) as bench:
        host = Host(bench)
        bench.power_on()
        host.hello()
        host.run(6000)
        bench.set_load(Load(100))
        host.run(1500)
        at = len(host.heard)
        host.run(5000)
        told = [heard.fields for heard in host.told("interval", at, channel=0)]
        assert len(told) >= 4, f"{len(told)} intervals in 5 s"
        assert told[0]["energy_import_mwh"] > 1 << 28, "the registers are too small to tell"
        for before, after in pairwise(told):
            counted = _net_mwh(after) - _net_mwh(before)
            flowed = after["active_power_mw"] * after["duration_ms"] / 3.6e6
            assert abs(counted - flowed) <= ROUNDED_MWH, f"counted {counted} mWh where {flowed:.0f} flowed"


def _net_mwh(fields: Mapping[str, int]) -> int:
    return fields["energy_import_mwh"] - fields["energy_export_mwh"]
