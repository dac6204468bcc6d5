"""What is wired to a Raspberry Pi that is the node itself, and what it costs. Literals only; read by tools alone."""

# ruff: noqa: E501 (PARTS is a table)

IMAGE = None  # runs on the Pi's own CPython
MPY_ARCH = None
FLASH_BYTES = None
FILESYSTEM = None
DRIVERS = []

# As seen from above, the header's first pin at the top left. numbers: row by row ("across").
HEADER = {
    "left": [
        "3V3", "GPIO2 SDA", "GPIO3 SCL", "GPIO4", "GND", "GPIO17", "GPIO27", "GPIO22", "3V3", "GPIO10",
        "GPIO9", "GPIO11", "GND", "GPIO0", "GPIO5", "GPIO6", "GPIO13", "GPIO19", "GPIO26", "GND",
    ],
    "right": [
        "5V", "5V", "GND", "GPIO14", "GPIO15", "GPIO18", "GND", "GPIO23", "GPIO24", "GND",
        "GPIO25", "GPIO8", "GPIO7", "GPIO1", "GND", "GPIO12", "GND", "GPIO16", "GPIO20", "GPIO21",
    ],
    "numbers": "across",
    "usb": None,
}  # fmt: skip
ONBOARD = {}

WIRING = [
    {
        "part": "INA226",
        "side": "left",
        "wires": {"VCC 3.3 V": "3V3", "SDA": "GPIO2 SDA", "SCL": "GPIO3 SCL", "GND": "GND"},
        "notes": ["Address 0x40. The Pi pulls SDA and SCL up."],
        "beyond": {
            "at": "12 V",
            "part": "Shunt 2 mΩ, 3 W, in +",
            "wires": ["IN+, VBUS: battery side; IN-: load side"],
            "notes": ["20 A at most, battery fuse F0 25 A", "right at its plus pole. At most 36 V."],
        },
    },
    {
        "part": "Relay module 1",
        "side": "left",
        "wires": {"IN": "GPIO17", "VCC 5 V": "5V", "GND": "GND"},
        "notes": ["Driver transistor; jumper on H: 1 closes.", "10 kΩ from IN to GND holds it open."],
        "beyond": {
            "at": "12 V",
            "part": "Relay K1, 12 V DC, 2 poles: pump",
            "wires": ["COM-NO: coil A1 to +12 V behind F1"],
            "notes": ["Diode across the coil, A2 to battery -.", "First pole: the pump, behind its fuse of 5 A."],
        },
    },
    {
        "part": "Relay module 2",
        "side": "left",
        "wires": {"IN": "GPIO27", "VCC 5 V": "5V", "GND": "GND"},
        "notes": ["Driver transistor; jumper on H: 1 closes.", "10 kΩ from IN to GND holds it open."],
        "beyond": {
            "at": "12 V",
            "part": "Relay K2, 12 V DC, 2 poles: fridge",
            "wires": ["COM-NO: coil A1 to +12 V behind F1"],
            "notes": ["Diode across the coil, A2 to battery -.", "First pole: the fridge, behind its fuse of 5 A."],
        },
    },
    {
        "part": "5 V converter",
        "side": "right",
        "wires": {},
        "notes": ["12 V to 5 V, 5 A, into the Pi's USB-C socket."],
        "beyond": {
            "at": "12 V",
            "part": "12 V battery",
            "wires": ["+ behind F1 (5 A), -"],
            "notes": ["GND of the Pi is the battery's minus."],
        },
    },
    {
        "part": "Second pole of K1",
        "side": "right",
        "wires": {"21": "GPIO23", "24": "GND"},
        "notes": ["Closed with the relay; pull-up in the chip."],
    },
    {
        "part": "Second pole of K2",
        "side": "right",
        "wires": {"21": "GPIO24", "24": "GND"},
        "notes": ["Closed with the relay; pull-up in the chip."],
    },
]

# price_eur: of one, orientation for 2026-11, retail with tax, no shop was asked. group: "node" is what the computer itself
# takes, "meter" and "switching" its parts, "installation" what is put up whatever commands it.
PARTS = [
    {"part": "Raspberry Pi 4 B, 2 GB", "count": 1, "price_eur": 50.0, "group": "node", "why": "runs the node, and the bridge if wanted"},
    {"part": "microSD card, 32 GB, for endurance", "count": 1, "price_eur": 12.0, "group": "node", "why": "its system"},
    {"part": "Converter 12 V to 5 V, 5 A, USB-C", "count": 1, "price_eur": 10.0, "group": "node", "why": "feeds it and the relays"},
    {"part": "INA226 module", "count": 1, "price_eur": 4.0, "group": "meter", "why": "meters the battery"},
    {"part": "Shunt 2 mΩ, 1 %, 3 W", "count": 1, "price_eur": 1.5, "group": "meter", "why": "20 A in place of the module's own 0.8 A"},
    {"part": "Relay module 5 V, 1 channel, H/L jumper", "count": 2, "price_eur": 2.5, "group": "switching", "why": "drives a relay's coil"},
    {"part": "10 kΩ resistor", "count": 2, "price_eur": 0.1, "group": "switching", "why": "holds the relay module's input open"},
    {"part": "Relay 12 V DC, 2 poles of 8 A, with socket and diode", "count": 2, "price_eur": 9.0, "group": "installation", "why": "switches the load and tells that it did"},
    {"part": "Fuse holders with fuses 25 A (F0), 5 A (F1), 2 x 5 A", "count": 1, "price_eur": 10.0, "group": "installation", "why": "a battery has no other limit"},
    {"part": "Enclosure, terminals", "count": 1, "price_eur": 15.0, "group": "installation", "why": "keeps metal off the terminals"},
]  # fmt: skip

LIMITS = [
    "Direct current only, one circuit, 36 V and 20 A at most. No mains voltage anywhere near this board.",
    "No watchdog of the node's own, and an operating system between the program and the pin.",
    "A killed program leaves a line as it was unless config.txt says dtparam=strict_gpiod.",
    "On a Pi 5 with an older kernel the header is /dev/gpiochip4: change chip in CONTACTORS.",
]
