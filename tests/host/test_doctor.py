"""The doctor: each fault brought about for real, and told with its cure."""

import contextlib
import io
import json
import os
import pty
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from gridnode.wire import schema
from host_bridge import cli, doctor, ports
from host_bridge.client import Bridge
from host_bridge.config import Config, LinkConfig, WebConfig, parse
from host_bridge.keys import KeyRing, NodeKeys, address_of
from host_bridge.model import ContactorReport, LinkState, Vitals
from tests.host.served_bridge import ServedBridge, home

NOBODY = 65534


@pytest.fixture
def terminal():
    """A serial port of a kind: a pseudo-terminal that nobody else has open."""
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    os.close(theirs)
    yield Path(name)
    os.close(ours)


@contextlib.contextmanager
def as_somebody_else():
    """Without root's right to everything, for as long as the block lasts."""
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        yield


def only(findings):
    found = list(findings)
    assert len(found) == 1, found
    assert bool(found[0].cure) == (found[0].level != "ok")
    return found[0]


def test_python_version():
    assert doctor.python_version((3, 11, 2)).level == "ok"
    assert doctor.python_version((3, 10, 12)).level == "problem"


def test_a_state_dir_that_can_be_written_or_made(tmp_path):
    assert "MB free" in only(doctor.state_dir(tmp_path)).text
    made_later = only(doctor.state_dir(tmp_path / "a" / "b"))
    assert made_later.level == "ok" or "free" in made_later.text
    assert "made at the first start" in made_later.text


def test_a_state_dir_that_may_not_be_written(tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o555)
    tmp_path.chmod(0o755)
    with as_somebody_else():
        finding = only(doctor.state_dir(folder / "deeper"))
    assert (finding.level, str(folder) in finding.text) == ("problem", True)
    (tmp_path / "file").touch()
    assert only(doctor.state_dir(tmp_path / "file")).level == "problem"


@pytest.mark.parametrize(("free_mb", "level"), [(50, "problem"), (500, "warning"), (5000, "ok")])
def test_little_space(tmp_path, monkeypatch, free_mb, level):
    usage = shutil.disk_usage(tmp_path)._replace(free=free_mb * 1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert only(doctor.state_dir(tmp_path)).level == level


def test_token_file(tmp_path):
    path = tmp_path / "token"
    assert only(doctor.token_file(path)).level == "ok"
    path.write_text("x")
    path.chmod(0o600)
    assert only(doctor.token_file(path)).level == "ok"
    path.chmod(0o640)
    finding = only(doctor.token_file(path))
    assert (finding.level, "mode 640" in finding.text) == ("problem", True)
    path.unlink()
    path.mkdir()
    assert only(doctor.token_file(path)).level == "problem"


def test_the_nodes_keys(tmp_path):
    folder = tmp_path / "keys"
    assert only(doctor.keys(folder, 0)).level == "ok"
    missing = only(doctor.keys(folder, 1))
    assert missing.level == "warning" and "gridnexus provision" in missing.cure
    assert not folder.exists()  # it changes nothing
    ring = KeyRing(folder)
    ring.save(NodeKeys("home-1", [(1, bytes(32))]))
    assert only(doctor.keys(folder, 1)) == ("ok", "keys", f"{folder}, 1 nodes have a key", "")
    few = only(doctor.keys(folder, 2))
    assert few.level == "warning" and "2 links are configured" in few.text and "gridnexus provision" in few.cure
    (folder / "home-1.json").chmod(0o644)
    bad = only(doctor.keys(folder, 1))
    assert bad.level == "problem" and bad.cure.startswith(f"chmod 600 {folder / 'home-1.json'}")
    folder.chmod(0o750)
    assert only(doctor.keys(folder, 1)) == (
        "problem", "keys", f"{folder}: other users of this machine can reach the keys", f"chmod 700 {folder}"
    )  # fmt: skip


def test_two_nodes_with_one_address_are_told(tmp_path):
    ring = KeyRing(tmp_path / "keys")
    names = {}
    for number in range(100_000):
        name = f"n{number}"
        other = names.setdefault(address_of(name), name)
        if other != name:
            break
    for each, made in ((other, other), (name, "x")):  # copied in by hand: the ring itself refuses the second
        ring.save(NodeKeys(made, [(1, bytes(32))]))
        text = (ring.folder / f"{made}.json").read_text().replace(f'"{made}"', f'"{each}"')
        (ring.folder / f"{made}.json").write_text(text)
        (ring.folder / f"{made}.json").rename(ring.folder / f"{each}.json")
    told = [finding for finding in doctor.keys(ring.folder, 0) if finding.level == "warning"]
    assert len(told) == 1 and other in told[0].text and name in told[0].text and "--rename" in told[0].cure


def database(path, journal="wal", rows=2000):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [("y" * 100,)] * rows)
        connection.commit()


