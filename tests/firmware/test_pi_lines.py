"""What a Pi has for a microcontroller's UART and interrupts: a serial port, and edges kept by the kernel."""

import enum
import os
import sys
import time
import tty
import types

import pytest

from gridnode.drivers.dsmr_p1 import BAUD, P1Reader
from gridnode.drivers.gpiod_edges import GpiodEdges, open_edges
from gridnode.drivers.s0_pulse import S0Pulse
from gridnode.drivers.serial_port import open_port
from gridnode.drivers.smart_meter import SmartMeter
from gridnode.metering.channel import Channel
from gridnode.metering.told_window import BOUNCE, NO_ANSWER, ToldWindow
from tests.firmware.test_smart_meter import p1

MS = 1_000_000
NOW_NS = 5_000_000_000


class EdgeType(enum.Enum):
    RISING_EDGE = 1
    FALLING_EDGE = 2


class Settings:
    def __init__(self, **settings):
        self.__dict__.update(settings)


class FakeGpiod:
    """libgpiod's binding as far as the driver goes: edges that wait, at most so many at a reading."""

    line = types.SimpleNamespace(
        Direction=types.SimpleNamespace(INPUT="in"),
        Edge=types.SimpleNamespace(BOTH="both"),
        Bias=types.SimpleNamespace(PULL_UP="up", PULL_DOWN="down"),
    )
    EdgeEvent = types.SimpleNamespace(Type=EdgeType)
    LineSettings = Settings

    def __init__(self):
        self.events, self.sequence, self.released = [], 0, False

    def request_lines(self, path, consumer, config):
        if path != "/dev/gpiochip0":
            raise FileNotFoundError(2, "No such file or directory")
        ((self.pin, self.settings),) = config.items()
        return self

    def edge(self, at_ns, rising):
        self.sequence += 1
        kind = EdgeType.RISING_EDGE if rising else EdgeType.FALLING_EDGE
        self.events.append(types.SimpleNamespace(timestamp_ns=at_ns, event_type=kind, line_seqno=self.sequence))

    def wait_edge_events(self, timeout):
        assert timeout == 0  # None would wait for ever
        return bool(self.events)

    def read_edge_events(self):
        some, self.events = self.events[:4], self.events[4:]
        return some

    def release(self):
        self.released = True


@pytest.fixture
def gpiod(monkeypatch):
    fake = FakeGpiod()
    fake.clock_ns = NOW_NS
    monkeypatch.setattr("gridnode.drivers.gpiod_edges.monotonic_ns", lambda: fake.clock_ns)
    return fake


def edges(gpiod, active_level=0):
    return GpiodEdges(gpiod, "/dev/gpiochip0", 24, active_level)


@pytest.mark.parametrize(("active_level", "bias"), [(0, "up"), (1, "down")])
def test_the_line_is_pulled_away_from_its_active_level(gpiod, active_level, bias):
    edges(gpiod, active_level)
    settings = gpiod.settings
    assert (gpiod.pin, settings.direction, settings.edge_detection) == (24, "in", "both")
    assert (settings.bias, settings.active_low) == (bias, active_level == 0)


def test_edges_come_in_order_with_node_time(gpiod):
    line = edges(gpiod)
    assert not line.take(7_000_000)
    for number in range(10):
        gpiod.edge(NOW_NS - (100 - number) * MS, number % 2 == 0)
    taken = []
    while line.take(7_000_000):
        taken.append((line.at_us, line.active))
    assert taken == [(7_000_000 - (100 - number) * 1000, number % 2 == 0) for number in range(10)]
    assert not line.lost


def test_edges_that_the_kernel_dropped_are_told(gpiod):
    line = edges(gpiod)
    gpiod.edge(NOW_NS, True)
    gpiod.sequence += 3
    gpiod.edge(NOW_NS, False)
    assert line.take(0) and not line.lost
    assert line.take(0) and line.lost


def test_pulses_are_counted_through_it(gpiod):
    channel = Channel("heat pump", ToldWindow())
    line = edges(gpiod)
    meter = S0Pulse(line, channel, 1000, 10_000, 0)
    for number in range(1, 11):
        gpiod.edge(NOW_NS + number * 1000 * MS, True)
        gpiod.edge(NOW_NS + (number * 1000 + 31) * MS, False)
        for step in range(100):
            now_us = (number * 1000 + 40 + step * 10) * 1000
            gpiod.clock_ns = NOW_NS + now_us * 1000
            meter.pump(now_us)
    assert meter.pulses == 10 and channel.energy.import_mwh == 10_000
    assert channel.live()[3] == 3_600_000 and not channel.window.quality & BOUNCE
    meter.close()
    assert gpiod.released


def test_what_is_missing_is_said(monkeypatch, gpiod):
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(RuntimeError, match="pip install gpiod"):
        open_edges("/dev/gpiochip0", 24, 0)
    monkeypatch.setitem(sys.modules, "gpiod", gpiod)
    with pytest.raises(RuntimeError, match="gpiochip9 line 24"):
        open_edges("/dev/gpiochip9", 24, 0)
    assert open_edges("/dev/gpiochip0", 24, 0).take(0) is False


@pytest.fixture
def port():
    meter_end, our_end = os.openpty()
    tty.setraw(meter_end)
    tty.setraw(our_end)
    opened = open_port(os.ttyname(our_end), BAUD)
    yield meter_end, opened
    opened.close()
    os.close(our_end)


def test_a_smart_meter_is_read_through_a_serial_port(port):
    meter_end, stream = port
    assert stream.readinto(bytearray(9)) == 0
    channel = Channel("grid", ToldWindow())
    meter = SmartMeter(stream, P1Reader(), channel, 0)
    for second in (1, 2):
        telegram = p1(import_wh=1000 + second)
        os.write(meter_end, telegram)
        deadline = time.monotonic() + 10
        while channel.end_us < second * 1_000_000 and time.monotonic() < deadline:
            meter.pump(second * 1_000_000)
    assert channel.energy.import_mwh == 1000 and channel.live()[3] == 1_193_000
    os.close(meter_end)
    for now_ms in range(2000, 40_000, 100):  # it has been pulled out
        meter.pump(now_ms * 1000)
    assert channel.window.quality & NO_ANSWER and "silent" in meter.fault


def test_a_port_that_is_not_there_is_said(monkeypatch):
    with pytest.raises(RuntimeError, match="nowhere.*plugged in"):
        open_port("/dev/nowhere", BAUD)
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(RuntimeError, match="pip install pyserial"):
        open_port("/dev/nowhere", BAUD)
