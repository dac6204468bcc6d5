"""A contactor's coil that is not there (simulated): remembers what it was told, for boards without pins."""


class SimulatedCoil:
    """Call it with True or False as a relay's driver; `closed` is what it was told last."""

    def __init__(self):
        self.closed = False

    def __call__(self, closed: bool):
        self.closed = closed

    def feedback(self):
        """None: it has no auxiliary contact."""
        return
