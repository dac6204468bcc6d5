"""The INA226's driver against a model of the chip's registers: averages over time, resets, absence, other chips."""

from gridnode.drivers.ina226 import Ina226
from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow
from gridnode.metering.window import CLIPPED, NO_ANSWER, NO_VOLTAGE, SHORT_WINDOW, UNBELIEVABLE

STEP_MS = 10
SHUNT_UOHM = 2000
AVERAGES = (1, 4, 16, 64, 128, 256, 512, 1024)
CONVERSION_US = (140, 204, 332, 588, 1100, 2116, 4156, 8244)
AS_DELIVERED = 0x4127


class Chip:
    """An INA226 at 0x40. volts(now_ms), amperes(now_ms): what flows; `pace`: how much faster its clock is, per mille.

    An average is the mean of both over its time, rounded to the registers' steps (datasheet, 7.6).
    """

    def __init__(self, volts=lambda now_ms: 12.0, amperes=lambda now_ms: 5.0, pace=0):
        self.volts, self.amperes, self.pace = volts, amperes, pace
        self.now_ms = 0
        self.ids = {0xFE: 0x5449, 0xFF: 0x2260}
        self.absent = False
        self.stopped = False
        self.transfers = 0
        self.power_up()

    def power_up(self):
        self.configuration = AS_DELIVERED
        self.shunt = self.bus = 0
        self.begin()

    def begin(self):
        self.ready = False
        self.since_ms = self.at_ms = self.now_ms
        self.sum_v = self.sum_i = self.steps = 0

    def block_ms(self):
        setting = self.configuration
        both_us = CONVERSION_US[setting >> 6 & 7] + CONVERSION_US[setting >> 3 & 7]
        return AVERAGES[setting >> 9 & 7] * both_us * (1000 - self.pace) / 1_000_000

    def run(self, now_ms):
        """Convert up to `now_ms`, in steps of 1 ms."""
        while self.at_ms < now_ms:
            self.at_ms += 1
            self.sum_v += self.volts(self.at_ms)
            self.sum_i += self.amperes(self.at_ms)
            self.steps += 1
            if self.at_ms - self.since_ms >= self.block_ms() and not self.stopped:
                self.bus = min(0x7FFF, round(self.sum_v / self.steps / 1.25e-3))
                shunt = round(self.sum_i / self.steps * SHUNT_UOHM / 2.5)
                self.shunt = max(-32768, min(32767, shunt)) & 0xFFFF
                self.ready = True
                self.since_ms += self.block_ms()
                self.sum_v = self.sum_i = self.steps = 0
        self.now_ms = now_ms

    def readfrom_mem_into(self, address, register, buffer):
        self.transfers += 1
        if self.absent or address != 0x40:
            raise OSError(19)
        value = self.ids.get(register)
        if value is None:
            value = {0: self.configuration, 1: self.shunt, 2: self.bus, 6: 8 if self.ready else 0}[register]
        if register == 6:
            self.ready = False
        buffer[0] = value >> 8
        buffer[1] = value & 255

    def writeto_mem(self, address, register, buffer):
        self.transfers += 1
        if self.absent or address != 0x40:
            raise OSError(19)
        assert register == 0 and len(buffer) == 2
        self.configuration = buffer[0] << 8 | buffer[1]
        self.begin()


class Rig:
    def __init__(self, chip, shunt_uohm=SHUNT_UOHM, largest_ma=20_000):
        self.chip = chip
        self.channel = Channel("battery", ChipWindow())
        self.meter = Ina226(chip, self.channel, 0x40, shunt_uohm, largest_ma, chip.now_ms * 1000)

    def run(self, until_ms):
        while self.chip.now_ms < until_ms:
            self.chip.run(self.chip.now_ms + STEP_MS)
            self.meter.pump(self.chip.now_ms * 1000)

    def figures(self):
        window = self.channel.window
        return (window.voltage_rms_mv, window.current_rms_ma, window.active_power_mw, window.quality)


NO_FIGURES = (None, None, None, SHORT_WINDOW | NO_ANSWER)
IMPOSSIBLE = (None, None, None, SHORT_WINDOW | UNBELIEVABLE)


