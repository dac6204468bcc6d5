"""A Raspberry Pi Pico W, wired as the Pico is. Its radio is not used; its LED hangs on that chip. Literals only."""

NAME = "Raspberry Pi Pico W"
MCU = "rp2040"

# To the Pi: GP0 and GP1 on its header's serial port, 3.3 V both.
LINK = {"driver": "uart", "id": 0, "tx": 0, "rx": 1, "baud": 115200}

SAMPLE_RATE_HZ = 4000  # of each input; the converter takes them in turn
NOMINAL_FREQUENCY_HZ = 50
NOMINAL_VOLTAGE_MV = 230_000

METER = {"driver": "rp2040_adc", "voltage_pin": 26}

# 12 bits over 3.3 V around 1.65 V: full scale 400 V and 64 A (peak) in 2048 counts.
CHANNELS = [
    {
        "name": "grid",
        "pin": 27,
        "voltage_nv_per_count": 195_312_500,
        "current_na_per_count": 31_250_000,
        "clip_counts": 2040,
    },
    {
        "name": "water heater",
        "pin": 28,
        "voltage_nv_per_count": 195_312_500,
        "current_na_per_count": 31_250_000,
        "clip_counts": 2040,
    },
]

CONTACTORS = [
    {
        "name": "water heater",
        "driver": "relay",
        "pin": 15,
        "closed_level": 1,
        "feedback_pin": 14,
        "feedback_closed_level": 0,
        "min_on_s": 3,
        "min_off_s": 3,
        "max_hold_s": 900,
        "safe": "open",
        "interlock": "one at a time",
    },
    {
        "name": "ev charger",
        "driver": "relay",
        "pin": 13,
        "closed_level": 1,
        "feedback_pin": 12,
        "feedback_closed_level": 0,
        "min_on_s": 3,
        "min_off_s": 3,
        "max_hold_s": 900,
        "safe": "open",
        "interlock": "one at a time",
    },
]

BUTTON = {"pin": 22, "pressed_level": 0}  # opens every contactor
LED = None  # on a pin of the radio chip: lighting it goes through the radio's driver, which the node does not load
WATCHDOG_MS = 4000
