"""ATM90E32AS: a mains meter chip of three phases on SPI; each phase feeds a channel.

Registers: Atmel, M90E32AS datasheet (Atmel-46003), 6; the size of a step of power is that of ESPHome's and
CircuitSetup's drivers for this chip (the older 90E32 counts otherwise). The chip keeps the last word that it sent or
took (LastSPIData): every word here is read once more through that register, and counts when both agree.
"""

from gridnode.metering.integers import divide
from gridnode.metering.window import CLIPPED, NO_ANSWER, NO_VOLTAGE, UNBELIEVABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridnode.drivers.buses import SPI, Select

CANNOT = ()
PHASES = 3
# Of the SPI bus. The chip has its answer ready 4 us after the address: at this rate within a bit.
BAUD, POLARITY, PHASE = 200_000, 1, 1
WINDOW_MS = 320  # 16 periods at 50 Hz
TRIES = 3  # for each word

_READ = 0x8000
_METERING, _RESET, _LAST, _ACCESS = 0x00, 0x70, 0x78, 0x7F
_MODE, _AMPLIFIER, _VOLTAGE_GAIN, _CURRENT_GAIN = 0x33, 0x34, 0x61, 0x62  # the gains' are 4 apart from phase to phase
_ACTIVE, _REACTIVE, _LOW, _VOLTAGE, _CURRENT, _FREQUENCY = 0xB1, 0xB5, 0x10, 0xD9, 0xDD, 0xF8
_RESET_KEY, _ACCESS_KEY = 0x789A, 0x55AA
_FOUR_WIRES, _60_HZ = 0x0087, 0x1000  # of _MODE
_AMPLIFIERS = {1: 0x00, 2: 0x15, 4: 0x2A}  # the same for each phase's current
_RESET_MS = 10  # that the chip takes for it; twice what is asked for

_LARGEST = 0xFFFF  # 65.535 A
_BELIEVED_MV = 500_000
_BELIEVED_FREQUENCY_MHZ = 40_000, 70_000