def test_a_sound_database_and_one_that_is_not_in_wal_mode(tmp_path):
    path = tmp_path / "readings.sqlite3"
    assert "first start" in only(doctor.database(path)).text
    database(path)
    assert "checked, WAL mode" in only(doctor.database(path)).text
    database(tmp_path / "other", journal="delete")
    assert only(doctor.database(tmp_path / "other")).level == "warning"


def test_a_damaged_database(tmp_path):
    path = tmp_path / "readings.sqlite3"
    database(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * 8192 + whole[12288:])
    assert only(doctor.database(path)).level == "problem"
    path.write_bytes(b"no database at all" * 500)
    finding = only(doctor.database(path))
    assert (finding.level, "not a database" in finding.text) == ("problem", True)
    path.unlink()
    path.mkdir()
    assert only(doctor.database(path)).level == "problem"


def test_a_database_too_large_to_check_is_left_in_time(tmp_path):
    path = tmp_path / "readings.sqlite3"
    database(path, rows=100_000)
    assert "too large to check" in only(doctor.database(path, longest_s=-1)).text


def test_no_link_is_a_warning_with_the_line_to_write():
    finding = only(doctor.links(Config()))
    assert (finding.level, "[[link]]" in finding.cure) == ("warning", True)


def test_links_that_are_good_absent_remote_or_the_same(terminal, tmp_path):
    alias = tmp_path / "alias"
    alias.symlink_to(terminal)
    urls = (terminal, "/dev/ttyABSENT", "socket://meter:4000", alias)
    findings = list(doctor.links(Config(links=[LinkConfig(str(url)) for url in urls])))
    assert [finding.level for finding in findings] == ["ok", "problem", "ok", "problem"]
    assert "plugged in:" in findings[1].cure
    assert f"same device as {terminal}" in findings[3].text


def test_a_port_that_may_not_be_opened_names_the_group(terminal):
    terminal.chmod(0o600)
    if os.geteuid() != 0:
        terminal.chmod(0)
    with as_somebody_else():
        finding = doctor.port(terminal)
    group = ports.owning_group(terminal)
    assert (finding.level, f"group {group}" in finding.text) == ("problem", True)
    assert ("usermod -aG" in finding.cure) == (group != "root")


def test_a_port_that_another_program_holds_names_it(terminal, monkeypatch):
    code = "import sys, os; os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(terminal), "some-terminal-program"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        pseudo = doctor.port(terminal)  # whoever made a pseudo-terminal keeps it open
        monkeypatch.setattr(ports, "is_pseudo", lambda device: False)  # no other kind of port is to be had here
        real = doctor.port(terminal)
        holder.stdin.close()
    assert (pseudo.level, real.level) == ("ok", "problem")
    assert f"process {holder.pid}: " in real.text
    assert "some-terminal-program" in real.text
    assert doctor.port(terminal).text == "there, permitted, and free or ours"


@pytest.mark.parametrize(
    ("program", "cure"),
    [
        ("/usr/sbin/ModemManager", "disable --now ModemManager"),
        ("/sbin/agetty 115200 ttyAMA0", "raspi-config"),
        ("minicom", "kill 77"),
    ],
)
def test_who_holds_a_port_decides_the_cure(terminal, monkeypatch, program, cure):
    monkeypatch.setattr(ports, "is_pseudo", lambda device: False)
    monkeypatch.setattr(ports, "holders_of_device", lambda device: [ports.Holder(77, program)])
    assert cure in doctor.port(terminal).cure


