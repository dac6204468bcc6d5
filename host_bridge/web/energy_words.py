"""The energy agent's figures in words: every one with its unit, an unknown as "unknown", never as 0. Pure."""

from collections.abc import Iterable
from datetime import datetime, tzinfo

from host_bridge.agent.energy.view import AccountView, EnergyView, HomeView, SavingsView
from host_bridge.web import units

UNKNOWN = "unknown"
MICRO_CT = 10_000
STALE_LINKS = ("stale", "connecting", "incompatible")


def watts(value: float | None) -> str:
    """ "412 W", "2.35 kW" with a minus below 0; W in."""
    if value is None:
        return UNKNOWN
    text = units.one_text(units.power(round(value * 1000)))
    return units.MINUS + text if value <= -0.5 else text


def signed_watts(value: float | None) -> str:
    """With a plus for import, charging, buying."""
    return UNKNOWN if value is None else units.signed_power(round(value * 1000))


def watt_hours(value: float | None) -> str:
    """Wh in: "840 Wh", "5.60 kWh"."""
    return UNKNOWN if value is None else units.one_text(units.energy(round(value * 1000)))


def energy(mwh: int | None) -> str:
    """mWh in; the sign is told by the words around."""
    return UNKNOWN if mwh is None else units.one_text(units.energy(abs(mwh)))


def price(mct: int | None) -> str:
    """mct/kWh in: "28.4 ct/kWh"."""
    return UNKNOWN if mct is None else f"{cents(mct / 1000)}{units.SPACE}ct/kWh"


def cents(value: float) -> str:
    """With one decimal, two where the first would hide a difference of a tenth."""
    return f"{value:.2f}".removesuffix("0").replace("-", units.MINUS)


def money(micro: int | None) -> str:
    """Micro-units of account in, cents out: "84.2 ct", "1,204 ct"."""
    if micro is None:
        return UNKNOWN
    value = micro / MICRO_CT + 0.0
    text = f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.1f}"
    return f"{'0.0' if text == '-0.0' else text}{units.SPACE}ct".replace("-", units.MINUS)


def percent(permille: int | None) -> str:
    """ "12.3 %"; permille in."""
    return UNKNOWN if permille is None else f"{permille / 10:.1f}{units.SPACE}%".replace("-", units.MINUS)


def at(time_s: int, zone: tzinfo, form: str = "%H:%M") -> str:
    """The grid's time in the bridge's zone."""
    return datetime.fromtimestamp(time_s, zone).strftime(form)


def moment(time_s: int, now_s: int, zone: tzinfo) -> str:
    """ "14:15" of today, "Thu 06:30" of another day."""
    same = at(time_s, zone, "%F") == at(now_s, zone, "%F")
    return at(time_s, zone, "%H:%M" if same else "%a %H:%M")


def span(from_s: int, until_s: int) -> str:
    """ "15 min", "2 h 30 min", "3 d 2 h"."""
    minutes = max(0, until_s - from_s) // 60
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (0 if days else rest, "min")]
    return " ".join(f"{count}{units.SPACE}{unit}" for count, unit in parts if count) or f"0{units.SPACE}min"


def grid_direction(value: float | None) -> str:
    """ "import", "export", "idle" or "unknown"."""
    return units.direction(None if value is None else round(value * 1000))


def content(home: HomeView) -> str:
    """What the battery holds: "3.20 kWh of 6.40 kWh, estimated, ± 200 Wh"."""
    if not home.capacity_wh:
        return "no battery"
    if home.content_estimated_wh is None:
        return f"content {UNKNOWN}, of {watt_hours(home.capacity_wh)}"
    told = f"{watt_hours(home.content_estimated_wh)} of {watt_hours(home.capacity_wh)}, estimated"
    unsure = home.content_uncertain_wh
    return told if unsure is None else f"{told}, \N{PLUS-MINUS SIGN}{units.SPACE}{watt_hours(unsure)}"


def saved(savings: SavingsView | None) -> str:
    """The headline: saved, or that nobody can tell yet."""
    if savings is None or not savings.intervals or savings.permille is None:
        return "too young to tell"
    word = "saved" if savings.saved_micro >= 0 else "more than doing nothing"
    return f"{percent(abs(savings.permille))} {word}"


def band(savings: SavingsView | None) -> str:
    """How sure that is."""
    if savings is None or not savings.intervals:
        return "nothing is settled yet"
    if savings.low_permille is None or savings.high_permille is None:
        return savings.says
    return f"{percent(savings.low_permille)} to {percent(savings.high_permille)}: {savings.says} this band"


def position(home: HomeView) -> str:
    """What it trades in the current interval."""
    if home.position_mwh > 0:
        return f"buys {energy(home.position_mwh)} of neighbours"
    return f"sells {energy(home.position_mwh)} to neighbours" if home.position_mwh < 0 else "no trade in this interval"


def is_stale(home: HomeView) -> bool:
    """Whether what is known of it is not current."""
    return home.link_state in STALE_LINKS


def open_homes(view: EnergyView) -> list[tuple[HomeView, int]]:
    """Homes with intervals that wait for a meter, the most first."""
    found = [(home, _open(home.savings, home.today)) for home in view.homes]
    return sorted(((home, count) for home, count in found if count), key=lambda each: (-each[1], each[0].name))


def _open(savings: SavingsView | None, today: AccountView | None) -> int:
    return max(savings.open_intervals if savings else 0, today.open_intervals if today else 0)


def uncertain(home: HomeView) -> list[str]:
    """What is not sure about a home now, in sentences."""
    told = [f"The {meter} meter: {word}." for meter, word in home.meters.items() if word != "good"]
    if home.content_estimated_wh is not None and home.content_uncertain_wh:
        told.append(f"The battery's content is estimated; it may be off by {watt_hours(home.content_uncertain_wh)}.")
    elif home.capacity_wh and home.content_estimated_wh is None:
        told.append("The battery's content is not known.")
    told += [
        f"The forecast of {skill.what} fell back to {skill.method}: {skill.why}." for skill in home.skills if skill.why
    ]
    told += [
        f"The forecast of {skill.what} is worse than the same time a day before."
        for skill in home.skills
        if skill.permille is not None and skill.permille < 0
    ]
    told += [f"{cause[:1].upper()}{cause[1:]}." for cause in home.standing.causes]
    waiting = _open(home.savings, home.today)
    if waiting:
        told.append(f"{intervals(waiting)} {'waits' if waiting == 1 else 'wait'} for the meter to be settled.")
    return told


def intervals(count: int) -> str:
    """ "1 interval", "8 intervals"."""
    return f"{count:,}{units.SPACE}interval{'' if count == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """ "a, b and c"."""
    *most, last = list(names) or [""]
    return f"{', '.join(most)} and {last}" if most else last
