"""The board's METER -> the driver that measures and the channels that it feeds. Only what it names is loaded."""

from gridnode.metering.channel import Channel


def make_meter(board, unit: dict, coils: dict, now) -> tuple:
    """(meter, channels). `now()`: ms since this boot, asked when the driver is loaded. Raises ValueError."""
    driver = board.METER["driver"]
    if driver == "rp2040_adc":
        meter, channels = _rp2040_adc(board, now)
    elif driver == "replay":
        meter, channels = _replay(board, unit, coils)
    else:
        from gridnode.chip_meters import make_chip_meter

        meter, channels = make_chip_meter(board, unit, coils, now)
    from gridnode.metering.judge import Judge

    for spec, channel in zip(board.CHANNELS, channels):
        channel.judge = Judge(spec["load"], spec.get("small_ma", SMALL_MA))
    return meter, channels


SMALL_MA = 300  # below this nothing is said about phases


def sampled_channels(board, steps: int, gains: list) -> list:
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


def _rp2040_adc(board, now) -> tuple:
    from gridnode.drivers.rp2040_adc import Rp2040Adc, steps, voltage_gain

    rate_hz, currents = board.SAMPLE_RATE_HZ, len(board.CHANNELS)
    gains = [voltage_gain(slot, currents, rate_hz, board.NOMINAL_FREQUENCY_HZ) for slot in range(1, currents + 1)]
    channels = sampled_channels(board, steps(currents), gains)
    pins = [channel["pin"] for channel in board.CHANNELS]
    return Rp2040Adc(channels, pins, board.METER["voltage_pin"], rate_hz, now), channels


def _replay(board, unit: dict, coils: dict) -> tuple:
    from gridnode.drivers.replay_meter import ReplayMeter

    spec = board.METER
    channels = sampled_channels(board, 1, [1] * len(board.CHANNELS))
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
