"""SX1276 (RFM95W and the like): a LoRa radio on SPI, 779 to 1020 MHz, sending through PA_BOOST.

Registers: Semtech, SX1276/77/78/79 datasheet rev. 7, 4.1 "LoRa Modem", 5.4 (power), 6.4 (registers); and the errata
note of SX1276/77/78, 2.1 (sensitivity at 500 kHz) and 2.3 (spurious reception).
"""

try:
    from time import sleep_ms
except ImportError:  # CPython
    from gridnode.drivers.cpython_time import sleep_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridnode.drivers.buses import SPI, Select

_FIFO, _MODE, _FREQUENCY, _POWER, _CURRENT, _LNA, _POINTER = 0x00, 0x01, 0x06, 0x09, 0x0B, 0x0C, 0x0D
_SENT_AT, _HEARD_AT, _LAST, _MASK, _FLAGS, _HOP, _MODEM = 0x0E, 0x0F, 0x10, 0x11, 0x12, 0x1C, 0x1D
_IF, _DETECT, _INVERT, _WIDE, _THRESHOLD, _SYNC, _WIDER = 0x2F, 0x31, 0x33, 0x36, 0x37, 0x39, 0x3A
_INVERT_2, _PINS, _VERSION, _BOOST = 0x3B, 0x40, 0x42, 0x4D
_SLEEP, _LORA, _STANDBY, _SEND, _RECEIVE, _CATCH, _SEEK = 0x00, 0x80, 0x81, 0x83, 0x85, 0x86, 0x87  # of _MODE
_TIMEOUT, _CAME, _BAD, _SENT, _SOUGHT, _FOUND = 0x80, 0x40, 0x20, 0x08, 0x04, 0x01  # of _FLAGS
_IS = 0x12  # of _VERSION
_BANDWIDTHS = {125: 7, 250: 8, 500: 9}
# Preambles are as long as senders like: "where the length is not known, the maximum should be programmed" (4.1.1.6).
_ANY_PREAMBLE = 0xFFFF
_CATCH_SYMBOLS = 16  # within which a preamble that was found must be locked on to
_FAR_DBM = -157  # of RSSI 0 above 779 MHz (5.5.5)

_WAITS, _RESETS, _WAKES, _IDLE, _HEARS, _SEEKS, _CATCHES, _SENDS = 0, 1, 2, 3, 4, 5, 6, 7  # what it is doing
_AGAIN_MS = 10_000
_LOOK_MS = 1000  # between two looks whether it is still the chip that was set up
_SLACK_MS = 100
_GLANCE_MS = 2  # two symbols at SF7 and 125 kHz: sooner nothing is known
_SILENT = "SX1276 does not answer or has forgotten its settings: check its supply, SCK, MOSI, MISO, select and reset"
_UNSENT = "SX1276 does not finish what it began: check its supply and its antenna"


