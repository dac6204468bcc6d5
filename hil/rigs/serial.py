"""A real board on a port: `--port` its link, `--console` its console. Built with hil/unit.json. Literals only."""

NAME = "serial"
TITLE = "Real board"
BOARD = "rpi_pico"
BENCH = "serial"
WHAT = "A real board, reached over its serial port."
PROCESSOR = "the board's own"
CLOCK = "wall"
PARTS = "rpi_pico"
LACKS = {
    "air": "a line leads to it",
    "exact time": "nobody knows a real board's time better than its host",
    "pins": "nothing looks at the pins but the node itself",
    "power": "the bench does not hold its supply",
    "reset": "the bench has no wire to its reset pin",
    "brown-out": "the bench does not hold its supply",
    "power cuts": "the bench does not hold its supply",
    "injection": "no calibrated source is at its inputs",
    "replacing": "a board's files are not exchanged behind its owner's back",
    "dwell": "a board's files are not exchanged behind its owner's back",
    "converter": "no calibrated source is at its inputs",
    "heap": "its console may not be connected",
    "cpu": "nothing looks into it",
    "console": "its console may not be connected",
    "prompt": "its console may not be connected",
    "flashing": "flash it first: gridnexus flash",
}
LIMITS = {
    "session_ms": 1500,
    "session_again_ms": 4000,
    "strange_taken": 0,
    "records_lost": 0,
    "command_median_ms": 50,
    "command_p99_ms": 250,
    "fail_safe_ms": 250,
}
