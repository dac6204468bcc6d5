"""A model of Semtech's SX1262 in LoRa mode (datasheet rev. 1.2): its commands on SPI, BUSY, DIO1 and reset, for
programs that run under CPython. Its antenna is a port of the simulated air (tools/air), whose time is its time.

What a driver does wrong, the chip does not do: commands while it is busy are lost and kept in `ignored`, as are those
that it does not know or that make no sense in its packet type.
"""

from collections.abc import Sequence

from tools.air.port import Port
from tools.air_join import Joint

SENT, CAME, PREAMBLE, SYNC, HEADER, BAD_HEADER, BAD_CRC, SOUGHT, FOUND, TIMEOUT = (1 << bit for bit in range(10))
STANDBY, STANDBY_CRYSTAL, FREQUENCY, RECEIVE, SEND = 2, 3, 4, 5, 6  # modes, as it tells them
WAKES_US = CALIBRATES_US = 3500
NO_OSCILLATOR = 0x20
BANDWIDTHS = {4: 125, 5: 250, 6: 500}
POWERS = {(2, 2): 14, (2, 3): 17, (3, 5): 20, (4, 7): 22}  # duty cycle, size of the amplifier -> dBm at 22
MISMATCH_DB = 40  # of an antenna that no switch leads to
LINES = {"ones": 0xFF, "zeros": 0x00}
_AT_RESET = {0x0740: 0x14, 0x0741: 0x24, 0x0736: 0x0D, 0x0889: 0x04, 0x08AC: 0x94, 0x08D8: 0xC8, 0x08E7: 0x18}
_NAME = b"SX1261 V2D 2D02\0"  # of both chips


