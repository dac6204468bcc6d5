"""INA226: voltage, current and power of a direct current, measured over a shunt and read over I2C.

Registers: Texas Instruments, INA226 datasheet (SBOS547), 7.6. Power is worked out from the shunt's voltage and the bus
voltage in integers: the chip's own current and power registers are the same figures rounded by its calibration
register, and read 0 after the chip has lost its supply for a moment. Ours cannot.
"""

from gridnode.drivers.averages import Averages
from gridnode.metering.integers import divide
from gridnode.metering.window import CLIPPED, NO_VOLTAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridnode.drivers.buses import I2C

CANNOT = ("reactive_power_mvar", "frequency_mhz")
BLOCK_MS = 282  # 128 conversions of 1.1 ms of the shunt's and the bus voltage each: one average

_CONFIGURATION, _SHUNT_VOLTAGE, _BUS_VOLTAGE, _MASK, _MAKER, _DIE = 0x00, 0x01, 0x02, 0x06, 0xFE, 0xFF
_SETTING = 0x4927  # averages of 128, 1.1 ms a conversion, both inputs without end (bit 14 always reads 1)
_READY = 1 << 3  # of _MASK: an average has been completed since it was last read
_TEXAS_INSTRUMENTS, _INA226 = 0x5449, 0x2260

_SHUNT_NV = 2500  # a step of the shunt's voltage; a step of the bus voltage is 1.25 mV
_FULL_SCALE_NV = 32767 * _SHUNT_NV
_SHUNT_END, _BUS_END = 32767, 0x7FFF


class Ina226:
    """Feeds one channel (metering.Channel with a ChipWindow), a window for every average of the chip's: see Averages.

    Current that flows from IN+ to IN- is import. largest_ma: what the shunt is meant for. now_us: node time.
    windows, fault: as in Averages. Raises ValueError when the shunt's voltage at `largest_ma` is beyond the chip's
    81.9 mV.
    """

    def __init__(
        self,
        i2c: "I2C",
        channel,
        address: int,
        shunt_uohm: int,
        largest_ma: int,
        now_us: int,
        no_voltage_mv: int = 1000,
    ):
        if shunt_uohm < 1 or shunt_uohm * largest_ma > _FULL_SCALE_NV:
            most_uohm = _FULL_SCALE_NV // largest_ma
            raise ValueError("INA226: for %d mA the shunt must be 1 .. %d uohm" % (largest_ma, most_uohm))
        self._i2c = i2c
        self._address = address
        self._shunt_uohm = shunt_uohm
        self._no_voltage_mv = no_voltage_mv
        self._word = bytearray(2)
        self._averages = Averages(self, channel, "INA226 at 0x%02x" % address, BLOCK_MS, now_us)
        self.pump = self._averages.pump

    @property
    def windows(self) -> int:
        return self._averages.windows

    @property
    def fault(self) -> str:
        return self._averages.fault

    def close(self):
        """Nothing of it goes on by itself."""

    def set_up(self) -> str:
        maker, die = self._read(_MAKER), self._read(_DIE)
        if maker != _TEXAS_INSTRUMENTS or die & 0xFFF0 != _INA226:
            return "is another chip (0x%04x, 0x%04x): check the address" % (maker, die)
        self._word[0] = _SETTING >> 8
        self._word[1] = _SETTING & 255
        self._i2c.writeto_mem(self._address, _CONFIGURATION, self._word)  # the first average begins here
        self._read(_MASK)  # what was ready before is none of ours
        return ""

    def ready(self) -> bool:
        return bool(self._read(_MASK) & _READY)

    def kept(self) -> bool:
        return self._read(_CONFIGURATION) == _SETTING

    def figures(self):
        shunt, bus = self._read(_SHUNT_VOLTAGE), self._read(_BUS_VOLTAGE)
        if bus > _BUS_END:  # its bit 15 always reads 0
            return None
        if shunt & 0x8000:
            shunt -= 0x10000
        voltage_mv = divide(bus * 5, 4)
        current_ma = divide(abs(shunt) * _SHUNT_NV, self._shunt_uohm)
        power_mw = divide(shunt * bus * 3125, 1000 * self._shunt_uohm)  # 2.5 uV times 1.25 mV are 3.125 uV mV
        quality = CLIPPED if abs(shunt) >= _SHUNT_END or bus >= _BUS_END else 0
        if voltage_mv < self._no_voltage_mv:
            quality |= NO_VOLTAGE
        return voltage_mv, current_ma, power_mw, quality

    def _read(self, register: int) -> int:
        self._i2c.readfrom_mem_into(self._address, register, self._word)
        return self._word[0] << 8 | self._word[1]
