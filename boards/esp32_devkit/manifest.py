"""What goes onto an ESP32 DevKitC, what is wired to it, and what it costs. Literals only; read by tools alone."""

# ruff: noqa: E501 (PARTS is a table)

IMAGE = "ESP32_GENERIC"  # of MicroPython, as tools/images.py gets it
MPY_ARCH = None  # modules with native code stay source: the virtual board's CPU is another one
FLASH_BYTES = 0x400000
# MicroPython keeps its files behind the last partition; tools/build.py compares that with the image.
FILESYSTEM = {"offset": 0x200000, "bytes": 0x200000, "block_bytes": 4096, "program_bytes": 32}

# Of gridnode/drivers, those that this board's literals call for; all else follows from the imports.
DRIVERS = ["chip", "panel", "pzem004t", "relay", "uart"]

# As seen from above, USB at the bottom. numbers: each side from its top ("down").
HEADER = {
    "left": [
        "3V3", "EN", "GPIO36 VP", "GPIO39 VN", "GPIO34", "GPIO35", "GPIO32", "GPIO33", "GPIO25", "GPIO26",
        "GPIO27", "GPIO14", "GPIO12", "GND", "GPIO13", "GPIO9", "GPIO10", "GPIO11", "5V",
    ],
    "right": [
        "GND", "GPIO23", "GPIO22", "GPIO1 TX", "GPIO3 RX", "GPIO21", "GND", "GPIO19", "GPIO18", "GPIO5",
        "GPIO17", "GPIO16", "GPIO4", "GPIO0", "GPIO2", "GPIO15", "GPIO8", "GPIO7", "GPIO6",
    ],
    "numbers": "down",
    "usb": "bottom",
}  # fmt: skip
ONBOARD = {0: "BOOT button", 2: "LED (Espressif's own board has none)"}

WIRING = [
    {
        "part": "Relay module 1",
        "side": "left",
        "wires": {"IN": "GPIO32", "VCC 5 V": "5V", "GND": "GND"},
        "notes": ["Driver transistor; jumper on H: 1 closes.", "10 kΩ from IN to GND holds it open."],
        "beyond": {
            "at": "mains",
            "part": "Contactor K1, water heater",
            "wires": ["COM-NO: coil A1 to L behind F1 (1 A)"],
            "notes": ["Coil 230 V with RC snubber, A2 to N.", "Main poles behind the circuit's own breaker."],
        },
    },
    {
        "part": "Relay module 2",
        "side": "left",
        "wires": {"IN": "GPIO33", "VCC 5 V": "5V", "GND": "GND"},
        "notes": ["Driver transistor; jumper on H: 1 closes.", "10 kΩ from IN to GND holds it open."],
        "beyond": {
            "at": "mains",
            "part": "Contactor K2, EV charger",
            "wires": ["COM-NO: coil A1 to L behind F1 (1 A)"],
            "notes": ["Coil 230 V with RC snubber, A2 to N.", "Main poles behind the circuit's own breaker."],
        },
    },
    {
        "part": "PZEM-004T v3, serial side",
        "side": "left",
        "wires": {"TX, shifted": "GPIO25", "RX, shifted": "GPIO26", "5V": "5V", "3.3 V": "3V3", "GND": "GND"},
        "notes": [
            "It works at 5 V, the chip at 3.3 V: a level shifter",
            "(FET, two channels) between them in TX and RX.",
        ],
        "beyond": {
            "at": "mains",
            "part": "PZEM-004T v3, metering side",
            "wires": ["L behind F2 (1 A) and N; its CT on L"],
            "notes": ["Optocouplers isolate the two sides.", "CT 100 A around the incoming L."],
        },
    },
    {
        "part": "Auxiliary contact of K2",
        "side": "right",
        "wires": {"13": "GPIO19", "14": "GND"},
        "notes": ["Closed with the contactor; pull-up in the chip.", "Rated for safe separation from the mains."],
    },
    {
        "part": "Auxiliary contact of K1",
        "side": "right",
        "wires": {"13": "GPIO18", "14": "GND"},
        "notes": ["Closed with the contactor; pull-up in the chip.", "Rated for safe separation from the mains."],
    },
    {
        "part": "Raspberry Pi (the bridge)",
        "side": "right",
        "wires": {"10 RXD": "GPIO17", "8 TXD": "GPIO16", "6 GND": "GND"},
        "notes": ["3.3 V on both sides, at most 1 m.", "Longer, or fed from another place: isolator ADuM1201."],
    },
]

# price_eur: of one, orientation for 2026-11, retail with tax, no shop was asked. group: "node" is what the computer itself
# takes, "meter" and "switching" its parts, "installation" what an electrician puts up whatever commands it.
PARTS = [
    {"part": "ESP32-DevKitC V4 (ESP32-WROOM-32E, 4 MB)", "count": 1, "price_eur": 10.0, "group": "node", "why": "runs the node"},
    {"part": "5 V supply with micro USB", "count": 1, "price_eur": 6.0, "group": "node", "why": "feeds it and the relays"},
    {"part": "PZEM-004T v3 with CT 100 A", "count": 1, "price_eur": 13.0, "group": "meter", "why": "meters one circuit, isolated"},
    {"part": "Level shifter 3.3 V / 5 V (FET)", "count": 1, "price_eur": 1.5, "group": "meter", "why": "between the PZEM at 5 V and the chip"},
    {"part": "Relay module 5 V, 1 channel, H/L jumper", "count": 2, "price_eur": 2.5, "group": "switching", "why": "drives a contactor's coil"},
    {"part": "10 kΩ resistor", "count": 2, "price_eur": 0.1, "group": "switching", "why": "holds the relay's input open"},
    {"part": "Contactor 25 A, 230 V coil, with auxiliary contact", "count": 2, "price_eur": 28.0, "group": "installation", "why": "switches the load and tells that it did"},
    {"part": "RC snubber for a 230 V coil", "count": 2, "price_eur": 4.0, "group": "installation", "why": "spares the relay's contact"},
    {"part": "Fuse holder with 1 A fuse (F1, F2), DIN rail", "count": 2, "price_eur": 7.0, "group": "installation", "why": "of the coils and of the meter"},
    {"part": "Enclosure, DIN rail, terminals", "count": 1, "price_eur": 25.0, "group": "installation", "why": "keeps mains and fingers apart"},
]  # fmt: skip

LIMITS = [
    "One circuit, which must be a load: the PZEM-004T tells power without a sign, so import only.",
    "One reading a second and 0.5 % by its maker's word; it is silent without mains voltage and below 0.4 W.",
    "Modules with PSRAM (ESP32-WROVER) use GPIO16 and GPIO17 themselves: take a WROOM.",
    "The radio stays off: the serial line is the only way to it.",
    "GPIO0 held at reset starts the loader instead of the node; the relays stay open then.",
]
