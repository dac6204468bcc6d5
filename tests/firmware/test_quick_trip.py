"""The quick trip: what counts as beyond the limit, and how an opened coil becomes an ordinary trip."""

import math
from array import array

from gridnode.assemble import quicken
from gridnode.native import micropython
from gridnode.switching.contactor import Contactor
from gridnode.switching.protection import PLACES, Protection
from gridnode.switching.quick_trip import QuickTrip

RATE, RING = 4000, 4096
NA, NV = 10_416_666, 65_104_166  # nano units per step, with three inputs
INSTANT_MA = 15_000
SPEC = {
    "over_current_ma": 3_000,
    "time_multiplier_ms": 50_000,
    "instant_ma": INSTANT_MA,
    "over_voltage_mv": None,
    "under_voltage_mv": None,
    "over_frequency_mhz": None,
    "under_frequency_mhz": None,
    "hold_off_ms": 500,
    "without_meter": "stay",
}
CONTACTOR = {
    "name": "heater",
    "min_on_s": 3,
    "min_off_s": 3,
    "max_hold_s": 900,
    "feedback_ms": 200,
    "retry_after_s": 1,
    "retries": 1,
    "retry_window_s": 3600,
}


class Halves:
    half_us = 10_000
    count = 0

    def __init__(self):
        self.voltage, self.current = array("i", [0] * PLACES), array("i", [0] * PLACES)


class Window:
    voltage_nv_per_count, current_na_per_count, clip_counts = NV, NA, 6_000
    sample_rate_hz = RATE
    frequency_mhz, quality, length, current_mean = 50_000, 0, 800 << 12, 0

    def __init__(self):
        self.halves = Halves()


class Channel:
    end_us = 0

    def __init__(self):
        self.window = Window()


class Coil:
    closed = False
    meanwhile = None  # what an interrupt does just before the pin moves

    def __call__(self, closed):
        interrupt, self.meanwhile = self.meanwhile, None
        if interrupt:
            interrupt()
        self.closed = closed


class Rig:
    """A contactor with its quick trip, and the ring that it looks at; all other inputs are at their end."""

    def __init__(self, slot=1, inputs=3, now_ms=10_000, **limits):
        spec = dict(SPEC)
        spec.update(limits)
        self.now_ms, self.slot, self.inputs = now_ms, slot, inputs
        self.coil, self.channel = Coil(), Channel()
        self.contactor = Contactor(CONTACTOR, self.coil)
        self.contactor.boot(0)
        self.contactor.protection = Protection(spec, self.channel)
        self.quick = QuickTrip(self.contactor, slot)
        self.ring = array("H", [4095] * RING)
        self.where = array("i", [2, 0, inputs, RING - 1, 0, 0])
        self.end_window()

    def end_window(self, **figures):
        for name, value in figures.items():
            setattr(self.channel.window, name, value)
        self.channel.end_us += 200_000
        self.contactor.protection.step(self.now_ms)

    def close(self):
        assert self.contactor.request("closed", 60_000, self.now_ms) == ("none", 0)
        assert self.coil.closed

    def flow(self, milliamperes, at=0, hertz=50, degrees=0, offset=0, noise=0):
        """A sine (RMS) fills the ring's newest half period and more; the newest set ends at place `at`."""
        self.where[1] = at
        peak = milliamperes * 1e6 * math.sqrt(2) / (NA * self.inputs)
        for k in range(60):
            height = peak * math.sin(2 * math.pi * hertz * k / RATE + math.radians(degrees))
            place = (at - (k + 1) * self.inputs + self.slot) % RING
            counts = round(2048 + offset + height) + noise * (k % 3 - 1)
            self.ring[place] = min(4095, max(0, counts))

    def look(self):
        self.quick.look(self.ring, self.where)

    def step(self, passed_ms=7):
        self.now_ms += passed_ms
        self.contactor.tick(self.now_ms)
        self.contactor.protect(self.now_ms)


def opens(rig):
    """Whether the next look opens the coil; as if nothing had been found before and after."""
    rig.coil.closed = True
    rig.look()
    assert bool(rig.quick.take()) != rig.coil.closed
    return not rig.coil.closed


def test_the_limit_is_the_same_wherever_the_half_period_begins_and_the_ring_ends():
    for inputs, slot in ((3, 1), (3, 2), (2, 1)):
        rig = Rig(slot, inputs)
        for degrees in range(0, 180, 23):
            for at in (0, 1, 2, 5, 119, 121, RING - 1):
                rig.flow(INSTANT_MA * 0.99, at, degrees=degrees, noise=1)
                assert not opens(rig), (inputs, slot, degrees, at)
                rig.flow(INSTANT_MA * 1.01, at, degrees=degrees)
                assert opens(rig), (inputs, slot, degrees, at)


