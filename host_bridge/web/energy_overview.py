"""The top of the energy page: the price now, what is saved, what the homes do together; and what must not be missed."""

from datetime import tzinfo

from host_bridge.agent.energy.view import CommunityView, EnergyView, PoolView
from host_bridge.web.banner import Line
from host_bridge.web.elements import Text, attribute, box, mark
from host_bridge.web.energy_words import UNKNOWN, at, cents, money, price, watts
from host_bridge.web.savings_tile import Savings


class Notices:
    """A line each, there only while there is something to say: a fault, and that the grid's time is a replay."""

    def __init__(self) -> None:
        with box("div", "banners"):
            self._fault = Line("error", role="alert")
            self._books = Line("error", role="alert")
            self._replay = Line("replay", role="note", drawing="clock")

    def tick(self, view: EnergyView) -> None:
        self._fault.show(view.fault)
        self._books.show(books_words(view.community.books_micro))
        self._replay.show(replay_words(view))


class TimeLine:
    """The grid's time and the interval under way."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._words = Text("p", "", "grid-time note")

    def tick(self, view: EnergyView) -> None:
        self._words.show(time_words(view, self._zone))


class Overview:
    """Price, savings and power of the community."""

    def __init__(self) -> None:
        with box("section", "energy-now", aria_label="Now"):
            self._price, self._savings = _Price(), Savings("Saved against doing nothing")
            self._pool = self._savings.note()
            with box("div", "tile"):
                Text("h2", "All homes together", "eyebrow")
                self._powers = Facts("use", "sun gives", "batteries", "grid")
                self._silent = Text("p", "", "note")

    def tick(self, view: EnergyView) -> None:
        community = view.community
        self._price.tick(community)
        self._savings.tick(community.savings)
        self._pool.show(pool_words(community.pool))
        self._powers.show(
            watts(community.load_w),
            watts(community.solar_w),
            flow(community.battery_w, "charging", "giving"),
            flow(community.grid_w, "from the grid", "to the grid"),
        )
        silent = community.silent_homes
        self._silent.show(
            f"without {silent} home{'' if silent == 1 else 's'} whose meters do not tell" if silent else ""
        )


class Facts:
    """Names and figures, side by side."""

    def __init__(self, *names: str) -> None:
        self._values = []
        with box("dl", "facts"):
            for name in names:
                with box("div"):
                    Text("dt", name)
                    self._values.append(Text("dd", UNKNOWN))

    def show(self, *texts: str) -> None:
        for value, text in zip(self._values, texts, strict=True):
            value.show(text)


class _Price:
    def __init__(self) -> None:
        with box("div", "tile"):
            Text("h2", "Price among neighbours", "eyebrow")
            with box("p", "figure"):
                self._number = Text("span", UNKNOWN, "number")
                self._unit = Text("span", "ct/kWh", "unit")
            with box("div", "scale", aria_hidden="true") as self._scale:
                self._mark = box("span")
            with box("p", "ends note"):
                self._sell, self._buy = Text("span"), Text("span")
            self._why = Text("p", "", "note")

    def tick(self, community: CommunityView) -> None:
        known = community.price_mct is not None
        self._number.show(cents((community.price_mct or 0) / 1000) if known else "no trade")
        self._unit.show("ct/kWh" if known else "")
        self._sell.show(f"grid pays {price(community.sell_mct)}")
        self._buy.show(f"grid sells at {price(community.buy_mct)}")
        self._why.show(community.price_why)
        place = between(community.sell_mct, community.price_mct, community.buy_mct)
        mark(self._scale, hidden=place is None)
        attribute(self._mark, "style", f"left:{place or 0:.1f}%")


def between(low: int | None, value: int | None, high: int | None) -> float | None:
    """Where `value` stands from `low` (0) to `high` (100); None: it cannot be told."""
    if low is None or value is None or high is None or high <= low:
        return None
    return min(100.0, max(0.0, 100 * (value - low) / (high - low)))


def flow(value: float | None, positive: str, negative: str) -> str:
    """ "1.20 kW charging"; by its words, not its sign."""
    if value is None or abs(value) < 0.5:
        return UNKNOWN if value is None else watts(0)
    return f"{watts(abs(value))} {positive if value > 0 else negative}"


def silent_words(homes: int) -> str:
    """Whom the sum does not have."""
    return f"without {homes} home{'' if homes == 1 else 's'} whose meters do not tell" if homes else ""


def pool_words(pool: PoolView | None) -> str:
    """What is all homes' together, and what they got of it last."""
    if pool is None:
        return ""
    paid = "" if pool.paid_micro is None else f"; {money(pool.paid_micro)} for {pool.paid_day} paid out"
    return f"Pool: {money(pool.held_micro)}, each day's paid out by what each home added{paid}."


def books_words(sum_micro: int) -> str:
    """What is wrong when all accounts do not sum to zero."""
    if not sum_micro:
        return ""
    return (
        f"The books do not balance: all accounts sum to {sum_micro:,} micro-units, not to 0. Keep agent.db and tell us."
    )


def replay_words(view: EnergyView) -> str:
    """That this is not the real grid's time."""
    if view.speed == 1:
        return ""
    return f"Simulated neighbourhood, {view.speed_says or f'replayed {view.speed} times as fast'}."


def time_words(view: EnergyView, zone: tzinfo) -> str:
    """Of the grid; the interval; how the last plan came about."""
    community = view.community
    told = [
        f"Grid time {at(view.time_s, zone, '%a %d %b %H:%M')}{' (replayed)' if view.speed != 1 else ''}",
        f"interval {at(community.interval_s, zone)} to {at(community.interval_until_s, zone)}",
        {"market": "homes trade", "pooled": "homes are planned as one", "alone": "each home for itself"}.get(
            community.mode, community.mode
        ),
    ]
    return " \N{MIDDLE DOT} ".join(told)
