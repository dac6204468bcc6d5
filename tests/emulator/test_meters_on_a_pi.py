"""Every meter chip on a Raspberry Pi: the driver files of the microcontroller, over Linux's buses, in a whole node.

The chips are the emulator's models (pi_kit.py). A fault of a chip is a flag of the reading, one event in the node's
journal, and never a wrong figure; one more event says when all is good again.
"""

import types

import pytest

from gridnode.assemble import make_journal, make_node
from gridnode.drivers.busio_bus import BusioI2CRegisters, BusioSpi
from gridnode.drivers.simulated_coil import SimulatedCoil
from gridnode.meters import make_meter
from gridnode.wire import cbor, schema
from tests.emulator import pi_kit
from tests.emulator.pi_kit import MS, ChipRig
from tests.tools.meter_boards import PHASES, metering
from tools import boards

pytestmark = pytest.mark.slow
STEP_MS = 10
QUALITY = schema.EVENTS.index("quality")
AC = {"voltage_mv": 231_500, "current_ma": 8640, "power_factor_per_mille": 950}
DC = {"bus": 1, "shunt_uohm": 2000, "voltage_mv": 12_800, "current_ma": 5000}
GAINS = [[phase["voltage_gain"], phase["current_gain"]] for phase in PHASES]
THREE = [
    {"voltage_mv": 230_000, "active_mw": 2_000_000, "reactive_mvar": 600_000},
    {"voltage_mv": 231_500, "active_mw": -1_250_000, "reactive_mvar": -90_000},
    {"voltage_mv": 229_000, "active_mw": 700_000, "reactive_mvar": 0},
]
TELEGRAMS = {"power_mw": 3_456_000, "current_ma": 15_000}
# Driver -> (its chip, mW of each channel, and how far a figure may be off by the chip's own steps).
CHIPS = {
    "pzem004t": ({"chip": "pzem004t", **AC}, [1_900_152], 100),
    "atm90e32": ({"chip": "atm90e32", "gains": GAINS, "phases": THREE}, [each["active_mw"] for each in THREE], 300),
    "ina226": ({"chip": "ina226", **DC}, [64_000], 10),
    "ina228": ({"chip": "ina228", **DC}, [64_000], 10),
    "s0_pulse": ({"chip": "s0", "pin": 4, "power_mw": 7_000_000}, [7_000_000], 140_000),
    "dsmr_p1": ({"chip": "telegrams", "kind": "dsmr_p1", **TELEGRAMS}, [3_456_000], 0),
    "sml": ({"chip": "telegrams", "kind": "sml", **TELEGRAMS}, [3_456_000], 0),
}
NO_VOLTAGE, CLIPPED, REVERSED, WRONG_PHASE = schema.NO_VOLTAGE, schema.CLIPPED, schema.REVERSED, schema.WRONG_PHASE
NO_ANSWER, UNBELIEVABLE, BOUNCE = schema.NO_ANSWER, schema.UNBELIEVABLE, schema.BOUNCE
# Driver, fault, what ends it, how long it takes to be seen, the flag.
FAULTS = [
    ("pzem004t", {"broken": True}, {"broken": False}, 4, NO_ANSWER),
    ("pzem004t", {"silent": True}, {"silent": False}, 4, NO_ANSWER),
    ("pzem004t", {"answers_as": 7}, {"answers_as": None}, 4, NO_ANSWER),
    ("pzem004t", {"impossible": True}, {"impossible": False}, 4, UNBELIEVABLE),
    ("pzem004t", {"voltage_mv": 61_000}, {"voltage_mv": 231_500}, 4, CLIPPED),
    ("atm90e32", {"line": "ones"}, {"line": None}, 3, NO_ANSWER),
    ("atm90e32", {"line": "zeros"}, {"line": None}, 3, NO_ANSWER),
    ("atm90e32", {"garbled": 1}, {"garbled": 0}, 3, NO_ANSWER),
    ("atm90e32", {"impossible": True}, {"impossible": False}, 3, UNBELIEVABLE),
    ("atm90e32", {"reset": True}, {}, 3, NO_ANSWER),
    ("ina226", {"silent": True}, {"silent": False}, 3, NO_ANSWER),
    ("ina226", {"stuck_clocks": -1}, {"stuck_clocks": 0}, 3, NO_ANSWER),
    ("ina226", {"impossible": True}, {"impossible": False}, 3, UNBELIEVABLE),
    ("ina226", {"reset": True}, {}, 3, NO_ANSWER),
    ("ina226", {"current_ma": 60_000}, {"current_ma": 5000}, 3, CLIPPED),
    ("ina226", {"voltage_mv": 0}, {"voltage_mv": 12_800}, 3, NO_VOLTAGE),
    ("ina228", {"silent": True}, {"silent": False}, 3, NO_ANSWER),
    ("ina228", {"stuck_clocks": -1}, {"stuck_clocks": 0}, 3, NO_ANSWER),
    ("ina228", {"impossible": True}, {"impossible": False}, 3, UNBELIEVABLE),
    ("ina228", {"reset": True}, {}, 3, NO_ANSWER),
    ("ina228", {"current_ma": 60_000}, {"current_ma": 5000}, 3, CLIPPED),
    ("ina228", {"voltage_mv": 0}, {"voltage_mv": 12_800}, 3, NO_VOLTAGE),
    ("s0_pulse", {"spike_ns": 12 * MS}, {}, 3, BOUNCE),
    ("s0_pulse", {"stuck": True}, {"stuck": False}, 5, NO_ANSWER),
    ("dsmr_p1", {"broken": True}, {"broken": False}, 30, NO_ANSWER),
    ("dsmr_p1", {"silent": True}, {"silent": False}, 30, NO_ANSWER),
    ("dsmr_p1", {"import_wh": 5}, {}, 3, UNBELIEVABLE),
    ("sml", {"broken": True}, {"broken": False}, 30, NO_ANSWER),
    ("sml", {"silent": True}, {"silent": False}, 30, NO_ANSWER),
    ("sml", {"import_wh": 5}, {}, 3, UNBELIEVABLE),
]


