"""The node on this machine, 32 bits, 160 kB of heap (a Pico has 230): memory as on a board. Literals only."""

NAME = "unix32"
TITLE = "MicroPython on this machine, 32 bits, 160 kB"
BOARD = "unix"
BENCH = "process"
WHAT = (
    "Nothing of a board: MicroPython's unix port, built for 32 bits with single floats and a heap of 160 "
    "kB, runs the node's program; meter and contactors are simulated in it."
)
PROCESSOR = "this machine's, 32 bits"
CLOCK = "wall"
PARTS = None
LACKS = {
    "air": "a line leads to it",
    "exact time": "this machine's clock is its own",
    "pins": "its contactors are simulated in the node and have no pins",
    "reset": "it is a program: ending it is a power cut",
    "watchdog": "it is a program without one",
    "brown-out": "it is a program",
    "power cuts": "it has no flash",
    "flash": "its files lie on this machine's disk",
    "flashing": "it has no flash",
    "converter": "a replayed home gives the samples, whatever the scale",
    "prompt": "its program reads nothing from a console",
    "interlock": "boards/unix has one contactor",
}
LIMITS = {
    "session_ms": 1500,
    "session_again_ms": 4000,
    "strange_taken": 0,
    "records_lost": 0,
    "boot_reading_ms": 1000,
    "command_median_ms": 50,
    "command_p99_ms": 250,  # wall time on a machine with other work
    "fail_safe_ms": 250,
    "energy_error_percent": 0.5,
}
