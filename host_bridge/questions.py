"""What is asked of one node and not yet answered: asked again until its answer, its deadline or the session's end."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gridnode.wire import schema
from gridnode.wire.host_session import HostSession

_ANSWERS = {
    schema.OUTCOME: schema.REQUEST,
    schema.STORED: schema.STORE,
    schema.DOCUMENT: schema.FETCH,
    schema.HARMONICS: schema.MEASURE,
    schema.AGGREGATE: schema.MEASURE,
}
# Of a REQUEST or STORE: an earlier copy of it may have been carried out.
_UNSURE = (schema.REASONS.index("repeat too old"), schema.REASONS.index("wrong session"))

SHORT_AT_MOST_MS = 15_000  # that 15 windows last, of the slowest meter chip
LONG_MS = 600_000


class Stored(NamedTuple):
    """What the node said of a document that it was to keep. `version` and `digest` are of what it keeps now."""

    applied: bool
    reason: str
    version: int
    digest: bytes


class Document(NamedTuple):
    """A document that a node keeps; version 0: none."""

    version: int
    digest: bytes  # the first 8 bytes of SHA-256 over the body
    body: bytes


class Harmonics(NamedTuple):
    """The harmonics 1 to 9 of one window; empty where `reason` is not "none"."""

    reason: str
    time_ms: int
    voltage_thd_ppm: int  # of the fundamental: harmonics 2 to 9
    current_thd_ppm: int
    voltage_mv: Sequence[int]
    current_ma: Sequence[int]


class Aggregate(NamedTuple):
    """The quantities of one span of IEC 61000-4-30 that ended at `time_ms`."""

    reason: str
    span: str  # schema.SPANS
    time_ms: int
    active_power_mw: int | None
    reactive_power_mvar: int | None
    apparent_power_mva: int | None
    voltage_rms_mv: int | None
    current_rms_ma: int | None
    frequency_mhz: int | None
    quality: int


@dataclass(slots=True)
class _Pending:
    kind: int
    number: int
    fields: tuple[Any, ...]
    deadline_ms: int
    resend_ms: int
    answer: "asyncio.Future[list[Any] | None]"


class Questions:
    """Of one `session`; times are those of a clock that never jumps."""

    def __init__(self, session: HostSession) -> None:
        self._session = session
        self._pending: dict[int, _Pending] = {}
        self._number = 0

    async def ask(self, kind: int, *fields: Any, deadline_ms: int) -> list[Any] | None:
        """The answer to a REQUEST, STORE, FETCH or MEASURE with these fields behind `command`.

        None: there was none in time, or it leaves open whether the question was carried out.
        """
        self._number += 1
        answer: asyncio.Future[list[Any] | None] = asyncio.get_running_loop().create_future()
        self._pending[self._number] = pending = _Pending(kind, self._number, fields, deadline_ms, 0, answer)
        try:
            return await answer
        finally:
            del self._pending[pending.number]

    def answered(self, m: list[Any]) -> None:
        """Take an answer of this session; one that nobody waits for is nothing."""
        pending = self._pending.get(m[2])
        if pending is not None and pending.kind == _ANSWERS[m[0]]:
            is_unsure = m[0] in (schema.OUTCOME, schema.STORED) and m[4] in _UNSURE
            _end(pending, None if is_unsure else m)

    def give_up(self) -> None:
        """The session has ended: what was asked may or may not have been carried out. Never ask it in the next one."""
        for pending in self._pending.values():
            _end(pending, None)

    def send(self, now_ms: int, again_ms: int) -> None:
        """Have asked what is due: at once, and again each `again_ms`."""
        for pending in self._pending.values():
            if now_ms >= pending.deadline_ms:
                _end(pending, None)
            elif now_ms >= pending.resend_ms and self._session.receiver is not None and not pending.answer.done():
                pending.resend_ms = now_ms + again_ms
                self._session.ask(pending.kind, pending.number, *pending.fields)


class Gathering:
    """Since when a node gathers the spans of each channel: from the first question of a boot about one of them."""

    def __init__(self) -> None:
        self._boot_epoch = -1
        self._since_ms: dict[int, int] = {}

    def booted(self, boot_epoch: int) -> None:
        """The node is in this boot; of another one it keeps nothing."""
        if boot_epoch != self._boot_epoch:
            self._boot_epoch = boot_epoch
            self._since_ms.clear()

    def asked(self, channel: int, now_ms: int) -> None:
        """A span of this channel is asked for now, on a clock that never jumps."""
        self._since_ms.setdefault(channel, now_ms)

    def wait_ms(self, channel: int, span: int, now_ms: int, day_ms: int) -> int:
        """How long until the first whole span, at most; 0: there should be one. `day_ms`: now, as the node's time of
        day, to multiples of which the 10 min are aligned.

        A span that began before the first question is not whole.
        """
        since_ms = self._since_ms.get(channel, now_ms)
        if schema.SPANS[span] != "10 min":
            return max(0, since_ms + SHORT_AT_MOST_MS - now_ms)
        began_ms = day_ms - (now_ms - since_ms)
        return max(0, (began_ms // LONG_MS + 2) * LONG_MS - day_ms)


def is_answer(kind: int) -> bool:
    """Whether a message of this kind answers a question."""
    return kind in _ANSWERS


def _end(pending: _Pending, answer: list[Any] | None) -> None:
    if not pending.answer.done():
        pending.answer.set_result(answer)
