"""One run of the suite is one rig: `pytest hil --rig NAME`. Notes outcomes and figures for the report."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_embedded import Dut
from pytest_embedded.dut_factory import dut_gn
from pytest_embedded.plugin import multi_dut_generator_fixture

from hil import rigs
from hil.bench import KEYS, UNIT, Bench, Edit, Load, Setup
from hil.benches import open_bench
from hil.figures import Notebook, write_json
from hil.rigs import Rig
from hil.services import SERVICE, BenchDut
from host_bridge.keys import KeyRing, KeysError

RUN = pytest.StashKey["Run"]()


class Run:
    """What one run knows and notes."""

    def __init__(self, rig: Rig, options: Any) -> None:
        self.rig = rig
        self.long = bool(options.long)
        self.port: str | None = options.hil_port
        self.console: str | None = options.hil_console
        self.keys: list[tuple[int, bytes]] = KEYS
        if options.hil_keys is not None:
            self.keys = KeyRing(options.hil_keys).load(UNIT).keys
        self.notes = Notebook(rig.limits)
        self.tests: list[dict[str, Any]] = []
        self.figures_path: Path | None = Path(options.figures).resolve() if options.figures else None
        self.began = time.monotonic()

    def as_json(self) -> dict[str, Any]:
        seconds = round(time.monotonic() - self.began, 1)
        return {"rig": self.rig.name, "wall_s": seconds, "tests": self.tests, "long": self.long, **self.notes.as_json()}

    def save(self) -> None:
        """For whoever watches the run."""
        if self.figures_path is not None:
            write_json(self.figures_path, self.as_json())


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hil")
    group.addoption("--rig", default="unix64", help="the rig to test (default: %(default)s)")
    group.addoption("--long", action="store_true", help="10 minutes of load instead of 1")
    group.addoption("--figures", help="file for outcomes and figures (JSON)")
    group.addoption("--link-port", dest="hil_port", help="rig serial: the port of the node's link")
    group.addoption("--console-port", dest="hil_console", help="rig serial: the port of the node's console")
    group.addoption("--key-folder", dest="hil_keys", type=Path, help="rig serial: the folder that holds its key")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*features): skipped on rigs that lack one of them, saying why")
    try:
        config.stash[RUN] = Run(rigs.load(config.option.rig), config.option)
    except (rigs.RigError, KeysError) as error:
        raise pytest.UsageError(str(error)) from error


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    rig = config.stash[RUN].rig
    for item in items:
        for mark in item.iter_markers("needs"):
            for feature in mark.args:
                if feature not in rigs.FEATURES:
                    raise pytest.UsageError(f"{item.nodeid}: no feature called {feature}")
                if feature in rig.lacks:
                    item.add_marker(pytest.mark.skip(reason=f"{rig.name} lacks {feature}: {rig.lacks[feature]}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.when == "call" or report.outcome != "passed":
        words = ""
        if report.skipped and isinstance(report.longrepr, tuple):
            words = report.longrepr[2].removeprefix("Skipped: ")
        elif report.failed:
            words = str(call.excinfo.value) if call.excinfo else str(report.longrepr)
        made = {
            "name": item.name,
            "outcome": report.outcome,
            "seconds": round(report.duration, 2),
            "words": words[:2000],
        }
        run = item.config.stash[RUN]
        run.tests.append(made)
        run.save()
    return report  # type: ignore[return-value]


def pytest_sessionfinish(session: pytest.Session) -> None:
    run = session.config.stash.get(RUN, None)
    if run is not None:
        run.save()


class BenchMaker:
    """See hil.checks.Maker."""

    def __init__(self, run: Run, scratch: Path) -> None:
        self.rig = run.rig
        self.long = run.long
        self._run = run
        self._scratch = scratch
        self._made = 0

    def outcomes(self) -> list[dict[str, Any]]:
        """Of the tests that this run has finished."""
        return self._run.tests

    @contextmanager
    def __call__(
        self, unit: Mapping[str, Any] | None = None, load: Load | None = None, edits: Mapping[str, Edit] | None = None
    ) -> Iterator[Bench]:
        self._made += 1
        scratch = self._scratch / str(self._made)
        scratch.mkdir()
        run = self._run
        setup = Setup(scratch, unit or {}, load or Load(), edits or {}, run.port, run.console, run.keys)
        bench = open_bench(self.rig, setup)
        try:
            yield bench
        except BaseException:
            print(f"--- {self.rig.name}, its log:\n{bench.log()[-6000:]}", file=sys.stderr)
            raise
        finally:
            bench.close()


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> Rig:
    return request.config.stash[RUN].rig


@pytest.fixture
def notes(request: pytest.FixtureRequest) -> Notebook:
    return request.config.stash[RUN].notes


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> BenchMaker:
    return BenchMaker(request.config.stash[RUN], tmp_path)


# pytest-embedded: flashing, reset and boot logs. Its fixtures of the same names are replaced.


@pytest.fixture
def embedded_services(rig: Rig) -> str:
    return {"esp32": "esp", "serial": "serial"}.get(rig.bench, SERVICE)


@pytest.fixture
def held_bench(rig: Rig, make: BenchMaker) -> Iterator[Bench | None]:
    """A bench with power for the time of the test, where the service is ours."""
    if rig.bench in ("esp32", "serial"):
        yield None
        return
    with make() as bench:
        bench.power_on()
        yield bench


@pytest.fixture
def empty_board(rig: Rig, tmp_path: Path) -> Iterator[Any]:
    """The virtual ESP32 board, with power and an empty flash."""
    from hil.esp32_bench import new_board
    from tools import boards

    with new_board(boards.load(rig.board), tmp_path / "flash.bin") as board:
        yield board


@pytest.fixture
def port(request: pytest.FixtureRequest, rig: Rig, tmp_path: Path) -> str | None:
    """Of the console. pytest-embedded asks for it in every test; a board is flashed only for those with a `dut`."""
    if rig.bench != "esp32" or "dut" not in request.fixturenames:
        return request.config.stash[RUN].console
    from hil.esp32_bench import flash_with_esptool
    from tools import build

    board = request.getfixturevalue("empty_board")
    flash_with_esptool(board.jig, build.build(rig.board, {"name": "hil"}, tmp_path / "built"))
    return str(board.url)


@pytest.fixture
@multi_dut_generator_fixture
def dut(
    _fixture_classes_and_options: Any,
    held_bench: Any,
    app: Any,
    serial: Any,
    openocd: Any,
    gdb: Any,
    qemu: Any,
    wokwi: Any,
    espemu: Any,
) -> Dut:
    """pytest-embedded's device under test, or ours where a bench is its console."""
    if held_bench is not None:
        return BenchDut(held_bench, **{**_fixture_classes_and_options.kwargs["dut"], "app": app})
    return dut_gn(_fixture_classes_and_options, openocd, gdb, app, serial, qemu, wokwi, espemu)


@pytest.fixture
def start_again(held_bench: Bench | None, rig: Rig, dut: Dut) -> Callable[[], None]:
    """Restart the board, as its rig can."""

    def again() -> None:
        if held_bench is not None:
            held_bench.power_off()
            held_bench.run(50_000_000)
            held_bench.power_on()
        elif rig.bench == "esp32":
            dut.serial.hard_reset()
        else:
            dut.serial.proc.write(b"\x03\x04")  # break in, then a soft reset runs main.py again

    return again
