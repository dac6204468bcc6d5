"""A PZEM-004T v3 energy meter on a UART, simulated: Modbus RTU slave, 9600 baud (its manufacturer's register table).

It has its own supply (the mains), so it measures on while the board is off. Energy is the exact integral of the power
that was set, in whole Wh, as the chip shows it.
"""

import struct
from dataclasses import dataclass

BAUD = 9600
READ_HOLDING, READ_INPUT, WRITE, CLEAR_ENERGY = 0x03, 0x04, 0x06, 0x42
REGISTERS = 10
BAD_FUNCTION, BAD_ADDRESS, BAD_VALUE = 1, 2, 3
ANY_ADDRESS = 0xF8
_REQUEST = 8  # bytes, of all but CLEAR_ENERGY, which has 4


@dataclass(frozen=True)
class Load:
    """What the meter is to see. The real one resolves 0.1 V, 1 mA, 0.1 W, 0.1 Hz; it knows no sign of the power."""

    voltage_mv: int = 230_000
    current_ma: int = 0
    power_mw: int = 0
    frequency_mhz: int = 50_000


def crc16(content: bytes) -> bytes:
    """Modbus' check, low byte first."""
    crc = 0xFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


class Pzem004t:
    """`set` what it measures, `feed` it requests. Times are nanoseconds of one clock that does not go back."""

    def __init__(self, address: int, now_ns: int) -> None:
        self._address, self._alarm_w = address, 23000
        self.load = Load()
        self._since_ns, self._energy_mw_ns = now_ns, 0
        self._in = bytearray()

    def set(self, load: Load, now_ns: int) -> None:
        """From now on it sees this load."""
        self.energy_mwh(now_ns)
        self.load = load

    def energy_mwh(self, now_ns: int) -> int:
        """The true integral of the power so far, rounded down; its register shows whole Wh of it."""
        self._energy_mw_ns += self.load.power_mw * (now_ns - self._since_ns)
        self._since_ns = now_ns
        return self._energy_mw_ns // 3_600_000_000_000

    def pause(self) -> None:
        """The line was silent for more than 3.5 bytes: what came before is not part of what comes."""
        self._in.clear()

    def feed(self, content: bytes, now_ns: int) -> bytes:
        """The answer to what came over the line; empty when it is for another slave, damaged, or not complete yet."""
        self._in += content[: 256 - len(self._in)]
        answer = b""
        while (size := self._complete()) and len(self._in) >= size:
            request, self._in = bytes(self._in[:size]), self._in[size:]
            if crc16(request[:-2]) != request[-2:]:
                self._in.clear()
            elif request[0] in (self._address, ANY_ADDRESS):
                body = bytes((self._address,)) + self._answer(request, now_ns)
                answer += body + crc16(body)
        return answer

    def _complete(self) -> int:
        if len(self._in) < 2:
            return 0
        return 4 if self._in[1] == CLEAR_ENERGY else _REQUEST

    def _answer(self, request: bytes, now_ns: int) -> bytes:
        function, (first, count) = request[1], struct.unpack(">HH", request[2:6].ljust(4, b"\0"))
        if function == READ_INPUT:
            return self._read(function, self._measured(now_ns), first, count)
        if function == READ_HOLDING:
            return self._read(function, [0, self._alarm_w, self._address], first, count)
        if function == WRITE:
            return self._write(request, first, count)
        if function == CLEAR_ENERGY:
            self._energy_mw_ns, self._since_ns = 0, now_ns
            return request[1:-2]
        return bytes((function | 0x80, BAD_FUNCTION))

    def _measured(self, now_ns: int) -> list[int]:
        load = self.load
        current, power, energy = load.current_ma, load.power_mw // 100, self.energy_mwh(now_ns) // 1000
        apparent_uva = load.voltage_mv * load.current_ma
        factor = min(100, round(100_000 * load.power_mw / apparent_uva)) if apparent_uva else 0
        alarm = 0xFFFF if load.power_mw > self._alarm_w * 1000 else 0
        pairs = [half for value in (current, power, energy) for half in (value & 0xFFFF, value >> 16 & 0xFFFF)]
        return [load.voltage_mv // 100, *pairs, load.frequency_mhz // 100, factor, alarm]

    @staticmethod
    def _read(function: int, registers: list[int], first: int, count: int) -> bytes:
        if first >= len(registers):
            return bytes((function | 0x80, BAD_ADDRESS))
        if not 0 < count <= len(registers) - first:
            return bytes((function | 0x80, BAD_VALUE))
        return struct.pack(f">BB{count}H", function, 2 * count, *registers[first : first + count])

    def _write(self, request: bytes, register: int, value: int) -> bytes:
        if register == 1:
            self._alarm_w = value
        elif register == 2 and 1 <= value <= 0xF7:
            self._address = value
        else:
            return bytes((WRITE | 0x80, BAD_ADDRESS if register > 2 or register == 0 else BAD_VALUE))
        return request[1:-2]