class PiNode:
    """A node of boards/pi_gpio with another meter, as start.run makes it, in the time of its chip."""

    def __init__(self, folder, driver, rig, **changes):
        self.rig = rig
        self.truth_mw, self.within_mw = CHIPS[driver][1:]
        loaded = metering(folder, "pi_gpio", driver, **changes)
        assert boards.check(loaded) == []
        board = types.SimpleNamespace(**loaded.board)
        unit = {"name": "pi", "link_path": str(folder / "port"), "interval_s": 10}
        self.meter, self.channels = make_meter(board, unit, {}, self.now_ms)
        coils = {spec["name"]: SimulatedCoil() for spec in board.CONTACTORS}
        self.journal = make_journal(board, unit, str(folder), self.channels)
        made = board, unit, str(folder), coils, self.meter, self.channels, self.journal, "power on"
        self.node, self._stream = make_node(*made, int, self.now_ms)
        self._ends = [channel.end_us for channel in self.channels]
        self._next = self.journal.next
        self.seen = [[] for _ in self.channels]  # (power, voltage, quality) of each window

    def now_ms(self):
        return self.rig.now_ns // MS

    def run(self, seconds):
        """The windows of each channel that ended meanwhile."""
        self.seen = [[] for _ in self.channels]
        for _ in range(seconds * 1000 // STEP_MS):
            self.rig.run(STEP_MS * MS)
            self.node.step(self.now_ms())
            for index, channel in enumerate(self.channels):
                if channel.end_us != self._ends[index]:
                    self._ends[index] = channel.end_us
                    window = channel.window
                    self.seen[index].append((window.active_power_mw, window.voltage_rms_mv, window.quality))
        return self.seen

    def quality_events(self):
        """(channel, flags) of each that has come into the journal since this was last asked."""
        found = []
        for sequence in range(self._next, self.journal.next):
            buffer, start, length = self.journal.record(sequence)
            record = cbor.decode(bytes(buffer[start : start + length]))
            if record[0] == schema.EVENT and record[2] == QUALITY:
                found.append((record[3], record[5]))
        self._next = self.journal.next
        return found

    def assert_right(self, since=0):
        """What was told in the last run, from its window `since` on, is the truth, or nothing, or flagged."""
        for index, windows in enumerate(self.seen):
            for power_mw, _, quality in windows[since:]:
                if power_mw is not None and not quality & (CLIPPED | NO_VOLTAGE):
                    assert abs(power_mw - self.truth_mw[index]) <= self.within_mw, (index, power_mw, quality)

    def close(self):
        self.meter.close()
        self._stream.close()


@pytest.fixture
def pi(tmp_path, monkeypatch):
    made = []

    def make(driver, **changes):
        rig = ChipRig(CHIPS[driver][0])
        made.append(rig)
        pi_kit.install(rig, monkeypatch)
        node = PiNode(tmp_path, driver, rig, **changes)
        made.append(node)
        return node

    yield make
    for each in reversed(made):
        each.close()


@pytest.mark.parametrize("driver", CHIPS)
def test_a_chip_is_metered_and_its_energy_counted(pi, driver):
    node = pi(driver)
    node.run(8)
    before = [(channel.energy.import_mwh, channel.energy.export_mwh) for channel in node.channels]
    node.run(40)
    for index, (windows, truth_mw) in enumerate(zip(node.seen, node.truth_mw, strict=True)):
        assert len(windows) >= 39
        assert all(power_mw is not None and not quality for power_mw, _, quality in windows)
        assert all(abs(power_mw - truth_mw) <= node.within_mw for power_mw, _, _ in windows)
        energy = node.channels[index].energy
        gained = energy.import_mwh - before[index][0], energy.export_mwh - before[index][1]
        true_mwh = abs(truth_mw) * 40 / 3600
        step_mwh = abs(truth_mw) * 1.1 / 3600 if driver not in ("s0_pulse", "dsmr_p1") else 2000
        assert abs(gained[truth_mw < 0] - true_mwh) <= step_mwh and gained[truth_mw > 0] == 0
    assert node.quality_events() == [] and node.meter.fault == ""


@pytest.mark.parametrize(("driver", "fault", "cure", "seen_s", "flag"), FAULTS)
def test_a_fault_is_a_flag_one_event_and_never_a_figure(pi, driver, fault, cure, seen_s, flag):
    node = pi(driver)
    node.run(6)
    assert node.quality_events() == []
    everybody = range(len(node.channels))
    before = [channel.energy.import_mwh - channel.energy.export_mwh for channel in node.channels]
    node.rig.tell(**fault)
    windows = node.run(seen_s)
    load = flag in (CLIPPED, NO_VOLTAGE)  # it is the load that changes, and the first window is of both
    node.assert_right(load)
    assert all(any(quality & flag for _, _, quality in windows[index]) for index in everybody)
    if flag in (NO_ANSWER, UNBELIEVABLE):
        flagged = [power_mw for index in everybody for power_mw, _, quality in windows[index] if quality & flag]
        assert flagged and set(flagged) == {None}
    assert node.quality_events() == [(index, flag) for index in everybody]
    node.run(6)
    node.assert_right()
    assert node.quality_events() == []  # once

    node.rig.tell(**cure)
    node.run(5)
    node.assert_right(load)
    node.run(12)
    node.assert_right()
    assert node.quality_events() == [(index, 0) for index in everybody]
    for index in everybody:
        assert node.seen[index][-1][0] is not None and node.seen[index][-1][2] == 0
        gained = node.channels[index].energy.import_mwh - node.channels[index].energy.export_mwh - before[index]
        true_mwh = node.truth_mw[index] * (seen_s + 23) / 3600
        if not load:
            assert abs(gained) <= abs(true_mwh) * 1.02 + 2000


def test_a_contact_that_bounces_is_counted_once_and_is_no_fault(pi):
    node = pi("s0_pulse")
    node.rig.tell(bounces=3)
    node.run(20)
    pulses = node.rig.tell()["pulses"]
    assert node.channels[0].energy.import_mwh // 1000 in (pulses, pulses - 1)
    node.assert_right()
    assert node.quality_events() == []


def test_a_bit_that_is_wrong_now_and_then_makes_no_wrong_figure(pi):
    node = pi("atm90e32")
    node.run(3)
    for every in (7, 11, 30):  # words
        node.rig.tell(garbled=every)
        node.run(6)
        node.assert_right()
        assert all(any(power_mw is not None for power_mw, _, _ in windows) for windows in node.seen)


@pytest.mark.parametrize(
    ("driver", "changes", "turned", "flag"),
    [
        ("ina226", {"CHANNELS": [{"name": "load", "load": True}]}, {"current_ma": -5000}, REVERSED),
        ("ina228", {"CHANNELS": [{"name": "load", "load": True}]}, {"current_ma": -5000}, REVERSED),
        (
            "atm90e32",
            {"CHANNELS": [{**PHASES[0], "load": True}]},
            {"phases": [{"active_mw": -2_000_000, "reactive_mvar": -600_000}]},
            REVERSED,
        ),
        (
            "atm90e32",
            {"CHANNELS": [{**PHASES[0], "load": True}]},
            {"phases": [{"active_mw": -900_000, "reactive_mvar": 1_600_000}]},
            WRONG_PHASE,
        ),
    ],
)
def test_a_load_that_is_wired_wrongly_is_told_once(pi, driver, changes, turned, flag):
    node = pi(driver, **changes)
    node.run(5)
    node.rig.tell(**turned)
    node.run(12)
    assert node.quality_events() == [(0, flag)]
    node.run(10)
    assert node.quality_events() == []


@pytest.mark.parametrize("driver", ["ina226", "ina228", "atm90e32"])
def test_the_same_file_runs_over_blinkas_buses(pi, driver, monkeypatch):
    monkeypatch.setattr(
        "gridnode.drivers.smbus2_i2c.Smbus2I2C", lambda bus: BusioI2CRegisters(pi_kit.BusioBus(bus._rig, bus._number))
    )
    monkeypatch.setattr(
        "gridnode.drivers.spidev_spi.SpidevSpi", lambda device: BusioSpi(pi_kit.BusioSpi(device._rig), 200_000, 1, 1)
    )
    node = pi(driver)
    node.run(5)
    node.assert_right()
    assert all(windows and windows[-1][0] is not None for windows in node.seen)
    fault = {"line": "ones"} if driver == "atm90e32" else {"stuck_clocks": -1}
    node.rig.tell(**fault)
    node.run(3)
    assert node.quality_events() == [(index, NO_ANSWER) for index in range(len(node.channels))]
