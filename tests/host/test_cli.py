"""The command line through main(argv), against the real API on a real port."""

import json
import os
import re
import subprocess
import sys
import threading

import pytest

from host_bridge import cli, watch
from host_bridge.client import Bridge, is_loopback
from host_bridge.model import ContactorReport, Event, LinkState, Vitals
from host_bridge.node import Outcome
from tests.host.served_bridge import BEGIN_MS, ServedBridge, home, reading


@pytest.fixture
def bridge(tmp_path, monkeypatch):
    for name in ("GRIDNEXUS_CONFIG", "GRIDNEXUS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    served = ServedBridge(tmp_path, home(), home("home-2", LinkState.STALE, -2_345_000), readings=200)
    yield served.start()
    served.stop()


@pytest.fixture
def ask(bridge, capsys):
    """Runs a command on the served bridge: (exit code, output, errors)."""

    def run(name, *arguments):
        code = cli.main(["--config", str(bridge.config_file), name, *arguments])
        return code, *capsys.readouterr()

    return run


def test_nodes_are_listed_with_units_and_contactors(ask):
    code, out, _ = ask("nodes")
    assert code == 0
    assert re.search(r"home-1 +online +1\.23 kW import +230\.1 V +50\.00 Hz +\d s +heater open", out)
    assert re.search(r"home-2 +stale +2\.35 kW export", out)


def test_nodes_for_programs_are_the_apis_own(ask):
    code, out, _ = ask("nodes", "--json")
    assert code == 0
    assert [(node["name"], node["active_power_mw"]) for node in json.loads(out)] == [
        ("home-1", 1_234_567), ("home-2", -2_345_000),
    ]  # fmt: skip


def test_no_nodes_says_what_to_do(bridge, ask):
    bridge.views.clear()
    code, out, _ = ask("nodes")
    assert (code, "[[link]]" in out) == (0, True)
    assert ask("nodes", "--json")[1] == "[]\n"


def test_names_from_a_node_cannot_command_the_terminal(bridge, ask):
    bridge.views["x"] = home("\x1b]0;owned\x07[red]x")
    _, out, _ = ask("nodes")
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "[red]x" in out  # nor is it taken for markup


def test_a_narrow_terminal_gets_fewer_columns_not_cut_ones(ask, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    _, out, _ = ask("nodes")
    assert "1.23 kW import" in out
    assert "voltage" not in out
    assert "heater" not in out
    monkeypatch.setenv("COLUMNS", "60")
    assert re.search(r"home-1 +online +1\.23 kW import +heater open", ask("nodes")[1])
    assert max(map(len, out.splitlines())) <= 50


def test_how_long_a_nodes_flash_and_journal_last_is_told_once_it_is_known(bridge, ask, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    told = Vitals(0, None, 7, 1041, 62, 0, 0, 0, True)
    for vitals, words in ((None, ()), (told, ("journal 62 days", "flash 1,041 years")),
                          (told._replace(flash_years=None), ("journal 62 days",)),
                          (told._replace(journal_days=0, flash_years=None), ())):  # fmt: skip
        bridge.views["home-1"].vitals = vitals
        _, out, _ = ask("nodes")
        assert re.findall(r"(?:journal|flash) [\d,]+ \w+", out) == list(words)
        assert max(map(len, out.splitlines())) <= 140


def test_readings_of_every_channel_with_units_in_the_heading(ask):
    code, out, _ = ask("readings", "home-1", "--since", "2026-01-01T00:00Z", "--until", "2026-01-01T00:03Z")
    assert code == 0
    heading = " ".join(out[: out.index("2026")].split())
    for word in ("time", "duration", "import", "active", "voltage", "Wh", " W", " V", " Hz"):
        assert word in heading
    assert "reactive" not in heading  # was never measured
    assert out.count("1,234.6") == 3
    assert "1,000.034" in out


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_a_narrow_terminal_gets_whole_figures(ask, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = ask("readings", "home-1", "--since", "2026-01-01T00:00Z", "--until", "2026-01-01T00:01Z")
    assert max(map(len, out.splitlines())) <= width
    assert re.search(r"^ 2026-01-01 \d\d:00:00 +60 ", out, re.MULTILINE)
    assert ("230.1" in out) == (width >= 80)


def test_readings_for_programs_are_integers(ask):
    arguments = ("--since", "2026-01-01T00:00Z", "--until", "2026-01-01T00:03Z", "--json")
    code, out, _ = ask("readings", "home-1", "grid", *arguments)
    rows = json.loads(out)
    assert code == 0
    assert [row["energy_import_mwh"] for row in rows] == [1_000_000, 1_000_017, 1_000_034]
    assert {row["channel"] for row in rows} == {"grid"}


def test_readings_that_are_cut_short_say_so(ask):
    arguments = ("--since", "2026-01-01T00:00Z", "--limit", "5")
    _, out, errors = ask("readings", "home-1", *arguments)
    assert out.count("1,234.6") == 5
    assert "first 5 rows" in errors


def test_no_readings_says_so(ask):
    code, out, _ = ask("readings", "home-1", "--since", "1m")
    assert (code, "no raw readings" in out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("attic",), "known nodes: home-1, home-2"), (("home-1", "roof"), "it has: grid")],
)
def test_unknown_node_or_channel_exits_1_and_lists_the_known(ask, arguments, told):
    code, _, errors = ask("readings", *arguments)
    assert code == 1
    assert told in errors


def test_the_configured_time_zone_decides_what_a_time_means(bridge, ask):
    text = bridge.config_file.read_text().replace("[bridge]", '[bridge]\ntimezone = "Asia/Tokyo"')
    bridge.config_file.write_text(text)
    _, out, _ = ask("readings", "home-1", "--since", "2026-01-01T09:00", "--until", "2026-01-01T09:01")
    assert bridge.store.asked[-1][2] == BEGIN_MS
    assert "2026-01-01 09:00:00" in out


def test_an_applied_command(bridge, ask):
    code, out, _ = ask("relay", "home-1", "heater", "closed", "--hold", "2m", "--reason", "surplus")
    assert code == 0
    assert bridge.asked == [(0, 1, 120)]
    assert out == "applied: home-1 heater is closed, and opens by itself after 2 min 00 s unless asked again\n"


def test_opening_needs_no_hold(bridge, ask):
    assert ask("relay", "home-1", "heater", "open")[:2] == (0, "applied: home-1 heater is open\n")
    assert bridge.asked == [(0, 0, 0)]


def test_a_refusal_by_the_node_tells_the_reason_and_the_wait(bridge, ask):
    bridge.outcome = Outcome(False, "min off time", "open", 0, 95_000)
    code, out, _ = ask("relay", "home-1", "heater", "closed")
    assert code == 1
    assert out == (
        "refused (refused by the node): home-1 heater was not switched; "
        "it was opened too recently to close (min off time); try again in 1 min 35 s\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("attic", "heater", "closed"), "unknown node"),
        (("home-1", "sauna", "closed"), "it has: heater"),
        (("home-1", "heater", "closed", "--hold", "2h"), "the hold must be from 1 to 900 s"),
        (("home-1", "heater", "closed", "--hold", "0"), "the hold must be from 1 to 900 s"),
        (("home-2", "heater", "closed"), "home-2 is stale"),
    ],
)
def test_refusals_by_the_bridge(bridge, ask, arguments, told):
    code, out, _ = ask("relay", *arguments)
    assert code == 1
    assert out.startswith("refused (")
    assert told in out
    assert bridge.asked == []


def test_an_unknown_outcome_is_no_success(bridge, ask):
    bridge.outcome = None
    code, out, _ = ask("relay", "home-1", "heater", "closed")
    assert code == 1
    assert "may or may not be closed" in out
    code, out, _ = ask("relay", "home-1", "heater", "closed", "--json")
    assert (code, json.loads(out)["verdict"]) == (1, "unknown")


def test_a_contactor_shows_reported_state_hold_and_lock(bridge, ask):
    view = bridge.views["home-1"]
    view.contactor_reports[0] = ContactorReport(0, view.last_heard_ms, "closed", "request", 3_600_000, 90_000)
    _, out, _ = ask("nodes")
    assert re.search(r"heater closed, hold (59 min|1 h)", out.replace("\n", " "))
    assert "dwell 1 min" in out


@pytest.mark.parametrize(
    "command", [("nodes",), ("readings", "x"), ("watch",), ("relay", "x", "y", "open"), ("export",)]
)
def test_a_bridge_that_is_not_running_is_exit_3_and_says_how_to_start_it(bridge, ask, command):
    bridge.stop()
    code, out, errors = ask(*command)
    assert code == 3
    assert out == ""
    assert f"no bridge is running at {bridge.url}" in errors
    assert "gridnexus run" in errors


def test_a_wrong_token_is_told_with_where_it_came_from(bridge, ask, tmp_path, monkeypatch):
    wrong = tmp_path / "wrong"
    wrong.write_text("x" * 43)
    code, _, errors = ask("nodes", "--token-file", str(wrong))
    assert (code, f"came from {wrong}" in errors) == (1, True)
    monkeypatch.setenv("GRIDNEXUS_TOKEN", "y" * 43)
    assert "$GRIDNEXUS_TOKEN" in ask("nodes")[2]
    monkeypatch.setenv("GRIDNEXUS_TOKEN", bridge.token)
    assert ask("nodes")[0] == 0
    monkeypatch.delenv("GRIDNEXUS_TOKEN")
    bridge.config.token_file.unlink()
    code, _, errors = ask("nodes")
    assert (code, "cannot be read (No such file" in errors) == (1, True)
    assert ask("nodes", "--token-file", str(tmp_path / "absent"))[0] == 1


def test_the_own_token_goes_to_no_other_machine(bridge, monkeypatch):
    seen = []
    monkeypatch.setattr(Bridge, "nodes", lambda self: seen.append(dict(self._http.headers)) or [])
    config = ["--config", str(bridge.config_file), "nodes", "--bridge"]
    cli.main([*config, "http://elsewhere.example:8080"])
    assert "authorization" not in seen[-1]
    cli.main([*config, "http://localhost:8080/"])
    assert seen[-1]["authorization"] == f"Bearer {bridge.token}"
    cli.main([*config, "http://elsewhere.example:8080", "--token-file", str(bridge.config.token_file)])
    assert seen[-1]["authorization"] == f"Bearer {bridge.token}"
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "127.9.9.9", "localhost.example", "10.0.0.1")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_a_proxy_of_the_machine_is_not_used(ask, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask("nodes")[0] == 0


def test_something_else_on_the_port(tmp_path, capsys):
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert cli.main(["nodes", "--bridge", f"http://127.0.0.1:{server.server_port}"]) == 1
        assert "is no gridnexus bridge" in capsys.readouterr().err
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "required"),
        (("fly",), "invalid choice"),
        (("relay", "a", "b", "ajar"), "invalid choice"),
        (("relay", "a", "b", "closed", "--hold", "long"), "is not a duration; write e.g. 90s"),
        (("readings", "a", "--since", "lately"), "is not a time; write e.g. 1h"),
        (("readings", "a", "--limit", "0"), "write a number from 1 to 10000"),
        (("run", "--port", "70000"), "write a number from 1 to 65535"),
        (("watch", "--every", "0"), "must be above 0"),
        (("export", "--format", "xlsx"), "invalid choice"),
    ],
)
def test_wrong_usage_is_exit_2_and_says_what_to_write(capsys, arguments, told):
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_wrong_configuration_or_range_is_exit_2(bridge, ask, capsys):
    assert ask("readings", "home-1", "--since", "1h", "--until", "2h")[0] == 2
    bridge.config_file.write_text("[web]\nprot = 1")
    code, _, errors = ask("nodes")
    assert code == 2
    assert "unknown key prot" in errors
    assert cli.main(["nodes", "--config", "/absent.toml"]) == 2  # the option also after the command
    assert "/absent.toml: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["raspberrypi:8080", "ftp://x", "http://", "8080"])
