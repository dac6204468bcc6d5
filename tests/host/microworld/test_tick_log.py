"""Ticks on disk: they come back as they were, whatever was torn; a run comes out again bit for bit, or it is said."""

import random

import pytest

from host_bridge.microworld import tick_log
from host_bridge.microworld.runtime import Sandbox, Shape, WorldFault
from host_bridge.microworld.tick_log import Tick, TickLog, read, replay
from tests.host.microworld.wat_kit import HOSTILE, counter, module

NOW_MS = 1_900_000_000_000
DIGEST = "ab" * 32


def tick(number=0, digest=DIGEST, words=2, fault=""):
    chance = random.Random(number)
    held, given, made = (tuple(chance.randrange(-(2**31), 2**31) for _ in range(words + k)) for k in range(3))
    return Tick(digest, number, NOW_MS + 1000 * number, held, given, () if fault else made, fault)


def files(folder):
    return sorted(folder.glob("*.ticks"))


def test_what_was_written_is_read_in_its_order(tmp_path):
    log = TickLog(tmp_path / "t")
    ticks = [tick(n) for n in range(700)] + [
        tick(3, "cd" * 32),
        tick(9, fault="fuel"),
        tick(0, words=0),
        tick(1, words=7),
    ]
    for part in (ticks[:5], ticks[5:600], ticks[600:]):
        for one in part:
            log.add(one)
        log.flush()
    assert list(read(tmp_path / "t")) == ticks
    assert log.last(3) == ticks[-3:]
    assert log.last(0) == []
    assert not log.fault


def test_nothing_is_written_before_it_is_due(tmp_path):
    log = TickLog(tmp_path)
    assert not log.is_due(NOW_MS)
    log.add(tick())
    assert not log.is_due(NOW_MS + tick_log.FLUSH_MS - 1)
    assert log.is_due(NOW_MS + tick_log.FLUSH_MS)
    assert log.is_due(NOW_MS - tick_log.FLUSH_MS)  # somebody has set the clock back
    for n in range(tick_log.FLUSH_TICKS - 1):
        log.add(tick(n))
    assert log.is_due(NOW_MS)
    assert list(read(tmp_path)) == []


def blocks(folder, count=3):
    log = TickLog(folder)
    for n in range(count):
        log.add(tick(n))
        log.flush()
    return files(folder)[0]


def test_a_file_cut_anywhere_gives_the_whole_blocks_before(tmp_path):
    path = blocks(tmp_path)
    content = path.read_bytes()
    for length in range(0, len(content), 3):
        path.write_bytes(content[:length])
        found = list(read(tmp_path))
        assert found == [tick(n) for n in range(len(found))]
        assert len(found) < 3
    assert len(found) == 2


def test_any_byte_turned_costs_one_block_and_no_other(tmp_path):
    path = blocks(tmp_path)
    content = path.read_bytes()
    for at in range(0, len(content), 2):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :])
        found = list(read(tmp_path))
        assert len(found) == 2
        assert all(one == tick(one.number) for one in found)


def test_after_a_torn_end_the_next_start_goes_on_in_another_file(tmp_path):
    path = blocks(tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    log = TickLog(tmp_path)
    log.add(tick(9))
    log.flush()
    assert [one.number for one in read(tmp_path)] == [0, 1, 9]
    assert len(files(tmp_path)) == 2


def test_the_oldest_files_go(tmp_path, monkeypatch):
    monkeypatch.setattr(tick_log, "FILE_BYTES", 500)
    log = TickLog(tmp_path, most_bytes=2500)
    for n in range(80):
        log.add(tick(n))
        log.flush()
        assert sum(file.stat().st_size for file in files(tmp_path)) < 2500 + 500
    found = [one.number for one in read(tmp_path)]
    assert found == list(range(found[0], 80))
    assert 10 < len(found) < 60


def test_there_are_never_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tick_log, "MOST_FILES", 5)
    for n in range(12):
        log = TickLog(tmp_path)
        log.add(tick(n))
        log.flush()
    assert [one.number for one in read(tmp_path)] == [7, 8, 9, 10, 11]


def test_a_disk_that_cannot_be_written_is_told_of_and_the_next_write_tries_again(tmp_path):
    (tmp_path / "t").write_text("a file where the folder should be")
    log = TickLog(tmp_path / "t")
    log.add(tick())
    log.flush()
    assert "ticks are not kept" in log.fault
    (tmp_path / "t").unlink()
    log.add(tick(1))
    log.flush()
    assert not log.fault
    assert [one.number for one in read(tmp_path / "t")] == [1]


def logged(wasm, count, inputs, state=(5,), first=0):
    """A run as the host logs it: (its ticks, the bytes by digest)."""
    loaded = Sandbox().load(wasm)
    instance, ticks = loaded.instance(Shape(1, 1, 1)), []
    for n in range(count):
        given = (inputs(n),)
        try:
            after, outputs = instance.step(state, given)
        except WorldFault as fault:
            ticks.append(Tick(loaded.digest, first + n, NOW_MS, state, given, (), fault.cause))
            break
        ticks.append(Tick(loaded.digest, first + n, NOW_MS, state, given, outputs))
        state = after
    return ticks, {loaded.digest: wasm}


def test_a_run_comes_out_again(tmp_path):
    ticks, modules = logged(counter(), 50, lambda n: n * n - 300)
    log = TickLog(tmp_path)
    for one in ticks:
        log.add(one)
    log.flush()
    assert replay(read(tmp_path), modules) == (50, None)


@pytest.mark.parametrize("change", ["outputs", "inputs", "state"])
@pytest.mark.parametrize("at", [0, 7, 19])
def test_the_first_difference_is_named(change, at):
    ticks, modules = logged(counter(), 20, lambda n: n)
    ticks[at] = ticks[at]._replace(**{change: (getattr(ticks[at], change)[0] + 1,)})
    same, difference = replay(ticks, modules)
    assert same == at
    assert difference.tick is ticks[at]
    assert ("the tick before leaves" in difference.says) == (change == "state" and at > 0)


def test_a_gap_and_a_new_start_are_no_difference():
    ticks, modules = logged(counter(), 20, lambda n: n)
    again, _ = logged(counter(), 5, lambda n: n, state=(1000,))
    assert replay([*ticks[:6], *ticks[9:], *again], modules) == (22, None)


def test_a_fault_comes_out_again_and_its_absence_is_a_difference():
    fails = module("(if (i32.gt_s (i32.load (i32.const 20)) (i32.const 2)) (then unreachable))")
    ticks, modules = logged(fails, 9, lambda n: n)
    assert [one.fault for one in ticks] == ["", "", "", "trap"]
    assert replay(ticks, modules) == (4, None)
    assert replay([*ticks, ticks[0]], modules) == (5, None)
    assert replay([ticks[3], ticks[3]._replace(inputs=(1,))], modules)[0] == 1
    assert replay([ticks[3]._replace(inputs=(1,))], modules)[1].says == "it ends without the fault: trap"
    assert "it ends in a fault" in replay([ticks[0]._replace(inputs=(3,))], modules)[1].says
    spin, modules = logged(module(HOSTILE["spins"][0]), 1, lambda n: n)
    assert replay([spin[0]._replace(fault="deadline")], modules) == (1, None)


def test_a_module_that_is_missing_is_said():
    with pytest.raises(KeyError, match=DIGEST):
        replay([tick()], {})
