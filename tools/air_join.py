"""Joins radio chips with the simulated air: what a chip begins at its antenna a port does; it tells what it hears.

The chip's words are those of the emulated SX1276 (tools/emulator/chips/sx1276.mjs).
"""

from collections.abc import Callable, Mapping
from typing import Any

from tools.air.channel import Heard
from tools.air.port import Port
from tools.emulated_rp2040 import EmulatedRP2040

Tell = Callable[..., object]


class Joint:
    """`do(words)` for each thing that the chip begins; what comes of it is told: `tell(cad=)`, (locked=), (heard=)."""

    def __init__(self, port: Port, tell: Tell) -> None:
        self._port = port
        self._tell = tell
        self._done = 0  # things begun: what a later one broke off is not told
        port.on_locked = lambda: tell(locked=True)
        port.on_heard = self._heard

    def do(self, words: Mapping[str, Any]) -> None:
        """Have the port do what the chip has begun."""
        self._done += 1
        if "receive" in words:
            self._port.receive(*words["receive"])
            return
        self._port.standby()
        if "cad" in words:
            begun = self._done
            khz, bandwidth, spreading = words["cad"]
            self._port.cad(khz, bandwidth, spreading, lambda found: self._found(found, begun))
        elif "send" in words and not self._port.sending:  # else what was broken off is still on the air
            data = bytes.fromhex(words["send"])
            self._port.send(data, words["khz"], words["bw"], words["sf"], words["dbm"], words["preamble"])

    def _found(self, found: bool, begun: int) -> None:
        if begun == self._done:
            self._tell(cad=found)

    def _heard(self, heard: Heard) -> None:
        told = {"data": heard.data.hex(), "good": heard.good, "rssi": heard.rssi_dbm, "snr_qdb": heard.snr_qdb}
        self._tell(heard=told)


class PicoAntenna:
    """A stepped board's radio, device number `device`, at a port; from now on the channel's time is the board's."""

    def __init__(self, pico: EmulatedRP2040, device: int, port: Port) -> None:
        self._pico, self._device = pico, device
        self._events = port.channel.events
        self._joint = Joint(port, lambda **what: pico.tell(device, **what))
        self._offset_ns = pico.now_ns - self._events.now_us * 1000
        pico.tell(device, air=True)  # what was begun before nobody heard

    def run_until(self, us: int) -> None:
        """Let the board, the channel and all that is planned there go on together to `us` of the channel's time."""
        events, pico = self._events, self._pico
        while events.now_us < us:
            target_us = us if events.next_us is None else min(us, max(events.next_us, events.now_us + 1))
            pico.run(max(0, target_us * 1000 + self._offset_ns - pico.now_ns), until=["air"])
            events.run_until(min(target_us, max(events.now_us, -((self._offset_ns - pico.now_ns) // 1000))))
            for _, words in pico.tell(self._device, air=True)["air"]:
                self._joint.do(words)
