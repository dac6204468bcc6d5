"""A relay's coil on a line of a Linux GPIO chip, by libgpiod's Python binding; open from the moment it is made.

When this program ends in any way, the kernel takes the line back. Raspberry Pi's kernel then leaves an output as it
was, unless config.txt says `dtparam=strict_gpiod` (raspberrypi/linux #6117): without that line a killed node leaves
its contactors as they are.
"""


class GpiodRelay:
    """Call it with True to close, False to open.

    gpiod: the binding (2.x). chip: path of the GPIO chip. pin: the line's offset, on a Pi the number of the GPIO.
    closed_level: the line's level that closes. feedback_pin: of an auxiliary contact, which gives
    `feedback_closed_level` while the contactor is closed; None: there is none. Raises OSError when a line is not there
    or taken.
    """

    def __init__(
        self, gpiod, chip: str, pin: int, closed_level: int, feedback_pin=None, feedback_closed_level: int = 0
    ):
        line = gpiod.line
        self._on, self._off = line.Value.ACTIVE, line.Value.INACTIVE
        self._pin, self._feedback_pin = pin, feedback_pin
        # The value goes with the request: the line becomes an output at its safe level, without an edge.
        lines = {
            pin: gpiod.LineSettings(
                direction=line.Direction.OUTPUT, active_low=not closed_level, output_value=line.Value.INACTIVE
            )
        }
        if feedback_pin is not None:
            lines[feedback_pin] = gpiod.LineSettings(
                direction=line.Direction.INPUT,
                active_low=not feedback_closed_level,
                bias=line.Bias.PULL_DOWN if feedback_closed_level else line.Bias.PULL_UP,
            )
        self._lines = gpiod.request_lines(chip, consumer="gridnexus", config=lines)

    def __call__(self, closed: bool):
        self._lines.set_value(self._pin, self._on if closed else self._off)

    @property
    def closed(self) -> bool:
        """What the line says, not what was asked for."""
        return self._lines.get_value(self._pin) == self._on

    def feedback(self):
        """Whether the auxiliary contact says closed; None without one."""
        if self._feedback_pin is None:
            return None
        return self._lines.get_value(self._feedback_pin) == self._on


def open_relay(chip: str, pin: int, closed_level: int, feedback_pin=None, feedback_closed_level: int = 0) -> GpiodRelay:
    """A relay by the installed binding. Raises RuntimeError that says what to do when the line cannot be had."""
    try:
        import gpiod
    except ImportError:
        raise RuntimeError("a relay on a GPIO chip needs libgpiod's binding: pip install gpiod") from None
    if not hasattr(gpiod, "request_lines"):
        raise RuntimeError("gpiod here is version 1: pip install --upgrade gpiod")
    try:
        return GpiodRelay(gpiod, chip, pin, closed_level, feedback_pin, feedback_closed_level)
    except OSError as error:
        raise RuntimeError(
            "%s line %d (%s): is the chip there (gpiodetect), are you in the group gpio, does another program hold it"
            " (gpioinfo)?" % (chip, pin, error)
        ) from None
