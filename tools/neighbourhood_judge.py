"""Holds the books of a neighbourhood against its meters, its homes and its nodes: all there, once, and balanced.

From files alone, when the bridge and the nodes have ended: agent.db, the bridge's readings, the homes' recordings, the
nodes' own journals and plans as they were while cut off (tools.absence).
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tools import absence
from tools.absence import Absence
from tools.neighbourhood import HomeNode
from tools.neighbourhood_energy import energy
from tools.neighbourhood_files import SPEED, STEP_S, Calendar
from tools.nodes import NodesError

_PARTS = "trade_micro + grid_micro + imbalance_micro + fee_micro + dividend_micro"
_SETTLES = "dividend_micro = 0"  # an interval; the other lines pay out the day's pool
RECORDING_LIMIT_PPM = 1000
BOOKS_LIMIT_MWH = 4 * SPEED  # registers count whole mWh, of which each is SPEED of the grid's
CONTENT_LIMIT_MWH = 5 * SPEED


def judge(readings: Path, books: Path, nodes: Sequence[HomeNode], calendar: Calendar, cuts: Sequence[Absence]) -> Any:
    """The figures, as JSON has them; `problems` says in words what is not as it must be. Raises NodesError."""
    with closing(_open(readings)) as told, closing(_open(books)) as kept:
        return {
            "homes": len(nodes),
            "intervals": _one(kept, "SELECT count(*) FROM markets"),
            "traded_mwh": _one(kept, "SELECT coalesce(sum(traded_mwh), 0) FROM markets"),
            "plans": _one(kept, "SELECT count(*) FROM plans"),
            **_books(kept, [node.name for node in nodes]),
            "energy": energy(kept, told, nodes, calendar),
            "cut": {each.node: absence.figures(each) | _on_return(kept, told, each, calendar) for each in cuts},
            "savings": _savings(kept) | {"stored_mwh": _stored_mwh(nodes)},
            "commands": _commands(kept),
        }


def _open(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise NodesError(f"{path} is not there: the bridge's log says why")
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def _one(db: sqlite3.Connection, query: str, *values: object) -> int:
    return int(db.execute(query, values).fetchone()[0])


def _books(db: sqlite3.Connection, names: Sequence[str]) -> dict[str, int]:
    """unbalanced_micro: by how much the accounts of intervals do not sum to zero. missing: intervals of homes, between
    a home's first and its last, that lack a line or their energy. twice: those that have more than one."""
    sums = db.execute(f"SELECT sum({_PARTS}) FROM lines GROUP BY start_s").fetchall()  # noqa: S608 - our own words
    lines = Counter(db.execute(f"SELECT home, start_s FROM lines WHERE {_SETTLES}").fetchall())  # noqa: S608
    energies = Counter(db.execute("SELECT home, start_s FROM intervals").fetchall())
    missing = 0
    for name in names:
        mine = [start for home, start in lines if home == name]
        wanted = range(min(mine), max(mine) + 1, STEP_S) if mine else ()
        missing += sum((name, start) not in lines or (name, start) not in energies for start in wanted) + (not mine)
    return {
        "settled": len({start for _, start in lines}),
        "unbalanced_micro": sum(abs(micro) for (micro,) in sums),
        "missing": missing,
        "twice": sum(count > 1 for counted in (lines, energies) for count in counted.values()),
    }


def _savings(db: sqlite3.Connection) -> dict[str, Any]:
    """What the homes pay, against what the same load and sun cost without battery and agent at the same tariff."""
    paid, nothing, alone = db.execute(
        f"SELECT coalesce(sum({_PARTS}), 0), coalesce(sum(nothing_micro), 0), coalesce(sum(alone_micro), 0)"  # noqa: S608
        " FROM lines WHERE home NOT LIKE '=%'"
    ).fetchone()
    saved = round((nothing - paid) * 1000 / nothing) if nothing else None
    out, held = db.execute(
        f"SELECT coalesce(sum(dividend_micro), 0), coalesce(-sum({_PARTS}), 0) FROM lines WHERE home LIKE '=pool%'"  # noqa: S608
    ).fetchone()
    return {
        "nothing_micro": nothing,
        "without_market_micro": alone,
        "paid_micro": paid,
        "saved_permille": saved,
        "pool_micro": held,
        "pool_paid_out_micro": out,
    }


def _stored_mwh(nodes: Sequence[HomeNode]) -> int:
    """What the batteries hold more at the end than at the beginning: it was paid for, and is not in the savings."""
    return round(sum(node.contents[-1][1] - node.contents[0][1] for node in nodes if node.contents))


def _commands(db: sqlite3.Connection) -> dict[str, Any]:
    verdicts = Counter(verdict for (verdict,) in db.execute("SELECT verdict FROM outcomes"))
    refusals = db.execute("SELECT DISTINCT detail FROM outcomes WHERE verdict = 'refused' ORDER BY detail LIMIT 10")
    named: dict[str, Any] = {verdict: verdicts.pop(verdict, 0) for verdict in ("applied", "refused", "unknown")}
    return {**named, "other": dict(verdicts), "refusals": [detail for (detail,) in refusals]}


