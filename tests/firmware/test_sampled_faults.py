"""Faults of sampled inputs through a whole node: a flag of the reading, one event, and no figure that hides them.

The channels, judges and report are those of boards/rpi_pico, as meters.make_meter and assemble.make_node make them; in
the converter's place stands a supply whose samples are worked out.
"""

import math
import sys
import types
from array import array

import pytest

from gridnode.assemble import make_journal, make_node
from gridnode.drivers.simulated_coil import SimulatedCoil
from gridnode.meters import make_meter
from gridnode.wire import cbor, schema
from tools import boards

pytestmark = pytest.mark.slow
RATE_HZ, SETS = 2000, 40
STEPS = 3  # of a count, as the driver of three inputs hands samples on
CODES = 2048  # from the middle to either end
QUALITY = schema.EVENTS.index("quality")
GRID, LOAD = 0, 1
SOUND = {"volts": 230, "amperes": 10, "degrees": 10, "voltage_rests": 0, "current_rests": 0}


class Supply:
    """In the place of Rp2040Adc: 230 V, and on the load 10 A, unless told otherwise; the grid always 5 A."""

    fault = ""

    def __init__(self, channels, *_):
        self.channels = channels
        self.is_ = dict(SOUND)
        self.sample = 0
        for channel in channels:
            channel.begin(0)

    def pump(self, now_us):
        while (self.sample + SETS) * 1_000_000 // RATE_HZ <= now_us:
            turns = [50 * (self.sample + k) / RATE_HZ for k in range(SETS)]
            self.sample += SETS
            is_ = self.is_
            volts = self._samples(is_["volts"], 0, turns, 195_312_500, is_["voltage_rests"])
            self.channels[GRID].feed(volts, self._samples(5, 0, turns, 31_250_000, 0), SETS)
            current = self._samples(is_["amperes"], is_["degrees"], turns, 31_250_000, is_["current_rests"])
            self.channels[LOAD].feed(volts, current, SETS)

    def _samples(self, size, degrees, turns, nano, rests):
        peak = size * math.sqrt(2) * 1e9 / nano
        lag = math.radians(degrees)
        counts = [round(peak * math.sin(2 * math.pi * turn - lag)) + rests for turn in turns]
        return array("h", [max(-CODES, min(CODES - 1, count)) * STEPS for count in counts])

    def close(self):
        """Nothing goes on by itself."""


@pytest.fixture
def node(tmp_path, monkeypatch):
    driver = types.SimpleNamespace(Rp2040Adc=Supply, steps=lambda currents: STEPS, voltage_gain=lambda *_: 1)
    monkeypatch.setitem(sys.modules, "gridnode.drivers.rp2040_adc", driver)
    values = {**boards.load("rpi_pico").board, "SAMPLE_RATE_HZ": RATE_HZ, "LINK": {"driver": "pty"}, "POWER_FAIL": None}
    board = types.SimpleNamespace(**values)
    made = Node(board, tmp_path)
    yield made
    made.stream.close()


class Node:
    def __init__(self, board, folder):
        unit = {"name": "one", "link_path": str(folder / "port")}
        self.ms = 0
        self.meter, self.channels = make_meter(board, unit, {}, lambda: self.ms)
        coils = {spec["name"]: SimulatedCoil() for spec in board.CONTACTORS}
        self.journal = make_journal(board, unit, str(folder), self.channels)
        made = board, unit, str(folder), coils, self.meter, self.channels, self.journal, "power on"
        self.node, self.stream = make_node(*made, int, lambda: self.ms)
        self._next = self.journal.next

    def run(self, seconds, **is_):
        """(channel, flags) of each quality event meanwhile."""
        self.meter.is_ = {**SOUND, **is_}
        until_ms = self.ms + seconds * 1000
        while self.ms < until_ms:
            self.ms += 20
            self.node.step(self.ms)
        found = []
        for sequence in range(self._next, self.journal.next):
            buffer, start, length = self.journal.record(sequence)
            record = cbor.decode(bytes(buffer[start : start + length]))
            if record[0] == schema.EVENT and record[2] == QUALITY:
                found.append((record[3], record[5]))
        self._next = self.journal.next
        return found

    def watts(self, channel=LOAD):
        return self.channels[channel].window.active_power_mw / 1000


@pytest.mark.parametrize(
    ("fault", "seen_s", "events"),
    [
        ({"amperes": 60}, 2, [(LOAD, schema.CLIPPED)]),  # 85 A peak; the converter ends at 64 A
        ({"volts": 320}, 2, [(GRID, schema.CLIPPED), (LOAD, schema.CLIPPED)]),
        ({"degrees": 190}, 8, [(LOAD, schema.REVERSED)]),
        ({"degrees": 130}, 8, [(LOAD, schema.WRONG_PHASE)]),
        # Without its burden a transformer's input rests at the converter's end.
        (
            {"amperes": 0, "current_rests": -CODES},
            8,
            [(LOAD, schema.CLIPPED), (LOAD, schema.CLIPPED | schema.OPEN_INPUT)],
        ),
        ({"amperes": 0, "current_rests": 900}, 8, [(LOAD, schema.OPEN_INPUT)]),
        ({"volts": 0, "amperes": 0}, 2, [(GRID, schema.NO_VOLTAGE), (LOAD, schema.NO_VOLTAGE)]),
    ],
)
def test_a_fault_of_an_input_is_a_flag_and_one_event(node, fault, seen_s, events):
    assert node.run(3) == []
    assert node.watts() == pytest.approx(2300 * math.cos(math.radians(10)), rel=0.003)
    assert node.run(seen_s, **fault) == events
    lasting = dict(events)
    for channel, flags in lasting.items():
        assert node.channels[channel].window.quality & flags == flags
    assert node.run(6, **fault) == []  # once
    assert node.run(22) == [(channel, 0) for channel in lasting]
    assert node.watts() == pytest.approx(2300 * math.cos(math.radians(10)), rel=0.003)


def test_a_load_that_is_off_and_a_motor_are_no_faults(node):
    assert node.run(3) == []
    assert node.run(8, amperes=0) == []
    assert node.run(8, degrees=75) == []


def test_energy_that_an_open_input_seems_to_carry_is_none(node):
    """The input rests, so its alternating part is nothing."""
    node.run(3)
    before = node.channels[LOAD].energy.import_mwh
    node.run(10, amperes=0, current_rests=-CODES)
    gained_mwh = node.channels[LOAD].energy.import_mwh - before
    assert gained_mwh <= 2300 * 0.4 / 3.6  # of what flowed in the windows that had begun
