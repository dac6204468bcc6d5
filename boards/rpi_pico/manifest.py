"""What goes onto a Raspberry Pi Pico, what is wired to it, and what it costs. Literals only; read by tools alone."""

IMAGE = {"name": "RPI_PICO", "format": "uf2"}  # of MicroPython, as tools/images.py gets it
MPY_ARCH = "armv6m"  # for native code (viper); None: such modules stay source
FILESYSTEM = {"offset": 0xA0000, "bytes": 0x160000, "block_bytes": 4096, "program_bytes": 256}

# Modules that main.py imports for this board alone; the rest follows from the imports.
MODULES = [
    "gridnode.metering.window",
    "gridnode.drivers.chip",
    "gridnode.drivers.panel",
    "gridnode.drivers.relay",
    "gridnode.drivers.rp2040_adc",
    "gridnode.drivers.uart",
]
PARTS = []
