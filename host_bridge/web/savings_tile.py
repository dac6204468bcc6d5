"""What was saved against doing nothing, with its band: claimed only where there is one."""

from host_bridge.agent.energy.view import SavingsView
from host_bridge.web.elements import Text, attribute, box, choose, mark
from host_bridge.web.energy_words import band, intervals, money, saved

LEAST_REACH = 100  # permille to each side of 0 that the drawn band has room for, at least


class Savings:
    """What was saved, with its band: drawn, and in words."""

    def __init__(self, title: str) -> None:
        with box("div", "tile") as self._tile:
            Text("h2", title, "eyebrow")
            self._headline = Text("p", "", "headline")
            with box("div", "whisker", aria_hidden="true") as self._drawn:
                self._zero, self._band, self._mark = box("span", "zero"), box("span", "band"), box("span", "mark")
            self._band_words = Text("p", "", "note")
            self._sums = Text("p", "", "note")

    def note(self) -> Text:
        """One more line below."""
        with self._tile:
            return Text("p", "", "note")

    def tick(self, savings: SavingsView | None) -> None:
        self._headline.show(headline(savings))
        choose(self._headline, "is", "young" if is_young(savings) else "known")
        self._band_words.show(band(savings))
        self._sums.show(sums(savings))
        mark(self._drawn, hidden=savings is None or savings.permille is None or savings.low_permille is None)
        if savings is None or savings.permille is None:
            return
        low, high = savings.low_permille or 0, savings.high_permille or 0
        zero, begin, end, value = on_scale(0, low, high, savings.permille)
        attribute(self._zero, "style", f"left:{zero:.1f}%")
        attribute(self._band, "style", f"left:{begin:.1f}%;right:{100 - end:.1f}%")
        attribute(self._mark, "style", f"left:{value:.1f}%")


def is_young(savings: SavingsView | None) -> bool:
    """Whether there is no band yet."""
    return savings is None or not savings.intervals or savings.low_permille is None


def headline(savings: SavingsView | None) -> str:
    """Nothing is claimed before there is a band."""
    return "too young to tell" if is_young(savings) else saved(savings)


def sums(savings: SavingsView | None) -> str:
    """The exact sums behind it."""
    if savings is None or not savings.intervals:
        return ""
    young = f" ({saved(savings)} so far)" if is_young(savings) and savings.permille is not None else ""
    told = f"{money(savings.paid_micro)} instead of {money(savings.baseline_micro)} without battery and agent{young}"
    return f"{told}, {intervals(savings.intervals)} settled"


def on_scale(*permille: int) -> list[float]:
    """Places, in % of the width, on a scale that has room for all of them."""
    low, high = min(permille) - LEAST_REACH / 5, max(LEAST_REACH, *permille) * 1.2
    return [100 * (value - low) / (high - low) for value in permille]
