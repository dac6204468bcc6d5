"""A gateway board's program: the radio that a Pi has on its USB port.

It has no keys, and the Pi no way round the region's law: each packet goes through the board's own ledger of airtime.
"""

import select
import struct

from gridnode.link import radio_frames as frames
from gridnode.link.airtime import URGENT, Ledger, airtime_us

STEP_MS = 5
_WAITING_MAX = 16  # packets for the Pi; then the oldest goes


class Gateway:
    """`step` it. link: link.serial.SerialLink to the Pi; radio, plan: as link.lora's.

    host(present): is called when the Pi begins to speak, and when it has been silent for SILENT_MS.
    """

    def __init__(self, link, radio, plan, now_ms: int, host=int):
        self._link, self._radio, self._host = link, radio, host
        self._ledger = Ledger(plan, now_ms)
        self._waiting = []
        self._asked_ms = -1  # when the Pi last asked
        self._data = b""  # what the Pi wants to be sent next
        self._number = None  # of what is being sent
        self._sent_ms = radio.sent_ms
        self._entries = 0
        self._told = None  # of `busy` and `fault`

    def step(self, now_ms: int):
        """Run the radio, hear the Pi, tell it what there is."""
        heard = self._radio.poll(now_ms)
        if heard:
            data, rssi, snr, spreading, khz, end_ms = heard
            self._say(bytes((frames.DATA,)) + data)
            self._say(struct.pack(frames.HEARING, frames.HEARD, rssi, snr, spreading, khz, _age(now_ms, end_ms)))
        self._look_at_sending(now_ms)
        for packet in self._link.receive(now_ms):
            self._take(packet, now_ms)
        if self._asked_ms >= 0 and now_ms - self._asked_ms > frames.SILENT_MS:
            self._asked_ms = -1
            self._waiting = []
            self._host(False)
        if self._asked_ms >= 0 and self._told != (self._radio.busy, self._radio.fault):
            self._say_state(now_ms)
        self._link.flush(now_ms)
        if self._waiting and self._link.idle:
            packet = self._waiting.pop(0)
            self._link.send(bytearray(packet) + bytearray(4), len(packet))

    def _look_at_sending(self, now_ms: int):
        radio = self._radio
        if self._number is None:
            return
        if radio.sent_ms != self._sent_ms:
            self._sent_ms = radio.sent_ms
            age_ms = _age(now_ms, radio.sent_ms)
            self._say(struct.pack(frames.SENDING_ENDED, frames.SENT, self._number, age_ms))
        elif radio.fault:
            self._refuse(self._number, 0, radio.fault)
        else:
            return
        self._number = None

    def _take(self, packet: bytes, now_ms: int):
        kind = packet[0]
        if kind == frames.ASK:
            if self._asked_ms < 0:
                self._host(True)
            self._asked_ms = now_ms
            self._told = None
        elif kind == frames.LISTEN and len(packet) % 7 == 1:
            scan = [struct.unpack_from(frames.ENTRY, packet, at) for at in range(1, len(packet), 7)]
            self._entries = len(scan)
            self._radio.listen(scan)
            self._told = None
        elif kind == frames.DATA:
            self._data = packet[1:]
        elif kind == frames.SEND and len(packet) == 12:
            self._send(packet, now_ms)
            self._data = b""

    def _send(self, packet: bytes, now_ms: int):
        _, number, khz, bandwidth, spreading, dbm, preamble = struct.unpack_from(frames.SENDING, packet, 0)
        data = self._data
        if self._number is not None or self._radio.fault or not 7 <= spreading <= 12 or not data:
            self._refuse(number, 0, self._radio.fault or "it is sending, or did not understand the packet")
            return
        us = airtime_us(len(data), spreading, bandwidth, preamble)
        words = self._ledger.refusal(khz, bandwidth, us, dbm)
        wait_ms = 0 if words else self._ledger.may(now_ms, khz, us, URGENT)
        if words or wait_ms:
            self._refuse(number, wait_ms, words or "no airtime left")
            return
        self._ledger.spend(now_ms, khz, us, URGENT)  # also if the radio then fails: it may have been on the air
        self._number = number
        self._sent_ms = self._radio.sent_ms
        self._radio.send(data, len(data), khz, bandwidth, spreading, dbm, preamble)

    def _refuse(self, number: int, wait_ms: int, words: str):
        self._say(struct.pack(frames.REFUSING, frames.REFUSED, number, wait_ms) + words.encode())

    def _say_state(self, now_ms: int):
        radio = self._radio
        self._told = radio.busy, radio.fault
        spent_ppm = max([row[2] for row in self._ledger.figures(now_ms)])
        stated = struct.pack(
            frames.STATED, frames.STATE, radio.busy, self._entries, radio.resets, radio.bad_crc, spent_ppm
        )
        self._say(stated + radio.fault.encode())

    def _say(self, packet: bytes):
        if self._asked_ms >= 0:
            self._waiting = self._waiting[1 - _WAITING_MAX :] + [packet]


def _age(now_ms: int, then_ms: int) -> int:
    return min(max(0, now_ms - then_ms), 0xFFFF)


def run(board, unit: dict, now, feed):
    """The gateway, for ever; `now()` is its time in ms, `feed` is called after each step."""
    from gridnode.hardware import make_stream
    from gridnode.link.serial import SerialLink
    from gridnode.radios import make_plan, make_radio

    stream = make_stream(board, unit)
    plan = make_plan(board.RADIO, unit)

    def host(present: bool):
        if hasattr(stream, "take"):
            stream.take() if present else stream.give_back()

    gateway = Gateway(SerialLink(stream), make_radio(board.RADIO, unit, plan.turn_ms), plan, now(), host)
    poller = select.poll()
    poller.register(stream.pollable, select.POLLIN)
    while True:
        gateway.step(now())
        feed()
        poller.poll(STEP_MS)
