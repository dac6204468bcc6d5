"""The plan that a node follows when it is alone: the rows that are worth most, as a document of at most 176 bytes.

Rows are merged or left out, whichever loses least, until the node's own reader takes the document; what was left out
is said. Dear and cheap hours are known, so they are rows with times: a condition on the price would want the prices in
the document too, which take more bytes. What is not known, sun left over, is a row with a condition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from host_bridge import plan as node_plan
from host_bridge.agent.plan import switching
from host_bridge.agent.plan.alone_rows import Minutes, Row, merges, rows
from host_bridge.agent.plan.alone_trial import Trial
from host_bridge.agent.plan.plan import Plan

LONGEST_MIN = 36 * 60
LEAST_MCT = 100.0  # a tenth of a cent: less is no reason for a row


@dataclass(frozen=True)
class Alone:
    """`document`: what the node is sent; `toml`: the same for people; `left_out`: what did not fit, in words."""

    toml: str
    document: bytes
    rows: tuple[Row, ...]
    left_out: tuple[str, ...]


def alone(
    plan: Plan,
    home: str,
    contactors: Sequence[str],
    names: Mapping[str, str],
    from_s: int,
    *,
    unix_s: int | None = None,
    speed: int = 1,
) -> Alone:
    """For the node of `home` with these contactors, in its order. `names`: charge, hold and devices -> contactor; what
    is not there is left out. The document begins at the step of the plan that holds `from_s` (grid's time); the node's
    clock shows `unix_s` then, and it lives through `speed` seconds of the grid in one of its own.

    Without anything to say, or after the plan's end, the document is the empty plan. Raises nothing for a good plan.
    """
    step = plan.step_of(from_s)
    if step is None:
        return Alone("", node_plan.empty(), (), ("the plan does not reach that time",))
    begin = plan.ahead.from_s + step * plan.step_s
    unix_s = from_s if unix_s is None else unix_s
    minutes = Minutes(plan, step, 60 * speed)
    wanted, left_out = rows(plan, home, minutes)
    for row in [row for row in wanted if names.get(row.contactor) not in contactors]:
        left_out.append(f"{row.says}: the node has no contactor for {row.contactor}")
    wanted = [row for row in wanted if names.get(row.contactor) in contactors]
    trial = Trial(minutes, plan.names.index(home))
    writer = Writer(minutes, trial, tuple(contactors), dict(names), unix_s - (from_s - begin) // speed)
    return writer.fitted(wanted, left_out)


@dataclass(frozen=True)
class Writer:
    """Rows -> document, for one node and beginning."""

    minutes: Minutes
    trial: Trial
    contactors: tuple[str, ...]
    names: dict[str, str]
    unix_s: int

    def fitted(self, wanted: list[Row], left_out: list[str]) -> Alone:
        """What fits of `wanted`, losing least."""
        kept = self._needed(wanted)
        while kept:
            made = self.document(kept)
            if made is not None:
                return Alone(*made, tuple(kept), tuple(left_out))
            kept = self._less(kept, left_out)
        return Alone("", node_plan.empty(), (), tuple(left_out))

    def document(self, chosen: list[Row]) -> tuple[str, bytes] | None:
        """(TOML, bytes); None: too long."""
        text = self.toml(chosen)
        try:
            return text, node_plan.read(text, self.contactors, UTC)
        except node_plan.PlanError as error:
            if "bytes" in str(error):
                return None
            raise

    def toml(self, chosen: list[Row]) -> str:
        """The document as people write it. Rows with a condition come last: what is sure decides first."""
        end = min(self.minutes.count, LONGEST_MIN)
        lines = [f"valid_from = {self._at(0)}", f"valid_until = {self._at(end)}"]
        for row in sorted(chosen, key=lambda row: (bool(row.when), row.contactor, row.start)):
            if row.start < end:
                lasting = min(row.lasting, end - row.start)
                lines += ["", "[[row]]", f'contactor = "{self.names[row.contactor]}"', f"start = {self._at(row.start)}"]
                lines += [f'duration = "{lasting}m"'] + ([f'when = "{row.when}"'] if row.when else [])
                lines += [f'until = "{row.until}"'] if row.until else []
        return "\n".join(lines) + "\n"

    def _needed(self, wanted: list[Row]) -> list[Row]:
        """Without the battery's rows that save next to nothing."""
        kept = list(wanted)
        while True:
            of_battery = [row for row in kept if not row.worth_mct]
            losses = [(self.trial.lost_mct(_but(kept, row), kept), place) for place, row in enumerate(of_battery)]
            least, place = min(losses, default=(LEAST_MCT, 0))
            if least >= LEAST_MCT:
                return kept
            kept = _but(kept, of_battery[place])

    def _less(self, kept: list[Row], left_out: list[str]) -> list[Row]:
        """One row less: two become one, or one is left out and told, whichever loses least."""
        dropped = [(self.trial.lost_mct(_but(kept, row), kept) + row.worth_mct, row) for row in kept]
        loss, row = min(dropped, key=lambda one: one[0])
        best, told = _but(kept, row), [f"{row.says}, from {self._clock(row.start)} UTC: no room"]
        for first, second, both in merges(kept, self.minutes):
            fewer = [other for place, other in enumerate(kept) if place not in (first, second)] + [both]
            lost = self.trial.lost_mct(fewer, kept) + self._dearer(kept[first], kept[second])
            if lost < loss:
                loss, best, told = lost, fewer, []
        left_out += told
        return best

    def _dearer(self, one: Row, two: Row) -> float:
        """mct that a load costs more where the second run follows the first at once."""
        if not one.worth_mct:
            return 0.0
        plan, minutes = self.minutes.plan, self.minutes
        kwh = switching.rated_w(plan, self.trial.at, one.contactor) * minutes.grid_s / 3.6e6
        price = minutes.mean(np.asarray(plan.ahead.price_mct, float)) * kwh
        early = price[one.end : one.end + two.lasting]
        return max(0.0, float(early.sum() - price[two.start : two.end].sum()))

    def _at(self, minute: int) -> str:
        return datetime.fromtimestamp(self.unix_s + 60 * minute, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _clock(self, minute: int) -> str:
        return self._at(minute)[11:16]


def _but(rows: list[Row], one: Row) -> list[Row]:
    """The rows without that very one."""
    return [row for row in rows if row is not one]
