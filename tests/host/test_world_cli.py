"""`gridnexus world ...` through main(argv): from a text to a signed file, and against the real API on a real port."""

import hashlib
import json
from types import SimpleNamespace

import pytest

from host_bridge import cli
from host_bridge.microworld import bundle
from host_bridge.microworld.signing import Signer
from host_bridge.microworld.tick_log import Tick, TickLog
from host_bridge.model import Vitals
from host_bridge.questions import Document, Stored
from host_bridge.world_commands import completing
from tests.host import worlds_kit
from tests.host.served_bridge import ServedBridge, home

BIND = ("--bind", "power=home-1.grid.active_power_mw", "--bind", "heat=home-1.heater")


class Bridge(ServedBridge):
    """Its node keeps the plan that it is given."""

    kept = Document(0, b"", b"")

    def _remote(self, name):
        return SimpleNamespace(view=self.views[name], command=self._command, store=self._store, fetch=self._fetch)

    async def _store(self, document, body, within_ms):
        self.kept = Document(self.kept.version + 1, hashlib.sha256(body).digest()[:8], body)
        view = self.views["home-1"]
        view.vitals = Vitals(1, None, 7, 41, 62, self.kept.version, 0, 0, True)
        return Stored(True, "none", self.kept.version, self.kept.digest)

    async def _fetch(self, document, within_ms):
        return self.kept


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty folder to work in, and nothing of the person's who runs the tests."""
    for name in ("GRIDNEXUS_CONFIG", "GRIDNEXUS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gridnexus.toml").write_text('[bridge]\nstate_dir = "."\n')
    return tmp_path


@pytest.fixture
def ask(capsys):
    """Runs a command: (exit code, output, errors)."""

    def run(*arguments):
        code = cli.main(["world", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Files that the key in `folder` has signed."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "spare.world").write_bytes(worlds_kit.world(folder))
    (folder / "half.world").write_bytes(worlds_kit.world(folder, profile={"sun": "half"}))
    return folder


@pytest.fixture
def bridge(place, made):
    served = Bridge(place, home())
    served.worlds_clock_ms = 0
    folder = served.config.worlds_folder
    folder.mkdir(mode=0o700)
    (folder / "signer.key").write_bytes((made / "signer.key").read_bytes())
    (folder / "signer.key").chmod(0o600)
    yield served.start()
    served.stop()


@pytest.fixture
def spec(place):
    def write(text=worlds_kit.SPEC):
        (place / "spare.toml").write_text(text)
        return "spare.toml"

    return write


def test_a_new_one_is_without_errors_and_never_written_over(ask, place):
    assert ask("new", "heat")[0] == 0
    text = (place / "heat.toml").read_text()
    assert 'name = "heat"' in text
    code, _, errors = ask("new", "heat")
    assert code == 1 and "heat.toml" in errors and (place / "heat.toml").read_text() == text
    code, out, _ = ask("check", "heat.toml", "--json")
    assert code == 0 and json.loads(out)["errors"] == []
    assert ask("new", "no name")[0] == 2


def test_errors_are_told_as_compilers_do(ask, spec):
    line = worlds_kit.BROKEN.splitlines().index('is = "wished"') + 1
    for action in ("check", "build"):
        code, out, errors = ask(action, spec(worlds_kit.BROKEN))
        assert code == 1 and out == "" and errors.startswith(f"spare.toml:{line}:7: ")
    said = json.loads(ask("check", "spare.toml", "--json")[1])["errors"]
    assert [(each["line"], each["column"]) for each in said] == [(line, 7)]


def test_what_is_no_file_and_not_in_the_catalogue_is_told(ask):
    code, _, errors = ask("check", "nowhere")
    assert code == 2 and "relay_guard" in errors
    assert ask("check", "lamp")[0] == 0


def test_a_world_is_built_with_its_choices_and_proved_again_from_its_bytes(ask, spec, place):
    code, out, _ = ask("build", spec(), "--profile", "sun=half", "--set", "heater=1 kW", "-o", "a.world")
    assert code == 0 and "a.world is written: sha256:" in out and "only with the sun" in out
    code, out, _ = ask("verify", "a.world")
    assert code == 0 and "gives these very bytes" in out and "every claim is proved" in out
    said = json.loads(ask("verify", "a.world", "--json")[1])
    assert said["accepted"] and said["spec_gives_these_bytes"]
    assert said["signed_by"] == Signer.known(place / "worlds").public


def test_one_that_breaks_a_claim_is_not_built_and_the_run_is_shown(ask, spec, place):
    code, out, _ = ask("build", spec(worlds_kit.REFUTED))
    assert code == 1 and "spare is not built: only with the sun: refuted" in out
    assert "tick 0" in out and not list(place.glob("*.world"))
    said = json.loads(ask("build", "spare.toml", "--json")[1])
    assert not said["accepted"] and "file" not in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--set", "heater"], "--set 'heater': write NAME=VALUE"),
        (["--set", "heater=1", "--set", "heater=2"], "heater is given twice"),
    ],
)
def test_choices_that_are_none_are_wrong_usage(ask, spec, options, says):
    code, _, errors = ask("check", spec(), *options)
    assert code == 2 and says in errors


