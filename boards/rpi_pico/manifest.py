"""What goes onto a Raspberry Pi Pico, what is wired to it, and what it costs. Literals only; read by tools, never by the node."""

IMAGE = {"name": "RPI_PICO", "format": "uf2"}  # of MicroPython, as tools/images.py gets it
MPY_ARCH = "armv6m"  # for native code (viper); None: none
FILESYSTEM = {"offset": 0xA0000, "bytes": 0x160000, "block_bytes": 4096, "program_bytes": 256}

# Folders and files of firmware_mpy that this board needs; main.py stays source.
MODULES = ["gridnode/wire", "gridnode/metering", "gridnode/switching", "gridnode/node", "gridnode/link"]
DRIVERS = ["rp2040_adc", "relay", "button", "led", "watchdog"]

# part, count, price of one in EUR (orientation, typical retail 2026, without mains enclosure), what for
PARTS = [
    {"part": "Raspberry Pi Pico (RP2040)", "count": 1, "price_eur": 4.0, "why": "runs the node"},
]

# from (a pin of the board by its name), to, and what it carries
WIRES = [
    {"from": "GP0", "to": "Pi header 10 (RXD)", "carries": "serial to the Pi, 3.3 V"},
]

LIMITS = [
    "RP2040's converter has steps at codes 512, 1536, 2560 and 3584 (erratum E11): no accuracy class is claimed.",
]
