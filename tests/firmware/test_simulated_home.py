"""The simulated home on small profiles of its own: its balance, its battery, its contactors, its absence."""

import gc
import os
import sys
from array import array

from gridnode.drivers.simulated_home import CHARGE, DISCHARGE, HOLD, SELF, Battery, SimulatedHome, wanted_mw
from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow

RATING = (6_400_000, 5_000_000, 949)
SPEED = 60  # an hour in a minute
MWH = 3_600_000  # mW ms
NOON = [(1_000_000, 4_000_000)] * 3  # mW of load and PV
EVENING = [(2_000_000, 0)] * 3


def path(name):
    return os.getenv("TMPDIR") + "/" + name


def write(hours):
    """Write (load mW, PV mW) pairs as a profile; return its path. (tools/homes.py does not run on MicroPython.)"""
    peak_mw = max([max(load, pv) for load, pv in hours])
    with open(path("home.profile"), "wb") as file:
        file.write(b"gnhome1\n" + len(hours).to_bytes(4, "little") + peak_mw.to_bytes(4, "little") + bytes(16))
        for pair in hours:
            file.write(array("i", pair))
    return path("home.profile")


class Coil:
    closed = False


class Home:
    """A home with its three contactors, pumped every 20 ms; `kept_mwh`: what its battery is found to hold."""

    def __init__(self, hours, kept_mwh=0, age_ms=0, node_ms=0, kept_age_ms=None):
        with open(path("battery"), "wb") as file:
            file.write(("%020d %020d\n" % (kept_mwh * MWH, age_ms if kept_age_ms is None else kept_age_ms)).encode())
        self.charge, self.discharge, self.hold = self.coils = [Coil(), Coil(), Coil()]
        self.channels = [Channel(name, ChipWindow()) for name in ("grid", "solar", "battery")]
        self.grid, self.solar, self.battery = self.channels
        self.ms = node_ms
        given = (self.coils, RATING, path("battery"), SPEED, 0, age_ms, node_ms * 1000)
        self.driver = SimulatedHome(write(hours), self.channels, *given)

    def run(self, ms):
        for _ in range(ms // 20):
            self.ms += 20
            self.driver.pump(self.ms * 1000)
        return self

    @property
    def power_w(self):
        return [channel.live()[3] // 1000 for channel in self.channels]

    @property
    def content_mwh(self):
        return self.driver.battery.content // MWH

    def kept(self):
        with open(path("battery"), "rb") as file:
            return [int(number) for number in file.read().split()]


def test_the_first_contactor_that_is_closed_decides():
    home = Home(EVENING, 3_000_000).run(2000)
    assert home.power_w == [0, 0, -2000]  # the home's own balance
    home.hold.closed = True
    assert home.run(2000).power_w == [2000, 0, 0]
    home.discharge.closed = True
    assert home.run(2000).power_w == [-3000, 0, -5000]
    home.charge.closed = True
    assert home.run(2000).power_w == [7000, 0, 5000]


def test_surplus_charges_also_while_it_holds():
    home = Home(NOON).run(2000)
    assert home.power_w == [0, -4000, 3000]
    home.hold.closed = True
    assert home.run(2000).power_w == [0, -4000, 3000]
    assert [wanted_mw(order, 7, 50) for order in (CHARGE, DISCHARGE, HOLD, SELF)] == [50, -50, 7, 7]
    assert [wanted_mw(order, -7, 50) for order in (HOLD, SELF)] == [0, -7]


def test_a_battery_takes_in_and_gives_no_more_than_it_can_and_makes_no_energy():
    battery = Battery(*RATING)
    took = sum([battery.step(9_000_000, 60_000) for _ in range(200)]) * 60_000
    assert battery.step(5_000_000, 60_000) == 0
    full_mwh = battery.content // MWH
    assert 6_399_000 <= full_mwh <= 6_400_000 and 0 <= took * 949 // 1000 - battery.content < 1000
    gave = -sum([battery.step(-9_000_000, 60_000) for _ in range(200)]) * 60_000
    assert battery.content < 60_000 * 1054 // 949 + 1000 and battery.step(-9_000_000, 60_000) == 0
    assert gave * 1_000_000 <= took * 949 * 949
    assert gave * 1_000_000 > took * 949 * 949 * 9999 // 10000
    assert Battery(*RATING).step(9_000_000, 60_000) == 5_000_000
    assert Battery(*RATING, content=1 << 60).content == 6_400_000 * MWH


def test_no_sequence_of_orders_makes_energy():
    battery, seed, charged, discharged = Battery(*RATING), 7, 0, 0
    for _ in range(2000):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        home_ms = 1 + (seed >> 4) % 60_000
        power = battery.step((seed >> 8) % 12_000_001 - 6_000_000, home_ms)
        assert -5_000_000 <= power <= 5_000_000
        if power > 0:
            charged += power * home_ms
        else:
            discharged -= power * home_ms
        assert 0 <= battery.content <= 6_400_000 * MWH
        # What is inside came in at its loss, and what came out was inside, with its loss.
        assert battery.content * 1000 * 949 <= charged * 949 * 949 - discharged * 1_000_000
    assert charged > 0 and discharged > 0


def test_registers_count_real_energy_of_true_power():
    home = Home(NOON).run(30_000)  # half an hour of the home: 1.5 kWh into the battery
    for channel, imported, exported in ((home.grid, 0, 0), (home.solar, 0, 33_333), (home.battery, 25_000, 0)):
        assert (channel.energy.import_mwh, channel.energy.export_mwh) == (imported, exported)
        assert channel.end_us == 30_000_000
    assert home.content_mwh == 1_500_000 * 949 // 1000 == 25_000 * SPEED * 949 // 1000


def test_a_contactor_that_moves_ends_the_window_at_once():
    home = Home(EVENING, 6_400_000).run(3500)
    assert home.grid.end_us == 3_000_000
    home.discharge.closed = True
    home.run(20)
    assert home.grid.end_us == 3_520_000 and home.power_w == [0, 0, -2000]
    home.run(480)
    assert home.grid.end_us == 4_000_000 and home.power_w == [-3000, 0, -5000]
    discharged = home.battery.energy.export_mwh, home.battery.energy.export_rest
    assert discharged[0] == (2_000_000 * 3520 + 5_000_000 * 480) // MWH


def test_power_follows_the_recording_and_never_between_its_lines():
    home = Home([(1_000_000, 0), (3_000_000, 0)]).run(1000)
    first_w = home.power_w[0]
    assert 1000 <= first_w <= 1034  # the mean of the first minute, 2 kW more an hour later
    assert home.run(59_000).grid.energy.import_mwh == 2_000_000 // 60
    home = Home([(1_000_000, 0), (3_000_000, 0)], age_ms=30_000).run(1000)
    assert home.power_w[0] == first_w + 1000


def test_the_voltage_falls_with_what_is_drawn_and_rises_with_what_is_sold():
    home = Home(EVENING)
    home.charge.closed = True
    drawn = home.run(2000).grid.live()
    home = Home(NOON, 6_400_000).run(2000)
    sold = home.grid.live()
    assert (drawn[3], sold[3]) == (7_000_000, -3_000_000)
    assert drawn[6] == 230_000 - 7608 and sold[6] == 230_000 + 3261
    assert drawn[5] >= abs(drawn[3]) and abs(drawn[7] - 7_000_000_000 // drawn[6]) <= 1
    assert (drawn[4], drawn[8], drawn[9]) == (None, 50_000, 0)


def test_it_goes_on_after_its_node_was_off_with_the_battery_as_it_became_meanwhile():
    home = Home(NOON, kept_mwh=1_000_000, age_ms=90_000, kept_age_ms=60_000)  # half an hour of 3 kW, unmetered
    assert home.content_mwh == 1_000_000 + 1_500_000 * 949 // 1000
    assert [channel.energy.import_mwh + channel.energy.export_mwh for channel in home.channels] == [0, 0, 0]
    assert home.kept() == [home.driver.battery.content, 90_000]
    home.run(1000)
    assert home.kept() == [home.driver.battery.content, 91_000]
    home = Home(EVENING, kept_mwh=6_400_000, age_ms=10**12, kept_age_ms=0)  # for ever: it is bounded
    assert home.content_mwh == 0


def test_the_age_of_the_home_is_not_the_time_of_the_node():
    home = Home([(1_000_000, 0), (3_000_000, 0)], age_ms=30_250, node_ms=500)
    home.run(740)
    assert not home.grid.measured
    home.run(20)
    assert home.grid.end_us == 1_250_000 - home.grid.end_us % 10 and home.grid.take_interval()[1] == 750
    assert 2000 <= home.power_w[0] <= 2034


def test_what_was_kept_and_is_none_is_refused():
    for content in (b"", b"full\n", b"1 2 3", b"one two"):
        write(NOON)
        with open(path("battery"), "wb") as file:
            file.write(content)
        try:
            SimulatedHome(path("home.profile"), [], [], RATING, path("battery"), SPEED, 0, 0, 0)
            raise AssertionError(content)
        except ValueError as error:
            assert "delete it" in str(error)
        with open(path("battery"), "rb") as file:
            assert file.read() == content


def test_a_window_costs_little():
    if sys.implementation.name != "micropython":
        return
    home = Home(NOON).run(2000)
    gc.collect()
    before = gc.mem_alloc()
    home.run(980)  # no window ends
    assert gc.mem_alloc() - before < 20_000