class Sx1276:
    """The radio of gridnode.link.lora.

    spi: in mode 0, 10 MHz at most. select(0) selects the chip; reset(0) resets it (int: no such wire). edges: of DIO0
    (drivers.pin_edges, gpiod_edges), which give sent_ms and end_ms to the millisecond; without them they are as late as
    poll. A radio that fails says so in `fault`, is reset at once and then each 10 s, and is `busy` until it works.

    busy: it cannot send now, or should not as a packet is coming in. sent_ms: node time when the last sending ended.
    """

    def __init__(self, spi: "SPI", select: "Select", reset: "Select", sync_word: int = 0x12, edges=None):
        self._spi, self._select, self._reset, self._edges = spi, select, reset, edges
        self._sync_word = sync_word
        self._out, self._in = bytearray(256), bytearray(256)
        self._ask, self._told = bytes([_FLAGS] + 9 * [0]), bytearray(10)  # flags, length, .., modem, SNR, RSSI
        self._pair, self._answer = bytearray(2), bytearray(2)
        self._sink, self._long_sink = bytearray(4), bytearray(11)
        self._entries: list = []  # (frequency, modem, khz, bandwidth, spreading factor)
        self._at = 0  # which of them
        self._fresh = False  # they are new, and not yet listened to
        self._frequency = b""  # that it is tuned to
        self._bandwidth = 0  # that the errata are set for
        self._state = _WAITS
        self._due_ms = 0  # when what it is doing has taken too long, or is over
        self._limit_ms = -1  # from the next poll on: the same, not yet known as a time
        self._look_ms = 0
        self._coming = False
        self.counts = {"bad_crc": 0, "resets": 0, "unsent": 0}
        self.sent_ms = 0
        self.fault = ""

    @property
    def busy(self) -> bool:
        return self._coming or self._state < _IDLE or self._state >= _CATCHES

    @property
    def bad_crc(self) -> int:
        """Packets that came with a wrong CRC, or none."""
        return self.counts["bad_crc"]

    @property
    def resets(self) -> int:
        """How often it had to be reset since the first time."""
        return self.counts["resets"]

    def listen(self, scan):
        """From now on, hear packets of any (kHz, bandwidth in kHz, spreading factor); a packet that comes is finished.

        Raises KeyError on another bandwidth than 125, 250 or 500 kHz.
        """
        frequencies = {khz: _frequency(khz) for khz, _, _ in scan}
        self._entries = [
            (frequencies[khz], _modem(bandwidth, spreading, _ANY_PREAMBLE, 0xFF), khz, bandwidth, spreading)
            for khz, bandwidth, spreading in scan
        ]
        self._fresh = True

    def send(self, data, length: int, khz: int, bandwidth: int, spreading: int, power_dbm: int, preamble: int):
        """Begin to send data[:length], breaking off what comes in. 2 to 20 dBm; preamble in symbols."""
        if self._state < _IDLE:
            self.counts["unsent"] += 1
            return
        self._state = _SENDS
        self._coming = False
        self._limit_ms = 0  # unless all of the following works
        try:
            self._put(_MODE, _STANDBY)
            self._tune(_frequency(khz), _modem(bandwidth, spreading, preamble, length), bandwidth)
            self._set_power(power_dbm)
            self._put(_POINTER, 0)
            self._out[0] = 0x80 | _FIFO
            self._out[1 : 1 + length] = memoryview(data)[:length]
            self._transfer(memoryview(self._out)[: 1 + length], memoryview(self._in)[: 1 + length])
            self._put(_FLAGS, 0xFF)
            self._put(_PINS, 0x40)  # DIO0: sent
            self._put(_MODE, _SEND)
        except OSError:
            return
        self._limit_ms = _air_ms(length, bandwidth, spreading, preamble) + _SLACK_MS

    def poll(self, now_ms: int):
        """Run the chip: call it each few ms. A packet that came with good CRC, or None.

        (data, RSSI in dBm, SNR in quarters of a dB, spreading factor, kHz, node time of its end in ms)
        """
        try:
            if self._state < _IDLE:
                if now_ms >= self._due_ms:
                    self._wake(now_ms)
                return None
            return self._run(now_ms)
        except OSError as error:
            self._fail(now_ms, str(error))
            return None

    def rest(self, ms: int):
        """Let a few ms pass between two polls, seeking on meanwhile: a main loop's turn is too long for that."""
        while ms > 0:
            sleep_ms(min(ms, _GLANCE_MS))
            ms -= _GLANCE_MS
            if self._state == _SEEKS:
                self._glance()

    def _glance(self):
        try:
            flags = self._get(_FLAGS)
            if flags & (_SOUGHT | _FOUND) and flags != 0xFF:
                self._seek_on(flags)
        except OSError:
            pass  # the next poll finds the same, and says so

    def _wake(self, now_ms: int):
        if self._state == _WAITS:
            self._reset(0)
            self._state = _RESETS
            self._due_ms = now_ms + 2
        elif self._state == _RESETS:
            self._reset(1)
            self._state = _WAKES
            self._due_ms = now_ms + 10  # twice what the chip takes
        else:
            self._set_up()
            self.fault = ""
            self._look_ms = now_ms + _LOOK_MS
            self._listen_on()

    def _fail(self, now_ms: int, why: str):
        self._due_ms = now_ms + (_AGAIN_MS if self.fault else 0)
        self.fault = why
        self.counts["resets"] += 1
        self._state = _WAITS
        self._coming = False

    def _set_up(self):
        if self._get(_VERSION) != _IS:
            raise OSError(_SILENT)
        self._put(_MODE, _SLEEP)
        self._put(_MODE, _LORA)  # still asleep: LoRa can be chosen only there
        self._put(_MODE, _STANDBY)
        fixed = [(_SENT_AT, 0), (_HEARD_AT, 0), (_MASK, 0), (_LNA, 0x23), (_INVERT, 0x27), (_INVERT_2, 0x1D)]
        fixed += [(_THRESHOLD, 0x0A), (_SYNC, self._sync_word), (_PINS, 0), (_MODE, _STANDBY)]
        for register, value in fixed:
            self._put(register, value)
        self._frequency = b""
        self._bandwidth = 0
        for register, value in fixed:
            self._confirm(register, value)
        for entry in self._entries[:1]:
            self._tune(entry[0], entry[1], entry[3])
            for written in entry[:2]:
                for index in range(1, len(written)):
                    if written[0] + index - 1 != 0x80 | 0x25:  # which tells where the FIFO is written
                        self._confirm((written[0] & 0x7F) + index - 1, written[index])
        self._put(_FLAGS, 0xFF)

    def _run(self, now_ms: int):
        told = self._told
        self._transfer(self._ask, told)
        flags = told[1]
        if flags == 0xFF:
            raise OSError(_SILENT)
        if now_ms >= self._look_ms:
            self._look_ms = now_ms + _LOOK_MS
            if self._get(_VERSION) != _IS or not self._get(_MODE) & _LORA:
                raise OSError(_SILENT)
        if self._limit_ms >= 0:
            self._due_ms = now_ms + self._limit_ms
            self._limit_ms = -1
        state = self._state
        self._coming = state == _HEARS and told[7] & 3 != 0  # a preamble was detected, or synchronised to
        packet = None
        if state == _SENDS:
            self._sending(flags, now_ms)
        elif flags & _CAME:
            packet = self._take(flags, now_ms)
        elif state == _SEEKS:
            if not flags & (_SOUGHT | _FOUND) and now_ms > self._due_ms:
                raise OSError(_UNSENT)
            self._seek_on(flags)
        elif state == _CATCHES and (flags & _TIMEOUT or now_ms > self._due_ms):
            self._put(_MODE, _STANDBY)
            self._next()
        if self._fresh and not self.busy:
            self._listen_on()
        return packet

    def _sending(self, flags: int, now_ms: int):
        if flags & _SENT:
            self.sent_ms = self._when(now_ms)
            self._listen_on()
        elif now_ms > self._due_ms:
            raise OSError(_UNSENT)

    def _seek_on(self, flags: int):
        if flags & _FOUND:
            self._put(_FLAGS, 0xFF)
            self._put(_MODE, _CATCH)
            self._state = _CATCHES
            _, _, _, bandwidth, spreading = self._entries[self._at]
            self._limit_ms = _air_ms(255, bandwidth, spreading, 100)
        elif flags & _SOUGHT:
            self._next()

    def _take(self, flags: int, now_ms: int):
        """The packet that has come, out of the chip."""
        end_ms = self._when(now_ms)
        told = self._told
        length, snr = told[2], told[8] - ((told[8] & 0x80) << 1)
        _, _, khz, _, spreading = self._entries[self._at]
        packet = None
        if flags & _BAD or not self._get(_HOP) & 0x40:  # 0x40: its header promised a CRC
            self.counts["bad_crc"] += 1
        else:
            self._put(_POINTER, self._get(_LAST))
            self._out[0] = _FIFO
            self._transfer(memoryview(self._out)[: 1 + length], memoryview(self._in)[: 1 + length])
            rssi = told[9] * 16 // 15 if snr >= 0 else told[9] + snr // 4
            packet = bytes(memoryview(self._in)[1 : 1 + length]), _FAR_DBM + rssi, snr, spreading, khz, end_ms
        self._coming = False
        if self._state == _CATCHES:
            self._next()
        else:
            self._put(_FLAGS, 0xFF)
        return packet

    def _when(self, now_ms: int) -> int:
        """Node time of DIO0's last edge; now if there is none."""
        edges, at_ms = self._edges, now_ms
        while edges and edges.take(now_ms * 1000):
            if edges.active:
                at_ms = edges.at_us // 1000
        return at_ms

    def _listen_on(self):
        """Receive, or seek, from the first entry on."""
        self._fresh = False
        self._put(_MODE, _STANDBY)
        self._put(_FLAGS, 0xFF)
        self._put(_PINS, 0)  # DIO0: a packet came
        self._state = _IDLE
        self._at = -1
        if len(self._entries) == 1:
            self._at = 0
            self._tune(self._entries[0][0], self._entries[0][1], self._entries[0][3])
            self._put(_MODE, _RECEIVE)
            self._state = _HEARS
        elif self._entries:
            self._next()

    def _next(self):
        """Look for a preamble by the next entry; the chip stands by."""
        self._at = (self._at + 1) % len(self._entries)
        frequency, modem, _, bandwidth, spreading = self._entries[self._at]
        self._tune(frequency, modem, bandwidth)
        self._put(_FLAGS, 0xFF)
        self._put(_MODE, _SEEK)
        self._state = _SEEKS
        self._limit_ms = (4 << spreading) // bandwidth + _SLACK_MS

    def _tune(self, frequency: bytes, modem: bytes, bandwidth: int):
        if frequency is not self._frequency:
            self._transfer(frequency, self._sink)
            self._frequency = frequency
        self._transfer(modem, self._long_sink)
        if bandwidth != self._bandwidth:
            self._bandwidth = bandwidth
            wide = bandwidth == 500
            self._put(_WIDE, 0x02 if wide else 0x03)  # errata, 2.1; else the chip chooses the other one by itself
            if wide:
                self._put(_WIDER, 0x64)
            self._put(_DETECT, 0xC3 if wide else 0x43)  # errata, 2.3
            if not wide:
                self._put(_IF, 0x40)
                self._put(_IF + 1, 0x00)

    def _set_power(self, dbm: int):
        # 5.4.2 and 5.4.3: with the boost three more dB than the 2 to 17; currents of 7.2 with room: 140, 100 mA.
        strong = dbm > 17
        self._put(_BOOST, 0x87 if strong else 0x84)
        self._put(_CURRENT, 0x31 if strong else 0x2B)
        self._put(_POWER, 0x80 | (min(dbm, 20) - 5 if strong else max(dbm, 2) - 2))

    def _confirm(self, register: int, value: int):
        if self._get(register) != value:
            raise OSError(_SILENT)

    def _get(self, register: int) -> int:
        self._pair[0] = register
        self._transfer(self._pair, self._answer)
        return self._answer[1]

    def _put(self, register: int, value: int):
        self._pair[0] = register | 0x80
        self._pair[1] = value
        self._transfer(self._pair, self._answer)

    def _transfer(self, out, into):
        self._select(0)
        try:
            self._spi.write_readinto(out, into)
        finally:
            self._select(1)


