"""CircuitPython's and Blinka's buses under the chip drivers: locked for a transfer, and let go of whatever happens."""

import pytest

from gridnode.drivers.busio_bus import BusioI2CRegisters, BusioSpi
from gridnode.drivers.ina226 import Ina226
from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow


class Lock:
    def __init__(self):
        self.locked = False

    def try_lock(self):
        if self.locked:
            return False
        self.locked = True
        return True

    def unlock(self):
        assert self.locked
        self.locked = False


class I2C(Lock):
    """A busio.I2C with an INA226 at 0x40 that has 12 V and 5 A over 2 mOhm ready."""

    def __init__(self):
        super().__init__()
        self.registers = {0x00: 0x4127, 0x01: 4000, 0x02: 9600, 0x06: 8, 0xFE: 0x5449, 0xFF: 0x2260}

    def writeto(self, address, buffer):
        assert self.locked
        if address != 0x40:
            raise OSError(121, "Remote I/O error")
        self.registers[buffer[0]] = buffer[1] << 8 | buffer[2]

    def writeto_then_readfrom(self, address, out_buffer, in_buffer):
        assert self.locked and len(out_buffer) == 1
        if address != 0x40:
            raise OSError(121, "Remote I/O error")
        in_buffer[:] = self.registers[out_buffer[0]].to_bytes(2, "big")


class SPI(Lock):
    """A busio.SPI that inverts what it is sent."""

    def configure(self, *, baudrate, polarity, phase):
        assert self.locked
        self.configured = (baudrate, polarity, phase)

    def write_readinto(self, buffer_out, buffer_in):
        assert self.locked
        buffer_in[:] = bytes(octet ^ 0xFF for octet in buffer_out)


def test_the_ina226_is_read_over_it():
    channel = Channel("battery", ChipWindow())
    bus = I2C()
    meter = Ina226(BusioI2CRegisters(bus), channel, 0x40, 2000, 20_000, 0)
    for now_ms in range(0, 1000, 10):
        meter.pump(now_ms * 1000)
    window = channel.window
    assert (window.voltage_rms_mv, window.current_rms_ma, window.active_power_mw) == (12_000, 5000, 60_000)
    assert bus.registers[0] == 0x4927 and not bus.locked


def test_it_is_let_go_of_when_the_chip_does_not_answer():
    bus = I2C()
    registers = BusioI2CRegisters(bus)
    for transfer in (registers.readfrom_mem_into, registers.writeto_mem):
        with pytest.raises(OSError, match="Remote"):
            transfer(0x41, 0, bytearray(2))
        assert not bus.locked


def test_a_bus_that_another_holds_is_an_oserror_and_stays_theirs():
    for bus, transfer in (
        (i2c := I2C(), lambda: BusioI2CRegisters(i2c).readfrom_mem_into(0x40, 0, bytearray(2))),
        (spi := SPI(), lambda: BusioSpi(spi, 1, 0, 0).write_readinto(b"1", bytearray(1))),
    ):
        assert bus.try_lock()
        with pytest.raises(OSError, match="held by another"):
            transfer()
        assert bus.locked


def test_spi_is_configured_for_each_transfer():
    bus = SPI()
    answer = bytearray(2)
    BusioSpi(bus, 200_000, 1, 1).write_readinto(b"\x00\x0f", answer)
    assert answer == b"\xff\xf0" and bus.configured == (200_000, 1, 1) and not bus.locked