@pytest.mark.parametrize(("options", "says"), [(["--set", "heater=9 kW"], "outside"), (["--profile", "sun=no"], "all")])
def test_choices_that_the_specification_does_not_have_are_told(ask, spec, options, says):
    code, _, errors = ask("check", spec(), *options)
    assert code == 1 and says in errors


def test_a_changed_file_and_a_bare_module_are_not_proved(ask, made, place):
    content = bytearray((made / "spare.world").read_bytes())
    content[-1] ^= 1
    (place / "changed.world").write_bytes(content)
    code, _, errors = ask("verify", "changed.world")
    assert code == 1 and "signature" in errors
    (place / "bare.wasm").write_bytes(b"\0asm")
    code, _, errors = ask("verify", "bare.wasm")
    assert code == 2 and "--case" in errors


def test_it_is_run_on_a_table_of_inputs(ask, made, place):
    (place / "in.csv").write_text("power,other\n100,x\n-2000,x\n40000,x\n")
    code, out, _ = ask("run", made / "spare.world", "--ticks", "in.csv", "-o", "out.csv")
    assert code == 0 and "3 ticks of 1 s, 1 not run, 0 that break a claim" in out
    rows = json.loads(ask("run", made / "spare.world", "--ticks", "in.csv", "--json")[1])["rows"]
    assert [row["heat"] for row in rows] == [0, 1, None] and "30000" in rows[2]["not_run"]
    assert (place / "out.csv").read_text().splitlines()[2].split(",")[:4] == ["1", "-2000", "0", "1"]
    (place / "in.csv").write_text("power\n1.5\n")
    code, _, errors = ask("run", made / "spare.world", "--ticks", "in.csv")
    assert code == 2 and "in.csv:2: power is '1.5': write a whole number of W" in errors


def test_a_claim_that_a_run_breaks_is_told(ask, spec, place):
    (place / "in.csv").write_text("power\n29500\n")
    code, out, _ = ask("run", spec(worlds_kit.REFUTED), "--ticks", "in.csv")
    assert code == 1 and "tick 0: broken: only with the sun" in out


def test_a_file_whose_text_says_something_else_than_its_bytes_do_is_found_out(ask, place):
    its = bundle.read(worlds_kit.world(place), [Signer.of(place).public])
    parts = (its.parameters, its.wasm, its.bytecode, its.case)
    (place / "liar.world").write_bytes(bundle.build(its.spec, {"sun": "half"}, *parts, Signer.of(place)))
    code, out, _ = ask("verify", "liar.world")
    assert code == 1 and "gives OTHER bytes than these" in out


def test_kept_ticks_are_run_again(ask, made, place):
    digest = json.loads(ask("verify", made / "spare.world", "--json")[1])["digest"]
    log = TickLog(place / "ticks")
    log.add(Tick(digest, 0, 1_000, (0,), (-2000,), (1,)))
    log.add(Tick(digest, 1, 2_000, (1,), (5,), (0,)))
    log.flush()
    code, out, _ = ask("run", made / "spare.world", "--replay", "ticks")
    assert code == 0 and "all 2 ticks came out the same" in out
    log.add(Tick(digest, 2, 3_000, (0,), (5,), (1,)))
    log.flush()
    code, out, _ = ask("run", made / "spare.world", "--replay", "ticks")
    assert code == 1 and "then tick 2" in out
    code, _, errors = ask("run", made / "half.world", "--replay", "ticks")
    assert code == 2 and "give that .world file, too" in errors


