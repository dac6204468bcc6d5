"""From a day's rows to sentences: what happened, what was decided and why, what it cost, what was refused, what was
uncertain. The short length has the first of each, the long one all.

Energy is shown in kWh, money in ct (a hundredth of the unit of account); both rounded as shown, the figure keeps the
whole number.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import groupby, zip_longest

from host_bridge.agent.narrative.amounts import ct, kwh, number
from host_bridge.agent.narrative.day import Day
from host_bridge.agent.narrative.expected import surprises
from host_bridge.agent.narrative.parts import Account, Figure, Part, Sentence
from host_bridge.store.book_rows import AwardRow, DecisionRow, IntervalRow, LineRow, OutcomeRow

LENGTHS = ("short", "long")
MOST_TOLD = 12  # decisions, refusals and flags, each
DIVIDEND = "dividend_micro"
_PARTS_OF_COST = (
    ("trade_micro", "trade among neighbours"),
    ("grid_micro", "the grid"),
    ("imbalance_micro", "imbalance"),
    ("fee_micro", "fees"),
    (DIVIDEND, "its part of the pool"),
)
COST = " + ".join(column for column, _ in _PARTS_OF_COST)
SETTLES = f" AND {DIVIDEND} = 0"  # the other lines pay out the pool
LOAD = "import_mwh - export_mwh + solar_mwh - charge_mwh + discharge_mwh"

Clock = Callable[[int], str]


def tell(day: Day, length: str = "short", zone: tzinfo = UTC) -> Account:
    """The account of `day`; times of day in `zone`. Raises ValueError: no such length."""
    if length not in LENGTHS:
        raise ValueError(f"an account is {' or '.join(LENGTHS)}, not {length!r}")

    def clock(at_s: int) -> str:
        return datetime.fromtimestamp(at_s, zone).strftime("%H:%M")

    sentences = [*_happened(day, length, clock), *_cost(day, length)]
    sentences += [*_decided(day, length, clock), *_refused(day, length, clock), *_uncertain(day, length, clock)]
    return Account(day.home, day.begin_s, day.end_s, length, tuple(sentences))


def _happened(day: Day, length: str, clock: Clock) -> Iterator[Sentence]:
    rows = day.intervals
    if not rows:
        yield Sentence("happened", (f"Nothing is known of {day.home} on this day: no meter has told of it.",))
        return

    def total(expression: str, value: int) -> Figure:
        return day.figure(IntervalRow, value, f"sum({expression})", kwh, "mWh", len(rows))

    load, solar = total(LOAD, sum(row.load_mwh for row in rows)), total("solar_mwh", sum(row.solar_mwh for row in rows))
    taken, given = (total(name, sum(getattr(row, name) for row in rows)) for name in ("import_mwh", "export_mwh"))
    parts: list[Part] = [f"{day.home} used ", load]
    parts += [", its sun gave ", solar] if solar.value else []
    yield Sentence("happened", (*parts, "; ", taken, " came in through its meter and ", given, " went out."))
    charged, freed = (total(name, sum(getattr(row, name) for row in rows)) for name in ("charge_mwh", "discharge_mwh"))
    if length == "long" and (charged.value or freed.value):
        yield Sentence("happened", ("The battery took in ", charged, " and gave back ", freed, "."))
    if length == "long":
        most = max(rows, key=lambda row: row.import_mwh)
        when = day.row_figure(most, "start_s", clock, "s")
        yield Sentence(
            "happened",
            ("Most came in at ", when, ": ", day.row_figure(most, "import_mwh", kwh, "mWh"), " in one step."),
        )
        yield from _traded(day)


def _traded(day: Day) -> Iterator[Sentence]:
    bought, sold = sum(row.bought_mwh for row in day.awards), sum(row.sold_mwh for row in day.awards)
    parts: list[Part] = []
    for word, value, column in (("bought ", bought, "bought_mwh"), ("sold ", sold, "sold_mwh")):
        if value:
            figure = day.figure(AwardRow, value, f"sum({column})", kwh, "mWh", len(day.awards))
            parts += [" and " if parts else "", word, figure]
    if parts:
        yield Sentence("happened", ("Among neighbours it ", *parts, "."))


def _cost(day: Day, length: str) -> Iterator[Sentence]:
    rows = day.lines
    if not rows:
        yield Sentence("cost", ("Nothing of this day is settled yet.",))
        return

    def total(expression: str, value: int) -> Figure:
        return day.figure(LineRow, value, f"sum({expression})", ct, "micro", len(rows))

    paid = sum(getattr(row, column) for row in rows for column, _ in _PARTS_OF_COST)
    nothing = sum(row.nothing_micro for row in rows)
    saved = nothing - paid
    word = "less than" if saved >= 0 else "more than"
    difference = f"sum(nothing_micro) - sum({COST})" if saved >= 0 else f"sum({COST}) - sum(nothing_micro)"
    difference_ct = day.figure(LineRow, abs(saved), difference, ct, "micro", len(rows))
    parts: list[Part] = ["The day cost ", total(COST, paid), ", which is ", difference_ct, f" {word} the "]
    parts += [total("nothing_micro", nothing), " that it would have cost without battery and market."]
    yield Sentence("cost", tuple(parts))
    steps = sum(not row.is_payment for row in rows)
    settled = day.figure(LineRow, steps, "count(*)", number, "", steps, SETTLES)
    if steps < len(day.intervals):
        of = day.figure(IntervalRow, len(day.intervals), "count(*)", number, "", len(day.intervals))
        yield Sentence("cost", ("Settled are ", settled, " of ", of, " steps that are metered; the rest follows."))
    if length == "long":
        parts = ["Of this, "]
        for column, what in _PARTS_OF_COST:
            value = sum(getattr(row, column) for row in rows)
            if column == DIVIDEND and not value:
                continue  # the pool of a day is paid out when all of it is settled
            parts += ["" if len(parts) == 1 else ", ", total(column, value), f" for {what}"]
        yield Sentence("cost", (*parts, "."))


def _decided(day: Day, length: str, clock: Clock) -> Iterator[Sentence]:
    acting = [row for row in day.decisions if row.action not in ("refused", "rung")]
    if not acting:
        return
    if length == "short":
        total = day.figure(
            DecisionRow, len(acting), "count(*)", number, "", len(acting), " AND action NOT IN ('refused', 'rung')"
        )
        longest = max(_runs(acting), key=len)
        last = ", ".join(sorted({row.action for row in acting}))
        yield Sentence(
            "decided", ("The agent decided ", total, f" times ({last}); mostly because: ", *_why(day, longest))
        )
        return
    for run in _runs(acting)[:MOST_TOLD]:
        begin = day.row_figure(run[0], "start_s", clock, "s")
        parts: list[Part] = ["From ", begin, f": {run[0].action}"]
        if len(run) > 1:
            until = day.row_figure(run[-1], "start_s", clock, "s")
            parts += [" (the last time at ", until, ")"]
        yield Sentence("decided", (*parts, ", because ", *_why(day, run)))


def _why(day: Day, run: Sequence[DecisionRow]) -> tuple[Part, ...]:
    quote = day.quote(run[0], "reason")
    return quote, "" if quote.text.endswith(".") else "."


def _runs(rows: Sequence[DecisionRow]) -> list[list[DecisionRow]]:
    """Decisions for the same thing one after the other."""
    return [list(run) for _, run in groupby(rows, key=lambda row: (row.action, row.subject))]


def _refused(day: Day, length: str, clock: Clock) -> Iterator[Sentence]:
    bad = [row for row in day.outcomes if row.verdict != "applied"]
    if bad:
        more = " AND verdict != 'applied'"
        total = day.figure(OutcomeRow, len(bad), "count(*)", number, "", len(bad), more)
        yield Sentence("refused", (total, " of its commands were refused or got no answer."))
    if length == "short":
        return
    decisions = {row.number: row for row in day.decisions}
    for row in bad[:MOST_TOLD]:
        decision = decisions[row.decision]
        when = day.row_figure(decision, "start_s", clock, "s")
        words = day.quote(row, "detail") if row.detail else row.verdict
        yield Sentence("refused", ("At ", when, f", {decision.action}: ", words, "."))
    for decision in [row for row in day.decisions if row.action == "refused"][:MOST_TOLD]:
        when = day.row_figure(decision, "start_s", clock, "s")
        yield Sentence("refused", ("At ", when, " the guards let not pass: ", day.quote(decision, "reason"), "."))


def _uncertain(day: Day, length: str, clock: Clock) -> Iterator[Sentence]:
    late = sum(row.is_late for row in day.intervals)
    if late:
        total = day.figure(IntervalRow, late, "sum(is_late)", number, "", len(day.intervals))
        yield Sentence("uncertain", (total, " steps were told late by the node and settled then."))
    for row in [row for row in day.intervals if row.flags][: MOST_TOLD if length == "long" else 1]:
        when = day.row_figure(row, "start_s", clock, "s")
        yield Sentence("uncertain", ("At ", when, ": ", day.quote(row, "flags"), "."))
    spans = [(rung, until) for rung, until in zip_longest(day.rungs, day.rungs[1:]) if rung.cause]
    for rung, until in spans[: MOST_TOLD if length == "long" else 1]:
        span: list[Part] = ["From ", day.row_figure(rung, "since_s", clock, "s")]
        span += [" to ", day.row_figure(until, "since_s", clock, "s")] if until else [" on"]
        words = day.quote(rung, "rung")
        yield Sentence("uncertain", (*span, " the agent worked by ", words, ": ", day.quote(rung, "cause"), "."))
    if length == "long":
        yield from surprises(day, clock)
