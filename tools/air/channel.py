"""The air between LoRa antennas: who hears which packet, in virtual time, the same for the same seed.

What is modelled, from which source, and what is not: README.md.
"""

import hashlib
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tools.air.airtime import SYNC_SYMBOLS, airtime_ms, symbol_ms
from tools.air.events import Events
from tools.air.propagation import PLACES, SNR_LIMIT_DB, noise_dbm, path_loss_db, rejection_db

LOCK_SYMBOLS = 5  # of the preamble a receiver must hear (Bor et al. 2016)
CAD_SYMBOLS = 2  # a channel activity detection listens for so long
CODING_RATE = 1  # 4/5
SNR_TOLD_DB = 12.0  # what a chip tells is never above
UNHEARD_DB = 30.0  # below noise by more than this a signal neither is heard nor disturbs


@dataclass(eq=False)
class Antenna:
    """Where somebody sends and hears. Positions in m; `sent_us`, `sent_bytes`: on the air so far."""

    index: int
    name: str
    x_m: float
    y_m: float
    height_m: float
    gain_dbi: float
    noise_figure_db: float
    sent_us: int = 0
    sent_bytes: int = 0


class Config(NamedTuple):
    """What a receiver must be set to."""

    khz: int
    bandwidth_khz: int
    spreading_factor: int

    @property
    def symbol_us(self) -> float:
        return 1000 * symbol_ms(self.spreading_factor, self.bandwidth_khz)


@dataclass(eq=False)
class Transmission:
    """One packet on the air."""

    number: int
    antenna: Antenna
    data: bytes
    config: Config
    power_dbm: float
    start_us: int
    needed_us: int  # from here on it must be heard undisturbed
    preamble_end_us: int
    end_us: int
    cr: int = CODING_RATE
    received_dbm: dict[int, float] = field(default_factory=dict)  # by antenna, with this packet's fading
    receivers: list["Receiver"] = field(default_factory=list)  # that have locked on it


@dataclass(frozen=True)
class Heard:
    """What a receiver tells of a packet; `good`: its CRC holds."""

    data: bytes
    good: bool
    rssi_dbm: int
    snr_qdb: int
    config: Config
    start_us: int
    end_us: int
    cause: str  # why it is not good: "", "collided", "noise", "lost"


class Receiver(Protocol):
    """What a channel offers packets to."""

    antenna: Antenna

    def offered(self, packet: Transmission) -> None:
        """It has begun."""

    def ended(self, packet: Transmission, heard: Heard) -> None:
        """It is over, for a receiver that had locked on it."""


@dataclass(eq=False)
class Jam:
    """Noise that somebody makes; `stop()` ends it."""

    antenna: Antenna
    khz: int
    bandwidth_khz: int
    power_dbm: float
    until_us: float = math.inf

    def stop(self) -> None:
        """From now on it is quiet."""
        self.until_us = -1


