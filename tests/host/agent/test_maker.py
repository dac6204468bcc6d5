"""Specifications checked in another process: within a limit, one for each client, ended when nobody waits for them."""

import asyncio
from pathlib import Path

import pytest

from host_bridge.agent import maker
from host_bridge.agent.maker import BusyError, Checked, Maker
from host_bridge.agent.preparing import WorldError
from host_bridge.microworld import bundle
from host_bridge.microworld.signing import Signer
from tests.host import worlds_kit

pytestmark = pytest.mark.anyio

STUBBORN = """import sys, time
sys.stdin.read()
print('{"part": "progress", "says": "thinking"}', flush=True)
time.sleep(60)
"""
BYTES = {"wasm": "00", "bytecode": "", "case": "{}"}
DYING = "import sys\nsys.stdin.read()\nsys.exit('z3 is gone')\n"


def children():
    """Those of this process that still are."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(number) for file in tasks for number in file.read_text().split()}


@pytest.fixture
def instead(tmp_path, monkeypatch):
    """Another program in the place of check_apart."""

    def put(source):
        (tmp_path / "in_its_place.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setattr(maker, "MODULE", "in_its_place")

    return put


async def test_one_that_does_not_end_is_ended(tmp_path, instead, monkeypatch):
    instead(STUBBORN)
    monkeypatch.setattr(maker, "LIMIT_S", 0.3)
    before = children()
    checked = await Maker(tmp_path).check("me", worlds_kit.SPEC)
    assert "was not done within" in checked.answer["not_checked"] and not checked.answer["accepted"]
    assert children() == before
    with pytest.raises(WorldError, match="not done within"):
        Maker(tmp_path).build(checked)


async def test_one_that_nobody_waits_for_is_ended_and_the_next_may_begin(tmp_path, instead):
    instead(STUBBORN)
    made, heard, before = Maker(tmp_path), asyncio.Event(), children()
    task = asyncio.create_task(made.check("me", worlds_kit.SPEC, tell=lambda checked: heard.set()))
    await asyncio.wait_for(heard.wait(), 20)
    with pytest.raises(BusyError):
        await made.check("me", worlds_kit.SPEC)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == before
    instead(DYING)
    assert "z3 is gone" in (await made.check("me", worlds_kit.SPEC)).answer["not_checked"]


async def test_the_loop_goes_on_meanwhile(tmp_path, instead, monkeypatch):
    instead(STUBBORN)
    monkeypatch.setattr(maker, "LIMIT_S", 0.3)
    task, turns = asyncio.create_task(Maker(tmp_path).check("me", "x" * 200_000)), 0
    while not task.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 10  # one or two, were the check done in the loop


@pytest.mark.slow
async def test_what_is_proved_is_signed_with_the_bridges_own_key(tmp_path):
    made = Maker(tmp_path / "keys")
    checked = await made.check("me", worlds_kit.SPEC, {"sun": "half"})
    assert checked.answer["accepted"]
    found = bundle.read(made.build(checked), [Signer.of(tmp_path / "keys").public])
    assert (
        found.spec == worlds_kit.SPEC and found.profile == {"sun": "half"} and found.digest == checked.answer["digest"]
    )


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"errors": [{"line": 3, "column": 4, "says": "no"}]}, "line 3:4: no"),
        ({"verdicts": [{"claim": "c", "outcome": "not proved"}], "bytes": BYTES}, "c: not proved"),
        ({"verdicts": [{"claim": "c", "outcome": "proved"}], "accepted": True}, "not checked to its end"),
    ],
)
def test_what_is_not_proved_is_never_built(tmp_path, part, says):
    checked = Checked("text", {}, {})
    checked.take({"part": "case", "profile": {}, "parameters": {}, **part})
    with pytest.raises(WorldError, match=says):
        Maker(tmp_path).build(checked)
    assert not (tmp_path / "signer.key").exists()
