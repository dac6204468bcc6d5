"""Folders of homes: what is read from them, and what is said of those that are not as they must be."""

import json
import zipfile

import numpy as np
import pytest

import tools.homes
from host_bridge.microworld.study.homes import HomesError, read
from tests.host.microworld.homes_kit import made_homes, write
from tools import citylearn


def test_what_was_written_is_read(tmp_path):
    homes = made_homes()
    again = read(write(homes, tmp_path))
    assert again.names == homes.names and again.says == "made up"
    for name in ("load_wh", "solar_wh", "price", "carbon"):
        array = getattr(again, name)
        assert array.dtype == np.int32 and (array == getattr(homes, name)).all()
    assert again.digest() == homes.digest()


def test_another_number_is_another_digest():
    one, two = made_homes(), made_homes()
    two.load_wh[1, 7] += 1
    assert one.digest() != two.digest()


def test_some_homes_and_the_hour_of_day():
    homes = made_homes()
    two = homes.some([3, 1])
    assert two.names == ("home-03", "home-01") and (two.net_wh == homes.net_wh[[3, 1]]).all()
    assert homes.hour_of_day.tolist() == [*range(24), *range(24)]


def test_columns_may_stand_in_any_order_beside_others(tmp_path):
    folder = write(made_homes(1, 2), tmp_path)
    (folder / "homes" / "home-00.csv").write_text("note,solar_wh,load_wh\nx,1,2\ny,3,4\n")
    homes = read(folder)
    assert homes.solar_wh.tolist() == [[1, 3]] and homes.load_wh.tolist() == [[2, 4]]


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        (
            "homes/home-01.csv",
            "load_wh,solar_wh\n1,2\n1.5,2\n",
            r"home-01\.csv:3: load_wh is '1\.5'; write a whole number",
        ),
        ("homes/home-01.csv", "load_wh,solar_wh\n1,-2\n", r"home-01\.csv:2: solar_wh is '-2'.* from 0 to"),
        ("homes/home-01.csv", "load_wh,solar_wh\n1,2000000\n", "write a whole number from 0 to 100000"),
        ("homes/home-01.csv", "load_wh,solar_wh\n1\n", r"home-01\.csv:2: 1 values where the first line has 2 heads"),
        ("homes/home-01.csv", "load,solar_wh\n1,2\n", r"home-01\.csv:1: wants the column load_wh once"),
        ("homes/home-01.csv", "load_wh,solar_wh\n1,2\n", r"1 hours, but hours\.csv has 48"),
        ("homes/home-01.csv", "", "wants the column load_wh"),
        ("homes/home-01.csv", "load_wh,solar_wh\n", "0 rows; have 1 to"),
        ("homes/home-01.csv", "load_wh,solar_wh\n" + "9" * 5000 + ",1\n", "write a whole number"),
        ("hours.csv", "price,carbon\n22 000,1\n", r"hours\.csv:2: price is '22 000'"),
        ("source.json", "{", "is not JSON"),
        ("source.json", "[]", "write {"),
        ("source.json", '{"says": "x", "first_hour": 24}', "the hour being 0 to 23"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, file, content, says):
    folder = write(made_homes(), tmp_path)
    (folder / file).write_text(content)
    with pytest.raises(HomesError, match=says):
        read(folder)


def test_no_text_no_file_no_homes(tmp_path):
    folder = write(made_homes(), tmp_path)
    (folder / "homes" / "home-02.csv").write_bytes(b"load_wh,solar_wh\n\xff,1\n")
    with pytest.raises(HomesError, match="not UTF-8 text at byte 17"):
        read(folder)
    for path in (folder / "homes").iterdir():
        path.unlink()
    with pytest.raises(HomesError, match=r"0 files NAME\.csv"):
        read(folder)
    (folder / "source.json").unlink()
    with pytest.raises(HomesError, match=r"source\.json: cannot be read"):
        read(folder)


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    folder = write(made_homes(), tmp_path)
    monkeypatch.setattr("host_bridge.microworld.study.homes._MOST_BYTES", 100)
    with pytest.raises(HomesError, match="more than 100 bytes"):
        read(folder)


def fake_wheel(path, *, efficiency=0.9):
    """A wheel with the recordings' layout: 17 homes, 2 hours."""
    folder = "citylearn/data/citylearn_challenge_2022_phase_all"
    battery = {"attributes": {"capacity": 6.4, "nominal_power": 5.0, "efficiency": efficiency}}
    home = {"pv": {"attributes": {"nominal_power": 4.0}}, "electrical_storage": battery}
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(1, 18):
            rows = f"Hour,Equipment Electric Power [kWh],Solar Generation [W/kW]\n24,{number}.2504,0\n1,0.5,250.5\n"
            archive.writestr(f"{folder}/Building_{number}.csv", rows)
        archive.writestr(
            f"{folder}/schema.json", json.dumps({"buildings": {f"Building_{n}": home for n in range(1, 18)}})
        )
        archive.writestr(f"{folder}/pricing.csv", "Electricity Pricing [$/kWh],6h\n0.22,0.54\n0.54,0.22\n")
        archive.writestr(f"{folder}/carbon_intensity.csv", "kg_CO2/kWh\n0.1707\n0.07038\n")
    return path


def test_citylearns_recordings_become_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tools.homes, "wheel", lambda cache: fake_wheel(tmp_path / "wheel"))
    monkeypatch.setattr(tools.homes, "default_cache", lambda: tmp_path / "cache")
    homes = read(citylearn.folder())
    assert homes.names[2] == "home-03" and homes.load_wh[2].tolist() == [3250, 500]
    assert homes.solar_wh[2].tolist() == [0, 1002] and homes.hour_of_day.tolist() == [0, 1]
    assert homes.price.tolist() == [22_000, 54_000] and homes.carbon.tolist() == [171, 70]
    monkeypatch.setattr(tools.homes, "wheel", None)
    assert citylearn.folder().name.startswith("citylearn-2022-")


def test_another_battery_than_the_catalogues_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tools.homes, "wheel", lambda cache: fake_wheel(tmp_path / "wheel", efficiency=0.8))
    assert citylearn.main(["--folder", str(tmp_path / "made")]) == 1
    assert "Building_1: its battery is not the one" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
