"""The relay on a Linux GPIO line: open from its first moment, at either polarity, and clear about what is missing."""

import enum
import sys
import types

import pytest

from gridnode.drivers.gpiod_relay import GpiodRelay, open_relay


class Value(enum.Enum):
    INACTIVE = 0
    ACTIVE = 1


class Direction(enum.Enum):
    INPUT = 1
    OUTPUT = 2


class Bias(enum.Enum):
    AS_IS = 1
    PULL_UP = 2
    PULL_DOWN = 3


class LineSettings:
    def __init__(self, direction, active_low=False, bias=Bias.AS_IS, output_value=Value.INACTIVE):
        self.direction, self.active_low, self.bias, self.output_value = direction, active_low, bias, output_value


class FakeGpiod:
    """libgpiod's binding as far as the driver goes, over lines whose electrical levels are kept and recorded.

    levels: of each line, as a circuit sees it; what nobody drives rests where its bias pulls. history: (line, level) of
    every level that was driven.
    """

    line = types.SimpleNamespace(Value=Value, Direction=Direction, Bias=Bias)
    LineSettings = LineSettings

    def __init__(self, taken=()):
        self.levels = {}
        self.history = []
        self.requests = []
        self.taken = set(taken)

    def request_lines(self, path, consumer, config):
        if path != "/dev/gpiochip0":
            raise FileNotFoundError(2, "No such file or directory")
        if self.taken & set(config):
            raise OSError(16, "Device or resource busy")
        self.taken |= set(config)
        self.requests.append(consumer)
        for number, settings in config.items():
            if settings.direction is Direction.OUTPUT:
                self.drive(number, settings.output_value.value ^ bool(settings.active_low))
            else:
                self.levels.setdefault(number, int(settings.bias is Bias.PULL_UP))
        return Lines(self, config)

    def drive(self, number, level):
        self.levels[number] = level
        self.history.append((number, level))


class Lines:
    def __init__(self, gpiod, config):
        self.gpiod, self.config = gpiod, config

    def set_value(self, number, value):
        assert self.config[number].direction is Direction.OUTPUT
        self.gpiod.drive(number, value.value ^ bool(self.config[number].active_low))

    def get_value(self, number):
        return Value(self.gpiod.levels[number] ^ bool(self.config[number].active_low))


def relay(gpiod, closed_level=1, feedback_pin=None, feedback_closed_level=0):
    return GpiodRelay(gpiod, "/dev/gpiochip0", 17, closed_level, feedback_pin, feedback_closed_level)


@pytest.mark.parametrize("closed_level", [0, 1])
def test_it_is_open_from_the_moment_it_is_made_and_never_pulses(closed_level):
    gpiod = FakeGpiod()
    coil = relay(gpiod, closed_level)
    assert gpiod.history == [(17, 1 - closed_level)]
    assert coil.closed is False
    coil(False)
    assert {level for _, level in gpiod.history} == {1 - closed_level}


@pytest.mark.parametrize("closed_level", [0, 1])
def test_it_closes_and_opens(closed_level):
    gpiod = FakeGpiod()
    coil = relay(gpiod, closed_level)
    coil(True)
    assert coil.closed is True and gpiod.levels[17] == closed_level
    coil(False)
    assert coil.closed is False and gpiod.levels[17] == 1 - closed_level


def test_closed_is_what_the_line_says():
    gpiod = FakeGpiod()
    coil = relay(gpiod)
    coil(True)
    gpiod.levels[17] = 0  # something stronger holds it down
    assert coil.closed is False


def test_without_an_auxiliary_contact_there_is_no_feedback():
    assert relay(FakeGpiod()).feedback() is None


@pytest.mark.parametrize("closed_level", [0, 1])
def test_the_auxiliary_contact_is_read_at_its_own_polarity(closed_level):
    gpiod = FakeGpiod()
    coil = relay(gpiod, 1, 27, closed_level)
    assert coil.feedback() is False  # an open contact leaves the line to its bias
    gpiod.levels[27] = closed_level
    assert coil.feedback() is True
    assert coil.closed is False  # one is not the other


def test_a_line_that_another_holds_is_refused():
    gpiod = FakeGpiod()
    relay(gpiod)
    with pytest.raises(OSError, match="busy"):
        relay(gpiod)


def test_open_relay_uses_the_installed_binding(monkeypatch):
    gpiod = FakeGpiod()
    monkeypatch.setitem(sys.modules, "gpiod", gpiod)
    coil = open_relay("/dev/gpiochip0", 17, 0)
    coil(True)
    assert gpiod.history == [(17, 1), (17, 0)]
    assert gpiod.requests == ["gridnexus"]


@pytest.mark.parametrize(
    ("installed", "chip", "words"),
    [
        (None, "/dev/gpiochip0", "pip install gpiod"),
        (types.SimpleNamespace(), "/dev/gpiochip0", "upgrade gpiod"),
        (FakeGpiod(), "/dev/gpiochip9", "/dev/gpiochip9 line 17 .*No such file.*gpiodetect"),
        (FakeGpiod(taken=[17]), "/dev/gpiochip0", "busy.*gpioinfo"),
    ],
)
def test_what_is_missing_is_said_with_its_cure(monkeypatch, installed, chip, words):
    monkeypatch.setitem(sys.modules, "gpiod", installed)
    with pytest.raises(RuntimeError, match=words):
        open_relay(chip, 17, 1)
