"""The loader's protocol, packet by packet: what it answers to right and to wrong commands."""

import hashlib
import random
import struct
import tracemalloc
import zlib

import pytest

from tools.virtual_esp32 import slip
from tools.virtual_esp32.chips import CHIPS
from tools.virtual_esp32.flash import SECTOR, Flash
from tools.virtual_esp32.image import xor
from tools.virtual_esp32.loader import SYNC, Loader
from tools.virtual_esp32.writing import Surplus, Writing

BEGIN, DATA, END, MEM_BEGIN, MEM_END, MEM_DATA, SYNC_OP, READ_REG = 2, 3, 4, 5, 6, 7, 8, 10
DEFL_BEGIN, DEFL_DATA, DEFL_END, MD5, SECURITY, ERASE, READ = 0x10, 0x11, 0x12, 0x13, 0x14, 0xD1, 0xD2
SIZE = 1 << 18


class Host:
    """The other end of the line."""

    def __init__(self, path, chip="esp32"):
        self.flash = Flash(path, SIZE)
        self.restarts, self._out, self._reader = 0, bytearray(), slip.SlipReader()
        self.loader = Loader(CHIPS[chip], bytes(6), self.flash, self._out.extend, self._restarted)

    def _restarted(self):
        self.restarts += 1

    def packets(self):
        found = self._reader.feed(bytes(self._out))
        self._out.clear()
        return found

    def ask(self, op, body=b"", checksum=0, length=None):
        """(value, content without the outcome, outcome's two bytes)."""
        head = struct.pack("<BBHI", 0, op, len(body) if length is None else length, checksum)
        self.loader.feed(slip.encode(head + body))
        answer = self.packets()[0]
        direction, answered, count, value = struct.unpack_from("<BBHI", answer)
        assert (direction, answered, count) == (1, op, len(answer) - 8)
        tail = 2 if self.loader.stub and op != MEM_END else 4
        return value, answer[8 : len(answer) - tail], answer[len(answer) - tail :][:2]

    def block(self, op, content, **wrong):
        checksum = wrong.get("checksum", 0xEF ^ xor(content))
        return self.ask(op, struct.pack("<IIII", wrong.get("length", len(content)), 0, 0, 0) + content, checksum)[2]

    def become_stub(self):
        assert self.ask(MEM_BEGIN, struct.pack("<IIII", 8, 1, 8, 0x4009F000))[2] == b"\0\0"
        assert self.block(MEM_DATA, b"the stub") == b"\0\0"
        assert self.ask(MEM_END, struct.pack("<II", 0, 0x4009F000))[2] == b"\0\0"
        assert self.loader.stub


@pytest.fixture
def rom(tmp_path):
    host = Host(tmp_path / "flash")
    yield host
    host.flash.close()


@pytest.fixture
def stub(rom):
    rom.become_stub()
    rom.packets()
    return rom


def test_sync_is_answered_eight_times_by_rom_and_stub_and_tells_them_apart(rom):
    for stub_runs in (False, True):
        rom.loader.feed(slip.encode(struct.pack("<BBHI", 0, SYNC_OP, len(SYNC), 0) + SYNC))
        answers = rom.packets()
        assert len(answers) == 8
        assert all((struct.unpack_from("<I", answer, 4)[0] == 0) == stub_runs for answer in answers)
        if not stub_runs:
            rom.become_stub()
            rom.packets()


def test_the_stub_greets_once_all_of_it_has_arrived(rom):
    rom.ask(MEM_BEGIN, struct.pack("<IIII", 100, 1, 100, 0))
    assert rom.ask(MEM_END, struct.pack("<II", 0, 0x40080000))[2] == b"\x01\x06"
    assert not rom.loader.stub
    body = struct.pack("<IIII", 8, 1, 8, 0)
    rom.ask(MEM_BEGIN, body)
    assert rom.block(MEM_DATA, b"longer than announced") == b"\x01\x06"


def test_the_rom_erases_first_and_the_stub_as_it_goes(rom, tmp_path):
    for host in (rom, Host(tmp_path / "other")):
        if host is not rom:
            host.become_stub()
        host.flash.program(0, b"\0" * 4 * SECTOR)
        host.ask(BEGIN, struct.pack("<IIII", 4 * SECTOR, 16, 1024, 0))
        host.block(DATA, b"\x55" * 1024)
        rest = host.flash.read(SECTOR, 3 * SECTOR)
        assert rest == (b"\0" if host.loader.stub else b"\xff") * 3 * SECTOR
        assert host.flash.read(0, SECTOR) == b"\x55" * 1024 + b"\xff" * 3072
    host.flash.close()


