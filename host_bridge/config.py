"""The bridge's configuration: one TOML file, every key known, every default able to work.

    [bridge]            # where it keeps things
    [web]               # where people and programs reach it
    [store]             # how readings are kept
    [fleet]             # when a node counts as stale
    [dispatch]          # limits on commands
    [worlds]            # whose microworlds run here: trusted, public keys besides this machine's own
    [[link]]            # one table per serial port: url, baud
    [[radio]]           # one table per LoRa gateway: url, region, channel, fastest, slowest, power_dbm, antenna_dbi,
                        # sync_word; of these a network's stations have region to slowest and sync_word in common
    [agent] [[home]] [[load]] [tariff] [market]     # the energy agent, on where there is a home: see energy_config

Not in it: the nodes' keys, one file each in the folder `keys` of state_dir, which gridnexus provision makes.
Nothing listens beyond loopback unless `web.host` says so. A relative state_dir counts from the file's folder.
"""

import os
import re
import tomllib
from dataclasses import dataclass, field, fields
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

from gridnode.link.regions import REGIONS, Plan
from host_bridge import energy_config
from host_bridge.energy_config import AgentConfig, HomeConfig, LoadConfig, MarketConfig, TariffConfig

LARGEST = 2**31 - 1  # of any number here: beyond it a sleep or a deadline overflows
PUBLIC_KEY = re.compile("ed25519:[0-9a-f]{64}")
RADIO_URLS = ("spi:", "serial:", "air:")
PLACES = (Path("gridnexus.toml"), Path("/etc/gridnexus/config.toml"))  # tried in this order


class ConfigError(ValueError):
    """The configuration cannot be used; the text names the file, the key and what to write."""


def default_state_dir() -> Path:
    """systemd's state directory for a service (the first, where it lists several), the user's own otherwise."""
    of_service = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if of_service:
        return Path(of_service)
    of_user = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (of_user if of_user.is_absolute() else Path("~/.local/state").expanduser()) / "gridnexus"


@dataclass(slots=True)
class BridgeConfig:
    name: str = "gridnexus"  # shown at the top of the page
    state_dir: Path = field(default_factory=default_state_dir)  # database, access token, keys of the nodes
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
class WorldsConfig:
    trusted: list[str] = field(default_factory=list)  # "ed25519:<64 hex>"; what this machine builds is trusted anyway


@dataclass(slots=True)
class LinkConfig:
    url: str = ""  # device path, /dev/serial/by-id/..., socket://host:port, rfc2217://host:port
    baud: int = 115200


@dataclass(slots=True)
class RadioConfig:
    """A gateway: all stations of a network need the same region, channel, spreading factors and sync word."""

    # spi:0.0?chip=sx1262&reset=18&busy=20&irq=16, serial:/dev/serial/by-id/..., air://HOST:PORT?name=x (simulated)
    url: str = ""
    region: str = "EU868"
    channel: int = 0  # kHz; 0: the region's own
    fastest: int = 7  # spreading factors in use
    slowest: int = 10
    power_dbm: int = 20  # what it may give at its pin; less where the region says so
    antenna_dbi: int = 2  # gain of the antenna less its cable
    sync_word: int = 0x12


