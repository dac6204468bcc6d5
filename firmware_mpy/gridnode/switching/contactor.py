"""One contactor as a transition table: state, event -> guards, action, next state, cause.

Open is the safe state; every closing is a lease of `hold_ms`. README.md here shows the table drawn.
Highest first: trip, interlock, a person at the node, the host's lease, the node's own plan, the safe state.
Longer than other modules because the table is one: its guards and actions stand beside it.
"""

OPEN, CLOSED, TRIPPED, LOCKED_OUT = "open", "closed", "tripped", "locked out"  # states: all but closed are open
# Events that are causes too.
BOOT, EXPIRY, INTERLOCK, BUTTON, RETRY, RESET = "boot", "expiry", "interlock", "button", "retry", "reset"
WELDED, FAILED = "welded", "failed to close"
# Further events: a boot that finds that it was locked out, by the host, by the plan, by the protection, by a person.
BOOT_LOCKED = "boot locked out"
REQUEST_OPEN, REQUEST_CLOSED, RENEW, TAKE_OVER = "request open", "request closed", "renew", "take over"
PLAN_OPEN, PLAN_CLOSED, PLAN = "plan open", "plan closed", "plan"
TRIP, LAST_TRIP, HAND_RESET = "trip", "last trip", "reset by hand"
# Further causes. MEASURED stands for what the protection has said.
REQUEST, MEASURED = "request", "measured"

# Reasons of a refusal, as in wire.schema.REASONS, and two that are told to nobody.
NONE = "none"
BAD_HOLD = "hold out of range"
MIN_ON, MIN_OFF = "min on time", "min off time"
INTERLOCKED = "interlock"
LOCAL = "local control"
NOT_LOCKED_OUT = "not locked out"
HOST_HOLDS, NOT_DUE = "the host's lease", "not due"


