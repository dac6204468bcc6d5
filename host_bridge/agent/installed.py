"""What is installed, on disk: one file that is whole or as it was before; the worlds themselves are beside it."""

import json
from pathlib import Path
from typing import Any, NamedTuple, Self

from host_bridge.microworld.on_disk import make_folder, write_whole

NAME = "installed.json"


class Entry(NamedTuple):
    """One installed name. Files are digests of BundleStore."""

    name: str
    file: str
    binding: dict[str, Any]
    former_file: str = ""  # the world to fall back on; "": none
    former_binding: dict[str, Any] | None = None
    mapping: dict[str, str | int] | None = None  # by which the former handed over
    probation_left: int = 0
    stopped: str = ""  # why it is stopped: only somebody who installs it anew has it run again

    @classmethod
    def of(cls, row: Any) -> Self:
        """Raises TypeError or ValueError."""
        entry = cls(**row)
        kinds = (str, str, dict, str, dict | None, dict | None, int, str)
        if not all(isinstance(value, kind) for value, kind in zip(entry, kinds, strict=True)):
            raise TypeError
        return entry


class Installed:
    """The file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self.fault = ""  # what was wrong with it

    def load(self) -> list[Entry]:
        """What is installed. A file that cannot be read is put aside, and `fault` says so."""
        try:
            rows = json.loads(self._path.read_bytes())["worlds"]
            return [Entry.of(row) for row in rows]
        except FileNotFoundError:
            return []
        except OSError as error:
            self.fault = f"{self._path}: cannot be read: {error.strerror}; no world runs"
        except (ValueError, TypeError, KeyError, RecursionError):
            aside = self._path.with_suffix(".damaged")
            self._path.replace(aside)
            self.fault = f"{self._path} was damaged and is now {aside.name}; no world runs: install them again"
        return []

    def save(self, entries: list[Entry]) -> None:
        """On disk when this returns. Raises OSError."""
        make_folder(self._path.parent)
        content = {"worlds": [entry._asdict() for entry in entries]}
        write_whole(self._path, json.dumps(content, indent=1).encode())
