"""What goes onto a gateway board, what is wired to it, and what it costs. Literals only; read by tools alone."""

# ruff: noqa: E501 (PARTS is a table)

IMAGE = "RPI_PICO"  # of MicroPython, as tools/images.py gets it
MPY_ARCH = "armv6m"  # for native code (viper); None: such modules stay source
FLASH_BYTES = 0x200000
FILESYSTEM = {"offset": 0xA0000, "bytes": 0x160000, "block_bytes": 4096, "program_bytes": 256}

# Of gridnode/drivers, those that this board's literals call for; all else follows from the imports.
DRIVERS = ["chip", "pin_edges", "sx1276", "usb_stream"]

# As seen from above, USB at the top. numbers: down the left side and up the right ("around"),
# row by row ("across"), or each side from its top ("down").
HEADER = {
    "left": [
        "GP0", "GP1", "GND", "GP2", "GP3", "GP4", "GP5", "GND", "GP6", "GP7",
        "GP8", "GP9", "GND", "GP10", "GP11", "GP12", "GP13", "GND", "GP14", "GP15",
    ],
    "right": [
        "VBUS", "VSYS", "GND", "3V3_EN", "3V3", "ADC_VREF", "GP28", "AGND", "GP27", "GP26",
        "RUN", "GP22", "GND", "GP21", "GP20", "GP19", "GP18", "GND", "GP17", "GP16",
    ],
    "numbers": "around",
    "usb": "top",
}  # fmt: skip
ONBOARD = {24: "VBUS sense", 25: "green LED"}

# side: of the board. wires: terminal of the part -> pin of the header. beyond: what hangs behind the part.
WIRING = [
    {
        "part": "RFM95W, 868 MHz",
        "side": "right",
        "wires": {
            "DIO0": "GP21",
            "RESET": "GP20",
            "MOSI": "GP19",
            "SCK": "GP18",
            "NSS": "GP17",
            "MISO": "GP16",
            "3.3 V": "3V3",
            "GND": "GND",
        },
        "notes": ["100 nF and 10 µF at its supply; wires of 10 cm at most.", "Never send without its antenna."],
    },
]

# price_eur: of one, orientation for 2026-11, retail with tax, no shop was asked. group: "node" is what the computer itself
# takes, "meter" and "switching" its parts, "installation" what is put up whatever commands it.
PARTS = [
    {"part": "Raspberry Pi Pico", "count": 1, "price_eur": 4.5, "group": "node", "why": "runs the gateway (RP2040)"},
    {"part": "RFM95W module (SX1276, 868 MHz)", "count": 1, "price_eur": 9.0, "group": "node", "why": "the radio"},
    {"part": "Antenna 868 MHz with pigtail", "count": 1, "price_eur": 4.0, "group": "node", "why": "outside of any metal box, high up"},
    {"part": "USB cable, micro USB", "count": 1, "price_eur": 3.0, "group": "node", "why": "to the Pi, which feeds it"},
]  # fmt: skip

LIMITS = [
    "One radio: while it sends it hears nobody, and one packet at a time is received.",
    '868 MHz, for Europe; US915 takes a module for 915 MHz, and "region" says so.',
    "It keeps the region's limit of airtime itself: after a start it has none for some seconds.",
    "Ctrl-C reaches its prompt only when no bridge has spoken to it for 3 s.",
]
