"""The top of a home's energy page: what flows now, what is done and why, what comes next and why, what is not sure."""

from datetime import tzinfo

from host_bridge.agent.energy.view import HomeView, SwitchingView
from host_bridge.web.elements import Text, attribute, box, choose, mark
from host_bridge.web.energy_overview import Facts, flow
from host_bridge.web.energy_words import content, is_stale, moment, position, price, span, uncertain, watts
from host_bridge.web.header import Panel
from host_bridge.web.savings_tile import Savings


class HomeHead:
    """Name, link and rung; the way back."""

    def __init__(self, name: str) -> None:
        with box("div", "home-head"):
            Text("a", "\N{LEFTWARDS ARROW} All homes", "back").props("href=/energy")
            with box("div", "title-line"):
                Text("h2", name, "page-title")
                self._link, self._rung = Text("span", "", "link"), Text("span", "", "rung-name")
            self._cause = Text("p", "", "note")

    def tick(self, home: HomeView, shown: str, old: str) -> None:
        """`shown`: what people read of its rung; `old`: the age of what it last said."""
        self._link.show(home.link_state)
        choose(self._link, "link", home.link_state)
        self._rung.show(home.standing.rung)
        choose(self._rung, "place", str(home.standing.place))
        told = [old] if is_stale(home) else []
        self._cause.show("; ".join([*told, shown, *home.standing.causes]))

    def miss(self, words: str) -> None:
        """The agent does not know of it."""
        self._cause.show(words)


class HomeNow:
    """Three tiles: flows, what is done now, what comes next."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        with box("section", "energy-now home-now", aria_label="Now") as self._element:
            with box("div", "tile flows"):
                Text("h2", "Now, by its meters", "eyebrow")
                self._flows = Facts("uses", "sun gives", "battery", "grid")
                with box("div", "bar", aria_hidden="true") as self._room:
                    self._bar = box("span")
                self._content = Text("p", "", "note estimated")
            with box("div", "tile"):
                Text("h2", "What the agent does", "eyebrow")
                self._doing, self._why = Text("p", "", "headline"), Text("p", "", "why")
                self._trade = Text("p", "", "note")
            with box("div", "tile"):
                Text("h2", "Next switching", "eyebrow")
                self._next, self._next_why = Text("p", "", "headline"), Text("p", "", "why")
                self._alone = Text("p", "", "note")
            self._savings = Savings("Saved against doing nothing")

    def tick(self, home: HomeView, now_s: int) -> None:
        mark(self._element, stale=is_stale(home))
        self._flows.show(
            watts(home.load_w),
            watts(home.solar_w),
            flow(home.battery_w, "charging", "giving"),
            flow(home.grid_w, "from the grid", "to the grid"),
        )
        self._content.show(content(home))
        known = home.capacity_wh and home.content_estimated_wh is not None
        mark(self._room, hidden=not known)
        if known:
            attribute(self._bar, "style", f"width:{100 * (home.content_estimated_wh or 0) / home.capacity_wh:.0f}%")
        self._doing.show(home.now_doing or "nothing decided")
        self._why.show(home.now_why)
        self._trade.show(f"{position(home)}; its price in this interval: {price(home.price_mct)}")
        self._next.show(next_words(home.next_switching, now_s, self._zone))
        self._next_why.show(next_why(home.next_switching, now_s, self._zone))
        self._alone.show(
            f"If the agent were gone, the node would follow its own plan: {home.node_plan or 'none is stored'}."
        )
        self._savings.tick(home.savings)


class Uncertain:
    """What is not sure."""

    def __init__(self) -> None:
        with Panel("What is uncertain", ""):
            self._list = box("ul", "told")
            self._none = Text("p", "Nothing that the agent knows of.", "note")
        self._shown: list[str] | None = None

    def tick(self, home: HomeView) -> None:
        told = uncertain(home)
        if told == self._shown:
            return
        self._shown = told
        self._list.clear()
        with self._list:
            for each in told:
                Text("li", each)
        mark(self._list, hidden=not told)
        mark(self._none, hidden=bool(told))


def next_words(following: SwitchingView | None, now_s: int, zone: tzinfo) -> str:
    """What, and when."""
    if following is None:
        return "none is planned"
    return f"{following.action} at {moment(following.at_s, now_s, zone)}"


def next_why(following: SwitchingView | None, now_s: int, zone: tzinfo) -> str:
    """The contactor, how long, the reason."""
    if following is None:
        return ""
    closes = following.target == "closed"
    told = (
        f"{following.contactor} {'closes' if closes else 'opens'} in {span(now_s, following.at_s)} of the grid's time"
    )
    until = f", until {moment(following.until_s, now_s, zone)}" if closes and following.until_s > following.at_s else ""
    return f"{told}{until}" + (f": {following.why}" if following.why else "")
