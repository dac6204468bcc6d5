"""The ladder of degradation: what may be wrong, how far down that puts a home, what is done there, what is shown.

A home stands on the lowest rung that any of its causes asks for, and climbs by itself when they are gone. README.md
here shows the two tables; a test walks every row of them.
"""

from collections.abc import Iterable
from typing import NamedTuple

FULL, SIMPLE, NO_MARKET, LAST_PLAN, NOTHING = (
    "full", "simple forecast", "no market", "last plan", "self-consumption",
)  # fmt: skip


class Rung(NamedTuple):
    """What is done and what people read."""

    name: str
    done: str
    shown: str


RUNGS = (
    Rung(FULL, "learned forecasts, a plan, and trade where that is configured", "all is as it should be"),
    Rung(SIMPLE, "the same on what the same time of other days was like", "forecasts are simple: plans are rougher"),
    Rung(NO_MARKET, "its own plan at the supplier's prices; nothing is bid or offered", "no trade for this home"),
    Rung(LAST_PLAN, "the last good plan is followed, for 12 hours at most", "no new plan: the last good one holds"),
    Rung(NOTHING, "nothing is asked: leases end, the node's own plan and its inverter go on by themselves",
         "the home runs itself"),
)  # fmt: skip
PLACE = {rung.name: place for place, rung in enumerate(RUNGS)}
LAST_PLAN_S = 12 * 3600


class Cause(NamedTuple):
    """What puts a home on a rung. `says`: in words, {what} filled in where it is met."""

    kind: str
    rung: str
    says: str


CAUSES = {
    cause.kind: cause
    for cause in (
        Cause("young forecast", SIMPLE, "the forecast is young: {what}"),
        Cause("forecast diverged", SIMPLE, "the forecast was put aside: {what}"),
        Cause("price guessed", SIMPLE, "prices ahead are not known and taken from days before: {what}"),
        Cause("solar meter", SIMPLE, "the sun's meter is not believed: {what}"),
        Cause("too few homes", NO_MARKET, "too few homes can trade: {what}"),
        Cause("feeder gone", NO_MARKET, "the feeder's limits cannot be worked out: {what}"),
        Cause("price absent", NO_MARKET, "the supplier's price now is not known: {what}"),
        Cause("market fault", NO_MARKET, "the market could not be cleared: {what}"),
        Cause("no plan", LAST_PLAN, "no new plan could be made: {what}"),
        Cause("plan too old", NOTHING, "there is no good plan of the last 12 hours: {what}"),
        Cause("node away", NOTHING, "its node is not online: {what}"),
        Cause("node refuses", NOTHING, "its node refuses what is asked: {what}"),
        Cause("meter missing", NOTHING, "a meter does not tell: {what}"),
        Cause("meter late", NO_MARKET, "a meter tells late: {what}"),
        Cause("meter wrong sign", NOTHING, "a meter counts the wrong way: {what}"),
        Cause("meter frozen", NOTHING, "a meter stands still: {what}"),
        Cause("clock", NOTHING, "the clock was set back: {what}"),
        Cause("books", NOTHING, "the books cannot be written, and nothing is done without a reason kept: {what}"),
    )
}


class Standing:
    """Where one home stands, and since when. `causes`: {kind: what}."""

    def __init__(self, now_s: int) -> None:
        self.causes: dict[str, str] = {}
        self.rung, self.since_s = FULL, now_s

    @property
    def place(self) -> int:
        """0 is the best."""
        return PLACE[self.rung]

    def put(self, kind: str, what: str | None) -> None:
        """A cause as it is now; None: it is gone. Raises KeyError for one that is not in the table."""
        known = CAUSES[kind].kind
        if what is None:
            self.causes.pop(known, None)
        else:
            self.causes[known] = what

    def settle(self, now_s: int) -> bool:
        """Take the rung that the causes ask for; whether it is another than before."""
        rung = lowest(self.causes)
        if rung == self.rung:
            return False
        self.rung, self.since_s = rung, now_s
        return True

    def words(self) -> list[str]:
        """The causes in words, the worst first."""
        worst = sorted(self.causes, key=lambda kind: -PLACE[CAUSES[kind].rung])
        return [CAUSES[kind].says.format(what=self.causes[kind]) for kind in worst]

    def may(self, rung: str) -> bool:
        """Whether what is done on `rung` (and on those below) is still done here."""
        return self.place <= PLACE[rung]


def lowest(kinds: Iterable[str]) -> str:
    """The rung that these causes put a home on."""
    return RUNGS[max((PLACE[CAUSES[kind].rung] for kind in kinds), default=0)].name
