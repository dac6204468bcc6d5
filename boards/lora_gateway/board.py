"""A Raspberry Pi Pico with an SX1276 that is a Pi's radio, on its USB port. Literals only."""

NAME = "LoRa gateway on USB"
MCU = "rp2040"

LINK = {"driver": "usb"}  # the Pico's own socket, to the Pi

# An RFM95W (SX1276), wired as on rpi_pico_lora.
RADIO = {
    "driver": "sx1276",
    "bus": 0,
    "sck": 18,
    "mosi": 19,
    "miso": 16,
    "select": 17,
    "reset": 20,
    "dio0": 21,  # rises when a packet was sent or came: its time to the millisecond
    "region": "EU868",  # what the board lets the Pi send; see gridnode/link/regions.py
    "antenna_dbi": 2,
    "power_dbm": 20,  # at the radio's pin, at most
}

# It meters nothing and switches nothing.
METER = None
CHANNELS = []
CONTACTORS = []

WATCHDOG_MS = 4000
POWER_FAIL = None
