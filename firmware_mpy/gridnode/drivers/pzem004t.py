"""PZEM-004T v3: a mains meter with its own chip, on a UART at 9600 8N1, asked by Modbus RTU once a second.

Registers and ranges: "PZEM-004T V3.0 User Manual" (Peacefair), 1.1 to 1.6 and 2.3. It tells power without a sign: it
meters a load, and cannot tell import from export. It lives off the voltage that it meters, so without it, it is silent.
"""

from gridnode.drivers.modbus import ANSWERED, WAITING, RegisterReader
from gridnode.metering.window import CLIPPED, NO_ANSWER, UNBELIEVABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridnode.drivers.buses import Stream

CANNOT = ("reactive_power_mvar", "energy_export_mwh")
WINDOW_MS = 1000  # the chip has new figures about once a second
TRIES = 3  # in a window; those that fail leave time for the next window's
TIMEOUT_MS = 250  # 34 ms are on the line at 9600 baud, the rest is the chip's

_VOLTAGE, _CURRENT, _POWER, _FREQUENCY = 0, 1, 3, 7  # 0.1 V; 1 mA; 0.1 W; 0.1 Hz. Two words are low word first
_REGISTERS = 10  # 0x0000 .. 0x0009

_VOLTAGE_RANGE_MV = 80_000, 260_000
_LARGEST_CURRENT_MA = 100_000
_LARGEST_POWER_MW = 23_000_000
_BELIEVED_VOLTAGE_MV = 300_000  # beyond these the chip is broken, not at its end
_BELIEVED_CURRENT_MA = 120_000


class Pzem004t:
    """Feeds one channel (metering.Channel with a ChipWindow), a window a second, from a UART that is passed in.

    stream: as drivers.modbus wants it, at 9600 8N1. address: 1 .. 247 (as delivered, 1). now_us: node time. A window
    without a believable answer is skipped: its time passes, its figures are None, no energy is made up for it.

    windows, missed: how many were measured, and how many skipped. fault: "" or a sentence that says what to do.
    """

    def __init__(self, stream: "Stream", channel, address: int, now_us: int):
        self._reader = RegisterReader(stream, address, 0, _REGISTERS, TIMEOUT_MS)
        self._channel = channel
        self._due_ms = now_us // 1000 + WINDOW_MS  # when the window ends that comes next
        self._tries = 0  # at this window's figures; 0: not yet asked
        self.windows = self.missed = 0
        self.fault = ""
        channel.begin(now_us // 1000 * 1000)

    def close(self):
        """Nothing of it goes on by itself."""

    def pump(self, now_us: int):
        """Ask, listen or book, whatever is due. Never waits."""
        now_ms = now_us // 1000
        if not self._tries:
            if now_ms >= self._due_ms:
                self._pass(now_ms)
                self._ask(now_ms)
            return
        answered = self._reader.poll(now_ms)
        if answered == WAITING:
            return
        if answered == ANSWERED and self._measure():
            self.windows += 1
            self.fault = ""
            self._next()
        elif self._tries < TRIES:
            self._ask(now_ms)
        else:
            why = UNBELIEVABLE
            if answered != ANSWERED:
                why = NO_ANSWER
                self.fault = "PZEM-004T: %s: check its mains side, its 5 V, RX and TX" % self._reader.fault
            self._miss(1, why)
            self._next()

    def _ask(self, now_ms: int):
        self._tries += 1
        self._reader.ask(now_ms)

    def _next(self):
        self._due_ms += WINDOW_MS
        self._tries = 0

    def _pass(self, now_ms: int):
        """Nobody asked during whole windows: they are missed."""
        late = (now_ms - self._due_ms) // WINDOW_MS
        if late:
            self._miss(late, 0)
            self._due_ms += late * WINDOW_MS

    def _miss(self, windows: int, why: int):
        self.missed += windows
        self._channel.skip(windows * WINDOW_MS, why)

    def _measure(self) -> bool:
        """Book the answer as this window; False when it cannot be true."""
        voltage_mv = self._reader.register(_VOLTAGE) * 100
        current_ma = self._long(_CURRENT)
        power_mw = self._long(_POWER) * 100
        # Nothing takes more than V times I; the rest is what three rounded figures may differ by.
        most_mw = voltage_mv * current_ma // 1000 * 105 // 100 + 2000
        if voltage_mv > _BELIEVED_VOLTAGE_MV or current_ma > _BELIEVED_CURRENT_MA or power_mw > most_mw:
            self.fault = "PZEM-004T: says %d mV, %d mA, %d mW, which cannot be: replace it" % (
                voltage_mv,
                current_ma,
                power_mw,
            )
            return False
        low_mv, high_mv = _VOLTAGE_RANGE_MV
        quality = 0
        if not low_mv <= voltage_mv <= high_mv or current_ma > _LARGEST_CURRENT_MA or power_mw > _LARGEST_POWER_MW:
            quality = CLIPPED
        frequency_mhz = self._reader.register(_FREQUENCY) * 100
        self._channel.window.measured(WINDOW_MS, voltage_mv, current_ma, power_mw, frequency_mhz or None, quality)
        self._channel.count()
        return True

    def _long(self, index: int) -> int:
        return self._reader.register(index) | self._reader.register(index + 1) << 16
