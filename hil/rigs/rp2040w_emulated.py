"""A Raspberry Pi Pico W, emulated without its radio. Literals only."""

NAME = "rp2040w_emulated"
TITLE = "Raspberry Pi Pico W, emulated RP2040, no radio"
BOARD = "rpi_pico_w"
BENCH = "emulated"
WHAT = (
    "Emulated RP2040: processor, memory, flash, converter with DMA, serial ports, USB, watchdog and pins "
    "run the unmodified MicroPython firmware in simulated time. Not a real board: the radio chip, "
    "analogue noise and the second core are not there."
)
PROCESSOR = "RP2040 at 125 MHz, emulated (times ± 50 % of a real one)"
CLOCK = "simulated"
PARTS = "rpi_pico_w"
LACKS = {
    "air": "a line leads to it",
    "flashing": "its flash is filled before power-on; UF2 copying is tested in tests/tools",
    "exact time": "the same chip as rp2040_emulated's, where it is measured",
}
LIMITS = {
    "session_ms": 1000,
    "session_again_ms": 4000,
    "strange_taken": 0,
    "records_lost": 0,
    "boot_reading_ms": 1000,
    "command_median_ms": 20,
    "command_p99_ms": 40,
    "fail_safe_ms": 100,
    "over_current_ms": 25,
    "over_current_erase_ms": 60,  # nothing runs while a sector is erased, 45 ms
    "unsafe_edges": 0,
    "energy_error_percent": 0.5,
    "frequency_error_mhz": 5,
    "power_cuts_wrong": 0,
    "cut_lost_mwh": 1000,
    "journal_days": 60,
    "flash_years": 10,
    "heap_free_kb": 60,  # its firmware keeps memory for the radio
}
