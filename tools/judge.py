"""Holds what a bridge has stored against what the replayed homes truly used: all there, once, and exact."""

import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from gridnode.node.journal import Journal
from gridnode.wire import schema
from host_bridge.decode import decode
from tools.homes import true_energy_mwh

Journey = tuple[Path, int, int]  # profile, start hour, speed
ENERGY_LIMIT_PPM = 1000
_RECORDS = ("readings", "switchings", "node_events", "clocks")


def judge(database: Path, journeys: dict[str, Journey], tick_ms: int = 0) -> dict[str, Any]:
    """Figures of a store whose bridge has ended. The profile's start hour is where each boot of a node begins.

    `lost`: sequences missing below the newest one of a journal. `duplicates`: measurements stored more than
    once. `energy_error_ppm`: worst home, of the energy that truly flowed in and out at its grid connection.
    `tick_ms`: to which the times of readings are exact; the registers are whatever the link.
    """
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        known = dict(db.execute("SELECT name, id FROM nodes"))
        lost = sum(_lost(db, known[name]) for name in journeys if name in known)
        total, distinct = db.execute(
            "SELECT (SELECT count(*) FROM readings),"
            " (SELECT count(*) FROM (SELECT DISTINCT node_id, epoch, channel, node_end_ms FROM readings))"
        ).fetchone()
        errors = {
            name: _energy_error_ppm(db, known[name], where, tick_ms)
            for name, where in journeys.items()
            if name in known
        }
    return {
        "nodes": len(errors),
        "readings_stored": total,
        "lost": lost,
        "duplicates": total - distinct,
        "energy_error_ppm": round(max(errors.values()), 1) if len(errors) == len(journeys) else None,
    }


def _lost(db: sqlite3.Connection, node_id: int) -> int:
    """Sequences below the newest that neither a record has nor the node has left free."""
    records = " UNION ALL ".join(
        f"SELECT epoch, sequence, sequence + 1 AS beyond FROM {table} WHERE node_id = :node"  # noqa: S608 - our own
        for table in _RECORDS
    )
    free = "SELECT epoch, first, beyond FROM gaps WHERE node_id = :node AND cause = 'skipped by the node'"
    lost, at = 0, dict.fromkeys((epoch for (epoch,) in db.execute("SELECT epoch FROM journals")), 0)
    for epoch, first, beyond in db.execute(f"{records} UNION ALL {free} ORDER BY 1, 2", {"node": node_id}):
        lost += max(0, first - at[epoch])
        at[epoch] = max(at[epoch], beyond)
    return lost


def _energy_error_ppm(db: sqlite3.Connection, node_id: int, journey: Journey, tick_ms: int) -> float:
    """Of channel 0, over all boots of the node: registers as stored against the profile's integral.

    The replay begins anew with each boot. What flowed before a node metered, while it started, and what a power cut
    took of the interval in progress is no error.
    """
    profile, start_hour, speed = journey
    wrong = flowed = 0.0
    rows = db.execute(
        "SELECT CASE min(duration_ms) WHEN 0 THEN"  # the registers of a boot: its first interval begins the metering
        " coalesce(min(CASE WHEN duration_ms > 0 THEN node_end_ms - duration_ms END), min(node_end_ms))"
        " ELSE min(node_end_ms) END, max(node_end_ms), max(energy_import_mwh) - min(energy_import_mwh),"
        " max(energy_export_mwh) - min(energy_export_mwh), (SELECT max(b.node_time_ms) FROM node_events b"
        " WHERE (b.node_id, b.epoch) = (r.node_id, r.epoch) AND b.event = 'boot' AND b.sequence < r.sequence) AS boot"
        " FROM readings r WHERE node_id = ? AND channel = 0 GROUP BY epoch, boot",
        (node_id,),
    )
    for begin_ms, end_ms, import_mwh, export_mwh, boot in rows:
        since, until = begin_ms - (boot or 0), end_ms - (boot or 0)
        true_import, true_export = true_energy_mwh(profile, start_hour, speed, since, until)
        low = true_energy_mwh(profile, start_hour, speed, since + tick_ms, until - tick_ms)
        high = true_energy_mwh(profile, start_hour, speed, max(0, since - tick_ms), until + tick_ms)
        for told, least, most in zip((import_mwh, export_mwh), low, high, strict=True):
            wrong += max(0, least - told, told - most)
        flowed += true_import + true_export
    return wrong / flowed * 1e6 if flowed else 1e6


def lost_energy(database: Path, journals: dict[str, Path]) -> dict[str, Any]:
    """For each home by how much the registers of its newest stored readings differ from those that the node itself
    wrote into that record, on its own flash; over all channels and both ways. None: nothing is stored of it, or the
    node does not have that record. `lost_energy_mwh`: of all homes together.

    `journals`: the nodes' journal folders, which are only read. Both the bridge and the nodes have ended.
    """
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        lost = {name: _lost_energy_mwh(db, name, folder) for name, folder in journals.items()}
    known = [mwh for mwh in lost.values() if mwh is not None]
    return {"lost_energy_mwh": sum(known) if len(known) == len(lost) else None, "lost_energy_of_each_mwh": lost}


