"""Edges of a line of a Linux GPIO chip with their times, which the kernel keeps until they are taken (libgpiod 2)."""

from time import monotonic_ns


class GpiodEdges:
    """As drivers.s0_pulse wants a line. gpiod: the binding. Raises OSError when the line is not there or taken."""

    def __init__(self, gpiod, chip: str, pin: int, active_level: int):
        line = gpiod.line
        settings = gpiod.LineSettings(
            direction=line.Direction.INPUT,
            edge_detection=line.Edge.BOTH,
            active_low=not active_level,
            bias=line.Bias.PULL_DOWN if active_level else line.Bias.PULL_UP,
        )
        self._lines = gpiod.request_lines(chip, consumer="gridnexus", config={pin: settings})
        self._rising = gpiod.EdgeEvent.Type.RISING_EDGE
        self._waiting = []
        self._sequence = 0
        self.at_us = 0
        self.active = self.lost = False

    def take(self, now_us: int) -> bool:
        """Put the next edge into `at_us` (node time, of which it is `now_us`) and `active`; False if there is none."""
        if not self._waiting:
            if not self._lines.wait_edge_events(0):
                return False
            self._waiting = self._lines.read_edge_events()[::-1]
        event = self._waiting.pop()
        if event.line_seqno != self._sequence + 1:  # the kernel had no more room
            self.lost = True
        self._sequence = event.line_seqno
        self.at_us = now_us - max(0, (monotonic_ns() - event.timestamp_ns) // 1000)
        self.active = event.event_type is self._rising
        return True

    def close(self):
        """Give the line back."""
        self._lines.release()


def open_edges(chip: str, pin: int, active_level: int) -> GpiodEdges:
    """A line by the installed binding. Raises RuntimeError that says what to do when it cannot be had."""
    try:
        import gpiod
    except ImportError:
        raise RuntimeError("pulses on a GPIO chip need libgpiod's binding: pip install gpiod") from None
    try:
        return GpiodEdges(gpiod, chip, pin, active_level)
    except OSError as error:
        raise RuntimeError("%s line %d (%s): does another program hold it (gpioinfo)?" % (chip, pin, error)) from None
