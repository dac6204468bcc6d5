"""SX1262 (E22, Core1262, Wio-SX1262 and the like): a LoRa radio on SPI, 863 to 928 MHz.

Commands: Semtech, SX1261/2 datasheet rev. 1.2, 11 and 13; limitations 15.1 to 15.4. The peaks of detection are those of
AN1200.48 as it is remembered, not compared with it. GetStatus is not used: right after SetRx it has been seen to start
a sending (micropython-lib's driver); GetIrqStatus tells the same.
Longer than other modules because a chip is one file.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridnode.drivers.buses import SPI, Select

_SENT, _CAME, _PREAMBLE, _HEADER, _BAD_HEADER, _BAD, _SOUGHT, _FOUND, _TIMEOUT = 1, 2, 4, 16, 32, 64, 128, 256, 512
_BANDWIDTHS = {125: 4, 250: 5, 500: 6}
_SYNC, _NAME, _IQ, _QUALITY, _GAIN, _CLAMP, _CURRENT, _TIMER, _EVENTS, _PROMISED = (
    (0x07, 0x40),
    (0x03, 0x20),
    (0x07, 0x36),
    (0x08, 0x89),
    (0x08, 0xAC),
    (0x08, 0xD8),
    (0x08, 0xE7),
    (0x09, 0x02),
    (0x09, 0x44),
    (0x07, 0x6B),
)
_TCXO_MV = (1600, 1700, 1800, 2200, 2400, 2700, 3000, 3300)  # 13.3.6
_TCXO_STARTS = 320  # in 15.625 us: 5 ms
_POWERS = ((14, 2, 2), (17, 2, 3), (20, 3, 5), (22, 4, 7))  # 13.1.14.1: largest dBm, duty cycle, size of the amplifier
_PEAKS = b"\x16\x16\x17\x18\x19\x1c"  # of SF7 to SF12
_ANY_PREAMBLE = 0xFFFF
_CATCH_SYMBOLS = 16  # within which a preamble that was found must be locked on to

_WAITS, _RESETS, _WAKES, _CALIBRATES, _IDLE, _HEARS, _SEEKS, _CATCHES, _SENDS = 0, 1, 2, 3, 4, 5, 6, 7, 8
_BUSY_LOOKS = 200  # a command takes the chip some 0.1 ms, a look at least 2 us
_AGAIN_MS = 10_000
_LOOK_MS = 1000  # between two looks whether it is still the chip that was set up
_SLACK_MS = 100
_SILENT = "SX1262 does not answer or has forgotten its settings: check its supply, SCK, MOSI, MISO, select and reset"
_STUCK = "SX1262 stays busy: check its supply, BUSY and reset"
_UNSENT = "SX1262 does not finish what it began: check its supply and its antenna"
_NO_CRYSTAL = "SX1262: its oscillator does not start (errors 0x%04x): if the module has a TCXO, say so in tcxo_mv"


class Sx1262:
    """The radio of gridnode.link.lora.

    spi: in mode 0, 16 MHz at most. select(0) selects the chip; reset(0) resets it; busy_pin() is its BUSY. edges: of
    DIO1 (drivers.pin_edges, gpiod_edges), which give sent_ms and end_ms to the millisecond; without them they are as
    late as poll. tcxo_mv: supply of the module's TCXO from DIO3, None: a crystal. dio2_switch: DIO2 switches the
    antenna. ldo: the module lacks the inductor of the DC-DC converter. A radio that fails says so in `fault`, is reset
    at once and then each 10 s, and is `busy` until it works. Raises ValueError on another tcxo_mv than the chip has.

    busy: it cannot send now, or should not as a packet is coming in. sent_ms: node time when the last sending ended.
    """

    def __init__(
        self,
        spi: "SPI",
        select: "Select",
        reset: "Select",
        busy_pin,
        sync_word: int = 0x12,
        edges=None,
        tcxo_mv=None,
        dio2_switch: bool = False,
        ldo: bool = False,
    ):
        self._spi, self._select, self._reset, self._busy_pin, self._edges = spi, select, reset, busy_pin, edges
        self._sync_word = bytes((sync_word & 0xF0 | 4, (sync_word << 4 | 4) & 0xFF))
        self._tcxo = None if tcxo_mv is None else _TCXO_MV.index(tcxo_mv)
        self._dio2_switch, self._ldo = dio2_switch, ldo
        self._out, self._in = bytearray(258), bytearray(258)
        self._sinks = [memoryview(self._in)[:length] for length in range(12)]
        self._ask, self._told = b"\x12\0\0\0", bytearray(4)  # .., how it is, what has happened
        self._entries: list = []  # (frequency, modulation, detection, khz, bandwidth, spreading factor)
        self._at = 0  # which of them
        self._fresh = False  # they are new, and not yet listened to
        self._frequency = b""  # that it is tuned to
        self._bandwidth = 0  # that 15.1 is set for
        self._state = _WAITS
        self._due_ms = 0  # when what it is doing has taken too long, or is over
        self._limit_ms = -1  # from the next poll on: the same, not yet known as a time
        self._look_ms = 0
        self._coming = False
        self._coming_ms = 0  # until when, at the latest
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
            (frequencies[khz], _modulation(bandwidth, sf), _detection(bandwidth, sf), khz, bandwidth, sf)
            for khz, bandwidth, sf in scan
        ]
        self._fresh = True

    def send(self, data, length: int, khz: int, bandwidth: int, spreading: int, power_dbm: int, preamble: int):
        """Begin to send data[:length], breaking off what comes in. -9 to 22 dBm; preamble in symbols."""
        if self._state < _IDLE:
            self.counts["unsent"] += 1
            return
        self._state = _SENDS
        self._coming = False
        self._limit_ms = 0  # unless all of the following works
        try:
            self._command(b"\x80\0")
            self._tune(_frequency(khz), _modulation(bandwidth, spreading), bandwidth)
            self._command(_packet(preamble, length))
            self._set_power(power_dbm)
            self._out[0] = 0x0E
            self._out[1] = 0
            self._out[2 : 2 + length] = memoryview(data)[:length]
            self._transfer(memoryview(self._out)[: 2 + length], memoryview(self._in)[: 2 + length])
            self._command(b"\x02\x03\xff")
            self._command(b"\x83\0\0\0")
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

    def _wake(self, now_ms: int):
        if self._state == _WAITS:
            self._reset(0)
            self._state = _RESETS
            self._due_ms = now_ms + 2
        elif self._state == _RESETS:
            self._reset(1)
            self._state = _WAKES
            self._due_ms = now_ms + 10  # thrice what the chip takes
        elif self._state == _WAKES:
            self._begin_calibration()
            self._state = _CALIBRATES
            self._due_ms = now_ms + 30  # 3.5 ms by the datasheet; 18 have been seen
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

    def _begin_calibration(self):
        self._command(b"\x80\0")  # standby, on its RC oscillator
        if self._read(_NAME, 5) != b"SX126":
            raise OSError(_SILENT)
        self._command(b"\x96\0" if self._ldo else b"\x96\1")
        if self._tcxo is not None:
            self._command(bytes((0x97, self._tcxo, 0, _TCXO_STARTS >> 8, _TCXO_STARTS & 255)))
        self._command(b"\x07\0\0")  # with a TCXO it has just found no oscillator
        self._command(b"\x89\x7f")

    def _set_up(self):
        self._command(b"\x8a\1")  # LoRa
        if self._entries:  # image calibration for 863 - 870, or 902 - 928 MHz
            self._command(b"\x98\xe1\xe9" if self._entries[0][3] > 880_000 else b"\x98\xd7\xdb")
        if self._dio2_switch:
            self._command(b"\x9d\1")
        self._command(b"\x8f\0\0")  # both buffers begin at 0
        self._command(b"\x9f\1")  # a time-out ends with the preamble, however long that is
        self._command(b"\x08\x03\xff\x00\x03\0\0\0\0")  # all that happens is told, DIO1 rises for sent and came
        self._set_power(14)
        self._frequency = b""
        self._bandwidth = 0
        self._write(_SYNC, self._sync_word)
        self._write(_GAIN, b"\x96")  # boosted
        self._write(_CURRENT, b"\x38")  # 140 mA
        self._set_bits(_CLAMP, 0x1E)  # 15.2
        self._set_bits(_IQ, 0x04)  # 15.4
        self._command(b"\x11\0\0")  # GetPacketType
        if self._in[2] != 1:
            raise OSError(_SILENT)
        self._command(b"\x17\0\0\0")  # GetDeviceErrors
        errors = self._in[2] << 8 | self._in[3]
        if errors & 0x0160:  # amplifier, PLL, oscillator
            raise OSError(_NO_CRYSTAL % errors)

    def _run(self, now_ms: int):
        told = self._told
        self._transfer(self._ask, told)
        if not 2 <= told[1] >> 4 & 7 <= 6:  # no mode that it has
            raise OSError(_SILENT)
        flags = told[2] << 8 | told[3]
        if now_ms >= self._look_ms:
            self._look_ms = now_ms + _LOOK_MS
            if self._read(_GAIN, 1) != b"\x96":
                raise OSError(_SILENT)
        if self._limit_ms >= 0:
            self._due_ms = now_ms + self._limit_ms
            self._limit_ms = -1
        packet = None
        state = self._state
        if state == _SENDS:
            self._sending(flags, now_ms)
        elif flags & _CAME:
            packet = self._take(flags, now_ms)
        elif state == _SEEKS:
            self._seek_on(flags, now_ms)
        elif state == _CATCHES:
            if flags & (_TIMEOUT | _BAD_HEADER) or now_ms > self._due_ms:
                self._command(b"\x80\0")
                self._next()
        elif state == _HEARS:
            self._watch(flags, now_ms)
        if self._fresh and not self.busy:
            self._listen_on()
        return packet

    def _watch(self, flags: int, now_ms: int):
        """Whether a packet is coming in. The chip says what it found once: it is forgotten when nothing came of it."""
        if flags & (_PREAMBLE | _HEADER | _BAD_HEADER):
            self._command(b"\x02\x03\xff")
            _, _, _, _, bandwidth, spreading = self._entries[self._at]
            self._coming = not flags & _BAD_HEADER
            self._coming_ms = now_ms + _air_ms(255 if flags & _HEADER else 0, bandwidth, spreading, 100)
        elif self._coming and now_ms > self._coming_ms:
            self._coming = False

    def _sending(self, flags: int, now_ms: int):
        if flags & _SENT:
            self.sent_ms = self._when(now_ms)
            self._listen_on()
        elif now_ms > self._due_ms:
            raise OSError(_UNSENT)

    def _seek_on(self, flags: int, now_ms: int):
        if flags & _FOUND:  # it receives already
            self._command(b"\x02\x01\x80")
            self._state = _CATCHES
            _, _, _, _, bandwidth, spreading = self._entries[self._at]
            self._due_ms = now_ms + _air_ms(255, bandwidth, spreading, 100)
        elif flags & _SOUGHT:
            self._next()
        elif now_ms > self._due_ms:
            raise OSError(_UNSENT)

    def _take(self, flags: int, now_ms: int):
        """The packet that has come, out of the chip."""
        end_ms = self._when(now_ms)
        packet = None
        if flags & (_BAD | _BAD_HEADER):
            self.counts["bad_crc"] += 1
        else:
            self._command(b"\x13\0\0\0")  # GetRxBufferStatus
            length, start = self._in[2], self._in[3]
            self._command(b"\x14\0\0\0\0")  # GetPacketStatus
            rssi, snr = -(self._in[2] >> 1), self._in[3] - ((self._in[3] & 0x80) << 1)
            if self._promised_crc():
                self._out[0] = 0x1E
                self._out[1] = start
                self._transfer(memoryview(self._out)[: 3 + length], memoryview(self._in)[: 3 + length])
                _, _, _, khz, _, spreading = self._entries[self._at]
                packet = bytes(memoryview(self._in)[3 : 3 + length]), rssi, snr, spreading, khz, end_ms
            else:
                self.counts["bad_crc"] += 1
        self._command(b"\x02\x03\xff")
        self._coming = False
        if self._state == _CATCHES:
            self._write(_TIMER, b"\0")  # 15.3: else its timer goes on
            self._set_bits(_EVENTS, 0x02)
            self._next()
        return packet

    def _when(self, now_ms: int) -> int:
        """Node time of DIO1's last edge; now if there is none."""
        edges, at_ms = self._edges, now_ms
        while edges and edges.take(now_ms * 1000):
            if edges.active:
                at_ms = edges.at_us // 1000
        return at_ms

    def _listen_on(self):
        """Receive, or seek, from the first entry on."""
        self._fresh = False
        self._command(b"\x80\0")
        self._command(b"\x02\x03\xff")
        self._command(_packet(_ANY_PREAMBLE, 0xFF))
        self._state = _IDLE
        self._at = -1
        if len(self._entries) == 1:
            self._at = 0
            self._tune(self._entries[0][0], self._entries[0][1], self._entries[0][4])
            self._command(b"\x82\xff\xff\xff")
            self._state = _HEARS
        elif self._entries:
            self._next()

    def _next(self):
        """Look for a preamble by the next entry; where one is, the chip receives by itself. It stands by."""
        self._at = (self._at + 1) % len(self._entries)
        frequency, modulation, detection, _, bandwidth, spreading = self._entries[self._at]
        self._tune(frequency, modulation, bandwidth)
        self._command(detection)
        self._command(b"\x02\x03\xff")
        self._command(b"\xc5")
        self._state = _SEEKS
        self._limit_ms = (8 << spreading) // bandwidth + _SLACK_MS

    def _tune(self, frequency: bytes, modulation: bytes, bandwidth: int):
        if frequency is not self._frequency:
            self._command(frequency)
            self._frequency = frequency
        self._command(modulation)
        if bandwidth != self._bandwidth:
            self._bandwidth = bandwidth
            quality = self._read(_QUALITY, 1)[0]  # 15.1
            self._write(_QUALITY, bytes((quality & 0xFB if bandwidth == 500 else quality | 0x04,)))

    def _set_power(self, dbm: int):
        dbm = min(dbm, 22)
        largest, duty, size = next(power for power in _POWERS if dbm <= power[0])
        self._command(bytes((0x95, duty, size, 0, 1)))
        self._command(bytes((0x8E, max(22 - largest + dbm, -9) & 0xFF, 4)))  # ramps in 200 us
        self._write(_CURRENT, b"\x38")

    def _set_bits(self, register, bits: int):
        self._write(register, bytes((self._read(register, 1)[0] | bits,)))

    def _write(self, register, octets: bytes):
        """Write, and see that it holds."""
        self._command(b"\x0d" + bytes(register) + octets)
        if self._read(register, len(octets)) != octets:
            raise OSError(_SILENT)

    def _read(self, register, count: int) -> bytes:
        self._command(b"\x1d" + bytes(register) + bytes(1 + count))
        return bytes(self._in[4 : 4 + count])

    def _command(self, octets: bytes):
        """What comes back stands in _in."""
        self._transfer(octets, self._sinks[len(octets)])

    def _transfer(self, out, into):
        for _ in range(_BUSY_LOOKS):
            if not self._busy_pin():
                break
        else:
            raise OSError(_STUCK)
        self._select(0)
        try:
            self._spi.write_readinto(out, into)
        finally:
            self._select(1)

    def _promised_crc(self) -> bool:
        """Whether the packet's header says that a CRC follows: else it is somebody else's, and nothing guards it."""
        return self._read(_PROMISED, 1)[0] & 0x10 != 0


