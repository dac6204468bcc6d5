"""Programs in the simulated channel: SimRadio, clocks, stepping, and the door for other processes."""

import json
import random
import socket
import subprocess
import time
from itertools import pairwise

import pytest

from gridnode.drivers.air_radio import AirRadio
from tools.air.channel import Channel
from tools.air.door import Door
from tools.air.events import Events
from tools.air.minute_meter import MinuteMeter, SimulatedHome
from tools.air.world import Clock, World
from tools.nodes import ROOT, NodesError, find_micropython

SF = 869_525, 125, 9
SCAN = tuple((869_525, 125, factor) for factor in (7, 8, 9, 10))


class Sender:
    """Sends its name each `every_ms` by its own clock, and keeps what it hears."""

    def __init__(self, radio, name, every_ms=0, config=SF):
        self.radio, self.name, self.every_ms, self.config = radio, name, every_ms, config
        self.wake_ms = every_ms or None
        self.heard, self.stepped_ms = [], []
        radio.listen((config,))

    def glance(self, now_ms):
        return True

    def step(self, now_ms):
        self.stepped_ms.append(now_ms)
        while packet := self.radio.poll(now_ms):
            self.heard.append(packet)
        if self.every_ms and now_ms >= self.wake_ms:
            self.wake_ms += self.every_ms
            if not self.radio.busy:
                self.radio.send(self.name, len(self.name), *self.config, 14, 8)


def two(every_ms=60_000, ppm=0.0, offset_ms=0):
    world = World(1, "free", fading_db=0)
    radios = [world.radio(world.channel.antenna(name, at)) for name, at in (("a", 0), ("b", 100))]
    sender = world.add(radios[0], lambda _: Sender(radios[0], b"hello", every_ms), ppm, offset_ms)
    ear = world.add(radios[1], lambda _: Sender(radios[1], b""))
    return world, radios, sender, ear


def test_a_radio_tells_what_it_heard_in_its_owners_time():
    world, radios, _, ear = two()
    world.run(seconds=61)
    (data, rssi, snr_qdb, factor, khz, end_ms) = ear.program.heard[0]
    assert (data, factor, khz) == (b"hello", 9, 869_525)
    assert snr_qdb == 48 and -60 < rssi < -30
    assert radios[0].sent_ms == end_ms and not radios[0].busy
    assert 0 <= ear.program.stepped_ms[-1] - end_ms <= 5000
    assert any(0 <= step - end_ms <= 14 for step in ear.program.stepped_ms)


def test_a_dead_radio_hears_and_sends_nothing_until_it_works_again():
    world, radios, _, ear = two()
    radios[1].dead = True
    assert radios[1].fault
    world.run(seconds=100)
    assert not ear.program.heard
    radios[1].dead = False
    world.run(seconds=100)
    assert len(ear.program.heard) >= 1 and radios[1].resets == 1 and not radios[1].fault


def test_clocks_drift():
    fast, slow = Clock(50, 1000), Clock(-50)
    assert fast.ms(3_600_000_000) == 3_600_000 + 180 + 1000
    assert slow.ms(3_600_000_000) == 3_600_000 - 180
    for clock in (fast, slow):
        for ms in (1, 12_345, 987_654_321):
            us = clock.us(clock.ms(0) + ms)
            assert clock.ms(us) == clock.ms(0) + ms and clock.ms(us - 2000) < clock.ms(0) + ms


def test_a_program_is_stepped_at_its_cadence_and_when_it_wakes():
    _, _, sender, _ = run = two(every_ms=7_000)
    run[0].run(seconds=60)
    steps = sender.program.stepped_ms
    assert max(late - early for early, late in pairwise(steps)) <= 5001
    for wake_ms in (7_000, 14_000, 21_000):
        assert any(0 <= step - wake_ms <= 8 for step in steps)


def test_a_drifting_sender_is_not_where_it_would_be():
    world, _, _, ear = two(ppm=500)
    world.run(hours=1)
    assert ear.program.heard[-1][5] < 3_600_000 - 1000
    assert len(ear.program.heard) == 60


def test_a_scanning_radio_hears_what_a_listening_one_does_if_preambles_are_long():
    world = World(3, "free", fading_db=0)
    radios = [world.radio(world.channel.antenna(name, at)) for name, at in (("a", 0), ("b", 100))]
    radios[1].listen(SCAN)
    chance = random.Random(1)
    for _ in range(100):
        radios[0].send(b"xyz", 2, 869_525, 125, 10, 14, 16)  # 8 symbols and a turn
        world.run(seconds=chance.uniform(1, 2))
    heard = 0
    while radios[1].poll(0):
        heard += 1
    assert heard == 100


class _Channel:
    def __init__(self):
        from gridnode.metering.channel import Channel as Metered
        from gridnode.metering.told_window import ToldWindow

        self.metered = Metered("grid", ToldWindow())


