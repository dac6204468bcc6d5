"""A smart meter that tells its registers by itself, over and over: a reference, or the meter of the grid connection.

What the telegrams look like is their reader's: drivers/dsmr_p1.py, drivers/sml.py. The same on a node and on a Pi.
Energy is what the meter's own registers have gained, to the mWh, also over telegrams that were lost.
"""

from gridnode.metering.told_window import NO_ANSWER, UNBELIEVABLE

CANNOT = ("apparent_power_mva",)  # and what the meter at hand leaves out
SILENT_MS = 25_000  # two telegrams of a meter that speaks every 10 s
_PASS_MS = 1000  # while it is silent, time passes in steps of this
_READS = 8  # at most, so that a line that never falls silent cannot hold us up

_BELIEVED_MW = 200_000_000  # three times 250 A: beyond this it is broken, or another meter
_STEP_MWH = 1_000_000  # of a register that tells whole kWh
_MS_PER_HOUR = 3_600_000
_BELIEVED = 1_000_000  # mV, mA, mHz: 1 kV, 1 kA, 1 kHz

# OBIS C.D.E (IEC 62056-61). Registers: E is 0 for all, 1 .. 4 for a tariff.
_IMPORT, _EXPORT = b"\x01\x08", b"\x02\x08"
_POWER, _POWER_SIZE = b"\x10\x07\x00", b"\x0f\x07\x00"  # the second without a sign
_POWER_IN, _POWER_OUT = b"\x01\x07\x00", b"\x02\x07\x00"
_VARS_IN, _VARS_OUT = b"\x03\x07\x00", b"\x04\x07\x00"
_VOLTAGE_1, _VOLTAGE_2, _CURRENT_1, _FREQUENCY = b"\x20\x07\x00", b"\x34\x07\x00", b"\x1f\x07\x00", b"\x0e\x07\x00"


class SmartMeter:
    """Feeds one channel (metering.Channel with a ToldWindow), a window from each telegram to the next.

    stream: `readinto(buffer)` without waiting: None or 0 when there is nothing. reader: `feed(octets, n)`, True when a
    whole telegram with a right check has ended; then `found`: OBIS C.D.E as bytes -> mWh, mW, mvar, mV, mA or mHz;
    `refusal`: "" or what is wrong with the last one; `name`. now_us: node time. Voltage is that of L1; the current is
    told where L1 is the only phase. The first telegram only says where the registers stand. A register that went back
    or leapt is another meter's: nothing is booked, and it is counted from there.

    windows: how many were measured. fault: "" or a sentence that says what to do.
    """

    def __init__(self, stream, reader, channel, now_us: int):
        self._stream = stream
        self._reader = reader
        self._channel = channel
        self._incoming = bytearray(128)
        self._end_ms = self._told_ms = now_us // 1000  # of the last window; of the last telegram
        self._registers = None  # as last told: (import, export) in mWh
        self._heard = False  # anything, since the last telegram
        self.windows = 0
        self.fault = ""
        channel.begin(self._end_ms * 1000)

    def close(self):
        """Nothing of it goes on by itself."""

    def pump(self, now_us: int):
        """Take what has come in, and book what is whole. Never waits."""
        now_ms = now_us // 1000
        for _ in range(_READS):
            count = self._read()
            if not count:
                break
            self._heard = True
            if self._reader.feed(self._incoming, count):
                self._book(now_ms)
        if now_ms - self._told_ms >= SILENT_MS and now_ms - self._end_ms >= _PASS_MS:
            self._skip(now_ms, NO_ANSWER)
            self.fault = "%s: %s" % (self._reader.name, self._why())

    def _why(self) -> str:
        if not self._heard:
            return "the meter is silent: check its data output, its supply and the wire"
        return self._reader.refusal or "no telegram in what comes in: check rate, parity and polarity"

    def _read(self) -> int:
        try:
            return self._stream.readinto(self._incoming) or 0
        except OSError:
            return 0

    def _book(self, now_ms: int):
        found = self._reader.found
        before, elapsed_ms = self._registers, now_ms - self._told_ms
        registers = [_register(found, _IMPORT), _register(found, _EXPORT)]
        power_mw = _power(found, registers[1])
        gained = _gained(before, registers, elapsed_ms)
        self._registers = registers
        self._told_ms = now_ms
        self._heard = False
        if before is None:
            self._skip(now_ms, 0)
        elif gained is None or not _believed(found, power_mw):
            self._skip(now_ms, UNBELIEVABLE)
            self.fault = "%s: says what cannot be, or it is another meter: counted from here" % self._reader.name
        else:
            self._show(found, power_mw, now_ms)
            self._channel.count(None if registers == [None, None] and power_mw is not None else gained)
            self._end_ms = now_ms
            self.windows += 1
            self.fault = ""

    def _show(self, found: dict, power_mw, now_ms: int):
        window = self._channel.window
        window.told(now_ms - self._end_ms, power_mw)
        window.reactive_power_mvar = _difference(found, _VARS_IN, _VARS_OUT)
        window.voltage_rms_mv = found.get(_VOLTAGE_1)
        window.frequency_mhz = found.get(_FREQUENCY)
        if _VOLTAGE_2 not in found:
            window.current_rms_ma = found.get(_CURRENT_1)

    def _skip(self, until_ms: int, why: int):
        self._channel.skip(until_ms - self._end_ms, why)
        self._end_ms = until_ms


def _register(found: dict, which: bytes):
    """The total, or the sum of the tariffs; None when there is neither."""
    if which + b"\0" in found:
        return found[which + b"\0"]
    tariffs = [found[which + bytes((tariff,))] for tariff in range(1, 5) if which + bytes((tariff,)) in found]
    return sum(tariffs) if tariffs else None


def _power(found: dict, export_mwh):
    if _POWER in found:
        return found[_POWER]
    if export_mwh is None and _POWER_SIZE in found:
        return found[_POWER_SIZE]
    return _difference(found, _POWER_IN, _POWER_OUT)


def _difference(found: dict, plus: bytes, minus: bytes):
    if plus not in found and minus not in found:
        return None
    return found.get(plus, 0) - found.get(minus, 0)


def _believed(found: dict, power_mw) -> bool:
    quantities = [found.get(code, 0) for code in (_VOLTAGE_1, _CURRENT_1, _FREQUENCY)]
    powers = [power_mw or 0, _difference(found, _VARS_IN, _VARS_OUT) or 0]
    return all(0 <= each <= _BELIEVED for each in quantities) and all(abs(each) <= _BELIEVED_MW for each in powers)


def _gained(before, after: list, elapsed_ms: int):
    """(import, export) in mWh since the telegram before; None when that cannot be. What `after` lacks, it is given."""
    if before is None:
        return None
    gained = [0, 0]
    for which in range(2):
        if after[which] is None:
            after[which] = before[which]
        elif before[which] is not None:
            gained[which] = after[which] - before[which]
        if not 0 <= gained[which] <= _BELIEVED_MW * elapsed_ms // _MS_PER_HOUR + _STEP_MWH:
            return None
    return gained
