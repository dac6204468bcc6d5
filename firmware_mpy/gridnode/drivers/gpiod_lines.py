"""Single lines of a Linux GPIO chip (libgpiod 2) as machine.Pin has them: an output is called with its level, an input
for it.
"""


class GpiodOutput:
    """Call it with 0 or 1. gpiod: the binding. Raises OSError when the line is not there or taken."""

    def __init__(self, gpiod, chip: str, pin: int, level: int):
        line = gpiod.line
        self._levels = line.Value.INACTIVE, line.Value.ACTIVE
        self._pin = pin
        settings = gpiod.LineSettings(direction=line.Direction.OUTPUT, output_value=self._levels[level])
        self._lines = gpiod.request_lines(chip, consumer="gridnexus", config={pin: settings})

    def __call__(self, level: int):
        self._lines.set_value(self._pin, self._levels[level])


class GpiodInput:
    """Call it for the line's level, 0 or 1. gpiod: the binding. Raises OSError when the line is not there or taken."""

    def __init__(self, gpiod, chip: str, pin: int):
        line = gpiod.line
        self._high = line.Value.ACTIVE
        self._pin = pin
        settings = gpiod.LineSettings(direction=line.Direction.INPUT)
        self._lines = gpiod.request_lines(chip, consumer="gridnexus", config={pin: settings})

    def __call__(self) -> int:
        return int(self._lines.get_value(self._pin) == self._high)


def open_output(chip: str, pin: int, level: int) -> GpiodOutput:
    """A line at `level`. Raises RuntimeError that says what to do when it cannot be had."""
    return _open(GpiodOutput, chip, pin, level)


def open_input(chip: str, pin: int) -> GpiodInput:
    """As open_output."""
    return _open(GpiodInput, chip, pin)


def _open(kind, chip: str, pin: int, *more):
    try:
        import gpiod
    except ImportError:
        raise RuntimeError("a radio on a Pi's header needs libgpiod's binding: pip install gpiod") from None
    try:
        return kind(gpiod, chip, pin, *more)
    except OSError as error:
        raise RuntimeError("%s line %d (%s): does another program hold it (gpioinfo)?" % (chip, pin, error)) from None