class Sx1262Chip:
    """tcxo: the module has one, on DIO3, in place of a crystal. dio2: its antenna switch hangs on DIO2.

    `line`: "ones", "zeros": what its answers read as, and it takes nothing. mute: nothing that it begins ends. stuck:
    BUSY stays high. worn: registers that keep their value.
    """

    def __init__(self, port: Port, *, tcxo: bool = False, dio2: bool = False) -> None:
        self._events = port.channel.events
        self._joint = Joint(port, self._told)
        port.on_sent = lambda _: self._happened(SENT) if self.mode == SEND else None
        self._tcxo, self._dio2 = tcxo, dio2
        self.line: str | None = None
        self.mute = self.stuck = False
        self.worn: set[int] = set()
        self.ignored: list[bytes] = []
        self.commands: list[bytes] = []
        self.rises_us: list[int] = []  # of DIO1
        self.power_on()

    def power_on(self) -> None:
        """All is forgotten, as after a reset."""
        self.registers = dict(_AT_RESET) | {0x0320 + at: octet for at, octet in enumerate(_NAME)}
        self.buffer = bytearray(256)
        self.mode = STANDBY
        self.settings: dict[int, bytes] = {}  # command -> its last arguments
        self._flags = self._errors = 0
        self._busy_until_us = self._events.now_us + WAKES_US
        self._received = self._quality = b"\0\0"
        self._begun = 0
        self._at_antenna = False
        self._leave()

    # -- its pins ------------------------------------------------------------------------------------------------

    def busy(self) -> int:
        return int(self.stuck or self._events.now_us < self._busy_until_us)

    def reset(self, level: int) -> None:
        if not level:
            self.power_on()

    def dio1(self) -> int:
        return int(bool(self._flags & int.from_bytes(self.settings.get(0x08, bytes(8))[2:4], "big")))

    def xfer2(self, octets: Sequence[int]) -> list[int]:
        """As spidev.SpiDev's: one transfer, the chip selected."""
        out = bytes(octets)
        if self.line:
            return [LINES[self.line]] * len(out)
        if self.busy():
            self.ignored.append(out)
            return [0] * len(out)
        self.commands.append(out)
        answer = bytes([self._status]) * len(out)
        told = self._run(out[0], out[1:])
        if told is not None:
            answer = answer[:1] + told
        return list(answer[: len(out)].ljust(len(out), b"\0"))

    @property
    def _status(self) -> int:
        return self.mode << 4 | 0x02

    # -- its commands --------------------------------------------------------------------------------------------

    def _run(self, command: int, given: bytes) -> bytes | None:
        status = bytes([self._status])
        if command == 0x12:
            return status + self._flags.to_bytes(2, "big")
        if command == 0x13:
            return status + self._received
        if command == 0x14:
            return status + self._quality + self._quality[:1]
        if command == 0x11:
            return status + self.settings.get(0x8A, b"\0")
        if command == 0x17:
            return status + self._errors.to_bytes(2, "big")
        if command == 0x1D:
            return 3 * status + bytes(self._register(given, at) for at in range(len(given) - 3))
        if command == 0x1E:
            return 2 * status + bytes(self.buffer[(given[0] + at) & 0xFF] for at in range(len(given) - 2))
        self._do(command, given)
        return None

    def _register(self, given: bytes, at: int) -> int:
        return self.registers.get((given[0] << 8 | given[1]) + at, 0)

    def _do(self, command: int, given: bytes) -> None:
        if command == 0x0D:
            for at, octet in enumerate(given[2:], given[0] << 8 | given[1]):
                if at not in self.worn:
                    self.registers[at] = octet
        elif command == 0x0E:
            for at, octet in enumerate(given[1:], given[0]):
                self.buffer[at & 0xFF] = octet
        elif command == 0x02:
            self._flags &= ~int.from_bytes(given, "big")
        elif command == 0x07:
            self._errors = 0
        elif command in (0x80, 0x82, 0x83, 0x89, 0xC5):
            self._begin(command, given)
        elif command in (0x8B, 0x8C, 0x88) and self.settings.get(0x8A) != b"\1":
            self.ignored.append(bytes([command]) + given)  # of LoRa, and that is not chosen
        elif command in (0x08, 0x86, 0x88, 0x8A, 0x8B, 0x8C, 0x8E, 0x8F, 0x95, 0x96, 0x97, 0x98, 0x9D, 0x9F):
            self.settings[command] = given
            if command == 0x95:
                self.registers[0x08E7] = 0x38
        else:
            self.ignored.append(bytes([command]) + given)

    def _begin(self, command: int, given: bytes) -> None:
        self._leave()
        if command == 0x80:
            self.mode = STANDBY
            return
        if self._tcxo and 0x97 not in self.settings:
            self._errors |= NO_OSCILLATOR
            self.mode = STANDBY
            return
        if command == 0x89:
            self._busy_until_us = self._events.now_us + CALIBRATES_US
        elif command == 0x82:
            self._receive(int.from_bytes(given, "big"))
        elif command == 0x83:
            self._send()
        else:
            self.mode = RECEIVE
            self._do_at_antenna({"cad": self._config()})

    def _leave(self) -> None:
        self._begun += 1
        if self._at_antenna:
            self._joint.do({"standby": 1})
        self._at_antenna = False

    def _do_at_antenna(self, words: dict[str, object]) -> None:
        self._at_antenna = True
        self._joint.do(words)

    def _receive(self, timeout: int) -> None:
        self.mode = RECEIVE
        self._do_at_antenna({"receive": self._config()})
        if timeout not in (0, 0xFFFFFF):
            self._events.at(self._events.now_us + timeout * 1000 // 64, self._late, self._begun)
        self._single = timeout != 0xFFFFFF

    def _late(self, begun: int) -> None:
        stops_at_preamble = self.settings.get(0x9F) == b"\1"  # else with the header, which is later
        if begun == self._begun and not (self._locked and stops_at_preamble):
            self._finish(TIMEOUT)

    def _send(self) -> None:
        self.mode = SEND
        khz, bandwidth, spreading = self._config()
        packet = self.settings[0x8C]
        duty, size = self.settings[0x95][:2]
        setting = self.settings[0x8E][0]
        dbm = POWERS[duty, size] - 22 + (setting - 256 if setting > 127 else setting)
        if self._dio2 and self.settings.get(0x9D) != b"\1":
            dbm -= MISMATCH_DB
        words = {"khz": khz, "bw": bandwidth, "sf": spreading, "dbm": dbm, "preamble": packet[0] << 8 | packet[1]}
        data = bytes(self.buffer[: packet[3]])
        self._do_at_antenna({"send": data.hex(), **words})

    def _config(self) -> tuple[int, int, int]:
        steps = int.from_bytes(self.settings[0x86], "big")
        modulation = self.settings[0x8B]
        return round(steps * 125 / 131072), BANDWIDTHS[modulation[1]], modulation[0]

    # -- what comes of it ----------------------------------------------------------------------------------------

    _locked = _single = False

    def _told(self, cad: bool | None = None, locked: bool = False, heard: dict[str, object] | None = None) -> None:
        if self.mute or self.mode != RECEIVE:
            return
        if cad is not None:
            self._sought(cad)
        elif locked:
            self._locked = True
            self._raise(PREAMBLE)
        elif heard is not None:
            self._heard(heard)

    def _sought(self, found: bool) -> None:
        self._at_antenna = False
        exits_to_receive = self.settings[0x88][3] == 1
        self._locked = False
        self._raise(SOUGHT | (FOUND if found else 0))
        if found and exits_to_receive:
            self._receive(int.from_bytes(self.settings[0x88][4:7], "big"))
        else:
            self.mode = STANDBY

    def _heard(self, heard: dict[str, object]) -> None:
        data, rssi, snr = bytes.fromhex(str(heard["data"])), int(str(heard["rssi"])), int(str(heard["snr_qdb"]))
        self._locked = False
        self.buffer[: len(data)] = data
        self._received = bytes((len(data), 0))
        self._quality = bytes((max(0, min(255, -2 * rssi)), snr & 0xFF))
        self.registers[0x076B] = 0x10 if heard.get("crc", True) else 0
        flags = CAME | SYNC | HEADER | (0 if heard["good"] else BAD_CRC)
        if self._single:
            self._finish(flags)
        else:
            self._raise(flags)

    def _happened(self, flags: int) -> None:
        if not self.mute:
            self._finish(flags)

    def _finish(self, flags: int) -> None:
        self._leave()
        self._locked = False
        self.mode = STANDBY
        self._raise(flags)

    def _raise(self, flags: int) -> None:
        before = self.dio1()
        self._flags |= flags & int.from_bytes(self.settings.get(0x08, bytes(8))[:2], "big")
        if self.dio1() and not before:
            self.rises_us.append(self._events.now_us)


class Dio1:
    """Its DIO1 as drivers.gpiod_edges gives a line's edges, in the chip's time."""

    def __init__(self, chip: Sx1262Chip) -> None:
        self._chip = chip
        self.at_us = 0
        self.active = self.lost = False

    def take(self, now_us: int) -> bool:
        """The next edge, in `at_us`; False: there is none."""
        if not self._chip.rises_us:
            return False
        self.at_us = self._chip.rises_us.pop(0)
        self.active = True
        return True
