"""The arithmetic of calibration: from what a channel tells and what a reference tells to the channel's corrections.

Figures are in the wire's units (mV, mA, mW, mvar), as floats: they are means. What a node makes of its corrections
is in firmware_mpy/gridnode/metering/README.md; `calibrated` and `uncalibrated` are that and its inverse.
"""

import math
from typing import NamedTuple

from gridnode.metering import calibration
from gridnode.wire import WireError, cbor

BODY_MAX = 128  # bytes: schema.BLOB_MAX
POWER_FACTORS = (0.3, 0.9)  # between these, power and its apparent power tell the angle between voltage and current
CONTRADICTION = 0.03  # the reference's power is not of its voltage and current: beyond what two meters differ by
LARGEST_PHASE_MDEG = 12_000  # of a transformer; beyond it the current is of another phase, or the reference is wrong
LEAST_CURRENT_MA = 500  # of the load to calibrate with: figures come in whole mA
LARGEST_LEAK_MA, LARGEST_LEAK_MW = 300, 30_000  # with no load: beyond it something is still on
PPM = 1_000_000


class CalibrationError(ValueError):
    """This cannot become a calibration; the text says why and what to do."""


class Gains(NamedTuple):
    """The corrections of one channel. 0 is nominal; a current_ppm near -2,000,000 turns the transformer round."""

    voltage_ppm: int = 0
    current_ppm: int = 0
    phase_mdeg: int = 0  # the current lags this much more than the samples say
    power_offset_mw: int = 0
    current_offset_ma: int = 0

    @property
    def turned(self) -> bool:
        return self.current_ppm < -PPM


class Document(NamedTuple):
    """All that a node is told: the converter's steps and each channel's corrections."""

    steps_16th: int
    channels: tuple[Gains, ...]

    def with_gains(self, channel: int, gains: Gains) -> "Document":
        """The same but for one channel."""
        return self._replace(channels=(*self.channels[:channel], gains, *self.channels[channel + 1 :]))


class Figures(NamedTuple):
    """What a channel, or a reference, tells; None is what it cannot."""

    voltage_mv: float | None = None
    current_ma: float | None = None
    active_mw: float | None = None  # + is import
    reactive_mvar: float | None = None  # + is inductive


def nominal(channels: int) -> Document:
    """What a node without a calibration goes by."""
    return Document(0, (Gains(),) * channels)


def encode(document: Document) -> bytes:
    """The document as the wire carries it. Raises CalibrationError for one that a node would refuse."""
    items = [calibration.FORMAT, document.steps_16th, *(list(gains) for gains in document.channels)]
    body = bytearray(BODY_MAX)
    try:
        calibration.parse(items, len(document.channels))
        return bytes(body[: cbor.put(body, 0, items)])
    except ValueError as error:
        raise CalibrationError(f"{error}: is it the right channel, with the right reference?") from error


def decode(body: bytes, channels: int) -> Document:
    """The document in `body`; of an empty one the nominal. Raises CalibrationError."""
    if not body:
        return nominal(channels)
    try:
        steps, gains = calibration.parse(cbor.decode(body), channels)
    except (WireError, ValueError) as error:
        raise CalibrationError(f"what the node keeps is no calibration of its channels: {error}") from error
    return Document(steps, tuple(Gains(*each) for each in gains))


def calibrated(raw: Figures, gains: Gains) -> Figures:
    """What a node with `gains` tells where one without any tells `raw`."""
    voltage_gain, current_gain = _gain(gains.voltage_ppm), _gain(gains.current_ppm)
    current = None
    if raw.current_ma is not None:
        square = (raw.current_ma * current_gain) ** 2 - gains.current_offset_ma**2
        current = math.sqrt(max(0.0, square))
    active, reactive = _turn(raw.active_mw, raw.reactive_mvar, math.radians(gains.phase_mdeg / 1000))
    both = voltage_gain * current_gain
    return Figures(
        None if raw.voltage_mv is None else raw.voltage_mv * voltage_gain,
        current,
        None if active is None else active * both + gains.power_offset_mw,
        None if reactive is None else reactive * both,
    )


def uncalibrated(told: Figures, gains: Gains) -> Figures:
    """What a node without corrections would have told where one with `gains` told `told`."""
    voltage_gain, current_gain = _gain(gains.voltage_ppm), _gain(gains.current_ppm)
    both = voltage_gain * current_gain
    active = None if told.active_mw is None else (told.active_mw - gains.power_offset_mw) / both
    reactive = None if told.reactive_mvar is None else told.reactive_mvar / both
    active, reactive = _turn(active, reactive, -math.radians(gains.phase_mdeg / 1000))
    current = None
    if told.current_ma is not None:
        current = math.hypot(told.current_ma, gains.current_offset_ma) / abs(current_gain)
    return Figures(None if told.voltage_mv is None else told.voltage_mv / voltage_gain, current, active, reactive)


