"""Which serial port a board is on, found without opening any: opening one may reset what is behind it.

A board is known by the USB vendor and product ids of what it has for a serial port: its own USB, or the bridge chip
on it. Used by flash, console and push.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from host_bridge import ports

# (vendor, product): Raspberry Pi and Espressif name theirs in their documentation; bridges by their makers' drivers.
_BRIDGES = {
    (0x10C4, 0xEA60): "CP210x",
    (0x1A86, 0x7523): "CH340",
    (0x1A86, 0x55D3): "CH343",
    (0x1A86, 0x55D4): "CH9102",
    (0x0403, 0x6001): "FT232R",
    (0x0403, 0x6010): "FT2232",
    (0x0403, 0x6015): "FT-X",
}
_ESPRESSIF_USB = {(0x303A, 0x1001): "Espressif USB serial/JTAG"}
KNOWN = {
    "rp2040": {(0x2E8A, 0x0005): "MicroPython on a Raspberry Pi Pico"},
    "esp32": _BRIDGES,
    "esp32c3": _BRIDGES | _ESPRESSIF_USB,
}


class PortError(RuntimeError):
    """No port, more than one, or one that cannot be used; the text says what to do."""


def find(mcu: str | None = None, listed: Callable[[], Iterable[ListPortInfo]] = list_ports.comports) -> str:
    """The one port that has a board with this chip (None: any known board) behind it. Raises PortError."""
    known = KNOWN[mcu] if mcu else {ids: words for kind in KNOWN.values() for ids, words in kind.items()}
    seen = list(listed())
    matching = [port for port in seen if (port.vid, port.pid) in known]
    if len(matching) == 1:
        device = Path(matching[0].device)
        return str(ports.by_id(device) or device)
    what = f"a board with {mcu}" if mcu else "a board"
    if matching:
        raise PortError(f"{len(matching)} ports could have {what} behind them; choose with --port:\n{_table(matching)}")
    found = f"; there are these ports:\n{_table(seen)}" if seen else "; there is no serial port at all"
    raise PortError(f"no port looks like {what}: plug it in with a cable that carries data, or name its --port{found}")


def check(port: str) -> None:
    """Raise PortError if `port` can be seen to be unusable. URLs and what only opening would tell pass."""
    device = Path(port)
    if "://" in port:
        return
    if not device.exists():
        raise PortError(f"{port}: the port is not there: is the board plugged in? Without --port all are looked at")
    if not device.is_char_device():
        raise PortError(f"{port} is no serial port")
    if not ports.may_open(device):
        raise PortError(
            f"{port}: no permission: sudo usermod -aG {ports.owning_group(device)} $USER, then log in again"
        )
    holders = [] if ports.is_pseudo(device) else ports.holders_of_device(device)
    if holders:
        raise PortError(f"{port} is in use by process {holders[0].pid} ({holders[0].command}): stop that first")


def names() -> list[str]:
    """For completion: every port there is, those of known boards first."""
    known = {ids for kind in KNOWN.values() for ids in kind}
    return [port.device for port in sorted(list_ports.comports(), key=lambda port: (port.vid, port.pid) not in known)]


def _table(seen: Iterable[ListPortInfo]) -> str:
    return "\n".join(f"  {_lasting(port)}  {_words(port)}" for port in seen)


def _lasting(port: ListPortInfo) -> str:
    return str(ports.by_id(Path(port.device)) or port.device)


def _words(port: ListPortInfo) -> str:
    if port.vid is None:
        return "not on USB"
    known = {ids: words for kind in KNOWN.values() for ids, words in kind.items()}
    words = known.get((port.vid, port.pid), port.product or port.description or "unknown")
    return f"{port.vid:04x}:{port.pid:04x} {words}"
