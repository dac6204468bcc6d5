"""python3 tools/dev.py bench [NAME ...] [--json]: run benchmarks and print their figures; 1 if a reach is missed."""

import argparse
import importlib
import re
import sys
from pathlib import Path

from tests.bench.figures import as_json, as_markdown, as_text

NAMES = ("ingest", "fleet", "memory")


README = Path(__file__).resolve().parents[2] / "README.md"


def write_readme(table: str) -> None:
    """Put `table` between README.md's two marks."""
    text = README.read_text(encoding="utf-8")
    marked = re.sub(r"(<!-- bench -->\n).*(<!-- /bench -->)", lambda m: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)
    README.write_text(marked, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/dev.py bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--json", action="store_true", help="print for programs")
    parser.add_argument("--readme", action="store_true", help="also put the figures into README.md")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}; there are: {', '.join(NAMES)}")
    figures = []
    for name in options.names or NAMES:
        print(f"bench {name} ...", file=sys.stderr)
        module = importlib.import_module(f"tests.bench.{name}")
        figures += module.run(lambda text, name=name: print(f"  {name}: {text}", file=sys.stderr))
    if options.readme:
        write_readme(as_markdown(figures))
    print(as_json(figures) if options.json else as_text(figures))
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
