"""Every calibration that this machine has written to a node: one JSON object a line, in the order of writing.

What a node keeps is the truth. This is for finding out what was done, and for putting it back onto an erased node.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from host_bridge.calibrate.arithmetic import CalibrationError
from host_bridge.export import whole_file

Entry = dict[str, Any]
FILE = "calibrations.jsonl"


class History:
    """The file at `path`, made when first written to. Raises CalibrationError when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, entry: Entry) -> None:
        """Keep one entry, on the disk before this returns."""
        try:
            with self._opened() as file:
                os.write(file.fileno(), (json.dumps(entry) + "\n").encode())
                os.fsync(file.fileno())
        except OSError as error:
            raise self._told(error) from error

    def check(self) -> None:
        """Whether an entry could be added: to be asked before anything is written to a node."""
        try:
            self._opened().close()
        except OSError as error:
            raise self._told(error) from error

    def of(self, node: str) -> list[Entry]:
        """The node's entries, oldest first. A line that a power cut has torn is left out."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._told(error) from error
        return [entry for entry in _entries(lines) if entry.get("node") == node]

    def _opened(self) -> Any:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torn = self.path.exists() and self.path.stat().st_size and self.path.read_bytes()[-1:] != b"\n"
        file = self.path.open("ab", buffering=0)
        if torn:
            file.write(b"\n")
        return file

    def _told(self, error: OSError) -> CalibrationError:
        return CalibrationError(
            f"{self.path}: {error.strerror}. Every calibration is kept there: run this as the bridge's user, or name "
            "another place with --history FILE"
        )


def export(path: Path | None, node: str, versions: list[Entry], present: Entry) -> None:
    """Write what `node` keeps and its history to `path`, whole or not at all; None is standard output. OSError."""
    with whole_file(path) as out:
        json.dump({"node": node, "present": present, "history": versions}, out, indent=2)
        out.write("\n")


def exported(path: Path, node: str) -> bytes:
    """The calibration in what `export` wrote of `node`. Raises CalibrationError, also where it is of another node."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        body, of = bytes.fromhex(content["present"]["body"]), content["node"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it was not written by gridnexus calibrate --export"
        raise CalibrationError(f"{path}: {why}") from error
    if of != node:
        raise CalibrationError(
            f"{path}: it is of {of}, whose transformers and divider are others. If {node} is that unit by a new name, "
            'change "node" in the file'
        )
    return body


def _entries(lines: list[str]) -> Iterator[Entry]:
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry
