"""`gridnexus calibrate`: one channel against a reference. Nothing is written before it was shown and agreed to.

What is written is read back, checked against new readings, and kept with all versions before it; it can be undone.
"""

from typing import NamedTuple

from rich.progress import BarColumn, Progress, TextColumn

from host_bridge.calibrate import arithmetic
from host_bridge.calibrate.arithmetic import CalibrationError, Document, Figures
from host_bridge.calibrate.history import Entry, History
from host_bridge.calibrate.kept import KeptCalibration, Version
from host_bridge.calibrate.steady import Place, Wait, steady
from host_bridge.calibrate.talk import Talk
from host_bridge.client import Bridge, BridgeError
from host_bridge.terminal import printable

# New readings may differ from the reference by these shares, and by what the figures' own steps add.
ENOUGH = {"voltage": (0.005, 0), "current": (0.005, 2), "power": (0.01, 2_000)}
ACCURACY = "No accuracy class is claimed: a calibrated channel is as good as its reference was, at this load."


class Given(NamedTuple):
    """What the person says of the load. `meter`: a channel of the fleet that is the reference."""

    figures: Figures = Figures()
    meter: Place | None = None
    resistive: bool = False
    reversed: bool = False  # that the transformer may be taken as turned round is agreed to beforehand


class Calibrator:
    """The command for one node. Methods tell whether all ended as wanted; they raise CalibrationError, BridgeError."""

    def __init__(self, bridge: Bridge, node: str, history: History, talk: Talk, wait: Wait) -> None:
        self._bridge, self._talk, self._wait = bridge, talk, wait
        self._kept = KeptCalibration(bridge, history, node)

    def calibrate(self, channel: str, given: Given) -> bool:
        """Gain, phase and direction of one channel against a reference, at the load that is on now."""
        place, version, number = self._begin(channel)
        if given.meter is not None:
            self._check(given.meter, place)
        present = version.document.channels[number]
        if self._talk.asks:
            given = self._asked(place, given)
        told, reference = self._compared(place, given)
        gains = arithmetic.solve(told, present, reference, given.resistive)
        after = arithmetic.calibrated(arithmetic.uncalibrated(told, present), gains)
        self._talk.show_figures(told, reference, after)
        if gains == present:
            self._talk.say("It is calibrated like this already; nothing was written.")
            return True
        if gains.turned != present.turned and not self._turns(given):
            self._talk.say("Nothing was written. Turn the transformer over on its conductor, then calibrate again.")
            return False
        document = version.document.with_gains(number, gains)
        why = {"why": "calibrate", "channel": channel, "told": told, "reference": reference}
        return self._written(version, document, why) and self._verified(place, given)

    def without_load(self, channel: str) -> bool:
        """The noise floor of one channel, behind which everything is off."""
        place, version, number = self._begin(channel)
        if self._talk.asks and not self._talk.agrees(f"Is everything behind {channel} switched off?"):
            self._talk.say("Nothing was written.")
            return False
        told = self._steady([place], idle=True)[0]
        gains = arithmetic.without_load(told, version.document.channels[number])
        return self._written(version, version.document.with_gains(number, gains), {"why": "no load", "told": told})

    def steps(self, steps_16th: int) -> bool:
        """The width of the converter's steps."""
        version = self._kept.begin()
        if not self._written(version, version.document._replace(steps_16th=steps_16th), {"why": "steps"}):
            return False
        self._talk.say("That changes every channel's gains a little: calibrate each of them anew.")
        return True

    def restore(self, body: bytes) -> bool:
        """A calibration that was exported, onto the node."""
        version = self._kept.begin()
        return self._written(version, arithmetic.decode(body, len(self._kept.channels)), {"why": "restore"})

    def undo(self) -> bool:
        """Back to the calibration before."""
        version = self._kept.begin()
        if not self._talk.agrees(f"Take back version {version.number} of the calibration of {self._kept.node}?"):
            self._talk.say("Nothing was written.")
            return False
        self._undone(version)
        return True

    def show(self) -> Entry:
        """Tell what the node keeps, and return it for `history.export`."""
        version = self._kept.read()
        name = self._kept.node
        self._talk.say(f"{name}: calibration version {version.number}" if version.number else f"{name}: not calibrated")
        if version.fault:
            self._talk.say(f"{version.fault}; the node goes by none")
        self._show(version.document, version.document)
        return {"version": version.number, "body": version.body.hex()}

    def only_channel(self) -> str:
        """The channel of a node that has one. Raises BridgeError for any other node."""
        if len(self._kept.channels) != 1:
            raise BridgeError(f"which channel of {self._kept.node}? It has: {', '.join(self._kept.channels) or 'none'}")
        return self._kept.channels[0]

    def _begin(self, channel: str) -> tuple[Place, Version, int]:
        if channel not in self._kept.channels:
            known = ", ".join(self._kept.channels) or "none"
            raise BridgeError(f"{self._kept.node} has no channel {channel!r}; it has: {known}")
        version = self._kept.begin()
        if version.fault:
            self._talk.say(f"{version.fault}; the node goes by none")
        return Place(self._kept.node, channel), version, self._kept.channels.index(channel)

    def _check(self, meter: Place, place: Place) -> None:
        """That the reference is there to be waited for."""
        if (meter.node, meter.channel) == (place.node, place.channel):
            raise CalibrationError("a channel cannot be its own reference: name another one with --reference")
        known = [body["channel"] for body in self._bridge.node(meter.node)["channels"]]
        if meter.channel not in known:
            raise BridgeError(f"{meter.node} has no channel {meter.channel!r}; it has: {', '.join(known) or 'none'}")

    def _asked(self, place: Place, given: Given) -> Given:
        """What is still to be known of the load, from the person at the terminal."""
        if given.meter is None and given.figures == Figures():
            self._talk.say(
                f"Switch on a steady load behind {place.channel}, best a heater, and read your reference meter."
            )
            before = self._steady([place])[0]
            voltage = self._talk.thousandths("Reference voltage in V")
            current = self._talk.thousandths("Reference current in A")
            power = self._talk.thousandths("Reference active power in W, below 0 for export")
            given = given._replace(figures=Figures(voltage, current, power))
            moved = disagreements(self._steady([place])[0], before)
            if moved:
                raise CalibrationError(f"the load changed while you read the reference: {moved[0]}")
        if not given.resistive and given.meter is None and given.figures.active_mw is not None:
            resistive = self._talk.agrees("Is the load nothing but a heater (a pure resistance)?")
            given = given._replace(resistive=resistive)
        return given

    def _compared(self, place: Place, given: Given) -> tuple[Figures, Figures]:
        """What the channel and the reference tell of the same time."""
        if given.meter is None and given.figures == Figures():
            raise CalibrationError("there is no reference: give --voltage, --current, --power or --reference")
        if given.meter is None:
            least_ma = arithmetic.LEAST_CURRENT_MA // 2 if given.figures.current_ma is not None else 0
            return self._steady([place._replace(least_ma=least_ma)])[0], given.figures
        meter = given.meter._replace(least_ma=arithmetic.LEAST_CURRENT_MA)
        told, reference = self._steady([place, meter])
        return told, reference

    def _steady(self, places: list[Place], idle: bool = False) -> list[Figures]:
        columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
        console = self._talk.console
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("waiting for readings", total=1.0)
            return steady(
                self._bridge, places, self._wait._replace(idle=idle),
                lambda share, why: progress.update(task, completed=share, description=printable(why or "steady")),
            )  # fmt: skip

    def _turns(self, given: Given) -> bool:
        self._talk.say("The transformer is the wrong way round: the power has the opposite sign of the reference's.")
        if given.reversed or self._talk.asks:
            return given.reversed or self._talk.agrees("Correct that by calculation?")
        self._talk.say("To have that corrected by calculation, say --reversed.")
        return False

    def _written(self, version: Version, document: Document, why: Entry) -> bool:
        self._show(version.document, document)
        if not self._talk.agrees(f"Write this to {self._kept.node}?"):
            self._talk.say("Nothing was written.")
            return False
        now = self._kept.write(document, why)
        self._talk.say(f"Written and read back: version {now.number}.")
        return True

    def _verified(self, place: Place, given: Given) -> bool:
        """Whether new readings agree with the reference; if not, the calibration is taken back where that is wished."""
        told, reference = self._compared(place, given)
        wrong = disagreements(told, reference)
        version = self._kept.read()
        self._kept.note("found wrong" if wrong else "verified", version, {"told": told, "reference": reference})
        if not wrong:
            self._talk.say(f"Verified with new readings. {ACCURACY}")
            return True
        self._talk.say(f"New readings do not agree with the reference: {'; '.join(wrong)}.")
        if self._talk.agrees("Take this calibration back?"):
            self._undone(version)
        return False

    def _undone(self, version: Version) -> None:
        then = self._kept.undo()
        by = f"version {then.number}" if then.number else "none: it is not calibrated"
        self._talk.say(f"Undone: {self._kept.node} now goes by {by}.")
        self._show(version.document, then.document)

    def _show(self, now: Document, then: Document) -> None:
        if now.steps_16th or then.steps_16th:
            self._talk.say(f"steps of the converter: {now.steps_16th}/16 counts now, {then.steps_16th}/16 then")
        self._talk.show_gains(zip(self._kept.channels, now.channels, then.channels, strict=True))


def disagreements(told: Figures, reference: Figures) -> list[str]:
    """What is further from the reference than ENOUGH allows, in words."""
    found = []
    for (what, (share, step)), here, there in zip(ENOUGH.items(), told, reference, strict=False):
        if here is not None and there is not None and abs(here - there) > share * abs(there) + step:
            found.append(f"the {what} is {here / 1000:.3f} instead of {there / 1000:.3f}")
    return found
