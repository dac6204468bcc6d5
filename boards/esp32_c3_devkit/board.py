"""An ESP32-C3 DevKitM-1 on a 12 V battery: a meter chip for direct current, two loads. Literals only.

The C3 has two UARTs. One is the console, one goes to the Pi; a PZEM-004T would need a third. So this board meters over
I2C, and what an INA226 meters is direct current.
"""

NAME = "ESP32-C3 DevKitM"
MCU = "esp32c3"

LINK = {"driver": "uart", "id": 1, "tx": 4, "rx": 5, "baud": 115200}

# The shunt drops 40 mV at 20 A; the chip measures up to 81.9 mV.
METER = {
    "driver": "ina226",
    "bus": 0,
    "sda": 6,
    "scl": 7,
    "address": 0x40,
    "shunt_uohm": 2000,
    "largest_ma": 20_000,
}

CHANNELS = [{"name": "battery", "load": False}]  # current out of the battery is import

CONTACTORS = [
    {
        "name": "pump",
        "driver": "relay",
        "pin": 3,
        "closed_level": 1,  # of the pin; the other level is the safe one, and the relay's own resistor pulls there
        "feedback_pin": 0,  # an auxiliary contact; None: there is none
        "feedback_closed_level": 0,
        "min_on_s": 3,
        "min_off_s": 3,
        "max_hold_s": 900,
        "feedback_ms": 200,  # the auxiliary contact must agree after so long
        "retry_after_s": 60,  # after a trip, while the lease still runs
        "retries": 3,  # within retry_window_s; one trip more locks out
        "retry_window_s": 3600,
        "protection": {  # None: there is none. Each limit may be None
            "channel": "battery",
            "over_current_ma": 15_000,  # inverse time, IEC 60255-151 extremely inverse: twice as much for 40 s / 3
            "time_multiplier_ms": 500,  # IEC 60255-151, extremely inverse: twice the current trips after 13 s
            "instant_ma": None,  # beyond this, after a half period
            "over_voltage_mv": 15_000,
            "under_voltage_mv": 10_800,
            "over_frequency_mhz": None,
            "under_frequency_mhz": None,
            "hold_off_ms": 2000,  # of voltage and frequency
            "without_meter": "stay",  # or "open": when the meter itself fails
        },
        "safe": "open",
        "interlock": "one at a time",  # name of an interlock group: of its members one at most is closed
    },
    {
        "name": "fridge",
        "driver": "relay",
        "pin": 10,
        "closed_level": 1,
        "feedback_pin": 1,
        "feedback_closed_level": 0,
        "min_on_s": 3,
        "min_off_s": 3,
        "max_hold_s": 900,
        "feedback_ms": 200,  # the auxiliary contact must agree after so long
        "retry_after_s": 60,  # after a trip, while the lease still runs
        "retries": 3,  # within retry_window_s; one trip more locks out
        "retry_window_s": 3600,
        "protection": {  # None: there is none. Each limit may be None
            "channel": "battery",
            "over_current_ma": 15_000,  # inverse time, IEC 60255-151 extremely inverse: twice as much for 40 s / 3
            "time_multiplier_ms": 500,  # IEC 60255-151, extremely inverse: twice the current trips after 13 s
            "instant_ma": None,  # beyond this, after a half period
            "over_voltage_mv": 15_000,
            "under_voltage_mv": 10_800,
            "over_frequency_mhz": None,
            "under_frequency_mhz": None,
            "hold_off_ms": 2000,  # of voltage and frequency
            "without_meter": "stay",  # or "open": when the meter itself fails
        },
        "safe": "open",
        "interlock": "one at a time",
    },
]

BUTTON = {"pin": 9, "pressed_level": 0, "timeout_s": 900}  # BOOT on the board: opens all contactors
LED = None  # the board's lamp is addressable (WS2812), not a pin's level
WATCHDOG_MS = 4000
POWER_FAIL = None  # no pin tells that the supply is going
