"""Makes the project's own environments from the locks, and asks the system for what PyPI cannot give.

Standard library alone: it runs on the interpreter of a bare machine. An environment is finished when
its marker holds the fingerprint of everything it was made from; anything else is made anew, so an
interrupted set-up mends itself. pip finds its packages by its own configuration; none is named here.
"""

import ctypes
import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "tools" / "requirements"
BROWSER = ("chromium", "libatomic1")  # Debian's packages
SOURCE_ONLY = ("esptool",)  # published without wheels: pure Python, built from its hashed archive
LOG_TAIL = 25  # lines of a failed installation that are shown


class SetupError(RuntimeError):
    """The machine lacks something; the text says what to do."""


@dataclass(frozen=True)
class Environment:
    """A venv in the project's root: `locks` go into it, `typings` beside its packages; `editable`: this project too."""

    name: str
    locks: tuple[str, ...]
    typings: tuple[str, ...] = ()
    editable: bool = True

    @property
    def path(self) -> Path:
        return ROOT / self.name

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def marker(self) -> Path:
        return self.path / "gridnexus-ready"


DEV = Environment(".venv", ("runtime", "dev", "boards"), typings=("stubs",))
BENCH = Environment(".venv-bench", ("runtime", "dev", "bench"))
CITYLEARN = Environment(".venv-citylearn", ("citylearn",), editable=False)  # what the bench compares with
EMHASS = Environment(".venv-emhass", ("emhass",), editable=False)  # as well
LOCK = Environment(".venv-lock", ("lock",), editable=False)


def ensure(environment: Environment) -> Path:
    """The environment's interpreter, made or remade first if need be. Raises SetupError."""
    if not _ready(environment):
        with _alone(environment):
            if not _ready(environment):  # another process may have made it while we waited
                _make(environment)
    return environment.python


def fingerprint(environment: Environment) -> str:
    """Changes when the environment has to be made anew: other locks, another Python, another place."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    installed = [project.get(part) for part in ("build-system", "project")] + [project.get("tool", {}).get("hatch")]
    locks = [_lock(name).read_text(encoding="utf-8") for name in environment.locks + environment.typings]
    parts = [sys.implementation.cache_tag, platform.machine(), str(ROOT), repr(environment), installed, locks]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def ensure_chromium() -> Path | None:
    """Debian's chromium, installed if that can be done without asking; None if it cannot. Raises SetupError in CI."""
    if chromium() is None:
        try:
            install_system(*BROWSER, why="the page is tested in it")
        except SetupError:
            if os.environ.get("CI"):
                raise
    return chromium()


def chromium() -> Path | None:
    """The chromium on PATH, if there is one that can be driven: playwright's own Node needs libatomic."""
    try:
        ctypes.CDLL("libatomic.so.1")
    except OSError:
        return None
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return Path(found) if found else None


def install_system(*packages: str, why: str) -> None:
    """Install Debian packages as root or by `sudo -n`. Raises SetupError with the command to type instead."""
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    named = " and ".join(packages)
    advice = f"{named} is missing ({why}). Install it: sudo apt-get update && sudo {' '.join(command)}"
    prefix = _privilege()
    if not shutil.which("apt-get") or prefix is None:
        raise SetupError(advice)
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _one_apt_at_a_time():
        print(f"Installing Debian's {named}: {why}.", flush=True, file=sys.stderr)
        for step in (["apt-get", "update"], command):
            full = [*prefix, *step, "-o", "DPkg::Lock::Timeout=300"]
            result = subprocess.run(
                full, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
            if result.returncode:
                raise SetupError(f"{_tail(result.stdout + result.stderr)}\n{advice}")


@contextmanager
def _one_apt_at_a_time() -> Iterator[None]:
    """apt waits for others who install, but not for those who read the lists, such as another of our tests."""
    with open(ROOT / ".venv-apt.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _privilege() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def _lock(name: str) -> Path:
    return LOCKS / f"{name}.txt"


def _ready(environment: Environment) -> bool:
    try:
        made_from = environment.marker.read_text(encoding="utf-8")
    except OSError:
        return False
    return made_from == fingerprint(environment) and environment.python.exists()


@contextmanager
def _alone(environment: Environment) -> Iterator[None]:
    with open(ROOT / f"{environment.name}.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for another process that is making {environment.name} ...", flush=True, file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        # If this process is killed, a pip that it leaves behind keeps the lock until it is done.
        os.set_inheritable(lock.fileno(), True)
        yield


def _make(environment: Environment) -> None:
    _ensure_venv_module()
    print(
        f"Making {environment.name} (once, and again when what it is made from changes).", flush=True, file=sys.stderr
    )
    if environment.path.is_symlink():
        raise SetupError(
            f"{environment.path} is a link to another project's environment: making it anew would empty that"
        )
    environment.marker.unlink(missing_ok=True)
    # The base interpreter: the one running may be the very environment that is being replaced.
    base = getattr(sys, "_base_executable", sys.executable)
    _run([base, "-m", "venv", "--clear", str(environment.path)])
    _install(environment, environment.locks, [])
    if environment.typings:
        _install(environment, environment.typings, ["--target", str(environment.path / "typings")])
    if environment.editable:
        _run([*_pip(environment), "--no-build-isolation", "--no-deps", "--editable", str(ROOT)])
    unfinished = environment.marker.with_suffix(".part")
    unfinished.write_text(fingerprint(environment), encoding="utf-8")
    unfinished.replace(environment.marker)


def _ensure_venv_module() -> None:
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        install_system(
            f"python{sys.version_info.major}.{sys.version_info.minor}-venv", why="Python's venv and pip come with it"
        )


def _pip(environment: Environment) -> list[str]:
    return [str(environment.python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]


def _install(environment: Environment, locks: Sequence[str], options: list[str]) -> None:
    """Exactly what the locks say, with the hashes they say, and nothing that would need a compiler."""
    files = [argument for name in locks for argument in ("--requirement", str(_lock(name)))]
    exactly = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-binary", ",".join(SOURCE_ONLY)]
    _run([*_pip(environment), *exactly, "--progress-bar", "off", *options, *files])


def _run(command: Sequence[str]) -> None:
    """Run quietly, showing on a terminal what pip is at. Raises SetupError with the end of what was said."""
    said: list[str] = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        close_fds=False,  # the lock goes along
    ) as process:
        try:
            for line in process.stdout or ():
                said.append(line)
                _progress(said)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise SetupError(f"{_tail(''.join(said))}\n{' '.join(command[:4])} ... failed; mend that and try again.")


def _progress(said: list[str]) -> None:
    if not sys.stderr.isatty():
        return
    if said[-1].startswith(("Collecting ", "Processing ")):
        count = sum(line.startswith(("Collecting ", "Processing ")) for line in said)
        print(
            f"\r\x1b[K  package {count}: {said[-1].split()[1].split('==')[0].rpartition('/')[2]}",
            end="",
            flush=True,
            file=sys.stderr,
        )
    elif said[-1].startswith(("Installing ", "Successfully ")):
        print(f"\r\x1b[K  {said[-1].split()[0].lower()} ...\r", end="", flush=True, file=sys.stderr)


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-LOG_TAIL:])
