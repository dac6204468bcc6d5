"""Images once had, kept for every clone in the user's cache: trusted by hash, written whole or not at all."""

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

_NOTED = ("name", "version", "sha256", "origin", "format")


@dataclass(frozen=True)
class Image:
    """A file that a microcontroller or an emulator starts from. `format`: "uf2", "bin", "elf"; `origin`: in words."""

    name: str
    version: str
    path: Path
    sha256: str
    origin: str
    format: str


class Cache:
    """A folder of images; beside each lies a record, NAME-RECIPE.json, which makes the file count.

    Images of older recipes stay: another clone may be at an older commit.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def of_user() -> "Cache":
        """The folder `firmware` of the user's cache."""
        of_user = Path(os.environ.get("XDG_CACHE_HOME", ""))
        home = of_user if of_user.is_absolute() else Path("~/.cache").expanduser()
        return Cache(home / "gridnexus" / "firmware")

    def find(self, name: str, recipe: str) -> Image | None:
        """The image made by exactly this recipe, its hash checked; None if there is none or it was damaged."""
        try:
            record = json.loads(self._record(name, recipe).read_text(encoding="utf-8"))
            path = self.folder / record["file"]
            image = Image(path=path, **{key: record[key] for key in _NOTED})
            whole = sha256(path) == image.sha256
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return image if whole else None

    def keep(self, image: Image, recipe: str) -> Image:
        """The image, copied into the cache as what this recipe makes."""
        path = self.folder / f"{image.name}-{image.version}-{image.sha256[:12]}.{image.format}"
        part = path.with_name(path.name + ".part")
        shutil.copyfile(image.path, part)
        part.chmod(0o755 if image.format == "elf" else 0o644)
        part.replace(path)
        record = {"file": path.name, **{key: getattr(image, key) for key in _NOTED}}
        part.write_text(json.dumps(record, indent=1), encoding="utf-8")
        part.replace(self._record(image.name, recipe))
        return replace(image, path=path)

    def _record(self, name: str, recipe: str) -> Path:
        return self.folder / f"{name}-{recipe[:12]}.json"

    @contextmanager
    def alone(self, name: str) -> Iterator[Path]:
        """An empty folder to get the image `name` in; another process that wants it waits until this one is done."""
        self.folder.mkdir(parents=True, exist_ok=True)
        work = self.folder / f"{name}.work"
        with open(self.folder / f"{name}.lock", "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"{name}: waiting for another process that is getting it", file=sys.stderr, flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            # If this process is killed, a compiler that it leaves behind keeps the lock until it is done.
            os.set_inheritable(lock.fileno(), True)
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