class Contactor:
    """One contactor. `boot` must be called before anything else: the constructor moves no pin.

    spec: its literal in board.py; of it are used name; min_on_s and min_off_s: dwell, the least time between a change
    and the next (a boot counts as an opening); max_hold_s: longest lease; feedback_ms: so long the feedback may
    contradict the coil; retry_after_s: so long it stays open after a trip; retries: one trip more within
    retry_window_s locks it out. drive(closed: bool): puts the coil into the wanted state. interlocked(): True while
    closing is forbidden. on_change(contactor, now_ms): called after the boot and after each change of state or of who
    holds it. feedback(): what an auxiliary contact says, True closed, False open; None where there is none.

    The state is changed after `drive` has returned: where opening raises, the next tick tries again. A trip opens
    before anything is allocated, and `on_change` is called after that.

    state: one of the four above. cause: why, one of wire.schema.CAUSES. value: what the last trip measured (mA, mV,
    mHz). protection: None, or a switching.protection.Protection. local: set by whoever watches the button: a person has
    taken over; it opens as soon as it may, and host and plan are refused.
    """

    def __init__(self, spec: dict, drive, interlocked=None, on_change=None, feedback=None):
        self.name = spec["name"]
        self.min_on_ms = spec["min_on_s"] * 1000
        self.min_off_ms = spec["min_off_s"] * 1000
        self.max_hold_ms = spec["max_hold_s"] * 1000
        self.feedback_ms = spec["feedback_ms"]
        self.retry_after_ms = spec["retry_after_s"] * 1000
        self.retries = spec["retries"]
        self.retry_window_ms = spec["retry_window_s"] * 1000
        self.interlocked = interlocked or _never
        self.on_change = on_change or _nobody
        self.feedback = feedback
        self.drive = drive
        self.protection = None
        self.state = OPEN
        self.cause = BOOT
        self.value = None
        self.local = False
        self._changed_ms: int = None  # when the coil last moved
        self._expires_ms = 0  # end of the lease, or of what is left of it while tripped
        self._host_until_ms = 0  # until then what the host last asked for keeps the plan away
        self._plan_until_ms = 0  # until then the plan wants it closed, whoever holds it
        self._contradicted_ms = None  # since when the feedback is not as the coil
        self._tripping = None  # cause of a trip that has not opened yet
        self._trip_ms = [None] * self.retries  # when it last tripped, the oldest first

    def boot(self, now_ms: int, locked_out: bool = False):
        """Drive the coil to the safe state; `locked_out`: as before. Raises RuntimeError when it has booted."""
        if self._changed_ms is not None:
            raise RuntimeError("contactor %s: booted already" % self.name)
        self._take(BOOT_LOCKED if locked_out else BOOT, 0, now_ms)

    def request(self, target: str, hold_ms: int, now_ms: int) -> tuple:
        """The host asks for "open" or "closed" for `hold_ms`, or for "reset"; return (reason, wait_ms).

        ("none", 0): it is so now. `wait_ms`: how long the reason will last, 0 if unknown. Asking for "closed" while
        closed replaces the hold. Opening is never refused for its hold: that only keeps the plan away, for the
        longest hold where it is out of range. "reset" ends a lock-out. Raises ValueError on another target.
        """
        self.tick(now_ms)
        if target == CLOSED:
            event = REQUEST_CLOSED if self.state != CLOSED else TAKE_OVER if plan_holds(self) == NONE else RENEW
        elif target == OPEN:
            event = REQUEST_OPEN
        elif target == RESET:
            event = RESET
        else:
            raise ValueError("target must be open, closed or reset, not %s" % target)
        return self._answer(event, hold_ms, now_ms)

    def plan(self, target: str, hold_ms: int, now_ms: int) -> tuple:
        """The node's own plan wants "open", or "closed" for `hold_ms`; as `request`, but the host's lease goes before.

        A wish to be closed is remembered for `hold_ms`: if the host's lease ends meanwhile, it stays closed.
        """
        wanted = target == CLOSED and hold_in_range(self, hold_ms, now_ms) == NONE
        self._plan_until_ms = now_ms + hold_ms if wanted else 0
        return self._answer(PLAN_CLOSED if target == CLOSED else PLAN_OPEN, hold_ms, now_ms)

    def reset_by_hand(self, now_ms: int) -> str:
        """A person ends a lock-out; return the reason, "none" when it is done."""
        return self._take(HAND_RESET, 0, now_ms)

    def trip(self, cause: str, value, now_ms: int):
        """Open at once, because `value` was measured. Nothing is done unless it is closed. Allocates nothing."""
        if self.state == CLOSED:
            self._tripping, self.value = cause, value
            self.drive(False)  # the times compared below may be too large for MicroPython's small integers
            if self._take(LAST_TRIP, 0, now_ms) != NONE:
                self._take(TRIP, 0, now_ms)

    def protect(self, now_ms: int):
        """Trip if the protection says so. Call it as soon as something has been measured."""
        if self.protection:
            cause = self.protection.step(now_ms)
            if cause:
                self.trip(cause, self.protection.value, now_ms)

    def tick(self, now_ms: int):
        """Do what is due by itself: see DUE. Call it often."""
        if self._changed_ms is None:
            raise RuntimeError("contactor %s: boot first" % self.name)
        if self.feedback:
            self._compare(now_ms)
        state = self.state
        for event in DUE[state]:
            self._take(event, 0, now_ms)
            if self.state != state:
                break

    def hold_remaining_ms(self, now_ms: int) -> int:
        """How long it stays closed if nobody renews; 0 while open."""
        return max(0, self._expires_ms - now_ms) if self.state == CLOSED else 0

    def dwell_remaining_ms(self, now_ms: int) -> int:
        """How long a request for the other state is still refused; 0 while locked out: time does not end that."""
        if self.state == LOCKED_OUT:
            return 0
        dwell_ms = self.min_on_ms if self.state == CLOSED else self.min_off_ms
        if self.state == TRIPPED:
            dwell_ms = max(dwell_ms, self.retry_after_ms)
        return max(0, self._changed_ms + dwell_ms - now_ms)

    def conducting(self) -> bool:
        """Whether current may flow: closed, welded, or closed by what the feedback says."""
        if self.state == CLOSED or self.cause == WELDED:
            return True
        return self.feedback is not None and self.feedback() is True

    def _compare(self, now_ms: int):
        closed = self.feedback()
        if closed is None or closed == (self.state == CLOSED):
            self._contradicted_ms = None
        elif self._contradicted_ms is None:
            self._contradicted_ms = now_ms

    def _answer(self, event: str, hold_ms: int, now_ms: int) -> tuple:
        reason = self._take(event, hold_ms, now_ms)
        waits = reason in (MIN_ON, MIN_OFF) or reason == self.state == TRIPPED
        return reason, self.dwell_remaining_ms(now_ms) if waits else 0

    def _take(self, event: str, hold_ms: int, now_ms: int) -> str:
        row = TABLE[self.state].get(event)
        if row is None:
            return REFUSALS[self.state]
        guards, action, next_state, cause = row
        for guard in guards:
            reason = guard(self, hold_ms, now_ms)
            if reason != NONE:
                return reason
        action(self, hold_ms, now_ms)
        if cause:
            self.state = next_state
            self.cause = self._tripping if cause == MEASURED else cause
            self._tripping = None
            self.on_change(self, now_ms)
        return NONE


