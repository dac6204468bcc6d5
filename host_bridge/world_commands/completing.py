"""What the tab key offers for `gridnexus world`: catalogue names, files, installed worlds."""

from argparse import Namespace
from pathlib import Path

from host_bridge.client import BridgeError, connect
from host_bridge.config import ConfigError, find, load

TIMEOUT_S = 0.7  # somebody waits with a finger on the tab key


def specs(prefix: str = "", **_: object) -> list[str]:
    """Specifications: of the catalogue, and files here."""
    from host_bridge.microworld import catalogue

    return [*catalogue.names(), *_files(prefix, "*.toml")]


def worlds(prefix: str = "", **_: object) -> list[str]:
    """`.world` files."""
    return _files(prefix, "*.world")


def specs_or_worlds(prefix: str = "", **_: object) -> list[str]:
    """Both."""
    return [*specs(prefix), *worlds(prefix)]


def installed(parsed_args: Namespace, **_: object) -> list[str]:
    """Names of worlds that the running bridge has."""
    try:
        settings = load(find(parsed_args.config))
        with connect(settings, parsed_args.bridge, parsed_args.token_file, TIMEOUT_S) as bridge:
            return [str(body["name"]) for body in bridge.worlds()]
    except (BridgeError, ConfigError, OSError):
        return []  # completion has no place to complain


def _files(prefix: str, pattern: str) -> list[str]:
    folder = Path(prefix).parent if not prefix.endswith("/") else Path(prefix)
    return sorted(str(path) for path in folder.glob(pattern))
