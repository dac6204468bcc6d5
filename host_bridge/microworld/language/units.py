"""Units of the grid: a dimension and an exact scale, so that 2 kW and 2000 W are one power and W + Wh is a mistake."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

DIMENSIONS = ("V", "A", "s", "ct", "g", "degC", "lx")  # a watt is V * A; money and carbon count like any other
Dimensions = tuple[int, ...]


def _base(**powers: int) -> Dimensions:
    return tuple(powers.get(name, 0) for name in DIMENSIONS)


PLAIN = _base()
POWER, TIME, ENERGY = _base(V=1, A=1), _base(s=1), _base(V=1, A=1, s=1)
ATOMS: dict[str, tuple[Dimensions, Fraction]] = {
    **{f"{prefix}W": (POWER, Fraction(10) ** n) for prefix, n in (("m", -3), ("", 0), ("k", 3), ("M", 6))},
    **{f"{prefix}Wh": (ENERGY, 3600 * Fraction(10) ** n) for prefix, n in (("m", -3), ("", 0), ("k", 3), ("M", 6))},
    **{f"{prefix}V": (_base(V=1), Fraction(10) ** n) for prefix, n in (("m", -3), ("", 0), ("k", 3))},
    **{f"{prefix}A": (_base(A=1), Fraction(10) ** n) for prefix, n in (("m", -3), ("", 0))},
    **{f"{prefix}Hz": (_base(s=-1), Fraction(10) ** n) for prefix, n in (("m", -3), ("", 0), ("k", 3))},
    **{unit: (TIME, Fraction(n)) for unit, n in (("s", 1), ("min", 60), ("h", 3600), ("d", 86400))},
    "ms": (TIME, Fraction(1, 1000)),
    **{unit: (_base(ct=1), f) for unit, f in (("ct", Fraction(1)), ("mct", Fraction(1, 1000)), ("EUR", Fraction(100)))},
    **{unit: (_base(g=1), f) for unit, f in (("g", Fraction(1)), ("mg", Fraction(1, 1000)), ("kg", Fraction(1000)))},
    "degC": (_base(degC=1), Fraction(1)),
    "lx": (_base(lx=1), Fraction(1)),
    "%": (PLAIN, Fraction(1, 100)),
    "permille": (PLAIN, Fraction(1, 1000)),
    "ppm": (PLAIN, Fraction(1, 1000000)),
}
COMMON = ("W", "Wh", "kWh", "V", "A", "s", "h", "ct", "g")  # what a person thinks of first
PIECE = re.compile(r"([*/]?)([^*/]+)")


@dataclass(frozen=True, slots=True)
class Unit:
    """What a whole number counts. Two units are one where dimension and scale are: W*h is Wh."""

    dimensions: Dimensions
    scale: Fraction
    switch: bool = False  # on or off, not a number

    def __mul__(self, other: "Unit") -> "Unit":
        dimensions = tuple(a + b for a, b in zip(self.dimensions, other.dimensions, strict=True))
        return Unit(dimensions, self.scale * other.scale)

    def __truediv__(self, other: "Unit") -> "Unit":
        dimensions = tuple(a - b for a, b in zip(self.dimensions, other.dimensions, strict=True))
        return Unit(dimensions, self.scale / other.scale)

    def __str__(self) -> str:
        return name(self)


ON_OFF = Unit(PLAIN, Fraction(1), True)
NUMBER = Unit(PLAIN, Fraction(1))


def unit(text: str) -> Unit:
    """The unit that `text` names: "kW", "ct/kWh", "W*h", "on/off", "" for a plain number. Raises ValueError."""
    if text == "on/off":
        return ON_OFF
    found, text = NUMBER, text.strip()
    pieces = list(PIECE.finditer(text)) if text else []
    if "".join(piece.group() for piece in pieces) != text or len(pieces) > 8:
        raise ValueError(f"{text[:40]!r} is no unit: write one as W, Wh, ct/kWh")
    for piece in pieces:
        sign, atom = piece.group(1), piece.group(2).strip()
        first = piece.start() == 0
        if bool(sign) == first or (atom not in ATOMS and not (atom == "1" and first)):
            raise ValueError(f"{atom[:40]!r} is no unit: there are {', '.join(ATOMS)} and on/off")
        one = Unit(*ATOMS[atom]) if atom in ATOMS else NUMBER
        found = found / one if sign == "/" else found * one
    return found


@lru_cache(500)
def name(unit: Unit) -> str:
    """A name that a person knows for `unit`: W, ct/kWh, else its dimensions with their scale."""
    if unit.switch:
        return "on/off"
    if unit == NUMBER:
        return "a plain number"
    for atom, meant in ATOMS.items():
        if meant == (unit.dimensions, unit.scale):
            return atom
    atoms = {atom: Unit(*ATOMS[atom]) for atom in (*COMMON, *ATOMS)}
    for top, one in atoms.items():
        for below, other in atoms.items():
            if one == unit * other:
                return f"{top}/{below}"
    for left, one in atoms.items():
        for right, other in atoms.items():
            if one * other == unit:
                return f"{left}*{right}"
    powers = [f"{base}^{n}" if n != 1 else base for base, n in zip(DIMENSIONS, unit.dimensions, strict=True) if n]
    return "*".join(([] if unit.scale == 1 else [str(unit.scale)]) + powers)