def test_it_follows_frequency_offset_and_calibration():
    rig = Rig()
    for hertz in (45, 47.3, 49.5, 50.3, 52.6, 59.9, 60, 65):  # mostly no whole number of samples to half a period
        rig.channel.window.halves.half_us = round(500_000 / hertz)
        rig.end_window(current_mean=180)  # 60 counts, of three steps each
        for degrees in range(0, 180, 17):
            rig.flow(INSTANT_MA * 0.998, hertz=hertz, degrees=degrees, offset=60)
            assert not opens(rig), (hertz, degrees)
            rig.flow(INSTANT_MA * 1.002, hertz=hertz, degrees=degrees, offset=60)
            assert opens(rig), (hertz, degrees)
            rig.flow(INSTANT_MA * 1.3, hertz=hertz, degrees=degrees, offset=60)
            rig.look()
            told_ma = math.sqrt(rig.quick.take()) * NA / 1e6
            assert abs(told_ma - INSTANT_MA * 1.3) <= INSTANT_MA * 0.001, (hertz, degrees, told_ma)
    rig.end_window(current_mean=-180, current_na_per_count=NA * 2)  # a count is twice as much: half of them is enough
    rig.flow(INSTANT_MA * 0.49, hertz=65, offset=-60)
    assert not opens(rig)
    rig.flow(INSTANT_MA * 0.51, hertz=65, offset=-60)
    assert opens(rig)


def test_without_a_limit_nothing_opens():
    rig = Rig(instant_ma=None)
    rig.close()
    rig.flow(45_000)
    rig.look()
    rig.step()
    assert rig.coil.closed and rig.contactor.state == "closed"


def test_an_opened_coil_becomes_an_ordinary_trip_with_retry_and_lock_out():
    rig = Rig()
    told = []
    rig.contactor.on_change = lambda contactor, now_ms: told.append((contactor.state, contactor.cause))
    rig.close()
    rig.flow(30_000)
    rig.look()
    assert not rig.coil.closed and rig.contactor.state == "closed"  # the state follows with the next step
    rig.step()
    assert rig.contactor.state == "tripped" and abs(rig.contactor.value - 30_000) < 300, rig.contactor.value
    rig.look()  # the fault is still in the ring
    rig.step()
    rig.flow(1_000)
    rig.look()
    rig.step(5_000)
    rig.step()
    assert rig.coil.closed, "what was found while it was open is no reason to open it later"
    rig.flow(30_000)
    rig.look()
    rig.step()
    assert rig.contactor.state == "locked out" and not rig.coil.closed
    assert told == [
        ("closed", "request"),
        ("tripped", "over-current"),
        ("closed", "retry"),
        ("locked out", "over-current"),
    ]


def test_an_interrupt_while_the_coil_is_being_closed_is_not_lost():
    rig = Rig()
    rig.flow(30_000)
    rig.coil.meanwhile = rig.look
    rig.close()  # the pin is driven after the interrupt has opened it
    rig.step()
    assert (rig.contactor.state, rig.coil.closed, rig.contactor.cause) == ("tripped", False, "over-current")


def test_what_is_found_when_a_window_ends_is_kept():
    rig = Rig()
    rig.close()
    rig.flow(30_000)
    rig.look()
    rig.channel.end_us += 200_000
    rig.step()
    assert rig.contactor.cause == "over-current"


def test_nothing_is_allocated():
    lock = getattr(micropython, "heap_lock", lambda: None)
    unlock = getattr(micropython, "heap_unlock", lambda: None)
    rig = Rig()
    rig.close()
    rig.flow(44_000)
    now_ms = rig.now_ms + 7
    lock()
    try:
        rig.quick.look(rig.ring, rig.where)
        rig.contactor.protect(now_ms)
    finally:
        unlock()
    assert rig.contactor.state == "tripped" and not rig.coil.closed


class Watched:
    """A meter, and a board, of a contactor without protection, one without a limit, and two with."""

    looks = None
    CONTACTORS = (
        {"protection": None},
        {"protection": {"instant_ma": None}},
        {"protection": {"instant_ma": INSTANT_MA}},
        {"protection": {"instant_ma": INSTANT_MA}},
    )

    def watch(self, looks):
        assert self.looks is None
        self.looks = looks


def test_those_are_watched_that_have_a_limit_each_by_its_own_current():
    rigs = [Rig(), Rig(instant_ma=None), Rig(slot=2), Rig(slot=1)]
    rigs[0].contactor.protection = None
    channels = [rigs[3].channel, rigs[2].channel]
    meter = Watched()
    contactors = [rig.contactor for rig in rigs]
    quicken(Watched, meter, contactors, channels)
    assert len(meter.looks) == 2
    for rig, look in zip(rigs[2:], meter.looks):
        rig.coil.closed = True
        rig.flow(30_000)
        look(rig.ring, rig.where)
        assert not rig.coil.closed
        rig.flow(1_000)  # all other inputs are at their end
        rig.coil.closed = True
        look(rig.ring, rig.where)
        assert rig.coil.closed
    quicken(Watched, object(), contactors, channels)  # a meter whose samples nobody can watch
    without = Watched()
    without.CONTACTORS = Watched.CONTACTORS[:2]
    quicken(without, without, contactors[:2], channels)
    assert without.looks is None
