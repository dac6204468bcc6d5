"""The INA228's driver against a model of the chip's registers. What it shares with the INA226's is tried there."""

from gridnode.drivers.ina228 import BLOCK_MS, CANNOT, Ina228
from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow
from gridnode.metering.window import CLIPPED, NO_ANSWER, NO_VOLTAGE, SHORT_WINDOW, UNBELIEVABLE

STEP_MS = 10
NO_FIGURES = (None, None, None, SHORT_WINDOW | NO_ANSWER)
IMPOSSIBLE = (None, None, None, SHORT_WINDOW | UNBELIEVABLE)
AS_DELIVERED = {0x00: 0, 0x01: 0xFB68, 0x0B: 1, 0x3E: 0x5449, 0x3F: 0x2281}


class Chip:
    """An INA228 at 0x40 that averages at its own pace; an average is of what flows at its end (datasheet, 7.6)."""

    def __init__(self, volts=12.0, amperes=5.0, shunt_uohm=2000):
        self.volts, self.amperes, self.shunt_uohm = volts, amperes, shunt_uohm
        self.now_ms = 0
        self.absent = False
        self.spoil = {}  # register -> what it reads as
        self.power_up()

    def power_up(self):
        self.registers = dict(AS_DELIVERED)
        self.shunt = self.bus = 0
        self.since_ms = self.now_ms

    def block_ms(self):
        setting = self.registers[1]
        times_us = (50, 84, 150, 280, 540, 1052, 2074, 4120)
        once_us = times_us[setting >> 9 & 7] + times_us[setting >> 6 & 7]
        return once_us * (1, 4, 16, 64, 128, 256, 512, 1024)[setting & 7] / 1000

    def run(self, now_ms):
        self.now_ms = now_ms
        if now_ms - self.since_ms < self.block_ms():
            return
        self.since_ms += self.block_ms()
        step_nv = 78.125 if self.registers[0] & 0x10 else 312.5
        self.shunt = max(-(1 << 19), min((1 << 19) - 1, round(self.amperes * self.shunt_uohm * 1000 / step_nv)))
        self.bus = max(0, min((1 << 19) - 1, round(self.volts / 195.3125e-6)))
        self.registers[0x0B] |= 2

    def readfrom_mem_into(self, address, register, buffer):
        if self.absent or address != 0x40:
            raise OSError(19)
        if register in (4, 5):
            assert len(buffer) == 3
            word = self.spoil.get(register, self.shunt if register == 4 else self.bus)
            word = (word & 0xFFFFF) << 4
        else:
            assert len(buffer) == 2
            word = self.spoil.get(register, self.registers.get(register, 0))
            if register == 0x0B and word & 0x8000:  # latched: reading clears it
                self.registers[register] &= ~2
        for index in range(len(buffer)):
            buffer[index] = word >> 8 * (len(buffer) - 1 - index) & 255

    def writeto_mem(self, address, register, buffer):
        if self.absent or address != 0x40:
            raise OSError(19)
        assert register in (0, 1, 0x0B) and len(buffer) == 2
        word = buffer[0] << 8 | buffer[1]
        if register == 0x0B:
            word = word & 0xF000 | self.registers[register] & 0x0FFF
        self.registers[register] = word
        if register == 1:
            self.since_ms = self.now_ms


class Rig:
    def __init__(self, chip, largest_ma=20_000):
        self.chip = chip
        self.channel = Channel("battery", ChipWindow())
        self.meter = Ina228(chip, self.channel, 0x40, chip.shunt_uohm, largest_ma, chip.now_ms * 1000)

    def run(self, until_ms):
        while self.chip.now_ms < until_ms:
            self.chip.run(self.chip.now_ms + STEP_MS)
            self.meter.pump(self.chip.now_ms * 1000)

    def figures(self):
        window = self.channel.window
        return (window.voltage_rms_mv, window.current_rms_ma, window.active_power_mw, window.quality)


def test_voltage_current_and_power_in_both_directions():
    for amperes, power_mw in ((5.0, 60_000), (-2.5, -30_000), (0.004, 48)):
        rig = Rig(Chip(amperes=amperes))
        rig.run(1000)
        assert rig.figures() == (12_000, abs(round(amperes * 1000)), power_mw, 0), amperes
        assert rig.meter.windows == 3 and rig.meter.fault == ""


def test_what_it_cannot_tell_is_none():
    rig = Rig(Chip())
    rig.run(1000)
    window = rig.channel.window
    names = ("active_power_mw", "reactive_power_mvar", "apparent_power_mva", "voltage_rms_mv", "frequency_mhz")
    assert [name for name in names if getattr(window, name) is None] == list(CANNOT)


