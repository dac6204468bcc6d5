"""Linux's SPI bus in the place of machine.SPI, under the ATM90E32's driver."""

import sys
import types

import pytest

from gridnode.drivers.atm90e32 import BAUD, PHASE, POLARITY, Atm90e32
from gridnode.drivers.spidev_spi import SpidevSpi, open_bus
from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow


class Device:
    """A spidev.SpiDev with an ATM90E32 behind it that shows 230 V, 10 A, 2300 W at 50 Hz on each phase."""

    def __init__(self):
        steps = 2300 * 3125  # of 0.32 mW
        self.shown = {0xD9: 23_000, 0xDD: 10_000, 0xB1: steps >> 16, 0xC1: steps & 0xFFFF, 0xF8: 5000}
        self.opened = None
        self.registers = {}
        self.last = 0

    def open(self, bus, select):
        if bus != 0:
            raise FileNotFoundError(2, "No such file or directory")
        self.opened = (bus, select)

    def xfer2(self, octets):
        assert isinstance(octets, list)  # as spidev wants it
        register, word = octets[1], octets[2] << 8 | octets[3]
        if not octets[0] & 0x80:
            self.registers[register] = self.last = word
            return [0, 0, 0, 0]
        word = self.last if register == 0x78 else self.shown.get(register, self.registers.get(register, 0))
        self.last = word
        return [0, 0, word >> 8, word & 255]


def test_the_atm90e32_is_read_over_it():
    channel = Channel("grid", ChipWindow())
    meter = Atm90e32(SpidevSpi(Device()), int, [channel], [(0x8000, 0x8000)], 50, 0)
    for now_ms in range(0, 1000, 10):
        meter.pump(now_ms * 1000)
    window = channel.window
    assert (window.voltage_rms_mv, window.current_rms_ma, window.active_power_mw) == (230_000, 10_000, 2_300_000)
    assert window.frequency_mhz == 50_000 and meter.fault == ""


def test_buffers_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="4 bytes to send, room for 3"):
        SpidevSpi(Device()).write_readinto(bytearray(4), bytearray(3))


def test_the_bus_is_opened_as_the_chip_wants_it(monkeypatch):
    device = Device()
    monkeypatch.setitem(sys.modules, "spidev", types.SimpleNamespace(SpiDev=lambda: device))
    bus = open_bus(0, 1, BAUD, POLARITY, PHASE)
    assert (device.opened, device.max_speed_hz, device.mode) == ((0, 1), 200_000, 3)
    answer = bytearray(4)
    bus.write_readinto(b"\x80\xd9\0\0", answer)
    assert answer[2:] == (23_000).to_bytes(2, "big")


def test_what_is_missing_is_said_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "spidev", None)
    with pytest.raises(RuntimeError, match="pip install spidev"):
        open_bus(0, 0, BAUD, POLARITY, PHASE)
    monkeypatch.setitem(sys.modules, "spidev", types.SimpleNamespace(SpiDev=Device))
    with pytest.raises(RuntimeError, match=r"/dev/spidev1.0 .*raspi-config"):
        open_bus(1, 0, BAUD, POLARITY, PHASE)