def _frequency(khz: int) -> bytes:
    """SetRfFrequency, in steps of 32 MHz / 2^25 (13.4.1)."""
    high, low = divmod(khz * 1024, 125)  # of 128 steps
    steps = (high << 7) + (low * 128 + 62) // 125
    return b"\x86" + steps.to_bytes(4, "big")


def _modulation(bandwidth: int, spreading: int) -> bytes:
    """SetModulationParams (13.4.5.2): CR 4/5; LowDataRateOptimize for symbols of more than 16 ms."""
    return bytes((0x8B, spreading, _BANDWIDTHS[bandwidth], 1, int((1 << spreading) > 16 * bandwidth), 0, 0, 0, 0))


def _packet(preamble: int, length: int) -> bytes:
    """SetPacketParams (13.4.6.2): explicit header, CRC, IQ as it is."""
    return bytes((0x8C, preamble >> 8, preamble & 255, 0, length, 1, 0, 0, 0, 0))


def _detection(bandwidth: int, spreading: int) -> bytes:
    """SetCadParams (13.4.7): two symbols, then receive if there is something, for _CATCH_SYMBOLS in 15.625 us."""
    catch = (_CATCH_SYMBOLS * 64 << spreading) // bandwidth
    return bytes((0x88, 1, _PEAKS[spreading - 7], 10, 1)) + catch.to_bytes(3, "big")


def _air_ms(length: int, bandwidth: int, spreading: int, preamble: int) -> int:
    """At least the time on air (Semtech AN1200.13, 4)."""
    bits = 4 * (spreading - 2 if (1 << spreading) > 16 * bandwidth else spreading)
    symbols = preamble + 13 + (8 * length - 4 * spreading + 43 + bits) // bits * 5
    return (symbols << spreading) // bandwidth + 1
