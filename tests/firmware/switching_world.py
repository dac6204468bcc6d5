"""Contactors, interlock, protection, plan and panel among events, and an observer who knows the promises alone.

The observer sees coils, contacts, answers and told changes, keeps its own account of leases, trips and times, and
raises AssertionError as soon as something is not as promised. It knows nothing of the table.
"""

from collections.abc import Callable, Sequence

from gridnode.node.panel import Panel
from gridnode.switching.contactor import Contactor
from gridnode.switching.interlock import InterlockGroup
from gridnode.switching.protection import Protection

SPEC = {
    "min_on_s": 1,
    "min_off_s": 4,
    "max_hold_s": 20,
    "feedback_ms": 200,
    "retries": 1,
    "retry_window_s": 60,
}
MIN_ON, MIN_OFF, MAX_HOLD, FEEDBACK, WINDOW = 1_000, 4_000, 20_000, 200, 60_000
RETRY_AFTER = {"up": 3_000, "down": 3_000, "heater": 6_000}  # sooner and later than MIN_OFF
LIMITS = {
    "over_current_ma": 10_000,
    "time_multiplier_ms": 50,
    "instant_ma": 50_000,
    "over_voltage_mv": 260_000,
    "under_voltage_mv": 200_000,
    "over_frequency_mhz": 51_000,
    "under_frequency_mhz": 49_000,
    "hold_off_ms": 300,
}
TRIPS = {"over-current", "over-voltage", "under-voltage", "over-frequency", "under-frequency"}
TIMEOUT_S = 10  # of local control
NAMES = ("up", "down", "heater")  # the first two exclude each other and have feedback; the second opens when blind
FOLLOWS = None
STUCK = [FOLLOWS] * 5 + [True, True, False]  # how the contact is stuck: closed, or open
NO_ANSWER = 64
# What one event chooses from.
MEASURED = [(2_000, 230_000, 50_000)] * 5 + [  # mA, mV, mHz
    (15_000, 230_000, 50_000),
    (60_000, 230_000, 50_000),
    (2_000, 270_000, 50_000),
    (2_000, 100_000, 50_000),
    (2_000, 230_000, 51_100),
    (2_000, 230_000, 48_900),
    (None, None, None),  # the meter fails
]
LATER = [1, 5, 5, 5, 5, 20, 50, 50, 100, 100, 200, 300, 700, 1_000, 2_000, 4_000, 7_000, 25_000]
HOLDS = [-1, 0, 1, 500, 1_500, 5_000, 10_000, MAX_HOLD, MAX_HOLD, MAX_HOLD, MAX_HOLD, MAX_HOLD + 1]
KINDS = (
    ["host closed"] * 10
    + ["plan closed"] * 8
    + ["measure"] * 8
    + ["wait"] * 8
    + ["host open", "plan open", "host reset", "host reset", "hand reset", "stick", "stick", "button", "jam"]
)


class Window:
    """What a meter chip has measured."""

    sample_rate_hz = 1000

    def __init__(self) -> None:
        self.length = self.quality = 0
        self.current_rms_ma, self.voltage_rms_mv, self.frequency_mhz = MEASURED[0]


class Channel:
    def __init__(self) -> None:
        self.window = Window()
        self.end_us = 0


class Button:
    pressed = False


