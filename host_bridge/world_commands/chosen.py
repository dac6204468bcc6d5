"""What the options of `gridnexus world` name: specifications, worlds, strategies, parameters, bindings."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from host_bridge.agent import written
from host_bridge.agent.binding import BindingError
from host_bridge.config import ConfigError
from host_bridge.microworld import bundle, catalogue
from host_bridge.microworld.bundle import Bundle, BundleError
from host_bridge.microworld.language.spec_error import SpecError

if TYPE_CHECKING:
    from host_bridge.microworld.making import Compiled


class Anybody(frozenset[str]):
    """Whose worlds are read to be looked at; whether they are run is the bridge's to say."""

    def __contains__(self, key: object) -> bool:
        return True


def spec_text(named: str) -> tuple[str, str]:
    """(text, what errors call it) of a file, or of a specification of the catalogue by its name. Raises OSError."""
    path = Path(named)
    if not path.exists() and named in catalogue.names():
        path = catalogue.spec_path(named)
    try:
        return path.read_text(encoding="utf-8"), path.name
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: a specification is text in UTF-8") from None
    except FileNotFoundError:
        names = ", ".join(catalogue.names())
        raise ConfigError(f"{named}: there is no such file, and the catalogue has only: {names}") from None


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """The a=b of an option that may be given several times. Raises ConfigError."""
    try:
        return written.pairs(given)
    except ValueError as error:
        raise ConfigError(f"{option} {error}") from None


def compiled(args: Namespace) -> "Compiled":
    """The specification that `args` names, with its profile and parameters. Raises SpecError."""
    from host_bridge.microworld import making

    text, name = spec_text(args.spec)
    parameters = {key: written.number(value) for key, value in pairs(args.set, "--set").items()}
    return making.compiled(text, pairs(args.profile, "--profile"), parameters, name)


def world(path: Path) -> tuple[bytes, Bundle]:
    """A `.world` file, whoever signed it. Raises OSError, BundleError."""
    content = path.read_bytes()
    try:
        return content, bundle.read(content, Anybody())
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from None


def binding(given: Sequence[str], its: Bundle) -> dict[str, dict[str, Any]]:
    """The binding that --bind says, split into inputs and outputs as the world declares them. Raises ConfigError."""
    program = its.program()
    inputs, outputs = ([quantity.name for quantity in each] for each in (program.inputs, program.outputs))
    try:
        return written.binding(pairs(given, "--bind"), inputs, outputs)
    except BindingError as error:
        raise ConfigError(f"--bind: {program.name}: {error}") from None


def mapping(given: Sequence[str]) -> dict[str, str | int]:
    """--map: state of the newcomer = state of the old one, or a number. Raises ConfigError."""
    return {name: written.number(value) for name, value in pairs(given, "--map").items()}


def tell_errors(error: SpecError) -> int:
    """All that is wrong with a specification, a line each, as compilers do; the exit code."""
    for each in sorted(error.errors, key=lambda one: (one.line, one.column)):
        print(each, file=sys.stderr)
    return 1
