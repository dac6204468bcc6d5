"""Device models on the emulated board's buses."""

import math
import struct

import pytest

from tests.emulator.kit import MS, SECOND, board, hear, said
from tools.emulated_rp2040 import EmulatorError

pytestmark = pytest.mark.slow

I2C = """
bus = machine.I2C(0, scl=Pin(5), sda=Pin(4), freq=400_000)
soft = machine.SoftI2C(scl=Pin(7), sda=Pin(6))
say(bus.scan(), soft.scan())
"""

METER = """
bus = machine.I2C(0, scl=Pin(5), sda=Pin(4), freq=400_000)
bus.writeto_mem(0x40, 5, b"\\x08\\x00")
def register(number):
    return int.from_bytes(bus.readfrom_mem(0x40, number, 2), "big")
while True:
    time.sleep_ms(100)
    say(register(0xFE), register(1), register(2), register(3), register(4))
"""

PZEM = """
line = UART(1, 9600, tx=Pin(8), rx=Pin(9))
def crc(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value
def ask(body):
    line.read()
    line.write(body + crc(body).to_bytes(2, "little"))
    time.sleep_ms(100)
    answer = line.read() or b""
    say(answer.hex(), crc(answer) == 0)
"""

RADIO = """
bus = machine.SPI(0, 5_000_000, sck=Pin(18), mosi=Pin(19), miso=Pin(16))
select, done = Pin(17, Pin.OUT, value=1), Pin(21, Pin.IN)
def get(at, count=1):
    select(0); bus.write(bytes([at])); data = bus.read(count); select(1)
    return data
def put(at, data):
    select(0); bus.write(bytes([at | 0x80]) + data); select(1)
def wait():
    start = time.ticks_ms()
    while not done():
        if time.ticks_diff(time.ticks_ms(), start) > 1000:
            return "never"
put(0x01, b"\\x00"); put(0x01, b"\\x80"); put(0x01, b"\\x81")
put(0x40, b"\\x40"); put(0x0E, b"\\x00"); put(0x0D, b"\\x00")
put(0x00, b"ping"); put(0x22, b"\\x04")
start = time.ticks_us()
put(0x01, b"\\x8B")
say(wait(), time.ticks_diff(time.ticks_us(), start))
put(0x12, b"\\xFF"); put(0x40, b"\\x00"); put(0x01, b"\\x8D")
wait()
put(0x0D, get(0x10))
say(get(0x13), get(0x00, 4))
put(0x12, b"\\xFF")
say(done())
"""


def test_scan_finds_what_is_on_a_bus_by_its_pins():
    meters = [
        {"chip": "ina226", "bus": 0, "address": 0x40},
        {"chip": "ina226", "bus": 0, "address": 0x45},
        {"chip": "ina226", "bus": 1, "address": 0x41},
    ]
    assert hear(I2C, devices=meters) == ["[64, 69] [65]"]


def test_ina226_shows_voltage_current_and_power_of_its_last_measurement():
    with board(METER, devices=[{"chip": "ina226", "voltage_mv": 12_000, "current_ma": 5000}]) as pico:
        pico.run(180 * MS)
        # 5 A over 2 mOhm is 10 mV: 4000 steps of 2.5 uV; 12 V is 9600 steps of 1.25 mV
        assert said(pico)[-1] == "21577 4000 9600 1920 4000"
        pico.tell(0, current_ma=-2500)
        pico.run(200 * MS)
        assert said(pico)[-1] == f"21577 {0x10000 - 2000} 9600 960 {0x10000 - 2000}"
        before = pico.tell(0)["energy_mwh"]
        pico.run(36 * MS)
        assert pico.tell(0)["energy_mwh"] - before == pytest.approx(-30_000 * 36e-3 / 3600)


def test_ina226_address_twice_is_refused():
    with pytest.raises(EmulatorError, match="0x40 is taken"):
        board("", devices=[{"chip": "ina226"}] * 2)


def test_pzem004t_answers_its_registers():
    devices = [{"chip": "pzem004t", "uart": 1, "current_ma": 5000, "power_factor_per_mille": 900}]
    with board(
        PZEM + "ask(b'\\x01\\x04\\x00\\x00\\x00\\x0a')\nask(b'\\x01\\x04\\x00\\x05\\x00\\x09')", devices=devices
    ) as pico:
        pico.run(SECOND)
        first, second = said(pico)
    assert second == "0184" + "02" + second[6:10] + " True"
    data = bytes.fromhex(first.split()[0])
    assert first.endswith("True")
    registers = struct.unpack(">10H", data[3:23])
    assert registers == (2300, 5000, 0, 10350, 0, 0, 0, 500, 90, 0)


def test_pzem004t_that_is_silent_broken_or_at_another_address():
    ask = PZEM + "while True: ask(b'\\x01\\x04\\x00\\x00\\x00\\x0a')"
    with board(ask, devices=[{"chip": "pzem004t", "uart": 1}]) as pico:
        for change, whole in (
            ({}, True),
            ({"broken": True}, False),
            ({"silent": True}, False),
            ({"address": 9}, False),
        ):
            pico.tell(0, **{"silent": False, "broken": False, **change})
            pico.run(250 * MS)
            said(pico)
            pico.run(250 * MS)
            last = said(pico)[-1].split()
            assert (last[-1] == "True" and len(last) == 2) == whole, change


