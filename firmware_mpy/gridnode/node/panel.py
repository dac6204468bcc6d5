"""What a person does and sees at the node: a button that asks every contactor to open, and a lamp."""

BLINK_MS = 50  # at the beginning of each second, while all contactors are open


class Panel:
    """`button` (or None) has `pressed`; `lamp` (or None) is called with True to be lit, only when that changes."""

    def __init__(self, contactors: list, button, lamp):
        self._contactors = contactors
        self._button = button
        self._lamp = lamp
        self._lit = False

    def step(self, now_ms: int):
        """Open what is closed while the button is held down: a shortest on time still holds, as the load needs it."""
        if self._button and self._button.pressed:
            for contactor in self._contactors:
                if contactor.state == "closed":
                    contactor.request("open", 0, now_ms)
        if self._lamp:
            closed = any(contactor.state == "closed" for contactor in self._contactors)
            lit = closed or now_ms % 1000 < BLINK_MS
            if lit != self._lit:
                self._lit = lit
                self._lamp(lit)
