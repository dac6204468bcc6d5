"""The SX1276's driver on the emulated RP2040, against the emulator's model of the chip; and in the simulated air."""

import ast
import tempfile
from pathlib import Path
from typing import Any

import pytest

from gridnode.drivers.spidev_spi import SpidevSpi
from gridnode.drivers.sx1262 import Sx1262
from gridnode.link.regions import EU868, Plan
from tests.emulator.kit import MS, SAY
from tools import boards
from tools.air.airtime import airtime_ms
from tools.air.channel import Channel
from tools.air.events import Events
from tools.air.port import Port
from tools.air_join import PicoAntenna
from tools.build import littlefs_image
from tools.emulated_rp2040 import EmulatedRP2040
from tools.images import image
from tools.node_files import node_files
from tools.sx1262_chip import Dio1, Sx1262Chip

pytestmark = pytest.mark.slow
HOME = 869_525, 125, 7
SCAN = [(869_525, 125, spreading) for spreading in (7, 8, 9, 10)]
# Polls each 7 ms, does what a line from UART0 says, tells what happens.
PROGRAM = """
import gc, select
from gridnode.drivers.pin_edges import PinEdges
from gridnode.drivers.sx1276 import Sx1276
spi = machine.SPI(0, 5_000_000, sck=Pin(18), mosi=Pin(19), miso=Pin(16))
radio = Sx1276(spi, Pin(17, Pin.OUT, value=1), Pin(20, Pin.OUT, value=1), 0x12, PinEdges(21, 1))
poller = select.poll()
poller.register(_uart, select.POLLIN)
said, longest_us, sent, allocated, weigh, work_ms, rest = "", 0, 0, 0, False, 0, poller.poll
def step():
    global said, longest_us, sent, allocated
    before = gc.mem_alloc() if weigh else 0  # which takes some ms
    began = time.ticks_us()
    packet = radio.poll(time.ticks_ms())
    longest_us = max(longest_us, time.ticks_diff(time.ticks_us(), began))
    if packet:
        say(repr(("packet",) + packet))
    elif weigh:
        allocated = max(allocated, gc.mem_alloc() - before)
    if radio.fault != said:
        said = radio.fault
        say(repr(("fault", said)))
    if radio.sent_ms != sent:
        sent = radio.sent_ms
        say(repr(("sent", sent)))
while True:
    step()
    if _uart.any():
        time.sleep_ms(30)
        exec(_uart.read())
        gc.collect()
        longest_us = 0
    if work_ms:
        time.sleep_ms(work_ms)
    rest(7)
"""


class Board:
    """A Pico with an SX1276 that runs PROGRAM; `told` are the things that it said."""

    def __init__(self, **literal: Any) -> None:
        rpi_pico = boards.load("rpi_pico")
        with tempfile.TemporaryDirectory() as folder:
            main = Path(folder) / "main.py"
            main.write_text(SAY + PROGRAM)
            disk = littlefs_image(rpi_pico, node_files(rpi_pico, None, main))
        device = {"chip": "sx1276", "bus": 0, "select": 17, "reset": 20, "dio0": 21, **literal}
        self.pico = EmulatedRP2040(image("RPI_PICO").path, filesystem=disk, devices=[device])
        self._rest = b""
        self.told: list[tuple[Any, ...]] = []
        self._run = lambda ms: self.pico.run(ms * MS)

    def __enter__(self) -> "Board":
        self.run(1200)
        return self

    def __exit__(self, *_: object) -> None:
        self.pico.close()

    def run(self, ms: int) -> list[tuple[Any, ...]]:
        """Let time pass; what was said in it."""
        self._run(ms)
        self._rest += b"".join(data for _, data in self.pico.read("uart0"))
        *lines, self._rest = self._rest.split(b"\n")
        told = [ast.literal_eval(line.decode()) for line in lines]
        self.told += told
        return told

    def do(self, program: str, ms: int = 100) -> list[tuple[Any, ...]]:
        self.pico.write("uart0", program.encode())
        return self.run(ms)

    def ask(self, expression: str) -> Any:
        return next(answer[1] for answer in self.do(f"say(repr(('answer', {expression})))\n") if answer[0] == "answer")

    def registers(self) -> bytes:
        return bytes.fromhex(self.pico.tell(0)["registers"])

    def join(self) -> tuple[Channel, Port]:
        """Into the simulated air, with a peer some way off."""
        channel = Channel(Events(), seed=7, preset="free", fading_db=0)
        antenna = PicoAntenna(self.pico, 0, Port(channel, channel.antenna("pico")))
        self._run = lambda ms: antenna.run_until(channel.events.now_us + ms * 1000)
        return channel, Port(channel, channel.antenna("peer", x_m=300))


