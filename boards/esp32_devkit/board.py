"""An ESP32 DevKitC V4 that meters one circuit with a PZEM-004T and switches two loads. Literals only."""

NAME = "ESP32 DevKitC"
MCU = "esp32"

# UART0 is the console. UART2 to the Pi, on the pins that it has by itself.
LINK = {"driver": "uart", "id": 2, "tx": 17, "rx": 16, "baud": 115200}

# The meter chip samples; the node asks it once a second.
METER = {"driver": "pzem004t", "uart": 1, "tx": 26, "rx": 25, "address": 1}

CHANNELS = [{"name": "grid", "load": False}]

CONTACTORS = [
    {
        "name": "water heater",
        "driver": "relay",
        "pin": 32,
        "closed_level": 1,  # of the pin; the other level is the safe one, and the relay's own resistor pulls there
        "feedback_pin": 18,  # an auxiliary contact; None: there is none
        "feedback_closed_level": 0,
        "min_on_s": 3,
        "min_off_s": 3,
        "max_hold_s": 900,
        "feedback_ms": 200,  # the auxiliary contact must agree after so long
        "retry_after_s": 60,  # after a trip, while the lease still runs
        "retries": 3,  # within retry_window_s; one trip more locks out
        "retry_window_s": 3600,
        "protection": {  # None: there is none. Each limit may be None
            "channel": "grid",
            "over_current_ma": 16_000,  # inverse time, IEC 60255-151 extremely inverse: twice as much for 40 s / 3
            "time_multiplier_ms": 500,  # IEC 60255-151, extremely inverse: twice the current trips after 13 s
            "instant_ma": None,  # beyond this, after a half period
            "over_voltage_mv": 264_000,
            "under_voltage_mv": 196_000,
            "over_frequency_mhz": 51_500,
            "under_frequency_mhz": 47_500,
            "hold_off_ms": 2000,  # of voltage and frequency
            "without_meter": "stay",  # or "open": when the meter itself fails
        },
        "safe": "open",
        "interlock": "one at a time",  # name of an interlock group: of its members one at most is closed
    },
    {
        "name": "ev charger",
        "driver": "relay",
        "pin": 33,
        "closed_level": 1,
        "feedback_pin": 19,
        "feedback_closed_level": 0,
        "min_on_s": 3,
        "min_off_s": 3,
        "max_hold_s": 900,
        "feedback_ms": 200,  # the auxiliary contact must agree after so long
        "retry_after_s": 60,  # after a trip, while the lease still runs
        "retries": 3,  # within retry_window_s; one trip more locks out
        "retry_window_s": 3600,
        "protection": {  # None: there is none. Each limit may be None
            "channel": "grid",
            "over_current_ma": 32_000,  # inverse time, IEC 60255-151 extremely inverse: twice as much for 40 s / 3
            "time_multiplier_ms": 500,  # IEC 60255-151, extremely inverse: twice the current trips after 13 s
            "instant_ma": None,  # beyond this, after a half period
            "over_voltage_mv": 264_000,
            "under_voltage_mv": 196_000,
            "over_frequency_mhz": 51_500,
            "under_frequency_mhz": 47_500,
            "hold_off_ms": 2000,  # of voltage and frequency
            "without_meter": "stay",  # or "open": when the meter itself fails
        },
        "safe": "open",
        "interlock": "one at a time",
    },
]

BUTTON = {"pin": 0, "pressed_level": 0, "timeout_s": 900}  # BOOT on the board: opens all contactors
LED = {"pin": 2, "lit_level": 1}  # on most boards of other makers; Espressif's own has none
WATCHDOG_MS = 4000
POWER_FAIL = None  # no pin tells that the supply is going
