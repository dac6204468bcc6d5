"""Contactor loads that the agent shifts: run where it is cheap, in their window, once, and not in quiet hours."""

import asyncio

import pytest

from host_bridge.store.book_rows import DecisionRow
from tests.host.agent.energy_kit import BEGIN_S, Home, Street, load, sun, table

pytestmark = pytest.mark.slow
WASHER = {"home": "h1", "contactor": "washer", "kind": "task", "power_w": 2000, "needs_wh": 1000, "earliest": "08:00",
          "by": "20:00"}  # fmt: skip
CAR = {"home": "h1", "contactor": "wall box", "name": "car", "kind": "car", "power_w": 3700, "needs_wh": 3700,
       "earliest": "08:00", "by": "14:00"}  # fmt: skip
HEATER = {"home": "h1", "contactor": "boiler", "kind": "heater", "power_w": 2000, "volume_l": 100, "low_c": 50,
          "high_c": 60, "loss_w": 100}  # fmt: skip


def days(folder, of, play, wish=None, hours=7.0):
    """A home without battery and sun, a kWh cheap from 11 to 12; the seconds in which its load was asked to run."""
    config = table(1, mode="alone") | {
        "tariff": {"buy": ["00:00 40", "11:00 10", "12:00 40"]},
        "home": [{"name": "h1", "battery": "", "solar": ""}],
        "load": [of],
    }
    home = Home("h1", load(300, 0), sun(0), capacity_wh=0.0, loads={of["contactor"]: of["power_w"]})

    async def both():
        street = Street(folder, [home], config, 8)
        street.start()
        await street.agent.advance(street.now_s * 1000)
        if wish:
            await street.agent.preferences.confirm("h1", wish, "test")
        ran = []
        end_s = street.now_s + hours * 3600
        while street.now_s < end_s:
            await street.run(0.05, 180)
            if home.closed(of["contactor"], street.now_s * 1000):
                ran.append((street.now_s - BEGIN_S) / 3600)
        play(street, ran)
        await street.agent.close()

    asyncio.run(both())


def test_a_task_runs_once_where_it_is_cheap_and_says_why(tmp_path):
    def play(street, ran):
        assert ran and min(ran) >= 11 and max(ran) <= 12 and len(ran) == pytest.approx(10, abs=2)  # half an hour
        on = [row for row in street.rows_of(DecisionRow) if row.action == "load on"]
        assert on and all(row.subject == "washer" and row.reason for row in on)
        assert street.agent.parts.appliances[0].took_wh == pytest.approx(1000, abs=200)

    days(tmp_path, WASHER, play)


def test_a_car_is_charged_where_it_is_cheap_unless_it_is_needed_before(tmp_path):
    def cheap(street, ran):
        assert min(ran) >= 11 and max(ran) <= 12.1

    def early(street, ran):
        assert max(ran) <= 10.1 and len(ran) == pytest.approx(20, abs=3)

    for name, play, wish in (("cheap", cheap, None),
                             ("early", early, {"kind": "deadline", "device": "car", "by": "10:00"})):  # fmt: skip
        (tmp_path / name).mkdir()
        days(tmp_path / name, CAR, play, wish, hours=4.5)


def test_quiet_hours_are_kept_even_where_it_is_cheap(tmp_path):
    def play(street, ran):
        assert ran and not [hour for hour in ran if 10.9 < hour <= 12]

    days(tmp_path, WASHER, play, {"kind": "quiet", "start": "10:30", "end": "12:00"})


def test_a_heater_is_kept_within_its_band_by_what_is_estimated(tmp_path):
    def play(street, ran):
        warm = street.agent.parts.appliances[0].warm_c
        assert 48 <= warm <= 60 and [hour for hour in ran if 11 <= hour <= 12.1]

    days(tmp_path, HEATER, play)


def test_carbon_counts_where_a_home_wants_it_to(tmp_path):
    """A kWh costs the same all day, and is clean from 10 to 11: only who minds it waits for that."""
    prices = tmp_path / "prices.csv"
    rows = [f"{BEGIN_S + hour * 3600},30000,0,{20 if hour == 10 else 500}\n" for hour in range(24)]
    prices.write_text("start_s,buy_mct,sell_mct,carbon_g\n" + "".join(rows))
    config = table(1, mode="alone") | {
        "tariff": {"file": str(prices)},
        "home": [{"name": "h1", "battery": "", "solar": ""}],
        "load": [WASHER],
    }

    async def both():
        street = Street(tmp_path, [Home("h1", load(300, 0), sun(0), 0.0, 0.0, loads={"washer": 2000})], config, 8)
        street.start()
        await street.agent.advance(street.now_s * 1000)
        await street.agent.preferences.confirm("h1", {"kind": "weight", "of": "carbon"}, "test")
        await street.run(2.75, 180)
        closed = [asked[0] for asked in street.homes["h1"].asked if asked[2] == "closed"]
        assert closed and min(closed) >= BEGIN_S + 10 * 3600
        await street.agent.close()

    asyncio.run(both())