class Pi:
    """The SX1262's driver on a Pi, in the same air; polled each 5 ms of the channel's time."""

    def __init__(self, channel: Channel) -> None:
        self._events = channel.events
        self.chip = Sx1262Chip(Port(channel, channel.antenna("pi", x_m=500)), tcxo=True, dio2=True)
        self.radio = Sx1262(
            SpidevSpi(self.chip),
            int,
            self.chip.reset,
            self.chip.busy,
            edges=Dio1(self.chip),
            tcxo_mv=1800,
            dio2_switch=True,
        )
        self.packets: list[tuple[Any, ...]] = []
        self._step()

    def _step(self) -> None:
        packet = self.radio.poll(self._events.now_us // 1000)
        if packet:
            self.packets.append(packet)
        self._events.at(self._events.now_us + 5000, self._step)


def test_settings_are_those_of_the_datasheet():
    with Board() as board:
        board.do("radio.listen(((868100, 125, 12),))\n")
        assert board.ask("(radio.fault, radio.busy)") == ("", False)
        registers = board.registers()
        assert int.from_bytes(registers[6:9], "big") == round(868_100_000 * 2**19 / 32e6)
        assert registers[0x01] == 0x85  # LoRa, receives
        assert registers[0x1D:0x1F] == bytes((0x72, 0xC4))  # 125 kHz, 4/5, explicit; SF12, CRC
        assert registers[0x20:0x22] == b"\xff\xff" and registers[0x26] == 0x0C  # low data rate, gain control
        assert registers[0x39] == 0x12 and registers[0x0C] == 0x23 and registers[0x11] == 0
        assert (registers[0x31], registers[0x2F], registers[0x30], registers[0x36]) == (0x43, 0x40, 0, 3)  # errata 2.3
        board.do("radio.listen(((903000, 500, 8),))\n")
        registers = board.registers()
        assert registers[0x1D:0x1F] == bytes((0x92, 0x84)) and registers[0x26] == 0x04
        assert (registers[0x36], registers[0x3A], registers[0x31]) == (0x02, 0x64, 0xC3)  # errata 2.1, 2.3
        for dbm, power, boost, current in (
            (14, 0x8C, 0x84, 0x2B),
            (17, 0x8F, 0x84, 0x2B),
            (20, 0x8F, 0x87, 0x31),
            (30, 0x8F, 0x87, 0x31),
            (0, 0x80, 0x84, 0x2B),
        ):
            board.do(f"radio.send(b'x', 1, 869525, 125, 7, {dbm}, 8)\n")
            registers = board.registers()
            assert (registers[0x09], registers[0x4D], registers[0x0B]) == (power, boost, current), dbm
        assert len(board.pico.tell(0)["sent"]) == 5
        assert board.ask("radio.resets") == 0


def test_it_hears_what_comes_to_the_millisecond_of_dio0_and_drops_what_is_wrong():
    with Board() as board:
        board.do("radio.listen(((869525, 125, 7),))\n")
        offset_ms = board.ask("time.ticks_ms()")
        board.pico.tell(0, heard={"data": "00ff80", "rssi": -101, "snr_qdb": -22})
        rises = [edge.at_ns for edge in board.pico.edges(21) if edge.level]
        ((_, data, rssi, snr, spreading, khz, end_ms),) = board.run(60)
        assert (data, snr, spreading, khz) == (b"\0\xff\x80", -22, 7, 869_525) and abs(rssi + 101) <= 1
        assert abs(end_ms - rises[-1] // MS) <= 1 and end_ms >= offset_ms
        board.pico.tell(0, heard={"data": "01", "good": False})
        board.run(60)
        board.pico.tell(0, heard={"data": "01", "crc": False})
        assert board.run(60) == []
        assert board.ask("radio.bad_crc") == 2
        board.pico.tell(0, heard={"data": "aa" * 250, "rssi": -40, "snr_qdb": 40})
        ((_, data, rssi, *_),) = board.run(200)
        assert data == b"\xaa" * 250 and abs(rssi + 40) <= 1
        board.pico.tell(0, locked=True)
        board.run(20)
        assert board.ask("radio.busy") is True


def test_a_poll_is_short_and_allocates_nothing_while_nothing_comes():
    with Board(air=True) as board:
        board.join()
        board.do("radio.listen(((869525, 125, 7),))\n")
        board.do("weigh = True\n", 500)
        assert board.ask("(allocated, longest_us < 1000)") == (0, True)
        board.do(f"radio.listen({SCAN!r})\n")
        board.do("allocated = 0\n", 500)
        assert board.ask("(allocated, longest_us < 2000)") == (0, True)


@pytest.mark.parametrize(
    ("fault", "mended", "within_ms"),
    [
        ({"line": "ones"}, {"line": None}, 60),
        ({"line": "zeros"}, {"line": None}, 1200),
        ({"version": 0x22}, {"version": 0x12}, 1200),
    ],
)
def test_a_radio_that_fails_says_so_is_reset_each_10_s_and_works_again(fault, mended, within_ms: int):
    with Board() as board:
        board.do("radio.listen(((869525, 125, 7),))\n")
        board.pico.tell(0, **fault)
        (said,) = board.run(within_ms)
        assert said[0] == "fault" and "does not answer" in said[1]
        assert board.ask("radio.busy") is True
        board.do("radio.send(b'lost', 4, 869525, 125, 7, 14, 8)\n")
        before = len([edge for edge in board.pico.edges(20) if not edge.level])
        board.run(20_000)
        assert len([edge for edge in board.pico.edges(20) if not edge.level]) - before == 2
        board.pico.tell(0, **mended)
        assert board.run(10_500) == [("fault", "")]
        assert board.ask("(radio.counts['unsent'], radio.busy)") == (1, False)
        board.pico.tell(0, receive="01")
        assert [packet[1] for packet in board.run(60)] == [b"\1"]


def test_a_chip_that_was_reset_or_keeps_no_register_or_never_ends_a_sending():
    with Board() as board:
        board.do("radio.listen(((869525, 125, 7),))\n")
        board.pico.tell(0, reset=True, wakes_ns=0)
        first, second = board.run(1300)
        board.pico.tell(0, wakes_ns=5 * MS)
        assert "forgotten" in first[1] and second == ("fault", "")
        board.pico.tell(0, mute=True)
        said = board.do("radio.send(b'never', 5, 869525, 125, 7, 14, 8)\n", 120)
        assert said == []  # its airtime and 100 ms are not over
        said = board.run(150)
        assert "does not finish" in said[0][1]
        board.pico.tell(0, mute=False, worn=0x39, reset=True)
        board.pico.tell(0, worn=None)
        board.run(11_000)
        assert board.ask("(radio.fault, radio.sent_ms)") == ("", 0)
        board.pico.tell(0, worn=0x0C, reset=True)
        board.run(1300)
        assert "forgotten" in board.ask("radio.fault")


def test_in_the_air_it_finds_what_a_sender_chose_and_is_heard():
    with Board(air=True) as board:
        channel, peer = board.join()
        heard = []
        peer.on_heard = heard.append
        board.do(f"radio.listen({SCAN!r})\n")
        for spreading in (7, 8, 9, 10) * 3:
            symbol_ms = (1 << spreading) / 125
            preamble = -(-75 // int(symbol_ms)) + 8
            data = bytes((spreading, len(board.told)))
            peer.send(data, 869_525, 125, spreading, 14, preamble)
            told = board.run(int(airtime_ms(2, spreading, preamble=preamble)) + 61)
            assert [(packet[1], packet[4]) for packet in told] == [(data, spreading)], spreading
        peer.receive(869_525, 125, 9)
        told = board.do("radio.send(b'from the Pico', 13, 869525, 125, 9, 14, 16)\n", 700)
        assert [each.data for each in heard] == [b"from the Pico"] and told[0][0] == "sent"
        rises = [edge.at_ns for edge in board.pico.edges(21) if edge.level]
        assert abs(told[0][1] - rises[-1] // MS) <= 1  # by DIO0, not by the poll
        assert abs(told[0][1] - heard[0].end_us / 1000 - (board.pico.now_ns / MS - channel.events.now_us / 1000)) < 3
        assert board.ask("(radio.resets, radio.fault)") == (0, "")


def test_a_main_loop_with_much_to_do_hears_a_sender_all_the_same():
    """At each phase of its scan: as it seeks on while it rests, it comes by within the preamble of the plan."""
    plan, work_ms = Plan(EU868), 9
    with Board(air=True) as board:
        _, peer = board.join()
        board.do(f"radio.listen({plan.scan!r})\nwork_ms, rest = {work_ms}, radio.rest\n", 300)
        for number in range(24):
            peer.send(bytes((number,)), 869_525, 125, 7, 14, plan.preamble(7))
            told = board.run(int(airtime_ms(1, 7, preamble=plan.preamble(7))) + 90 + 7 * number % 41)
            assert [packet[1] for packet in told] == [bytes((number,))], number
        assert board.ask("(radio.fault, radio.resets, radio.bad_crc)") == ("", 0, 0)


def test_the_pico_s_sx1276_and_the_pi_s_sx1262_talk_through_the_air():
    """Both scan, each sends at every spreading factor with the plan's own preamble, and both hear all of it."""
    plan = Plan(EU868)
    with Board(air=True) as board:
        channel, _ = board.join()
        pi = Pi(channel)
        pi.radio.listen(plan.scan)
        board.do(f"radio.listen({plan.scan!r})\n", 300)
        for number in range(12):
            spreading = plan.spreading_factors[number % 4]
            up, down = b"up %d" % number, b"down %d" % number
            wait_ms = int(airtime_ms(7, spreading, preamble=plan.preamble(spreading))) + 150
            how = f"869525, 125, {spreading}, 14, {plan.preamble(spreading)}"
            told = board.do(f"radio.send({up!r}, {len(up)}, {how})\n", wait_ms)
            assert [each[0] for each in told] == ["sent"]
            assert pi.packets[-1][0] == up and pi.packets[-1][3] == spreading
            pi.radio.send(down, len(down), 869_525, 125, spreading, 14, plan.preamble(spreading))
            told = board.run(wait_ms)
            assert [(each[0], each[1], each[4]) for each in told] == [("packet", down, spreading)], number
        assert len(pi.packets) == 12 and pi.chip.ignored == []
        assert (pi.radio.fault, pi.radio.resets, board.ask("(radio.fault, radio.resets)")) == ("", 0, ("", 0))
