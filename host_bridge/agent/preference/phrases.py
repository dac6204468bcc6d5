"""phrases.toml: templates of what people say, expanded to phrases, and the words that occur in them."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from pathlib import Path

FILE = Path(__file__).with_name("phrases.toml")
MOST = 16  # phrases of one template, spread over all that it has
# How a token of these kinds is written for the model: tokens.py says what they are.
_WRITTEN = {
    "TIME": "(xclock|xnumber)",
    "TEMP": "(xtemperature|xnumber)",
    "NUM": "xnumber",
    "PERCENT": "xpercent",
    "MONEY": "xmoney",
    "DEVICE": "xdevice",
    "ROOM": "xroom",
    "PART": "xpart",
    "UNCLEAR": "xunclear",
    "QUANTITY": "xquantity",
}
_CAPITALS = re.compile(rf"\b({'|'.join(_WRITTEN)})\b")


@dataclass(frozen=True, slots=True)
class Phrases:
    """`said`: (phrase, label, number of its template). `words` by label; `polite` words of any; `common` English."""

    said: tuple[tuple[str, str, int], ...]
    words: dict[str, frozenset[str]]
    polite: frozenset[str]
    common: frozenset[str]

    @property
    def vocabulary(self) -> frozenset[str]:
        return self.polite.union(*self.words.values())


@cache
def phrases() -> Phrases:
    """What the file says, read once."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    templates = [(template, label) for label, those in read["labels"].items() for template in those]
    said = tuple(
        (phrase, label, number) for number, (template, label) in enumerate(templates) for phrase in expanded(template)
    )
    words = {
        label: frozenset(word for template in those for word in re.findall(r"[a-z]+", template))
        for label, those in read["labels"].items()
    }
    polite, common = (frozenset(" ".join(read["words"][name]).split()) for name in ("polite", "common"))
    return Phrases(said, words, polite, common)


def expanded(template: str, most: int = MOST) -> list[str]:
    """Up to `most` of its phrases, evenly spread over all of them."""
    parts = list(_choices(_CAPITALS.sub(lambda found: _WRITTEN[found[0]], template)))
    count = 1
    for part in parts:
        count *= len(part)
    stride = max(1, count // most) | 1  # odd, so that it meets every choice of an even number
    chosen = islice(product(*parts), 0, None, stride)
    return list(dict.fromkeys(" ".join(" ".join(choice).split()) for choice in chosen))[: most + 1]


def _choices(template: str) -> Iterator[list[str]]:
    """The choices of each part of a template, groups within groups told as their own choices."""
    position = 0
    for start, end, inner, optional in _groups(template):
        yield [template[position:start]]
        choices = [" ".join(way) for piece in _bars(inner) for way in product(*_choices(piece))]
        yield [*choices, ""] if optional else choices
        position = end
    yield [template[position:]]


def _groups(template: str) -> Iterator[tuple[int, int, str, bool]]:
    """(start, end, what stands between, may be left out) of each outer group."""
    depth, start = 0, 0
    for position, letter in enumerate(template):
        if letter in "([":
            start = position if depth == 0 else start
            depth += 1
        elif letter in ")]":
            depth -= 1
            if depth == 0:
                yield start, position + 1, template[start + 1 : position], letter == "]"


def _bars(inner: str) -> list[str]:
    """Split at the bars that stand in no inner group."""
    pieces, depth = [""], 0
    for letter in inner:
        depth += (letter in "([") - (letter in ")]")
        if letter == "|" and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += letter
    return pieces
