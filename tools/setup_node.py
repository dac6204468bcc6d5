"""Makes tools/emulator ready: Node, and rp2040js as its lock says. npm finds its packages by its own configuration."""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tools.setup_env import ROOT, SetupError, install_system

EMULATOR = ROOT / "tools" / "emulator"
OLDEST = 18  # major version of Node: what rp2040js asks for
_WHY = "the RP2040 is emulated in it"


@cache
def node() -> str:
    """Node's program, at least version 18, installed if that can be done without asking. Raises SetupError."""
    if not (shutil.which("node") and shutil.which("npm")):
        install_system("nodejs", "npm", why=_WHY)
    found = shutil.which("node")
    said = subprocess.run([found or "node", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.", said)
    if found is None or version is None or int(version[1]) < OLDEST:
        raise SetupError(
            f"Node {said.strip() or '?'} is too old ({_WHY}): version {OLDEST} or later is needed. "
            "Install it: sudo apt-get update && sudo apt-get install -y nodejs npm (Debian 12 and later)"
        )
    return found


@cache
def ensure() -> Path:
    """tools/emulator with its packages installed, exactly as package-lock.json says. Raises SetupError."""
    node()
    with open(EMULATOR / "node_modules.lock", "w", encoding="utf-8") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not _ready():
            _install()
    return EMULATOR


def _ready() -> bool:
    try:
        return _marker().read_text(encoding="utf-8") == _fingerprint()
    except OSError:
        return False


def _marker() -> Path:
    return EMULATOR / "node_modules" / "gridnexus-ready"


def _fingerprint() -> str:
    files = [(EMULATOR / name).read_bytes() for name in ("package.json", "package-lock.json")]
    return hashlib.sha256(b"\0".join(files)).hexdigest()


def _install() -> None:
    print("Installing the emulator's packages (once, and again when its lock changes).", flush=True, file=sys.stderr)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=EMULATOR, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
        raise SetupError(f"{said}\n{' '.join(command)} failed in {EMULATOR}; check the network and npm's configuration")
    _marker().write_text(_fingerprint(), encoding="utf-8")


if __name__ == "__main__":
    try:
        print(f"Ready: {ensure()}")
    except SetupError as error:
        sys.exit(f"{error}")
