"""A home of a recording with a battery behind its meter (both simulated), faster than time: whole windows, no samples.

A day may pass in minutes, so there is no wave to sample: each window's figures are worked out from the recording and
the battery, and delivered as a meter chip's are. Everything behind the windows is the product itself.

Node time is real; the home lives `speed` times faster. Its power in W is the true one, so what a register counts in a
real hour is what flowed, divided by `speed`. As a real home it goes on while its node is off, and its battery keeps
its content, in a file.
"""

import time

from gridnode.drivers.home_profile import HomeProfile

WINDOW_MS = 1000  # of node time; one that a contactor has cut short is told as it is
LINE_MOHM = 250  # from the feeder to the home: what it draws lowers its voltage
MOST_MISSED_MS = 14 * 86_400_000  # of the home's time: what an absence longer than this did is not worked out
CHARGE, DISCHARGE, HOLD, SELF = 3, 2, 1, 0  # what the contactors have the inverter do, the first that is closed
_KEPT = "%020d %020d\n"  # content in mW ms, home's age in ms (real)


class Battery:
    """Takes in and gives `power_mw` at most, holds `capacity_mwh`; loses the same part each way. Integers throughout.

    content: mW ms of the home's time; rounded down at each step, so that no energy comes from nowhere.
    """

    def __init__(self, capacity_mwh: int, power_mw: int, efficiency_permille: int, content: int = 0):
        self._capacity = capacity_mwh * 3_600_000
        self._power_mw = power_mw
        self._efficiency = efficiency_permille
        self.content = max(0, min(content, self._capacity))

    def step(self, wanted_mw: int, home_ms: int) -> int:
        """Charge with `wanted_mw` (below 0: discharge) for `home_ms`, as far as it can; the power at its terminals."""
        wanted_mw = max(-self._power_mw, min(wanted_mw, self._power_mw))
        if wanted_mw >= 0:
            power_mw = min(wanted_mw, (self._capacity - self.content) * 1000 // (self._efficiency * home_ms))
            self.content += power_mw * home_ms * self._efficiency // 1000
            return power_mw
        power_mw = min(-wanted_mw, self.content * self._efficiency // (1000 * home_ms))
        self.content -= -(-power_mw * home_ms * 1000 // self._efficiency)
        return -power_mw


def wanted_mw(order: int, surplus_mw: int, rated_mw: int) -> int:
    """What the inverter would do: charge or discharge at its rating; hold: only take surplus; self: give too."""
    if order == CHARGE:
        return rated_mw
    if order == DISCHARGE:
        return -rated_mw
    return max(0, surplus_mw) if order == HOLD else surplus_mw


def age_ms(began_unix_ms: int) -> int:
    """How old a home is that began at `began_unix_ms`, by this machine's clock. Raises ValueError before that."""
    now_ms = time.time_ns() // 1_000_000
    if now_ms < began_unix_ms:
        raise ValueError("simulated home: began_unix_ms in unit.json lies %d ms ahead" % (began_unix_ms - now_ms))
    return now_ms - began_unix_ms


class SimulatedHome:
    """Feeds three channels (metering.Channel with a ChipWindow): grid = solar + battery + load, all + into the home.

    So generation is negative, and counts as the solar channel's export; charging is the battery's import.
    profile_path: see home_profile. contacts: the coils for charging, discharging, holding; `closed` says how each is.
    rating: (capacity_mwh, power_mw, efficiency_permille). kept_path: where the battery keeps its content.
    speed: seconds of the home in one; start_hour: of the profile, when the home's age was 0. age_ms: the home's, at
    `now_us` of node time. Raises ValueError when the profile or what was kept is none.
    """

    def __init__(
        self,
        profile_path: str,
        channels: list,
        contacts: list,
        rating: tuple,
        kept_path: str,
        speed: int,
        start_hour: int,
        age_ms: int,
        now_us: int,
        nominal_mv: int = 230_000,
        frequency_mhz: int = 50_000,
    ):
        self.fault = ""  # nothing ails a simulation
        self._profile = HomeProfile(profile_path)
        self._channels = channels
        self._contacts = contacts
        self._rated_mw = rating[1]
        self._speed = speed
        self._start_ms = start_hour * 3_600_000
        self._nominal_mv, self._frequency_mhz = nominal_mv, frequency_mhz
        content, kept_ms = _read(kept_path)
        self.battery = Battery(rating[0], rating[1], rating[2], content)
        mode = "wb" if kept_ms is None else "r+b"  # never empty in between
        self._file = open(kept_path, mode, buffering=0)  # noqa: SIM115 (kept open: it is written each second)
        self._age_less_node_ms = age_ms - now_us // 1000
        self._at_ms = age_ms  # of the home's age: where the windows are
        self._miss(kept_ms, age_ms)
        self._keep()
        self._order = self._ordered()
        for channel in channels:
            channel.begin(now_us // 1000 * 1000)

    def pump(self, now_us: int):
        """Deliver the windows that have ended. One ends each second of the home's age, and when a contactor moves."""
        now_ms = now_us // 1000 + self._age_less_node_ms
        due_ms = self._at_ms - self._at_ms % WINDOW_MS + WINDOW_MS
        while due_ms <= now_ms:
            self._window(due_ms)
            self._keep()
            due_ms += WINDOW_MS
        order = self._ordered()
        if order != self._order:
            if now_ms > self._at_ms:
                self._window(now_ms)
            self._order = order

    def _ordered(self) -> int:
        charge, discharge, hold = self._contacts
        return CHARGE if charge.closed else DISCHARGE if discharge.closed else HOLD if hold.closed else SELF

    def _window(self, end_ms: int):
        """Live until `end_ms` of the home's age, and tell each channel how it was."""
        duration_ms = end_ms - self._at_ms
        solar_mw, battery_mw, load_mw = self._live(self._at_ms, duration_ms, self._order)
        self._at_ms = end_ms
        grid_mw = load_mw + solar_mw + battery_mw
        voltage_mv = self._nominal_mv - grid_mw * LINE_MOHM // self._nominal_mv
        for channel, power_mw in zip(self._channels, (grid_mw, solar_mw, battery_mw)):
            current_ma = abs(power_mw) * 1000 // voltage_mv
            channel.window.measured(duration_ms, voltage_mv, current_ma, power_mw, self._frequency_mhz)
            channel.count()

    def _live(self, begin_ms: int, duration_ms: int, order: int) -> tuple:
        """(solar, battery, load) in mW, the recording's at the middle: it is linear between its hours."""
        profile = self._profile
        profile.look((self._start_ms * 2 + (2 * begin_ms + duration_ms) * self._speed) * 500)
        wanted = wanted_mw(order, profile.pv_mw - profile.load_mw, self._rated_mw)
        return -profile.pv_mw, self.battery.step(wanted, duration_ms * self._speed), profile.load_mw

    def _miss(self, kept_ms: int, age_ms: int):
        """The node was off: its contacts were open, and the inverter did as it does alone. Nothing was metered."""
        at_ms = max(kept_ms, age_ms - MOST_MISSED_MS // self._speed) if kept_ms is not None else age_ms
        while at_ms < age_ms:
            duration_ms = min(WINDOW_MS - at_ms % WINDOW_MS, age_ms - at_ms)
            self._live(at_ms, duration_ms, SELF)
            at_ms += duration_ms

    def _keep(self):
        self._file.seek(0)
        self._file.write((_KEPT % (self.battery.content, self._at_ms)).encode())  # one write: a kill does not tear it

    def close(self):
        """Close the files."""
        self._profile.close()
        self._file.close()


def _read(path: str) -> tuple:
    """(content, age_ms) as kept; (0, None) where nothing was. Raises ValueError when it is something else."""
    try:
        with open(path, "rb") as file:
            content, age = file.read().split()
            return int(content), int(age)
    except OSError:
        return 0, None
    except ValueError:
        raise ValueError("%s: no battery's content; delete it, and the battery begins empty" % path)
