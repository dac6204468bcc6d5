"""Today's account of a home, in words. Each number in it, pointed at, focused or tapped, tells which rows of the books
it is from, what was read from them, and the whole value."""

import re
from datetime import tzinfo
from typing import TYPE_CHECKING

from nicegui import background_tasks

from host_bridge.agent.energy.view import AccountView
from host_bridge.agent.narrative import Account, Figure, Quote, Source
from host_bridge.model import StoreError
from host_bridge.web.elements import Text, attribute, box, mark
from host_bridge.web.energy_words import energy, intervals, money
from host_bridge.web.header import Panel

if TYPE_CHECKING:
    from host_bridge.web.energy_source import EnergySource

LENGTH_WORDS = {"short": "Tell all of it", "long": "Tell it shortly"}  # on the button, by what is shown


class AccountPanel:
    """Read anew when another interval is settled; told in the books' words (agent/narrative)."""

    def __init__(self, home: str, energy_agent: "EnergySource", zone: tzinfo) -> None:
        self._home, self._energy, self._zone = home, energy_agent, zone
        self._length, self._kinds = "short", ""
        self._read_for: tuple[str, str, AccountView | None] = ("", "", None)
        self._parts: list[tuple[Text, Text | None]] = []
        with Panel("Today's account", "") as panel:
            self._room = box("div", "account")
            self._trouble = Text("p", "", "note trouble hidden")
            self._sums = Text("p", "", "note")
            with box("div", "ask"):
                self._more = Text("button", "", "button").props("type=button").on("click", self._turn)
            Text("p", "Point at a number, or reach it with Tab, and it tells the rows that it is from.", "note")
        self._note = panel.note

    def tick(self, today: AccountView | None, day: str) -> None:
        """`today`: its settled sums; `day`: the grid's, as 2026-07-01."""
        self._note.show(f"{day}, of the grid")
        self._more.show(LENGTH_WORDS[self._length])
        attribute(self._more, "aria-expanded", "true" if self._length == "long" else "false")
        self._sums.show(sums(today))
        wanted = (self._length, day, today)
        if wanted != self._read_for:
            self._read_for = wanted
            background_tasks.create_lazy(self._read(self._length, day), name=f"account {id(self)}")

    def _turn(self) -> None:
        self._length = "long" if self._length == "short" else "short"
        self._more.show(LENGTH_WORDS[self._length])
        self._read_for = ("", "", None)

    async def _read(self, length: str, day: str) -> None:
        try:
            account = await self._energy.account(self._home, day, length)
        except (StoreError, KeyError) as error:
            self._trouble.show(f"The account cannot be read: {error}")
            mark(self._trouble, hidden=False)
            return
        if self._room.is_deleted:
            return
        mark(self._trouble, hidden=True)
        self._show(account)

    def _show(self, account: Account) -> None:
        """In place where it has the same form, so that a number that is focused stays so."""
        kinds = form(account)
        if kinds != self._kinds:
            self._kinds = kinds
            self._build(account)
            return
        parts = [part for sentence in account.sentences for part in sentence.parts]
        for (text, source), part in zip(self._parts, parts, strict=True):
            text.show(part if isinstance(part, str) else part.text)
            if source is not None and not isinstance(part, str):
                source.show(source_words(part))

    def _build(self, account: Account) -> None:
        self._room.clear()
        self._parts = []
        about, paragraph = "", self._room
        for sentence in account.sentences:
            if sentence.about != about:
                about = sentence.about
                with self._room, box("p", f"about-{about}") as paragraph:
                    Text("span", f"{about.capitalize()} ", "eyebrow")
            with paragraph, box("span", "told-line"):
                self._parts += [_part(part) for part in sentence.parts]
                Text("span", " ")


def _part(part: str | Figure | Quote) -> tuple[Text, Text | None]:
    if isinstance(part, str):
        return Text("span", part), None
    with box("span", "sourced"):
        reached = box("span", "quoted" if isinstance(part, Quote) else "number", role="button", tabindex="0")
        with reached:
            shown = Text("span", part.text)
            source = Text("span", source_words(part), "source").props("role=tooltip")
        reached.props["aria-describedby"] = source.html_id
    return shown, source


def form(account: Account) -> str:
    """Equal for two accounts that differ in their texts alone."""
    letter = {str: "w", Figure: "f", Quote: "q"}
    return " ".join(
        f"{sentence.about}:{''.join(letter[type(part)] for part in sentence.parts)}" for sentence in account.sentences
    )


def source_words(part: Figure | Quote) -> str:
    """Where it is from: the value, the rows, and the question to the books that gives it again."""
    source = part.source
    rows = f"from {source.rows:,} row{'' if source.rows == 1 else 's'} of {source.table}"
    told = f"{part.value:,} {part.unit}".strip() if isinstance(part, Figure) else "these words as they stand there"
    return f"{told}, {rows}: {question(source)}"


def question(source: Source) -> str:
    """SQL with its values filled in, for agent.db."""
    values = iter(source.values)
    where = re.sub(r"\?", lambda _: _literal(next(values)), source.where)
    return f"SELECT {source.expression} FROM {source.table} WHERE {where}"  # noqa: S608 - told to people, never run


def _literal(value: object) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def sums(today: AccountView | None) -> str:
    """The exact sums of the day's settled intervals."""
    if today is None:
        return ""
    told = (
        f"Settled so far: {money(today.paid_micro)} to pay (grid {money(today.grid_micro)}, "
        f"neighbours {money(today.trade_micro)}, imbalance {money(today.imbalance_micro)}, "
        f"fees {money(today.fee_micro)}); "
        f"{energy(today.bought_mwh)} bought and {energy(today.sold_mwh)} sold among neighbours; "
        f"{intervals(today.intervals)} settled"
    )
    return told + (f", {intervals(today.open_intervals)} open." if today.open_intervals else ".")
