"""Linux's I2C bus in the place of machine.I2C, under the INA226's driver."""

import sys
import types

import pytest

from gridnode.drivers.ina226 import Ina226
from gridnode.drivers.smbus2_i2c import Smbus2I2C, open_bus
from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow


class Bus:
    """An smbus2.SMBus with an INA226 at 0x40 that has 12 V and 5 A over 2 mOhm ready."""

    def __init__(self):
        self.registers = {0x00: 0x4127, 0x01: 4000, 0x02: 9600, 0x06: 8, 0xFE: 0x5449, 0xFF: 0x2260}

    def read_i2c_block_data(self, address, register, length):
        if address != 0x40:
            raise OSError(121, "Remote I/O error")
        return list(self.registers[register].to_bytes(2, "big"))[:length]

    def write_i2c_block_data(self, address, register, octets):
        if address != 0x40:
            raise OSError(121, "Remote I/O error")
        assert isinstance(octets, list)  # as smbus2 wants it
        self.registers[register] = int.from_bytes(bytes(octets), "big")


def test_the_ina226_is_read_over_it():
    channel = Channel("battery", ChipWindow())
    bus = Bus()
    meter = Ina226(Smbus2I2C(bus), channel, 0x40, 2000, 20_000, 0)
    for now_ms in range(0, 1000, 10):
        meter.pump(now_ms * 1000)
    window = channel.window
    assert (window.voltage_rms_mv, window.current_rms_ma, window.active_power_mw) == (12_000, 5000, 60_000)
    assert bus.registers[0] == 0x4927 and meter.fault == ""


def test_a_chip_that_is_not_there_is_an_oserror_that_the_driver_takes():
    i2c = Smbus2I2C(Bus())
    with pytest.raises(OSError, match="Remote"):
        i2c.readfrom_mem_into(0x41, 0, bytearray(2))
    meter = Ina226(i2c, Channel("battery", ChipWindow()), 0x41, 2000, 20_000, 0)
    meter.pump(10_000)
    assert "0x41 does not answer" in meter.fault


def test_a_short_answer_is_an_error():
    with pytest.raises(OSError, match="gave 2 bytes instead of 3"):
        Smbus2I2C(Bus()).readfrom_mem_into(0x40, 0, bytearray(3))


def test_the_bus_is_opened_by_its_number(monkeypatch):
    opened = []

    def smbus(number):
        opened.append(number)
        return Bus()

    monkeypatch.setitem(sys.modules, "smbus2", types.SimpleNamespace(SMBus=smbus))
    word = bytearray(2)
    open_bus(1).readfrom_mem_into(0x40, 0xFE, word)
    assert opened == [1] and word == b"TI"


def test_what_is_missing_is_said_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "smbus2", None)
    with pytest.raises(RuntimeError, match="pip install smbus2"):
        open_bus(1)

    def smbus(number):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setitem(sys.modules, "smbus2", types.SimpleNamespace(SMBus=smbus))
    with pytest.raises(RuntimeError, match="/dev/i2c-1 .*raspi-config"):
        open_bus(1)
