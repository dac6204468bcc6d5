"""Packages of Debian trixie, on any Debian, fetched by apt from the mirror in the machine's own configuration.

Signatures are checked against Debian's keyring; apt's lists and downloads stay in the folder of the build.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.image_sources import NotHad
from tools.workshop import Workshop

RELEASE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def download(shop: Workshop, archives: Sequence[str], packages: Sequence[str]) -> dict[str, str]:
    """Source archives, and packages that carry sources, into the folder; returns their versions. Raises NotHad."""
    apt = _apt(shop.folder)
    shop.run([*apt, "update"], environ=os.environ)
    if packages:
        shop.run([*apt, "download", *(f"{package}/{RELEASE}" for package in packages)], environ=os.environ)
    wanted = [f"{archive}/{RELEASE}" for archive in archives]
    shop.run([*apt, "source", "--download-only", *wanted], environ=os.environ)
    came = sorted([*shop.folder.glob("*.dsc"), *shop.folder.glob("*.deb")])
    return {path.stem.split("_")[0]: path.stem.split("_")[1] for path in came}


def unpack(shop: Workshop, archives: Sequence[str]) -> None:
    """Each archive into a folder of its name, and the packages into the folder `packages`. Raises NotHad."""
    for archive in archives:
        (shop.folder / archive).mkdir()
        [packed] = shop.folder.glob(f"{archive}_*.orig.tar.*")
        shop.run(["tar", "-xf", str(packed), "-C", archive, "--strip-components=1"])
    for package in shop.folder.glob("*.deb"):
        shop.run(["dpkg-deb", "-x", str(package), "packages"])


def unpack_whole(shop: Workshop, packages: Sequence[str], root: Path) -> None:
    """Binary packages and all that they need, the C library included, as files below `root`. Raises NotHad."""
    # As if nothing were installed; and of the system nothing is changed, so its lock is nobody's concern.
    alone = ["-o", "Dir::State::status=/dev/null", "-o", "Debug::NoLocking=true"]
    apt = [*_apt(shop.folder), *alone]
    shop.run([*apt, "update"], environ=os.environ)
    fetch = ["install", "--download-only", "--yes", "--no-install-recommends"]
    shop.run([*apt, *fetch, *(f"{package}/{RELEASE}" for package in packages)], environ=os.environ)
    for package in sorted((shop.folder / "apt" / "cache" / "archives").glob("*.deb")):
        shop.run(["dpkg-deb", "-x", str(package), str(root)])


def _apt(folder: Path) -> list[str]:
    mirror = _mirror()
    here = folder / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (here / part).mkdir(parents=True)
    signed = f"[signed-by={KEYRING}] {mirror} {RELEASE} main\n"
    (here / "sources.list").write_text(f"deb {signed}deb-src {signed}")
    options = {
        "Dir::Etc::sourcelist": here / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::Lists": here / "lists",
        "Dir::Cache": here / "cache",
        "APT::Update::Error-Mode": "any",  # a mirror that does not answer is an error, not a warning
        "APT::Get::AllowUnauthenticated": "false",
        "Acquire::AllowInsecureRepositories": "false",
        "APT::Sandbox::User": "root",  # apt's own user could not write into another's cache
    }
    return ["apt-get", "-q", *(part for key, value in options.items() for part in ("-o", f"{key}={value}"))]


def _mirror() -> str:
    if not shutil.which("apt-get") or not KEYRING.exists():
        raise NotHad(f"this machine has no apt-get or no {KEYRING}: go to a Debian, or to where the network answers")
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    for address in sorted(set(said.split())):
        if address.rstrip("/").endswith("/debian"):
            return address
    raise NotHad("apt's sources name no Debian archive (an address that ends in /debian); add one in /etc/apt")