def test_the_minute_meter_books_exactly_what_its_home_used():
    channel = _Channel().metered
    meter = MinuteMeter([channel], [SimulatedHome("x")])
    twin, total = SimulatedHome("x"), [0, 0]
    for minute in range(1440):
        power_mw = twin.next_mw(minute)
        total[power_mw < 0] += abs(power_mw) * 60
        meter.pump((minute + 1) * 60_000_000)
    assert [channel.energy.import_mwh, channel.energy.export_mwh] == [mws // 3600 for mws in total]
    assert meter.true_mwh == [[mws // 3600 for mws in total]]
    assert min(total) > 3600_000_000  # it has imported and exported
    assert channel.end_us == 1440 * 60_000_000


@pytest.fixture
def door():
    served = Door(Channel(Events(), 1, "free", fading_db=0))
    served.start()
    yield served
    served.close()


def listening(door):
    return sum(port.listening for port in door.channel.receivers)


def poll_until(radio, wanted, within_s=5.0):
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        heard = radio.poll(7)
        if wanted(heard):
            return heard
        time.sleep(0.002)
    raise AssertionError(f"not within {within_s} s")


def test_radios_of_processes_hear_each_other_through_the_door(door):
    a, b = (AirRadio("127.0.0.1", door.port, name, (at, 0, 3, 2)) for name, at in (("a", 0), ("b", 100)))
    b.listen(((869_525, 125, 7),))
    poll_until(b, lambda _: listening(door) == 1 and len(door.channel.receivers) == 2)
    a.send(bytearray(b"hello!"), 5, 869_525, 125, 7, 14, 8)
    assert a.busy
    data, rssi, _, factor, khz, end_ms = poll_until(b, bool)
    assert (data, factor, khz, end_ms) == (b"hello", 7, 869_525, 7) and rssi < 0
    poll_until(a, lambda _: not a.busy)
    assert a.sent_ms == 7
    a.close()
    b.close()


def test_a_client_that_says_nonsense_is_told_and_let_go(door):
    good = AirRadio("127.0.0.1", door.port, "good")
    for nonsense in (b"{}\n", b"nonsense\n", b'{"join": "x"}\n{"send": "0g"}\n', b'{"join": "x"}\n[]\n', b"x" * 5000):
        with socket.create_connection(("127.0.0.1", door.port)) as line:
            line.sendall(nonsense)
            assert b"error" in line.recv(4096)
            line.settimeout(2)
            assert line.recv(4096) == b""
    good.poll(0)
    assert not good.fault
    good.close()


def test_a_door_that_goes_away_is_a_fault_and_is_tried_again(door):
    radio = AirRadio("127.0.0.1", door.port, "a")
    port = door.port
    door.close()
    poll_until(radio, lambda _: radio.fault)
    assert radio.busy
    again = Door(Channel(Events(), 1, "free"), port)
    again.start()
    radio.poll(20_000)
    assert not radio.fault and radio.resets >= 1
    radio.close()
    again.close()


def test_in_step_time_goes_no_further_than_granted(door):
    def say(line, **said):
        line.write(json.dumps(said) + "\n")
        line.flush()

    with socket.create_connection(("127.0.0.1", door.port)) as one:
        with one.makefile("rw") as line:
            say(line, join="stepped")
            say(line, lockstep=1)
            now_us = door.events.now_us
            say(line, until_us=(now_us := now_us + 1_000_000))
            assert json.loads(line.readline()) == {"now_us": now_us}
            say(line, send="00", khz=869_525, bw=125, sf=7, dbm=14, preamble=8)
            time.sleep(0.2)
            assert door.events.now_us == now_us
            say(line, until_us=now_us + 20_000)
            assert json.loads(line.readline()) == {"now_us": now_us + 20_000}
            say(line, until_us=now_us + 40_000)
            assert "sent" in json.loads(line.readline())
            assert json.loads(line.readline()) == {"now_us": now_us + 40_000}


MICROPYTHON = """
import sys, time
from gridnode.drivers.air_radio import AirRadio
radio = AirRadio("127.0.0.1", int(sys.argv[1]), "micro", (100, 0, 3, 2))
radio.listen(((869525, 125, 7),))
while True:
    heard = radio.poll(time.ticks_ms())
    if heard:
        break
    time.sleep_ms(2)
radio.send(heard[0] + b" back", len(heard[0]) + 5, 869525, 125, 7, 14, 8)
while radio.busy:
    radio.poll(time.ticks_ms())
"""


def test_a_micropython_process_joins(door, tmp_path):
    try:
        micropython = find_micropython()
    except NodesError as error:
        pytest.skip(str(error))
    program = tmp_path / "echo.py"
    program.write_text(MICROPYTHON)
    radio = AirRadio("127.0.0.1", door.port, "here")
    radio.listen(((869_525, 125, 7),))
    path = f"{ROOT / 'firmware_mpy'}:.frozen"
    with subprocess.Popen([micropython, str(program), str(door.port)], env={"MICROPYPATH": path}) as process:
        poll_until(radio, lambda _: listening(door) == 2)
        radio.send(b"there", 5, 869_525, 125, 7, 14, 8)
        assert poll_until(radio, bool)[0] == b"there back"
        assert process.wait(5) == 0
    radio.close()
