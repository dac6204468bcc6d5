"""A Raspberry Pi Pico with an SX1276, emulated, in a simulated air. Literals only."""

NAME = "rp2040_lora_emulated"
TITLE = "Raspberry Pi Pico with LoRa, emulated RP2040 and SX1276, simulated air"
BOARD = "rpi_pico_lora"
BENCH = "lora"
WHAT = (
    "Emulated RP2040 and a model of the SX1276 run the unmodified MicroPython firmware in simulated time; the air "
    "is simulated, and in it a model of an SX1262 is driven by the Pi's own driver and bridge. No real radio."
)
PROCESSOR = "RP2040 at 125 MHz, emulated (times ± 50 % of a real one)"
CLOCK = "simulated"
PARTS = "rpi_pico_lora"
LACKS = {
    "line": "the air is the only way to it",
    "exact time": "the same chip as rp2040_emulated's, where it is measured",
    "flashing": "its flash is filled before power-on; UF2 copying is tested in tests/tools",
}
LIMITS = {
    "unsafe_edges": 0,
    "strange_taken": 0,
    "records_lost": 0,
    "air_session_s": 60,
    "air_command_s": 5,
    "air_command_worst_s": 30,
}
