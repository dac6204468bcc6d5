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

CHANNELS = [{"name": "battery"}]  # current out of the battery is import

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
        "safe": "open",
        "interlock": "one at a time",
    },
]

BUTTON = {"pin": 9, "pressed_level": 0}  # BOOT on the board: opens every contactor while the node runs
LED = None  # the board's lamp is addressable (WS2812), not a pin's level
WATCHDOG_MS = 4000
