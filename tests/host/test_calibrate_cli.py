"""`gridnexus calibrate` from its arguments over the real API to a node's own meter and documents."""

import json
from types import SimpleNamespace

import pytest

from gridnode.metering.told_window import ToldWindow
from gridnode.wire import schema
from host_bridge import cli
from host_bridge.calibrate import arithmetic
from host_bridge.model import Live
from host_bridge.questions import Document, Stored
from tests.host.metered_home import Home, Load, Sensor
from tests.host.served_bridge import ServedBridge, home


class LiveOf(dict):
    """The live values of a metered home: the next window's, whenever they are looked at."""

    def __init__(self, metered):
        super().__init__()
        self._metered = metered

    def get(self, channel):
        body = self._metered.node("home-1")["channels"][channel]
        names = ("active_power_mw", "reactive_power_mvar", "voltage_rms_mv", "current_rms_ma", "quality")
        active, reactive, voltage, current, quality = (body[name] for name in names)
        return Live(channel, body["time_ms"], 0, 0, active, reactive, None, voltage, current, 50_000, quality)


class MeteredBridge(ServedBridge):
    """Its node keeps documents in files, and corrects by them."""

    def __init__(self, state_dir, metered):
        view = home()
        view.live = LiveOf(metered)
        super().__init__(state_dir, view)
        self.metered = metered

    def _remote(self, name):
        return SimpleNamespace(view=self.views[name], store=self._store, fetch=self._fetch)

    async def _store(self, document, body, within_ms):
        reason, version, digest = self.metered.documents.store(document, body)
        return Stored(reason == "none", reason, version, digest)

    async def _fetch(self, document, within_ms):
        return Document(*self.metered.documents.fetch(document))


@pytest.fixture
def metered(monkeypatch):
    for name in ("GRIDNEXUS_CONFIG", "GRIDNEXUS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(
        "host_bridge.calibrate.command.time", SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda seconds: None)
    )
    return Home(grid=Sensor(0.97, 1.06, 2.5, load=Load(230, 5)))


@pytest.fixture
def ask(tmp_path, metered, capsys):
    """Runs `calibrate home-1 ...`: (exit code, output, errors)."""
    bridge = MeteredBridge(tmp_path, metered).start()

    def run(*arguments):
        code = cli.main(["--config", str(bridge.config_file), "calibrate", "home-1", *arguments])
        return code, *capsys.readouterr()

    yield run
    bridge.stop()


FIGURES = ("--voltage", "230", "--current", "5", "--power", "1150", "--resistive", "--readings", "3")


def test_calibrate_show_undo_restore(ask, metered, tmp_path):
    code, out, _ = ask("grid", *FIGURES, "--yes")
    assert code == 0, out
    assert "Verified with new readings" in out
    gains = arithmetic.decode(metered.kept, 1).channels[0]
    assert gains[:3] == pytest.approx((1e6 / 0.97 - 1e6, 1e6 / 1.06 - 1e6, 2_500), abs=300)
    assert "+3.09" in ask("--show")[1]
    file = tmp_path / "unit.json"
    assert ask("--export", str(file))[0] == 0
    assert json.loads(file.read_text())["present"] == {"version": 1, "body": metered.kept.hex()}
    assert [json.loads(line)["step"] for line in (tmp_path / "calibrations.jsonl").read_text().splitlines()] == [
        "sent", "written", "verified",
    ]  # fmt: skip
    assert ask("--undo", "--yes")[0] == 0
    assert metered.documents.version(schema.DOCUMENTS.index("calibration")) == 0
    assert "not calibrated" in ask("--show")[1]
    assert ask("--restore", str(file), "--yes")[0] == 0
    assert arithmetic.decode(metered.kept, 1).channels[0] == gains


def test_without_a_terminal_nothing_is_asked_and_nothing_written(ask, metered):
    code, _, errors = ask("grid", *FIGURES)
    assert (code, "--yes" in errors) == (2, True)
    assert metered.kept == b""


def test_answers_of_a_person(ask, metered, monkeypatch):
    answers = iter(["230", "5", "1150", "y", "y"])
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda question: next(answers))
    assert ask("grid", "--readings", "3")[0] == 0
    assert metered.kept


def test_what_cannot_be_done_is_told(ask, metered):
    metered._folder.cleanup()  # its flash cannot be written
    code, _, errors = ask("grid", *FIGURES, "--yes")
    assert (code, "was not calibrated" in errors) == (1, True)
    code, _, errors = ask("attic", *FIGURES, "--yes")
    assert (code, "it has: grid" in errors) == (1, True)


def test_a_meter_that_counts_energy_itself_is_said_to_be_none_to_calibrate(ask, metered):
    metered.channels["grid"].meter.calibrate = ToldWindow().calibrate
    code, _, errors = ask("grid", *FIGURES, "--yes")
    assert code == 1 and "goes by the one before" in errors and "cannot be calibrated" in errors
    assert metered.kept == b""


@pytest.mark.parametrize(
    "arguments",
    [("--voltage", "nan"), ("--current", "0"), ("--steps", "256"), ("--undo", "--show"), ("--readings", "0")],
)
def test_wrong_usage(ask, arguments):
    with pytest.raises(SystemExit) as ended:
        ask(*arguments)
    assert ended.value.code == 2