def test_voltage_current_and_power_of_a_direct_current():
    rig = Rig(Chip())
    rig.run(1000)
    assert rig.figures() == (12_000, 5000, 60_000, 0)
    window = rig.channel.window
    assert (window.apparent_power_mva, window.reactive_power_mvar, window.frequency_mhz) == (60_000, None, None)
    assert rig.meter.windows == 3 and rig.meter.fault == ""


def test_current_the_other_way_is_export():
    rig = Rig(Chip(amperes=lambda now_ms: -2.5))
    rig.run(1000)
    assert rig.figures() == (12_000, 2500, -30_000, 0)
    assert rig.channel.energy.import_mwh == 0 and rig.channel.energy.export_mwh > 0


def test_it_averages_in_the_chip():
    rig = Rig(Chip())
    rig.run(100)
    assert rig.chip.configuration == 0x4927
    assert 275 < rig.chip.block_ms() < 290


def test_energy_is_the_chip_s_averages_over_the_time_they_are_of():
    def amperes(now_ms):  # 1, 2, 3, ... A for odd times
        return 1 + now_ms // 777 % 7

    for pace in (-80, -30, 0, 30, 80):
        chip = Chip(amperes=amperes, pace=pace)
        rig = Rig(chip)
        rig.run(60_000)
        begin_ms = 10  # set up with the first step
        end_ms = rig.channel.end_us // 1000
        true_mwh = sum([12_000 * amperes(ms + 1) for ms in range(begin_ms, end_ms)]) / 3_600_000
        measured = rig.channel.energy.import_mwh
        assert abs(measured - true_mwh) / true_mwh < 0.004, (pace, measured, true_mwh)
        assert end_ms > 59_600
        means = rig.channel.take_interval()
        assert means[1] == end_ms  # nothing is left out


def test_a_chip_that_is_not_there_makes_no_figures_and_no_energy_but_time_passes():
    chip = Chip()
    chip.absent = True
    rig = Rig(chip)
    rig.run(60_400)
    assert rig.figures() == NO_FIGURES
    assert "0x40 does not answer" in rig.meter.fault and "SDA" in rig.meter.fault
    end_ms, duration_ms, energy_mwh = rig.channel.take_interval()[:3]
    assert end_ms == duration_ms > 60_000 and energy_mwh == 0


def test_it_comes_back_by_itself_and_counts_from_there():
    chip = Chip()
    rig = Rig(chip)
    rig.run(10_000)
    chip.absent = True
    lost_from_ms = rig.channel.end_us // 1000
    counted = rig.channel.energy.import_mwh
    rig.run(40_000)
    assert rig.channel.energy.import_mwh == counted and rig.figures() == NO_FIGURES
    chip.absent = False
    chip.power_up()
    rig.run(70_000)
    assert rig.figures() == (12_000, 5000, 60_000, 0) and rig.meter.fault == ""
    gained = rig.channel.energy.import_mwh - counted
    assert 60_000 * 29_400 // 3_600_000 <= gained <= 60_000 * 30_000 // 3_600_000
    assert lost_from_ms < 10_000 and rig.channel.take_interval()[1] > 69_600


def test_a_chip_that_lost_its_setting_is_set_again_and_not_believed_meanwhile():
    chip = Chip()
    rig = Rig(chip)
    for second in range(1, 40):
        rig.run(1000 * second)
        if second % 5 == 0:
            chip.power_up()  # its registers read 0 until the first conversion
        window = rig.channel.window
        assert window.active_power_mw in (None, 60_000), window.active_power_mw
    assert chip.configuration == 0x4927
    # Seven times a window that was going on is lost, and a while until it is set up again.
    assert 60_000 * 39_000 * 80 // 100 // 3_600_000 < rig.channel.energy.import_mwh <= 60_000 * 39_000 // 3_600_000


def test_a_chip_that_stops_converting_is_noticed():
    chip = Chip()
    rig = Rig(chip)
    rig.run(2000)
    chip.stopped = True
    rig.run(4000)
    assert rig.figures() == NO_FIGURES and "does not convert" in rig.meter.fault
    chip.stopped = False
    rig.run(6000)
    assert rig.figures() == (12_000, 5000, 60_000, 0)


