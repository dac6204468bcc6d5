"""The microcontroller itself: why it started, and the watchdog that restarts it when the program hangs."""

import machine

_RP2040_WATCHDOG_CTRL = 0x40058000  # RP2040 datasheet, 4.7.6
_RP2040_WATCHDOG_REASON = 0x40058008
_ENABLE = 1 << 30
_BY_TIMER, _FORCED = 1, 2


def reset_cause(mcu: str) -> str:
    """In words. "power on" includes a brown-out and the reset pin where the chip cannot tell them apart."""
    if mcu == "rp2040":  # machine.reset() goes through the watchdog here; only the reason tells them apart
        reason = machine.mem32[_RP2040_WATCHDOG_REASON]
        return "watchdog" if reason & _BY_TIMER else "reset" if reason & _FORCED else "power on"
    cause = machine.reset_cause()
    for name, words in (
        ("PWRON_RESET", "power on"),
        ("WDT_RESET", "watchdog"),
        ("HARD_RESET", "reset"),
        ("SOFT_RESET", "soft reset"),
        ("DEEPSLEEP_RESET", "deep sleep"),
    ):
        if getattr(machine, name, None) == cause:
            return words
    return "unknown"


class Watchdog:
    """Restarts the chip when `feed` was not called for `timeout_ms` (RP2040: at most 8388)."""

    def __init__(self, mcu: str, timeout_ms: int):
        self._mcu = mcu
        self._watchdog = machine.WDT(timeout=timeout_ms)
        self.feed = self._watchdog.feed

    def release(self):
        """Someone has broken into the program to work on the node: give them time, the contactors are open."""
        if self._mcu == "rp2040":
            machine.mem32[_RP2040_WATCHDOG_CTRL] &= ~_ENABLE
        else:
            machine.WDT(timeout=3_600_000)
