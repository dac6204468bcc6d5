"""What a place does to a signal: path loss, shadowing, noise, and the limits at which a LoRa receiver still hears."""

import math
from typing import NamedTuple

NOISE_DBM_HZ = -174.0  # thermal, at 290 K


class Place(NamedTuple):
    """Log-distance path loss: `loss_db` at `distance_m` and 10 * `exponent` dB for each tenfold of it.

    shadowing_db: standard deviation over places, frozen per pair. The antennas of the measurement stood `height_m`
    high at the higher end; other heights by Hata's term 13.82 log10(h) (None: height does not count).
    """

    exponent: float
    distance_m: float
    loss_db: float
    shadowing_db: float
    height_m: float | None


# Hata 1980 at 868 MHz: suburban less open land, 2 log10(f/28)^2 + 5.4 against 4.78 log10(f)^2 - 18.33 log10(f) + 40.94.
_OPEN_LAND_DB = 18.5

PLACES = {
    # Petajajarvi et al. 2015 ("On the coverage of LPWANs", Oulu, cars, base station 24 m high).
    "suburban": Place(2.32, 1000, 128.95, 7.8, 24.0),
    "rural": Place(2.32, 1000, 128.95 - _OPEN_LAND_DB, 7.8, 24.0),
    # Bor et al. 2016 (LoRaSim): gamma 2.08, d0 40 m, 127.41 dB, no variance. Its program takes the natural logarithm
    # (with log10 its cell would not be the 3.8 ha that the paper tells), and so does this.
    "lorasim": Place(2.08 * math.log(10), 40, 127.41, 0.0, None),
    "free": Place(2.0, 1.0, 20 * math.log10(868) - 27.55, 0.0, None),  # free space at 868 MHz
}

# Semtech SX1276 data sheet, table 13: SNR at which a packet is still demodulated, dB.
SNR_LIMIT_DB = {5: -2.5, 6: -5.0, 7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}

# Signal over interference that is needed, dB: rows the wanted spreading factor, columns the other's (7 .. 12). Croce et
# al. 2018, "Impact of LoRa imperfect orthogonality", table I (measured); equal factors: see Channel's capture_db.
_REJECTION_DB = (
    (1, -8, -9, -9, -9, -9),
    (-11, 1, -11, -12, -13, -13),
    (-15, -13, 1, -13, -14, -15),
    (-19, -18, -17, 1, -17, -18),
    (-22, -22, -21, -20, 1, -20),
    (-25, -25, -25, -24, -23, 1),
)


def rejection_db(wanted: int, other: int) -> float:
    """Signal over interference that spreading factor `wanted` needs against a different one; 5 and 6 count as 7."""
    return _REJECTION_DB[max(wanted, 7) - 7][max(other, 7) - 7]


def noise_dbm(bandwidth_khz: float, noise_figure_db: float = 6.0) -> float:
    """What a receiver hears where nobody sends."""
    return NOISE_DBM_HZ + 10 * math.log10(bandwidth_khz * 1000) + noise_figure_db


def path_loss_db(place: Place, distance_m: float, height_m: float) -> float:
    """Between two antennas, the higher of which stands `height_m` high; without shadowing."""
    loss = place.loss_db + 10 * place.exponent * math.log10(max(distance_m, 1.0) / place.distance_m)
    if place.height_m is not None:
        loss += 13.82 * math.log10(place.height_m / max(height_m, 1.0))
    return loss
