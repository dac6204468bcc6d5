"""The calibration document of one unit: what it may say, and its check. README.md here has the formulas.

    [1, steps_16th, [voltage_ppm, current_ppm, phase_mdeg, power_offset_mw, current_offset_ma], ...one for each channel]

All integers; 0 is nominal. The wire carries it as deterministic CBOR (`wire.cbor`), 176 bytes at most.
"""

FORMAT = 1
STEPS_MAX = 255  # steps_16th: width of the RP2040 converter's steps (its erratum E11) in 1/16 of a count
GAIN_PPM_MAX = 200_000  # from nominal, to both sides; of a transformer turned round: from -2,000,000
PHASE_MDEG_MAX = 30_000
POWER_OFFSET_MW_MAX = 60_000
CURRENT_OFFSET_MA_MAX = 5_000
REVERSED_PPM = -2_000_000  # current_ppm of a transformer that is the wrong way round: its gain is -1
NOMINAL = (0, 0, 0, 0, 0)


def parse(document, channels: int) -> tuple:
    """(steps_16th, [five integers of each channel]) of a document as `wire.cbor.decode` gives it.

    Raises ValueError that says what is wrong with it.
    """
    if type(document) is not list or len(document) < 2 or not _within(document[0], FORMAT, FORMAT):
        raise ValueError("no calibration of format %d" % FORMAT)
    if len(document) != 2 + channels:
        raise ValueError("calibration of %d channels, not of %d" % (len(document) - 2, channels))
    if not _within(document[1], 0, STEPS_MAX):
        raise ValueError("calibration: steps beyond %d" % STEPS_MAX)
    return document[1], [_gains(number, gains) for number, gains in enumerate(document[2:])]


def _gains(number: int, gains) -> tuple:
    if type(gains) is not list or len(gains) != 5:
        raise ValueError("calibration of channel %d: not five numbers" % number)
    voltage, current, phase, power, offset = gains
    if (
        not _within(voltage, -GAIN_PPM_MAX, GAIN_PPM_MAX)
        or not (_within(current, -GAIN_PPM_MAX, GAIN_PPM_MAX) or _within(current, *_TURNED))
        or not _within(phase, -PHASE_MDEG_MAX, PHASE_MDEG_MAX)
        or not _within(power, -POWER_OFFSET_MW_MAX, POWER_OFFSET_MW_MAX)
        or not _within(offset, 0, CURRENT_OFFSET_MA_MAX)
    ):
        raise ValueError("calibration of channel %d: beyond what a channel can need" % number)
    return tuple(gains)


_TURNED = (REVERSED_PPM - GAIN_PPM_MAX, REVERSED_PPM + GAIN_PPM_MAX)


def _within(value, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high