@dataclass(slots=True)
class Config:
    bridge: BridgeConfig = field(default_factory=BridgeConfig)
    web: WebConfig = field(default_factory=WebConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    fleet: FleetConfig = field(default_factory=FleetConfig)
    dispatch: DispatchConfig = field(default_factory=DispatchConfig)
    worlds: WorldsConfig = field(default_factory=WorldsConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    tariff: TariffConfig = field(default_factory=TariffConfig)
    market: MarketConfig = field(default_factory=MarketConfig)
    links: list[LinkConfig] = field(default_factory=list)
    radios: list[RadioConfig] = field(default_factory=list)
    homes: list[HomeConfig] = field(default_factory=list)
    loads: list[LoadConfig] = field(default_factory=list)

    @property
    def books(self) -> Path:
        return self.bridge.state_dir / "agent.db"

    @property
    def database(self) -> Path:
        return self.bridge.state_dir / "readings.sqlite3"

    @property
    def zone(self) -> tzinfo:
        """The zone whose midnights begin a day: `timezone`, else $TZ, else the machine's own, else UTC."""
        name = self.bridge.timezone or os.environ.get("TZ", "").lstrip(":")
        try:
            if name:
                return ZoneInfo(name)
            with open("/etc/localtime", "rb") as file:
                return ZoneInfo.from_file(file)
        except (OSError, ValueError, KeyError):
            return UTC

    @property
    def token_file(self) -> Path:
        return self.bridge.state_dir / "token"

    @property
    def key_folder(self) -> Path:
        return self.bridge.state_dir / "keys"

    @property
    def worlds_folder(self) -> Path:
        return self.bridge.state_dir / "worlds"


_SECTIONS: dict[str, type] = {
    "bridge": BridgeConfig,
    "web": WebConfig,
    "store": StoreConfig,
    "fleet": FleetConfig,
    "dispatch": DispatchConfig,
    "worlds": WorldsConfig,
    "agent": AgentConfig,
    "tariff": TariffConfig,
    "market": MarketConfig,
}
_ENERGY = ("agent", "tariff", "market")  # they look after their own numbers
_SEVERAL: dict[str, type] = {"link": LinkConfig, "radio": RadioConfig, "home": HomeConfig, "load": LoadConfig}


def find(given: Path | None = None) -> Path | None:
    """The file to load: `given`, else $GRIDNEXUS_CONFIG, else the first of PLACES that exists, else None."""
    named = os.environ.get("GRIDNEXUS_CONFIG")
    if given or named:
        return given or Path(named or "")
    return next((place for place in PLACES if os.path.exists(place)), None)


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
    config = parse(table, str(path))
    folder = path.absolute().parent
    config.bridge.state_dir = folder / config.bridge.state_dir
    if config.tariff.file:
        config.tariff.file = str(folder / config.tariff.file)
    if config.agent.history:
        config.agent.history = str(folder / config.agent.history)
    return config


def parse(table: dict[str, Any], where: str) -> Config:
    """Build a Config from a parsed TOML table; `where` names its source in errors."""
    for several in _SEVERAL:
        if not isinstance(table.get(several, []), list):
            raise ConfigError(f"{where}: [{several}]: write [[{several}]], one for each")
    unknown = sorted(set(table) - set(_SECTIONS) - set(_SEVERAL))
    if unknown:
        known = ", ".join((*_SECTIONS, *(f"[{several}]" for several in _SEVERAL)))
        raise ConfigError(f"{where}: unknown section [{unknown[0]}]; known: {known}")
    parts = {name: _section(kind, table.get(name, {}), f"{where}: [{name}]") for name, kind in _SECTIONS.items()}
    config = Config(**parts)
    for several, kind in _SEVERAL.items():
        tables = enumerate(table.get(several, []), 1)
        setattr(config, f"{several}s", [_section(kind, each, f"{where}: [[{several}]] {n}") for n, each in tables])
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
        if wanted == list[str]:
            if type(value) is not list or any(type(item) is not str for item in value):
                raise ConfigError(f'{where}: {key} must be a list of texts, as ["..."]')
        elif type(value) is not wanted:
            raise ConfigError(f"{where}: {key} must be of type {wanted.__name__}, not {type(value).__name__}")
    try:
        return kind(**{k: Path(v).expanduser() if hints[k] is Path else v for k, v in table.items()})
    except RuntimeError as error:  # ~somebody who does not exist
        raise ConfigError(f"{where}: {error}; write the whole path") from error


def _check(config: Config, where: str) -> None:
    for section in (name for name in _SECTIONS if name not in _ENERGY):
        _check_numbers(getattr(config, section), f"{where}: [{section}]")
    if config.web.port > 65535:
        raise ConfigError(f"{where}: [web] port must be at most 65535")
    if not config.web.host:  # an empty host would listen everywhere
        raise ConfigError(f'{where}: [web] host is empty; write "127.0.0.1", or "0.0.0.0" to listen everywhere')
    _check_timezone(config.bridge.timezone, where)
    try:
        energy_config.check(config.agent, config.homes, config.loads, config.tariff, config.market)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
    for public in config.worlds.trusted:
        if not PUBLIC_KEY.fullmatch(public):
            raise ConfigError(f'{where}: [worlds] trusted: {public[:80]!r}: write "ed25519:" and 64 hex digits')
    urls = [link.url for link in config.links]
    for number, link in enumerate(config.links, 1):
        _check_numbers(link, f"{where}: [[link]] {number}")
        if not link.url:
            raise ConfigError(f'{where}: [[link]] {number}: url is missing, e.g. url = "/dev/ttyACM0"')
        if urls.count(link.url) > 1:
            raise ConfigError(f"{where}: [[link]] {number}: {link.url} is listed twice")
    for number, radio in enumerate(config.radios, 1):
        _check_radio(radio, f"{where}: [[radio]] {number}")
        if sum(other.url == radio.url for other in config.radios) > 1:
            raise ConfigError(f"{where}: [[radio]] {number}: {radio.url} is listed twice")


def _check_radio(radio: RadioConfig, where: str) -> None:
    if not radio.url:
        example = '"spi:0.0?chip=sx1262&reset=18&busy=20&irq=16" or "serial:/dev/serial/by-id/..."'
        raise ConfigError(f"{where}: url is missing, e.g. url = {example}")
    if not radio.url.startswith(RADIO_URLS):
        raise ConfigError(f"{where}: url {radio.url} must begin with {' or '.join(RADIO_URLS)}")
    bounds = {"channel": (0, 1_020_000), "fastest": (7, 12), "slowest": (radio.fastest, 12), "power_dbm": (-9, 22),
              "antenna_dbi": (-20, 20), "sync_word": (1, 255)}  # fmt: skip
    for key, (low, high) in bounds.items():
        if not low <= getattr(radio, key) <= high:
            raise ConfigError(f"{where}: {key} must be from {low} to {high}")
    try:
        plan(radio)
    except (KeyError, ValueError) as error:
        why = f"region must be one of {', '.join(REGIONS)}" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"{where}: {why}") from None


def plan(radio: RadioConfig) -> Plan:
    """The regional plan of one radio."""
    channels = (radio.channel,) if radio.channel else None
    factors = tuple(range(radio.fastest, radio.slowest + 1))
    return Plan(REGIONS[radio.region], radio.antenna_dbi, radio.power_dbm, channels, factors)


def _check_numbers(part: Any, where: str) -> None:
    for key in fields(part):
        value = getattr(part, key.name)
        if type(value) is int and not 0 < value <= LARGEST:
            raise ConfigError(f"{where} {key.name} must be above 0 and at most {LARGEST}")


def _check_timezone(name: str, where: str) -> None:
    try:
        if name:
            ZoneInfo(name)
    except (ValueError, KeyError, OSError) as error:  # whichever of these the zone files' reader meets
        raise ConfigError(f'{where}: [bridge] timezone {name} is not known here, e.g. "Europe/Zurich"') from error