def _lost_energy_mwh(db: sqlite3.Connection, name: str, folder: Path) -> int | None:
    newest = db.execute(
        "SELECT channel, epoch, max(sequence), energy_import_mwh, energy_export_mwh FROM readings JOIN nodes"
        " ON nodes.id = node_id WHERE name = ? GROUP BY channel",
        (name,),
    ).fetchall()
    lost: int | None = None
    with tempfile.TemporaryDirectory() as scratch:
        copy = shutil.copytree(folder, Path(scratch) / "journal")  # to be opened is to be written to
        journal = Journal(str(copy), len(newest), 0, 0)
        for channel, epoch, sequence, *told in newest:
            own = _own_record(journal, sequence)
            if epoch != journal.epoch or own is None or own["channel"] != channel:
                return None
            kept = own["energy_import_mwh"], own["energy_export_mwh"]
            lost = (lost or 0) + sum(abs(one - other) for one, other in zip(told, kept, strict=True))
    return lost


def _own_record(journal: Journal, sequence: int) -> dict[str, Any] | None:
    """The fields of a reading as the node kept it; None where it has none of that number."""
    buffer, start, length = journal.record(sequence)
    kind, *fields = decode(bytes(buffer[start : start + length]))
    if kind not in (schema.INTERVAL, schema.REGISTERS):
        return None
    names = [field for field, _ in schema.MESSAGES[kind][1]]
    return dict(zip(names, fields, strict=True))


def of_commands(commands: list[dict[str, Any]]) -> dict[str, Any]:
    """How the commands ended, with the reasons of those refused."""
    refused = [command for command in commands if command["verdict"] == "refused"]
    return {
        "commands_applied": sum(command["verdict"] == "applied" for command in commands),
        "commands_refused": len(refused),
        "commands_unknown": sum(command["verdict"] == "unknown" for command in commands),
        "refusals": [f"{command['refusal']}: {command['detail']}" for command in refused],
    }


def covered_ppm(database: Path) -> int:
    """Of a million: how much of the time from each node's first interval to its last stored readings tell of."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        told, passed = db.execute(
            "SELECT sum(told), sum(passed) FROM (SELECT sum(duration_ms) AS told,"
            " max(node_end_ms) - min(node_end_ms - duration_ms) AS passed"
            " FROM readings WHERE duration_ms > 0 GROUP BY node_id, epoch, channel)"
        ).fetchone()
    return round(told / passed * 1e6) if passed else 0


def is_good_by_radio(figures: dict[str, Any]) -> bool:
    """Whether the main job was done over the air: no energy lost, all homes heard, some of them over two hops, commands
    carried out. What a batch that is still missing tells of is not energy: the registers behind it hold that."""
    error = figures["energy_error_ppm"]
    exact = error is not None and error < ENERGY_LIMIT_PPM and figures["lost_energy_mwh"] == 0
    applied = figures["commands_applied"] > 0 and figures["commands_unknown"] == 0
    return exact and figures["duplicates"] == 0 and applied and 2 in figures["links"]["hops"].values()


def is_good(figures: dict[str, Any]) -> bool:
    """Whether the main job was done: all there, once, and exact; and the bad world was rolled back."""
    error = figures["energy_error_ppm"]
    exact = error is not None and error < ENERGY_LIMIT_PPM
    stored = figures["lost"] == figures["duplicates"] == 0 and figures["readings_stored"] > 0
    worlds = figures.get("worlds", {"swapped": 1, "rolled_back": 1})
    return exact and stored and worlds["swapped"] >= 1 and worlds["rolled_back"] == 1


def in_words(figures: dict[str, Any]) -> str:
    """The figures for people."""
    refusals = "".join(f"\n    refused: {text}" for text in figures["refusals"])
    missing = f"{figures['lost']} lost" if "lost" in figures else f"{figures['still_to_come']} still to come"
    return (
        f"  {figures['nodes']} nodes, {figures['readings_stored']} readings stored,"
        f" {missing}, {figures['duplicates']} twice\n"
        f"  energy is off by {figures['energy_error_ppm']} ppm in the worst home"
        f" (stored registers against the integral of the replayed profile)\n"
        f"  {figures['commands_applied']} commands applied, {figures['commands_refused']} refused{refusals}"
        + (_worlds_in_words(figures["worlds"]) if "worlds" in figures else "")
        + (_links_in_words(figures) if "links" in figures else "")
    )


def _worlds_in_words(worlds: dict[str, Any]) -> str:
    told = "".join(f"\n    {text}" for text in worlds["events"])
    return (
        f"\n  worlds: {worlds['swapped']} times swapped, {worlds['rolled_back']} rolled back,"
        f" {worlds['ticks_missed']} ticks missed{told}"
    )


def _links_in_words(figures: dict[str, Any]) -> str:
    links = figures["links"]
    airtime = sum(links["airtime_s"].values())
    lost = figures["lost_energy_mwh"]
    return (
        f"\n  {'unknown' if lost is None else lost} mWh lost: the newest stored registers against the same records on"
        f" the nodes' own flash\n  {figures['covered_ppm'] / 10_000:.2f} % of the time is told of;"
        f" {figures['commands_unknown']} commands whose fate is not known\n  simulated LoRa: all homes heard"
        f" {figures['all_heard_after_s']} s after power-on, {links['relayed_homes']} of them relayed,"
        f" {links['packets_on_air']['sent']} packets, {airtime:.1f} s on air"
    )