def _never() -> bool:
    return False


def _nobody(contactor, now_ms):
    pass


# Guards: (contactor, hold_ms, now_ms) -> reason. First those that a request can be refused by.


def hold_in_range(contactor, hold_ms, now_ms):
    return NONE if 0 < hold_ms <= contactor.max_hold_ms else BAD_HOLD


def no_local_control(contactor, hold_ms, now_ms):
    return LOCAL if contactor.local else NONE


def no_host_lease(contactor, hold_ms, now_ms):
    return NONE if now_ms >= contactor._host_until_ms else HOST_HOLDS


def plan_holds(contactor, hold_ms=0, now_ms=0):
    return NONE if contactor._expires_ms > contactor._host_until_ms else HOST_HOLDS


def no_interlock(contactor, hold_ms, now_ms):
    return INTERLOCKED if forbidden(contactor, hold_ms, now_ms) == NONE else NONE


def protection_clear(contactor, hold_ms, now_ms):
    return NONE if contactor.protection is None or contactor.protection.clear else TRIPPED


def on_long_enough(contactor, hold_ms, now_ms):
    return NONE if now_ms - contactor._changed_ms >= contactor.min_on_ms else MIN_ON


def off_long_enough(contactor, hold_ms, now_ms):
    return NONE if now_ms - contactor._changed_ms >= contactor.min_off_ms else MIN_OFF


def contact_open(contactor, hold_ms, now_ms):
    return LOCKED_OUT if contactor.feedback and contactor.feedback() is True else NONE


# Then those that say when something is due.


def trip_pending(contactor, hold_ms, now_ms):
    return NONE if contactor._tripping else NOT_DUE


def retries_used_up(contactor, hold_ms, now_ms):
    for trip_ms in contactor._trip_ms:
        if trip_ms is None or now_ms - trip_ms >= contactor.retry_window_ms:
            return NOT_DUE
    return NONE


def forbidden(contactor, hold_ms, now_ms):
    blind = contactor.protection is not None and contactor.protection.blind
    return NONE if blind or contactor.interlocked() else NOT_DUE


def feedback_contradicts(contactor, hold_ms, now_ms):
    since_ms = contactor._contradicted_ms
    return NONE if since_ms is not None and now_ms - since_ms >= contactor.feedback_ms else NOT_DUE


def not_yet_known(contactor, hold_ms, now_ms):
    return NOT_DUE if contactor.cause == WELDED else NONE


def plan_wants(contactor, hold_ms, now_ms):
    return NONE if contactor._plan_until_ms > now_ms else NOT_DUE


def lease_over(contactor, hold_ms, now_ms):
    return NONE if now_ms >= contactor._expires_ms else NOT_DUE


def local_control(contactor, hold_ms, now_ms):
    return NONE if contactor.local else NOT_DUE


def waited_long_enough(contactor, hold_ms, now_ms):
    return NONE if now_ms - contactor._changed_ms >= contactor.retry_after_ms else NOT_DUE


# Actions: (contactor, hold_ms, now_ms).


def open_coil(contactor, hold_ms, now_ms):
    open_keeping_lease(contactor, hold_ms, now_ms)
    contactor._expires_ms = 0


def open_keeping_lease(contactor, hold_ms, now_ms):
    contactor.drive(False)
    contactor._changed_ms = now_ms
    contactor._contradicted_ms = None


def open_and_count(contactor, hold_ms, now_ms):
    open_keeping_lease(contactor, hold_ms, now_ms)
    contactor._trip_ms.pop(0)
    contactor._trip_ms.append(now_ms)


def open_and_keep_plan_away(contactor, hold_ms, now_ms):
    open_coil(contactor, hold_ms, now_ms)
    keep_plan_away(contactor, hold_ms, now_ms)


def keep_plan_away(contactor, hold_ms, now_ms):
    in_range = hold_in_range(contactor, hold_ms, now_ms) == NONE
    contactor._host_until_ms = now_ms + (hold_ms if in_range else contactor.max_hold_ms)
    contactor._expires_ms = 0


def close_coil(contactor, hold_ms, now_ms):
    contactor.drive(True)
    contactor._changed_ms = now_ms
    contactor._contradicted_ms = None


def close_for_host(contactor, hold_ms, now_ms):
    close_coil(contactor, hold_ms, now_ms)
    hold_for_host(contactor, hold_ms, now_ms)


def close_for_plan(contactor, hold_ms, now_ms):
    close_coil(contactor, hold_ms, now_ms)
    hold_for_plan(contactor, hold_ms, now_ms)


