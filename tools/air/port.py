"""One transceiver's front end at an antenna: half duplex, hears one packet at a time, and only what it is set to."""

import random
from collections.abc import Callable, Sequence

from tools.air.channel import CAD_SYMBOLS, LOCK_SYMBOLS, Antenna, Channel, Config, Heard, Transmission


class Port:
    """What a chip is to the air: `receive` one config, `scan` several by channel activity detection, `standby`, `send`.

    `sending`; `locked`: a packet is coming in. Callables to be set: on_locked(), on_heard(heard), on_sent(end_us).
    """

    def __init__(self, channel: Channel, antenna: Antenna) -> None:
        self.channel = channel
        self.antenna = antenna
        self.sending = False
        self.missed = 0  # packets that began, loud enough, while this port could not lock on them
        self.on_locked: Callable[[], object] = _nothing
        self.on_heard: Callable[[Heard], object] = _nothing
        self.on_sent: Callable[[int], object] = _nothing
        self._configs: tuple[Config, ...] = ()
        self._turn_us = 0
        self._visits: dict[Config, int] = {}  # when in a turn each is visited, us
        self._since_us = 0  # when it began to listen
        self._held: Transmission | None = None
        self._epoch = 0  # of listening: what was planned in an earlier one is void
        self._random = random.Random(f"{channel.seed} port {antenna.index}")  # noqa: S311 (repeatable)
        channel.join(self)

    @property
    def listening(self) -> bool:
        """Whether it is set to hear anything."""
        return bool(self._configs)

    @property
    def locked(self) -> bool:
        return self._held is not None

    def receive(self, khz: int, bandwidth_khz: int, spreading_factor: int) -> None:
        """Hear one kind of packet, all the time."""
        self._listen((Config(khz, bandwidth_khz, spreading_factor),), 0)

    def scan(self, configs: Sequence[tuple[int, int, int]], turn_us: int) -> None:
        """Look for a preamble of each kind in turn, once in `turn_us`; what is found is received."""
        self._listen(tuple(Config(*config) for config in configs), turn_us)

    def standby(self) -> None:
        """Hear nothing."""
        self._listen((), 0)

    def _listen(self, configs: tuple[Config, ...], turn_us: int) -> None:
        self._configs, self._turn_us = configs, turn_us
        self._visits = _visits(configs, turn_us) if turn_us else {}
        self._drop()
        if not self.sending:
            self._free()

    def _drop(self) -> None:
        if self._held:
            self._held.receivers.remove(self)
            self._held = None

    def _free(self) -> None:
        """Listening begins (again): what is still in its preamble may be found."""
        self._epoch += 1
        now_us = self.channel.events.now_us
        self._since_us = now_us
        if self._turn_us:  # where in its turn it begins is chance
            self._since_us -= self._random.randrange(self._turn_us)
        if self._configs:
            for packet in self.channel.on_air():
                if packet.preamble_end_us > now_us and packet.antenna is not self.antenna:
                    self.offered(packet)

    def send(
        self, data: bytes, khz: int, bandwidth_khz: int, spreading_factor: int, power_dbm: float, preamble: int
    ) -> int:
        """Begin to send, whatever is being heard; returns when it will end, us; then listens as before.

        Raises RuntimeError while it sends already.
        """
        if self.sending:
            raise RuntimeError("one packet at a time")
        self._drop()
        self._epoch += 1
        self.sending = True
        config = Config(khz, bandwidth_khz, spreading_factor)
        packet = self.channel.send(self.antenna, data, config, power_dbm, preamble)
        self.channel.events.at(packet.end_us, self._sent, packet.end_us)
        return packet.end_us

    def _sent(self, end_us: int) -> None:
        self.sending = False
        self._free()
        self.on_sent(end_us)

    def cad(self, khz: int, bandwidth_khz: int, spreading_factor: int, done: Callable[[bool], object]) -> None:
        """One channel activity detection; `done(found)` when it is over."""
        config = Config(khz, bandwidth_khz, spreading_factor)
        end_us = self.channel.events.now_us + round(CAD_SYMBOLS * config.symbol_us)
        self.channel.events.at(end_us, lambda: done(self.channel.preamble_here(self.antenna, config)))

    def offered(self, packet: Transmission) -> None:
        """See channel.Receiver."""
        if self.sending or packet.config not in self._configs:
            return
        if self._held:
            self._offered_more(packet, self._held)
            return
        now_us, symbol_us = self.channel.events.now_us, packet.config.symbol_us
        if self._turn_us:
            visited_us = self._since_us + self._visits[packet.config]
            visited_us += -((visited_us - now_us) // self._turn_us) * self._turn_us  # the first from now on
            found_us = visited_us + round(CAD_SYMBOLS * symbol_us)
            fits = found_us + LOCK_SYMBOLS * symbol_us <= packet.preamble_end_us
        else:
            found_us = now_us + round(LOCK_SYMBOLS * symbol_us)
            fits = found_us <= packet.preamble_end_us
        if fits:
            self.channel.events.at(found_us, self._found, packet, self._epoch)
        else:
            self.missed += 1

    def _offered_more(self, packet: Transmission, held: Transmission) -> None:
        """A stronger preamble takes the receiver away from one that is not over yet."""
        now_us, channel = self.channel.events.now_us, self.channel
        if packet.config != held.config or now_us >= held.preamble_end_us:
            self.missed += 1
        elif self._strength_dbm(packet) >= self._strength_dbm(held) + channel.capture_db:
            found_us = now_us + round(LOCK_SYMBOLS * packet.config.symbol_us)
            channel.events.at(found_us, self._stolen, packet, held)

    def _strength_dbm(self, packet: Transmission) -> float:
        return self.channel.received_dbm(packet, self.antenna)

    def _stolen(self, packet: Transmission, held: Transmission) -> None:
        if self._held is held and self.channel.detectable(packet, self.antenna):
            self._drop()
            self._lock(packet)

    def _found(self, packet: Transmission, epoch: int) -> None:
        if epoch != self._epoch or self._held:
            self.missed += epoch == self._epoch
            return
        if self.channel.detectable(packet, self.antenna):
            self._lock(packet)

    def _lock(self, packet: Transmission) -> None:
        self._held = packet
        packet.receivers.append(self)
        self.on_locked()

    def ended(self, packet: Transmission, heard: Heard) -> None:
        """See channel.Receiver."""
        self._held = None
        self._free()
        self.on_heard(heard)


class Concentrator:
    """A receiver with a demodulator for every packet, as LoRaSim's: hears all configs at once, is never busy."""

    def __init__(self, channel: Channel, antenna: Antenna, on_heard: Callable[[Heard], object]) -> None:
        self.antenna = antenna
        self._channel = channel
        self._on_heard = on_heard
        channel.join(self)

    def offered(self, packet: Transmission) -> None:
        """See channel.Receiver."""
        if self._channel.detectable(packet, self.antenna):
            packet.receivers.append(self)

    def ended(self, packet: Transmission, heard: Heard) -> None:
        """See channel.Receiver."""
        self._on_heard(heard)


def _visits(configs: tuple[Config, ...], turn_us: int) -> dict[Config, int]:
    """Each config's detection takes its symbols; what is left of a turn is shared evenly."""
    listening = [CAD_SYMBOLS * config.symbol_us for config in configs]
    pause = max(0.0, turn_us - sum(listening)) / len(configs)
    starts: dict[Config, int] = {}
    at = 0.0
    for config, listens in zip(configs, listening, strict=True):
        starts[config] = round(at)
        at += listens + pause
    return starts


def _nothing(*_: object) -> None:
    pass
