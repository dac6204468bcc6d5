"""How many sentences of a set are read right: `python -m tests.host.agent.preference_totals [--write]`.

Right: the very preference that was meant, or a refusal where no preference says it. Wrong: another preference proposed,
which a person would have to notice. Refused: no proposal though there was one to make. `--write`: into the README.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from host_bridge.agent.preference import DEVICES, understand

HELD_OUT = Path(__file__).with_name("sentences.toml")  # written before tuning; nobody tunes on it
OWN = Path(__file__).with_name("own_sentences.toml")
README = Path(understand.__code__.co_filename).with_name("README.md")
FIELDS = {"device", "by", "by_any", "percent", "low_c", "high_c", "level", "amount_cents", "per", "of"}
FIELDS |= {"start", "end", "what", "with"}
MARKED = re.compile(r"(<!-- totals -->\n).*(<!-- end -->)", re.DOTALL)


class Totals(NamedTuple):
    sentences: int
    right: int
    wrong: int
    refused: int


def sentences(path: Path) -> Iterator[tuple[str, str, dict]]:
    """(text, kind, fields) of each; the kind stands beside the text, or over its table."""
    for table, rows in tomllib.loads(path.read_text(encoding="utf-8")).items():
        for row in rows if isinstance(rows, list) else []:
            flat = row | {
                key: value for inner in row.values() if isinstance(inner, dict) for key, value in inner.items()
            }
            text = next(flat[key] for key in ("text", "sentence", "say", "said", "words") if key in flat)
            yield text, flat.get("kind", table), {key: flat[key] for key in FIELDS & flat.keys()}


def is_right(preference, kind: str, fields: dict) -> bool:
    if preference is None or kind == "none":
        return preference is None and kind == "none"
    document, wanted = preference.document(), {"kind": kind} | fields
    if kind == "deadline":
        wanted = {"percent": 100} | wanted
        accepted = wanted.pop("by_any", None) or [wanted["by"]]
        wanted["by"] = document.get("by") if document.get("by") in accepted else None
    if kind == "quiet":
        wanted = {"device": ""} | wanted
    return document == wanted


@cache
def totals(path: Path) -> Totals:
    right = wrong = count = 0
    for text, kind, fields in sentences(path):
        preference = understand(text, DEVICES).preference
        good = is_right(preference, kind, fields)
        count, right, wrong = count + 1, right + good, wrong + (not good and preference is not None)
    return Totals(count, right, wrong, count - right - wrong)


def table() -> str:
    lines = ["| set | sentences | right | refused, could have been mapped | wrong |", "|---|---|---|---|---|"]
    for name, path in (("held out, written before tuning", HELD_OUT), ("tuned on", OWN)):
        count, right, wrong, refused = totals(path)
        part = [f"{number} ({number / count:.1%})" for number in (right, refused, wrong)]
        lines.append(f"| {name} | {count} | {' | '.join(part)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = table()
    print(text, end="")
    if "--write" in sys.argv[1:]:
        README.write_text(MARKED.sub(lambda found: found[1] + text + found[2], README.read_text(encoding="utf-8")))
