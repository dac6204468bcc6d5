"""The configuration: defaults that work, every key checked, errors that name the file, the key and the cure."""

from dataclasses import fields
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_bridge import config as configuration
from host_bridge.config import Config, ConfigError, find, load, parse

WHOLE = """
[bridge]
name = "Home"
state_dir = "/var/lib/x"
timezone = "Europe/Zurich"
[web]
host = "0.0.0.0"
port = 9000
[store]
raw_days = 7
[fleet]
stale_after_s = 9
[dispatch]
max_hold_s = 60
[worlds]
trusted = ["ed25519:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]
[[link]]
url = "/dev/ttyACM0"
[[link]]
url = "socket://meter:4000"
baud = 9600
"""


def written(tmp_path, text):
    path = tmp_path / "gridnexus.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_defaults_work_and_listen_on_loopback_only():
    config = load(None)
    assert (config.web.host, config.web.port, config.links) == ("127.0.0.1", 8080, [])
    assert config.database.parent == config.token_file.parent == config.bridge.state_dir
    assert load(None).bridge is not config.bridge
    assert parse({}, "x") == config


def test_every_section_is_read(tmp_path):
    config = load(written(tmp_path, WHOLE))
    assert (config.bridge.name, config.bridge.state_dir) == ("Home", Path("/var/lib/x"))
    assert (config.bridge.timezone, config.web.host, config.web.port) == ("Europe/Zurich", "0.0.0.0", 9000)
    assert (config.store.raw_days, config.store.minute_days) == (7, 400)
    assert (config.fleet.stale_after_s, config.dispatch.max_hold_s) == (9, 60)
    assert config.worlds.trusted == ["ed25519:" + 4 * "0123456789abcdef"]
    assert config.worlds_folder == Path("/var/lib/x/worlds")
    assert [(link.url, link.baud) for link in config.links] == [
        ("/dev/ttyACM0", 115200),
        ("socket://meter:4000", 9600),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[bridge", "not valid TOML"),
        ("[web]\nprot = 1", r"\[web\]: unknown key prot; known: host, port"),
        ("[webb]", r"unknown section \[webb\]; known: bridge, web"),
        ("port = 1", r"unknown section \[port\]"),
        ('[web]\nport = "8080"', "port must be of type int, not str"),
        ("[web]\nport = true", "port must be of type int, not bool"),
        ("[web]\nport = 80.0", "port must be of type int, not float"),
        ("[web]\nport = 0", "port must be above 0"),
        ("[web]\nport = 65536", "port must be at most 65535"),
        ('[web]\nhost = ""', "host is empty"),
        ("[bridge]\nstate_dir = 5", "state_dir must be of type str, not int"),
        ('[bridge]\nstate_dir = "~nobody-of-that-name/x"', "write the whole path"),
        ('[bridge]\ntimezone = "Mars/Olympus"', "timezone Mars/Olympus is not known here"),
        ('[bridge]\ntimezone = "../../etc"', "timezone"),
        ("[store]\nraw_days = -1", r"\[store\] raw_days must be above 0"),
        ("[store]\nraw_days = 99999999999999999999", "raw_days must be above 0 and at most"),
        ('[worlds]\ntrusted = "ed25519:00"', r"trusted must be a list of texts"),
        ("[worlds]\ntrusted = [5]", r"trusted must be a list of texts"),
        ('[worlds]\ntrusted = ["ed25519:00"]', r"\[worlds\] trusted: 'ed25519:00': write .ed25519:. and 64 hex digits"),
        ("bridge = 3", r"\[bridge\]: must be a table"),
        ('[link]\nurl = "/dev/x"', r"write \[\[link\]\]"),
        ("link = [3]", r"\[\[link\]\] 1: must be a table"),
        ("[[link]]", r"\[\[link\]\] 1: url is missing"),
        ('[[link]]\nurl = "/dev/x"\n[[link]]\nurl = "/dev/x"', "/dev/x is listed twice"),
        ('[[link]]\nurl = "/dev/x"\nbaud = 0', r"\[\[link\]\] 1 baud must be above 0"),
        ('[[link]]\nurl = "/dev/x"\nspeed = 1', r"\[\[link\]\] 1: unknown key speed; known: url, baud"),
    ],
)
def test_mistakes_are_told_with_the_file(tmp_path, text, told):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=told) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'[bridge]\nname = "Z\xfcrich"')
    with pytest.raises(ConfigError, match="not valid TOML"):
        load(tmp_path / "latin.toml")


