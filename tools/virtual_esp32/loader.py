"""The serial loader: the ROM's, and the stub that esptool puts into RAM to be faster.

Commands, answers and error codes as in esptool's documentation, "Serial Protocol", and in its stub (esp-flasher-stub).
The stub's machine code is taken and checked but not run: the CPU is not emulated, this module does what it does.
"""

import struct
from collections.abc import Callable
from enum import Enum

from tools.virtual_esp32 import slip
from tools.virtual_esp32.chips import CRYSTAL_HZ, Chip
from tools.virtual_esp32.flash import Flash, FlashError
from tools.virtual_esp32.image import xor
from tools.virtual_esp32.writing import Damaged, Missing, Surplus, Writing

CHECKSUM_SEED = 0xEF
SYNC = b"\x07\x07\x12\x20" + b"\x55" * 32
SPI_RUN = 1 << 18  # in the SPI controller's command register
SLOW_READ = 64  # bytes, of the ROM's own read command


class Fault(Enum):
    """What a command can be answered with instead of success: (the ROM's code, the stub's)."""

    LENGTH = (0x05, 0xC0)
    CHECKSUM = (0x07, 0xC1)
    UNKNOWN = (0x05, 0xFF)
    OUTSIDE = (0x06, 0xC4)
    NOT_WRITING = (0x06, 0xC6)
    DAMAGED = (0x0B, 0xC7)
    MISSING = (0x06, 0xC8)
    SURPLUS = (0x06, 0xC9)


