"""What goes onto an ESP32-C3-DevKitM-1, what is wired to it, and what it costs. Literals only; read by tools alone."""

# ruff: noqa: E501 (PARTS is a table)

IMAGE = "ESP32_GENERIC_C3"  # of MicroPython, as tools/images.py gets it
MPY_ARCH = None  # modules with native code stay source: the virtual board's CPU is another one
FLASH_BYTES = 0x400000
# MicroPython keeps its files behind the last partition; tools/build.py compares that with the image.
FILESYSTEM = {"offset": 0x200000, "bytes": 0x200000, "block_bytes": 4096, "program_bytes": 32}

# Of gridnode/drivers, those that this board's literals call for; all else follows from the imports.
DRIVERS = ["chip", "ina226", "panel", "relay", "uart"]

# As seen from above, USB at the bottom. numbers: each side from its top ("down").
HEADER = {
    "left": [
        "GND", "3V3", "3V3", "GPIO2", "GPIO3", "GND", "RST", "GND",
        "GPIO0", "GPIO1", "GPIO10", "GND", "5V", "5V", "GND",
    ],
    "right": [
        "GND", "GPIO21 TX", "GPIO20 RX", "GND", "GPIO9", "GPIO8", "GND", "GPIO7",
        "GPIO6", "GPIO5", "GPIO4", "GND", "GPIO18", "GPIO19", "GND",
    ],
    "numbers": "down",
    "usb": "bottom",
}  # fmt: skip
ONBOARD = {9: "BOOT button"}

WIRING = [
    {
        "part": "Relay module 1",
        "side": "left",
        "wires": {"IN": "GPIO3", "VCC 5 V": "5V", "GND": "GND"},
        "notes": ["Driver transistor; jumper on H: 1 closes.", "10 kΩ from IN to GND holds it open."],
        "beyond": {
            "at": "12 V",
            "part": "Relay K1, 12 V DC, 2 poles: pump",
            "wires": ["COM-NO: coil A1 to +12 V behind F1"],
            "notes": ["Diode across the coil, A2 to battery -.", "First pole: the pump, behind its fuse of 5 A."],
        },
    },
    {
        "part": "Second pole of K1",
        "side": "left",
        "wires": {"21": "GPIO0", "24": "GND"},
        "notes": ["Closed with the relay; pull-up in the chip."],
    },
    {
        "part": "Second pole of K2",
        "side": "left",
        "wires": {"21": "GPIO1", "24": "GND"},
        "notes": ["Closed with the relay; pull-up in the chip."],
    },
    {
        "part": "Relay module 2",
        "side": "left",
        "wires": {"IN": "GPIO10", "VCC 5 V": "5V", "GND": "GND"},
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
        "side": "left",
        "wires": {"out +": "5V", "out -": "GND"},
        "notes": ["12 V to 5 V, 2 A."],
        "beyond": {
            "at": "12 V",
            "part": "12 V battery",
            "wires": ["+ behind F1 (1 A), -"],
            "notes": ["GND of the node is the battery's minus."],
        },
    },
    {
        "part": "INA226",
        "side": "right",
        "wires": {"SCL": "GPIO7", "SDA": "GPIO6", "VCC 3.3 V": "3V3", "GND": "GND"},
        "notes": ["Address 0x40; 4.7 kΩ from SDA and SCL to 3.3 V", "(most modules have them)."],
        "beyond": {
            "at": "12 V",
            "part": "Shunt 2 mΩ, 3 W, in +",
            "wires": ["IN+, VBUS: battery side; IN-: load side"],
            "notes": ["20 A at most, battery fuse F0 25 A", "right at its plus pole. At most 36 V."],
        },
    },
    {
        "part": "Raspberry Pi (the bridge)",
        "side": "right",
        "wires": {"8 TXD": "GPIO5", "10 RXD": "GPIO4", "6 GND": "GND"},
        "notes": ["3.3 V on both sides, at most 1 m, and the Pi fed from", "the same battery; else isolator ADuM1201."],
    },
]

# price_eur: of one, orientation for 2026-11, retail with tax, no shop was asked. group: "node" is what the computer itself
# takes, "meter" and "switching" its parts, "installation" what is put up whatever commands it.
PARTS = [
    {"part": "ESP32-C3-DevKitM-1 (4 MB)", "count": 1, "price_eur": 9.0, "group": "node", "why": "runs the node"},
    {"part": "Converter 12 V to 5 V, 2 A", "count": 1, "price_eur": 4.0, "group": "node", "why": "feeds it and the relays"},
    {"part": "INA226 module", "count": 1, "price_eur": 4.0, "group": "meter", "why": "meters the battery"},
    {"part": "Shunt 2 mΩ, 1 %, 3 W", "count": 1, "price_eur": 1.5, "group": "meter", "why": "20 A in place of the module's own 0.8 A"},
    {"part": "Relay module 5 V, 1 channel, H/L jumper", "count": 2, "price_eur": 2.5, "group": "switching", "why": "drives a relay's coil"},
    {"part": "10 kΩ resistor", "count": 2, "price_eur": 0.1, "group": "switching", "why": "holds the relay module's input open"},
    {"part": "Relay 12 V DC, 2 poles of 8 A, with socket and diode", "count": 2, "price_eur": 9.0, "group": "installation", "why": "switches the load and tells that it did"},
    {"part": "Fuse holders with fuses 25 A (F0), 1 A (F1), 2 x 5 A", "count": 1, "price_eur": 10.0, "group": "installation", "why": "a battery has no other limit"},
    {"part": "Enclosure, terminals", "count": 1, "price_eur": 15.0, "group": "installation", "why": "keeps metal off the terminals"},
]  # fmt: skip

LIMITS = [
    "Direct current only, one circuit, 36 V and 20 A at most. No mains voltage anywhere near this board.",
    "Two UARTs: no room for a PZEM-004T beside the link and the console.",
    "The radio stays off: the serial line is the only way to it.",
    "GPIO9 held at reset starts the loader instead of the node; the relays stay open then.",
]
