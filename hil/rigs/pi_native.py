"""The node as a Raspberry Pi runs it: under CPython, here without a Pi. Literals only."""

NAME = "pi_native"
TITLE = "Raspberry Pi way: CPython"
BOARD = "unix"
BENCH = "process"
WHAT = (
    "No Pi and no pins: the node's program under CPython on this machine, as it would run on a Pi; meter "
    "and contactors are simulated in it."
)
PROCESSOR = "this machine's (a Pi's is slower)"
CLOCK = "wall"
PARTS = "pi_gpio"
LACKS = {
    "air": "a line leads to it",
    "exact time": "this machine's clock is its own",
    "pins": "its contactors are simulated in the node and have no pins",
    "reset": "it is a program: ending it is a power cut",
    "watchdog": "it is a program without one",
    "brown-out": "it is a program",
    "power cuts": "it has no flash of its own",
    "flash": "its files lie on the computer's disk",
    "flashing": "it has no flash of its own",
    "converter": "a replayed home gives the samples, whatever the scale",
    "prompt": "its program reads nothing from a console",
    "heap": "CPython has no heap of a fixed size",
    "interlock": "boards/unix has one contactor",
}
LIMITS = {
    "session_ms": 1500,
    "session_again_ms": 4000,
    "strange_taken": 0,
    "records_lost": 0,
    "boot_reading_ms": 1500,
    "command_median_ms": 50,
    "command_p99_ms": 250,  # wall time on a machine with other work
    "fail_safe_ms": 250,
    "energy_error_percent": 0.5,
}
