"""How amounts are shown: the whole numbers of the books, rounded for people."""

MWH_KWH, MICRO_CT = 1_000_000, 10_000


def kwh(mwh: int) -> str:
    """2.3 kWh from mWh."""
    return f"{mwh / MWH_KWH:.{2 if abs(mwh) < MWH_KWH else 1}f} kWh"


def ct(micro: int) -> str:
    """84.2 ct from micro-units."""
    return f"{micro / MICRO_CT:.1f} ct"


def number(value: int) -> str:
    """A count."""
    return str(value)
