"""The bridge's configuration: one TOML file, every key known, every default able to work.

    [bridge]            # where it keeps things
    [web]               # where people and programs reach it
    [store]             # how readings are kept
    [fleet]             # when a node counts as stale
    [dispatch]          # limits on commands
    [[link]]            # one table per serial port

Nothing listens beyond loopback unless `web.host` says so.
"""

import os
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints


class ConfigError(ValueError):
    """The configuration cannot be used; the text names the file, the key and what to write."""


def default_state_dir() -> Path:
    """systemd's state directory for a service, the user's own otherwise."""
    given = os.environ.get("STATE_DIRECTORY") or os.environ.get("XDG_STATE_HOME")
    return Path(given or Path.home() / ".local" / "state") / "gridnexus"


@dataclass(slots=True)
class BridgeConfig:
    name: str = "gridnexus"  # shown at the top of the page
    state_dir: Path = field(default_factory=default_state_dir)  # database, access token
    timezone: str = ""  # IANA name; empty: the machine's own


@dataclass(slots=True)
class WebConfig:
    host: str = "127.0.0.1"
    port: int = 8080


@dataclass(slots=True)
class StoreConfig:
    commit_interval_ms: int = 500
    memory_readings: int = 50_000  # newest kept in memory while the database cannot be written
    raw_days: int = 30
    minute_days: int = 400
    quarter_days: int = 3650  # 15-minute rollups; daily ones are kept for ever


@dataclass(slots=True)
class FleetConfig:
    stale_after_s: int = 5


@dataclass(slots=True)
class DispatchConfig:
    max_hold_s: int = 3600
    answer_within_ms: int = 3000  # after that a command's fate is "unknown", and the node refuses it


@dataclass(slots=True)
class LinkConfig:
    url: str = ""  # device path, /dev/serial/by-id/..., socket://host:port, rfc2217://host:port
    baud: int = 115200


@dataclass(slots=True)
class Config:
    bridge: BridgeConfig = field(default_factory=BridgeConfig)
    web: WebConfig = field(default_factory=WebConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    fleet: FleetConfig = field(default_factory=FleetConfig)
    dispatch: DispatchConfig = field(default_factory=DispatchConfig)
    links: list[LinkConfig] = field(default_factory=list)

    @property
    def database(self) -> Path:
        return self.bridge.state_dir / "readings.sqlite3"

    @property
    def token_file(self) -> Path:
        return self.bridge.state_dir / "token"


_SECTIONS: dict[str, type] = {
    "bridge": BridgeConfig,
    "web": WebConfig,
    "store": StoreConfig,
    "fleet": FleetConfig,
    "dispatch": DispatchConfig,
}


def load(path: Path | None) -> Config:
    """Read `path`, or take the defaults when it is None. Raises ConfigError."""
    if path is None:
        return Config()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    return parse(table, str(path))


def parse(table: dict[str, Any], where: str) -> Config:
    """Build a Config from a parsed TOML table; `where` names its source in errors."""
    links = table.pop("link", [])
    if not isinstance(links, list):
        raise ConfigError(f"{where}: [link]: write [[link]], one for each port")
    unknown = sorted(set(table) - set(_SECTIONS))
    if unknown:
        raise ConfigError(f"{where}: unknown section [{unknown[0]}]; known: {', '.join(_SECTIONS)}, [link]")
    parts = {name: _section(kind, table.get(name, {}), f"{where}: [{name}]") for name, kind in _SECTIONS.items()}
    config = Config(**parts)
    config.links = [_section(LinkConfig, link, f"{where}: [[link]] {n}") for n, link in enumerate(links, 1)]
    _check(config, where)
    return config


def _section(kind: type, table: Any, where: str) -> Any:
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: must be a table")
    hints = get_type_hints(kind)
    for key, value in table.items():
        if key not in hints:
            raise ConfigError(f"{where}: unknown key {key}; known: {', '.join(f.name for f in fields(kind))}")
        wanted = str if hints[key] is Path else hints[key]
        if type(value) is not wanted:
            raise ConfigError(f"{where}: {key} must be of type {wanted.__name__}, not {type(value).__name__}")
    return kind(**{k: Path(v).expanduser() if hints[k] is Path else v for k, v in table.items()})


def _check(config: Config, where: str) -> None:
    for section in _SECTIONS:
        part = getattr(config, section)
        for key in fields(part):
            value = getattr(part, key.name)
            if type(value) is int and value <= 0:
                raise ConfigError(f"{where}: [{section}] {key.name} must be above 0")
    if config.web.port > 65535:
        raise ConfigError(f"{where}: [web] port must be at most 65535")
    urls = [link.url for link in config.links]
    for number, url in enumerate(urls, 1):
        if not url:
            raise ConfigError(f"{where}: [[link]] {number}: url is missing, e.g. url = \"/dev/ttyACM0\"")
        if urls.count(url) > 1:
            raise ConfigError(f"{where}: [[link]] {number}: {url} is listed twice")