def test_sx1276_sends_with_its_time_on_air_and_hears_its_peer():
    with board(RADIO, devices=[{"chip": "sx1276", "echo_ns": 20 * MS}]) as pico:
        pico.run(SECOND)
        sent, got, flag = said(pico)
        ((_, packet),) = pico.tell(0)["sent"]
    assert bytes.fromhex(packet) == b"ping"
    what, air_us = sent.split()
    assert what == "None"
    # AN1200.13 at SF7, 125 kHz, CR 4/5, 8 symbols of preamble, header, no CRC: 12.25 + 18 symbols of 1.024 ms
    assert int(air_us) == pytest.approx((12.25 + 18) * 1024, abs=600)
    assert got == "b'\\x04' b'ping'"
    assert flag == "0"


def test_sx1276_that_is_silent_reads_as_ones_and_takes_nothing():
    program = (
        RADIO.split("put(0x01")[0]
        + "while True:\n    put(0x0E, b'\\x21')\n    say(get(0x42), get(0x0E))\n    time.sleep_ms(50)"
    )
    with board(program, devices=[{"chip": "sx1276"}]) as pico:
        pico.run(200 * MS)
        assert said(pico)[-1] == r"b'\x12' b'!'"
        pico.tell(0, line="ones")
        pico.run(200 * MS)
        assert said(pico)[-1] == r"b'\xff' b'\xff'"


def test_contactor_follows_its_coil_and_its_feedback_follows_the_contact():
    program = "coil = Pin(15, Pin.OUT, value=0)\ntime.sleep_ms(50)\ncoil(1)\ntime.sleep_ms(50)\ncoil(0)\ntime.sleep(9)"
    device = {"chip": "contactor", "coil_pin": 15, "feedback_pin": 14, "operate_ns": 8 * MS, "release_ns": 5 * MS}
    with board(program, devices=[device]) as pico:
        pico.run(200 * MS)
        coil = [edge.at_ns for edge in pico.edges(15) if edge.driven][-2:]
        feedback = [(edge.at_ns, edge.level) for edge in pico.edges(14)][-2:]
        assert feedback == [(coil[0] + 8 * MS, 0), (coil[1] + 5 * MS, 1)]
        assert pico.tell(0, stuck="closed") == {"closed": True}
        assert pico.level(14) == 0


MAINS = """
import array
heater = Pin(15, Pin.OUT, value=0)
adcs = [machine.ADC(pin) for pin in (26, 27, 28)]
time.sleep_ms(100)
heater(1)
def swing(adc):
    taken = [adc.read_u16() >> 4 for _ in range(2000)]
    return min(taken), max(taken)
for adc in adcs:
    say(*swing(adc))
heater(0)
say(*swing(adcs[2]))
time.sleep(60)
"""


def test_mains_shows_the_converter_the_house_and_knows_what_it_injected():
    fixed = {"voltage_mv": 230_000, "frequency_mhz": 50_000, "grid_mw": -3_000_000, "grid_mvar": 4_000_000}
    with board(MAINS, devices=[{"chip": "mains", "fixed": fixed, "noise_lsb": 0}]) as pico:
        pico.run(SECOND)
        voltage, grid, heater, cold = ([int(each) for each in line.split()] for line in said(pico))
        energy = pico.tell(0)
        rise, fall = (edge.at_ns for edge in pico.edges(15)[-2:])
    assert voltage[1] - 2048 == pytest.approx(math.sqrt(2) * 230 / 0.1953125, abs=2)
    assert 2048 - voltage[0] == pytest.approx(math.sqrt(2) * 230 / 0.1953125, abs=2)
    assert grid[1] - 2048 == pytest.approx(math.sqrt(2) * 5000 / 230 / 0.03125, abs=2)
    assert heater[1] - 2048 == pytest.approx(math.sqrt(2) * 2000 / 230 / 0.03125, abs=2)
    assert cold == [2048, 2048]
    assert energy["energy_export_mwh"] == pytest.approx(3_000_000 / 3600)
    assert energy["energy_import_mwh"] == 0
    assert energy["heater_mwh"] == pytest.approx(2_000_000 * (fall - rise) / 3.6e12)


def test_mains_replays_a_home_as_tools_homes_has_it(tmp_path):
    from tools.homes import true_energy_mwh, write_profile

    profile = tmp_path / "home.profile"
    write_profile(profile, "sunny", [(500_000, 0), (900_000, 3_000_000), (700_000, 100_000)])
    home = {"chip": "mains", "profile": str(profile), "start_hour": 1, "speed": 3600}
    with board("time.sleep(60)", devices=[home]) as pico:
        pico.run(5 * SECOND)
        energy = pico.tell(0)
        imported, exported = true_energy_mwh(profile, 1, 3600, 0, 5000)
    assert energy["energy_import_mwh"] == pytest.approx(imported, rel=1e-9)
    assert energy["energy_export_mwh"] == pytest.approx(exported, rel=1e-9)


def test_literals_with_mistakes_are_refused():
    for literal, reason in (
        ({"chip": "flux"}, "no chip"),
        ({"chip": "mains", "fixed": {}}, "fixed needs the number voltage_mv"),
        ({"chip": "contactor", "coil_pin": 99}, "GPIO 0 to 29"),
        ({"chip": "pzem004t", "uart": 4}, "no UART"),
    ):
        with pytest.raises(EmulatorError, match=reason):
            board("", devices=[literal])
