"""What the law lets a radio do, region by region, and the plan a network makes of it. Literals; nothing is sent here.

Sources: EU868: ERC/REC 70-03 annex 1 (h1.4 868.0-868.6, h1.5 868.7-869.2, h1.6 869.4-869.65 MHz) and EN 300 220-2;
limits are effective radiated power (a half-wave dipole's, 2.15 dB below isotropic). US915: FCC 47 CFR 15.247(a)(2)
(digital modulation, at least 500 kHz wide), (b)(3) and (4) (1 W at the antenna's foot, less what the antenna gains
above 6 dBi); the 400 ms of (a)(1)(i) are kept too, so that a hopping plan may be made of the same packets.
"""

from gridnode.link.airtime import symbol_us

# bands: (lowest kHz, highest kHz, duty in ppm of any hour, tenths of a dBm)
EU868 = {
    "bands": ((868000, 868600, 10_000, 139), (868700, 869200, 1_000, 139), (869400, 869650, 100_000, 269)),
    "radiated": True,  # the limits are of what the antenna radiates
    "channels": (869525,),
    "bandwidth_khz": 125,
    "dwell_ms": 0,
}
US915 = {
    "bands": ((902000, 928000, 1_000_000, 300),),
    "radiated": False,
    "channels": (903000,),
    "bandwidth_khz": 500,
    "dwell_ms": 400,
}
REGIONS = {"EU868": EU868, "US915": US915}
DIPOLE = 21  # tenths of a dB over isotropic, rounded against us
FREE_GAIN = 60  # FCC 15.247(b)(4): tenths of a dBi
LOOK_MS = 7  # between two turns of a main loop


class Plan:
    """Channels and spreading factors of one network: all its stations need the same.

    `channels`: kHz, home first; `spreading_factors`: fastest first; `antenna_dbi`: gain of antenna less cable;
    `power_dbm`: the most this radio may give at its pin. Raises ValueError.
    """

    def __init__(self, region, antenna_dbi=0, power_dbm=20, channels=None, spreading_factors=None):
        self.bands = region["bands"]
        self.dwell_ms = region["dwell_ms"]
        self.bandwidth_khz = region["bandwidth_khz"]
        self.channels = tuple(channels or region["channels"])
        self.spreading_factors = tuple(spreading_factors or (7, 8, 9, 10))
        factors = self.spreading_factors
        if sorted(factors) != list(factors) or factors[0] < 7 or factors[-1] > 12:
            raise ValueError("spreading factors: 7 to 12, fastest first")
        self.scan = tuple([(khz, self.bandwidth_khz, sf) for khz in self.channels for sf in factors])
        self.turn_ms = 0
        if len(self.scan) > 1:  # two symbols tell whether there is a preamble
            looks = [2 * symbol_us(sf, bandwidth) + 1000 * LOOK_MS for _, bandwidth, sf in self.scan]
            self.turn_ms = sum(looks) // 1000 + LOOK_MS
        gain = -(-round(antenna_dbi * 100) // 10)
        lost = gain - DIPOLE if region["radiated"] else max(0, gain - FREE_GAIN)
        self._power = [min(power_dbm, (band[3] - lost) // 10) for band in self.bands]
        for khz in self.channels:
            if self.band(khz) < 0:
                raise ValueError("channel %d kHz is in no band of this region" % khz)

    def band(self, khz: int) -> int:
        """Which band a channel lies in with its whole width; -1: none."""
        half = self.bandwidth_khz // 2 + 1
        for index, (low, high, _, _) in enumerate(self.bands):
            if low <= khz - half and khz + half <= high:
                return index
        return -1

    def limit_dbm(self, khz: int) -> int:
        """The most at the radio's pin."""
        return self._power[self.band(khz)]

    def preamble(self, sf: int) -> int:
        """Symbols: a listener that goes around the scan comes by, looks for two, locks in five, and one for luck."""
        if not self.turn_ms:
            return 8
        return -(-1000 * self.turn_ms // symbol_us(sf, self.bandwidth_khz)) + 8
