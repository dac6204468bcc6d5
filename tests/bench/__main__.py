"""python3 tools/dev.py bench [NAME ...] [--json]: run benchmarks and print their figures; 1 if a reach is missed."""

import argparse
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.bench.figures import Figure, as_json, as_markdown, as_text, from_json
from tools import setup_env

NAMES = ("ingest", "fleet", "memory", "metering", "link", "radio", "microworld", "market", "energy")
# These need what boards need, which agrees with the peer of `ingest` on no cryptography.
OF_BOARDS = ("metering", "link", "microworld", "energy")
ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"


def measure(name: str) -> list[Figure]:
    """Run one benchmark, in the environment that has what it needs. Raises CalledProcessError, SetupError."""
    if name in OF_BOARDS and not importlib.util.find_spec("littlefs"):
        return _of_boards(name)
    print(f"bench {name} ...", file=sys.stderr)
    module = importlib.import_module(f"tests.bench.{name}")
    figures: list[Figure] = module.run(lambda text: print(f"  {name}: {text}", file=sys.stderr, flush=True))
    return figures


def _of_boards(name: str) -> list[Figure]:
    command = [str(setup_env.ensure(setup_env.DEV)), "-m", "tests.bench", name, "--json"]
    path = os.pathsep.join([str(ROOT / "firmware_mpy"), str(ROOT)])
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True, check=False
    )
    if not done.stdout:  # it failed otherwise than by missing a reach, and has said how
        raise subprocess.CalledProcessError(done.returncode, command)
    return from_json(done.stdout)


def write_readme(table: str, *, whole: bool = True) -> None:
    """Put `table` between README.md's two marks; if it is not of the whole bench, beside the rows of the others."""
    text = README.read_text(encoding="utf-8")

    def marked(found: re.Match[str]) -> str:
        rows = {} if whole else {row.split("|")[1]: row for row in found[2].splitlines()}
        rows |= {row.split("|")[1]: row for row in table.splitlines()}
        return "\n".join([found[1], *rows.values(), found[3]])

    README.write_text(
        re.sub(r"(<!-- bench -->)\n(.*)(<!-- /bench -->)", marked, text, flags=re.DOTALL), encoding="utf-8"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/dev.py bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--json", action="store_true", help="print for programs")
    parser.add_argument("--readme", action="store_true", help="also put the figures into README.md")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}; there are: {', '.join(NAMES)}")
    figures = [figure for name in options.names or NAMES for figure in measure(name)]
    if options.readme:
        write_readme(as_markdown(figures), whole=not options.names)
    print(as_json(figures) if options.json else as_text(figures))
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