def solve(told: Figures, present: Gains, reference: Figures, resistive: bool) -> Gains:
    """The gains with which a node that now tells `told` would tell `reference`, as far as that tells anything.

    `resistive`: the load is known to be a pure resistance, so its current is in phase. Otherwise the phase comes from
    the reference's reactive power, or from its power where the power factor is between POWER_FACTORS (whether the
    current lags or leads is then as the channel sees it); else it stays.
    Raises CalibrationError.
    """
    raw, gains = uncalibrated(told, present), present
    if reference.voltage_mv is not None:
        gains = gains._replace(voltage_ppm=round((_ratio("voltage", reference.voltage_mv, raw.voltage_mv) - 1) * PPM))
    if reference.current_ma is not None:
        if reference.current_ma < LEAST_CURRENT_MA:
            raise CalibrationError(
                f"{reference.current_ma / 1000:.3f} A is too little to calibrate a current with: "
                f"switch on a load of {LEAST_CURRENT_MA / 1000} A or more"
            )
        wanted = math.hypot(reference.current_ma, present.current_offset_ma)
        gains = _sized(gains, _ratio("current", wanted, raw.current_ma), present.turned)
    if reference.active_mw is not None:
        gains = _directed(raw, gains, reference.active_mw, reference.reactive_mvar, resistive)
    encode(Document(0, (gains,)))  # refuses what is beyond what a channel can need
    return gains


def without_load(told: Figures, present: Gains) -> Gains:
    """The gains of a channel through which nothing flows though it tells `told`. Raises CalibrationError."""
    raw = calibrated(uncalibrated(told, present), present._replace(power_offset_mw=0, current_offset_ma=0))
    current, active = raw.current_ma or 0.0, raw.active_mw or 0.0
    if current > LARGEST_LEAK_MA or abs(active) > LARGEST_LEAK_MW:
        raise CalibrationError(f"{current / 1000:.2f} A and {active / 1000:.1f} W are no noise: something is still on. "
                               "Switch off all that is behind this channel")  # fmt: skip
    return present._replace(power_offset_mw=-round(active), current_offset_ma=round(current))


def _directed(raw: Figures, gains: Gains, active_mw: float, reactive_mvar: float | None, resistive: bool) -> Gains:
    """`gains` with the direction and the phase that the reference's power asks for."""
    if raw.active_mw is None:
        raise CalibrationError("this channel measures no power: leave the reference's out")
    wanted_mw = active_mw - gains.power_offset_mw
    both = _gain(gains.voltage_ppm) * abs(_gain(gains.current_ppm))
    size_mva = math.hypot(raw.active_mw, raw.reactive_mvar or 0.0) * both
    factor = wanted_mw / size_mva if size_mva else math.inf
    if abs(factor) > 1 + CONTRADICTION:
        raise CalibrationError(
            "the reference's power is more than its voltage times its current: the figures are of different moments, or"
            " this channel's voltage and current are not calibrated yet: give all three"
        )
    if raw.reactive_mvar is None:
        return _faced(raw.active_mw * both, gains, wanted_mw)
    if resistive:
        angles = [0.0 if active_mw >= 0 else math.pi]
    elif reactive_mvar is not None:
        angles = [math.atan2(reactive_mvar, active_mw)]
    elif POWER_FACTORS[0] <= abs(factor) <= POWER_FACTORS[1]:
        angles = [math.acos(factor), -math.acos(factor)]
    else:
        active, _ = _turn(raw.active_mw, raw.reactive_mvar, math.radians(gains.phase_mdeg / 1000))
        return _faced((active or 0.0) * both, gains, wanted_mw)
    return _phased(math.atan2(raw.reactive_mvar, raw.active_mw), gains, angles)


def _phased(measured: float, gains: Gains, angles: list[float]) -> Gains:
    """The least phase that turns `measured` into one of `angles`, with the transformer as wired or turned round."""
    choices = [
        (math.remainder(angle - measured - (math.pi if turned else 0.0), 2 * math.pi), turned)
        for angle in angles
        for turned in (False, True)
    ]
    phase, turned = min(choices, key=lambda choice: abs(choice[0]))
    mdeg = round(math.degrees(phase) * 1000)
    if abs(mdeg) > LARGEST_PHASE_MDEG:
        raise CalibrationError(
            f"the current is {abs(mdeg) // 1000} degrees from where it should be: it is of another phase than the "
            "voltage. Put the transformer around the conductor whose voltage is measured"
        )
    return _sized(gains, abs(_gain(gains.current_ppm)), turned)._replace(phase_mdeg=mdeg)


def _faced(active_mw: float, gains: Gains, wanted_mw: float) -> Gains:
    """The transformer turned so that `active_mw` gets the sign of `wanted_mw`, whose size it must have already."""
    if abs(abs(active_mw) - abs(wanted_mw)) > 2 * CONTRADICTION * abs(wanted_mw):
        raise CalibrationError(
            "the reference's power does not fit its voltage and current here: it is of another moment, the "
            "transformer is on another phase than the voltage, or the load is not a plain one. A heater is"
        )
    return _sized(gains, abs(_gain(gains.current_ppm)), active_mw * wanted_mw < 0)


def _turn(active: float | None, reactive: float | None, angle: float) -> tuple[float | None, float | None]:
    if active is None or reactive is None:
        return active, reactive
    cosine, sine = math.cos(angle), math.sin(angle)
    return active * cosine - reactive * sine, active * sine + reactive * cosine


def _sized(gains: Gains, size: float, turned: bool) -> Gains:
    """`gains` with a current's gain of that size, negative where the transformer is the wrong way round."""
    return gains._replace(current_ppm=round(((-size if turned else size) - 1) * PPM))


def _gain(ppm: int) -> float:
    return (PPM + ppm) / PPM


def _ratio(what: str, wanted: float, raw: float | None) -> float:
    if not raw:
        raise CalibrationError(f"this channel measures no {what}: leave the reference's out")
    return wanted / raw
