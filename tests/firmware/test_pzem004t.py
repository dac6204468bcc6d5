"""The PZEM-004T's driver against a model of the chip's registers and of its line, which does what lines do."""

import gc
import sys

from gridnode.drivers.modbus import crc16
from gridnode.drivers.pzem004t import WINDOW_MS, Pzem004t
from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow
from gridnode.metering.window import CLIPPED, NO_ANSWER, SHORT_WINDOW, UNBELIEVABLE

STEP_MS = 10
REQUEST = b"\x01\x04\x00\x00\x00\x0a\x70\x0d"  # as the manual prints it for unit 1


def crc_by_bits(octets):
    """The specification's own way, bit by bit (Modbus over Serial Line 1.02, 6.2.2)."""
    crc = 0xFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def sealed(octets):
    crc = crc_by_bits(octets)
    return bytes(octets) + bytes((crc & 255, crc >> 8))


class Chance:
    """Seeded numbers, the same on every interpreter."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit


class Chip:
    """A PZEM-004T on its line at 9600 baud. `spoil(answer)` may make anything of an answer; None: none comes."""

    def __init__(self, unit=1, delay_ms=40):
        self.unit, self.delay_ms = unit, delay_ms
        self.now_ms = 0
        self.requests = []
        self.coming = []  # (when, octet)
        self.unplugged = False
        self.tell(230.4, 4.35, 985.6, 50.0)

    def tell(self, volts, amperes, watts, hertz):
        current, power = round(amperes * 1000), round(watts * 10)
        words = [round(volts * 10), current & 0xFFFF, current >> 16, power & 0xFFFF, power >> 16]
        words += [1234, 0, round(hertz * 10), 98, 0]
        self.words = words

    def spoil(self, answer):
        return answer

    def write(self, data):
        if self.unplugged:
            raise OSError(5)
        request = bytes(data)
        self.requests.append((self.now_ms, request))
        first, count = request[2] << 8 | request[3], request[4] << 8 | request[5]
        if crc_by_bits(request) or request[0] != self.unit or request[1] != 4:
            return len(request)
        head = [self.unit, 4, 2 * count]
        for word in self.words[first : first + count]:
            head += [word >> 8, word & 255]
        self.put(self.spoil(sealed(head)) or b"", self.now_ms + 9 + self.delay_ms)
        return len(request)

    def put(self, octets, at_ms):
        self.coming += [(at_ms + 1 + index * 25 // 24, octet) for index, octet in enumerate(octets)]
        self.coming.sort(key=lambda pair: pair[0])

    def readinto(self, buffer):
        if self.unplugged:
            raise OSError(5)
        n = 0
        while n < len(buffer) and self.coming and self.coming[0][0] <= self.now_ms:
            buffer[n] = self.coming.pop(0)[1]
            n += 1
        return n or None


class Rig:
    """A chip, its driver and a channel, stepped every 10 ms of simulated time."""

    def __init__(self, chip=None, address=1):
        self.chip = chip or Chip()
        self.channel = Channel("water heater", ChipWindow())
        self.meter = Pzem004t(self.chip, self.channel, address, 0)

    def run(self, until_ms):
        while self.chip.now_ms < until_ms:
            self.chip.now_ms += STEP_MS
            self.meter.pump(self.chip.now_ms * 1000)

    def figures(self):
        window = self.channel.window
        return (
            window.voltage_rms_mv,
            window.current_rms_ma,
            window.active_power_mw,
            window.apparent_power_mva,
            window.frequency_mhz,
            window.quality,
        )


TRUE_FIGURES = (230_400, 4350, 985_600, 1_002_240, 50_000, 0)
NO_FIGURES = (None, None, None, None, None, SHORT_WINDOW | NO_ANSWER)
IMPOSSIBLE = (None, None, None, None, None, SHORT_WINDOW | UNBELIEVABLE)


def test_the_crc_is_that_of_the_specification():
    assert crc16(b"\x02\x07", 2) == 0x1241  # its example
    chance = Chance(3)
    for length in range(30):
        octets = bytes([chance.below(256) for _ in range(length)])
        assert crc16(octets, length) == crc_by_bits(octets)
        assert crc16(sealed(octets), length + 2) == 0


def test_it_asks_for_all_ten_registers_once_a_window():
    rig = Rig()
    rig.run(5500)
    assert [request for _, request in rig.chip.requests] == [REQUEST] * 5
    assert [at for at, _ in rig.chip.requests] == [1000, 2000, 3000, 4000, 5000]


def test_what_the_registers_say_is_what_the_window_tells():
    rig = Rig()
    rig.run(1500)
    assert rig.figures() == TRUE_FIGURES
    assert rig.channel.window.reactive_power_mvar is None
    assert rig.channel.end_us == 1_000_000


def test_current_and_power_have_two_words():
    rig = Rig()
    rig.chip.tell(229.9, 87.654, 20012.3, 60.0)
    rig.run(1500)
    assert rig.figures()[:3] == (229_900, 87_654, 20_012_300)
    assert rig.figures()[4:] == (60_000, 0)


def test_energy_is_measured_power_over_measured_time():
    rig = Rig()
    rig.chip.tell(230.0, 8.7, 2000.0, 50.0)
    rig.run(180_500)
    assert rig.channel.energy.import_mwh == 100_000
    assert rig.channel.energy.export_mwh == 0
    assert rig.channel.take_interval()[:4] == (180_000, 180_000, 100_000, 0)
    assert (rig.meter.windows, rig.meter.missed) == (180, 0)


def test_a_silent_chip_makes_no_figures_and_no_energy_but_time_passes():
    rig = Rig()
    rig.run(10_500)
    rig.chip.spoil = lambda answer: None
    before = rig.channel.energy.import_mwh
    rig.run(70_990)
    assert rig.channel.energy.import_mwh == before == 985_600 * 10 // 3600
    assert rig.figures() == NO_FIGURES
    assert "does not answer" in rig.meter.fault and "unit 1" in rig.meter.fault
    end_ms, duration_ms = rig.channel.take_interval()[:2]
    assert end_ms == duration_ms == 70_000
    rig.run(130_990)
    assert rig.channel.take_interval() == (130_000, 60_000, before, 0) + (None,) * 6 + (SHORT_WINDOW | NO_ANSWER,)


def test_it_comes_back_by_itself_and_counts_from_there():
    rig = Rig()
    rig.chip.spoil = lambda answer: None
    rig.run(30_990)
    del rig.chip.spoil
    rig.run(66_500)
    assert rig.figures() == TRUE_FIGURES and rig.meter.fault == ""
    assert (rig.meter.windows, rig.meter.missed) == (36, 30)
    assert rig.channel.energy.import_mwh == 985_600 * 36 // 3600
    means = rig.channel.take_interval()
    assert means[:2] == (66_000, 66_000)
    assert means[4] == 985_600 and means[-1] == SHORT_WINDOW | NO_ANSWER  # of the measured part, and said to be short


def test_an_answer_lost_once_is_asked_for_again_in_the_same_window():
    rig = Rig()
    turn = [0]

    def every_third(answer):
        turn[0] += 1
        return answer if turn[0] % 3 == 0 else None

    rig.chip.spoil = every_third
    rig.run(20_990)
    assert (rig.meter.windows, rig.meter.missed) == (20, 0)
    assert len(rig.chip.requests) == 20 * 3
    assert rig.channel.energy.import_mwh == 985_600 * 20 // 3600


def spoilt(answer, chance):
    """One of the things that happen to answers. What still has a right CRC is another answer, and says 0."""
    kind = chance.below(9)
    octets = bytearray(answer)
    if kind == 0:
        return answer[: chance.below(len(answer))]
    if kind == 1:
        for _ in range(1 + chance.below(3)):
            octets[chance.below(len(octets))] ^= 1 << chance.below(8)
    elif kind == 2:
        return sealed(b"\x02\x04\x14" + bytes(20))  # of another unit
    elif kind == 3:
        return sealed(b"\x01\x03\x14" + bytes(20))  # to another question
    elif kind == 4:
        return sealed(b"\x01\x84\x04")  # the chip's own refusal
    elif kind == 5:
        return sealed(b"\x01\x04\x12" + bytes(20))  # of another length
    elif kind == 6:
        return bytes([chance.below(256) for _ in range(chance.below(60))])
    elif kind == 7:
        return bytes([chance.below(256) for _ in range(chance.below(30))]) + answer
    return bytes(octets)


def test_no_spoilt_line_makes_a_wrong_figure():
    measured = missed = 0
    for seed in range(40):
        chance = Chance(seed)
        rig = Rig()
        rig.chip.spoil = lambda answer, chance=chance: spoilt(answer, chance)
        for second in range(20):
            rig.run(1990 + second * 1000)
            assert rig.figures() in (TRUE_FIGURES, NO_FIGURES), (seed, second, rig.figures())
        measured += rig.meter.windows
        missed += rig.meter.missed
        assert rig.meter.windows + rig.meter.missed == 20
        assert rig.channel.energy.import_mwh == 985_600 * rig.meter.windows // 3600
    assert measured > 100 and missed > 100, (measured, missed)


def test_noise_or_an_echo_before_the_answer_does_no_harm():
    for before in (REQUEST, b"\x01", b"\x01\x04", b"\x01\x04\x14", b"\x01\x04\x14" * 9, bytes(range(128))):
        rig = Rig()
        rig.chip.delay_ms = 0
        rig.chip.spoil = lambda answer, before=before: before + answer
        rig.run(1990)
        assert rig.figures() == TRUE_FIGURES, before
        if len(before) < 100:
            assert len(rig.chip.requests) == 1


def test_the_answer_of_another_unit_is_not_taken():
    rig = Rig(Chip(unit=7))
    rig.chip.spoil = lambda answer: answer
    rig.run(3990)
    assert rig.figures() == NO_FIGURES and rig.meter.windows == 0
    rig = Rig(Chip(unit=7), address=7)
    rig.run(3990)
    assert rig.figures() == TRUE_FIGURES and rig.meter.windows == 3


def test_what_came_in_before_the_request_is_thrown_away():
    rig = Rig(Chip(delay_ms=900))  # after the last try
    rig.run(1700)
    rig.chip.tell(100.0, 1.0, 100.0, 50.0)
    rig.chip.delay_ms = 20
    rig.run(1990)
    assert rig.figures() == NO_FIGURES
    rig.run(2500)
    assert rig.figures()[:3] == (100_000, 1000, 100_000)


def test_when_nobody_pumps_the_windows_are_missed_not_made_up():
    rig = Rig()
    rig.run(3500)
    rig.chip.now_ms = 9270  # a step that took far too long
    rig.run(20_500)
    assert rig.channel.end_us == 20_000_000
    assert (rig.meter.windows, rig.meter.missed) == (15, 5)
    assert rig.channel.energy.import_mwh == 985_600 * 15 // 3600


def test_an_answer_waits_in_the_buffer_while_nobody_pumps():
    rig = Rig()
    rig.run(1000)
    rig.chip.now_ms = 1700
    rig.run(1710)
    assert rig.figures() == TRUE_FIGURES and len(rig.chip.requests) == 1


def test_what_cannot_be_is_not_believed():
    for wrong in ((655.35, 1.0, 100.0), (230.0, 4_000_000.0, 100.0), (230.0, 1.0, 300.0), (0.0, 0.0, 400_000_000.0)):
        rig = Rig()
        volts, amperes, watts = wrong
        rig.chip.tell(volts, amperes, watts, 50.0)
        rig.run(2990)
        assert rig.figures() == IMPOSSIBLE, wrong
        assert rig.channel.energy.import_mwh == 0
        assert "cannot be" in rig.meter.fault


def test_small_loads_are_believed_as_the_chip_rounds_them():
    for volts, amperes, watts in ((230.0, 0.0, 1.0), (230.0, 0.02, 4.7), (230.0, 0.021, 0.4), (230.0, 0.0, 0.0)):
        rig = Rig()
        rig.chip.tell(volts, amperes, watts, 50.0)
        rig.run(1990)
        assert rig.figures()[2] == round(watts * 1000)
        assert rig.channel.window.apparent_power_mva >= rig.channel.window.active_power_mw


def test_beyond_its_range_the_figure_is_told_and_flagged():
    for volts, amperes, watts, quality in (
        (265.0, 1.0, 260.0, CLIPPED),
        (70.0, 1.0, 70.0, CLIPPED),
        (230.0, 105.0, 22_000.0, CLIPPED),
        (240.0, 99.0, 23_100.0, CLIPPED),
        (230.0, 100.0, 22_900.0, 0),
    ):
        rig = Rig()
        rig.chip.tell(volts, amperes, watts, 50.0)
        rig.run(1990)
        assert rig.figures()[2] == round(watts * 1000) and rig.figures()[5] == quality, volts


def test_a_port_that_is_pulled_out_stops_nothing():
    rig = Rig()
    rig.run(2500)
    rig.chip.unplugged = True
    rig.run(6990)
    assert rig.figures() == NO_FIGURES
    rig.chip.unplugged = False
    rig.run(9990)
    assert rig.figures() == TRUE_FIGURES and rig.meter.missed == 4


class Babble:
    """A line that never falls silent; counts what is read from it."""

    def __init__(self, octet):
        self.octet = octet
        self.reads = 0

    def readinto(self, buffer):
        self.reads += 1
        for index in range(len(buffer)):
            buffer[index] = self.octet
        return len(buffer)

    def write(self, data):
        return len(data)


def test_a_line_that_never_falls_silent_holds_nobody_up():
    for octet in (1, 0x55):
        line = Babble(octet)
        channel = Channel("water heater", ChipWindow())
        meter = Pzem004t(line, channel, 1, 0)
        most = 0
        for now_ms in range(0, 3000, 50):
            before = line.reads
            meter.pump(now_ms * 1000)
            most = max(most, line.reads - before)
        assert 0 < most <= 64
        assert channel.end_us == 2_000_000 and meter.windows == 0
        assert "not understood" in meter.fault


def test_an_address_that_modbus_does_not_have_is_refused():
    for address in (0, 248, -1):
        try:
            Pzem004t(Chip(), Channel("grid", ChipWindow()), address, 0)
        except ValueError:
            continue
        raise AssertionError(address)


def test_it_starts_where_the_node_s_time_is():
    chip = Chip()
    chip.now_ms = 123_456
    channel = Channel("grid", ChipWindow())
    meter = Pzem004t(chip, channel, 1, 123_456_789)
    while chip.now_ms < 126_000:
        chip.now_ms += STEP_MS
        meter.pump(chip.now_ms * 1000)
    assert channel.end_us == 125_456_000 and meter.missed == 0
    assert channel.take_interval()[1] == 2 * WINDOW_MS


def test_waiting_allocates_nothing():
    class Quiet:
        def readinto(self, buffer):
            return None

        def write(self, data):
            return len(data)

    def allocated():
        return gc.mem_alloc() if sys.implementation.name == "micropython" else 0

    meter = Pzem004t(Quiet(), Channel("grid", ChipWindow()), 1, 0)
    for asked_us in (0, 1_000_000):  # idle; waiting for an answer
        meter.pump(asked_us)
        gc.collect()
        gc.disable()
        try:
            before = allocated()
            for _ in range(20):
                meter.pump(asked_us + 100)
            assert allocated() == before
        finally:
            gc.enable()
