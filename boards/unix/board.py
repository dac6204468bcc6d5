"""A node on this machine: MicroPython's unix port, metering a replayed home (simulated). Literals only."""

NAME = "unix, replayed home (simulated)"
MCU = "unix"
LINK = {"driver": "fd"}  # unit.json says which
BUTTON = None
LED = None
WATCHDOG_MS = None
POWER_FAIL = None  # no pin tells that the supply is going

SAMPLE_RATE_HZ = 1600
NOMINAL_FREQUENCY_HZ = 50
NOMINAL_VOLTAGE_MV = 230_000

# Full scale 400 V and 64 A (peak) in 32768 counts.
CHANNELS = [
    {
        "name": "grid",
        "load": False,  # it may export
        "voltage_nv_per_count": 12_207_031,
        "current_na_per_count": 1_953_125,
        "clip_counts": 32767,
    },
    {
        "name": "water heater",
        "load": True,  # it never exports: if it seems to, its transformer is the wrong way round
        "voltage_nv_per_count": 12_207_031,
        "current_na_per_count": 1_953_125,
        "clip_counts": 32767,
    },
]

CONTACTORS = [
    {
        "name": "water heater",
        "driver": "simulated",
        "min_on_s": 3,
        "min_off_s": 3,
        "max_hold_s": 900,
        "feedback_ms": 200,  # the auxiliary contact must agree after so long
        "retry_after_s": 60,  # after a trip, while the lease still runs
        "retries": 3,  # within retry_window_s; one trip more locks out
        "retry_window_s": 3600,
        "protection": {  # None: there is none. Each limit may be None
            "channel": "water heater",
            "over_current_ma": 16_000,
            "time_multiplier_ms": 50,  # IEC 60255-151, extremely inverse: twice the current trips after 1.3 s
            "instant_ma": 40_000,  # beyond this, after a half period
            "over_voltage_mv": 264_000,
            "under_voltage_mv": 196_000,
            "over_frequency_mhz": 51_500,
            "under_frequency_mhz": 47_500,
            "hold_off_ms": 500,  # of voltage and frequency
            "without_meter": "stay",  # or "open": when the meter itself fails
        },
        "safe": "open",
        "interlock": None,  # name of an interlock group: of its members one at most is closed
    },
]

# The profile, speed and start hour are given when the node is started.
METER = {"driver": "replay", "heater_contactor": "water heater", "heater_power_mw": 2_000_000}
