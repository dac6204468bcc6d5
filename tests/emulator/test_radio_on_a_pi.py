"""The SX1262's driver as it runs on a Pi, against a model of the chip in the simulated air."""

import sys
import types
from typing import Any

import pytest

from gridnode.drivers.spidev_spi import SpidevSpi
from gridnode.drivers.sx1262 import Sx1262
from gridnode.radio_chips import make_chip_radio
from tools import sx1262_chip
from tools.air.airtime import airtime_ms
from tools.air.channel import Channel
from tools.air.events import Events
from tools.air.port import Port
from tools.sx1262_chip import Dio1, Sx1262Chip

HOME = 869_525, 125, 7
SCAN = [(869_525, 125, spreading) for spreading in (7, 8, 9, 10)]
STEP_US = 7000


class Air:
    """A radio of the driver's, and a port some way off to talk with; `heard` by either."""

    def __init__(
        self, tcxo_mv: int | None = None, step_us: int = STEP_US, distance_m: int = 300, **module: bool
    ) -> None:
        self.events = Events()
        self.channel = Channel(self.events, seed=7, preset="free", fading_db=0)
        self.chip = Sx1262Chip(Port(self.channel, self.channel.antenna("pi")), **module)
        self.peer = Port(self.channel, self.channel.antenna("peer", x_m=distance_m))
        self.radio = Sx1262(
            SpidevSpi(self.chip), int, self.chip.reset, self.chip.busy, 0x12, Dio1(self.chip), tcxo_mv, dio2_switch=True
        )
        self.packets: list[tuple[bytes, int, int, int, int, int]] = []
        self.heard: list[bytes] = []
        self.faults = [""]
        self.peer.on_heard = lambda heard: self.heard.append(heard.data)
        self._step_us = step_us
        self._step()

    def _step(self) -> None:
        packet = self.radio.poll(self.events.now_us // 1000)
        if packet:
            self.packets.append(packet)
        if self.radio.fault not in self.faults:
            self.faults.append(self.radio.fault)
        self.events.at(self.events.now_us + self._step_us, self._step)

    def run(self, ms: int) -> None:
        self.events.run_until(self.events.now_us + ms * 1000)

    def listening(self, scan: list[tuple[int, int, int]]) -> "Air":
        self.radio.listen(scan)
        self.run(400)
        assert self.radio.fault == "" and not self.radio.busy
        assert self.chip.ignored == []
        return self


def test_one_entry_is_heard_all_the_time_with_the_figures_that_the_chip_gives():
    air = Air().listening([HOME])
    end_us = air.peer.send(b"to the Pi", *HOME, 14, 8)
    air.run(30)
    assert air.radio.busy  # a packet comes in
    air.run(100)
    ((data, rssi, snr, spreading, khz, end_ms),) = air.packets
    assert (data, spreading, khz) == (b"to the Pi", 7, 869_525)
    assert -100 < rssi < -20 and 0 < snr <= 48
    assert end_ms == end_us // 1000  # by DIO1, not by the poll
    assert not air.radio.busy


@pytest.mark.parametrize("spreading", [7, 8, 9, 10])
def test_what_a_sender_chooses_among_the_scan_is_heard(spreading: int):
    air = Air().listening(SCAN)
    symbol_ms = (1 << spreading) / 125
    for _ in range(20):  # at every phase of the turn
        air.peer.send(b"chosen", 869_525, 125, spreading, 14, -(-65 // int(symbol_ms)) + 8)
        air.run(int(airtime_ms(6, spreading, preamble=-(-65 // int(symbol_ms)) + 8)) + 37)
    assert [(packet[0], packet[3]) for packet in air.packets] == [(b"chosen", spreading)] * 20
    assert air.chip.ignored == [] and air.radio.resets == 0


def test_what_it_sends_is_heard_by_a_peer_and_then_it_listens_again():
    air = Air().listening(SCAN)
    air.peer.receive(869_525, 125, 9)
    air.radio.send(b"..to the peer..", 12, 869_525, 125, 9, 14, 16)
    assert air.radio.busy
    begun_us = air.events.now_us
    air.run(600)
    assert air.heard == [b"..to the pee"]
    assert air.radio.sent_ms == int(begun_us / 1000 + airtime_ms(12, 9, preamble=16))
    assert not air.radio.busy
    air.peer.send(b"answer", 869_525, 125, 8, 14, 40)
    air.run(300)
    assert [packet[0] for packet in air.packets] == [b"answer"]


@pytest.mark.parametrize(
    ("dbm", "pa", "setting"),
    [(22, (4, 7), 22), (20, (3, 5), 22), (17, (2, 3), 22), (14, (2, 2), 22), (10, (2, 2), 18), (-9, (2, 2), -1)],
)
def test_power_as_table_13_21_has_it(dbm: int, pa: tuple[int, int], setting: int):
    air = Air().listening([HOME])
    air.radio.send(b"x", 1, *HOME, dbm, 8)
    assert tuple(air.chip.settings[0x95]) == (*pa, 0, 1)
    assert air.chip.settings[0x8E] == bytes((setting & 0xFF, 4))
    assert air.channel.on_air()[0].power_dbm == dbm
    assert air.chip.registers[0x08E7] == 0x38  # 140 mA


def test_settings_as_the_datasheet_has_them(monkeypatch):
    monkeypatch.setitem(sx1262_chip._AT_RESET, 0x0736, 0x09)
    air = Air(tcxo_mv=1800, tcxo=True, dio2=True).listening([(868_100, 125, 12)])
    settings = air.chip.settings
    assert settings[0x86] == round(868_100_000 * 2**25 / 32_000_000).to_bytes(4, "big")
    assert settings[0x8B] == bytes((12, 4, 1, 1, 0, 0, 0, 0))  # low data rate: a symbol of 32.8 ms
    assert settings[0x8C] == b"\xff\xff\0\xff\1\0\0\0\0"
    assert settings[0x97] == b"\x02\0\x01\x40"  # 1.8 V, 5 ms
    assert settings[0x98] == b"\xd7\xdb"
    assert settings[0x9D] == b"\1"
    registers = air.chip.registers
    assert (registers[0x0740], registers[0x0741]) == (0x14, 0x24)  # 0x12 as the SX1276 has it
    assert registers[0x08D8] & 0x1E == 0x1E and registers[0x0736] & 4 and registers[0x08AC] == 0x96
    assert registers[0x0889] & 4
    air.radio.listen([(903_000, 500, 8)])
    air.run(50)
    assert settings[0x8B] == bytes((8, 6, 1, 0, 0, 0, 0, 0))
    assert not registers[0x0889] & 4  # 15.1
    air.radio.listen(SCAN)
    air.run(8)
    assert settings[0x88][:4] in (b"\1\x16\x0a\1", b"\1\x17\x0a\1", b"\1\x18\x0a\1")


def test_a_packet_with_a_wrong_crc_or_none_is_counted_and_dropped():
    air = Air().listening([HOME])
    tell = air.chip._joint._tell
    tell(heard={"data": "0102", "good": False, "rssi": -90, "snr_qdb": 0})
    air.run(20)
    assert (air.packets, air.radio.bad_crc) == ([], 1)
    tell(heard={"data": "0102", "good": True, "crc": False, "rssi": -90, "snr_qdb": -40})
    air.run(20)
    assert (air.packets, air.radio.bad_crc) == ([], 2)
    tell(heard={"data": "0102", "good": True, "rssi": -90, "snr_qdb": -40})
    air.run(20)
    assert air.packets[0][:3] == (b"\1\2", -90, -40)


def test_a_preamble_of_which_nothing_comes_does_not_keep_it_busy():
    air = Air().listening([HOME])
    air.chip._joint._tell(locked=True)
    air.run(20)
    assert air.radio.busy
    air.run(500)
    assert not air.radio.busy and air.radio.fault == ""


@pytest.mark.parametrize(
    ("fault", "mended", "words"),
    [
        ({"line": "ones"}, {"line": None}, "does not answer"),
        ({"line": "zeros"}, {"line": None}, "does not answer"),
        ({"stuck": True}, {"stuck": False}, "BUSY"),
        ({"worn": {0x0740}, "line": "ones"}, {"worn": set(), "line": None}, "does not answer"),
    ],
)
@pytest.mark.parametrize("scan", [SCAN, [HOME]])
def test_a_radio_that_fails_says_so_is_reset_and_works_again(fault, mended, words: str, scan):
    air = Air().listening(scan)
    for name, value in fault.items():
        setattr(air.chip, name, value)
    air.run(50)
    assert words in air.radio.fault and air.radio.busy
    air.radio.send(b"lost", 4, *HOME, 14, 8)
    assert air.radio.counts["unsent"] == 1
    air.run(30_000)
    assert 3 <= air.radio.resets <= 5  # at once, then each 10 s
    for name, value in mended.items():
        setattr(air.chip, name, value)
    air.chip.line = None
    air.run(10_500)
    assert air.radio.fault == "" and not air.radio.busy
    air.peer.send(b"again", *HOME, 14, 80)
    air.run(300)
    assert [packet[0] for packet in air.packets] == [b"again"]


def test_a_register_that_does_not_keep_its_value_is_a_fault_at_reset():
    air = Air()
    air.chip.worn = {0x08AC}
    air.radio.listen([HOME])
    air.run(200)
    assert "forgotten its settings" in air.radio.fault


def test_a_chip_that_was_reset_by_its_supply_is_set_up_again():
    air = Air().listening([HOME])
    air.chip.power_on()
    air.run(1300)
    assert air.radio.resets == 1 and air.radio.fault == ""
    air.peer.send(b"again", *HOME, 14, 8)
    air.run(300)
    assert [packet[0] for packet in air.packets] == [b"again"]


def test_a_sending_that_does_not_end_is_a_fault_after_its_airtime_and_100_ms():
    air = Air().listening([HOME])
    air.chip.mute = True
    air.radio.send(b"never", 5, *HOME, 14, 8)
    air.run(int(airtime_ms(5, 7)) + 90)
    assert air.radio.fault == "" and air.radio.busy
    air.run(40)
    assert "does not finish" in air.radio.fault
    air.chip.mute = False
    air.run(100)
    assert air.radio.fault == "" and air.radio.resets == 1 and air.radio.sent_ms == 0


def test_detection_that_never_ends_is_a_fault():
    air = Air().listening(SCAN)
    air.chip.mute = True
    air.run(400)
    assert "does not finish" in air.faults[1]


def test_a_tcxo_that_nobody_told_of_is_said():
    air = Air(tcxo=True)
    air.radio.listen([HOME])
    air.run(200)
    assert "tcxo_mv" in air.radio.fault


def test_an_antenna_switch_on_dio2_is_switched():
    air = Air(dio2=True).listening([HOME])
    air.radio.send(b"x", 1, *HOME, 14, 8)
    assert air.channel.on_air()[0].power_dbm == 14


def test_a_late_poll_loses_no_packet_that_was_received():
    air = Air(step_us=60_000).listening([HOME])
    air.peer.send(b"first", *HOME, 14, 8)
    air.run(200)
    assert [packet[0] for packet in air.packets] == [b"first"]


LITERAL = {
    "driver": "sx1262",
    "bus": 0,
    "select": 1,
    "chip": "/dev/gpiochip0",
    "reset": 18,
    "busy": 20,
    "dio1": 16,
    "tcxo_mv": None,
    "dio2_switch": True,
}


class Lines:
    """gpiod.LineRequest of one line of the Pi's header, with the chip on it."""

    def __init__(self, chip: Sx1262Chip, config: dict[int, Any]) -> None:
        self._chip = chip
        ((self._pin, self.settings),) = config.items()

    def set_value(self, pin: int, value: str) -> None:
        assert pin == self._pin == LITERAL["reset"]
        self._chip.reset(int(value == "high"))

    def get_value(self, pin: int) -> str:
        assert pin == self._pin == LITERAL["busy"]
        return "high" if self._chip.busy() else "low"

    def wait_edge_events(self, timeout: float) -> bool:
        assert self._pin == LITERAL["dio1"] and timeout == 0
        return bool(self._chip.rises_us)

    def read_edge_events(self) -> list[types.SimpleNamespace]:
        rises, self._chip.rises_us = self._chip.rises_us, []
        return [types.SimpleNamespace(timestamp_ns=us * 1000, event_type="rise", line_seqno=1) for us in rises]


def test_a_literal_of_the_pi_s_header_becomes_a_radio_that_works(monkeypatch):
    """spidev and gpiod are told of the bus, the select and the lines that the literal names."""
    events = Events()
    channel = Channel(events, seed=7, preset="free", fading_db=0)
    chip = Sx1262Chip(Port(channel, channel.antenna("pi")))
    peer = Port(channel, channel.antenna("peer", x_m=300))
    opened = []
    device = types.SimpleNamespace(open=lambda *which: opened.append(which), xfer2=chip.xfer2)
    line = types.SimpleNamespace(
        Direction=types.SimpleNamespace(INPUT="in", OUTPUT="out"),
        Edge=types.SimpleNamespace(BOTH="both"),
        Bias=types.SimpleNamespace(PULL_UP="up", PULL_DOWN="down"),
        Value=types.SimpleNamespace(ACTIVE="high", INACTIVE="low"),
    )
    gpiod = types.SimpleNamespace(
        line=line,
        LineSettings=types.SimpleNamespace,
        EdgeEvent=types.SimpleNamespace(Type=types.SimpleNamespace(RISING_EDGE="rise")),
        request_lines=lambda path, consumer, config: opened.append((path, *config)) or Lines(chip, config),
    )
    monkeypatch.setitem(sys.modules, "spidev", types.SimpleNamespace(SpiDev=lambda: device))
    monkeypatch.setitem(sys.modules, "gpiod", gpiod)
    monkeypatch.setattr("gridnode.drivers.gpiod_edges.monotonic_ns", lambda: events.now_us * 1000)
    radio = make_chip_radio(LITERAL)
    assert opened == [(0, 1), *(("/dev/gpiochip0", LITERAL[name]) for name in ("busy", "reset", "dio1"))]
    assert (device.max_speed_hz, device.mode) == (5_000_000, 0)
    radio.listen([HOME])
    packets = []
    for _ in range(60):
        events.run_until(events.now_us + 7000)
        packets.append(radio.poll(events.now_us // 1000))
    assert (radio.fault, radio.busy) == ("", False)
    end_us = peer.send(b"to the Pi", *HOME, 14, 8)
    for _ in range(20):
        events.run_until(events.now_us + 7000)
        packets.append(radio.poll(events.now_us // 1000))
    ((data, *_, end_ms),) = filter(None, packets)
    assert data == b"to the Pi" and end_ms == end_us // 1000


@pytest.mark.parametrize("missing", ["gpiod", "spidev"])
def test_what_is_missing_for_it_is_said(monkeypatch, missing: str):
    for name in ("gpiod", "spidev"):
        monkeypatch.setitem(sys.modules, name, None)
    if missing == "gpiod":
        device = types.SimpleNamespace(open=lambda *_: None)
        monkeypatch.setitem(sys.modules, "spidev", types.SimpleNamespace(SpiDev=lambda: device))
    with pytest.raises(RuntimeError, match=f"pip install {missing}"):
        make_chip_radio(LITERAL)
