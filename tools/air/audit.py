"""Who breaks the law on the simulated air: EU868 as EN 300 220 has it, reckoned apart from the node's ledger."""

from collections import defaultdict, deque
from typing import NamedTuple

from tools.air.channel import Channel, Transmission

HOUR_US = 3_600_000_000
ERP_LESS_DBI = 2.15  # of a dipole, which ERP refers to


class Band(NamedTuple):
    """From .. to in kHz, share of any hour in which one may send, most radiated power."""

    low_khz: int
    high_khz: int
    duty: float
    erp_dbm: float


EU868 = (  # EN 300 220-2 V3.2.1, annex B: bands M, N, P of table B.1
    Band(868_000, 868_600, 0.01, 14.0),
    Band(868_700, 869_200, 0.001, 14.0),
    Band(869_400, 869_650, 0.1, 27.0),
)


class Audit:
    """Watches all that is sent; `violations` in words; `fullest`: the most of its share that anybody used in an hour.

    (Watches through channel.on_send.) Whole packets are counted in every hour that they touch.
    """

    def __init__(self, channel: Channel, bands: tuple[Band, ...] = EU868) -> None:
        self.violations: list[str] = []
        self.fullest = 0.0
        self.packets = 0
        self._bands = bands
        self._hours: dict[tuple[int, Band], deque[tuple[int, int]]] = defaultdict(deque)
        self._sums: dict[tuple[int, Band], int] = defaultdict(int)
        channel.on_send = self._sent

    def _sent(self, packet: Transmission) -> None:
        self.packets += 1
        half = packet.config.bandwidth_khz / 2
        khz = packet.config.khz
        found = [band for band in self._bands if band.low_khz <= khz - half and khz + half <= band.high_khz]
        if not found:
            self._violation(packet, f"sends at {khz} kHz, which is in no band")
            return
        band = found[0]
        if packet.power_dbm + packet.antenna.gain_dbi - ERP_LESS_DBI > band.erp_dbm + 0.01:
            self._violation(packet, f"radiates {packet.power_dbm + packet.antenna.gain_dbi - ERP_LESS_DBI:.2f} dBm")
        self._count(packet, band)

    def _count(self, packet: Transmission, band: Band) -> None:
        key = packet.antenna.index, band
        hour = self._hours[key]
        hour.append((packet.end_us, packet.end_us - packet.start_us))
        self._sums[key] += hour[-1][1]
        while hour[0][0] <= packet.end_us - HOUR_US:
            self._sums[key] -= hour.popleft()[1]
        used = self._sums[key] / (band.duty * HOUR_US)
        self.fullest = max(self.fullest, used)
        if used > 1:
            self._violation(packet, f"has sent {100 * used:.1f} % of its share of an hour at {packet.config.khz} kHz")

    def _violation(self, packet: Transmission, what: str) -> None:
        self.violations.append(f"{packet.start_us / 1e6:.1f} s: {packet.antenna.name} {what}")