def test_a_bad_address_says_what_to_write(capsys, url):
    assert cli.main(["nodes", "--bridge", url]) == 1
    assert "write e.g. http://" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "nodes", "readings", "watch", "relay", "export", "doctor"])
def test_every_command_has_help_with_an_example(capsys, command):
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"example:\n  gridnexus {command}" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert re.fullmatch(r"gridnexus \d+\.\d+\S*\n", capsys.readouterr().out)


def test_run_hands_the_configuration_and_the_links_to_the_app(bridge, monkeypatch):
    app = type(sys)("host_bridge.app")
    given = []
    app.main = lambda config, links: given.append((config.web.host, config.web.port, config.bridge.name, links)) or 5
    monkeypatch.setitem(sys.modules, "host_bridge.app", app)
    run = ["--config", str(bridge.config_file), "run"]
    assert cli.main([*run, "--link", "/dev/a", "--link", "socket://b:1", "--port", "81", "--host", "::1"]) == 5
    assert cli.main(run) == 5
    assert given == [
        ("::1", 81, "Test house", ["/dev/a", "socket://b:1"]),
        ("127.0.0.1", bridge.config.web.port, "Test house", []),
    ]


def environment(bridge, **more):
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "GRIDNEXUS_CONFIG": str(bridge.config_file), **more}