class Seen:
    """One contactor, the contact that its coil moves, and what the observer has noted of both."""

    def __init__(self, world: "World", name: str, group: InterlockGroup | None) -> None:
        self.world, self.name = world, name
        self.coil: bool | None = None
        self.stuck: bool | None = FOLLOWS
        self.has_feedback = group is not None
        forbidden = group.others_closed(name) if group else None
        contact = (lambda: self.contact) if group else None
        spec = {"name": name, "retry_after_s": RETRY_AFTER[name] // 1000, **SPEC}
        self.contactor = Contactor(spec, self.drive, forbidden, self.told, contact)
        if group:
            group.join(self.contactor)
        self.channel = Channel()
        choice = "open" if name == "down" else "stay"
        self.contactor.protection = Protection({**LIMITS, "without_meter": choice}, self.channel)
        self.jammed = 0  # so often its coil cannot be driven
        self.blind = True  # nothing has been measured yet
        self.beyond_ms = dict.fromkeys(("over-voltage", "under-voltage", "over-frequency", "under-frequency"), 0)
        self.retry_after_ms = RETRY_AFTER[name]
        self.measured_ma = 0
        self.locked_before = name == "heater"  # the boot
        self.state, self.cause = "", ""
        self.moved_ms = 0  # when the coil was last driven
        self.rested_ms = self.was_wrong_ms = 0  # how long it had not been until then, and its contact contradicted it
        self.wrong_ms: int | None = None  # since when the contact was seen to contradict
        self.lease_ms = 0  # until when it may be closed
        self.host_ms = 0  # until when the host's word keeps the plan away
        self.wish_ms = 0  # until when the plan wants it closed
        self.by_plan = False
        self.trips: list[int] = []
        self.moves = self.moves_told = 0
        self.doing = ("boot", "", 0)

    @property
    def contact(self) -> bool:
        return bool(self.coil) if self.stuck is None else self.stuck

    def drive(self, closed: bool) -> None:
        now = self.world.now
        if self.jammed:
            self.jammed -= 1
            raise OSError("coil")
        if closed == self.coil and now == self.moved_ms:
            return  # once more of the same
        self.moves += closed != self.coil
        self.rested_ms = now - self.moved_ms
        self.was_wrong_ms = -1 if self.wrong_ms is None else now - self.wrong_ms
        self.coil, self.moved_ms, self.wrong_ms = closed, now, None

    def conducts(self) -> bool:
        return bool(self.coil) or self.cause == "welded" or (self.has_feedback and self.contact)

    def forbidden(self) -> bool:
        if self.blind and self.name == "down":
            return True
        return any(seen is not self and seen.conducts() for seen in self.world.group if self in self.world.group)

    def beyond(self, cause: str) -> bool:
        """Whether what is measured can be called by this name."""
        window = self.channel.window
        amps, volts, hertz = window.current_rms_ma, window.voltage_rms_mv, window.frequency_mhz
        return (
            amps is not None
            and {
                "over-current": amps > LIMITS["over_current_ma"],
                "over-voltage": volts > LIMITS["over_voltage_mv"],
                "under-voltage": volts < LIMITS["under_voltage_mv"],
                "over-frequency": hertz > LIMITS["over_frequency_mhz"],
                "under-frequency": hertz < LIMITS["under_frequency_mhz"],
            }[cause]
        )

    # A change is told: may it be, now and from this state, and is its cause the true one?

    def told(self, contactor: Contactor, now: int) -> None:
        before, after, cause = self.state, contactor.state, contactor.cause
        known = (before, self.cause) == (after, cause)
        where = f"{self.name} at {now}: {before} -> {after}, {cause}, while {self.doing}"
        assert now == self.world.now and not known, where
        self.state, self.cause = after, cause
        self.moves_told += (before == "closed") != (after == "closed") or cause == "boot"
        judge = getattr(self, "told_" + str(cause).replace(" ", "_"), None) or self.told_trip
        judge(before, after, now, where)
        if after == "closed" and before != "closed":
            assert not self.forbidden(), f"closed under interlock: {where}"
            assert contactor.protection.clear, f"closed while protection objects: {where}"
            assert not any(self.beyond_ms.values()), f"closed beyond a limit: {where}"
            assert self.measured_ma <= LIMITS["instant_ma"], f"closed beyond a limit: {where}"
            assert self.rested_ms >= MIN_OFF, f"too soon: {where}"
            assert not contactor.local, f"closed under local control: {where}"

    def told_boot(self, before: str, after: str, now: int, where: str) -> None:
        assert (before, after) == ("", "locked out" if self.locked_before else "open"), where

    def told_request(self, before: str, after: str, now: int, where: str) -> None:
        who, target, _ = self.doing
        assert who == "host" and after == target and before in ("open", "closed"), where
        if target == "open":
            assert before == "closed" and self.rested_ms >= MIN_ON, where
        else:
            assert before == "open" or self.by_plan, where
            self.by_plan = False

    def told_plan(self, before: str, after: str, now: int, where: str) -> None:
        who, target, _ = self.doing
        assert now >= self.host_ms, f"against the host's lease: {where}"
        if before == after == "closed":  # it goes on where a lease has ended
            assert now >= self.lease_ms and self.wish_ms > now and not self.contactor.local, where
            self.lease_ms, self.by_plan = self.wish_ms, True
        elif after == "closed":
            assert (who, target, before) == ("plan", "closed", "open"), where
        else:
            assert (who, target, before, after) == ("plan", "open", "closed", "open"), where
            assert self.rested_ms >= MIN_ON, where

    def told_expiry(self, before: str, after: str, now: int, where: str) -> None:
        assert after == "open" and now >= self.lease_ms, where
        self.judge_end_of(before, now, where)
        if before == "closed":
            assert self.wish_ms <= now or self.contactor.local, f"the plan wanted it closed: {where}"

    def told_interlock(self, before: str, after: str, now: int, where: str) -> None:
        assert after == "open" and self.forbidden(), where
        self.judge_end_of(before, now, where)
        self.lease_ms = 0

    def judge_end_of(self, before: str, now: int, where: str) -> None:
        assert before == "closed" or (before == "tripped" and now - self.trips[-1] >= self.retry_after_ms), where

    def told_button(self, before: str, after: str, now: int, where: str) -> None:
        assert (before, after) == ("closed", "open") and self.contactor.local, where
        assert self.rested_ms >= MIN_ON, where
        self.lease_ms = 0

    def told_trip(self, before: str, after: str, now: int, where: str) -> None:
        assert before == "closed" and self.cause in TRIPS and self.beyond(self.cause), where
        if self.cause in self.beyond_ms:
            assert self.beyond_ms[self.cause] >= LIMITS["hold_off_ms"], where
        recent = [at for at in self.trips if now - at < WINDOW]
        assert after == ("tripped" if len(recent) < SPEC["retries"] else "locked out"), f"{recent}: {where}"
        self.trips = [*recent, now]
        if after == "locked out":
            self.lease_ms = 0

    def told_retry(self, before: str, after: str, now: int, where: str) -> None:
        assert (before, after) == ("tripped", "closed"), where
        assert now - self.trips[-1] >= self.retry_after_ms and now < self.lease_ms, where

    def told_welded(self, before: str, after: str, now: int, where: str) -> None:
        assert before in ("open", "tripped", "locked out") and after == "locked out", where
        assert self.contact and self.was_wrong_ms >= FEEDBACK, where
        self.lease_ms = 0

    def told_failed_to_close(self, before: str, after: str, now: int, where: str) -> None:
        assert (before, after) == ("closed", "locked out"), where
        assert not self.contact and self.was_wrong_ms >= FEEDBACK, where
        self.lease_ms = 0

    def told_reset(self, before: str, after: str, now: int, where: str) -> None:
        assert (before, after) == ("locked out", "open"), where
        assert not (self.has_feedback and self.contact), where
        if self.doing[:2] == ("host", "reset"):
            assert not self.contactor.local, where
        elif self.doing[:2] != ("person", "reset"):
            assert self.world.button.pressed, where
        self.trips = []

    # It is asked: the answer is true.

    def host(self, target: str, hold: int) -> None:
        reason = self.ask("host", target, hold, lambda now: self.contactor.request(target, hold, now))
        now = self.world.now
        if reason == "none" and target == "closed":
            self.lease_ms = self.host_ms = now + hold
            assert not self.by_plan, f"{self.name} at {now}: taken over from the plan, and nobody told"
        elif reason == "none" and target == "open":
            self.lease_ms, self.host_ms = 0, now + (hold if 0 < hold <= MAX_HOLD else MAX_HOLD)

    def plan(self, target: str, hold: int) -> None:
        now = self.world.now
        self.wish_ms = now + hold if target == "closed" and 0 < hold <= MAX_HOLD else 0
        reason = self.ask("plan", target, hold, lambda now: self.contactor.plan(target, hold, now))
        if reason == "none" and target == "closed":
            self.lease_ms, self.by_plan = now + hold, True
        elif reason == "none" and target == "open":
            self.lease_ms = 0

    def reset_by_hand(self) -> None:
        self.ask("person", "reset", 0, lambda now: (self.contactor.reset_by_hand(now), 0))

    def ask(self, who: str, target: str, hold: int, answer: Callable[[int], tuple[str, int]]) -> str:
        if who == "host":  # whom the node answers after it has looked itself
            self.look()
        self.doing = (who, target, hold)
        try:
            reason, wait = answer(self.world.now)
        except OSError:
            reason, wait = "jammed", 0
        where = f"{self.name} at {self.world.now}: {self.doing} answered {reason}, {wait}; {self.state}, {self.cause}"
        if reason == "none":
            self.judge_done(where)
        elif reason != "jammed":
            assert self.is_true(reason, wait), where
        self.doing = ("nobody", "", 0)
        return reason

    def judge_done(self, where: str) -> None:
        (who, target, hold), now = self.doing, self.world.now
        assert (self.state == "closed") == (target == "closed"), where
        assert target != "reset" or (self.state, self.cause) == ("open", "reset"), where
        assert target != "open" or self.state != "locked out", where
        assert target != "closed" or (0 < hold <= MAX_HOLD and not self.contactor.local), where
        assert who != "plan" or now >= self.host_ms or self.state == "open", where

    def is_true(self, reason: str, wait: int) -> bool:
        (who, target, hold), now, state = self.doing, self.world.now, self.state
        local, resting = self.contactor.local, now - self.moved_ms
        retry_ms = max(0, max(MIN_OFF, self.retry_after_ms) - resting)
        objects = target == "closed" and not self.contactor.protection.clear and wait == 0
        return {
            "hold out of range": target == "closed" and not 0 < hold <= MAX_HOLD,
            "local control": local and target != "open" and who != "person",
            "interlock": target == "closed" and self.forbidden(),
            "min on time": target == "open" and state == "closed" and wait == MIN_ON - resting > 0,
            "min off time": target == "closed" and state == "open" and wait == MIN_OFF - resting > 0,
            "tripped": target != "open" and (objects or (state == "tripped" and (who == "person" or wait == retry_ms))),
            "locked out": state == "locked out" and (target != "reset" or (self.has_feedback and self.contact)),
            "not locked out": target == "reset" and state in ("open", "closed"),
            "the host's lease": who == "plan" and now < self.host_ms,
        }[reason]

    # After every round of the node: what holds at any time, whatever has happened.

    def judge(self) -> None:
        now, contactor = self.world.now, self.contactor
        where = f"{self.name} at {now}: {self.state}, {self.cause}"
        assert (contactor.state, contactor.cause) == (self.state, self.cause), f"a change was not told: {where}"
        assert self.coil == (self.state == "closed") and self.moves == self.moves_told, f"unexplained: {where}"
        assert contactor.hold_remaining_ms(now) == (self.lease_ms - now if self.state == "closed" else 0), where
        if self.state == "closed":
            self.judge_closed(now, where)
        elif self.state == "tripped" and now - self.trips[-1] >= self.retry_after_ms:
            assert now < self.lease_ms, f"still waits without a lease: {where}"
            assert not self.forbidden(), f"still waits under interlock: {where}"
            assert now - self.trips[-1] < MIN_OFF or not contactor.protection.clear, f"no retry: {where}"
        if self.wrong_ms is not None and now - self.wrong_ms >= FEEDBACK:
            assert self.state == "locked out", f"the contact is not believed: {where}"
            assert not self.contact or self.cause == "welded", where

    def judge_closed(self, now: int, where: str) -> None:
        assert now < self.lease_ms, f"closed without a lease: {where}"
        assert not self.forbidden(), f"closed under interlock: {where}"
        assert not self.contactor.local or now - self.moved_ms < MIN_ON, f"closed under local control: {where}"
        assert max(self.beyond_ms.values()) < LIMITS["hold_off_ms"], f"no trip: {where}"
        assert self.measured_ma <= LIMITS["instant_ma"], f"no trip: {where}"

    def look(self) -> None:
        """Note what the node can see as well, just before it looks."""
        if not self.has_feedback or self.contact == self.coil:
            self.wrong_ms = None
        elif self.wrong_ms is None:
            self.wrong_ms = self.world.now
        if self.state == "tripped" and self.contactor.local:
            self.lease_ms = 0

    def insist(self, act: Callable[[int], None]) -> None:
        """Let the contactor act; if its coil jams, tick until it is free again."""
        try:
            act(self.world.now)
        except OSError:
            self.insist(self.contactor.tick)

    def measure(self, lasted_ms: int) -> None:
        window = self.channel.window
        window.length = lasted_ms << 12
        self.channel.end_us += lasted_ms * 1000
        window.quality = NO_ANSWER if window.current_rms_ma is None else 0
        self.blind = window.quality != 0
        self.measured_ma = window.current_rms_ma or 0
        for cause, for_ms in self.beyond_ms.items():
            self.beyond_ms[cause] = for_ms + lasted_ms if self.beyond(cause) else 0
        self.insist(self.contactor.protect)


class World:
    """`step(kind, who, choice, later)`: one of KINDS happens to one contactor; then `later`, a round of the node.

    All are whole numbers, of which the remainder chooses.
    """

    def __init__(self) -> None:
        self.now = self.steps = 0
        pair = InterlockGroup()
        self.group: list[Seen] = []
        self.seen = [Seen(self, name, None if name == "heater" else pair) for name in NAMES]
        self.group += self.seen[:2]
        self.button = Button()
        self.panel = Panel([seen.contactor for seen in self.seen], self.button, None, TIMEOUT_S)
        for seen in self.seen:
            seen.contactor.boot(self.now, seen.locked_before)
            seen.doing = ("nobody", "", 0)

    def step(self, kind: int, who: int, choice: int, later: int) -> None:
        self.steps += 1
        self.happen(KINDS[kind % len(KINDS)], self.seen[who % len(self.seen)], choice)
        passed_ms = LATER[later % len(LATER)]
        self.now += passed_ms
        for seen in self.seen:
            seen.measure(passed_ms)
        try:
            self.panel.step(self.now)
        except OSError:  # while it ended a lock-out
            pass
        for seen in self.seen:
            assert seen.contactor.local == self.panel.local
            seen.look()
            seen.insist(seen.contactor.tick)
        for seen in self.seen:
            seen.judge()

    def happen(self, kind: str, seen: Seen, choice: int) -> None:
        who, _, target = kind.partition(" ")
        hold = HOLDS[choice % len(HOLDS)]
        if who == "host":
            seen.host(target, hold)
        elif who == "plan":
            seen.plan(target, hold)
        elif who == "hand":
            seen.reset_by_hand()
        elif who == "measure":
            window = seen.channel.window
            window.current_rms_ma, window.voltage_rms_mv, window.frequency_mhz = MEASURED[choice % len(MEASURED)]
        elif who == "stick":
            seen.stuck = STUCK[choice % len(STUCK)]
        elif who == "jam":
            seen.jammed = choice % 3
        elif who == "button":
            self.button.pressed = not self.button.pressed

    def rush(self, events: Sequence[int]) -> None:
        """Many events, four numbers each."""
        for at in range(0, len(events) - 3, 4):
            self.step(*events[at : at + 4])