def test_a_fault_that_is_over_is_no_reason_for_time_lost_later():
    chip = Chip()
    chip.absent = True
    rig = Rig(chip)
    rig.run(2000)
    chip.absent = False
    rig.run(5000)
    assert rig.channel.take_interval()[-1] == SHORT_WINDOW | NO_ANSWER
    chip.run(20_000)  # nobody pumps
    rig.run(22_000)
    assert rig.channel.take_interval()[-1] == SHORT_WINDOW


def test_a_bus_voltage_below_0_is_not_believed():
    chip = Chip()
    rig = Rig(chip)
    rig.run(1000)
    counted = rig.channel.energy.import_mwh
    impossible = chip.readfrom_mem_into

    def all_ones(address, register, buffer):
        impossible(address, register, buffer)
        if register == 2:
            buffer[0] = buffer[1] = 0xFF

    chip.readfrom_mem_into = all_ones
    for until_ms in range(1300, 5000, 100):
        rig.run(until_ms)
        assert rig.figures() in (IMPOSSIBLE, (12_000, 5000, 60_000, 0))
    assert rig.figures() == IMPOSSIBLE and "cannot be" in rig.meter.fault
    assert rig.channel.energy.import_mwh <= counted + 60_000 * 300 // 3_600_000
    del chip.readfrom_mem_into
    rig.run(7000)
    assert rig.figures() == (12_000, 5000, 60_000, 0) and rig.channel.take_interval()[-1] & UNBELIEVABLE


def test_another_chip_at_the_address_is_not_read():
    chip = Chip()
    chip.ids = {0xFE: 0x5449, 0xFF: 0x2290}
    rig = Rig(chip)
    rig.run(3000)
    assert rig.figures() == NO_FIGURES and rig.meter.windows == 0
    assert "another chip (0x5449, 0x2290)" in rig.meter.fault
    assert chip.configuration == AS_DELIVERED


def test_a_revision_of_the_chip_is_the_chip():
    chip = Chip()
    chip.ids = {0xFE: 0x5449, 0xFF: 0x2261}
    rig = Rig(chip)
    rig.run(1000)
    assert rig.figures()[2] == 60_000


def test_at_its_end_it_says_so():
    rig = Rig(Chip(amperes=lambda now_ms: 60.0))  # 120 mV over the shunt
    rig.run(1000)
    assert rig.figures()[3] == CLIPPED
    rig = Rig(Chip(amperes=lambda now_ms: -60.0))
    rig.run(1000)
    assert rig.figures()[3] == CLIPPED and rig.figures()[2] < 0


def test_without_voltage_it_says_so():
    rig = Rig(Chip(volts=lambda now_ms: 0.4, amperes=lambda now_ms: 0.0))
    rig.run(1000)
    assert rig.figures() == (400, 0, 0, NO_VOLTAGE)


def test_when_nobody_pumps_only_the_last_average_counts():
    chip = Chip()
    rig = Rig(chip)
    rig.run(5000)
    counted, end_ms = rig.channel.energy.import_mwh, rig.channel.end_us // 1000
    chip.run(15_000)
    rig.run(15_010)
    assert rig.channel.end_us == 15_010_000
    gained = rig.channel.energy.import_mwh - counted
    assert 4 <= gained <= 5, gained  # 60 W for 282 ms; ten seconds would have been 167
    assert end_ms < 5000
    assert rig.channel.take_interval()[-1] == SHORT_WINDOW


def test_a_shunt_too_large_for_the_current_is_refused():
    for shunt_uohm, largest_ma in ((2000, 41_000), (100_000, 1000), (0, 1000)):
        try:
            Rig(Chip(), shunt_uohm, largest_ma)
        except ValueError as error:
            assert "shunt must be" in str(error)
            continue
        raise AssertionError(shunt_uohm)
    Rig(Chip(), 2000, 40_000)


def test_it_does_not_crowd_the_bus():
    rig = Rig(Chip())
    rig.run(10_000)
    assert rig.chip.transfers < 10_000 // 282 * 12
