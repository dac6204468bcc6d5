"""What a node keeps in flash: how long that lasts, how far back it reaches, and what a power cut leaves of it."""

from hil.checks import Maker
from hil.figures import Notebook
from hil.host import Host
from tools import boards, flash_life, power_cuts

INTERVALS_A_DAY = 1440
SEED = 1


def saves(make: Maker, host: Host, notes: Notebook) -> None:
    """What the node told of its saves since its boot, for each interval that had ended until then."""
    vitals = host.told("vitals")[-1].fields
    ended = {heard.fields["end_ms"] for heard in host.told("interval", channel=0)}
    before = sum(end_ms <= vitals["node_time_ms"] for end_ms in ended)
    assert vitals["saves"] > 1 and before > 1, f"{vitals['saves']} saves, {before} intervals"
    a_day = vitals["saves"] / before * INTERVALS_A_DAY
    notes.hold("saves_a_day", a_day, f"{vitals['saves']} in {before} intervals, and {INTERVALS_A_DAY} of those a day")
    lasts = flash_life.budget(boards.load(make.rig.board), round(a_day))
    if lasts is not None:
        notes.hold("flash_years", lasts.years, f"{lasts.erase_cycles} erases of each free block")


def journal_reach(make: Maker, notes: Notebook) -> None:
    """A journal on a file system like the board's, filled with the minutes of a noisy home until it drops some."""
    place = boards.load(make.rig.board).manifest["FILESYSTEM"]
    found = flash_life.reach(place["bytes"] // place["block_bytes"], place["program_bytes"], SEED)
    kib = found["blocks"] * place["block_bytes"] // 1024
    notes.hold("journal_days", found["days"], f"{kib:.0f} KiB of littlefs, in this machine's memory")


def every_power_cut(make: Maker, notes: Notebook) -> None:
    """One run of the node, its power cut before, in and after each operation of its flash: see tools.power_cuts."""
    found = power_cuts.cuts(None, SEED, print, rig=make.rig.name)
    note = f"before, in and after each of {found.operations} flash operations of a run that saves, plans, calibrates"
    notes.add("power_cuts", found.made, note)
    notes.add("starts_watched", found.made)
    notes.note("unsafe_edges", found.unsafe_edges, "of any contactor's pin, at each start, reset and power cut")
    notes.note("cut_lost_mwh", found.worst_lost_mwh, "counted before the cut, gone after it")
    notes.note("power_cuts_wrong", len({where for where, _ in found.wrong}), note)
    assert not found.wrong, f"{len(found.wrong)} things are wrong; {': '.join(found.wrong[0])}"
    assert found.made == len(power_cuts.STATES) * found.operations, f"only {found.made} cuts were made"
    notes.hold("unsafe_edges", found.unsafe_edges)
    notes.hold("cut_lost_mwh", found.worst_lost_mwh)
