"""A home on this machine: MicroPython's unix port, metering a simulated home with a battery. Literals only."""

NAME = "unix, simulated, whole windows"
MCU = "unix"
LINK = {"driver": "fd"}  # unit.json says which
BUTTON = None
LED = None
WATCHDOG_MS = None
POWER_FAIL = None  # no pin tells that the supply is going

NOMINAL_FREQUENCY_HZ = 50
NOMINAL_VOLTAGE_MV = 230_000

# All + into the home: the sun's power and what is sold are negative.
CHANNELS = [
    {"name": "grid", "load": False},
    {"name": "solar", "load": False},
    {"name": "battery", "load": False},
]

# The inverter's dry contacts: the first that is closed decides; none: it keeps the home's own balance.
CONTACTORS = [
    {
        "name": "battery charge",
        "driver": "simulated",
        "min_on_s": 1,
        "min_off_s": 1,
        "max_hold_s": 20,  # real: 20 minutes of the grid at 60 times its speed
        "feedback_ms": 200,  # the auxiliary contact must agree after so long
        "retry_after_s": 60,  # after a trip, while the lease still runs
        "retries": 3,  # within retry_window_s; one trip more locks out
        "retry_window_s": 3600,
        "protection": None,
        "safe": "open",
        "interlock": "charge or discharge",  # of a group's members one at most is closed
    },
    {
        "name": "battery discharge",
        "driver": "simulated",
        "min_on_s": 1,
        "min_off_s": 1,
        "max_hold_s": 20,
        "feedback_ms": 200,
        "retry_after_s": 60,
        "retries": 3,
        "retry_window_s": 3600,
        "protection": None,
        "safe": "open",
        "interlock": "charge or discharge",
    },
    {
        "name": "battery hold",
        "driver": "simulated",
        "min_on_s": 1,
        "min_off_s": 1,
        "max_hold_s": 20,
        "feedback_ms": 200,
        "retry_after_s": 60,
        "retries": 3,
        "retry_window_s": 3600,
        "protection": None,
        "safe": "open",
        "interlock": None,
    },
]

# The battery is that of CityLearn's 2022 challenge. The profile, speed, and when the home began: unit.json.
METER = {
    "driver": "simulated_home",
    "charge": "battery charge",  # contactors
    "discharge": "battery discharge",
    "hold": "battery hold",
    "capacity_mwh": 6_400_000,
    "power_mw": 5_000_000,
    "efficiency_permille": 949,  # one way
}
