"""The node on a Raspberry Pi itself, under CPython, on a 12 V battery: relays, an INA226. Literals only."""

NAME = "Raspberry Pi GPIO"
MCU = "linux"

LINK = {"driver": "pty"}  # unit.json says where: link_path

# The shunt drops 40 mV at 20 A; the chip measures up to 81.9 mV. Bus 1 is GPIO2 and GPIO3.
METER = {"driver": "ina226", "bus": 1, "address": 0x40, "shunt_uohm": 2000, "largest_ma": 20_000}

CHANNELS = [{"name": "battery"}]  # current out of the battery is import

CONTACTORS = [
    {
        "name": "pump",
        "driver": "gpiod",
        "chip": "/dev/gpiochip0",
        "pin": 17,
        "closed_level": 1,  # of the line; the other level is the safe one, and the relay's own resistor pulls there
        "feedback_pin": 23,  # an auxiliary contact; None: there is none
        "feedback_closed_level": 0,
        "min_on_s": 3,
        "min_off_s": 3,
        "max_hold_s": 900,
        "safe": "open",
        "interlock": "one at a time",  # name of an interlock group: of its members one at most is closed
    },
    {
        "name": "fridge",
        "driver": "gpiod",
        "chip": "/dev/gpiochip0",
        "pin": 27,
        "closed_level": 1,
        "feedback_pin": 24,
        "feedback_closed_level": 0,
        "min_on_s": 3,
        "min_off_s": 3,
        "max_hold_s": 900,
        "safe": "open",
        "interlock": "one at a time",
    },
]

BUTTON = None
LED = None
WATCHDOG_MS = None  # the system's service manager restarts the program