class Refusal(Exception):
    """The command at hand is answered with this fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.name)
        self.fault = fault


class Loader:
    """Feed it the bytes from the serial line; it answers through `send` and calls `restart` to run what is in flash.

    `baud` is the rate of the host's port: the ROM measures it, and esptool asks for the divider it came to.
    """

    def __init__(
        self, chip: Chip, mac: bytes, flash: Flash, send: Callable[[bytes], None], restart: Callable[[], None]
    ) -> None:
        self.baud = 115200
        self.stub = False
        self._chip, self._flash, self._send, self._restart = chip, flash, send, restart
        self._registers = chip.registers(mac)
        self._reader = slip.SlipReader()
        self._writing: Writing | None = None
        self._upload_left: int | None = None
        self._reading: Reading | None = None

    def feed(self, stream: bytes) -> None:
        """Bytes from the host; anything that is no packet is passed over."""
        for packet in self._reader.feed(stream):
            self._take(packet)

    def _take(self, packet: bytes) -> None:
        if self._reading is not None:
            if len(packet) == 4:
                return self._read_on(int.from_bytes(packet, "little"))
            self._reading = None  # the host has given up: this is a new command
        if len(packet) < 8 or packet[0] != 0:
            return None
        _, op, length, checksum = struct.unpack_from("<BBHI", packet)
        body = packet[8:]
        try:
            command = _COMMANDS.get(op) or (_STUB_COMMANDS.get(op) if self.stub else None)
            if command is None:
                raise Refusal(Fault.UNKNOWN)
            if len(body) != length:
                raise Refusal(Fault.LENGTH)
            command(self, op, body, checksum)
        except Refusal as refusal:
            self._refuse(op, refusal.fault)
        except struct.error:
            self._refuse(op, Fault.LENGTH)
        except FlashError:
            self._refuse(op, Fault.OUTSIDE)
        except Damaged:
            self._refuse(op, Fault.DAMAGED)
        except Surplus:
            self._refuse(op, Fault.SURPLUS)
        except Missing:
            self._refuse(op, Fault.MISSING)
        return None

    def _answer(self, op: int, value: int = 0, content: bytes = b"", outcome: bytes = b"\0\0") -> None:
        body = content + outcome + (b"" if self.stub else b"\0\0")
        self._send(slip.encode(struct.pack("<BBHI", 1, op, len(body), value & 0xFFFFFFFF) + body))

    def _refuse(self, op: int, fault: Fault) -> None:
        rom, stub = fault.value
        self._answer(op, outcome=bytes((stub, 0)) if self.stub else bytes((1, rom)))

    def _sync(self, op: int, body: bytes, _checksum: int) -> None:
        if body != SYNC:
            raise Refusal(Fault.LENGTH)
        for _ in range(8):
            self._answer(op, 0 if self.stub else 0x20120707)

    def _nothing(self, op: int, _body: bytes, _checksum: int) -> None:
        self._answer(op)

    def _security_info(self, op: int, _body: bytes, _checksum: int) -> None:
        if not self._chip.tells_id:
            raise Refusal(Fault.UNKNOWN)
        self._answer(op, content=struct.pack("<I8xII", 0, self._chip.image_id, 0))

    # Registers: the chip's identity, and the SPI controller through which esptool talks to the flash chip.

    def _read_register(self, op: int, body: bytes, _checksum: int) -> None:
        (address,) = struct.unpack("<I", body)
        if address == self._chip.uart_clock_divider:
            return self._answer(op, CRYSTAL_HZ // self.baud)
        return self._answer(op, self._registers.get(address, 0))

    def _write_register(self, op: int, body: bytes, _checksum: int) -> None:
        if not body or len(body) % 16:
            raise Refusal(Fault.LENGTH)
        for address, value, mask, _delay_us in struct.iter_unpack("<IIII", body):
            if len(self._registers) < 1024:
                self._registers[address] = self._registers.get(address, 0) & ~mask | value & mask
            if address == self._chip.spi_base and value & SPI_RUN:
                self._run_spi()
        self._answer(op)

    def _run_spi(self) -> None:
        base = self._chip.spi_base
        command = self._registers.get(base + self._chip.spi_command, 0) & 0xFF
        self._registers[base] = 0
        self._registers[base + self._chip.spi_answer] = self._flash.identity if command == 0x9F else 0

    # RAM: where esptool puts its stub.

    def _memory_begin(self, op: int, body: bytes, _checksum: int) -> None:
        size, _blocks, _block_size, _address = struct.unpack("<IIII", body)
        self._upload_left = size
        self._answer(op)

    def _memory_block(self, op: int, body: bytes, checksum: int) -> None:
        content = self._block(body, checksum)
        if self._upload_left is None or len(content) > self._upload_left:
            raise Refusal(Fault.NOT_WRITING)
        self._upload_left -= len(content)
        self._answer(op)

    def _memory_end(self, op: int, body: bytes, _checksum: int) -> None:
        stay, _entry = struct.unpack("<II", body)
        if self._upload_left != 0:
            raise Refusal(Fault.MISSING)
        self._answer(op)
        if not stay:
            self.stub = True
            self._send(slip.encode(b"OHAI"))

    def _block(self, body: bytes, checksum: int) -> bytes:
        length, _sequence, _, _ = struct.unpack_from("<IIII", body)
        content = body[16:]
        if len(content) != length:
            raise Refusal(Fault.LENGTH)
        if CHECKSUM_SEED ^ xor(content) != checksum & 0xFF:
            raise Refusal(Fault.CHECKSUM)
        return content

    # Flash.

    def _flash_begin(self, op: int, body: bytes, _checksum: int) -> None:
        size, _blocks, _block_size, at = struct.unpack_from("<IIII", body)
        self._writing = None
        self._writing = Writing(self._flash, at, size, op == FLASH_DEFL_BEGIN, erase_first=not self.stub)
        self._answer(op)

    def _flash_block(self, op: int, body: bytes, checksum: int) -> None:
        content = self._block(body, checksum)
        if self._writing is None or self._writing.packed != (op == FLASH_DEFL_DATA):
            raise Refusal(Fault.NOT_WRITING)
        self._writing.take(content)
        self._answer(op)

    def _flash_end(self, op: int, body: bytes, _checksum: int) -> None:
        (stay,) = struct.unpack_from("<I", body)
        if self._writing is None:
            raise Refusal(Fault.NOT_WRITING)
        if self.stub:
            self._writing.check_whole()
        self._writing = None
        self._answer(op)
        if not stay or not self.stub:  # the ROM leaves for the program either way
            self._restart()

    def _md5(self, op: int, body: bytes, _checksum: int) -> None:
        at, size, _, _ = struct.unpack("<IIII", body)
        digest = self._flash.md5(at, size)
        self._answer(op, content=digest if self.stub else digest.hex().encode())

    def _read_slowly(self, op: int, body: bytes, _checksum: int) -> None:
        at, size = struct.unpack("<II", body)
        if size > SLOW_READ:
            raise Refusal(Fault.OUTSIDE)
        self._answer(op, content=self._flash.read(at, size).ljust(SLOW_READ, b"\0"))

    # What only the stub can do.

    def _erase_all(self, op: int, _body: bytes, _checksum: int) -> None:
        self._flash.erase(0, self._flash.size)
        self._answer(op)

    def _erase(self, op: int, body: bytes, _checksum: int) -> None:
        self._flash.erase(*struct.unpack("<II", body))
        self._answer(op)

    def _read(self, op: int, body: bytes, _checksum: int) -> None:
        at, size, block, window = struct.unpack("<IIII", body)
        if not 0 < block <= slip.LONGEST or not window:
            raise Refusal(Fault.LENGTH)
        content = self._flash.read(at, size)
        digest = self._flash.md5(at, size)
        self._answer(op)
        self._reading = Reading(content, digest, block, window)
        self._read_on(0)

    def _read_on(self, acknowledged: int) -> None:
        if self._reading is None:
            return
        for packet in self._reading.next(acknowledged):
            self._send(slip.encode(packet))
        if self._reading.done:
            self._reading = None

    def _run_program(self, op: int, _body: bytes, _checksum: int) -> None:
        self._answer(op)
        self._restart()


class Reading:
    """One READ_FLASH on its way: blocks as the host acknowledges them, then the MD5 sum."""

    def __init__(self, content: bytes, digest: bytes, block: int, window: int) -> None:
        self._content, self._digest, self._block, self._window = content, digest, block, window
        self._sent = 0
        self.done = False

    def next(self, acknowledged: int) -> list[bytes]:
        """The packets that may go now, `acknowledged` bytes having arrived."""
        packets = []
        while self._sent < len(self._content) and self._sent - acknowledged < self._block * self._window:
            packets.append(self._content[self._sent : self._sent + self._block])
            self._sent += self._block
        if acknowledged >= len(self._content):
            packets.append(self._digest)
            self.done = True
        return packets


FLASH_DEFL_BEGIN, FLASH_DEFL_DATA = 0x10, 0x11

_Command = Callable[[Loader, int, bytes, int], None]
_COMMANDS: dict[int, _Command] = {
    0x02: Loader._flash_begin,
    0x03: Loader._flash_block,
    0x04: Loader._flash_end,
    0x05: Loader._memory_begin,
    0x06: Loader._memory_end,
    0x07: Loader._memory_block,
    0x08: Loader._sync,
    0x09: Loader._write_register,
    0x0A: Loader._read_register,
    0x0B: Loader._nothing,  # SPI_SET_PARAMS
    0x0D: Loader._nothing,  # SPI_ATTACH
    0x0E: Loader._read_slowly,
    0x0F: Loader._nothing,  # CHANGE_BAUDRATE: a pseudo-terminal and a socket have none
    FLASH_DEFL_BEGIN: Loader._flash_begin,
    FLASH_DEFL_DATA: Loader._flash_block,
    0x12: Loader._flash_end,
    0x13: Loader._md5,
    0x14: Loader._security_info,
}
_STUB_COMMANDS: dict[int, _Command] = {
    0xD0: Loader._erase_all,
    0xD1: Loader._erase,
    0xD2: Loader._read,
    0xD3: Loader._run_program,
}
