"""A node on this machine: nothing is flashed, wired or bought. Literals only; read by tools alone."""

IMAGE = None
MPY_ARCH = None
FLASH_BYTES = None
FILESYSTEM = None
DRIVERS = []
HEADER = None
ONBOARD = {}
WIRING = []
PARTS = []
LIMITS = ["The home is replayed (simulated) and no pin moves: it shows the node's program, not a board."]
