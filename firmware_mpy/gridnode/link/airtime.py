"""Time on air, and the ledger of it: nothing may be sent that would break the region's hour.

Each band has a purse of airtime. It holds at most an eighth of what the law gives for an hour (less two seconds' worth,
for radios that begin late), and is filled at seven eighths of the lawful rate: in any hour at most 1/8 + 7/8 of the law
can be spent. It is empty at a boot. So an hour with any number of boots in it holds no more either: what went before
a boot and what comes after it are both under that sum, and nothing need be remembered over a power cut.
"""

from array import array

URGENT, OWN, RELAY = 0, 1, 2  # for whom: only urgent ones take the last sixteenth; relays have half of all
HOUR_MS = 3_600_000
SLICES = 12  # of an hour, for the figures only
SLICE_MS = HOUR_MS // SLICES
FREE = 1_000_000  # ppm: no duty limit


def symbol_us(sf: int, bandwidth_khz: int) -> int:
    """One symbol: 2^sf chips."""
    return (1000 << sf) // bandwidth_khz


def airtime_us(length: int, sf: int, bandwidth_khz: int, preamble: int = 8, cr: int = 1) -> int:
    """Time on air of `length` bytes, explicit header, CRC on, coding rate 4/(4+cr) (Semtech AN1200.13, 4).

    `preamble` in symbols; low data rate optimisation where a symbol lasts 16 ms or more.
    """
    symbol = symbol_us(sf, bandwidth_khz)
    bits = 8 * length - 4 * sf + 44
    per_block = 4 * (sf - 2 if symbol >= 16_000 else sf)
    symbols = 8 + (-(-bits // per_block) * (cr + 4) if bits > 0 else 0)
    return (4 * (preamble + symbols) + 17) * (symbol // 4)


class Ledger:
    """The airtime of one radio under `plan`, band by band, from the boot at `now_ms` on."""

    def __init__(self, plan, now_ms: int):
        self._plan = plan
        self._purses = {}
        for khz in plan.channels:
            index = plan.band(khz)
            if index not in self._purses:
                self._purses[index] = _Purse(plan.bands[index][2], now_ms)

    def refusal(self, khz: int, bandwidth_khz: int, us: int, power_dbm: int) -> str:
        """Why the region never lets this be sent; "" when it does."""
        plan = self._plan
        index = plan.band(khz)
        if index not in self._purses or bandwidth_khz != plan.bandwidth_khz:
            return "no channel of %d kHz, %d kHz wide" % (khz, bandwidth_khz)
        if plan.dwell_ms and us > 1000 * plan.dwell_ms:
            return "%d ms on air, above the dwell of %d ms" % (us // 1000, plan.dwell_ms)
        if power_dbm > plan.limit_dbm(khz):
            return "%d dBm, above the %d dBm of this band and antenna" % (power_dbm, plan.limit_dbm(khz))
        if us > self._purses[index].most_us:
            return "%d ms on air, above what this band gives at a time" % (us // 1000)
        return ""

    def may(self, now_ms: int, khz: int, us: int, rank: int) -> int:
        """Milliseconds until `us` of airtime may begin for `rank`; 0: now. It must be a packet that is not refused."""
        return self._purses[self._plan.band(khz)].wait_ms(now_ms, us, rank)

    def spend(self, now_ms: int, khz: int, us: int, rank: int):
        """Book a packet that is sent now. Raises ValueError when it may not be."""
        purse = self._purses[self._plan.band(khz)]
        if purse.wait_ms(now_ms, us, rank):
            raise ValueError("no airtime left")
        purse.spend(now_ms, us, rank)

    def figures(self, now_ms: int) -> list:
        """For each band in use: lowest and highest kHz; ppm spent of the last hour; ppm the law gives; ms until a
        packet of 51 bytes at the slowest rate may be sent."""
        plan = self._plan
        sf = plan.spreading_factors[-1]
        us = airtime_us(51, sf, plan.bandwidth_khz, plan.preamble(sf))
        rows = []
        for index, purse in self._purses.items():
            low, high, ppm, _ = plan.bands[index]
            rows.append((low, high, purse.spent_ppm(now_ms), ppm, purse.wait_ms(now_ms, min(us, purse.most_us), OWN)))
        return rows


class _Purse:
    """What one band has left, in microseconds."""

    def __init__(self, duty_ppm: int, now_ms: int):
        self._ppm = FREE if duty_ppm == FREE else duty_ppm * 7 // 8
        self.most_us = duty_ppm * (HOUR_MS // 8000 - 2)
        self._reserve_us = self.most_us // 16
        self._left_us = self._relay_us = self.most_us if duty_ppm == FREE else 0
        self._filled_ms = now_ms
        self._spent_ms = array("I", [0] * SLICES)
        self._slice = now_ms // SLICE_MS

    def _fill(self, now_ms: int):
        past_ms = now_ms - self._filled_ms
        self._left_us = min(self.most_us, self._left_us + past_ms * self._ppm // 1000)
        self._relay_us = min(self.most_us // 2, self._relay_us + past_ms * self._ppm // 2000)
        self._filled_ms = now_ms

    def wait_ms(self, now_ms: int, us: int, rank: int) -> int:
        self._fill(now_ms)
        short_us = us - self._left_us
        if rank != URGENT:
            short_us = min(us + self._reserve_us, self.most_us) - self._left_us
        if rank == RELAY:
            short_us = max(short_us, 2 * (min(us, self.most_us // 2) - self._relay_us))
        return 0 if short_us <= 0 else short_us * 1000 // self._ppm + 1

    def spend(self, now_ms: int, us: int, rank: int):
        self._left_us -= us
        if rank == RELAY:
            self._relay_us -= us
        self._turn(now_ms)
        self._spent_ms[self._slice % SLICES] += us // 1000 + 1

    def _turn(self, now_ms: int):
        # Empties the slices that are an hour old.
        now = now_ms // SLICE_MS
        for gone in range(max(self._slice + 1, now - SLICES + 1), now + 1):
            self._spent_ms[gone % SLICES] = 0
        self._slice = now

    def spent_ppm(self, now_ms: int) -> int:
        self._turn(now_ms)
        return sum(self._spent_ms) * 1000 // (HOUR_MS // 1000)
