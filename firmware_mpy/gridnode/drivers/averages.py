"""The part that chips have in common which average a direct current by themselves and say when an average is ready."""

from gridnode.metering.window import NO_ANSWER, UNBELIEVABLE

_SILENT_AFTER = 3  # averages


class Averages:
    """Feeds one channel (metering.Channel with a ChipWindow), a window for every average of the chip's.

    chip: `set_up() -> str` starts its first average now, or says why it cannot; `ready()`: whether an average has been
    completed since it was last asked; `kept()`: whether it still is as it was set up; `figures() -> (mV, mA, mW,
    quality)` of the last average, or None when they cannot be true. Any may raise OSError: it does not answer. title:
    its name in `fault`. block_ms: of an average. now_us: node time.

    Windows abut, so that energy is the chip's average over the time that it is the average of; while the chip is
    silent, or not as we set it, time passes without figures. windows: how many were measured. fault: "" or a sentence
    that says what to do.
    """

    def __init__(self, chip, channel, title: str, block_ms: int, now_us: int):
        self._chip = chip
        self._channel = channel
        self._title = title
        self._block_ms = block_ms
        self._set = False  # the chip is as we want it
        self._why = 0  # there are no figures at present
        self._end_ms = self._look_ms = now_us // 1000
        self.windows = 0
        self.fault = ""
        channel.begin(self._end_ms * 1000)

    def pump(self, now_us: int):
        """Look whether an average is ready, and book it. Takes the time of at most six short transfers."""
        now_ms = now_us // 1000
        if now_ms < self._look_ms:
            return
        try:
            if not self._set:
                self._set_up(now_ms)
            elif self._chip.ready():
                self._book(now_ms)
            elif now_ms - self._end_ms > _SILENT_AFTER * self._block_ms:
                self._lose(now_ms, "does not convert: check its supply")
        except OSError:
            self._lose(now_ms, "does not answer: check its supply, SDA, SCL and the address")

    def _set_up(self, now_ms: int):
        wrong = self._chip.set_up()
        if wrong:
            self._lose(now_ms, wrong)
            return
        self._skip(now_ms)
        self._set = True
        self._look(now_ms)

    def _book(self, now_ms: int):
        """An average is ready: it counts for the time since the last one, if it can be the average of that."""
        if not self._chip.kept():  # it has started anew since, and averages as it was delivered
            self._lose(now_ms, "was reset: check its supply")
            return
        figures = self._chip.figures()
        if not figures:
            self._lose(now_ms, "says what cannot be: check SDA and SCL, or replace it", UNBELIEVABLE)
            return
        if now_ms - self._end_ms > 2 * self._block_ms:
            self._skip(now_ms - self._block_ms)
        voltage_mv, current_ma, power_mw, quality = figures
        self._channel.window.measured(now_ms - self._end_ms, voltage_mv, current_ma, power_mw, None, quality)
        self._channel.count()
        self._end_ms = now_ms
        self._look(now_ms)
        self._why = 0
        self.windows += 1
        self.fault = ""

    def _look(self, now_ms: int):
        self._look_ms = now_ms + self._block_ms * 9 // 10  # the chip's clock may be so much faster

    def _skip(self, until_ms: int):
        if until_ms > self._end_ms:
            self._channel.skip(until_ms - self._end_ms, self._why)
            self._end_ms = until_ms

    def _lose(self, now_ms: int, what: str, why: int = NO_ANSWER):
        """What has passed since the last window was not measured; set the chip up again in a while."""
        self._why = why
        self._skip(now_ms)
        self._set = False
        self._look_ms = now_ms + self._block_ms
        self.fault = "%s %s" % (self._title, what)
