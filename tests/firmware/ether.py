"""A small air for tests of the link: who hears whom and how well, collisions, half duplex, seeded losses."""

from gridnode.link.airtime import airtime_us
from gridnode.link.lora import NEVER, LoraLink
from gridnode.link.mesh import limit_qdb
from gridnode.link.regions import EU868, Plan

NOTICE_MS = 30  # until a listener notices that somebody sends


class Chance:
    """Bits that look random and are the same on every interpreter."""

    def __init__(self, seed):
        self._state = seed * 2654435761 % (1 << 31) | 1

    def bits(self, count):
        for _ in range(2):
            self._state = self._state * 1103515245 % (1 << 31) + 12345
        return (self._state >> 1) % (1 << count)


class Radio:
    """One station's, as a driver gives it."""

    def __init__(self, ether, name):
        self._ether = ether
        self.name = name
        self.fault = ""
        self.jam = False
        self.sent_ms = self.until_ms = 0
        self.came = []
        self.scan = None
        self.sent = []  # (start_ms, us, khz, sf, power_dbm, bytes)

    def listen(self, scan):
        self.scan = scan

    @property
    def busy(self):
        return self.jam or self._ether.now_ms < self.until_ms or self._ether.audible(self.name)

    def send(self, data, length, khz, bandwidth_khz, sf, power_dbm, preamble):
        us = airtime_us(length, sf, bandwidth_khz, preamble)
        now_ms = self._ether.now_ms
        self.until_ms = self.sent_ms = now_ms + us // 1000 + 1
        self.sent.append((now_ms, us, khz, sf, power_dbm, bytes(data[:length])))
        self._ether.begin(self.name, now_ms, self.until_ms, bytes(data[:length]), khz, sf, power_dbm)

    def poll(self, now_ms):
        return self.came.pop(0) if self.came else None


class Ether:
    """Stations by name; `hears[a, b]`: SNR in quarters of a dB at 20 dBm, both ways."""

    def __init__(self, seed=1, loss_percent=0):
        self.now_ms = 100_000
        self.chance = Chance(seed)
        self.loss_percent = loss_percent
        self.hears = {}
        self.radios = {}
        self.links = {}
        self.got = {}  # name -> what its link has given
        self._on_air = []

    def join(self, name, snr, region=EU868, address=None, **plan):
        """A station that hears those in `snr` (name -> quarters of a dB); "gateway" is one."""
        radio = self.radios[name] = Radio(self, name)
        for other, quarters in snr.items():
            self.hears[name, other] = self.hears[other, name] = quarters
        gateway = name == "gateway"
        address = 0 if gateway else address or 0x4100 + len(self.radios)
        link = LoraLink(radio, Plan(region, **plan), address, self.chance.bits, gateway, self.now_ms)
        link.address = address
        self.links[name] = link
        self.got[name] = []
        return link

    def leave(self, name):
        del self.links[name]

    def audible(self, name):
        return any(
            (name, sender) in self.hears and start + NOTICE_MS <= self.now_ms < end
            for sender, start, end, _, _, _, _ in self._on_air
        )

    def begin(self, sender, start, end, data, khz, sf, power_dbm):
        self._on_air.append((sender, start, end, data, khz, sf, power_dbm))

    def inject(self, sender, data, sf=10, power_dbm=20):
        """A stranger sends."""
        end = self.now_ms + airtime_us(len(data), sf, 125, 16) // 1000
        self.begin(sender, self.now_ms, end, data, 869525, sf, power_dbm)

    def run(self, seconds):
        end_ms = self.now_ms + int(seconds * 1000)
        self._step()
        while True:
            next_ms = min([end_ms] + [sending[2] for sending in self._on_air if sending[2] > self.now_ms])
            for link in self.links.values():
                if link.wake_ms < NEVER:
                    next_ms = min(next_ms, max(link.wake_ms, self.now_ms + 1))
            self.now_ms = next_ms
            self._arrive()
            self._step()
            if self.now_ms >= end_ms:
                return

    def _step(self):
        for name, link in self.links.items():
            link.flush(self.now_ms)
            self.got[name] += link.receive(self.now_ms)

    def _arrive(self):
        ended = [sending for sending in self._on_air if sending[2] == self.now_ms]
        for sending in ended:
            for name in self.links:
                self._deliver(name, sending)
        self._on_air = [sending for sending in self._on_air if sending[2] > self.now_ms - 5_000]

    def _deliver(self, name, sending):
        sender, start, end, data, khz, sf, power_dbm = sending
        if (name, sender) not in self.hears or self.radios[name].jam:
            return
        snr = self.hears[name, sender] + 4 * (power_dbm - 20)
        if snr < limit_qdb(sf) or self.chance.bits(20) % 100 < self.loss_percent:
            return
        for other in self._on_air:
            overlaps = other is not sending and other[1] < end and start < other[2]
            if overlaps and (other[0] == name or (other[5] == sf and (name, other[0]) in self.hears)):
                return
        self.radios[name].came.append((data, -110 + snr // 4, min(snr, 40), sf, khz, end))


def chain(count, seed=1, loss_percent=0, snr=-20):
    """A gateway and nodes "1" .. "count" in a row: each hears only the one before and the one behind."""
    ether = Ether(seed, loss_percent)
    ether.join("gateway", {})
    for index in range(1, count + 1):
        ether.join(str(index), {str(index - 1) if index > 1 else "gateway": snr})
    return ether