def test_our_own_bridge_is_known_by_its_command_line():
    assert doctor.is_bridge(ports.Holder(1, "/usr/bin/python3 /opt/bin/gridnexus run"))
    assert doctor.is_bridge(ports.Holder(1, "python -m host_bridge.cli run"))
    assert not doctor.is_bridge(ports.Holder(1, "minicom -D /dev/ttyACM0"))


def test_a_name_that_does_not_last_is_a_warning_with_the_one_that_does(terminal, tmp_path, monkeypatch):
    lasting = tmp_path / "usb-Raspberry_Pi_Pico_E6614-if00"
    lasting.symlink_to(terminal)
    monkeypatch.setattr(ports, "BY_ID", tmp_path)
    finding = doctor.port(terminal)
    assert (finding.level, str(lasting) in finding.cure) == ("warning", True)
    assert doctor.port(lasting).level == "ok"
    assert ports.plugged_in()[0] == lasting


def test_the_clock(monkeypatch):
    monkeypatch.setattr(doctor, "_synchronised", lambda: True)
    now_s = Path(doctor.__file__).stat().st_mtime + 60
    assert only(doctor.clock(now_s)).level == "ok"
    assert only(doctor.clock(0)).level == "problem"  # a Pi without a network starts in the past
    monkeypatch.setattr(doctor, "_synchronised", lambda: False)
    assert "timedatectl" in only(doctor.clock(now_s)).cure
    monkeypatch.setattr(doctor, "_synchronised", lambda: None)
    assert only(doctor.clock(now_s)).level == "warning"


def test_what_systemd_says_of_the_clock(tmp_path, monkeypatch):
    tool = tmp_path / "timedatectl"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor._synchronised() is None
    for script, told in (("echo yes", True), ("echo no", False), ("exit 1", None)):
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        assert doctor._synchronised() is told


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def web(**keys):
    return Config(web=WebConfig(**{"port": free_port(), **keys}))


def test_the_web_port_free_and_taken():
    settings = web()
    assert "is free" in only(doctor.listening(settings)).text
    code = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print(flush=True); input()"
    command = [sys.executable, "-c", code, str(settings.web.port), "other-server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        finding = only(doctor.listening(settings))
        other.communicate(b"\n")
    assert (finding.level, "other-server" in finding.text) == ("problem", True)


def test_who_only_connects_from_a_port_does_not_listen_on_it():
    code = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); input()"
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", code, str(server.getsockname()[1])]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as visitor:
            connection, (_, port) = server.accept()
            with connection:
                assert ports.holders_of_port(port) == []
            visitor.communicate(b"\n")


def test_a_port_taken_by_a_process_that_cannot_be_seen_is_a_warning():
    settings = web()
    with socket.create_server(("127.0.0.1", settings.web.port)):  # this process leaves itself out of what it sees
        assert "of another user" in only(doctor.listening(settings)).text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_listening_beyond_loopback_is_a_warning(host):
    first = next(iter(doctor.listening(web(host=host))))
    assert (first.level, "unencrypted" in first.text) == ("warning", True)


@pytest.fixture
def bridge(tmp_path):
    stale, strange = home("home-2", LinkState.STALE), home("home-3", LinkState.INCOMPATIBLE)
    noisy, skewed = home("home-4"), home("home-5")
    noisy.counters = {"frames": 1000, "dropped_crc": 40, "readings": 5}
    skewed.clock_offset_ms = -9000.0
    quiet = home("home-1")
    quiet.counters = {"frames": 100_000, "dropped_cobs": 3}
    keyless = home("loop://6")
    keyless.link_state, keyless.counters = LinkState.CONNECTING, {"unknown": 7, "readings": 0}
    served = ServedBridge(tmp_path, quiet, stale, strange, noisy, skewed, keyless)
    yield served.start()
    served.stop()