def _frequency(khz: int) -> bytes:
    """Three registers, in steps of 32 MHz / 2^19 (4.1.4), with their address before them."""
    steps = (khz * 2048 + 62) // 125
    return bytes((0x80 | _FREQUENCY, steps >> 16, steps >> 8 & 255, steps & 255))


def _modem(bandwidth: int, spreading: int, preamble: int, length: int) -> bytes:
    """Ten registers, with their address before them: CR 4/5, explicit header, CRC, automatic gain."""
    slow = (1 << spreading) > 16 * bandwidth  # a symbol of more than 16 ms: LowDataRateOptimize
    return bytes(
        (
            0x80 | _MODEM,
            _BANDWIDTHS[bandwidth] << 4 | 0x02,
            spreading << 4 | 0x04,
            _CATCH_SYMBOLS,
            preamble >> 8,
            preamble & 255,
            length,
            0xFF,
            0,
            0,
            0x0C if slow else 0x04,
        )
    )


def _air_ms(length: int, bandwidth: int, spreading: int, preamble: int) -> int:
    """At least the time on air (Semtech AN1200.13, 4)."""
    bits = 4 * (spreading - 2 if (1 << spreading) > 16 * bandwidth else spreading)
    symbols = preamble + 13 + (8 * length - 4 * spreading + 43 + bits) // bits * 5
    return (symbols << spreading) // bandwidth + 1
