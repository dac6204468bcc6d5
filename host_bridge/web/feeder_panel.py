"""The feeder: how full its lines are and how far its voltages stray, as a drawing and as bars. All of it estimated."""

from datetime import tzinfo

from nicegui import ui

from host_bridge.agent.energy.view import EnergyView, FeederView
from host_bridge.agent.feeder.drawing import Picture, draw
from host_bridge.web.elements import Text, attribute, box, choose, mark
from host_bridge.web.energy_charts import TimeChart, loading_options
from host_bridge.web.energy_words import energy, percent
from host_bridge.web.header import Panel

NEAR_PERMILLE, FULL_PERMILLE = 800, 1000  # of the limit
LOW_PERMILLE, HIGH_PERMILLE = 900, 1100  # of the nominal voltage: EN 50160
LEGEND = (("good", "below 80 % of the limit"), ("fair", "80 % or more"), ("weak", "beyond the limit"))


class FeederPanel:
    """Hidden where no feeder is configured."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone, self._shown = zone, Picture("", (), (), (), (), 0, 0)
        with Panel("Feeder", "") as panel:
            with box("div", "gauges"):
                self._loading = _Gauge("Fullest part, estimated")
                self._voltage = _Gauge("Voltages, estimated")
            # draw() escapes what comes from names. It may be wider than a phone: then it is moved by hand or keys.
            with box("div", "scroll", tabindex="0", role="group", aria_label="Drawing of the feeder") as self._room:
                self._drawing = ui.html("", sanitize=False).classes("feeder-map")
            with box("ul", "legend note", aria_label="What the colours say") as self._legend:
                for look, words in LEGEND:
                    with box("li"):
                        box("span", f"swatch {look}", aria_hidden="true")
                        Text("span", words)
            self._chart = TimeChart(
                "How full the fullest part of the feeder was, estimated", "No interval has been cleared yet.", "low"
            )
        self._panel, self._note = panel.section, panel.note

    def tick(self, view: EnergyView, picture: Picture | None) -> None:
        feeder = view.community.feeder
        mark(self._panel, hidden=feeder is None)
        if feeder is None:
            return
        self._note.show(note(feeder))
        self._loading.show(loading_words(feeder), feeder.estimated_loading_permille / 10, loading_look(feeder))
        low, high = feeder.estimated_low_permille, feeder.estimated_high_permille
        reach = HIGH_PERMILLE - LOW_PERMILLE
        look = "weak" if low < LOW_PERMILLE or high > HIGH_PERMILLE else "good"
        self._voltage.show(voltage_words(feeder), 100 * (high - low) / reach, look, 100 * (low - LOW_PERMILLE) / reach)
        mark(self._room, hidden=picture is None)
        mark(self._legend, hidden=picture is None)
        if picture is not None and picture != self._shown:
            self._shown = picture
            self._drawing.set_content(draw(picture))
        history = list(feeder.history)
        self._chart.show(history, not history, lambda: loading_options(history, view.step_s, self._zone))


class _Gauge:
    """A bar from 0 to 100 (or from `begin`), its words above."""

    def __init__(self, title: str) -> None:
        with box("div", "gauge"):
            Text("h3", title, "eyebrow")
            self._words = Text("p")
            with box("div", "bar", aria_hidden="true") as self._room:
                self._bar = box("span")

    def show(self, words: str, wide: float, look: str, begin: float = 0.0) -> None:
        self._words.show(words)
        choose(self._room, "look", look)
        left = min(99.0, max(0.0, begin))
        attribute(self._bar, "style", f"margin-left:{left:.1f}%;width:{min(100 - left, max(wide, 1)):.1f}%")


def note(feeder: FeederView) -> str:
    """Beside the title."""
    cut = feeder.curtailed_mwh
    return f"{feeder.name}; {f'its limits cut {energy(cut)} in this interval' if cut else 'its limits cut nothing'}"


def loading_words(feeder: FeederView) -> str:
    """How full, and what."""
    return f"{percent(feeder.estimated_loading_permille)} of its rating: {feeder.fullest}"


def loading_look(feeder: FeederView) -> str:
    """What colours the bar; the words say the figure too."""
    full = feeder.estimated_loading_permille
    return "weak" if full >= FULL_PERMILLE else "fair" if full >= NEAR_PERMILLE else "good"


def voltage_words(feeder: FeederView) -> str:
    """The range, of what is allowed."""
    low, high = percent(feeder.estimated_low_permille), percent(feeder.estimated_high_permille)
    return f"{low} to {high} of nominal; {LOW_PERMILLE // 10} % to {HIGH_PERMILLE // 10} % are allowed"
