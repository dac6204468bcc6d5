"""The ATM90E32AS's driver against a model of the chip's registers and of its SPI line, which does what lines do."""

from gridnode.drivers.atm90e32 import CANNOT, WINDOW_MS, Atm90e32
from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow
from gridnode.metering.window import CLIPPED, NO_ANSWER, NO_VOLTAGE, SHORT_WINDOW, UNBELIEVABLE

STEP_MS = 10
GAINS = [(7305, 11131), (7306, 11132), (7307, 22000)]
LAST = 0x78
FIRST_MEAN_MS = 400  # 16 periods of the slowest mains that are believed


class Chance:
    """Seeded numbers, the same on every interpreter."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit


class Chip:
    """An ATM90E32AS and its bus. `spoil(word)` may make anything of what is read.

    It meters once it is told to, and shows what was told with `tell` from its first mean on, 0 before; a write below
    the reset register needs the key.
    """

    def __init__(self):
        self.now_ms = 0
        self.selected = 1
        self.transfers = 0
        self.broken = False
        self.shown = {}
        self.power_up()
        self.tell(0, 230.0, 10.0, 2_200.0, 671.0)
        self.tell(1, 231.5, 4.0, -900.0, -200.0)
        self.tell(2, 229.0, 0.5, 0.0, 114.5)
        self.shown[0xF8] = 4998

    def power_up(self):
        self.registers = {0x33: 0x87}
        self.last = 0
        self.began_ms = self.now_ms

    def tell(self, phase, volts, amperes, watts, var):
        self.shown[0xD9 + phase] = round(volts * 100)
        self.shown[0xDD + phase] = round(amperes * 1000)
        for register, value in ((0xB1, watts), (0xB5, var)):
            steps = round(value / 0.00032) & 0xFFFFFFFF
            self.shown[register + phase] = steps >> 16
            self.shown[register + 0x10 + phase] = steps & 0xFFFF

    def select(self, level):
        assert level != self.selected
        self.selected = level

    def spoil(self, word):
        return word

    def write_readinto(self, out, answer):
        assert self.selected == 0 and len(out) == len(answer) == 4
        self.transfers += 1
        if self.broken:
            raise OSError(5)
        register, word = (out[0] & 3) << 8 | out[1], out[2] << 8 | out[3]
        read = 0
        if out[0] & 0x80:
            read = self.last if register == LAST else self.read(register)
            if register != LAST:
                self.last = read
        else:
            self.write(register, word)
        read = self.spoil(read)
        answer[0] = answer[1] = 0
        answer[2], answer[3] = read >> 8, read & 255

    def read(self, register):
        if register in self.shown:
            meters = self.registers.get(0) == 1 and self.now_ms - self.began_ms >= FIRST_MEAN_MS
            return self.shown[register] if meters else 0
        return self.registers.get(register, 0)

    def write(self, register, word):
        if register == 0x70:
            if word == 0x789A:
                self.power_up()
            return
        self.last = word
        if register == 0x7F or self.registers.get(0x7F) == 0x55AA:
            self.registers[register] = word
            if register == 0:
                self.began_ms = self.now_ms


class Rig:
    def __init__(self, phases=3, nominal_hz=50, chip=None):
        self.chip = chip or Chip()
        self.channels = [Channel("phase %d" % phase, ChipWindow()) for phase in range(phases)]
        now_us = self.chip.now_ms * 1000
        self.meter = Atm90e32(self.chip, self.chip.select, self.channels, GAINS[:phases], nominal_hz, now_us)

    def run(self, until_ms):
        while self.chip.now_ms < until_ms:
            self.chip.now_ms += STEP_MS
            self.meter.pump(self.chip.now_ms * 1000)

    def figures(self, phase=0):
        window = self.channels[phase].window
        return (
            window.voltage_rms_mv,
            window.current_rms_ma,
            window.active_power_mw,
            window.reactive_power_mvar,
            window.frequency_mhz,
            window.quality,
        )


TRUE_FIGURES = (230_000, 10_000, 2_200_000, 671_000, 49_980, 0)
NO_FIGURES = (None,) * 5 + (SHORT_WINDOW | NO_ANSWER,)
IMPOSSIBLE = (None,) * 5 + (SHORT_WINDOW | UNBELIEVABLE,)


def test_three_phases_feed_three_channels():
    rig = Rig()
    rig.run(1200)
    assert rig.figures(0) == TRUE_FIGURES
    assert rig.figures(1) == (231_500, 4000, -900_000, -200_000, 49_980, 0)
    assert rig.figures(2) == (229_000, 500, 0, 114_500, 49_980, 0)
    assert rig.meter.fault == "" and rig.meter.windows == 9 and CANNOT == ()


def test_it_is_set_up_as_the_board_says_and_locked_again():
    rig = Rig(nominal_hz=60)
    rig.run(100)
    kept = rig.chip.registers
    assert (kept[0x00], kept[0x33], kept[0x34], kept[0x7F]) == (1, 0x1087, 0, 0)
    assert [(kept[0x61 + 4 * phase], kept[0x62 + 4 * phase]) for phase in range(3)] == GAINS
    one = Rig(phases=1)
    one.run(1000)
    assert one.chip.registers[0x33] == 0x87 and 0x65 not in one.chip.registers
    assert one.figures() == TRUE_FIGURES


def test_energy_is_power_over_time_of_each_phase():
    rig = Rig()
    rig.run(60_000)
    for phase, power_mw in ((0, 2_200_000), (1, -900_000), (2, 0)):
        channel = rig.channels[phase]
        measured_ms = channel.end_us // 1000 - 20  # it was reset and set up at 10 and 20 ms
        energy = channel.energy
        assert channel.end_us > 59_600_000
        assert abs(energy.import_mwh - energy.export_mwh - power_mw * measured_ms / 3_600_000) <= 1, phase
        assert channel.take_interval()[1] == measured_ms + 20  # nothing is left out


def test_a_pump_is_short():
    rig = Rig()
    most = 0
    while rig.chip.now_ms < 5000:
        before = rig.chip.transfers
        rig.run(rig.chip.now_ms + STEP_MS)
        most = max(most, rig.chip.transfers - before)
    assert most <= 26  # of a phase: 11 words, each asked for and confirmed; the setting: 11, likewise
    assert rig.chip.transfers < 5000 // WINDOW_MS * 3 * 26 + 40


def test_a_line_that_reads_as_ones_or_zeros_makes_no_figures_and_no_energy_but_time_passes():
    for word in (0xFFFF, 0x0000):
        rig = Rig()
        rig.run(2000)
        counted = rig.channels[0].energy.import_mwh
        rig.chip.spoil = lambda read, word=word: word
        rig.run(12_000)
        assert [rig.figures(phase) for phase in range(3)] == [NO_FIGURES] * 3
        assert "does not answer" in rig.meter.fault
        assert rig.channels[0].energy.import_mwh <= counted + 2_200_000 * WINDOW_MS // 3_600_000
        assert all(channel.end_us > 11_600_000 for channel in rig.channels)
        del rig.chip.spoil
        rig.run(13_500)
        assert rig.figures() == TRUE_FIGURES and rig.meter.fault == ""


def test_a_fault_ends_without_another_whatever_moment_its_cure_comes():
    for word in (0xFFFF, 0x0000):
        for cured_at in range(12):  # transfers of the faulty line: its cure comes amid a setting, too
            rig = Rig()
            chip = rig.chip
            rig.run(2000)
            most = chip.transfers + 40 + cured_at
            chip.spoil = lambda read, word=word, chip=chip, most=most: word if chip.transfers <= most else read
            seen = set()
            while chip.now_ms < 20_000 and (chip.transfers <= most or rig.meter.fault):
                rig.run(chip.now_ms + STEP_MS)
                seen.update([channel.window.quality for channel in rig.channels])
            assert seen == {0, SHORT_WINDOW | NO_ANSWER}, (word, cured_at, seen)
            assert rig.figures() == TRUE_FIGURES, (word, cured_at)


def test_nothing_is_believed_before_the_first_mean():
    rig = Rig()
    seen = set()
    for _ in range(100):
        rig.run(rig.chip.now_ms + STEP_MS)
        seen.add(rig.figures())
    assert seen == {(None,) * 5 + (0,), (None,) * 5 + (SHORT_WINDOW,), TRUE_FIGURES}, seen


def test_no_garbled_line_makes_a_wrong_figure():
    right = lost = 0
    for seed in range(30):
        chance = Chance(seed)
        rig = Rig()
        one_in = 3 + seed * 4

        def garble(word, chance=chance, one_in=one_in):
            return word ^ 1 << chance.below(16) if chance.below(one_in) == 0 else word

        rig.chip.spoil = garble
        for _ in range(40):
            rig.run(rig.chip.now_ms + WINDOW_MS // 2)
            figures = rig.figures()
            assert figures in (TRUE_FIGURES, NO_FIGURES, (None,) * 5 + (SHORT_WINDOW,), (None,) * 5 + (0,)), (
                seed,
                figures,
            )
            right += figures == TRUE_FIGURES
            lost += figures == NO_FIGURES
    assert right > 300 and lost > 100, (right, lost)


def test_power_that_changes_between_its_two_words_is_read_again():
    rig = Rig(phases=1)
    chip = rig.chip
    plain = chip.read
    turn = [0]

    def read(register):
        word = plain(register)
        if register == 0xB1:
            turn[0] += 1
            # 65535 and 65536 steps of 0.32 mW: a word of each would be 0 or 42 W
            chip.tell(0, 230.0, 10.0, (65535 + turn[0] // 3 % 2) * 0.00032, 0.0)
        return word

    chip.read = read
    seen = set()
    for _ in range(60):
        rig.run(chip.now_ms + WINDOW_MS)
        seen.add(rig.figures()[2])
    assert {20_971, 20_972} <= seen <= {None, 20_971, 20_972}, seen


def test_figures_of_two_means_are_read_again():
    rig = Rig(phases=1)
    chip = rig.chip
    rig.run(1000)
    plain = chip.read

    def read(register):
        word = plain(register)
        if register == 0xDD:  # the load comes on right after its current was read
            chip.tell(0, 230.0, 20.0, 4_500.0, 0.0)
        return word

    chip.tell(0, 230.0, 0.1, 20.0, 0.0)
    chip.read = read
    for _ in range(100):
        rig.run(chip.now_ms + STEP_MS)
        assert rig.figures()[5] == 0
    assert rig.figures()[1:3] == (20_000, 4_500_000)


def test_what_cannot_be_is_not_believed():
    for volts, amperes, watts, var in (
        (655.35, 1.0, 100.0, 0.0),
        (230.0, 1.0, 300.0, 0.0),
        (230.0, 1.0, -300.0, 0.0),
        (230.0, 1.0, 100.0, 500.0),
        (230.0, 1.0, 0x7FFFFFFF * 0.00032, 0.0),
    ):
        rig = Rig()
        rig.chip.tell(1, volts, amperes, watts, var)
        rig.run(2000)
        assert rig.figures(1) == IMPOSSIBLE, (volts, amperes, watts, var)
        assert rig.figures(0) == TRUE_FIGURES  # the others go on
        assert "phase 2" in rig.meter.fault and "cannot be" in rig.meter.fault
        assert rig.channels[1].energy.import_mwh == rig.channels[1].energy.export_mwh == 0
        rig.chip.tell(1, 230.0, 1.0, 200.0, 0.0)
        rig.run(3000)
        assert rig.figures(1)[2] == 200_000 and rig.meter.fault == ""


def test_a_frequency_that_cannot_be_is_none_and_the_rest_stays():
    rig = Rig()
    rig.chip.shown[0xF8] = 0
    rig.run(1000)
    assert rig.figures() == TRUE_FIGURES[:4] + (None, UNBELIEVABLE)


def test_a_dead_phase_has_no_frequency():
    rig = Rig()
    rig.chip.tell(0, 3.0, 0.0, 0.0, 0.0)
    rig.run(1000)
    assert rig.figures() == (3000, 0, 0, 0, None, NO_VOLTAGE)


def test_the_end_of_its_current_register_is_flagged():
    rig = Rig()
    rig.chip.tell(0, 230.0, 65.535, 15_000.0, 0.0)
    rig.run(1000)
    assert rig.figures()[1:3] == (65_535, 15_000_000) and rig.figures()[5] == CLIPPED


def test_a_chip_that_was_reset_is_set_again_and_not_believed_meanwhile():
    rig = Rig()
    for second in range(1, 30):
        rig.run(1000 * second)
        assert rig.figures() in (TRUE_FIGURES, NO_FIGURES)
        if second % 5 == 0:
            rig.chip.power_up()
    assert rig.figures() == TRUE_FIGURES and rig.chip.registers[0x61] == 7305
    assert rig.channels[0].take_interval()[-1] == SHORT_WINDOW | NO_ANSWER


def test_a_bus_that_fails_leaves_the_chip_deselected_and_stops_nothing():
    rig = Rig()
    rig.run(1000)
    rig.chip.broken = True
    rig.run(3000)
    assert rig.figures() == NO_FIGURES and rig.chip.selected == 1
    rig.chip.broken = False
    rig.run(4500)
    assert rig.figures() == TRUE_FIGURES


def test_when_nobody_pumps_the_time_passes_without_energy():
    rig = Rig(phases=1)
    rig.run(1000)
    rig.chip.now_ms = 31_000  # a step that took far too long
    rig.run(33_000)
    channel = rig.channels[0]
    assert channel.energy.import_mwh <= 2_200_000 * 3400 // 3_600_000
    end_ms, duration_ms, *_, quality = channel.take_interval()
    assert end_ms == duration_ms > 32_600 and quality == SHORT_WINDOW


def test_what_the_chip_does_not_have_is_refused():
    for make in (lambda: Rig(phases=0), lambda: Rig(phases=4)):
        try:
            make()
        except ValueError as error:
            assert "1 .. 3 channels" in str(error)
            continue
        raise AssertionError(make)