class Channel:
    """`antenna(...)` places one; receivers `join`; `send` puts a packet on the air.

    capture_db: how much stronger than each other of its spreading factor a packet must be (math.inf: no capture).
    orthogonal: other spreading factors and bandwidths do no harm, as LoRaSim has it.
    fading_db: standard deviation from packet to packet. loss: chance that a packet is lost by nothing that is modelled.
    """

    def __init__(
        self,
        events: Events,
        seed: int = 0,
        preset: str = "suburban",
        loss: float = 0.0,
        fading_db: float = 1.0,
        shadowing_db: float | None = None,
        capture_db: float = 6.0,
        orthogonal: bool = False,
    ) -> None:
        self.events = events
        self.loss = loss
        self.counts: Counter[str] = Counter()
        self.antennas: list[Antenna] = []
        self.seed = seed
        self._place = PLACES[preset]
        self._shadowing_db = self._place.shadowing_db if shadowing_db is None else shadowing_db
        self._fading_db = fading_db
        self.capture_db = capture_db
        self._orthogonal = orthogonal
        self._random = random.Random(seed)  # noqa: S311 (repeatable is what it must be)
        self._receivers: list[Receiver] = []
        self._air: list[Transmission] = []  # what is on it, and what overlapped with that
        self._jams: list[Jam] = []
        self._gains: dict[tuple[int, int], float] = {}
        self._losses: dict[tuple[int, int], float] = {}
        self._digest = hashlib.sha256()
        self.on_send: Callable[[Transmission], object] | None = None
        self.on_heard: Callable[[Transmission, Antenna, Heard], object] | None = None

    def antenna(
        self,
        name: str,
        x_m: float = 0,
        y_m: float = 0,
        height_m: float = 3,
        gain_dbi: float = 2,
        noise_figure_db: float = 6,
    ) -> Antenna:
        """A new one."""
        made = Antenna(len(self.antennas), name, x_m, y_m, height_m, gain_dbi, noise_figure_db)
        self.antennas.append(made)
        return made

    def join(self, receiver: Receiver) -> None:
        """Have it offered every packet that may be heard where it is."""
        self._receivers.append(receiver)

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """All that have joined."""
        return tuple(self._receivers)

    def leave(self, receiver: Receiver) -> None:
        """It hears no more."""
        self._receivers.remove(receiver)
        for packet in self._air:
            if receiver in packet.receivers:
                packet.receivers.remove(receiver)

    def move(self, antenna: Antenna, x_m: float, y_m: float) -> None:
        """From the next packet on it stands there; its shadowing is drawn anew, its cuts are mended."""
        antenna.x_m, antenna.y_m = x_m, y_m
        self._gains = {pair: gain for pair, gain in self._gains.items() if antenna.index not in pair}

    def cut(self, a: Antenna, b: Antenna, cut: bool = True) -> None:
        """Neither hears the other at all, until `cut` is False."""
        self._gains.pop(_pair(a, b), None)
        if cut:
            self._gains[_pair(a, b)] = -math.inf

    def loss_between(self, sender: Antenna, receiver: Antenna, loss: float) -> None:
        """As the channel's own `loss`, one way between two."""
        self._losses[sender.index, receiver.index] = loss

    def jam(self, antenna: Antenna, khz: int, bandwidth_khz: int, power_dbm: float) -> Jam:
        """Noise from there, from now on."""
        made = Jam(antenna, khz, bandwidth_khz, power_dbm)
        self._jams.append(made)
        return made

    def gain_db(self, a: Antenna, b: Antenna) -> float:
        """What arrives at b of what a sends, and the other way round: both antennas' gain less all losses."""
        pair = _pair(a, b)
        gain = self._gains.get(pair)
        if gain is None:
            distance_m = math.hypot(a.x_m - b.x_m, a.y_m - b.y_m)
            frozen = random.Random(f"{self.seed} {pair} {a.x_m + b.x_m} {a.y_m + b.y_m}")  # noqa: S311
            shadow_db = frozen.gauss(0, self._shadowing_db)
            loss_db = path_loss_db(self._place, distance_m, max(a.height_m, b.height_m)) + shadow_db
            gain = self._gains[pair] = a.gain_dbi + b.gain_dbi - loss_db
        return gain

    def mean_snr_db(self, sender: Antenna, receiver: Antenna, power_dbm: float, bandwidth_khz: int = 125) -> float:
        """Without fading, jams and others."""
        noise = noise_dbm(bandwidth_khz, receiver.noise_figure_db)
        return power_dbm + self.gain_db(sender, receiver) - noise

    def send(
        self, antenna: Antenna, data: bytes, config: Config, power_dbm: float, preamble: int = 8, cr: int = CODING_RATE
    ) -> Transmission:
        """A packet begins now. (Who has one transmitter sends one at a time: see Port.)"""
        now_us = self.events.now_us
        khz_bw_sf = config.bandwidth_khz, config.spreading_factor
        airtime_us = round(1000 * airtime_ms(len(data), khz_bw_sf[1], khz_bw_sf[0], preamble, cr))
        preamble_us = round(preamble * config.symbol_us)
        needed_us = now_us + preamble_us - min(preamble_us, round(LOCK_SYMBOLS * config.symbol_us))
        self.counts["sent"] += 1
        packet = Transmission(
            self.counts["sent"],
            antenna,
            bytes(data),
            config,
            power_dbm,
            now_us,
            needed_us,
            now_us + preamble_us,
            now_us + airtime_us,
            cr,
        )
        antenna.sent_us += airtime_us
        antenna.sent_bytes += len(data)
        if self.on_send:
            self.on_send(packet)
        self._forget(now_us)
        self._air.append(packet)
        floor_dbm = noise_dbm(config.bandwidth_khz) - UNHEARD_DB
        for receiver in self._receivers:
            other = receiver.antenna
            if other is not antenna and power_dbm + self.gain_db(antenna, other) > floor_dbm:
                receiver.offered(packet)
        self.events.at(packet.end_us, self._ended, packet)
        return packet

    def _forget(self, now_us: int) -> None:
        oldest_us = min((packet.start_us for packet in self._air if packet.end_us > now_us), default=now_us)
        self._air = [packet for packet in self._air if packet.end_us > oldest_us]

    def on_air(self) -> list[Transmission]:
        """What is being sent now."""
        now_us = self.events.now_us
        return [packet for packet in self._air if packet.start_us <= now_us < packet.end_us]

    def received_dbm(self, packet: Transmission, antenna: Antenna) -> float:
        """This packet's strength there."""
        known = packet.received_dbm.get(antenna.index)
        if known is None:
            known = packet.power_dbm + self.gain_db(packet.antenna, antenna)
            if self._fading_db:
                known += self._random.gauss(0, self._fading_db)
            packet.received_dbm[antenna.index] = known
        return known

    def noise_dbm(self, antenna: Antenna, config: Config) -> float:
        """Thermal noise and jams, now."""
        noise = noise_dbm(config.bandwidth_khz, antenna.noise_figure_db)
        jams = [jam for jam in self._jams if jam.until_us > self.events.now_us and _overlap(jam.khz, jam, config)]
        if not jams:
            return noise
        # Of a wider jam only what falls into the receiver's bandwidth.
        powers = [
            jam.power_dbm
            + self.gain_db(jam.antenna, antenna)
            - 10 * math.log10(max(1, jam.bandwidth_khz / config.bandwidth_khz))
            for jam in jams
        ]
        return 10 * math.log10(sum(10 ** (dbm / 10) for dbm in [noise, *powers]))

    def detectable(self, packet: Transmission, antenna: Antenna) -> bool:
        """Whether a receiver there can make out its preamble now."""
        received = self.received_dbm(packet, antenna)
        return received - self.noise_dbm(antenna, packet.config) >= SNR_LIMIT_DB[packet.config.spreading_factor]

    def preamble_here(self, antenna: Antenna, config: Config) -> bool:
        """What a channel activity detection that ends now finds: a preamble of this kind, as long as it listened."""
        now_us = self.events.now_us
        since_us = now_us - CAD_SYMBOLS * config.symbol_us
        return any(
            packet.config == config
            and packet.start_us <= since_us
            and now_us <= packet.preamble_end_us + SYNC_SYMBOLS * config.symbol_us
            and packet.antenna is not antenna
            and self.detectable(packet, antenna)
            for packet in self._air
        )

    def _ended(self, packet: Transmission) -> None:
        for receiver in packet.receivers:
            heard = self._judge(packet, receiver.antenna)
            self.counts[heard.cause or "heard"] += 1
            self._digest.update(b"%d %d %s;" % (packet.number, receiver.antenna.index, heard.cause.encode()))
            if self.on_heard:
                self.on_heard(packet, receiver.antenna, heard)
            receiver.ended(packet, heard)

    def _judge(self, packet: Transmission, antenna: Antenna) -> Heard:
        received = self.received_dbm(packet, antenna)
        snr_db = received - self.noise_dbm(antenna, packet.config)
        cause = ""
        if snr_db < SNR_LIMIT_DB[packet.config.spreading_factor]:
            cause = "noise"
        elif any(self._spoils(other, packet, received, antenna) for other in self._air):
            cause = "collided"
        elif self._random.random() < self._losses.get((packet.antenna.index, antenna.index), self.loss):
            cause = "lost"
        told_db = min(snr_db, SNR_TOLD_DB)
        return Heard(
            packet.data,
            not cause,
            round(received),
            round(4 * told_db),
            packet.config,
            packet.start_us,
            packet.end_us,
            cause,
        )

    def _spoils(self, other: Transmission, packet: Transmission, received: float, antenna: Antenna) -> bool:
        if other is packet or other.end_us <= packet.needed_us or other.start_us >= packet.end_us:
            return False
        if other.antenna is antenna or not _overlap(other.config.khz, other.config, packet.config):
            return False  # what an antenna sends itself is its port's matter
        factors = packet.config.spreading_factor, other.config.spreading_factor
        if self._orthogonal and packet.config[1:] != other.config[1:]:
            return False
        needed_db = self.capture_db if factors[0] == factors[1] else rejection_db(*factors)
        return received - self.received_dbm(other, antenna) < needed_db

    def log_digest(self) -> str:
        """Of who heard what so far: the same for the same seed and the same senders."""
        return self._digest.hexdigest()


class _Band(Protocol):
    @property
    def bandwidth_khz(self) -> int: ...


def _overlap(khz: int, band: _Band, config: Config) -> bool:
    return 2 * abs(khz - config.khz) < band.bandwidth_khz + config.bandwidth_khz


def _pair(a: Antenna, b: Antenna) -> tuple[int, int]:
    return (a.index, b.index) if a.index < b.index else (b.index, a.index)
