"""MicroPython built, unpatched, from Debian trixie's own source packages: RPI_PICO, and the 32-bit unix program.

The result is the same byte for byte in any folder and on any day: SOURCE_DATE_EPOCH is the release's date, paths are
mapped away, and PYTHONHASHSEED is 0 (the generated pins.h would follow the order of a set). It depends on the versions
of the source packages, of the compiler and of its C library, all of which `origin` names.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tools import compilers, debian_sources
from tools.image_sources import Got, NotHad
from tools.progress import Steps
from tools.workshop import JOBS, Workshop

FAMILY_RP2040 = "0xe48bff56"  # of UF2 files
FLASH_START = "0x10000000"
_PERCENT = re.compile(r"\[ *(\d+)%\]")


@dataclass(frozen=True)
class DebianBuild:
    """One program of one of MicroPython's ports: the sources it takes, what it freezes, what its build is told."""

    port: str  # "rp2" or "unix"
    archives: tuple[str, ...]
    packages: tuple[str, ...]
    frozen: str
    flags: tuple[str, ...]

    @property
    def where(self) -> str:
        return f"Debian {debian_sources.RELEASE}'s sources"

    def get(self, folder: Path, steps: Steps) -> Got:
        """The program, built in `folder`, compilers installed first where they may be. Raises NotHad."""
        prefix, needs = compilers.unix32() if self.port == "unix" else ("", compilers.PICO)
        compilers.ensure(compilers.NATIVE + needs, steps)
        shop = Workshop(folder)
        steps.step(f"fetching {self.where}")
        versions = debian_sources.download(shop, self.archives, self.packages)
        debian_sources.unpack(shop, self.archives)
        tree = _lay_out(shop, self.frozen)
        steps.step("compiling mpy-cross")
        shop.run(["make", "-C", str(tree / "mpy-cross"), JOBS])
        steps.step(f"compiling the port {self.port}")
        program = _unix(shop, tree, self.flags, prefix) if self.port == "unix" else _rp2(shop, tree, self.flags, steps)
        sources = ", ".join(f"{package} {version}" for package, version in sorted(versions.items()))
        origin = f"built here from {self.where} ({sources}) by {compilers.versions(needs)}"
        return Got(program, re.split("[+-]", versions["micropython"])[0], origin)


PICO = DebianBuild(
    "rp2",
    archives=("micropython", "mbedtls"),
    packages=("pico-sdk-source", "tinyusb-source"),
    frozen='freeze("$(PORT_DIR)/modules")\ninclude("$(MPY_DIR)/extmod/asyncio")\n',
    # Debian's SDK would take picolibc: newlib, as upstream does. uf2conv.py makes the UF2, so no picotool is needed.
    flags=("-DMICROPY_BOARD=RPI_PICO", "-DPICO_NO_PICOTOOL=1", "-DPICO_CLIB=newlib"),
)
UNIX32 = DebianBuild(
    "unix",
    archives=("micropython", "mbedtls"),
    packages=(),
    frozen='include("$(MPY_DIR)/extmod/asyncio")\n',
    # As near to a microcontroller as the port gets: single floats, no ffi, no btree. Static: needs no 32-bit library.
    flags=(
        "MICROPY_PY_FFI=0",
        "MICROPY_PY_BTREE=0",
        "MICROPY_SSL_AXTLS=0",
        "MICROPY_SSL_MBEDTLS=1",
        "LDFLAGS_EXTRA=-static",
        "CFLAGS_EXTRA=-DMICROPY_FLOAT_IMPL=MICROPY_FLOAT_IMPL_FLOAT",
    ),
)


def _lay_out(shop: Workshop, frozen: str) -> Path:
    """MicroPython's tree with its links to the libraries, which are empty folders in Debian's archive."""
    tree = shop.folder / "micropython"
    for library in (shop.folder / "mbedtls", *(shop.folder / "packages" / "usr" / "src").glob("*")):
        place = tree / "lib" / library.name
        place.rmdir()
        place.symlink_to(library)
    (shop.folder / "manifest.py").write_text(frozen)
    no_library = shop.folder / "no-micropython-lib"  # Debian does not package it; the build looks for its README
    no_library.mkdir()
    (no_library / "README.md").touch()
    shop.built_at_s = int((tree / "LICENSE").stat().st_mtime)  # as old as the release
    return tree


def _rp2(shop: Workshop, tree: Path, flags: tuple[str, ...], steps: Steps) -> Path:
    """The image in the order of the flash, packed as UF2."""

    def share(line: str) -> None:
        if found := _PERCENT.match(line):
            steps.share(int(found[1]) / 100)

    places = {
        "MICROPY_LIB_DIR": shop.folder / "no-micropython-lib",
        "MICROPY_FROZEN_MANIFEST": shop.folder / "manifest.py",
        "MICROPY_MPYCROSS": _mpy_cross(tree),
    }
    told = [*flags, *(f"-D{key}={path}" for key, path in places.items())]
    build = shop.folder / "build"
    shop.run(["cmake", "-S", str(tree / "ports" / "rp2"), "-B", str(build), *told])
    shop.run(["make", "-C", str(build), JOBS], watch=share)
    raw, packed = build / "firmware.bin", build / "firmware.uf2"
    shop.run(["arm-none-eabi-objcopy", "-O", "binary", str(build / "firmware.elf"), str(raw)])
    uf2conv = ["python3", str(tree / "tools" / "uf2conv.py"), "-c", "-b", FLASH_START, "-f", FAMILY_RP2040]
    shop.run([*uf2conv, "-o", str(packed), str(raw)])
    return packed


def _unix(shop: Workshop, tree: Path, flags: tuple[str, ...], prefix: str) -> Path:
    """The program, after a run that shows that it is a 32-bit one and that this machine runs such."""
    build = shop.folder / "build"
    places = {
        "CROSS_COMPILE": prefix,
        "MPY_LIB_DIR": shop.folder / "no-micropython-lib",
        "FROZEN_MANIFEST": shop.folder / "manifest.py",
        "MICROPY_MPYCROSS": _mpy_cross(tree),
        "BUILD": build,
    }
    told = [f"{flag} {shop.mapped}" if flag.startswith("CFLAGS_EXTRA=") else flag for flag in flags]
    port = str(tree / "ports" / "unix")
    shop.run(["make", "-C", port, JOBS, *told, *(f"{key}={value}" for key, value in places.items())])
    program = build / "micropython"
    if shop.run([str(program), "-c", "import sys; print(sys.maxsize)"]).strip() != str(2**31 - 1):
        raise NotHad("the program that came out is not a 32-bit one")
    return program


def _mpy_cross(tree: Path) -> Path:
    return tree / "mpy-cross" / "build" / "mpy-cross"