def test_it_is_installed_listed_shown_swapped_and_removed(bridge, ask, made):
    code, out, _ = ask("install", made / "spare.world", *BIND)
    assert code == 0 and "spare runs on the bridge: sha256:" in out
    bridge.views["home-1"].live[0] = bridge.views["home-1"].live[0]._replace(active_power_mw=-1_200_000)
    bridge.tick(2)
    code, out, _ = ask("list")
    assert code == 0 and "bridge (wasm)" in out and "heat off" in out
    code, out, _ = ask("show", "spare")
    assert code == 0 and "\N{HYPHEN-MINUS}1,200 W" in out and "claims proved about these bytes" in out
    assert "home-1.grid.active_power_mw" in out and "computed" in out and "measured" not in out
    code, out, _ = ask("swap", "spare", made / "half.world", "--shadow", "3", "--probation", "2")
    assert code == 0 and "runs beside spare for 3 ticks" in out
    bridge.tick(1)
    assert "1 of 3 ticks in its shadow run, agreed in 0 of 1" in ask("show", "spare")[1]
    bridge.tick(2)
    said = json.loads(ask("show", "spare", "--json")[1])
    assert said["phase"] == "probation" and said["profile"] == {"sun": "half"} and said["last_ticks"]
    assert ask("remove", "spare", "--swap")[0] == 1  # it has taken over already
    assert ask("remove", "spare")[0] == 0
    assert "no world runs" in ask("list")[1]


def test_what_the_bridge_does_not_take_is_told(bridge, ask, made, place):
    stranger = Signer(b"\1" * 32)
    (place / "strange.world").write_bytes(worlds_kit.world(place, signer=stranger))
    code, _, errors = ask("install", "strange.world", *BIND)
    assert code == 1 and "not trusted here" in errors
    code, _, errors = ask("install", made / "spare.world", "--bind", "heat=none")
    assert code == 1 and "input power is not bound" in errors
    code, _, errors = ask("install", made / "spare.world", "--bind", "nothing=1")
    assert code == 2 and "spare: there is no input or output nothing" in errors
    code, _, errors = ask("show", "spare")
    assert code == 1 and "installed: none" in errors
    code, _, errors = ask("install", made / "spare.world", "--guard", *BIND)
    assert code == 2 and "--on NODE" in errors


def test_without_a_bridge_it_says_so(tmp_path):
    config = tmp_path / "gridnexus.toml"
    config.write_text('[bridge]\nstate_dir = "state"\n[web]\nport = 1\n')  # where nobody's bridge is
    assert cli.main(["--config", str(config), "world", "list"]) == 3


def test_it_is_installed_on_a_node_and_removed_from_there(bridge, ask, made):
    code, _, errors = ask("install", made / "spare.world", "--on", "home-1", *BIND)
    assert code == 2 and "31 days" in errors  # by itself it needs an end
    code, out, _ = ask("install", made / "spare.world", "--on", "home-1", "--until", "2h", *BIND)
    assert code == 0 and "applied: home-1: the plan is kept as version 1" in out
    rows = json.loads(ask("list", "--json")[1])["nodes"]
    assert [(row["node"], row["state"], row["outputs"]) for row in rows] == [("home-1", "in force", ["heater"])]
    assert "home-1 (bytecode)" in ask("list")[1]
    assert ask("remove", "--on", "home-1")[0] == 0
    code, _, errors = ask("remove", "--on", "home-1")
    assert code == 2 and "runs no world" in errors


def test_the_tab_key_offers_what_there_is(bridge, ask, made):
    ask("install", made / "spare.world", *BIND)
    args = SimpleNamespace(config=None, bridge=None, token_file=None)
    assert completing.installed(args) == ["spare"]
    assert completing.worlds(f"{made}/") == [f"{made}/half.world", f"{made}/spare.world"]
    assert {"lamp", "relay_guard"} <= set(completing.specs(""))


def test_the_tab_key_is_silent_without_a_bridge():
    assert completing.installed(SimpleNamespace(config=None, bridge=None, token_file=None)) == []
