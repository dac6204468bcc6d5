"""The compilers that MicroPython is built with: their Debian packages, whether they are here, installing them."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools import setup_env
from tools.image_sources import NotHad
from tools.progress import Steps


@dataclass(frozen=True)
class Need:
    """A Debian package, known to be there by a command it brings, or by a library that the command finds."""

    package: str
    command: str
    library: str = ""

    def met(self) -> bool:
        """Whether the command is on PATH, and finds the library."""
        if shutil.which(self.command) is None:
            return False
        if not self.library:
            return True
        asked = [self.command, f"-print-file-name={self.library}"]
        return os.path.isabs(subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip())


NATIVE = (Need("build-essential", "make"), Need("build-essential", "g++"), Need("build-essential", "bzip2"))
PICO = (
    Need("cmake", "cmake"),
    Need("gcc-arm-none-eabi", "arm-none-eabi-gcc"),
    Need("libnewlib-arm-none-eabi", "arm-none-eabi-gcc", "libc.a"),
    Need("libstdc++-arm-none-eabi-newlib", "arm-none-eabi-gcc", "libstdc++.a"),
)
_I686 = "i686-linux-gnu-gcc"
_ARMHF = "arm-linux-gnueabihf-gcc"
# Machine: (how the names of the compiler's commands begin, the packages). gcc -m32 would do on x86_64, but Debian's
# gcc-multilib cannot be installed beside any cross compiler.
_UNIX32: Mapping[str, tuple[str, tuple[Need, ...]]] = {
    "x86_64": ("i686-linux-gnu-", (Need("gcc-i686-linux-gnu", _I686), Need("libc6-dev-i386-cross", _I686, "libc.a"))),
    "aarch64": (
        "arm-linux-gnueabihf-",
        (Need("gcc-arm-linux-gnueabihf", _ARMHF), Need("libc6-dev-armhf-cross", _ARMHF, "libc.a")),
    ),
    "i686": ("", (Need("gcc", "gcc"),)),
    "armv7l": ("", (Need("gcc", "gcc"),)),
}


def unix32(machine: str = platform.machine()) -> tuple[str, tuple[Need, ...]]:
    """The prefix and the packages of a compiler for 32-bit programs that this machine runs. Raises NotHad."""
    if machine not in _UNIX32:
        raise NotHad(f"no 32-bit compiler is known for {machine}, only for {', '.join(_UNIX32)}")
    return _UNIX32[machine]


def ensure(needs: Sequence[Need], steps: Steps) -> None:
    """Install what is missing. Raises NotHad with the command to type where that may not be done."""
    missing = sorted({need.package for need in needs if not need.met()})
    if not missing:
        return
    steps.step(f"installing {', '.join(missing)}")
    try:
        setup_env.install_system(*missing, why="MicroPython is compiled with it")
    except setup_env.SetupError as error:
        raise NotHad(str(error)) from error


def versions(needs: Sequence[Need]) -> str:
    """The packages and their versions, as Debian has them installed."""
    asked = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\n", *sorted({n.package for n in needs})]
    return ", ".join(subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines())