def test_a_relative_state_dir_counts_from_the_file_and_a_tilde_from_home(tmp_path, monkeypatch):
    path = written(tmp_path, '[bridge]\nstate_dir = "state"')
    monkeypatch.chdir("/")
    assert load(path).bridge.state_dir == tmp_path / "state"
    monkeypatch.chdir(tmp_path)
    assert load(Path(path.name)).bridge.state_dir == tmp_path / "state"
    monkeypatch.setenv("HOME", "/home/somebody")
    assert load(written(tmp_path, '[bridge]\nstate_dir = "~/x"')).bridge.state_dir == Path("/home/somebody/x")


@pytest.mark.parametrize(
    ("environment", "state_dir"),
    [
        ({"STATE_DIRECTORY": "/var/lib/gridnexus"}, "/var/lib/gridnexus"),
        ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "XDG_STATE_HOME": "/x"}, "/var/lib/a"),
        ({"XDG_STATE_HOME": "/x/state"}, "/x/state/gridnexus"),
        ({"XDG_STATE_HOME": "relative/is/ignored"}, "/home/somebody/.local/state/gridnexus"),
        ({}, "/home/somebody/.local/state/gridnexus"),
    ],
)
def test_the_default_state_dir(monkeypatch, environment, state_dir):
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/somebody", **environment}.items():
        monkeypatch.setenv(name, value)
    assert Config().bridge.state_dir == Path(state_dir)


def test_the_file_is_found_in_the_order_promised(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRIDNEXUS_CONFIG", raising=False)
    elsewhere = tmp_path / "elsewhere.toml"
    monkeypatch.setattr(configuration, "PLACES", (Path("gridnexus.toml"), elsewhere))
    assert find() is None
    elsewhere.touch()
    assert find() == elsewhere
    Path("gridnexus.toml").touch()
    assert find() == Path("gridnexus.toml")
    monkeypatch.setenv("GRIDNEXUS_CONFIG", "/absent/is/still/named.toml")
    assert find() == Path("/absent/is/still/named.toml")
    assert find(Path("given.toml")) == Path("given.toml")


@pytest.mark.parametrize(
    ("configured", "environment", "zone"),
    [
        ("Asia/Tokyo", "Europe/Zurich", "Asia/Tokyo"),
        ("", "Europe/Zurich", "Europe/Zurich"),
        ("", ":Europe/Zurich", "Europe/Zurich"),
        ("", "no such zone", "UTC"),
    ],
)
def test_the_zone_of_midnight(monkeypatch, configured, environment, zone):
    monkeypatch.setenv("TZ", environment)
    assert str(parse({"bridge": {"timezone": configured}}, "x").zone) == zone


def test_the_zone_is_the_machines_own_where_nothing_is_said(monkeypatch):
    monkeypatch.delenv("TZ", raising=False)
    winter = datetime(2026, 1, 15, 12)
    assert winter.replace(tzinfo=Config().zone).timestamp() == winter.timestamp()


def test_parse_leaves_the_callers_table_alone():
    table = {"link": [{"url": "/dev/x"}]}
    parse(table, "x")
    assert table == {"link": [{"url": "/dev/x"}]}


KEYS = [key.name for section in configuration._SECTIONS.values() for key in fields(section)] + ["url", "baud"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*configuration._SECTIONS, "link", "other"]), VALUES, max_size=4))
def test_any_table_is_a_config_or_a_config_error(table):
    try:
        config = parse(table, "fuzz")
        assert isinstance(config, Config)
        assert all(isinstance(link.url, str) and link.url for link in config.links)
    except ConfigError as error:
        assert str(error).startswith("fuzz: ")
