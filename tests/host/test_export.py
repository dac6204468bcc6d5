"""Export: every row once in time slices, exact figures in three formats, and never half a file."""

import csv
import io
import json
import os
import random

import pytest

from host_bridge import cli, export
from host_bridge.client import BridgeError
from tests.host.served_bridge import BEGIN_MS, MINUTE_MS, ServedBridge, home, reading

END_MS = BEGIN_MS + 40 * 86_400_000


class Source:
    """Answers `readings` as the bridge does, from rows at the times given."""

    def __init__(self, times):
        self.times, self.asked = sorted(times), 0

    def readings(self, node, channel, start_ms, end_ms, resolution, limit):
        self.asked += 1
        return [{"time_ms": at} for at in self.times if start_ms <= at < end_ms][:limit]


def span(*channels, start_ms=BEGIN_MS, end_ms=END_MS):
    return export.Span(channels, start_ms, end_ms, "raw")


def test_every_row_comes_once_and_in_order_however_they_are_spread(monkeypatch):
    monkeypatch.setattr(export, "PAGE_ROWS", 8)
    randomness = random.Random(5)
    for _ in range(30):
        crowded = [BEGIN_MS + randomness.randrange(4000) for _ in range(randomness.randrange(60))]
        thin = [randomness.randrange(BEGIN_MS, END_MS) for _ in range(randomness.randrange(40))]
        times = sorted({*crowded, *thin, BEGIN_MS, END_MS - 1})
        source, parts = Source([*times, BEGIN_MS - 1, END_MS]), []
        rows = list(export.rows(source, span(("a", "x"), ("b", "y")), parts.append))
        assert [row["time_ms"] for row in rows if row["node"] == "a"] == times
        assert [row["time_ms"] for row in rows if row["channel"] == "y"] == times
        assert parts == sorted(parts)
        assert parts[-1] == 1
        assert source.asked < 2 * (len(times) + 80)


def test_a_silent_month_costs_few_questions():
    source = Source([])
    assert list(export.rows(source, span(("a", "x")))) == []
    assert source.asked < 10


def test_more_readings_in_a_ms_than_a_page_is_an_error_not_a_loss(monkeypatch):
    monkeypatch.setattr(export, "PAGE_ROWS", 3)
    with pytest.raises(BridgeError, match="within one ms"):
        list(export.rows(Source([BEGIN_MS] * 3), span(("a", "x"))))


@pytest.mark.parametrize(
    ("mwh", "wh"), [(0, "0.000"), (1, "0.001"), (-1, "-0.001"), (2**63 - 1, "9223372036854775.807"), (-1500, "-1.500")]
)
def test_watt_hours_are_exact(mwh, wh):
    assert export.watt_hours(mwh) == wh


ROWS = [{"node": "h\u00f6me, 1", "time_ms": 1_767_225_600_007, "energy_import_mwh": 2**60 + 1, "voltage_rms_mv": None}]


def test_csv_names_units_keeps_integers_and_adds_wh_and_utc():
    out = io.StringIO(newline="")
    assert export.write("csv", iter(ROWS), out) == 1
    assert list(csv.DictReader(io.StringIO(out.getvalue()))) == [
        {
            "node": "h\u00f6me, 1",
            "time_utc": "2026-01-01T00:00:00.007Z",
            "time_ms": "1767225600007",
            "energy_import_mwh": str(2**60 + 1),
            "energy_import_wh": "1152921504606846.977",
            "voltage_rms_mv": "",
        }
    ]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_and_jsonl_are_whole_and_integers(count):
    out, lines = io.StringIO(), io.StringIO()
    assert export.write("json", iter(ROWS * count), out) == export.write("jsonl", iter(ROWS * count), lines) == count
    assert json.loads(out.getvalue()) == ROWS * count
    assert [json.loads(line) for line in lines.getvalue().splitlines()] == ROWS * count


@pytest.mark.parametrize("fault", [BridgeError("gone"), KeyboardInterrupt(), OSError("disk full")])
def test_a_fault_leaves_the_old_file_and_no_litter(tmp_path, fault):
    path = tmp_path / "out.csv"
    path.write_text("old")

    def broken_off():
        with export.whole_file(path) as out:
            out.write("half")
            raise fault

    with pytest.raises(type(fault)):
        broken_off()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_a_file_takes_its_place_at_once_through_a_link_with_the_usual_mode(tmp_path):
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    with export.whole_file(link) as out:
        out.write("new")
        out.flush()
        assert real.read_text() == "old"
    assert (real.read_text(), link.is_symlink()) == ("new", True)
    umask = os.umask(0o022)
    os.umask(umask)
    assert real.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_device_is_written_to_directly():
    with export.whole_file(export.Path("/dev/null")) as out:
        out.write("x")
    assert not export.Path("/dev/null").is_file()


@pytest.fixture
def bridge(tmp_path):
    served = ServedBridge(tmp_path, home(), home("home-2"), readings=6000)  # more than one page
    yield served.start()
    served.stop()


def test_the_command_writes_what_the_bridge_has(bridge, tmp_path, capsys):
    bridge.store.rows.append(reading(3, node="home-2"))
    path = tmp_path / "out.csv"
    since, until = ("--since", "2026-01-01T00:00Z"), ("--until", "2026-01-06T00:00Z")
    begin = ["--config", str(bridge.config_file), "export"]
    assert cli.main([*begin, *since, *until, "-o", str(path)]) == 0
    assert "6001 rows written to" in capsys.readouterr().err
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["sequence"]) for row in rows if row["node"] == "home-1"] == list(range(6000))
    assert [(row["node"], row["time_ms"]) for row in rows[6000:]] == [("home-2", str(BEGIN_MS + 3 * MINUTE_MS))]
    assert cli.main([*begin, "home-2", *since, *until, "--format", "jsonl"]) == 0
    assert json.loads(capsys.readouterr().out)["node"] == "home-2"


def test_the_command_refuses_an_unknown_node_and_writes_nothing(bridge, tmp_path, capsys):
    path = tmp_path / "out.csv"
    assert cli.main(["--config", str(bridge.config_file), "export", "attic", "-o", str(path)]) == 1
    assert "known nodes: home-1, home-2" in capsys.readouterr().err
    assert not path.exists()


def test_a_folder_that_is_not_there_is_told(bridge, tmp_path, capsys):
    target = str(tmp_path / "absent" / "x.csv")
    assert cli.main(["--config", str(bridge.config_file), "export", "-o", target]) == 1
    assert "absent" in capsys.readouterr().err
