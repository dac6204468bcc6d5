"""An ESP32 board as its tools see it: loader, flash and reset are there, its CPU is not. Literals only."""

NAME = "esp32_virtual"
TITLE = "Virtual ESP32 board, CPU not emulated"
BOARD = "esp32_devkit"
BENCH = "esp32"
WHAT = (
    "Virtual ESP32 board, CPU not emulated: real esptool writes a flash that behaves like NOR; after "
    "reset a 32-bit MicroPython of this machine with 144 kB of heap mounts it and runs the node; pins and "
    "meter chip are simulated."
)
PROCESSOR = "this machine's, 32 bits (an ESP32's is slower)"
CLOCK = "wall"
PARTS = "esp32_devkit"
LACKS = {
    "air": "a line leads to it",
    "exact time": "this machine's clock is its own",
    "converter": "a meter chip measures",
    "brown-out": "its supply is not simulated",
    "power cuts": "its supply is not simulated",
}
LIMITS = {
    "session_ms": 1500,
    "session_again_ms": 4000,
    "strange_taken": 0,
    "records_lost": 0,
    "boot_reading_ms": 3500,  # the meter chip is asked once a second
    "command_median_ms": 50,
    "command_p99_ms": 250,  # wall time on a machine with other work
    "fail_safe_ms": 250,
    "unsafe_edges": 0,
    "energy_error_percent": 1.0,
    "journal_days": 60,
    "flash_years": 10,
    "flash_s": 10,
}