def _on_return(kept: sqlite3.Connection, told: sqlite3.Connection, cut: Absence, calendar: Calendar) -> dict[str, Any]:
    """intervals: those that ended in the absence. Of them: unsettled; too_early: settled while nobody could know;
    settled_late: when the market of the others was settled already. records_differ: switchings of the node's own
    journal that the bridge does not have, or has twice."""
    from_s, until_s = (calendar.grid_s(ms) for ms in (cut.from_ms, cut.until_ms))
    ended = range(from_s + -from_s % STEP_S, until_s + 1, STEP_S)
    query = f"SELECT start_s, settled_s, is_late FROM lines WHERE home = ? AND {_SETTLES}"  # noqa: S608
    lines = {start: (settled, late) for start, settled, late in kept.execute(query, (cut.node,))}
    found = [lines[end - STEP_S] for end in ended if end - STEP_S in lines]
    stored = Counter(
        told.execute(
            "SELECT contactor, state, cause, node_time_ms FROM switchings JOIN nodes ON id = node_id WHERE name = ?",
            (cut.node,),
        ).fetchall()
    )
    own = Counter((each.contactor, each.state, each.cause, each.node_ms) for each in cut.switchings)
    return {
        "intervals": len(ended),
        "unsettled": len(ended) - len(found),
        "too_early": sum(settled < until_s for settled, _ in found),
        "settled_late": sum(late for _, late in found),
        "records_differ": sum((own - stored).values()) + sum(count > 1 for count in stored.values()),
    }


def is_good(figures: dict[str, Any]) -> bool:
    """Whether it did its job."""
    return not problems(figures)


def problems(figures: dict[str, Any]) -> list[str]:
    """What is not as it must be; none: all is well."""
    counted = figures["energy"]
    checks = [
        (figures["settled"] > 0, "nothing was settled"),
        (figures["unbalanced_micro"] == 0, f"the books are off by {figures['unbalanced_micro']} micro-units"),
        (figures["missing"] == 0, f"{figures['missing']} intervals of homes are missing in the books"),
        (figures["twice"] == 0, f"{figures['twice']} intervals of homes were settled twice"),
        (counted["books_off_mwh"] <= BOOKS_LIMIT_MWH, f"books and registers differ by {counted['books_off_mwh']} mWh"),
        (counted["content_off_mwh"] <= CONTENT_LIMIT_MWH, f"a battery is off by {counted['content_off_mwh']} mWh"),
    ]
    for what in ("load", "solar"):
        ppm = counted[f"{what}_off_ppm"]
        checks.append((ppm < RECORDING_LIMIT_PPM, f"the registers are off by {ppm} ppm of a home's {what}"))
    cuts = figures["cut"]
    if cuts:  # one whose plan is to do nothing keeps to that, but nobody would see the difference
        checks.append((any(cut["by_plan"] for cut in cuts.values()), "no home switched by its plan while it was alone"))
    for name, cut in cuts.items():
        checks += _checks_of_cut(name, cut)
    return [words for is_well, words in checks if not is_well]


def _checks_of_cut(name: str, cut: dict[str, Any]) -> list[tuple[bool, str]]:
    return [
        (cut["agreed_permille"] == 1000, f"{name} kept to its plan for {cut['agreed_permille']} per mille of the time"),
        (not cut["by_others"], f"{name} was switched by something else while it was alone: {cut['by_others']}"),
        (cut["intervals"] > 0, f"{name} was away for no end of an interval"),
        (cut["unsettled"] == 0, f"{cut['unsettled']} intervals of {name} were not settled on its return"),
        (cut["too_early"] == 0, f"{cut['too_early']} intervals of {name} were settled before anybody could know them"),
        (cut["settled_late"] > 0, f"{name}: nothing of its absence was settled late"),
        (cut["records_differ"] == 0, f"{cut['records_differ']} switchings of {name} are missing, or there twice"),
    ]


def in_words(figures: dict[str, Any]) -> str:
    """The figures for people."""
    counted, money, commands = figures["energy"], figures["savings"], figures["commands"]
    lines = [
        f"{figures['homes']} homes, {figures['intervals']} intervals of the market, {figures['settled']} settled,"
        f" {figures['traded_mwh'] / 1e6:.1f} kWh traded, {figures['plans']} plans",
        f"books: off by {figures['unbalanced_micro']} micro-units, {figures['missing']} intervals of homes missing,"
        f" {figures['twice']} there twice",
        f"energy, in the worst home: books and registers differ by {counted['books_off_mwh']} mWh, registers"
        f" and load by {counted['load_off_ppm']} ppm, sun by {counted['solar_off_ppm']} ppm; a battery's content and"
        f" its meter by {counted['content_off_mwh']} mWh",
    ]
    for name, cut in figures["cut"].items():
        lines.append(
            f"{name}: alone for {cut['alone_s'] * SPEED / 3600:.1f} h of the grid, {cut['by_plan']} switchings by its"
            f" plan of {cut['plan_bytes']} bytes, kept to it for {cut['agreed_permille']} per mille of {cut['looked']}"
            f" looks; {cut['intervals'] - cut['unsettled']} of {cut['intervals']} intervals settled on its return,"
            f" {cut['settled_late']} of them after the others'"
        )
    lines += [
        f"paid {money['paid_micro'] / 1e6:.2f}, without battery and agent {money['nothing_micro'] / 1e6:.2f}: saved"
        f" {money['saved_permille']} per mille, and the batteries hold {money['stored_mwh'] / 1e6:.1f} kWh more; the"
        f" pool holds {money['pool_micro'] / 1e6:.2f} and paid out {money['pool_paid_out_micro'] / 1e6:.2f}",
        f"{commands['applied']} commands applied, {commands['refused']} refused, {commands['unknown']} of unknown fate",
        f"CPU of one core: {figures['cpu_percent']['nodes']} % the nodes together, {figures['cpu_percent']['bridge']} %"
        " the bridge",
    ]
    lines += [f"refused: {text}" for text in commands["refusals"]]
    return "\n".join(f"  {line}" for line in lines + [f"WRONG: {words}" for words in problems(figures)])
