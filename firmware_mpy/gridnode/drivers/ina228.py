"""INA228: voltage, current and power of a direct current in 20 bits, up to 85 V, over a shunt, read over I2C.

Registers: Texas Instruments, INA228 datasheet (SLYS021), 7.6. Power is worked out from the shunt's voltage and the bus
voltage, as for the INA226: the chip's energy register has no sign, and begins at 0 whenever its supply does.
"""

from gridnode.drivers.averages import Averages
from gridnode.metering.integers import divide
from gridnode.metering.window import CLIPPED, NO_VOLTAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridnode.drivers.buses import I2C

CANNOT = ("reactive_power_mvar", "frequency_mhz")
BLOCK_MS = 269  # 128 conversions of 1052 us of the shunt's and the bus voltage each: one average

_CONFIGURATION, _CONVERSION, _SHUNT_VOLTAGE, _BUS_VOLTAGE = 0x00, 0x01, 0x04, 0x05
_ALERTS, _MAKER, _DEVICE = 0x0B, 0x3E, 0x3F
_FINE = 1 << 4  # of _CONFIGURATION: a full scale of 40.96 mV instead of 163.84 mV
_SETTING = 0xBB44  # shunt and bus without end, 1052 us a conversion, averages of 128
_LATCH, _READY, _MEMORY_GOOD = 1 << 15, 1 << 1, 1 << 0  # of _ALERTS; with _LATCH, reading it clears _READY
_TEXAS_INSTRUMENTS, _INA228 = 0x5449, 0x2280

_COARSE_PV, _FINE_PV = 312_500, 78_125  # a step of the shunt's voltage; one of the bus voltage is 25/128 mV
_SHUNT_END = (1 << 19) - 1
_LARGEST_MV = 85_000


class Ina228:
    """Feeds one channel (metering.Channel with a ChipWindow), a window for every average of the chip's: see Averages.

    Current that flows from IN+ to IN- is import. largest_ma: what the shunt is meant for; the chip's finer range is
    taken where that is enough. now_us: node time. windows, fault: as in Averages. Raises ValueError when the shunt's
    voltage at `largest_ma` is beyond the chip's 163.8 mV.
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
        full_nv = shunt_uohm * largest_ma
        if shunt_uohm < 1 or full_nv > _SHUNT_END * _COARSE_PV // 1000:
            most_uohm = _SHUNT_END * _COARSE_PV // 1000 // largest_ma
            raise ValueError("INA228: for %d mA the shunt must be 1 .. %d uohm" % (largest_ma, most_uohm))
        self._fine = _FINE if full_nv <= _SHUNT_END * _FINE_PV // 1000 else 0
        self._step_pv = _FINE_PV if self._fine else _COARSE_PV
        self._i2c = i2c
        self._address = address
        self._shunt_uohm = shunt_uohm
        self._no_voltage_mv = no_voltage_mv
        self._word = bytearray(2)
        self._long = bytearray(3)
        self._averages = Averages(self, channel, "INA228 at 0x%02x" % address, BLOCK_MS, now_us)
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
        maker, device = self._read(_MAKER), self._read(_DEVICE)
        if maker != _TEXAS_INSTRUMENTS or device & 0xFFF0 != _INA228:
            return "is another chip (0x%04x, 0x%04x): check the address" % (maker, device)
        self._write(_CONFIGURATION, self._fine)
        self._write(_ALERTS, _LATCH)
        self._write(_CONVERSION, _SETTING)  # the first average begins here
        self._read(_ALERTS)  # what was ready before is none of ours
        return ""

    def ready(self) -> bool:
        alerts = self._read(_ALERTS)
        self._good = bool(alerts & _MEMORY_GOOD)
        return bool(alerts & _READY)

    def kept(self) -> bool:
        return self._read(_CONVERSION) == _SETTING and self._read(_CONFIGURATION) == self._fine

    def figures(self):
        shunt, bus = self._read_long(_SHUNT_VOLTAGE), self._read_long(_BUS_VOLTAGE)
        if not self._good or bus & 0x80000:  # its trimming is damaged; the bus voltage's sign always reads 0
            return None
        if shunt & 0x80000:
            shunt -= 0x100000
        voltage_mv = divide(bus * 25, 128)
        current_ma = divide(abs(shunt) * self._step_pv, 1000 * self._shunt_uohm)
        power_mw = divide(shunt * bus * 25 * self._step_pv, 128_000_000 * self._shunt_uohm)
        quality = CLIPPED if abs(shunt) >= _SHUNT_END or voltage_mv > _LARGEST_MV else 0
        if voltage_mv < self._no_voltage_mv:
            quality |= NO_VOLTAGE
        return voltage_mv, current_ma, power_mw, quality

    def _read(self, register: int) -> int:
        self._i2c.readfrom_mem_into(self._address, register, self._word)
        return self._word[0] << 8 | self._word[1]

    def _read_long(self, register: int) -> int:
        """The upper 20 of 24 bits."""
        self._i2c.readfrom_mem_into(self._address, register, self._long)
        return self._long[0] << 12 | self._long[1] << 4 | self._long[2] >> 4

    def _write(self, register: int, word: int):
        self._word[0] = word >> 8
        self._word[1] = word & 255
        self._i2c.writeto_mem(self._address, register, self._word)
