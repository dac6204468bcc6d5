"""The board's literals -> drivers: coils, line, meter, panel, chip. Only the drivers that a board names are loaded."""

from gridnode.metering.channel import Channel


def make_meter(board, unit: dict, coils: dict, now) -> tuple:
    """(the driver that measures, the channels it feeds). `now()`: node time in ms, asked when the driver is loaded."""
    spec = board.METER
    driver = spec["driver"]
    if driver == "replay":
        return _replay(board, spec, unit, coils)
    if driver == "rp2040_adc":
        return _rp2040_adc(board, spec, now)
    if driver == "pzem004t":
        from gridnode.drivers.pzem004t import Pzem004t
        from gridnode.drivers.uart import UartStream

        channel = _chip_channel(board)
        line = UartStream(spec["uart"], 9600, spec["tx"], spec["rx"])
        return Pzem004t(line, channel, spec["address"], now() * 1000), [channel]
    if driver == "ina226":
        from gridnode.drivers.ina226 import Ina226

        channel = _chip_channel(board)
        bus = _i2c(spec)
        meter = Ina226(bus, channel, spec["address"], spec["shunt_uohm"], spec["largest_ma"], now() * 1000)
        return meter, [channel]
    raise ValueError("board %s: no meter driver called %s" % (board.NAME, driver))


def _chip_channel(board) -> Channel:
    from gridnode.metering.chip_window import ChipWindow

    return Channel(board.CHANNELS[0]["name"], ChipWindow())


def _i2c(spec: dict):
    if "sda" not in spec:
        from gridnode.drivers.smbus2_i2c import open_bus

        return open_bus(spec["bus"])
    from machine import I2C, Pin

    return I2C(spec["bus"], sda=Pin(spec["sda"]), scl=Pin(spec["scl"]), freq=400_000)


def _sampled_channels(board, steps: int, gains: list) -> list:
    """Channels metered from samples, which come in 1 / `steps` of a count; `gains`: of their voltages."""
    from gridnode.metering.window import WindowMeter

    channels = []
    for spec, gain in zip(board.CHANNELS, gains):
        window = WindowMeter(
            board.SAMPLE_RATE_HZ,
            board.NOMINAL_FREQUENCY_HZ,
            int(spec["voltage_nv_per_count"] / gain) // steps,
            spec["current_na_per_count"] // steps,
            spec["clip_counts"] * steps,
        )
        channels.append(Channel(spec["name"], window))
    return channels


def _rp2040_adc(board, spec: dict, now) -> tuple:
    from gridnode.drivers.rp2040_adc import Rp2040Adc, steps, voltage_gain

    rate_hz, currents = board.SAMPLE_RATE_HZ, len(board.CHANNELS)
    gains = [voltage_gain(slot, currents, rate_hz, board.NOMINAL_FREQUENCY_HZ) for slot in range(1, currents + 1)]
    channels = _sampled_channels(board, steps(currents), gains)
    pins = [channel["pin"] for channel in board.CHANNELS]
    return Rp2040Adc(channels, pins, spec["voltage_pin"], rate_hz, now), channels


def _replay(board, spec: dict, unit: dict, coils: dict) -> tuple:
    from gridnode.drivers.replay_meter import ReplayMeter

    channels = _sampled_channels(board, 1, [1] * len(board.CHANNELS))
    coil = coils[spec["heater_contactor"]]
    meter = ReplayMeter(
        unit["profile"],
        channels[0],
        channels[1],
        lambda: coil.closed,
        board.NOMINAL_VOLTAGE_MV,
        spec["heater_power_mw"],
        unit.get("speed", 1),
        unit.get("start_hour", 0),
    )
    return meter, channels


def make_stream(board, unit: dict):
    """The board's line to the Pi, as link.SerialLink wants it; `pollable`, or itself, is for select.poll."""
    spec = board.LINK
    driver = spec["driver"]
    if driver == "fd":
        return open(unit["link_fd"], "r+b", buffering=0)
    if driver == "uart":
        from gridnode.drivers.uart import UartStream

        return UartStream(spec["id"], spec["baud"], spec["tx"], spec["rx"])
    if driver == "pty":
        from gridnode.drivers.pseudo_terminal import PseudoTerminal

        return PseudoTerminal(unit["link_path"])
    raise ValueError("board %s: no link driver called %s" % (board.NAME, driver))


def make_panel(board, contactors: list):
    """The board's button and lamp, where it has them."""
    from gridnode.node.panel import Panel

    button = lamp = None
    if board.BUTTON or board.LED:
        from gridnode.drivers.panel import Button, Lamp

        button = Button(board.BUTTON["pin"], board.BUTTON["pressed_level"]) if board.BUTTON else None
        lamp = Lamp(board.LED["pin"], board.LED["lit_level"]) if board.LED else None
    return Panel(contactors, button, lamp)
