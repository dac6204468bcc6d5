"""What a person does and sees at the node: a button that takes over and opens every contactor, and a lamp."""

SETTLE_MS = 30  # a button's contacts bounce: so long they must agree
RESET_MS = 3_000  # held down for so long, the button ends lock-outs
# The lamp: period and, of it, how long it is lit. The first line that fits counts.
LOCKED_OUT, TRIPPED, CLOSED, LOCAL, OPEN = (200, 100), (1000, 500), (1, 1), (500, 50), (1000, 50)


class Panel:
    """`button` (or None) has `pressed`; `lamp` (or None) is called with True to be lit, only when that changes.

    Pressing the button opens what is closed, as soon as its shortest on time is over, and refuses host and plan for
    `timeout_s` from when it was last held down. Pressing it again ends that; holding it for 3 s ends lock-outs instead.
    local: whether a person has taken over.
    """

    def __init__(self, contactors: list, button, lamp, timeout_s: int = 900):
        self._contactors = contactors
        self._button = button
        self._lamp = lamp
        self._timeout_ms = timeout_s * 1000
        self._lit = False
        self._pressed = False  # as settled
        self._differs_ms = None  # since when the button's contacts have said otherwise
        self._pressed_ms = 0
        self._spent = False  # this press has already done what it is for
        self._until_ms = 0
        self.local = False

    def step(self, now_ms: int):
        """Call it often."""
        if self._button:
            self._settle(now_ms)
            if self._pressed and self._button.pressed:
                self._held(now_ms)
            elif self.local and now_ms >= self._until_ms:
                self._tell(False)
        if self._lamp:
            period_ms, lit_ms = self._pattern()
            lit = now_ms % period_ms < lit_ms
            if lit != self._lit:
                self._lit = lit
                self._lamp(lit)

    def _settle(self, now_ms: int):
        if self._button.pressed == self._pressed:
            self._differs_ms = None
        elif self._differs_ms is None:
            self._differs_ms = now_ms
        elif now_ms - self._differs_ms >= SETTLE_MS:
            self._differs_ms = None
            self._pressed = not self._pressed
            if self._pressed:
                self._take_over(now_ms)
            elif not self._spent:
                self._tell(False)

    def _take_over(self, now_ms: int):
        self._pressed_ms = now_ms
        self._spent = not self.local
        self._tell(True)

    def _held(self, now_ms: int):
        self._until_ms = now_ms + self._timeout_ms
        if now_ms - self._pressed_ms >= RESET_MS:
            self._pressed_ms = now_ms
            self._spent = True
            for contactor in self._contactors:
                contactor.reset_by_hand(now_ms)

    def _tell(self, local: bool):
        self.local = local
        for contactor in self._contactors:
            contactor.local = local

    def _pattern(self) -> tuple:
        pattern = LOCAL if self.local else OPEN
        for contactor in self._contactors:
            if contactor.state == "locked out":
                return LOCKED_OUT
            if contactor.state == "tripped":
                pattern = TRIPPED
            elif contactor.state == "closed" and pattern is not TRIPPED:
                pattern = CLOSED
        return pattern
