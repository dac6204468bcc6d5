"""One contactor as a transition table: (state, event) -> guards, action, next state, cause.

Open is the safe state; every closing is a lease of `hold_ms`. README.md here shows the table drawn.
"""

OPEN, CLOSED = "open", "closed"
BOOT, REQUEST, EXPIRY, INTERLOCK = "boot", "request", "expiry", "interlock"  # causes
REQUEST_OPEN, REQUEST_CLOSED, RENEW = "request open", "request closed", "renew"  # events, with three of the causes

# Reasons of a refusal, as in wire.schema.REASONS.
NONE = "none"
BAD_HOLD = "hold out of range"
MIN_ON, MIN_OFF = "min on time", "min off time"
INTERLOCKED = "interlock"


class Contactor:
    """One contactor. `boot` must be called before anything else: the constructor moves no pin.

    name: for people. drive(closed: bool): puts the coil into the wanted state. min_on_ms, min_off_ms: dwell, the
    least time between a change and the next (a boot counts as an opening). max_hold_ms: longest lease.
    interlocked(): True while closing is forbidden. on_change(contactor, now_ms): called after the boot and after each
    change of state. The state is changed after `drive` has returned: where opening raises, the next tick tries again.

    state: "open" or "closed". cause: "boot", "request", "expiry" or "interlock".
    """

    def __init__(
        self, name: str, drive, min_on_ms: int, min_off_ms: int, max_hold_ms: int, interlocked=None, on_change=None
    ):
        self.name = name
        self.min_on_ms = min_on_ms
        self.min_off_ms = min_off_ms
        self.max_hold_ms = max_hold_ms
        self.interlocked = interlocked or _never
        self.state = OPEN
        self.cause = BOOT
        self._drive = drive
        self.on_change = on_change or _nobody
        self._changed_ms: int = None
        self._expires_ms = 0

    def boot(self, now_ms: int):
        """Drive the coil to the safe state."""
        self._take(BOOT, 0, now_ms)

    def request(self, target: str, hold_ms: int, now_ms: int) -> tuple:
        """Ask for "open" or "closed" for `hold_ms`; return (reason, wait_ms): ("none", 0) when it is so now.

        Asking for "closed" while closed replaces the hold. `wait_ms`: how long the reason will last, 0 if unknown.
        Opening ignores the hold. Raises ValueError on another target.
        """
        if target not in (OPEN, CLOSED):
            raise ValueError("target must be open or closed, not %s" % target)
        self.tick(now_ms)
        event = REQUEST_OPEN if target == OPEN else RENEW if self.state == CLOSED else REQUEST_CLOSED
        return self._take(event, hold_ms, now_ms)

    def tick(self, now_ms: int):
        """Open when the hold has run out or the interlock forbids being closed. Call it often."""
        if self._changed_ms is None:
            raise RuntimeError("contactor %s: boot first" % self.name)
        if self.state == CLOSED:
            if self.interlocked():
                self._take(INTERLOCK, 0, now_ms)
            elif now_ms >= self._expires_ms:
                self._take(EXPIRY, 0, now_ms)

    def hold_remaining_ms(self, now_ms: int) -> int:
        """How long it stays closed if nobody renews; 0 while open."""
        return max(0, self._expires_ms - now_ms) if self.state == CLOSED else 0

    def dwell_remaining_ms(self, now_ms: int) -> int:
        """How long a request for the other state is still refused."""
        dwell_ms = self.min_on_ms if self.state == CLOSED else self.min_off_ms
        return max(0, self._changed_ms + dwell_ms - now_ms)

    def _take(self, event: str, hold_ms: int, now_ms: int) -> tuple:
        guards, action, next_state, cause = TABLE[self.state, event]
        for guard in guards:
            reason, wait_ms = guard(self, hold_ms, now_ms)
            if reason != NONE:
                return reason, wait_ms
        action(self, hold_ms, now_ms)
        if cause:
            self.state, self.cause, self._changed_ms = next_state, cause, now_ms
            self.on_change(self, now_ms)
        return NONE, 0


def _never() -> bool:
    return False


def _nobody(contactor, now_ms):
    pass


# Guards: (contactor, hold_ms, now_ms) -> (reason, wait_ms).


def hold_in_range(contactor, hold_ms, now_ms):
    return (NONE if 0 < hold_ms <= contactor.max_hold_ms else BAD_HOLD), 0


def no_interlock(contactor, hold_ms, now_ms):
    return (INTERLOCKED if contactor.interlocked() else NONE), 0


def on_long_enough(contactor, hold_ms, now_ms):
    wait_ms = contactor.dwell_remaining_ms(now_ms)
    return (MIN_ON if wait_ms else NONE), wait_ms


def off_long_enough(contactor, hold_ms, now_ms):
    wait_ms = contactor.dwell_remaining_ms(now_ms)
    return (MIN_OFF if wait_ms else NONE), wait_ms


# Actions: (contactor, hold_ms, now_ms).


def open_coil(contactor, hold_ms, now_ms):
    contactor._drive(False)


def close_coil(contactor, hold_ms, now_ms):
    contactor._drive(True)
    contactor._expires_ms = now_ms + hold_ms


def replace_hold(contactor, hold_ms, now_ms):
    contactor._expires_ms = now_ms + hold_ms


def nothing(contactor, hold_ms, now_ms):
    pass


# (state, event): (guards in order, action, next state, cause). Cause None: nothing changes that is worth a record.
# Boot, expiry and interlock have no guards: they override the dwell.
TABLE = {
    (OPEN, BOOT): ((), open_coil, OPEN, BOOT),
    (CLOSED, BOOT): ((), open_coil, OPEN, BOOT),
    (OPEN, REQUEST_OPEN): ((), nothing, OPEN, None),
    (OPEN, REQUEST_CLOSED): ((hold_in_range, no_interlock, off_long_enough), close_coil, CLOSED, REQUEST),
    (CLOSED, REQUEST_OPEN): ((on_long_enough,), open_coil, OPEN, REQUEST),
    (CLOSED, RENEW): ((hold_in_range,), replace_hold, CLOSED, None),
    (CLOSED, EXPIRY): ((), open_coil, OPEN, EXPIRY),
    (CLOSED, INTERLOCK): ((), open_coil, OPEN, INTERLOCK),
}
