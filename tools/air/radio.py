"""The Radio that LoraLink speaks to, over a simulated front end."""

from collections import deque
from collections.abc import Callable, Sequence

from tools.air.channel import Heard
from tools.air.port import Port

TURN_MS = 65  # of a scan: SF7 .. SF10 by a loop of 7 ms


class SimRadio:
    """As the drivers' Radio. Times are its owner's: `clock(us)` makes ms of the channel's time.

    on_event(): called when a packet has come in, good or not, or has left, so that the owner may be stepped.
    dead: True while the chip does not answer.
    """

    def __init__(self, port: Port, turn_ms: int = TURN_MS, clock: Callable[[int], int] | None = None) -> None:
        self.port = port
        self.clock = clock or (lambda us: us // 1000)
        self.on_event: Callable[[], object] = lambda: None
        self.sent_ms = 0
        self.bad_crc = 0
        self.resets = 0
        self.fault = ""
        self._turn_us = turn_ms * 1000
        self._scan: tuple[tuple[int, int, int], ...] = ()
        self._dead = False
        self._came: deque[Heard] = deque()
        port.on_heard = self._heard
        port.on_sent = self._sent

    @property
    def counts(self) -> dict[str, int]:
        return {"bad_crc": self.bad_crc, "resets": self.resets}

    @property
    def busy(self) -> bool:
        """Sending, or a packet is coming in."""
        return self.port.sending or self.port.locked

    @property
    def dead(self) -> bool:
        return self._dead

    @dead.setter
    def dead(self, dead: bool) -> None:
        self._dead = dead
        self.fault = "radio does not answer" if dead else ""
        if dead:
            self.port.standby()
        else:
            self.resets += 1
            self.listen(self._scan)

    def listen(self, scan: Sequence[tuple[int, int, int]]) -> None:
        """From now on hear packets of any (frequency_khz, bandwidth_khz, spreading_factor) of `scan`."""
        self._scan = tuple(scan)
        if self._dead:
            return
        if not self._scan:
            self.port.standby()
        elif len(self._scan) == 1:
            self.port.receive(*self._scan[0])
        else:
            self.port.scan(self._scan, self._turn_us)

    def send(
        self,
        data: bytes,
        length: int,
        frequency_khz: int,
        bandwidth_khz: int,
        spreading_factor: int,
        power_dbm: float,
        preamble: int,
    ) -> None:
        """Begin to send data[:length]; a dead chip swallows it."""
        if not self._dead:
            packet = bytes(memoryview(data)[:length])
            self.port.send(packet, frequency_khz, bandwidth_khz, spreading_factor, power_dbm, preamble)

    def poll(self, now_ms: int) -> tuple[bytes, int, int, int, int, int] | None:
        """(data, rssi_dbm, snr_qdb, spreading_factor, frequency_khz, end_ms) of a packet that came; None: none did."""
        if not self._came:
            return None
        heard = self._came.popleft()
        config = heard.config
        end_ms = self.clock(heard.end_us)
        return heard.data, heard.rssi_dbm, heard.snr_qdb, config.spreading_factor, config.khz, end_ms

    def _heard(self, heard: Heard) -> None:
        if heard.good:
            self._came.append(heard)
        else:
            self.bad_crc += 1
        self.on_event()

    def _sent(self, end_us: int) -> None:
        self.sent_ms = self.clock(end_us)
        self.on_event()
