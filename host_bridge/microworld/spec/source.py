"""A specification's text while it is read: its tables, what may stand in them, and all mistakes with their places."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar

from host_bridge.microworld.language.meaning import Scope, Typed, mean
from host_bridge.microworld.language.spec_error import ExpressionError, SpecError
from host_bridge.microworld.language.syntax import NAME_LENGTH, RESERVED
from host_bridge.microworld.language.units import Unit
from host_bridge.microworld.spec.toml_places import Path, Places

MOST_ERRORS = 20
Result = TypeVar("Result")


@dataclass(slots=True)
class Source:
    """The document and its mistakes; a mistake does not end the reading."""

    places: Places
    file: str
    errors: list[SpecError] = field(default_factory=list)

    def wrong(self, path: Path, says: str, at: int = 0, key: bool = False) -> None:
        """Notes a mistake at the value of `path`, `at` characters into its string, or at its key."""
        if says and len(self.errors) < MOST_ERRORS:
            offset = self.places.key(path) if key else self.places.value(path, at)
            self.errors.append(SpecError(says, *self.places.line_column(offset), self.file))

    def end(self) -> None:
        """Raises the first mistake by its place, with all others, where there is one."""
        if self.errors:
            self.errors.sort(key=lambda error: (error.line, error.column))
            self.errors[0].errors = list(self.errors)
            raise self.errors[0]

    def get(self, path: Path) -> Any:
        """What stands at `path`; None where nothing does."""
        found: Any = self.places.document
        for part in path:
            if isinstance(part, int):
                found = found[part]
            elif isinstance(found, dict):
                found = found.get(part)
            else:
                return None
        return found

    def table(self, path: Path, allowed: Collection[str] = (), required: Collection[str] = ()) -> dict[str, Any] | None:
        """The table at `path`, {} where there is none; None where it is another thing or its keys are not right."""
        found = self.get(path)
        if found is None:
            found = {}
        if not isinstance(found, dict):
            self.wrong(path, "a table is wanted here: { key = value, ... }")
            return None
        unknown = [key for key in found if allowed and key not in allowed]
        for key in unknown:
            near = get_close_matches(key[:40], list(allowed), 1)
            says = f"did you mean {near[0]}?" if near else f"there are {', '.join(allowed)}"
            self.wrong((*path, key), f"{key[:40]!r} is no key of {title(path)}: {says}", key=True)
        missing = [key for key in required if key not in found]
        if missing and not unknown:
            example = EXAMPLES.get(missing[0], "...")
            self.wrong(path, f"{title(path)} has no {missing[0]}: write {missing[0]} = {example}", key=True)
        return None if unknown or missing else found

    def tables(self, section: str) -> list[Path]:
        """The paths of all [[section]]s."""
        found = self.get((section,))
        if found is None:
            return []
        if not isinstance(found, list):
            self.wrong((section,), f"write [[{section}]], in two brackets: there may be several", key=True)
            return []
        return [(section, n) for n in range(len(found))]

    def string(self, path: Path, empty: str = "", longest: int = 1000) -> str:
        """The text at `path`; `empty` where there is none."""
        found = self.get(path)
        if found is None:
            return empty
        if not isinstance(found, str):
            self.wrong(path, "a text in quotes is wanted here")
            return empty
        if len(found) > longest:
            self.wrong(path, f"longer than {longest} characters")
        return found

    def flag(self, path: Path) -> bool:
        """true or false; false where neither is written."""
        found = self.get(path)
        if not isinstance(found, bool | None):
            self.wrong(path, "true or false is wanted here, without quotes")
        return found is True

    def list_of(self, path: Path) -> list[Any]:
        """The array at `path`; empty where there is none."""
        found = self.get(path)
        if found is None or isinstance(found, list):
            return found or []
        self.wrong(path, "an array is wanted here: [ ... ]")
        return []

    def name(self, path: Path, taken: Mapping[str, Path]) -> bool:
        """Whether the key at the end of `path` can be the name of a new thing."""
        name = str(path[-1])
        if not name.isascii() or not name.isidentifier() or len(name) > NAME_LENGTH:
            says = f"{name[:40]!r} is no name: letters, digits and _, at most {NAME_LENGTH}"
        elif name in RESERVED:
            says = f"{name} means something else in expressions (a word, a function or a unit): choose another name"
        elif name in taken:
            line = self.places.line_column(self.places.key(taken[name]))[0]
            says = f"{name} is the name of something else already, in line {line}"
        else:
            return True
        self.wrong(path, says, key=True)
        return False

    def expression(self, path: Path, scope: Scope, wanted: Unit | None = None) -> Typed | None:
        """What the expression at `path` means; None where it is wrong."""
        text = self.written(path)
        return None if text is None else self.attempt(path, lambda: mean(text, scope, wanted))

    def written(self, path: Path) -> str | None:
        """The text of the expression at `path`; whole numbers and true, false may go without quotes."""
        found = self.get(path)
        if isinstance(found, bool):
            return "on" if found else "off"
        if isinstance(found, int):
            return str(found)
        if isinstance(found, str):
            return found
        says = "microworlds count in whole numbers: use a finer unit, as mHz for Hz"
        self.wrong(path, says if isinstance(found, float) else "an expression in quotes is wanted here")
        return None

    def attempt(self, path: Path, work: Callable[[], Result]) -> Result | None:
        """The result of `work`, or None after noting what is wrong with the expression at `path`."""
        try:
            return work()
        except ExpressionError as error:
            self.wrong(path, error.says, error.at)
            return None


EXAMPLES = {"unit": '"W"', "range": "[0, 2000]", "says": '"..."', "value": '"60 s"', "tick": '"1 s"', "safe": "0"}
EXAMPLES |= {"name": '"..."', "for": '"60 s"', "kind": '"controller"', "when": '"..."', "holds": '"..."'}


def title(path: Path) -> str:
    """How a message calls a table."""
    if not path:
        return "a specification"
    if isinstance(path[-1], int):
        return f"[[{path[0]}]]" if len(path) == 2 else "a case of a rule"
    return f"[{'.'.join(str(part) for part in path)}]"
