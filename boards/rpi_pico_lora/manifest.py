"""What goes onto a Raspberry Pi Pico with LoRa, what is wired to it, and what it costs. Literals only; read by tools alone."""

# ruff: noqa: E501 (PARTS is a table)

IMAGE = "RPI_PICO"  # of MicroPython, as tools/images.py gets it
MPY_ARCH = "armv6m"  # for native code (viper); None: such modules stay source
FLASH_BYTES = 0x200000
FILESYSTEM = {"offset": 0xA0000, "bytes": 0x160000, "block_bytes": 4096, "program_bytes": 256}

# Of gridnode/drivers, those that this board's literals call for; all else follows from the imports.
DRIVERS = ["chip", "panel", "pin_edges", "relay", "rp2040_adc", "sx1276"]

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
        "part": "Auxiliary contact of K2",
        "side": "left",
        "wires": {"13": "GP12", "14": "GND"},
        "notes": ["Closed with the contactor; pull-up in the chip.", "Rated for safe separation from the mains."],
    },
    {
        "part": "Relay module 2",
        "side": "left",
        "wires": {"IN": "GP13", "VCC 5 V": "VBUS", "GND": "GND"},
        "notes": ["Driver transistor; jumper on H: 1 closes.", "10 kΩ from IN to GND holds it open."],
        "beyond": {
            "at": "mains",
            "part": "Contactor K2, EV charger",
            "wires": ["COM-NO: coil A1 to L behind F1 (1 A)"],
            "notes": ["Coil 230 V with RC snubber, A2 to N.", "Main poles behind the circuit's own breaker."],
        },
    },
    {
        "part": "Auxiliary contact of K1",
        "side": "left",
        "wires": {"13": "GP14", "14": "GND"},
        "notes": ["Closed with the contactor; pull-up in the chip.", "Rated for safe separation from the mains."],
    },
    {
        "part": "Relay module 1",
        "side": "left",
        "wires": {"IN": "GP15", "VCC 5 V": "VBUS", "GND": "GND"},
        "notes": ["Driver transistor; jumper on H: 1 closes.", "10 kΩ from IN to GND holds it open."],
        "beyond": {
            "at": "mains",
            "part": "Contactor K1, water heater",
            "wires": ["COM-NO: coil A1 to L behind F1 (1 A)"],
            "notes": ["Coil 230 V with RC snubber, A2 to N.", "Main poles behind the circuit's own breaker."],
        },
    },
    {
        "part": "Bias 1.65 V",
        "side": "right",
        "wires": {"top": "3V3", "bottom": "AGND"},
        "notes": ["2 x 1 kΩ, 100 µF across the lower one.", "BIAS: the cold end of the three inputs below."],
    },
    {
        "part": "CT 2, water heater",
        "side": "right",
        "wires": {"signal": "GP28"},
        "notes": ["51 Ω 1 % burden between signal and BIAS.", "1 kΩ to the pin, BAT54S and 47 nF to AGND."],
        "beyond": {
            "at": "mains",
            "part": "SCT-013-000 (100 A : 50 mA)",
            "wires": ["clamped around one insulated wire"],
            "notes": ["Isolates. Never open its secondary", "while current flows: fit the burden first."],
        },
    },
    {
        "part": "CT 1, grid",
        "side": "right",
        "wires": {"signal": "GP27"},
        "notes": ["51 Ω 1 % burden between signal and BIAS.", "1 kΩ to the pin, BAT54S and 47 nF to AGND."],
        "beyond": {
            "at": "mains",
            "part": "SCT-013-000 (100 A : 50 mA)",
            "wires": ["clamped around the incoming L"],
            "notes": ["Arrow towards the house: import counts", "as positive."],
        },
    },
    {
        "part": "Voltage transformer",
        "side": "right",
        "wires": {"signal": "GP26"},
        "notes": ["910 Ω 1 % burden between signal and BIAS.", "1 kΩ to the pin, BAT54S and 47 nF to AGND."],
        "beyond": {
            "at": "mains",
            "part": "ZMPT101B (bare, 2 mA : 2 mA)",
            "wires": ["L behind F1 (1 A) - 2 x 110 kΩ - N"],
            "notes": ["Isolates (3 kV). Resistors of 0.5 W and", "500 V each, flame-proof."],
        },
    },
    {
        "part": "Button",
        "side": "right",
        "wires": {"one side": "GP22", "the other": "GND"},
        "notes": ["Opens every contactor; pull-up in the chip."],
    },
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
# takes, "meter" and "switching" its parts, "installation" what an electrician puts up whatever commands it.
PARTS = [
    {"part": "Raspberry Pi Pico", "count": 1, "price_eur": 4.5, "group": "node", "why": "runs the node (RP2040)"},
    {"part": "RFM95W module (SX1276, 868 MHz)", "count": 1, "price_eur": 9.0, "group": "node", "why": "the way to the gateway"},
    {"part": "Antenna 868 MHz with pigtail", "count": 1, "price_eur": 4.0, "group": "node", "why": "outside of any metal box"},
    {"part": "5 V supply with micro USB", "count": 1, "price_eur": 6.0, "group": "node", "why": "feeds it and the relays"},
    {"part": "ZMPT101B transformer, bare", "count": 1, "price_eur": 2.5, "group": "meter", "why": "voltage, isolated"},
    {"part": "SCT-013-000", "count": 2, "price_eur": 9.0, "group": "meter", "why": "current of two circuits, isolated"},
    {
        "part": "Resistors (2 x 110 kΩ 500 V, 910, 2 x 51 Ω, 5 x 1 kΩ), 3 x BAT54S, capacitors",
        "count": 1,
        "price_eur": 3.0,
        "group": "meter",
        "why": "burdens, bias, protection of the inputs",
    },
    {"part": "Relay module 5 V, 1 channel, H/L jumper", "count": 2, "price_eur": 2.5, "group": "switching", "why": "drives a contactor's coil"},
    {"part": "10 kΩ resistor", "count": 2, "price_eur": 0.1, "group": "switching", "why": "holds the relay's input open"},
    {"part": "Push button", "count": 1, "price_eur": 0.5, "group": "switching", "why": "opens every contactor"},
    {"part": "Contactor 25 A, 230 V coil, with auxiliary contact", "count": 2, "price_eur": 28.0, "group": "installation", "why": "switches the load and tells that it did"},
    {"part": "RC snubber for a 230 V coil", "count": 2, "price_eur": 4.0, "group": "installation", "why": "spares the relay's contact"},
    {"part": "Fuse holder with 1 A fuse (F1), DIN rail", "count": 1, "price_eur": 7.0, "group": "installation", "why": "of the coils and the voltage input"},
    {"part": "Enclosure, DIN rail, terminals", "count": 1, "price_eur": 25.0, "group": "installation", "why": "keeps mains and fingers apart"},
]  # fmt: skip

LIMITS = [
    "RP2040's converter has steps at codes 512, 1536, 2560 and 3584 (erratum E11): no accuracy class is claimed.",
    "One voltage input: both circuits are metered against the same phase.",
    "64 A peak (45 A RMS) and 400 V peak at most; beyond that the reading is marked as clipped.",
    "The supply's own noise is in the readings: below some 20 W a circuit reads noise.",
    "On an emulated RP2040, with a host, 93 kB of heap stay free (121 kB with the wire of rpi_pico), and 38 to 47 % of the "
    "core's time is used: the radio is looked at each 7 ms.",
    "The radio is the only way to it: a few hundred bytes an hour, live figures only now and then.",
    '868 MHz, for Europe; US915 takes a module for 915 MHz, and "region" says so.',
    "The region's limit of airtime is the program's to keep; an antenna of more than antenna_dbi breaks it.",
]
