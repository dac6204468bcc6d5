"""The top of every page: the bridge's name, the way to the other pages, the clock, the colours."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

from nicegui import ui

from host_bridge.web.elements import Text, attribute, box, glyph

SCHEMES: dict[str, tuple[bool | None, str]] = {
    "auto": (None, "Colours follow the system"),
    "light": (False, "Light colours"),
    "dark": (True, "Dark colours"),
}
PAGES = {"/": "Homes", "/energy": "Energy", "/worlds": "Worlds"}


class Header:
    """`here` is the page's own address; `pages` are the addresses of PAGES that there are. `scheme` is auto, light or
    dark."""

    def __init__(self, name: str, scheme: str, here: str, pages: Sequence[str]) -> None:
        dark = ui.dark_mode(SCHEMES.get(scheme, SCHEMES["auto"])[0])
        with box("header", "top"):
            Text("h1", name)
            if len(pages) > 1:
                with box("nav", "pages", aria_label="Pages"):
                    for address in pages:
                        link = Text("a", PAGES[address]).props(f"href={address}")
                        attribute(link, "aria-current", "page" if address == here else None)
            self._clock = Text("time", "", "clock")
            button = box("button", "scheme", type="button")
        names = list(SCHEMES)
        chosen = scheme if scheme in SCHEMES else "auto"

        def show(name: str) -> None:
            button.clear()
            with button:
                glyph(f"scheme-{name}")
            attribute(button, "aria-label", f"{SCHEMES[name][1]}; change")
            attribute(button, "title", SCHEMES[name][1])

        def turn() -> None:
            nonlocal chosen
            chosen = names[(names.index(chosen) + 1) % len(names)]
            dark.value = SCHEMES[chosen][0]
            ui.run_javascript(f"gridnexus.remember({chosen!r})")
            show(chosen)

        button.on("click", turn)
        show(chosen)

    def tick(self, zone: tzinfo) -> None:
        """The bridge's local time."""
        self._clock.show(datetime.now(zone).strftime("%a %d %b  %H:%M"))


class Panel:
    """A titled part of a page; `note` is the small text beside the title."""

    def __init__(self, title: str, note: str) -> None:
        self.section = box("section", "card panel", aria_label=title)
        with self.section, box("header"):
            Text("h2", title)
            self.note = Text("span", note, "note")

    def __enter__(self) -> "Panel":
        self.section.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.section.__exit__(*error)
