"""The contactor under any sequence of events, and its table as drawn in switching/README.md."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gridnode.switching import contactor as machine
from gridnode.switching.contactor import TABLE, Contactor

README = Path(machine.__file__).parent / "README.md"
MIN_ON, MIN_OFF, MAX_HOLD = 300, 500, 5_000

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["open", "closed", "closed", "tick", "tick", "interlock on", "interlock off", "boot"]),
        st.integers(0, 700),  # ms since the event before
        st.integers(-1, MAX_HOLD + 1),  # hold
    ),
    max_size=60,
)


class World:
    """A contactor, its coil, and what an observer with no knowledge of the table may expect."""

    def __init__(self) -> None:
        self.coil: bool | None = None
        self.forbidden = False
        self.changes: list[tuple[int, str, str]] = []
        self.contactor = Contactor("any", self.drive, MIN_ON, MIN_OFF, MAX_HOLD, lambda: self.forbidden, self.note)
        self.contactor.boot(0)
        self.lease_ends = 0

    def drive(self, closed: bool) -> None:
        self.coil = closed

    def note(self, contactor: Contactor, now_ms: int) -> None:
        self.changes.append((now_ms, contactor.state, contactor.cause))

    def step(self, what: str, now_ms: int, hold_ms: int) -> None:
        if what in ("open", "closed"):
            reason, wait_ms = self.contactor.request(what, hold_ms, now_ms)
            self.judge_answer(what, reason, wait_ms, now_ms, hold_ms)
        elif what == "boot":
            self.contactor.boot(now_ms)
        else:
            self.forbidden = {"interlock on": True, "interlock off": False}.get(what, self.forbidden)
            self.contactor.tick(now_ms)
        self.judge(now_ms)

    def judge_answer(self, target: str, reason: str, wait_ms: int, now_ms: int, hold_ms: int) -> None:
        if reason == "none":
            assert self.contactor.state == target
            assert wait_ms == 0
            if target == "closed":
                assert 0 < hold_ms <= MAX_HOLD
                self.lease_ends = now_ms + hold_ms
        elif reason in ("min on time", "min off time"):
            assert wait_ms == self.contactor.dwell_remaining_ms(now_ms) > 0
            assert self.contactor.state != target
        elif reason == "interlock":
            assert self.forbidden
        else:
            assert reason == "hold out of range"
            assert not 0 < hold_ms <= MAX_HOLD

    def judge(self, now_ms: int) -> None:
        contactor = self.contactor
        assert self.coil == (contactor.state == "closed")
        if contactor.state == "closed":
            assert now_ms < self.lease_ends
            assert contactor.hold_remaining_ms(now_ms) == self.lease_ends - now_ms
            assert not self.forbidden
        else:
            assert contactor.hold_remaining_ms(now_ms) == 0

    def judge_dwell(self) -> None:
        """Between a change and the next lies the dwell, but for expiry, interlock and boot."""
        for (before, state, _), (now, _, cause) in zip(self.changes, self.changes[1:], strict=False):
            if cause == "request":
                assert now - before >= (MIN_ON if state == "closed" else MIN_OFF)


@settings(max_examples=400, deadline=None)
@given(EVENTS)
def test_whatever_happens_the_promises_hold(events: list[tuple[str, int, int]]) -> None:
    world = World()
    now_ms = 0
    for what, later_ms, hold_ms in events:
        now_ms += later_ms
        world.step(what, now_ms, hold_ms)
    world.judge_dwell()


def draw() -> str:
    """The table as a mermaid diagram: event, [guards] and what is done."""
    lines = ["```mermaid", "stateDiagram-v2"]
    for (state, event), (guards, action, next_state, _) in TABLE.items():
        wanted = f" [{', '.join(guard.__name__ for guard in guards)}]" if guards else ""
        lines.append(f"    {state} --> {next_state}: {event}{wanted} / {action.__name__}".replace("_", " "))
    return "\n".join([*lines, "```"])


def test_the_readme_shows_the_table_as_it_is() -> None:
    assert draw() in README.read_text(encoding="utf-8"), f"put this into {README.name}:\n{draw()}"
