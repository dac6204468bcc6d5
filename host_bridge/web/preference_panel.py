"""What people want of a home: what holds, and a new wish in a sentence or field by field. A proposal is told in words
and sets nothing before a person confirms it."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from host_bridge.agent.energy.view import PreferenceView
from host_bridge.agent.preference import Preference, PreferenceError
from host_bridge.model import StoreError
from host_bridge.web.elements import Text, attribute, box, choose, mark
from host_bridge.web.energy_words import at
from host_bridge.web.fields import field, refill, shown_in
from host_bridge.web.header import Panel
from host_bridge.web.preference_form import PreferenceForm

if TYPE_CHECKING:
    from host_bridge.web.energy_source import WishSource

ASKED_BY = "page"
EXAMPLE = "car full by seven, never heat above 55"


class PreferencePanel:
    """Nothing typed here is lost when the page is brought up to date."""

    def __init__(self, home: str, wishes: "WishSource", zone: tzinfo) -> None:
        self._home, self._wishes, self._zone = home, wishes, zone
        self._offered: dict[str, Any] | None = None
        self._sentence, self._busy = "", False
        self._shown: list[PreferenceView] | None = None
        with Panel("Preferences", "what the plan has to keep"):
            self._list = box("ul", "wishes")
            self._none = Text("p", "None is set: the agent only minds the cost.", "note")
            with box("div", "sentence ask"):
                self._field = field("Say what you want", EXAMPLE, lambda _: None)
                self._field.on("keydown.enter", self._propose)
                self._read = Text("button", "Propose", "button").props("type=button").on("click", self._propose)
            self._build_proposal()
            PreferenceForm(wishes.devices(home), self._offer_typed, self._refuse)
            self._outcome = Text("p", "", "note request hidden").props("aria-live=polite")

    def _build_proposal(self) -> None:
        with box("div", "confirm hidden", role="group", aria_label="Proposal", aria_live="polite") as self._proposal:
            self._words = Text("p", "", "means")
            self._sure = Text("p", "", "note")
            self._also = box("div", "ask also")
            with box("div", "ask") as self._answers:
                self._yes = (
                    Text("button", "Yes, set it", "button primary").props("type=button").on("click", self._confirm)
                )
                Text("button", "No", "button").props("type=button").on("click", self._cancel)

    def tick(self, preferences: Sequence[PreferenceView]) -> None:
        if list(preferences) == self._shown:
            return
        self._shown = list(preferences)
        mark(self._list, hidden=not preferences)
        mark(self._none, hidden=bool(preferences))
        self._list.clear()
        with self._list:
            for wish in preferences:
                self._add(wish)

    def _add(self, wish: PreferenceView) -> None:
        with box("li"):
            with box("div"):
                Text("p", wish.words, "means")
                Text("p", set_words(wish, self._zone), "note")
            button = Text("button", "Remove", "button").props("type=button")
            attribute(button, "aria-label", f"Remove: {wish.words}")
            button.on("click", lambda: self._forget(wish))

    async def _propose(self) -> None:
        if self._busy:
            return
        self._set_busy(True)
        try:
            sentence = (await shown_in(self._field)).strip()
            if not sentence:
                self._refuse(f"Write what you want, such as: {EXAMPLE}.")
                return
            self._tell("Reading it\N{HORIZONTAL ELLIPSIS}", "pending")
            found = await self._wishes.propose(self._home, sentence)
        except (TimeoutError, KeyError, OSError) as error:
            self._refuse(f"It could not be read: {error}")
            return
        finally:
            self._set_busy(False)
        self._tell("", "pending")
        self._sentence = sentence
        sure = f"read with a confidence of {found.confidence * 100:.0f} %; nothing is set yet"
        self._offer(found.document, found.words, sure if found.document else "Nothing is set.", found.alternatives)

    def _offer_typed(self, preference: Preference) -> None:
        self._sentence = ""
        self._tell("", "pending")
        self._offer(preference.document(), preference.words(), "chosen field by field; nothing is set yet", [])

    def _offer(self, document: dict[str, Any] | None, words: str, sure: str, also: Sequence[dict[str, Any]]) -> None:
        self._offered = document
        self._words.show(words)
        self._sure.show(sure)
        self._also.clear()
        with self._also:
            for other in also:
                self._alternative(other)
        mark(self._also, hidden=not also)
        mark(self._answers, hidden=document is None)
        choose(self._proposal, "is", "unread" if document is None else "read")
        mark(self._proposal, hidden=False)

    def _alternative(self, other: dict[str, Any]) -> None:
        button = Text("button", f"Rather: {other['words']}", "button").props("type=button")
        button.on("click", lambda: self._offer(other["document"], other["words"], "nothing is set yet", []))

    async def _confirm(self) -> None:
        if self._offered is None or self._busy:
            return
        self._set_busy(True)
        try:
            kept = await self._wishes.confirm(self._home, self._offered, ASKED_BY, self._sentence)
        except (PreferenceError, StoreError, KeyError) as error:
            self._refuse(f"Not set: {error}")
            return
        finally:
            self._set_busy(False)
        self._cancel()
        refill(self._field, "")
        self._tell(f"Set: {kept.words}", "applied")

    async def _forget(self, wish: PreferenceView) -> None:
        try:
            await self._wishes.forget(self._home, wish.number, ASKED_BY)
        except KeyError:
            self._refuse("It was removed already.")
        except StoreError as error:
            self._refuse(f"Not removed: {error}")
        else:
            self._tell(f"Removed: {wish.words}", "applied")

    def _cancel(self) -> None:
        self._offered = None
        mark(self._proposal, hidden=True)

    def _refuse(self, words: str) -> None:
        self._tell(words, "refused")

    def _tell(self, text: str, kind: str) -> None:
        choose(self._outcome, "was", kind)
        self._outcome.show(text)
        mark(self._outcome, hidden=not text)

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        for button in (self._read, self._yes):
            attribute(button, "disabled", True if busy else None)


def set_words(wish: PreferenceView, zone: tzinfo) -> str:
    """Since when, and by which words."""
    since = f"since {at(wish.set_s, zone, '%d %b %H:%M')}"
    return (
        f"\N{LEFT DOUBLE QUOTATION MARK}{wish.sentence}\N{RIGHT DOUBLE QUOTATION MARK}, {since}"
        if wish.sentence
        else since
    )
