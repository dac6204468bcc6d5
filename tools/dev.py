"""The one entry for contributors: python3 tools/dev.py demo | test | check | bench | hil | build | flash | ... | setup.

Needs nothing but Python 3.11: what is missing is installed into .venv first, from the locked list.
"""

import argparse
import ast
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 (run by whatever python3 the machine has)
    sys.exit(
        "gridnexus needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: python3.11 tools/dev.py"
    )

ROOT = Path(__file__).resolve().parent.parent
if not __package__:  # run as a file: `tools` is not importable yet
    sys.path[0] = str(ROOT)

from tools import setup_env  # noqa: E402

EXAMPLES = """\
examples:
  python3 tools/dev.py demo                       three homes in the browser, until Ctrl-C
  python3 tools/dev.py demo --seconds 90 --json   the same, measured
  python3 tools/dev.py demo --neighbourhood       17 homes with batteries that plan and trade, a day in 24 minutes
  python3 tools/dev.py test --fast                what to run before each commit
  python3 tools/dev.py test -- -k store -x        the rest goes to pytest
  python3 tools/dev.py hil --rig all --report out/     microcontroller and Pi side by side, emulated and real
  python3 tools/dev.py check && python3 tools/dev.py test    what CI runs
"""
# Commands that are modules of their own, run with whatever arguments follow.
MODULES = {
    "demo": ("tools.demo", "three homes, metered under MicroPython, in the browser"),
    "hil": ("hil", "the hardware-in-the-loop bench: [--rig NAME|all] [--long] [--report DIR]"),
    "build": ("tools.build", "what is flashed onto a board"),
    "flash": ("tools.flash", "flash a board with it, and verify"),
    "console": ("tools.console", "a board's console"),
    "push": ("tools.push", "changed files onto a running board"),
    "sniff": ("tools.sniff", "what goes over a link, in readable lines"),
    "boards": ("tools.boards", "the boards: parts, prices, mistakes"),
    "images": ("tools.images", "MicroPython's firmware images: fetched or built"),
    "worlds": ("tools.worlds", "the catalogue's microworlds on a year of recorded homes: [--readme] [--json]"),
    "emulate": ("tools.emulate", "an emulated RP2040 board on pseudo-terminals"),
}
# A test file that imports one of these is CPython's alone; every other one in tests/wire and tests/firmware runs twice.
CPYTHON_ONLY = {"cbor2", "host_bridge", "hypothesis", "pathlib", "pytest", "tools", "typing"}
# Each lock, and where uv takes its contents from. Later ones agree with earlier ones, so they share an environment.
_R = "tools/requirements"
_RUNTIME, _DEV = ["--constraint", f"{_R}/runtime.txt"], ["--constraint", f"{_R}/dev.txt"]
LOCK_SOURCES = {
    "runtime": ["pyproject.toml"],
    "dev": ["--group", "pyproject.toml:dev", *_RUNTIME],
    "boards": ["--group", "pyproject.toml:boards", *_RUNTIME, *_DEV],
    "bench": ["--group", "pyproject.toml:bench", *_RUNTIME, *_DEV],
    "citylearn": ["--group", "pyproject.toml:citylearn"],
    "emhass": ["--group", "pyproject.toml:emhass"],
    "stubs": ["--group", "pyproject.toml:stubs", "--no-deps"],
    "lock": ["--group", "pyproject.toml:lock"],
}


@dataclass(frozen=True)
class Step:
    """One command of a run, and what people call it."""

    name: str
    command: list[str]


def main(arguments: Sequence[str]) -> int:
    """Run one command of this tool; returns its exit code. Does not return from demo, bench."""
    options, rest = _parse(arguments)
    try:
        return int(options.run(options, rest))
    except setup_env.SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


def _parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="tools/dev.py",
        description="Everything a contributor to gridnexus runs. Sets up .venv by itself.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    for name, (module, words) in MODULES.items():
        command = commands.add_parser(name, help=words, add_help=False)
        command.set_defaults(run=_module, module=module, passes_on=True)
    test = commands.add_parser(
        "test", help="the tests, under both interpreters", usage="%(prog)s [--fast] [-- PYTEST ...]"
    )
    test.add_argument("--fast", action="store_true", help="leave out what is slow and what needs a browser")
    test.set_defaults(run=_test, passes_on=True)
    check = commands.add_parser("check", help="style, types, imports, and the wire under both interpreters")
    check.set_defaults(run=_check, passes_on=False)
    bench = commands.add_parser("bench", help="the benchmarks: [NAME] [--json]", add_help=False)
    bench.set_defaults(run=_bench, passes_on=True)
    setup = commands.add_parser("setup", help="only make .venv, and say where it is")
    setup.set_defaults(run=_setup, passes_on=False)
    lock = commands.add_parser("lock", help="take the newest releases that pyproject.toml allows into the locks")
    lock.set_defaults(run=_relock, passes_on=False)

    options, rest = parser.parse_known_args(arguments)
    if rest and not options.passes_on:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options, [argument for argument in rest if argument != "--"]