def test_it_averages_in_the_chip():
    rig = Rig(Chip())
    rig.run(100)
    assert abs(rig.chip.block_ms() - BLOCK_MS) < 1


def test_the_finer_range_is_taken_where_it_is_enough():
    for shunt_uohm, largest_ma, fine in ((2000, 20_000, True), (2000, 20_480, False), (2000, 80_000, False)):
        rig = Rig(Chip(amperes=largest_ma / 1000 - 0.5, shunt_uohm=shunt_uohm), largest_ma)
        rig.run(1000)
        assert (rig.chip.registers[0] == 0x10) == fine
        assert abs(rig.figures()[1] - largest_ma + 500) <= 1 and rig.figures()[3] == 0


def test_energy_is_the_averages_over_their_time():
    rig = Rig(Chip())
    rig.run(60_000)
    end_ms = rig.channel.end_us // 1000
    assert end_ms > 59_600
    assert abs(rig.channel.energy.import_mwh - 60_000 * end_ms / 3_600_000) <= 2


def test_at_the_end_of_its_range_it_is_clipped():
    for volts, amperes in ((12.0, 25.0), (12.0, -25.0), (90.0, 1.0)):
        rig = Rig(Chip(volts=volts, amperes=amperes))
        rig.run(1000)
        assert rig.figures()[3] == CLIPPED, (volts, amperes)


def test_without_voltage_it_says_so():
    rig = Rig(Chip(volts=0.4))
    rig.run(1000)
    assert rig.figures()[0] == 400 and rig.figures()[3] == NO_VOLTAGE


def test_a_chip_that_is_not_there_makes_no_figures_and_no_energy_but_time_passes():
    chip = Chip()
    chip.absent = True
    rig = Rig(chip)
    rig.run(10_000)
    assert rig.figures() == NO_FIGURES and "0x40 does not answer" in rig.meter.fault
    assert rig.channel.end_us > 9_600_000 and rig.channel.energy.import_mwh == 0
    chip.absent = False
    rig.run(12_000)
    assert rig.figures() == (12_000, 5000, 60_000, 0) and rig.meter.fault == ""


def test_what_cannot_be_is_not_believed():
    for register, word in ((5, 0xFFFFF), (5, 0x80000), (0x0B, 0x8002)):  # a bus voltage below 0; its memory is damaged
        chip = Chip()
        rig = Rig(chip)
        rig.run(1000)
        chip.spoil[register] = word
        for until_ms in range(1400, 4000, 100):
            rig.run(until_ms)
            assert rig.figures() == IMPOSSIBLE, (register, word)
        assert "cannot be" in rig.meter.fault
        chip.spoil = {}
        rig.run(5000)
        assert rig.figures() == (12_000, 5000, 60_000, 0)


def test_a_chip_that_lost_its_setting_is_set_again_and_not_believed_meanwhile():
    chip = Chip()
    rig = Rig(chip, largest_ma=20_000)
    for second in range(1, 30):
        rig.run(1000 * second)
        if second % 5 == 0:
            chip.power_up()
        assert rig.figures()[2] in (None, 60_000)
    assert chip.registers[1] == 0xBB44 and chip.registers[0] == 0x10
    assert rig.channel.energy.import_mwh > 60_000 * 29_000 * 75 // 100 // 3_600_000


def test_a_chip_that_lost_its_range_while_it_was_set_up_is_not_believed():
    chip = Chip()
    plain = chip.writeto_mem

    def write(address, register, buffer):
        if register == 1 and chip.now_ms < 2000:
            chip.power_up()
        plain(address, register, buffer)

    chip.writeto_mem = write
    rig = Rig(chip)
    for until_ms in range(100, 6000, 100):
        rig.run(until_ms)
        assert rig.figures()[1] in (None, 5000)
    assert rig.figures() == (12_000, 5000, 60_000, 0)


def test_another_chip_at_the_address_is_not_read():
    chip = Chip()
    chip.registers[0x3F] = 0x2381
    rig = Rig(chip)
    rig.run(2000)
    assert rig.figures() == NO_FIGURES and "another chip (0x5449, 0x2381)" in rig.meter.fault
    assert chip.registers[1] == 0xFB68


def test_a_shunt_too_large_for_the_current_is_refused():
    for shunt_uohm, largest_ma in ((2000, 82_000), (0, 1000)):
        try:
            Rig(Chip(shunt_uohm=shunt_uohm), largest_ma)
        except ValueError as error:
            assert "shunt must be" in str(error)
            continue
        raise AssertionError(shunt_uohm)
