"""A Raspberry Pi Pico that meters two circuits and switches two loads, with LoRa in place of a wire. Literals only."""

NAME = "Raspberry Pi Pico, LoRa"
MCU = "rp2040"

# An RFM95W (SX1276) on the right side of the header. Its home channel allows 500 mW, its amplifier 100.
LINK = {
    "driver": "sx1276",
    "bus": 0,
    "sck": 18,
    "mosi": 19,
    "miso": 16,
    "select": 17,
    "reset": 20,
    "dio0": 21,  # rises when a packet was sent or came: its time to the millisecond
    "region": "EU868",  # what the law lets it send; see gridnode/link/regions.py
    "antenna_dbi": 2,  # a quarter wave's, less its cable
    "power_dbm": 14,  # at the radio's pin, at most
}

SAMPLE_RATE_HZ = 4000  # of each input; the converter takes them in turn
NOMINAL_FREQUENCY_HZ = 50
NOMINAL_VOLTAGE_MV = 230_000

METER = {"driver": "rp2040_adc", "voltage_pin": 26}

# 12 bits over 3.3 V around 1.65 V: full scale 400 V and 64 A (peak) in 2048 counts.
CHANNELS = [
    {
        "name": "grid",
        "load": False,  # it may export
        "pin": 27,
        "voltage_nv_per_count": 195_312_500,
        "current_na_per_count": 31_250_000,
        "clip_counts": 2040,
    },
    {
        "name": "water heater",
        "load": True,  # it never exports: if it seems to, its transformer is the wrong way round
        "pin": 28,
        "voltage_nv_per_count": 195_312_500,
        "current_na_per_count": 31_250_000,
        "clip_counts": 2040,
    },
]

CONTACTORS = [
    {
        "name": "water heater",
        "driver": "relay",
        "pin": 15,
        "closed_level": 1,  # of the pin; the other level is the safe one, and the relay's own resistor pulls there
        "feedback_pin": 14,  # an auxiliary contact; None: there is none
        "feedback_closed_level": 0,
        "min_on_s": 3,
        "min_off_s": 3,
        "max_hold_s": 900,
        "feedback_ms": 200,  # the auxiliary contact must agree after so long
        "retry_after_s": 60,  # after a trip, while the lease still runs
        "retries": 3,  # within retry_window_s; one trip more locks out
        "retry_window_s": 3600,
        "protection": {  # None: there is none. Each limit may be None
            "channel": "water heater",
            "over_current_ma": 16_000,
            "time_multiplier_ms": 50,  # IEC 60255-151, extremely inverse: twice the current trips after 1.3 s
            "instant_ma": 40_000,  # beyond this, after a half period
            "over_voltage_mv": 264_000,
            "under_voltage_mv": 196_000,
            "over_frequency_mhz": 51_500,
            "under_frequency_mhz": 47_500,
            "hold_off_ms": 500,  # of voltage and frequency
            "without_meter": "stay",  # or "open": when the meter itself fails
        },
        "safe": "open",
        "interlock": "one at a time",  # name of an interlock group: of its members one at most is closed
    },
    {
        "name": "ev charger",
        "driver": "relay",
        "pin": 13,
        "closed_level": 1,
        "feedback_pin": 12,
        "feedback_closed_level": 0,
        "min_on_s": 3,
        "min_off_s": 3,
        "max_hold_s": 900,
        "feedback_ms": 200,  # the auxiliary contact must agree after so long
        "retry_after_s": 60,  # after a trip, while the lease still runs
        "retries": 3,  # within retry_window_s; one trip more locks out
        "retry_window_s": 3600,
        "protection": {  # None: there is none. Each limit may be None
            "channel": "grid",
            "over_current_ma": 32_000,
            "time_multiplier_ms": 50,  # IEC 60255-151, extremely inverse: twice the current trips after 1.3 s
            "instant_ma": 44_000,  # beyond this, after a half period
            "over_voltage_mv": 264_000,
            "under_voltage_mv": 196_000,
            "over_frequency_mhz": 51_500,
            "under_frequency_mhz": 47_500,
            "hold_off_ms": 500,  # of voltage and frequency
            "without_meter": "stay",  # or "open": when the meter itself fails
        },
        "safe": "open",
        "interlock": "one at a time",
    },
]

BUTTON = {"pin": 22, "pressed_level": 0, "timeout_s": 900}  # opens every contactor
LED = {"pin": 25, "lit_level": 1}  # lit while a contactor is closed, a blink a second otherwise
WATCHDOG_MS = 4000
POWER_FAIL = {"pin": 24, "failing_level": 0}  # the 5 V of the USB plug is gone: registers are saved at once