def _module(options: argparse.Namespace, rest: list[str]) -> int:
    return _become(setup_env.ensure(setup_env.DEV), options.module, rest)


def _bench(options: argparse.Namespace, rest: list[str]) -> int:
    return _become(setup_env.ensure(setup_env.BENCH), "tests.bench", rest)


def _setup(options: argparse.Namespace, rest: list[str]) -> int:
    python = setup_env.ensure(setup_env.DEV)
    print(f"Ready: . {python.parent / 'activate'}")
    return 0


def _test(options: argparse.Namespace, rest: list[str]) -> int:
    python = setup_env.ensure(setup_env.DEV)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each worker takes 6 s to make every test's bytecode anew
    pytest = [str(python), "-m", "pytest"]
    if rest:  # someone looks at something: the rest goes to pytest as it is
        return subprocess.run([*pytest, *rest], cwd=ROOT, check=False).returncode
    if options.fast:
        pytest += ["-m", "not slow and not browser"]
    elif not setup_env.ensure_chromium():
        print("No chromium, and no right to install it: the browser's tests will be skipped.", flush=True)
    # One worker more than cores: tests wait for each other's processes. pytest-embedded is for hil/ alone.
    parallel = ["-n", str((os.cpu_count() or 1) + 1), "--dist", "loadfile", "-p", "no:pytest_embedded"]
    steps = [
        # First, and once: tests that run side by side would each want to install what they lack.
        Step("the emulator", [str(python), "-m", "tools.setup_node"]),
        Step("firmware images", [str(python), "-m", "tools.images", "--all"]),
        _micropython(python, "wire", "firmware"),
        Step("everything under CPython", [*pytest, *parallel, "--durations=10", "--durations-min=1"]),
    ]
    if not options.fast:
        steps.append(Step("the HIL bench on emulated and native rigs", [str(python), "-m", "hil", "--rig", "all"]))
    return _run_all(steps)


def _check(options: argparse.Namespace, rest: list[str]) -> int:
    python = setup_env.ensure(setup_env.DEV)
    module = [str(python), "-m"]
    firmware_rules = ["--config-file", "tools/mypy_firmware.ini"]
    steps = [
        Step("installed packages agree", [*module, "pip", "check"]),
        Step("style", [*module, "ruff", "check", "."]),
        Step("layout of the source", [*module, "ruff", "format", "--check", "."]),
        Step("types, host and tools", [*module, "mypy"]),
        Step("types, firmware against MicroPython's library", [*module, "mypy", *firmware_rules]),
        _micropython(python, "wire"),
        Step(
            "imports, and the wire under CPython",
            [*module, "pytest", "-q", "-m", "not slow", "tests/test_imports.py", "tests/wire"],
        ),
    ]
    return _run_all(steps)


def _relock(options: argparse.Namespace, rest: list[str]) -> int:
    uv = setup_env.ensure(setup_env.LOCK).parent / "uv"
    command = [
        str(uv),
        "pip",
        "compile",
        "--quiet",
        "--upgrade",
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
    ]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "python3 tools/dev.py lock"]
    steps = []
    for name, source in LOCK_SOURCES.items():
        output = str(setup_env.LOCKS.relative_to(ROOT) / f"{name}.txt")
        steps.append(Step(f"lock of {name}", [*command, *source, "--output-file", output]))
    return _run_all(steps)


def _run_all(steps: Sequence[Step]) -> int:
    """Run every step even if one fails; say how each went, and name the failed ones once more at the end."""
    failed = []
    for step in steps:
        print(f"--- {step.name}", flush=True)
        began = time.monotonic()
        code = subprocess.run(step.command, cwd=ROOT, check=False).returncode
        verdict = "FAILED" if code else "passed"
        print(f"--- {step.name}: {verdict} in {time.monotonic() - began:.1f} s\n", flush=True)
        if code:
            failed.append(step.name)
    if failed:
        print(f"FAILED: {'; '.join(failed)}", flush=True)
    return 1 if failed else 0


def _micropython(python: Path, *suites: str) -> Step:
    files = [file for suite in suites for file in sorted((ROOT / "tests" / suite).glob("test_*.py"))]
    chosen = [str(file.relative_to(ROOT)) for file in files if not _imports(file) & CPYTHON_ONLY]
    return Step(f"{' and '.join(suites)} under MicroPython", [str(python), "tests/run_micropython.py", *chosen])


def _imports(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def _become(python: Path, module: str, arguments: list[str]) -> int:
    """Replace this process, so that Ctrl-C and the exit code are the module's own. Never returns."""
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(python, [str(python), "-m", module, *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
