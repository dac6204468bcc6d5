"""Contactors that must never be closed together."""


class InterlockGroup:
    """Its members exclude each other: while one may conduct, the others may not close.

    group = InterlockGroup()
    up = Contactor("up", ..., interlocked=group.others_closed("up"))
    group.join(up)
    """

    def __init__(self):
        self._members = []

    def join(self, contactor):
        """Add a contactor; its name tells it from the others. Raises ValueError on a second of that name."""
        if any(member.name == contactor.name for member in self._members):
            raise ValueError("two contactors named %s in one interlock group" % contactor.name)
        self._members.append(contactor)

    def others_closed(self, name: str):
        """A condition for the contactor `name`: True while any other member is closed, welded, or told to be so by
        its feedback."""

        def closed() -> bool:
            for member in self._members:  # noqa: SIM110 (a generator would allocate at every tick)
                if member.name != name and member.conducting():
                    return True
            return False

        return closed
