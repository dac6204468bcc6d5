"""S0 pulses: each is counted once, whatever the contact, the line and the program do; power from their distance."""

from gridnode.drivers.s0_pulse import S0Pulse
from gridnode.metering.channel import Channel
from gridnode.metering.told_window import BOUNCE, NO_ANSWER, ToldWindow

MS = 1000
STEP_MS = 10


class Chance:
    """Seeded numbers, the same on every interpreter."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit


class Line:
    """Edges at given times, as an interrupt tells them: while interrupts are held off, once for all, afterwards."""

    def __init__(self):
        self.edges = []  # (when, active), in order
        self.level = False
        self.held_until_us = 0
        self.lost = self.active = False
        self.at_us = 0
        self.seen = []

    def pulse(self, at_us, length_us=30 * MS):
        self.edges += [(at_us, True), (at_us + length_us, False)]

    def hold_off(self, from_us, until_us):
        """Nobody answers interrupts in this time: what changes in it is told once, with the level at its end."""
        held = [edge for edge in self.edges if from_us <= edge[0] < until_us]
        if held:
            others = [edge for edge in self.edges if not from_us <= edge[0] < until_us]
            self.edges = sorted(others + [(until_us, held[-1][1])])

    def take(self, now_us):
        if not self.edges or self.edges[0][0] > now_us:
            return False
        self.at_us, self.active = self.edges.pop(0)
        return True

    def close(self):
        self.edges = []


class Rig:
    """1000 pulses a kWh and at most 10 kW (a pulse each 360 ms), unless told otherwise; pumped every 10 ms."""

    def __init__(self, per_kwh=1000, largest_w=10_000):
        self.line = Line()
        self.channel = Channel("heat pump", ToldWindow())
        self.meter = S0Pulse(self.line, self.channel, per_kwh, largest_w, 0)
        self.now_ms = 0
        self.qualities = []

    def run(self, until_ms, step_ms=STEP_MS):
        while self.now_ms < until_ms:
            self.now_ms += step_ms
            self.meter.pump(self.now_ms * MS)
            if self.now_ms % 1000 == 0:
                self.qualities.append(self.channel.window.quality)

    def watts(self):
        power_mw = self.channel.window.active_power_mw
        return None if power_mw is None else power_mw / 1000


def test_energy_is_pulses():
    rig = Rig()
    for second in range(1, 61):
        rig.line.pulse(second * 1_000_000)
    rig.run(62_000)
    assert rig.meter.pulses == 60 and rig.channel.energy.import_mwh == 60_000
    assert rig.channel.end_us == 62_000_000 and set(rig.qualities) == {0}
    end_ms, duration_ms, *rest = rig.channel.take_interval()
    assert (end_ms, duration_ms, rest[:2]) == (62_000, 62_000, [60_000, 0])
    assert rest[3:] == [None] * 5 + [0] and rest[2] is not None


def test_pulses_that_are_no_whole_milliwatt_hours_lose_nothing():
    for per_kwh in (3, 7, 375, 800, 10_000):
        rig = Rig(per_kwh, 50_000_000 // per_kwh)
        for number in range(1, 9):
            rig.line.pulse(number * 2_000_000)
        rig.run(20_000)
        assert rig.channel.energy.import_mwh == 8 * 1_000_000 // per_kwh


def test_power_is_the_energy_of_a_pulse_over_the_time_between_two():
    rig = Rig()
    rig.run(5000)
    assert rig.watts() is None  # nothing is known before two pulses
    rig.line.pulse(6_000_000)
    rig.line.pulse(7_800_000)
    rig.run(8000)
    assert abs(rig.watts() - 2000) < 0.01  # 1 Wh in 1.8 s
    rig.run(9000)
    assert abs(rig.watts() - 2000) < 0.01  # the next is not due before 9.6 s
    rig.run(17_000)
    assert abs(rig.watts() - 3600 / 9.2) < 0.01  # no more than this can have flowed without a pulse
    rig.line.pulse(18_000_000)
    rig.line.pulse(18_360_000)
    rig.run(19_000)
    assert abs(rig.watts() - 3600 / 0.64) < 1  # 10 kW, and now no more than 1 Wh in 0.64 s


def test_several_pulses_in_a_window():
    rig = Rig()
    for number in range(1, 101):
        rig.line.pulse(number * 400_000)
        rig.line.edges.sort()
    rig.run(40_000)
    assert rig.meter.pulses == 99 and abs(rig.watts() - 9000) < 0.01  # the last one has not yet ended
    rig.run(41_000)
    assert rig.meter.pulses == 100 and rig.meter.refused == 0


def test_a_contact_that_bounces_is_counted_once():
    chance = Chance(5)
    rig = Rig()
    for second in range(1, 31):
        at_us = second * 1_000_000
        edges = []
        for began_us in (at_us, at_us + 35 * MS):  # closing and opening
            for _ in range(3):
                edges.append((began_us + chance.below(4500), len(edges) % 2 == 0))
        edges = sorted(edges[:3], key=lambda e: e[0]) + sorted(edges[3:], key=lambda e: e[0])
        rig.line.edges += [(when, index % 2 == 0) for index, (when, _) in enumerate(edges)]
    rig.run(32_000)
    assert rig.meter.pulses == 30 and rig.meter.refused == 0 and set(rig.qualities) == {0}


def test_what_is_too_short_is_no_pulse():
    rig = Rig()
    for number in range(1, 10):
        rig.line.pulse(number * 1_000_000 + 500, 10 + number)  # spikes
    rig.run(10_000)
    assert rig.meter.pulses == 0 and set(rig.qualities) == {0}
    rig.line.pulse(10_500_000, 12 * MS)
    rig.run(11_000)
    assert rig.meter.pulses == 0 and rig.qualities[-1] == BOUNCE
    rig.run(12_000)
    assert rig.qualities[-1] == 0  # good again


def test_more_than_the_meter_can_meter_is_not_counted_and_said():
    rig = Rig()
    for number in range(1, 1001):
        rig.line.pulse(number * 70 * MS)  # 51 kW from a meter of 10 kW
    rig.run(71_000)
    assert rig.meter.pulses + rig.meter.refused == 1000
    assert 70_000 / 360 - 2 <= rig.meter.pulses <= 70_000 / 360 + 2
    assert rig.qualities[30] == BOUNCE


def test_the_largest_power_itself_is_counted_with_jitter():
    chance = Chance(9)
    rig = Rig()
    for number in range(1, 501):
        rig.line.pulse(number * 360 * MS + chance.below(40 * MS))
    rig.run(182_000)
    assert rig.meter.pulses == 500 and rig.meter.refused == 0 and set(rig.qualities) == {0}


def test_pulses_while_flash_is_written_are_counted():
    for offset_ms in range(-40, 60, 5):  # of the stall against the pulse
        rig = Rig()
        for second in range(1, 11):
            rig.line.pulse(second * 1_000_000)
        for second in range(1, 11):
            from_us = second * 1_000_000 + offset_ms * MS
            rig.line.hold_off(from_us, from_us + 46 * MS)
        for second in range(1, 11):  # the program stands still for as long
            rig.run(second * 1000 - 60)
            rig.now_ms += (offset_ms + 60 + 46) // STEP_MS * STEP_MS
            rig.run(second * 1000 + 200)
        rig.run(12_000)
        assert rig.meter.pulses == 10 and rig.meter.refused == 0, offset_ms


def test_a_contact_that_bounces_while_flash_is_written_is_counted_once_and_nothing_is_said():
    for offset_ms in range(-40, 60, 5):
        rig = Rig()
        for second in range(1, 11):
            began_us = second * 1_000_000
            for at_us in (began_us, began_us + 1000, began_us + 30 * MS, began_us + 31 * MS):
                rig.line.edges += [(at_us, at_us - began_us < 15 * MS), (at_us + 500, at_us - began_us >= 15 * MS)]
            rig.line.edges += [(began_us + 2000, True), (began_us + 32 * MS, False)]
            rig.line.edges.sort()
            rig.line.hold_off(began_us + offset_ms * MS, began_us + (offset_ms + 46) * MS)
        for second in range(1, 11):  # the program stands still for as long
            rig.run(second * 1000 - 60)
            rig.now_ms += (offset_ms + 60 + 46) // STEP_MS * STEP_MS
            rig.run(second * 1000 + 200)
        rig.run(12_000)
        assert rig.meter.pulses == 10 and rig.meter.refused == 0 and set(rig.qualities) == {0}, offset_ms


def test_a_bounce_that_a_held_up_program_takes_for_a_pulse_is_no_fault():
    for bounce_us, blind in ((0, (900, 1000.7)), (31_200, (1030.5, 1080.5))):  # before the pulse; behind it
        rig = Rig()
        rig.line.edges = [(1_000_000 + bounce_us, True), (1_000_500 + bounce_us, False)]
        rig.line.edges = sorted(rig.line.edges + [(1_001_000, True), (1_030_200, False)])
        times_ms = [number * 10 for number in range(90)] + list(blind)
        while times_ms[-1] < 2000:
            times_ms.append(times_ms[-1] + 9.5)
        times_ms += [number + 1000.5 for number in range(0, 30, 10)] if bounce_us else []
        for at_ms in sorted(times_ms):
            rig.meter.pump(int(at_ms * 1000))
            if at_ms > 990:
                rig.qualities.append(rig.channel.window.quality)
        assert rig.meter.pulses == 1 and rig.meter.refused == 0 and set(rig.qualities) == {0}, bounce_us


def test_a_spike_while_the_program_runs_is_no_pulse_even_if_both_its_edges_are_told_at_once():
    rig = Rig()
    for number in range(1, 10):
        rig.line.edges.append((number * 1_000_000, False))
    rig.run(11_000)
    assert rig.meter.pulses == 0


def test_a_line_held_as_in_a_pulse_is_told():
    rig = Rig()
    rig.line.edges.append((500_000, True))
    rig.run(5000)
    assert rig.qualities[-1] == NO_ANSWER and "short circuit" in rig.meter.fault
    rig.line.edges.append((5_500_000, False))
    rig.run(7000)
    assert rig.qualities[-1] == 0 and rig.meter.fault == "" and rig.meter.pulses == 1


def test_a_line_that_is_held_right_after_a_pulse_did_not_bounce():
    rig = Rig()
    rig.line.pulse(400 * MS)
    rig.line.pulse(500 * MS, 5000 * MS)
    rig.run(7000)
    assert rig.meter.pulses == 1 and rig.meter.refused == 0
    assert set(rig.qualities) == {0, NO_ANSWER}


def test_pulses_hidden_by_a_line_that_is_held_make_no_figure_of_power():
    rig = Rig()
    for number in range(4):
        rig.line.pulse(number * 500 * MS)
    rig.run(2000)
    full = rig.watts()
    rig.line.pulse(2000 * MS, 6000 * MS)
    rig.run(3000)
    assert full == 7200 and rig.watts() is None  # what hides pulses is not a smaller load
    for number in range(3):
        rig.line.pulse((8500 + number * 500) * MS)
    for until_ms in (8000, 9000):
        rig.run(until_ms)
        assert rig.watts() is None
    rig.run(10_000)
    assert rig.watts() == full


def test_a_pulse_that_is_not_over_does_not_make_the_power_fall():
    rig = Rig()
    for at_ms in (475, 980, 1485, 1990):  # 505 ms apart: a window ends within the last one
        rig.line.pulse(at_ms * MS)
    rig.run(2010)
    assert rig.meter.pulses == 3
    assert abs(rig.watts() - 3600 / 0.505) < 1


def test_edges_that_were_forgotten_are_told():
    rig = Rig()
    rig.line.lost = True
    rig.run(1000)
    assert rig.qualities == [BOUNCE] and not rig.line.lost
    rig.run(2000)
    assert rig.qualities[-1] == 0


def test_registers_go_on_from_where_they_were():
    rig = Rig()
    rig.channel = Channel("heat pump", ToldWindow(), 0, 5_000_123, 77)
    rig.meter = S0Pulse(rig.line, rig.channel, 1000, 10_000, 0)
    rig.line.pulse(1_000_000)
    rig.run(2000)
    assert (rig.channel.energy.import_mwh, rig.channel.energy.export_mwh) == (5_001_123, 77)


def test_time_that_nobody_pumped_is_counted():
    rig = Rig()
    rig.line.pulse(1_000_000)
    rig.line.pulse(3_000_000)
    rig.run(9500, 9500)
    assert rig.meter.pulses == 2 and rig.channel.end_us == 9_000_000


def test_a_meter_that_pulses_faster_than_s0_can_is_refused():
    for per_kwh, largest_w in ((1000, 60_001), (10_000, 6_001), (0, 1000), (1000, 0)):
        try:
            Rig(per_kwh, largest_w)
        except ValueError:
            continue
        raise AssertionError((per_kwh, largest_w))
    Rig(1000, 60_000)
