"""From the arguments of `gridnexus calibrate` to what is done."""

import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from host_bridge.calibrate import Calibrator, Given
from host_bridge.calibrate.arithmetic import CalibrationError, Figures
from host_bridge.calibrate.history import FILE as HISTORY_FILE
from host_bridge.calibrate.history import History, export, exported
from host_bridge.calibrate.steady import Place, Wait
from host_bridge.calibrate.talk import Talk
from host_bridge.client import Bridge, BridgeError

__all__ = ["HISTORY_FILE", "changes", "run"]


def run(
    args: Namespace, bridge: Bridge, history_file: Path, console: Console, ask: Callable[[str], str] | None
) -> bool:
    """Whether all ended as wanted; `ask` None agrees to all. Raises BridgeError, OSError."""
    try:
        history, talk = History(history_file), Talk(console, ask)
        wait = Wait(args.readings, args.wait, time.monotonic, time.sleep)
        calibrator = Calibrator(bridge, args.node, history, talk, wait)
        done = _do(args, calibrator) if changes(args) else True
        if args.show or args.export is not None:
            present = calibrator.show()
            if args.export is not None:
                path = None if args.export == "-" else Path(args.export)
                export(path, args.node, history.of(args.node), present)
        return done
    except CalibrationError as error:
        raise BridgeError(str(error)) from error
    except EOFError as error:  # Ctrl-D
        raise BridgeError("no answer, so nothing more was done") from error


def changes(args: Namespace) -> bool:
    """Whether anything is to be written to the node: --show, and --export alone, only look."""
    given = (args.channel, args.voltage, args.current, args.power, args.reference, args.restore, args.steps)
    asked = args.no_load or args.undo or any(each is not None for each in given)
    return not args.show and (asked or args.export is None)


def _do(args: Namespace, calibrator: Calibrator) -> bool:
    if args.undo:
        return calibrator.undo()
    if args.steps is not None:
        return calibrator.steps(args.steps)
    if args.restore:
        return calibrator.restore(exported(args.restore, args.node))
    channel = args.channel or calibrator.only_channel()
    if args.no_load:
        return calibrator.without_load(channel)
    figures = Figures(args.voltage, args.current, args.power)
    meter = _place(args.reference) if args.reference else None
    return calibrator.calibrate(channel, Given(figures, meter, args.resistive, args.reversed))


def _place(text: str) -> Place:
    node, colon, channel = text.partition(":")
    if not (node and colon and channel):
        raise CalibrationError(f"--reference {text}: write NODE:CHANNEL")
    return Place(node, channel)