@pytest.mark.parametrize("with_stub", [False, True])
def test_packed_and_plain_writes_arrive(rom, with_stub):
    if with_stub:
        rom.become_stub()
    content = random.Random(1).randbytes(5000)
    packed = zlib.compress(content)
    rom.ask(DEFL_BEGIN, struct.pack("<IIII", len(content), -(-len(packed) // 1000), 1000, 0x1000))
    for at in range(0, len(packed), 1000):
        assert rom.block(DEFL_DATA, packed[at : at + 1000]) == b"\0\0"
    digest = hashlib.md5(content)
    expected = digest.digest() if with_stub else digest.hexdigest().encode()
    assert rom.ask(MD5, struct.pack("<IIII", 0x1000, 5000, 0, 0))[1] == expected
    rom.ask(BEGIN, struct.pack("<IIII", 100, 1, 1024, 0x4000))
    assert rom.block(DATA, b"\x11" * 100 + b"\xff" * 924) == b"\0\0"
    assert rom.flash.read(0x4000, 101) == b"\x11" * 100 + b"\xff"


@pytest.mark.parametrize(
    ("with_stub", "answer"),
    [(False, (b"\x01\x07", b"\x01\x05", b"\x01\x06")), (True, (b"\xc1\0", b"\xc0\0", b"\xc6\0"))],
)
def test_a_bad_block_is_refused_with_the_code_of_rom_or_stub_and_writes_nothing(rom, with_stub, answer):
    if with_stub:
        rom.become_stub()
    bad_checksum, bad_length, not_writing = answer
    assert rom.block(DATA, b"\0" * 16) == not_writing
    rom.ask(BEGIN, struct.pack("<IIII", 1024, 1, 1024, 0))
    assert rom.block(DATA, b"\0" * 16, checksum=1) == bad_checksum
    assert rom.block(DATA, b"\0" * 16, length=17) == bad_length
    assert rom.block(DEFL_DATA, b"\0" * 16) == not_writing
    assert rom.ask(DATA, b"\0" * 20, length=21)[2] == bad_length
    assert rom.ask(READ_REG, b"\0")[2] == bad_length
    assert rom.flash.read(0, 1024) == b"\xff" * 1024
    assert rom.block(DATA, b"\0" * 1024) == b"\0\0"


def test_more_and_less_than_announced(stub):
    stub.ask(BEGIN, struct.pack("<IIII", 1000, 1, 1024, 0))
    assert stub.ask(END, struct.pack("<I", 1))[2] == b"\xc8\0"
    assert stub.block(DATA, b"\0" * 1000) == b"\0\0"
    assert stub.block(DATA, b"\0") == b"\xc9\0"
    assert stub.ask(END, struct.pack("<I", 1))[2] == b"\0\0" and stub.restarts == 0
    assert stub.ask(END, struct.pack("<I", 1))[2] == b"\xc6\0"
    bomb = zlib.compress(bytes(1 << 20), 9)
    stub.ask(DEFL_BEGIN, struct.pack("<IIII", 4096, 1, 0x4000, 0x8000))
    assert stub.block(DEFL_DATA, bomb) == b"\xc9\0"
    stub.ask(DEFL_BEGIN, struct.pack("<IIII", 4096, 1, 0x4000, 0x8000))
    assert stub.block(DEFL_DATA, b"this is not zlib") == b"\xc7\0"
    assert stub.flash.read(0x9000, 4096) == b"\xff" * 4096


def test_a_flash_that_is_too_small_is_told_before_anything_is_erased(rom):
    rom.flash.program(SIZE - SECTOR, b"\0" * SECTOR)
    assert rom.ask(BEGIN, struct.pack("<IIII", 2 * SECTOR, 8, 1024, SIZE - SECTOR))[2] == b"\x01\x06"
    assert rom.ask(DEFL_BEGIN, struct.pack("<IIII", 1, 1, 1024, SIZE))[2] == b"\x01\x06"
    assert rom.flash.read(SIZE - SECTOR, SECTOR) == b"\0" * SECTOR
    rom.become_stub()
    rom.packets()
    assert rom.ask(ERASE, struct.pack("<II", SIZE - SECTOR, 2 * SECTOR))[2] == b"\xc4\0"
    assert rom.ask(BEGIN, struct.pack("<IIII", 2 * SECTOR, 8, 1024, SIZE - SECTOR))[2] == b"\xc4\0"


def test_power_lost_in_the_middle_leaves_what_was_written(tmp_path):
    host = Host(tmp_path / "flash")
    host.become_stub()
    host.packets()
    content = random.Random(2).randbytes(3 * SECTOR)
    host.ask(BEGIN, struct.pack("<IIII", len(content), 3, SECTOR, 0))
    host.block(DATA, content[:SECTOR])
    host.block(DATA, content[SECTOR : 2 * SECTOR])
    host.flash.close()
    assert (tmp_path / "flash").read_bytes()[: 3 * SECTOR] == content[: 2 * SECTOR] + b"\xff" * SECTOR


def test_unknown_commands_and_those_of_the_stub_alone_are_refused(rom):
    assert rom.ask(0x77)[2] == b"\x01\x05"
    assert rom.ask(ERASE, struct.pack("<II", 0, SECTOR))[2] == b"\x01\x05"
    assert rom.ask(SECURITY)[2] == b"\x01\x05"
    rom.become_stub()
    rom.packets()
    assert rom.ask(0x77)[2] == b"\xff\0"


def test_each_chip_tells_who_it_is(rom, tmp_path):
    assert rom.ask(READ_REG, struct.pack("<I", 0x40001000))[0] == 0x00F01D83
    c3 = Host(tmp_path / "c3", "esp32c3")
    assert struct.unpack("<I8xII", c3.ask(SECURITY)[1])[1] == 5
    c3.flash.close()


def test_reading_back_sends_no_more_than_the_window_and_ends_with_the_sum(stub):
    content = random.Random(4).randbytes(10_000)
    stub.flash.program(0, content)
    body = struct.pack("<IIII", 0, len(content), 4096, 1)
    stub.loader.feed(slip.encode(struct.pack("<BBHI", 0, READ, len(body), 0) + body))
    found = stub.packets()[1:]
    assert found == [content[:4096]]
    while sum(map(len, found)) < len(content):
        stub.loader.feed(slip.encode(struct.pack("<I", sum(map(len, found)))))
        found += stub.packets()
    stub.loader.feed(slip.encode(struct.pack("<I", len(content))))
    assert b"".join(found) == content and stub.packets() == [hashlib.md5(content).digest()]
    assert stub.ask(READ, struct.pack("<IIII", 0, 10, 0, 1))[2] == b"\xc0\0"


def test_a_host_that_gives_up_reading_is_answered_again(stub):
    body = struct.pack("<IIII", 0, 10_000, 4096, 1)
    stub.loader.feed(slip.encode(struct.pack("<BBHI", 0, READ, len(body), 0) + body))
    stub.packets()
    assert stub.ask(READ_REG, struct.pack("<I", 0x40001000))[0] == 0x00F01D83
    stub.loader.feed(slip.encode(struct.pack("<I", 4096)))
    assert stub.packets() == []


def test_a_packed_bomb_takes_no_memory(tmp_path):
    flash = Flash(tmp_path / "flash", SIZE)
    writing = Writing(flash, 0, 4096, packed=True, erase_first=False)
    bomb = zlib.compress(bytes(16 << 20), 9)
    tracemalloc.start()
    try:
        with pytest.raises(Surplus):
            writing.take(bomb)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
        flash.close()


def test_leaving_restarts_the_rom_either_way_and_the_stub_when_told(rom, tmp_path):
    rom.ask(BEGIN, struct.pack("<IIII", 0, 0, 1024, 0))
    rom.ask(END, struct.pack("<I", 1))
    assert rom.restarts == 1
    rom.become_stub()
    rom.packets()
    rom.ask(BEGIN, struct.pack("<IIII", 0, 0, 1024, 0))
    rom.ask(END, struct.pack("<I", 0))
    assert rom.restarts == 2


@pytest.mark.parametrize("seed", range(8))
def test_garbage_never_breaks_it(tmp_path, seed):
    source = random.Random(seed)
    host = Host(tmp_path / "flash", source.choice(["esp32", "esp32c3"]))
    if seed % 2:
        host.become_stub()
    for _ in range(400):
        body = source.randbytes(source.choice([0, 1, 4, 8, 16, 17, 20, 100]))
        if source.random() < 0.5:
            body = (
                struct.pack("<IIII", *(source.choice([0, 1, 4096, SIZE, 1 << 31, 0xFFFFFFFF]) for _ in range(4))) + body
            )
        op = source.choice([*range(0x16), *range(0xD0, 0xE0)])
        packet = struct.pack("<BBHI", source.choice([0, 0, 0, 1]), op, len(body), source.randrange(256)) + body
        host.loader.feed(slip.encode(packet) if source.random() < 0.8 else source.randbytes(30) + slip.END)
        host.packets()
    host.loader.feed(slip.END)
    assert host.ask(READ_REG, struct.pack("<I", CHIPS["esp32"].uart_clock_divider))
    assert host.flash.path.stat().st_size == SIZE
    host.flash.close()