def test_a_reader_that_goes_away_early_is_no_traceback(bridge):
    bridge.store.rows = [reading(number) for number in range(10_000)]
    command = [sys.executable, "-m", "host_bridge.cli", "export", "--since", "2026-01-01"]
    process = subprocess.Popen(
        command, env=environment(bridge), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 1
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("gridnexus re", {"readings", "relay"}),
        ("gridnexus relay ", {"home-1", "home-2"}),
        ("gridnexus relay home-1 h", {"heater"}),
        ("gridnexus relay home-1 heater c", {"closed"}),
        ("gridnexus relay attic ", set()),
    ],
)
def test_completion_knows_commands_nodes_and_contactors(bridge, tmp_path, line, completed):
    pytest.importorskip("argcomplete")
    answer = tmp_path / "completions"
    more = {
        "_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "COMP_LINE": line,
        "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n",
    }  # fmt: skip
    subprocess.run([sys.executable, "-m", "host_bridge.cli"], env=environment(bridge, **more), check=True, timeout=20)
    offered = {each.strip() for each in answer.read_text().split("\n") if each and not each.startswith("-")}
    assert offered == completed


def test_a_lock_out_is_shown_and_reset(bridge, ask):
    view = bridge.views["home-1"]
    view.contactor_reports[0] = ContactorReport(0, view.last_heard_ms, "locked out", "welded", 0, 0)
    assert "heater locked out (welded)" in " ".join(ask("nodes")[1].split())
    bridge.outcome = Outcome(False, "locked out", "locked out", 0, 0)
    assert "find out why it tripped, then reset it" in ask("relay", "home-1", "heater", "closed")[1]
    bridge.outcome = Outcome(True, "none", "open", 0, 0)
    code, out, _ = ask("relay", "home-1", "heater", "reset")
    assert (code, out) == (0, "applied: home-1 heater is no longer locked out, and open\n")
    assert bridge.asked[-1] == (0, 2, 0)