class Atm90e32:
    """Feeds one to three channels (metering.Channel with a ChipWindow): phase A, B, C in their order.

    spi: at BAUD, POLARITY, PHASE; select(0) selects the chip, select(1) ends a transfer. gains: of each channel
    (voltage, current), 16 bits, what the chip multiplies by in 1/32768. amplifier: of the currents, 1, 2 or 4. now_us:
    node time. A window lasts WINDOW_MS, and is the chip's own mean at its end. A phase that gives no believable figures
    is skipped: its time passes, its figures are None.

    windows: how many were measured. fault: "" or a sentence that says what to do. Raises ValueError on another number
    of channels, and KeyError on an amplifier that the chip does not have.
    """

    def __init__(
        self,
        spi: "SPI",
        select: "Select",
        channels: list,
        gains: list,
        nominal_frequency_hz: int,
        now_us: int,
        amplifier: int = 1,
        no_voltage_mv: int = 20_000,
    ):
        if not 1 <= len(channels) == len(gains) <= PHASES:
            raise ValueError("ATM90E32: 1 .. 3 channels, with gains for each, not %d" % len(channels))
        mode = _FOUR_WIRES | (_60_HZ if nominal_frequency_hz == 60 else 0)
        self._setting = [(_METERING, 1), (_MODE, mode), (_AMPLIFIER, _AMPLIFIERS[amplifier])]
        for phase, (voltage, current) in enumerate(gains):
            self._setting += [(_VOLTAGE_GAIN + 4 * phase, voltage), (_CURRENT_GAIN + 4 * phase, current)]
        self._spi = spi
        self._select = select
        self._channels = channels
        self._no_voltage_mv = no_voltage_mv
        self._out, self._in = bytearray(4), bytearray(4)
        self._end_ms = [now_us // 1000] * len(channels)  # of each channel's last window
        self._phase = 0  # which comes next
        self._due_ms = now_us // 1000
        self._step = self._begin
        self._why = 0  # there are no figures at present
        self._wrong = ""  # what a phase said in this window that cannot be
        self.windows = 0
        self.fault = ""
        for channel in channels:
            channel.begin(now_us // 1000 * 1000)

    def close(self):
        """Nothing of it goes on by itself."""

    def pump(self, now_us: int):
        """Set up the chip, or book a phase, if that is due: some 20 short transfers of 160 us each on the line."""
        now_ms = now_us // 1000
        if now_ms < self._due_ms:
            return
        try:
            self._step(now_ms)
        except OSError:
            self._lose(now_ms)

    def _begin(self, now_ms: int):
        self._write(_RESET, _RESET_KEY)
        self._due_ms = now_ms + _RESET_MS
        self._step = self._set_up

    def _set_up(self, now_ms: int):
        for register, word in [(_ACCESS, _ACCESS_KEY)] + self._setting + [(_ACCESS, 0)]:
            self._write(register, word)
            self._confirm(word)
        for phase in range(len(self._channels)):
            self._skip(phase, now_ms, self._why)
        self._phase = 0
        # All registers are 0 until the first mean, 16 periods after the setting: 400 ms at 40 Hz.
        self._due_ms = now_ms + WINDOW_MS * 3 // 2
        self._step = self._measure

    def _measure(self, now_ms: int):
        """Book the phase that is next; after the last one wait for the next window."""
        phase = self._phase
        if not phase:
            self._wrong = ""
        figures = self._figures(phase)
        if not _believable(*figures):  # they are of two means if the chip went on in between: not so twice
            figures = self._figures(phase)
        if self._word(_METERING) != 1:  # it has started anew meanwhile
            raise OSError(5)
        self._why = 0
        if _believable(*figures):
            self._book(phase, now_ms, *figures)
        else:
            self._wrong = "ATM90E32: phase %d says %d mV, %d mA, %d mW, which cannot be: check its gains" % (
                (phase + 1,) + figures[:3]
            )
            self._skip(phase, now_ms, UNBELIEVABLE)
        self._phase = (phase + 1) % len(self._channels)
        if not self._phase:
            self.fault = self._wrong
            self._due_ms = max(self._due_ms + WINDOW_MS, now_ms + WINDOW_MS // 2)

    def _figures(self, phase: int) -> tuple:
        """(mV, mA, mW, mvar, mHz) as the chip says them."""
        voltage, current = self._word(_VOLTAGE + phase), self._word(_CURRENT + phase)
        active, reactive = self._long(_ACTIVE + phase), self._long(_REACTIVE + phase)
        return voltage * 10, current, divide(active * 8, 25), divide(reactive * 8, 25), self._word(_FREQUENCY) * 10

    def _book(self, phase: int, now_ms: int, voltage_mv: int, current_ma: int, active_mw: int, reactive_mvar: int, mhz):
        quality = CLIPPED if current_ma >= _LARGEST else 0
        low_mhz, high_mhz = _BELIEVED_FREQUENCY_MHZ
        if voltage_mv < self._no_voltage_mv:
            quality |= NO_VOLTAGE
            mhz = None
        elif not low_mhz <= mhz <= high_mhz:
            quality |= UNBELIEVABLE
            mhz = None
        channel = self._channels[phase]
        if now_ms - self._end_ms[phase] > 2 * WINDOW_MS:  # nobody asked: the mean is not of all that time
            self._skip(phase, now_ms - WINDOW_MS, 0)
        duration_ms = now_ms - self._end_ms[phase]
        channel.window.measured(duration_ms, voltage_mv, current_ma, active_mw, mhz, quality, reactive_mvar)
        channel.count()
        self._end_ms[phase] = now_ms
        self.windows += 1

    def _skip(self, phase: int, now_ms: int, why: int):
        if now_ms > self._end_ms[phase]:
            self._channels[phase].skip(now_ms - self._end_ms[phase], why)
            self._end_ms[phase] = now_ms

    def _lose(self, now_ms: int):
        """What has passed since the last windows was not measured; set the chip up again in a while."""
        self._why = NO_ANSWER
        for phase in range(len(self._channels)):
            self._skip(phase, now_ms, self._why)
        self._step = self._begin
        self._due_ms = now_ms + WINDOW_MS
        self.fault = "ATM90E32 does not answer, or is garbled or reset: check its supply, SCK, MOSI, MISO and select"

    def _long(self, register: int) -> int:
        """Two words with a sign, the low one 16 registers higher; OSError when they keep changing in between."""
        high = self._word(register)
        for _ in range(TRIES):
            low = self._word(register + _LOW)
            again = self._word(register)
            if again == high:
                return ((high ^ 0x8000) << 16 | low) - 0x80000000
            high = again
        raise OSError(5)

    def _word(self, register: int) -> int:
        """What a register says, as the chip confirms it. Raises OSError when it does not."""
        for _ in range(TRIES):
            word = self._transfer(_READ | register, 0)
            if self._transfer(_READ | _LAST, 0) == word:
                return word
        raise OSError(5)

    def _confirm(self, word: int):
        if self._transfer(_READ | _LAST, 0) != word:
            raise OSError(5)

    def _write(self, register: int, word: int):
        self._transfer(register, word)

    def _transfer(self, register: int, word: int) -> int:
        out, answer = self._out, self._in
        out[0] = register >> 8
        out[1] = register & 255
        out[2] = word >> 8
        out[3] = word & 255
        self._select(0)
        try:
            self._spi.write_readinto(out, answer)
        finally:
            self._select(1)
        return answer[2] << 8 | answer[3]


def _believable(voltage_mv: int, current_ma: int, active_mw: int, reactive_mvar: int, mhz: int) -> bool:
    # Nothing takes more than V times I; the rest is what rounded figures may differ by.
    most = voltage_mv * current_ma // 1000 * 105 // 100 + 2000
    return voltage_mv <= _BELIEVED_MV and abs(active_mw) <= most and abs(reactive_mvar) <= most