def hold_for_host(contactor, hold_ms, now_ms):
    contactor._expires_ms = contactor._host_until_ms = now_ms + hold_ms


def hold_for_plan(contactor, hold_ms, now_ms):
    contactor._expires_ms = now_ms + hold_ms


def hold_as_planned(contactor, hold_ms, now_ms):
    contactor._expires_ms = contactor._plan_until_ms


def forget_lease(contactor, hold_ms, now_ms):
    contactor._expires_ms = 0


def forget_trips(contactor, hold_ms, now_ms):
    open_coil(contactor, hold_ms, now_ms)
    contactor._trip_ms = [None] * contactor.retries


def nothing(contactor, hold_ms, now_ms):
    pass


# state: {event: (guards in order, action, next state, cause)}. Cause None: nothing changes that is worth a record.
# What opens by itself has no dwell among its guards.
TABLE = {
    OPEN: {
        BOOT: ((), open_coil, OPEN, BOOT),
        BOOT_LOCKED: ((), open_coil, LOCKED_OUT, BOOT),
        REQUEST_OPEN: ((), keep_plan_away, OPEN, None),
        REQUEST_CLOSED: (
            (hold_in_range, no_local_control, no_interlock, protection_clear, off_long_enough),
            close_for_host,
            CLOSED,
            REQUEST,
        ),
        PLAN_OPEN: ((), nothing, OPEN, None),
        PLAN_CLOSED: (
            (hold_in_range, no_local_control, no_host_lease, no_interlock, protection_clear, off_long_enough),
            close_for_plan,
            CLOSED,
            PLAN,
        ),
        WELDED: ((feedback_contradicts,), open_coil, LOCKED_OUT, WELDED),
    },
    CLOSED: {
        LAST_TRIP: ((trip_pending, retries_used_up), open_coil, LOCKED_OUT, MEASURED),
        TRIP: ((trip_pending,), open_and_count, TRIPPED, MEASURED),
        INTERLOCK: ((forbidden,), open_coil, OPEN, INTERLOCK),
        FAILED: ((feedback_contradicts,), open_coil, LOCKED_OUT, FAILED),
        BUTTON: ((local_control, on_long_enough), open_coil, OPEN, BUTTON),
        PLAN: ((lease_over, plan_wants, no_local_control), hold_as_planned, CLOSED, PLAN),
        EXPIRY: ((lease_over,), open_coil, OPEN, EXPIRY),
        REQUEST_OPEN: ((on_long_enough,), open_and_keep_plan_away, OPEN, REQUEST),
        RENEW: ((hold_in_range, no_local_control), hold_for_host, CLOSED, None),
        TAKE_OVER: ((hold_in_range, no_local_control), hold_for_host, CLOSED, REQUEST),
        PLAN_OPEN: ((no_host_lease, on_long_enough), open_coil, OPEN, PLAN),
        PLAN_CLOSED: ((hold_in_range, no_local_control, plan_holds), hold_for_plan, CLOSED, None),
    },
    TRIPPED: {
        WELDED: ((feedback_contradicts,), open_coil, LOCKED_OUT, WELDED),
        EXPIRY: ((waited_long_enough, lease_over), nothing, OPEN, EXPIRY),
        INTERLOCK: ((waited_long_enough, forbidden), forget_lease, OPEN, INTERLOCK),
        RETRY: ((waited_long_enough, protection_clear, off_long_enough), close_coil, CLOSED, RETRY),
        BUTTON: ((local_control,), forget_lease, TRIPPED, None),
        REQUEST_OPEN: ((), keep_plan_away, TRIPPED, None),
        PLAN_OPEN: ((no_host_lease,), forget_lease, TRIPPED, None),
    },
    LOCKED_OUT: {
        WELDED: ((feedback_contradicts, not_yet_known), open_coil, LOCKED_OUT, WELDED),
        RESET: ((no_local_control, contact_open), forget_trips, OPEN, RESET),
        HAND_RESET: ((contact_open,), forget_trips, OPEN, RESET),
    },
}
# What becomes due by itself, the most urgent first.
DUE = {
    OPEN: (WELDED,),
    CLOSED: (LAST_TRIP, TRIP, INTERLOCK, FAILED, BUTTON, PLAN, EXPIRY),
    TRIPPED: (WELDED, BUTTON, EXPIRY, INTERLOCK, RETRY),
    LOCKED_OUT: (WELDED,),
}
# Why an event that a state has no row for is refused.
REFUSALS = {OPEN: NOT_LOCKED_OUT, CLOSED: NOT_LOCKED_OUT, TRIPPED: TRIPPED, LOCKED_OUT: LOCKED_OUT}
