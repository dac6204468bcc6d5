"""Sweeps: the same for a seed, chosen without the homes held out, and gone on with after a kill."""

import csv
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from host_bridge.microworld.study import sweep_table, trial
from host_bridge.microworld.study.sweep import CHUNK, ranked, standings, sweep
from host_bridge.microworld.study.variations import Plan, SweepError, split
from tests.host.microworld.homes_kit import catalogue_spec, made_homes, write

ROOT = Path(__file__).resolve().parents[3]
PREDICTIVE = {"battery": "predictive", "forecaster": "yesterday"}


def plan(worlds=30, homes=None, **more):
    return Plan(catalogue_spec("predictive_schedule"), homes or made_homes(), worlds, **more)


def test_a_latin_hypercube_has_one_value_in_each_part():
    its = plan(100, seed=3).settled()
    variations = its.variations()
    assert variations == plan(100, seed=3).settled().variations() != plan(100, seed=4).settled().variations()
    assert set(variations[0].parameters) == {"dear", "margin", "trust", "lead"}
    margins = sorted(v.parameters["margin"] for v in variations)
    assert all(3001 * n // 100 <= margin < 3001 * (n + 1) // 100 for n, margin in enumerate(margins))
    assert {v.parameters["lead"] for v in variations} == set(range(13))
    ranks = [[v.parameters[name] for v in variations] for name in ("margin", "trust", "dear")]
    assert all(abs(np.corrcoef(one, two)[0, 1]) < 0.4 for one, two in combinations(ranks, 2))
    assert all(abs(np.corrcoef(one, range(100))[0, 1]) < 0.4 for one in ranks)
    profiles = [tuple(v.profile.values()) for v in variations]
    assert len(set(profiles)) == 8 and max(map(profiles.count, profiles)) - min(map(profiles.count, profiles)) <= 1


def test_seventeen_homes_are_split_into_eight_and_nine():
    by, out = split(17, 1)
    assert (len(by), len(out)) == (8, 9) and sorted(by + out) == list(range(17)) and split(17, 1) != split(17, 2)


def test_every_row_is_what_its_own_module_gives(tmp_path):
    homes = made_homes(hours=24 * 5)
    its = plan(12, homes, profile=PREDICTIVE).settled()
    rows = sweep(its, tmp_path, workers=2)
    for row in rows[::3]:
        program = its.spec.program(row.variation.profile, row.variation.parameters)
        for numbers, micro, permille in (
            (its.chosen_by, row.chosen_by_micro, row.chosen_by_permille),
            (its.held_out, row.held_out_micro, row.held_out_permille),
        ):
            settled = trial.bills(program, homes.some(numbers))
            assert (settled.alone, settled.alone_permille) == (micro, permille)


def test_a_coalition_is_swept_as_two_pools(tmp_path):
    homes = made_homes()
    its = Plan(catalogue_spec("coalition"), homes, 6, profile=PREDICTIVE).settled()
    best = sweep(its, tmp_path)[0]
    program = its.spec.program(best.variation.profile, best.variation.parameters)
    assert trial.bills(program, homes.some(its.held_out)).pooled == best.held_out_micro


def test_homes_held_out_do_not_choose(tmp_path):
    one, two = made_homes(hours=96), made_homes(hours=96)
    its = plan(20, one, profile=PREDICTIVE).settled()
    two.load_wh[list(its.held_out)] = made_homes(hours=96, seed=2).load_wh[list(its.held_out)]
    rows = [sweep(replace(its, homes=homes), tmp_path / str(n)) for n, homes in enumerate((one, two))]
    for each in rows:
        chosen_by, held_out = ([getattr(row, name) for row in each] for name in ("chosen_by_micro", "held_out_micro"))
        assert chosen_by == sorted(chosen_by) and held_out != sorted(held_out)
    assert [row.variation for row in rows[0]] == [row.variation for row in rows[1]]
    assert [row.held_out_micro for row in rows[0]] != [row.held_out_micro for row in rows[1]]


def test_any_number_of_workers_gives_the_same(tmp_path):
    assert sweep(plan(), tmp_path / "1", workers=1) == sweep(plan(), tmp_path / "3", workers=3)


def test_a_finished_sweep_is_only_read(tmp_path, monkeypatch):
    rows, told = sweep(plan(), tmp_path), []
    monkeypatch.setattr("host_bridge.microworld.study.sweep.Runner", None)
    assert sweep(plan(), tmp_path, progress=lambda done, of: told.append((done, of))) == rows and told == [(30, 30)]


def test_a_chunk_that_is_not_whole_is_done_again(tmp_path):
    rows = sweep(plan(), tmp_path)
    chunks = sorted(tmp_path.glob("chunk-*.json"))
    broken = [b"", b"[", b"[{}]", b"[]", b'{"a": 1}', b"\xff", b"[1]"]
    whole = [chunk.read_bytes() for chunk in chunks]
    for chunk, content in zip(chunks, broken, strict=False):
        chunk.write_bytes(content)
    told = []
    assert sweep(plan(), tmp_path, progress=lambda done, of: told.append(done)) == rows and 0 < told[0] < 30
    assert len(chunks) == 8 and [chunk.read_bytes() for chunk in chunks] == whole


@pytest.mark.slow
def test_a_sweep_that_was_killed_goes_on(tmp_path):
    homes = write(made_homes(17, 24 * 60), tmp_path / "year")
    program = f"""
import sys
from pathlib import Path
from host_bridge.microworld.study.homes import read
from host_bridge.microworld.study.sweep import sweep
from tests.host.microworld.test_sweep import plan
sweep(plan(400, read(Path({str(homes)!r}))), Path({str(tmp_path / "out")!r}), workers=1,
      progress=lambda done, of: print(done, flush=True))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT, env=environment) as child:
        assert child.stdout is not None
        done = 0
        while done < 2 * CHUNK:
            done = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    from host_bridge.microworld.study.homes import read

    its, told = plan(400, read(homes)), []
    rows = sweep(its, tmp_path / "out", progress=lambda done, of: told.append(done))
    assert done <= told[0] < 400 and rows == sweep(its, tmp_path / "whole")


def test_another_sweep_does_not_take_its_folder(tmp_path):
    sweep(plan(), tmp_path)
    for other in (plan(31), plan(seed=2), plan(homes=made_homes(seed=2)), plan(profile=PREDICTIVE)):
        with pytest.raises(SweepError, match="is of another sweep"):
            sweep(other, tmp_path)
    (tmp_path / "sweep.json").unlink()
    with pytest.raises(SweepError, match="chunks of no known sweep"):
        sweep(plan(), tmp_path)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"worlds": 0}, "0 worlds: sweep 1 to"),
        ({"varied": ("nothing",)}, "nothing has no range to vary in; those that have: capacity"),
        ({"chosen_by": (0, 1), "held_out": (1, 2)}, "none in both"),
        ({"chosen_by": (0, 1)}, "at least 2 homes"),
        ({"chosen_by": (0, 1), "held_out": (9,)}, "homes 0 to 3"),
        ({"profile": {"battery": "wild"}}, "battery has no strategy 'wild'"),
        ({"profile": {"cat": "wild"}}, "cat has no strategy"),
    ],
)
def test_what_cannot_be_swept_is_said(tmp_path, wrong, says):
    with pytest.raises(ValueError, match=says):
        sweep(plan(**wrong), tmp_path)


def test_homes_that_pay_nothing_cannot_be_compared(tmp_path):
    homes = made_homes()
    homes.load_wh[:] = 0
    with pytest.raises(SweepError, match="pay nothing"):
        sweep(plan(homes=homes), tmp_path)


def test_tables_hold_all_rows_in_order(tmp_path):
    rows = sweep(plan(), tmp_path / "sweep")
    sweep_table.write_csv(rows, tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [int(row["world"]) for row in table] == [row.variation.number for row in rows]
    assert table[0]["battery"] == rows[0].variation.profile["battery"] and len(table) == 30
    pyarrow = pytest.importorskip("pyarrow.parquet")
    sweep_table.write_parquet(rows, tmp_path / "table.parquet")
    assert pyarrow.read_table(tmp_path / "table.parquet").to_pylist() == [row.flat() for row in rows]


def test_without_pyarrow_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SweepError, match=r"gridnexus\[tables\]"):
        sweep_table.write_parquet([], tmp_path / "table.parquet")


def test_the_picture_has_every_world_in_it(tmp_path):
    from xml.etree import ElementTree

    rows = sweep(plan(), tmp_path)
    root = ElementTree.fromstring(sweep_table.picture(rows, "a < b"))
    circles = [each for each in root if each.tag.endswith("circle")]
    assert len(circles) == 30 + 1 + len({tuple(row.variation.profile.values()) for row in rows})
    width, height = map(int, root.attrib["viewBox"].split()[2:])
    assert all(0 <= float(c.attrib["cx"]) <= width and 0 <= float(c.attrib["cy"]) <= height for c in circles)
    assert f"world {rows[0].variation.number}," in sweep_table.picture(rows, "x")


def test_profiles_are_ranked_by_the_homes_held_out(tmp_path):
    rows = sweep(plan(80), tmp_path)
    ranks = standings(rows[::-1])
    assert len(ranks) == 8 and [row.held_out_permille for row in ranks] == sorted(
        row.held_out_permille for row in ranks
    )
    for best in ranks:
        alike = [row for row in rows if row.variation.profile == best.variation.profile]
        assert best.chosen_by_micro == min(row.chosen_by_micro for row in alike)


def test_equal_worlds_are_ranked_by_number(tmp_path):
    rows = sweep(plan(profile={"battery": "none"}), tmp_path)
    assert [row.variation.number for row in ranked(rows[::-1])] == list(range(30))
