"""Meters whose figures are not of the RP2040's samples: chips, pulses, smart meters, the ESP32's converter, and a
simulated home."""

from gridnode.metering.channel import Channel


def make_chip_meter(board, unit: dict, coils: dict, now) -> tuple:
    """As meters.make_meter."""
    spec = board.METER
    driver = spec["driver"]
    now_us = now() * 1000
    if driver == "pzem004t":
        from gridnode.drivers.pzem004t import Pzem004t

        channels = _chip_channels(board)
        return Pzem004t(_line(spec, 9600), channels[0], spec["address"], now_us), channels
    if driver in ("ina226", "ina228"):
        if driver == "ina226":
            from gridnode.drivers.ina226 import Ina226 as Chip
        else:
            from gridnode.drivers.ina228 import Ina228 as Chip

        channels = _chip_channels(board)
        chip = Chip(_i2c(spec), channels[0], spec["address"], spec["shunt_uohm"], spec["largest_ma"], now_us)
        return chip, channels
    if driver == "atm90e32":
        return _atm90e32(board, spec, now_us)
    if driver == "s0_pulse":
        from gridnode.drivers.s0_pulse import S0Pulse

        channels = _told_channels(board)
        return S0Pulse(_pulses(spec), channels[0], spec["pulses_per_kwh"], spec["largest_w"], now_us), channels
    if driver in ("dsmr_p1", "sml"):
        return _smart_meter(board, spec, driver, now_us)
    if driver == "esp32_adc":
        return _esp32_adc(board, spec, now_us)
    if driver == "simulated_home":
        return _simulated_home(board, unit, coils, now_us)
    raise ValueError("board %s: no meter driver called %s" % (board.NAME, driver))


def _chip_channels(board) -> list:
    from gridnode.metering.chip_window import ChipWindow

    return [Channel(spec["name"], ChipWindow()) for spec in board.CHANNELS]


def _told_channels(board) -> list:
    from gridnode.metering.told_window import ToldWindow

    return [Channel(spec["name"], ToldWindow()) for spec in board.CHANNELS]


def _line(spec: dict, baud: int):
    if "port" in spec:  # on a Pi
        from gridnode.drivers.serial_port import open_port

        return open_port(spec["port"], baud)
    from gridnode.drivers.uart import UartStream

    return UartStream(spec["uart"], baud, spec["tx"], spec["rx"])


def _i2c(spec: dict):
    if "sda" not in spec:  # on a Pi
        from gridnode.drivers.smbus2_i2c import open_bus

        return open_bus(spec["bus"])
    from machine import I2C, Pin

    # 2 ms: as long as a stuck bus may hold us up each time; the port's own 50 ms would starve the contactors.
    return I2C(spec["bus"], sda=Pin(spec["sda"]), scl=Pin(spec["scl"]), freq=400_000, timeout=2000)


def _atm90e32(board, spec: dict, now_us: int) -> tuple:
    from gridnode.drivers.atm90e32 import BAUD, PHASE, POLARITY, Atm90e32

    if "sck" in spec:
        from machine import SPI, Pin

        bus = SPI(
            spec["bus"],
            baudrate=BAUD,
            polarity=POLARITY,
            phase=PHASE,
            sck=Pin(spec["sck"]),
            mosi=Pin(spec["mosi"]),
            miso=Pin(spec["miso"]),
        )
        select = Pin(spec["select"], Pin.OUT, value=1)
    else:  # on a Pi
        from gridnode.drivers.spidev_spi import open_bus

        bus = open_bus(spec["bus"], spec["select"], BAUD, POLARITY, PHASE)
        select = int
    channels = _chip_channels(board)
    gains = [(channel["voltage_gain"], channel["current_gain"]) for channel in board.CHANNELS]
    return Atm90e32(bus, select, channels, gains, board.NOMINAL_FREQUENCY_HZ, now_us), channels


def _pulses(spec: dict):
    if "chip" in spec:  # on a Pi
        from gridnode.drivers.gpiod_edges import open_edges

        return open_edges(spec["chip"], spec["pin"], spec["active_level"])
    from gridnode.drivers.pin_edges import PinEdges

    return PinEdges(spec["pin"], spec["active_level"])


def _smart_meter(board, spec: dict, driver: str, now_us: int) -> tuple:
    from gridnode.drivers.smart_meter import SmartMeter

    if driver == "sml":
        from gridnode.drivers.sml import BAUD as SML_BAUD
        from gridnode.drivers.sml import SmlReader

        baud, reader = SML_BAUD, SmlReader()
    else:
        from gridnode.drivers.dsmr_p1 import BAUD as P1_BAUD
        from gridnode.drivers.dsmr_p1 import P1Reader

        baud, reader = P1_BAUD, P1Reader()
    channels = _told_channels(board)
    return SmartMeter(_line(spec, baud), reader, channels[0], now_us), channels


def _esp32_adc(board, spec: dict, now_us: int) -> tuple:
    from machine import ADC, Pin

    from gridnode.drivers.esp32_adc import Esp32Adc

    pins = [spec["voltage_pin"]] + [channel["pin"] for channel in board.CHANNELS]
    reads = [ADC(Pin(pin), atten=ADC.ATTN_11DB).read_uv for pin in pins]
    scales = [(channel["voltage_nv_per_mv"], channel["current_na_per_mv"]) for channel in board.CHANNELS]
    channels = _chip_channels(board)
    return Esp32Adc(channels, reads, scales, board.NOMINAL_FREQUENCY_HZ, now_us), channels


def _simulated_home(board, unit: dict, coils: dict, now_us: int) -> tuple:
    from gridnode.drivers.simulated_home import SimulatedHome, age_ms

    spec = board.METER
    channels = _chip_channels(board)
    contacts = [coils[spec[order]] for order in ("charge", "discharge", "hold")]
    home = SimulatedHome(
        unit["profile"],
        channels,
        contacts,
        (spec["capacity_mwh"], spec["power_mw"], spec["efficiency_permille"]),
        unit["battery"],
        unit["speed"],
        unit["start_hour"],
        age_ms(unit["began_unix_ms"]),
        now_us,
        board.NOMINAL_VOLTAGE_MV,
        board.NOMINAL_FREQUENCY_HZ * 1000,
    )
    return home, channels
