"""Worlds written by hand in C: the same check of the bytes accepts a right one and refuses wrong ones with a trace."""

import subprocess
import sys

import pytest

from host_bridge.microworld.monitor import Monitor
from host_bridge.microworld.runtime import Sandbox, Shape
from host_bridge.microworld.verify import reverify, verify
from tests.host.microworld.programs import vectors
from tests.host.microworld.test_verify_meaning import assert_same
from tests.host.microworld.verify_kit import always, outcomes, stays, valve, verdict

pytestmark = pytest.mark.slow  # it starts a compiler, which is slow when its cache is empty

LINKED = ["-Wl,--no-entry", "-Wl,--export=step", "-Wl,--import-memory", "-Wl,--initial-memory=65536"]
LINKED += ["-Wl,-z,stack-size=1024"]

CLAIMS = always("rests", "since < 20 s implies open == was") + always("remembered", "was == before(open)")
CLAIMS += stays("stays", "open and not before(open)", "open", "20 s")
VALVE = valve(CLAIMS)

# The record of the valve: state was, since; inputs asked, load; output open.
RIGHT = """
static int *const record = (int *)16;
void step(void) {
  int was = record[0], since = record[1], asked = record[2];
  int open = since < 20 ? was : asked;
  record[4] = open;
  record[0] = open;
  if (open != was) record[1] = 1;
  else record[1] = since < 3600 ? since + 1 : 3600;
}
"""


def built(source, folder, optimised="-Oz"):
    """The module that zig's clang makes of `source`."""
    (folder / "world.c").write_text(source, encoding="utf-8")
    optimised = [optimised, "-fno-sanitize=all"]
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-freestanding", "-nostdlib", *optimised]
    subprocess.run([*command, *LINKED, "world.c", "-o", "world.wasm"], cwd=folder, check=True)
    return (folder / "world.wasm").read_bytes()


@pytest.mark.parametrize("optimised", ["-Oz", "-O2", "-O3", "-O0"])
def test_a_right_one_is_accepted(tmp_path, optimised):
    wasm = built(RIGHT, tmp_path, optimised)
    case = verify(wasm, VALVE, handwritten=True)
    if optimised == "-O0":  # it keeps its variables in memory, behind a global
        assert "global.get" in case.verdicts[0].says
        return
    assert outcomes(case) == {}
    assert case.accepted
    assert case.fuel_run is None
    assert reverify(wasm, case.json()).accepted
    assert_same(wasm, VALVE, vectors(VALVE, 200))


@pytest.mark.parametrize(
    ("old", "new", "breaks"),
    [
        ("since < 20", "since < 19", {"stays", "rests"}),
        ("since < 20", "(since & 15) < 16 && since < 16", {"stays", "rests"}),
        ("record[1] = 1", "record[1] = 2", {"stays"}),
        ("? was : asked", "? asked : asked", {"stays", "rests"}),
        ("record[0] = open;", "record[0] = asked;", {"remembered"}),
        ("since < 3600 ?", "since < 3601 ?", {"range of since"}),
        ("record[4] = open;", "record[4] = open * 2;", {"range of open"}),
    ],
)
def test_a_wrong_one_is_refused_with_ticks_that_show_it(tmp_path, old, new, breaks):
    assert old in RIGHT
    wasm = built(RIGHT.replace(old, new), tmp_path)
    case = verify(wasm, VALVE, handwritten=True)
    assert not case.accepted
    assert breaks <= {name for name, outcome in outcomes(case).items() if outcome == "refuted"}
    for name in breaks:
        assert name in run_again(wasm, verdict(case, name).trace)


def run_again(wasm, trace):
    """What the last tick breaks."""
    instance = Sandbox(deadline_ms=10_000).load(wasm).instance(Shape.of(VALVE))
    monitor, state, broken = Monitor(VALVE), tuple(quantity.start for quantity in VALVE.state), []
    for row in trace:
        inputs = [row[quantity.name] for quantity in VALVE.inputs]
        after, outputs = instance.step(state, inputs)
        broken = monitor.tick(state, inputs, outputs, after)
        state = after
    return broken


def test_one_that_differs_from_the_rules_but_keeps_the_claims_is_not_the_same_world(tmp_path):
    wasm = built(RIGHT.replace(": asked;", ": 0;"), tmp_path)
    case = verify(wasm, VALVE, handwritten=True)
    assert {name.partition(":")[0] for name in outcomes(case)} == {"equals the reference"}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("void step(void) { for (volatile int i = 0; i < 9; i++) ; }", "global.get"),
        ("void step(void) { int *r = (int *)16; int s = 0; while (r[2]-- > 0) s += 3; r[4] = s; }", ""),
        ("void step(void) { float *r = (float *)16; r[4] = r[3] * 0.5f; }", "floating-point"),
        ("static int kept; void step(void) { int *r = (int *)16; r[4] = kept++; r[0] = 0; r[1] = 0; }", "data"),
        ("void step(void) { int *r = (int *)16; r[4] = r[r[2]]; }", "not constant"),
    ],
)
def test_one_that_cannot_be_followed_is_refused(tmp_path, source, says):
    case = verify(built(source, tmp_path), VALVE, handwritten=True)
    assert [each.outcome for each in case.verdicts] == ["refused"]
    assert says in case.verdicts[0].says