def test_what_the_bridge_says_of_its_nodes(bridge, capsys):
    code = cli.main(["--config", str(bridge.config_file), "doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)
    said = {(each["subject"], each["level"], each["text"].partition(",")[0]) for each in findings}
    assert code == 1
    assert {
        ("node home-1", "ok", "online"),
        ("node home-2", "warning", "stale"),
        ("node home-3", "problem", "speaks a schema that this bridge does not know"),
        ("node home-4", "warning", "line errors: dropped_crc 40"),
        ("node home-5", "warning", "its clock has moved -9000 ms"),
        ("node loop://6", "problem", "connecting: a node speaks there whose key is not kept here"),
    } <= said
    assert [each["level"] for each in findings if each["subject"] == "node home-1"] == ["ok"]
    assert any(each["subject"] == "bridge" and each["level"] == "ok" for each in findings)


def test_a_store_that_cannot_write_is_a_problem(bridge, capsys):
    bridge.store.writable = False
    cli.main(["--config", str(bridge.config_file), "doctor"])
    out = capsys.readouterr().out
    assert "problem store: cannot write: disk full" in out


def test_a_bridge_that_is_not_running_or_refuses(bridge, capsys):
    def said():
        cli.main(["--config", str(bridge.config_file), "doctor", "--json"])
        findings = json.loads(capsys.readouterr().out)
        return next((each["level"], each["text"]) for each in findings if each["subject"] == "bridge")

    bridge.config.token_file.write_text("x" * 43)
    assert said()[0] == "problem"
    assert "does not accept the access token" in said()[1]
    bridge.stop()
    assert said() == ("warning", f"not running at {bridge.url}")


def test_a_bad_configuration_is_told_and_ends_the_examination(tmp_path, capsys):
    path = tmp_path / "gridnexus.toml"
    path.write_text("[web]\nprot = 1")
    assert cli.main(["--config", str(path), "doctor"]) == 1
    out = capsys.readouterr().out
    assert "unknown key prot" in out
    assert out.endswith("1 problems, 0 warnings\n")


def test_a_set_up_without_a_problem_exits_0(tmp_path, capsys):
    path = tmp_path / "gridnexus.toml"
    path.write_text(f'[bridge]\nstate_dir = "."\n[web]\nport = {free_port()}\n')
    assert cli.main(["--config", str(path), "doctor"]) == 0
    assert "0 problems" in capsys.readouterr().out
    assert os.listdir(tmp_path) == ["gridnexus.toml"]  # it changes nothing


def test_every_finding_is_shown_with_its_cure():
    out = io.StringIO()
    finding = doctor.Finding("problem", "link x\x1b[2J", "is gone", "plug it in")
    doctor.show([finding], Console(file=out, width=40))
    assert out.getvalue() == "problem link x\ufffd[2J: is gone\n        plug it in\n1 problems, 0 warnings\n"


def test_links_of_a_configuration_are_the_ones_examined(terminal):
    settings = parse({"link": [{"url": str(terminal)}]}, "x")
    assert str(terminal) in only(doctor.links(settings)).subject


def test_what_a_node_says_of_itself_is_judged(bridge):
    view = bridge.views["home-1"]
    view.contactor_reports[0] = ContactorReport(0, view.last_heard_ms, "locked out", "welded", 0, 0)
    view.live[0] = view.live[0]._replace(quality=schema.REVERSED)
    view.vitals = Vitals(view.last_heard_ms, 9_000, 7, 4, 62, 3, 5, 2, False)
    with Bridge(bridge.url, bridge.token) as client:
        said = [each for each in doctor.bridge_and_nodes(client, bridge.config) if each.subject == "node home-1"]
    assert [(each.level, each.text.split(":")[0]) for each in said[1:]] == [
        ("problem", "heater is locked out because its contact is welded"),
        ("warning", "grid"),
        ("warning", "at this rate its flash lasts 4 years"),
        ("warning", "9,000 bytes of its memory are free"),
        ("warning", "does not know the time of day"),
        ("warning", "its plan has run out"),
    ]
    assert all(each.cure for each in said[1:])
