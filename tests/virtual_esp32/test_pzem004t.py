"""The simulated PZEM-004T: its registers, its energy, and silence where the real one is silent."""

import random
import struct

import pytest

from tools.virtual_esp32.pzem004t import Load, Pzem004t, crc16

HOUR_NS = 3_600_000_000_000


def request(*body):
    return bytes(body) + crc16(bytes(body))


READ_ALL = request(1, 4, 0, 0, 0, 10)


@pytest.fixture
def meter():
    return Pzem004t(1, 0)


def registers(answer):
    assert crc16(answer[:-2]) == answer[-2:]
    return struct.unpack(f">{answer[2] // 2}H", answer[3:-2])


def test_the_check_is_modbus_own():
    assert crc16(bytes.fromhex("01040000000a")) == bytes.fromhex("700d")


def test_it_tells_what_was_set_in_its_units(meter):
    meter.set(Load(231_400, 70_000, 16_000_000, 49_900), 0)
    found = registers(meter.feed(READ_ALL, 90 * HOUR_NS // 60))
    assert found[0] == 2314
    assert found[1] | found[2] << 16 == 70_000
    assert found[3] | found[4] << 16 == 160_000
    assert found[5] | found[6] << 16 == 24_000
    assert found[7:] == (499, 99, 0)


def test_energy_is_the_integral_over_all_loads(meter):
    meter.set(Load(power_mw=1_000_000), 0)
    meter.set(Load(power_mw=0), HOUR_NS)
    meter.set(Load(power_mw=200_000), 2 * HOUR_NS)
    assert meter.energy_mwh(3 * HOUR_NS) == 1_200_000
    assert meter.feed(request(1, 0x42), 3 * HOUR_NS) == request(1, 0x42)
    assert meter.energy_mwh(4 * HOUR_NS) == 200_000


def test_others_requests_and_damaged_ones_get_no_answer(meter):
    assert meter.feed(request(2, 4, 0, 0, 0, 10), 0) == b""
    assert meter.feed(READ_ALL[:-1] + b"\0", 0) == b""
    assert meter.feed(READ_ALL, 0)
    assert meter.feed(request(0xF8, 4, 0, 0, 0, 1), 0)[0] == 1


def test_a_request_in_pieces_is_one_unless_there_was_a_pause(meter):
    assert meter.feed(READ_ALL[:3], 0) == b""
    assert meter.feed(READ_ALL[3:], 0)
    meter.feed(READ_ALL[:3], 0)
    meter.pause()
    assert meter.feed(READ_ALL, 0)


def test_what_it_cannot_do_it_says(meter):
    assert meter.feed(request(1, 4, 0, 10, 0, 1), 0)[1:3] == b"\x84\x02"
    assert meter.feed(request(1, 4, 0, 5, 0, 6), 0)[1:3] == b"\x84\x03"
    assert meter.feed(request(1, 0x10, 0, 0, 0, 1), 0)[1:3] == b"\x90\x01"


def test_its_address_can_be_changed(meter):
    change = request(1, 6, 0, 2, 0, 9)
    assert meter.feed(change, 0) == change
    assert meter.feed(READ_ALL, 0) == b""
    assert meter.feed(request(9, 4, 0, 0, 0, 10), 0)


def test_garbage_never_breaks_it(meter):
    source = random.Random(5)
    for _ in range(3000):
        meter.feed(source.randbytes(source.randrange(300)), 0)
        meter.pause()
    assert registers(meter.feed(READ_ALL, 0))[0] == 2300
