"""A home's day through the real node: compressed into 10 simulated minutes on the emulated RP2040, and whole on unix.

Both meter a replayed home (simulated) from midnight to midnight, while its water heater is switched now and then. What
the registers counted is held against the exact integral of the profile that was injected.
"""

import contextlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil import rigs
from hil.bench import S, Setup
from hil.emulated_bench import EmulatedBench
from hil.host import Host
from tests.bench.flat_out import told
from tools import homes
from tools.emulated_node import contactors, mains

HOME = 0  # of tools.homes: in MIDNIGHT's day it imports and exports
MIDNIGHT = 12 * 24  # of the profile's hours
HOURS, MINUTES = 24, 10
SPEED = HOURS * 60 // MINUTES
DAY_MS = 24 * 3_600_000
TAIL_S = 62  # behind it: for the vitals that tell how long the flash lasts, which a node knows after 10 minutes
HEATER_HOURS = (6, 7, 13, 18, 19, 20)
HEATER_S = 15
HEARD_WITHIN_MS = 3000  # the first live values


@dataclass(frozen=True)
class Day:
    """What a day's run measured."""

    energy_error_percent: float  # of the grid connection: import and export, of all that flowed
    saves_a_day: float  # writes of registers and journal, counted, scaled by simulated time


@dataclass(frozen=True)
class PicoDay(Day):
    """What only the emulated board tells."""

    heater_error_percent: float  # of the load that was switched
    busy_percent: float  # of the processor, with all that the node does
    flash_operations_a_save: float  # pages programmed and sectors erased
    flash_years: int | None  # as the node reckons; None: it does not say


class _HomeBench(EmulatedBench):
    """The emulated Pico's bench with a replayed home at its converter."""

    def _devices(self) -> list[dict[str, Any]]:
        home = {"profile": str(_profile()), "speed": SPEED, "start_hour": MIDNIGHT}
        return [mains(dict(self.board), home), *contactors(self.board)]


def _profile() -> Path:
    return homes.fetch(homes.default_cache())[HOME]


def emulated(say: Callable[[str], None]) -> PicoDay:
    """The day in MINUTES on the emulated RP2040, as a host hears it. Raises AssertionError when it hears nothing."""
    with tempfile.TemporaryDirectory() as folder:
        rig = rigs.load("rp2040_emulated")
        with contextlib.closing(_HomeBench(rig, Setup(Path(folder)))) as bench:
            host = Host(bench)
            bench.power_on()
            since = host.wait("live", HEARD_WITHIN_MS, channel=0).fields
            began = _costs(bench)
            for hour in range(HOURS):
                _replay_hour(host, hour)
                if hour % 4 == 3:
                    say(f"emulated RP2040: {hour + 1} of {HOURS} hours of a home's day")
            until, heater = (host.told("live", channel=channel)[-1].fields for channel in (0, 1))
            heater_mwh = bench.chip.tell(0)["heater_mwh"]
            host.run(TAIL_S * 1000)
            passed_ns, busy_ns, operations = (now - then for now, then in zip(_costs(bench), began, strict=True))
    saves, saves_a_day, flash_years = _vitals(host)
    return PicoDay(
        _error_percent(_counted(until, since), SPEED, since["node_time_ms"], until["node_time_ms"]),
        saves_a_day,
        100 * abs(heater["energy_import_mwh"] / heater_mwh - 1),
        100 * busy_ns / passed_ns,
        operations / saves,
        flash_years,
    )


def _costs(bench: EmulatedBench) -> tuple[int, int, int]:
    """(ns passed, ns of them busy, operations of the flash) so far."""
    return bench.now_ns, bench.busy_ns(), bench.chip.flash_operations


def _replay_hour(host: Host, hour: int) -> None:
    end_ns = host.bench.now_ns + 3600 * S // SPEED
    if hour in HEATER_HOURS:
        answer = host.command(0, "closed", HEATER_S)
        if not answer.applied:
            raise AssertionError(f"the water heater did not switch on: {answer.reason}")
    host.run((end_ns - host.bench.now_ns) / 1e6)


def _counted(until: Mapping[str, int], since: Mapping[str, int]) -> list[int]:
    return [until[name] - since[name] for name in ("energy_import_mwh", "energy_export_mwh")]


def _vitals(host: Host) -> tuple[int, float, int | None]:
    """(saves that the node has counted, saves a day, the flash's years that it tells in the end)."""
    first, *_, last = [heard.fields for heard in host.told("vitals")]
    saves = last["saves"] - first["saves"]
    return saves, saves * DAY_MS / (last["node_time_ms"] - first["node_time_ms"]), last["flash_years"]


def _error_percent(counted: list[int], speed: int, from_ms: int, to_ms: int) -> float:
    true = homes.true_energy_mwh(_profile(), MIDNIGHT, speed, from_ms, to_ms)
    return 100 * sum(abs(mwh - exact) for mwh, exact in zip(counted, true, strict=True)) / sum(true)


def unix(say: Callable[[str], None], hours: int = HOURS) -> Day:
    """So many hours, second for second, under MicroPython's unix port (tests/bench/node_day.py)."""
    counted: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        unit = {"profile": str(_profile()), "speed": 1, "start_hour": MIDNIGHT}
        for counted in told("node_day.py", Path(folder), unit, str(hours)):
            if counted.get("hour", 0) % 4 == 3:
                say(f"unix: {counted['hour'] + 1} of {hours} hours")
    registers = [counted["energy_import_mwh"], counted["energy_export_mwh"]]
    return Day(_error_percent(registers, 1, 0, counted["end_ms"]), counted["saves"] * DAY_MS / counted["end_ms"])
