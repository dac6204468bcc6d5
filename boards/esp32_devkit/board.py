"""An ESP32 DevKitC V4 that meters one circuit with a PZEM-004T and switches two loads. Literals only."""

NAME = "ESP32 DevKitC"
MCU = "esp32"

# UART0 is the console. UART2 to the Pi, on the pins that it has by itself.
LINK = {"driver": "uart", "id": 2, "tx": 17, "rx": 16, "baud": 115200}

# The meter chip samples; the node asks it once a second.
METER = {"driver": "pzem004t", "uart": 1, "tx": 26, "rx": 25, "address": 1}

CHANNELS = [{"name": "grid"}]

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
        "safe": "open",
        "interlock": "one at a time",
    },
]

BUTTON = {"pin": 0, "pressed_level": 0}  # BOOT on the board: opens every contactor while the node runs
LED = {"pin": 2, "lit_level": 1}  # on most boards of other makers; Espressif's own has none
WATCHDOG_MS = 4000
