"""The specifications that come with the bridge, each world in a folder of its own, as one module or several."""

from pathlib import Path

_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Every specification, in order: one is one module."""
    return tuple(sorted(_paths()))


def spec_path(name: str) -> Path:
    """The specification `name`. Raises KeyError: there is none."""
    return _paths()[name]


def case_path(name: str) -> Path:
    """Where the assurance case of the specification `name` is, as it is written. Raises KeyError."""
    return spec_path(name).with_suffix(".case.json")


def _paths() -> dict[str, Path]:
    return {path.stem: path for path in _FOLDER.glob("*/*.toml")}
