"""A home on this machine: nothing is flashed, wired or bought. Literals only; read by tools alone."""

IMAGE = None
MPY_ARCH = None
FLASH_BYTES = None
FILESYSTEM = None
DRIVERS = []
HEADER = None
ONBOARD = {}
WIRING = []
PARTS = []
LIMITS = [
    "The home and its battery are simulated, many times faster than time, and no pin moves.",
    "Its meter delivers whole windows, one a second, and no samples: it shows the node's program, not its metering.",
]
