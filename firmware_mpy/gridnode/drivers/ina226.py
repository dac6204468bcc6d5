"""INA226: voltage, current and power of a direct current, measured over a shunt and read over I2C.

Registers: Texas Instruments, INA226 datasheet (SBOS547), 7.6. Power is worked out from the shunt's voltage and the bus
voltage in integers: the chip's own current and power registers are the same figures rounded by its calibration
register, and read 0 after the chip has lost its supply for a moment. Ours cannot.
"""

from gridnode.metering.integers import divide
from gridnode.metering.window import CLIPPED, NO_VOLTAGE

BLOCK_MS = 282  # 128 conversions of 1.1 ms of the shunt's and the bus voltage each: one average

_CONFIGURATION, _SHUNT_VOLTAGE, _BUS_VOLTAGE, _MASK, _MAKER, _DIE = 0x00, 0x01, 0x02, 0x06, 0xFE, 0xFF
_SETTING = 0x4927  # averages of 128, 1.1 ms a conversion, both inputs without end (bit 14 always reads 1)
_READY = 1 << 3  # of _MASK: an average has been completed since it was last read
_TEXAS_INSTRUMENTS, _INA226 = 0x5449, 0x2260

_SHUNT_NV = 2500  # a step of the shunt's voltage; a step of the bus voltage is 1.25 mV
_FULL_SCALE_NV = 32767 * _SHUNT_NV
_SHUNT_END, _BUS_END = 32767, 0x7FFF
_LOOK_AFTER_MS = BLOCK_MS * 9 // 10  # the chip's clock may be so much faster
_SILENT_AFTER_MS = 3 * BLOCK_MS


class Ina226:
    """Feeds one channel (metering.Channel with a ChipWindow), a window for every average of the chip's.

    i2c: `readfrom_mem_into(address, register, buffer)` and `writeto_mem(address, register, buffer)`, both of which
    raise OSError, as machine.I2C and drivers.smbus2_i2c have. Current that flows from IN+ to IN- is import.
    largest_ma: what the shunt is meant for. now_us: node time. Windows abut, so that energy is the chip's average over
    the time that it is the average of; while the chip is silent, or not as we set it, time passes without figures.

    windows: how many were measured. fault: "" or a sentence that says what to do. Raises ValueError when the shunt's
    voltage at `largest_ma` is beyond the chip's 81.9 mV.
    """

    def __init__(
        self, i2c, channel, address: int, shunt_uohm: int, largest_ma: int, now_us: int, no_voltage_mv: int = 1000
    ):
        if shunt_uohm < 1 or shunt_uohm * largest_ma > _FULL_SCALE_NV:
            most_uohm = _FULL_SCALE_NV // largest_ma
            raise ValueError("INA226: for %d mA the shunt must be 1 .. %d uohm" % (largest_ma, most_uohm))
        self._i2c = i2c
        self._channel = channel
        self._address = address
        self._shunt_uohm = shunt_uohm
        self._no_voltage_mv = no_voltage_mv
        self._word = bytearray(2)
        self._set = False  # the chip is as we want it
        self._end_ms = self._look_ms = now_us // 1000
        self.windows = 0
        self.fault = ""
        channel.begin(self._end_ms * 1000)

    def close(self):
        """Nothing of it goes on by itself."""

    def pump(self, now_us: int):
        """Look whether an average is ready, and book it. Takes the time of at most six short transfers."""
        now_ms = now_us // 1000
        if now_ms < self._look_ms:
            return
        try:
            if not self._set:
                self._set_up(now_ms)
            elif self._read(_MASK) & _READY:
                self._book(now_ms)
            elif now_ms - self._end_ms > _SILENT_AFTER_MS:
                self._lose(now_ms, "does not convert: check its supply")
        except OSError:
            self._lose(now_ms, "does not answer: check its supply, SDA, SCL and the address")

    def _set_up(self, now_ms: int):
        maker, die = self._read(_MAKER), self._read(_DIE)
        if maker != _TEXAS_INSTRUMENTS or die & 0xFFF0 != _INA226:
            self._lose(now_ms, "is another chip (0x%04x, 0x%04x): check the address" % (maker, die))
            return
        self._write(_CONFIGURATION, _SETTING)  # the first average begins here
        self._read(_MASK)  # what was ready before is none of ours
        self._skip(now_ms)
        self._set = True
        self._look_ms = now_ms + _LOOK_AFTER_MS

    def _book(self, now_ms: int):
        """An average is ready: it counts for the time since the last one, if it can be the average of that."""
        if self._read(_CONFIGURATION) != _SETTING:  # it has started anew since, and averages as it was delivered
            self._lose(now_ms, "was reset: check its supply")
            return
        shunt, bus = self._read(_SHUNT_VOLTAGE), self._read(_BUS_VOLTAGE)
        if shunt & 0x8000:
            shunt -= 0x10000
        if now_ms - self._end_ms > 2 * BLOCK_MS:
            self._skip(now_ms - BLOCK_MS)
        voltage_mv = divide(bus * 5, 4)
        current_ma = divide(abs(shunt) * _SHUNT_NV, self._shunt_uohm)
        power_mw = divide(shunt * bus * 3125, 1000 * self._shunt_uohm)  # 2.5 uV times 1.25 mV are 3.125 uV mV
        quality = CLIPPED if abs(shunt) >= _SHUNT_END or bus >= _BUS_END else 0
        if voltage_mv < self._no_voltage_mv:
            quality |= NO_VOLTAGE
        self._channel.window.measured(now_ms - self._end_ms, voltage_mv, current_ma, power_mw, None, quality)
        self._channel.count()
        self._end_ms = now_ms
        self._look_ms = now_ms + _LOOK_AFTER_MS
        self.windows += 1
        self.fault = ""

    def _skip(self, until_ms: int):
        if until_ms > self._end_ms:
            self._channel.skip(until_ms - self._end_ms)
            self._end_ms = until_ms

    def _lose(self, now_ms: int, why: str):
        """What has passed since the last window was not measured; set the chip up again in a while."""
        self._skip(now_ms)
        self._set = False
        self._look_ms = now_ms + BLOCK_MS
        self.fault = "INA226 at 0x%02x %s" % (self._address, why)

    def _read(self, register: int) -> int:
        self._i2c.readfrom_mem_into(self._address, register, self._word)
        return self._word[0] << 8 | self._word[1]

    def _write(self, register: int, word: int):
        self._word[0] = word >> 8
        self._word[1] = word & 255
        self._i2c.writeto_mem(self._address, register, self._word)