@pytest.fixture
def happened(bridge):
    for level, node, text in (
        ("info", "home-1", "online"),
        ("warning", "home-2", "silent"),
        ("error", "", "disk full"),
    ):
        bridge.events.add(level, "test", text, node)
    return bridge


def test_events_are_listed_the_newest_last(happened, ask):
    code, out, _ = ask("events")
    assert code == 0
    assert [line[20:] for line in out.splitlines()] == [
        "info home-1: online",
        "warning home-2: silent",
        "error disk full",
    ]


def test_events_of_a_node_of_a_level_and_the_newest_few(happened, ask):
    assert [line[20:] for line in ask("events", "home-2")[1].splitlines()] == ["warning home-2: silent"]
    assert [line[20:] for line in ask("events", "--level", "warning", "--limit", "1")[1].splitlines()] == [
        "error disk full"
    ]
    found = [json.loads(line) for line in ask("events", "--level", "warning", "--json")[1].splitlines()]
    assert [event["text"] for event in found] == ["silent", "disk full"]
    assert ask("events", "--since", "0s")[1] == "nothing has happened; try a longer --since\n"


def test_events_of_an_unknown_node_names_the_known_ones(happened, ask):
    code, _, errors = ask("events", "attic")
    assert (code, "home-1, home-2" in errors) == (1, True)


def test_events_are_followed_also_when_they_come_late_and_over_a_bridge_that_was_away(happened, monkeypatch):
    with Bridge(happened.url, happened.token) as client:
        monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.01)
        new = watch.follow_events(client, "", "warning", watch.recorded_events(client, "", "warning"))
        assert next(new) == []
        happened.events.show(Event(BEGIN_MS, "warning", "sag", "home-1", "long ago"))
        happened.events.add("info", "test", "not so bad")
        assert [event["text"] for event in next(new)] == ["long ago"]
        happened.stop()
        happened.events.add("error", "test", "meanwhile")
        starting = threading.Timer(0.2, happened.start)
        starting.start()
        try:
            assert [event["text"] for event in next(new)] == ["meanwhile"]
        finally:
            starting.join()
