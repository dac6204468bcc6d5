"""A node on this machine: MicroPython's unix port, metering a replayed home (simulated). Literals only."""

NAME = "unix, replayed home (simulated)"
MCU = "unix"
LINK = {"driver": "fd"}  # unit.json says which
BUTTON = None
LED = None
WATCHDOG_MS = None

SAMPLE_RATE_HZ = 1600
NOMINAL_FREQUENCY_HZ = 50
NOMINAL_VOLTAGE_MV = 230_000

# Full scale 400 V and 64 A (peak) in 32768 counts.
CHANNELS = [
    {
        "name": "grid",
        "voltage_nv_per_count": 12_207_031,
        "current_na_per_count": 1_953_125,
        "clip_counts": 32767,
    },
    {
        "name": "water heater",
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
        "safe": "open",
        "interlock": None,  # name of an interlock group: of its members one at most is closed
    },
]

# The profile, speed and start hour are given when the node is started.
METER = {"driver": "replay", "heater_contactor": "water heater", "heater_power_mw": 2_000_000}
