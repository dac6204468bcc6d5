"""Figures as people read them: W and kW, Wh and kWh, ages. Pure; integers of the wire in, text out."""

MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
NOTHING = "\N{EN DASH}"  # a quantity that is not known


def power(milliwatts: int | None) -> tuple[str, str]:
    """(number, unit) of the amount without its sign: ("412", "W"), ("2.35", "kW"). Unknown: (NOTHING, "W")."""
    if milliwatts is None:
        return NOTHING, "W"
    watts = abs(milliwatts) / 1000
    return _scaled(watts, "W") if watts >= 999.5 else (f"{watts:.0f}", "W")


def energy(milliwatt_hours: int | None) -> tuple[str, str]:
    """(number, unit) of an amount of energy: ("84.2", "Wh"), ("12.6", "kWh"). Unknown: (NOTHING, "Wh")."""
    if milliwatt_hours is None:
        return NOTHING, "Wh"
    watt_hours = milliwatt_hours / 1000
    return _scaled(watt_hours, "Wh") if watt_hours >= 999.5 else (f"{watt_hours:.{_places(watt_hours)}f}", "Wh")


def signed_power(milliwatts: int | None) -> str:
    """Power with sign and unit in one text: "+412 W", "-2.35 kW", with a true minus."""
    number, unit = power(milliwatts)
    return f"{sign(milliwatts)}{number}{SPACE}{unit}"


def sign(milliwatts: int | None) -> str:
    """A plus for import, a minus for export, nothing for less than half a watt or unknown."""
    if milliwatts is None or abs(milliwatts) < 500:
        return ""
    return "+" if milliwatts > 0 else MINUS


def direction(milliwatts: int | None) -> str:
    """ "import", "export", "idle" (less than half a watt) or "unknown"."""
    if milliwatts is None:
        return "unknown"
    return {"+": "import", MINUS: "export", "": "idle"}[sign(milliwatts)]


def one_text(pair: tuple[str, str]) -> str:
    """A (number, unit) pair as one text that does not break."""
    return SPACE.join(pair)


def scaled(value: int | float | None, places: int, unit: str, divisor: int = 1000) -> str:
    """A milli-quantity in its unit: scaled(231400, 1, "V") is "231.4 V"; unknown is NOTHING."""
    if value is None:
        return NOTHING
    number = round(value / divisor, places) + 0.0  # turns -0.0 into 0.0
    return f"{number:.{places}f}{SPACE}{unit}".replace("-", MINUS)


def lapse(milliseconds: float | None) -> str:
    """A time that something takes: "1.2 ms", "45 ms", "8.1 s"; unknown is NOTHING."""
    if milliseconds is None:
        return NOTHING
    if milliseconds >= 1000:
        return scaled(milliseconds, 1, "s")
    return scaled(milliseconds, 0 if milliseconds >= 10 else 1, "ms", divisor=1)


def age(milliseconds: int) -> str:
    """How long ago, counting up: "now", "7 s ago", "3 min ago", "2 h 5 min ago", "4 d ago"."""
    seconds = max(0, milliseconds) // 1000
    if seconds < 2:
        return "now"
    if seconds < 60:
        return f"{seconds}{SPACE}s ago"
    if seconds < 3600:
        return f"{seconds // 60}{SPACE}min ago"
    if seconds < 86_400:
        return f"{seconds // 3600}{SPACE}h {seconds % 3600 // 60}{SPACE}min ago"
    return f"{seconds // 86_400}{SPACE}d ago"


def countdown(milliseconds: int) -> str:
    """What is left, counting down and rounded up: "0:08", "9:41", "1:02:30"."""
    seconds = -(-max(0, milliseconds) // 1000)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def span(seconds: int) -> str:
    """A chosen duration: "30 s", "5 min", "1 h"."""
    if seconds % 3600 == 0:
        return f"{seconds // 3600}{SPACE}h"
    return f"{seconds // 60}{SPACE}min" if seconds % 60 == 0 else f"{seconds}{SPACE}s"


def _scaled(value: float, unit: str) -> tuple[str, str]:
    kilo = value / 1000
    return f"{kilo:.{2 if kilo < 99.995 else 1}f}", f"k{unit}"


def _places(value: float) -> int:
    if value == 0:
        return 0
    return 2 if value < 9.995 else 1 if value < 99.95 else 0
