"""Serial ports as this machine sees them, without opening any: opening one would disturb or reset a node.

Linux: /dev, /dev/serial/by-id and /proc. Used by `gridnexus doctor`.
"""

import grp
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

BY_ID = Path("/dev/serial/by-id")
PROC = Path("/proc")


class Holder(NamedTuple):
    """A process that has something open."""

    pid: int
    command: str  # its command line, arguments and all


def by_id(device: Path) -> Path | None:
    """The name of `device` that stays when cables are swapped, where it has one."""
    real = device.resolve()
    names = sorted(BY_ID.iterdir()) if BY_ID.is_dir() else []
    return next((name for name in names if name.resolve() == real), None)


def plugged_in() -> list[Path]:
    """Serial devices that are there now, under their lasting names where they have them."""
    found = sorted(BY_ID.iterdir()) if BY_ID.is_dir() else []
    known = {name.resolve() for name in found}
    rest = [port for kind in ("ttyACM*", "ttyUSB*", "ttyAMA*") for port in sorted(Path("/dev").glob(kind))]
    return found + [port for port in rest if port not in known]


def may_open(device: Path) -> bool:
    """Whether the user of this process may read and write `device`."""
    return os.access(device, os.R_OK | os.W_OK, effective_ids=True)


def is_pseudo(device: Path) -> bool:
    """Whether `device` is a pseudo-terminal: the program that made it keeps it open, as it should."""
    return 136 <= os.major(device.stat().st_rdev) <= 143  # Linux: Documentation/admin-guide/devices.txt


def owning_group(device: Path) -> str:
    """The group whose members may use `device`, as a name where it has one."""
    number = device.stat().st_gid
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def holders_of_device(device: Path) -> list[Holder]:
    """The processes that have `device` open, but this one; without root only one's own can be seen."""
    wanted = device.stat()
    if not stat.S_ISCHR(wanted.st_mode):
        return []
    return [holder(pid) for pid, link in _open_files() if link.startswith("/dev/") and _same(link, wanted)]


def holders_of_port(port: int) -> list[Holder]:
    """The processes that listen on TCP `port`; without root only one's own can be seen."""
    inodes = set()
    for table in (PROC / "net" / "tcp", PROC / "net" / "tcp6"):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            columns = line.split()  # proc(5): local address:port in hex, state 0A is LISTEN, inode is the tenth
            if columns[3] == "0A" and int(columns[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{columns[9]}]")
    return [holder(pid) for pid, link in _open_files() if link in inodes]


def holder(pid: int) -> Holder:
    """The process `pid`, with its command line as far as it can be read."""
    try:
        line = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        line = ""
    return Holder(pid, line.strip() or "?")


def _open_files() -> Iterator[tuple[int, str]]:
    """(pid, what the link says) of every open file that may be seen; a process counts once for each file."""
    for folder in PROC.glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        try:
            yield from {(int(folder.name), os.readlink(link)) for link in (folder / "fd").iterdir()}
        except OSError:  # it ended, or belongs to another user
            continue


def _same(link: str, wanted: os.stat_result) -> bool:
    try:
        return os.stat(link).st_rdev == wanted.st_rdev
    except OSError:
        return False
