"""Units: how many of one another is, what products are called, what is refused."""

from fractions import Fraction

import pytest

from host_bridge.microworld.language.units import ATOMS, NUMBER, name, unit

SCALES = {
    "W": {"mW": Fraction(1, 1000), "kW": 1000, "MW": 1000000, "V*A": 1, "mV*A": Fraction(1, 1000), "Wh/h": 1},
    "Wh": {"mWh": Fraction(1, 1000), "kWh": 1000, "MWh": 1000000, "W*h": 1, "kW*min": Fraction(1000, 60)},
    "V": {"mV": Fraction(1, 1000), "kV": 1000, "W/A": 1},
    "A": {"mA": Fraction(1, 1000), "W/V": 1},
    "Hz": {"mHz": Fraction(1, 1000), "kHz": 1000, "1/s": 1},
    "s": {"ms": Fraction(1, 1000), "min": 60, "h": 3600, "d": 86400, "1/Hz": 1},
    "ct": {"mct": Fraction(1, 1000), "EUR": 100},
    "g": {"mg": Fraction(1, 1000), "kg": 1000, "g/kWh*kWh": 1},
    "degC": {},
    "lx": {},
    "": {"%": Fraction(1, 100), "permille": Fraction(1, 1000), "ppm": Fraction(1, 1000000), "W/W": 1},
}


@pytest.mark.parametrize("base", SCALES)
def test_a_unit_is_so_many_of_another(base):
    for text, scale in SCALES[base].items():
        found = unit(text)
        assert (found.dimensions, found.scale / unit(base).scale) == (unit(base).dimensions, scale), text


def test_every_unit_is_compared_and_none_is_another():
    assert {*SCALES, *(text for row in SCALES.values() for text in row)} >= set(ATOMS)
    bases = [unit(base).dimensions for base in SCALES]
    assert len(set(bases)) == len(bases)


def test_units_are_called_as_people_call_them():
    for text in (*ATOMS, "ct/kWh", "g/kWh", "W/s", "on/off"):
        assert name(unit(text)) == text
    assert name(NUMBER) == "a plain number"
    assert name(unit("W*h")) == "Wh" and name(unit("V*A")) == "W" and name(unit("kWh/h")) == "kW"
    assert unit(name(unit("Wh*ct"))) == unit("Wh*ct")
    assert name(unit("ct*ct*ct")) == "ct^3" and name(unit("kg*kg*kg")) == "1000000000*g^3"
    assert unit("on/off") != NUMBER


@pytest.mark.parametrize("text", ["w", "Whr", "W/", "/W", "W**h", "W h", "kWh/kWh/" * 5, "1", "0", "2*W", "W/1", "*"])
def test_what_is_no_unit_is_refused(text):
    if text == "1":
        assert unit(text) == NUMBER
    else:
        with pytest.raises(ValueError, match="is no unit"):
            unit(text)
