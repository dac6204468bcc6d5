"""The benchmark of metering: every row has its reach, what misses it is red, and the day's energy is held to truth."""

import pytest

from tests.bench import __main__ as bench
from tests.bench import days, figures, flat_out, metering
from tests.bench.accuracy import Row

GOOD = days.PicoDay(0.01, 1439.9, 0.02, 32.0, 2.3, 21)
WHOLE = days.Day(0.01, 1439.7)


def rows(error: float) -> list[Row]:
    reaches = (("V", 0.2), ("I", 0.2), ("P, PF 1", 0.3), ("P, PF 0.5", 0.6), ("f", 5.0))
    found = [Row(group, "a point", error * reach, "%", reach) for group, reach in reaches]
    return [*found, *(Row(row.group, "a better one", row.error / 2, "%", row.reach) for row in found)]


def measured(monkeypatch, pico=GOOD, whole=WHOLE, error=0.5, busy=0.12, trips=(18.0, 60.0, 20)) -> list[figures.Figure]:
    """What `run` makes of these parts."""
    monkeypatch.setattr(metering, "_prepare", lambda: None)
    monkeypatch.setattr(metering.flash_life, "node_files", lambda *_: {"main.py": bytes(200_000)})  # compiles nothing
    for name, part in (("unix", whole), ("emulated", pico), ("accuracy", rows(error))):
        monkeypatch.setattr(metering, name, lambda say, part=part: part)
    monkeypatch.setattr(metering, "cpu_share", lambda: busy)
    monkeypatch.setattr(metering, "over_current", lambda: trips)
    return metering.run(lambda text: None)


def missed(found: list[figures.Figure]) -> list[str]:
    return [figure.name for figure in found if not figure.met]


def test_every_number_to_reach_is_a_row(monkeypatch):
    found = measured(monkeypatch)
    assert not missed(found)
    assert sorted(f.reach for f in found if f.reach) == sorted(
        [0.2, 0.2, 0.3, 0.6, 5, *[0.2] * 3, 15, 25, 1440, 1440, 10, 10]
    )


@pytest.mark.parametrize(
    ("parts", "words", "count"),
    [
        ({"error": 1.01}, "%", 5),
        ({"pico": days.PicoDay(0.21, 1439.9, 0.02, 32.0, 2.3, 21)}, "day in 10 minutes", 1),
        ({"pico": days.PicoDay(0.01, 1439.9, 0.21, 32.0, 2.3, 21)}, "load switched", 1),
        ({"pico": days.PicoDay(0.01, 1500.0, 0.02, 32.0, 2.3, 21)}, "flash writes", 1),
        ({"pico": days.PicoDay(0.01, 1439.9, 0.02, 32.0, 2.3, 9)}, "as the node tells", 1),
        ({"pico": days.PicoDay(0.01, 1439.9, 0.02, 32.0, 2.3, None)}, "as the node tells", 1),
        ({"whole": days.Day(0.21, 1439.7)}, "24 hours, unix", 1),
        ({"whole": days.Day(0.01, 1500.0)}, "in 24 hours", 1),
        ({"whole": days.Day(0.01, 10_000_000.0)}, "flash", 2),  # and it does not last
        ({"busy": 0.151}, "processor", 1),
        ({"trips": (25.1, 60.0, 20)}, "over-current", 1),
    ],
)
def test_what_misses_its_reach_is_red(monkeypatch, parts, words, count):
    found = missed(measured(monkeypatch, **parts))
    assert len(found) == count and all(words in name for name in found), found


def test_a_part_that_fails_is_told_and_raises(monkeypatch):
    said = []
    measured(monkeypatch)
    monkeypatch.setattr(metering, "cpu_share", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        metering.run(said.append)
    assert any("failed" in words for words in said)


def test_figures_come_out_of_their_json_as_they_were():
    known = [figures.Figure("a", 1.5, "ms", 2, at_least=False), figures.Figure("b", 3.0, "years", 10)]
    assert figures.from_json(figures.as_json(known)) == known
    assert [figure.met for figure in known] == [True, False]


def test_what_needs_the_boards_environment_is_measured_there(monkeypatch):
    told = figures.as_json([figures.Figure("a", 1.0, "ms")])
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(bench.setup_env, "ensure", lambda environment: environment.name)

    def run(command, **_):
        assert command == [".venv", "-m", "tests.bench", "metering", "--json"]
        return type("Done", (), {"stdout": told, "returncode": 1})()

    monkeypatch.setattr(bench.subprocess, "run", run)
    assert [figure.name for figure in bench.measure("metering")] == ["a"]
    told = ""
    with pytest.raises(bench.subprocess.CalledProcessError):
        bench.measure("metering")


def test_a_script_s_traceback_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="Traceback"):
        list(flat_out.told("node_day.py", tmp_path, {"profile": "/none"}, "1"))


@pytest.mark.slow
def test_an_hour_on_unix_is_exact_and_saved_each_minute():
    found = days.unix(lambda text: None, hours=1)
    assert found.energy_error_percent < 0.02
    assert 1430 < found.saves_a_day <= 1440
