"""The parts of the wire's specification that come from its table: python -m tools.wire_spec [--write].

gridnode.cddl (RFC 8610) and the tables in README.md, both beside gridnode/wire/schema.py. Without --write it
says which of them is out of date, and ends with 1 if one is.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gridnode.wire import schema

FOLDER = Path(__file__).resolve().parent.parent / "firmware_mpy" / "gridnode" / "wire"
CDDL, README = "gridnode.cddl", "README.md"
BEGIN, END = "<!-- made by tools/wire_spec.py from schema.py: -->\n", "<!-- end -->\n"
HOST_SAYS = {schema.WELCOME, schema.CALL, schema.ACK, schema.PING}
HOST_SAYS |= {schema.REQUEST, schema.STORE, schema.FETCH, schema.MEASURE, schema.WANT}
BASES = f"""\
uint63 = 0..{schema.INT_MAX}
int63 = -{schema.INT_MAX}..{schema.INT_MAX}
short_bytes = bstr .size (0..{schema.TEXT_MAX})
short_blob = bstr .size (0..{schema.BLOB_MAX})
short_text = tstr .size (0..{schema.TEXT_MAX})
texts = [0*{schema.TEXTS_MAX} short_text]
"""
CDDL_TYPES = {
    "uint": "uint63",
    "int": "int63",
    "bytes": "short_bytes",
    "blob": "short_blob",
    "text": "short_text",
    "texts": "texts",
}


def _cddl_type(kind: str) -> str:
    if kind.endswith("?"):
        return f"{_cddl_type(kind[:-1])} / null"
    return CDDL_TYPES.get(kind, f"{kind}-index")


def cddl() -> str:
    """The whole CDDL file. Its first rule, `message`, is what a body holds; no rule is called as a field is."""
    names = [f"{schema.MESSAGES[number][0]}-message" for number in sorted(schema.MESSAGES)]
    lines = [f"; Wire version {schema.WIRE_VERSION}, schema digest {schema.digest().hex()}."]
    lines += ["; Made by `python -m tools.wire_spec --write` from schema.py; do not edit.", ""]
    lines += ["message = " + " / ".join(names), ""]
    for number in sorted(schema.MESSAGES):
        name, fields = schema.MESSAGES[number]
        lines += [f"{name}-message = [", f"  {number},"]
        lines += [f"  {field}: {_cddl_type(kind)}," for field, kind in fields]
        lines += ["]", ""]
    lines += [BASES]
    for kind, values in sorted(schema.NAMES.items()):
        meaning = ", ".join(f"{index} {value}" for index, value in enumerate(values))
        lines += [f"; {meaning}", f"{kind}-index = 0..{len(values) - 1}", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def tables() -> str:
    """The tables of messages and of named values, as Markdown."""
    lines = [f"Schema digest of this table: `{schema.digest().hex()}`", ""]
    lines += ["| id | message | said by | fields, in order |", "|---|---|---|---|"]
    for number in sorted(schema.MESSAGES):
        name, fields = schema.MESSAGES[number]
        said_by = "host" if number in HOST_SAYS else "node"
        lines.append(f"| {number} | {name} | {said_by} | {', '.join(f'{field}: {kind}' for field, kind in fields)} |")
    lines += ["", "| type | values |", "|---|---|"]
    for kind, values in sorted(schema.NAMES.items()):
        lines.append(f"| {kind} | {', '.join(f'{index} {value}' for index, value in enumerate(values))} |")
    return "\n".join(lines) + "\n"


def readme(text: str) -> str:
    """README.md with the tables put between its two marks. Raises ValueError when a mark is missing."""
    before, mark, rest = text.partition(BEGIN)
    _, end, behind = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"{README} has lost a mark: {(BEGIN if not mark else END).strip()}")
    return before + BEGIN + tables() + END + behind


def stale(folder: Path = FOLDER) -> dict[str, str]:
    """File name -> what it should hold, of those that hold something else."""
    wanted = {CDDL: cddl(), README: readme((folder / README).read_text(encoding="utf-8"))}
    return {name: text for name, text in wanted.items() if not _holds(folder / name, text)}


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def main(arguments: Sequence[str]) -> int:
    """Check or write; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.wire_spec", description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="bring the files up to date")
    options = parser.parse_args(arguments)
    found = stale()
    for name, text in found.items():
        if options.write:
            (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"{name}: {'written' if options.write else 'out of date; run python -m tools.wire_spec --write'}")
    return 1 if found and not options.write else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
