"""How fast frames become committed readings, as ratios to what the bare parts and a peer reach in the same run.

    ours        bytes -> frames -> CRC -> packet -> CBOR -> schema -> session -> Reading -> committed in SQLite
    bare parts  COBS + CRC + cbor2 and nothing else, then a bare batched insert of the rows that the store makes of
                them, with their key: one after the other on one core
    peer        aioesphomeapi's client decoding sensor states sent over loopback, then the same insert

Two frames: 37 bytes (REGISTERS: the two registers, sealed size) and a whole INTERVAL reading with all
quantities of its channel.
"""

import binascii
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import cbor2

from gridnode.wire import packet, schema
from gridnode.wire.frame import CRC_BYTES
from host_bridge.model import LinkState, NodeView, Record
from host_bridge.node import RemoteNode
from host_bridge.store import tables
from host_bridge.store.writer import Batch, Writer
from tests.bench import esphome_peer
from tests.bench.figures import Figure

NODES, PORTION, BLOCKS = 50, 20, 11  # frames that a link hands over at once; rounds of all links
A_BATCH = NODES * PORTION  # 1,000 rows to a commit
READINGS = A_BATCH * BLOCKS
FIRST = 24  # sequences of two bytes, which makes a REGISTERS frame 37 bytes long
SEALED_BYTES = 37
ROUNDS = 5
HEADER, TAIL = 3, packet.TAG_BYTES + CRC_BYTES
KEYED = next(statement for statement in tables.STEPS[0] if statement.startswith("CREATE TABLE readings"))
RESIDUE = 0x2144DF1C  # CRC-32 over anything and its own CRC
QUANTITIES = 8  # that an INTERVAL reading carries: two registers, P, Q, S, V, I, frequency
STATES = 100_000
LIMIT_SHARE, PEER_TIMES = 0.40, 3.0


def registers(node: int, sequence: int) -> list[int]:
    """A REGISTERS message of 21 bytes, as a sealed frame carries it in 37."""
    return [
        schema.REGISTERS,
        sequence,
        0,
        3_600_000 + sequence * 60_000,
        123_456_789 + node + 4000 * sequence,
        77_700_000,
    ]


def interval(node: int, sequence: int) -> list[int]:
    """An INTERVAL message with all quantities of its channel, of a home that draws about 1.2 kW."""
    registers_mwh = [123_456_789 + node + 20_000 * sequence, 77_700_000]
    quantities = [1_200_000 + 7 * sequence, 210_000, 1_218_000, 229_800, 5_300, 50_012, 0]
    return [schema.INTERVAL, sequence, 0, 3_600_000 + sequence * 60_000, 60_000, *registers_mwh, *quantities]


class Sessions:
    """Nodes in open sessions, and the bytes that each will send: `portions[block][node]`, PORTION frames each."""

    def __init__(self, message: Callable[[int, int], list[int]]) -> None:
        self.names = [f"node-{number}" for number in range(NODES)]
        self.portions: list[list[bytes]] = [[] for _ in range(BLOCKS)]
        self.frame_bytes: set[int] = set()
        for number in range(NODES):
            writer = packet.Writer()
            writer._counter = 256  # a session that has lasted a while: two bytes of counter
            for block in range(BLOCKS):
                frames = [self._frame(writer, message(number, FIRST + block * PORTION + k)) for k in range(PORTION)]
                self.portions[block].append(b"".join(frames))

    def _frame(self, writer: packet.Writer, message: list[int]) -> bytes:
        length = writer.message(message)
        self.frame_bytes.add(length)
        return bytes(writer.frame[:length])

    def open(self, keep: Callable[[Record], None]) -> list[RemoteNode]:
        """The bridge's ends, welcomed, as after HELLO."""
        remotes = []
        for name in self.names:
            view = NodeView(name, name, LinkState.ONLINE, channels=("grid",))
            remote = RemoteNode(view, 1, keep, lambda *_: True, lambda *_: None, lambda *_: None)
            remote.session.hello = hello(name)
            remote.welcome(FIRST, ())
            remotes.append(remote)
        return remotes


def hello(name: str) -> list[object]:
    """What a node of the bench said when it was greeted."""
    head: list[object] = [schema.HELLO, schema.WIRE_VERSION, schema.digest(), name, "bench", "0", 1, "power on", 0]
    return [*head, 0, 5, 256, 1, 0, 0, 60, 900, ["grid"], []]


def ours(sessions: Sessions, folder: Path) -> float:
    """Seconds from bytes to all committed and acknowledged, the way the bridge does it."""
    batch: list[Record] = []
    remotes = sessions.open(batch.append)
    writer = Writer(folder / "ours.sqlite3", ZoneInfo("UTC"))
    writer.open()
    by_name = dict(zip(sessions.names, remotes, strict=True))
    begin = time.process_time()
    for portions in sessions.portions:
        for remote, portion in zip(remotes, portions, strict=True):
            remote.feed(portion, 1000)
        for node, _, sequence in writer.commit(Batch(batch.copy(), [], {}, {})).identities:
            by_name[node].kept(sequence)
        batch.clear()
    seconds = time.process_time() - begin
    writer.close()
    with sqlite3.connect(folder / "ours.sqlite3") as db:
        stored = db.execute("SELECT count(*) FROM readings").fetchone()[0]
    assert stored == READINGS, f"{stored} of {READINGS} arrived"
    return seconds


def bare_decode(sessions: Sessions) -> tuple[float, list[tuple[int, ...]]]:
    """Seconds for COBS, CRC and cbor2 alone, and what was decoded."""
    rows = []
    begin = time.process_time()
    for portions in sessions.portions:
        for portion in portions:
            for raw in portion.split(b"\x00")[:-1]:
                at, parts, size = 0, [], len(raw)
                while at < size:
                    end = at + raw[at]
                    parts.append(raw[at + 1 : end])
                    at = end
                data = b"\x00".join(parts)
                if binascii.crc32(data) == RESIDUE:
                    rows.append(cbor2.loads(data[HEADER:-TAIL]))
    return time.process_time() - begin, rows


def bare_insert(rows: list[tuple[int | None, ...]], table: str, database: Path) -> float:
    """Seconds to insert rows that are ready, A_BATCH to a transaction, with the store's durability."""
    db = sqlite3.connect(database, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(table)
    marks = ", ".join("?" * len(rows[0]))
    begin = time.process_time()
    for start in range(0, len(rows), A_BATCH):
        db.execute("BEGIN")
        db.executemany(f"INSERT INTO readings VALUES ({marks})", rows[start : start + A_BATCH])
        db.execute("COMMIT")
    seconds = time.process_time() - begin
    db.close()
    return seconds


def stored_rows(sessions: Sessions) -> list[tuple[int | None, ...]]:
    """The rows that the store makes of the same bytes, in their order."""
    batch: list[Record] = []
    remotes = sessions.open(batch.append)
    for portions in sessions.portions:
        for remote, portion in zip(remotes, portions, strict=True):
            first = len(batch)
            remote.feed(portion, 1000)
            for reading in batch[first:]:
                remote.kept(reading.sequence)
    ids = {name: number for number, name in enumerate(sessions.names)}
    return [(ids[reading.node], *reading[1:]) for reading in batch]


def run(say: Callable[[str], None]) -> list[Figure]:
    """All figures: the best of ROUNDS of each, in seconds of processor time of one core."""
    figures: list[Figure] = []
    best: dict[str, float] = {}

    def lap(name: str, seconds: float) -> None:
        best[name] = min(best.get(name, seconds), seconds)

    kinds = {"37-byte": Sessions(registers), "whole": Sessions(interval)}
    assert kinds["37-byte"].frame_bytes == {SEALED_BYTES}, kinds["37-byte"].frame_bytes
    rows = {kind: stored_rows(sessions) for kind, sessions in kinds.items()}
    for turn in range(ROUNDS):
        for kind, sessions in kinds.items():
            with tempfile.TemporaryDirectory() as folder:
                lap(f"{kind} ours", ours(sessions, Path(folder)))
                seconds, decoded = bare_decode(sessions)
                lap(f"{kind} decode", seconds)
                lap(f"{kind} insert", bare_insert(rows[kind], KEYED, Path(folder, "keyed.sqlite3")))
                loose = f"CREATE TABLE readings ({', '.join(f'c{k}' for k in range(len(decoded[0])))})"
                lap(f"{kind} loose insert", bare_insert(decoded, loose, Path(folder, "loose.sqlite3")))
        with tempfile.TemporaryDirectory() as folder:
            lap("peer", esphome_peer.seconds(STATES, Path(folder)))
        say(f"round {turn + 1} of {ROUNDS}")
    for kind in kinds:
        rate = READINGS / best[f"{kind} ours"]
        limit = READINGS / (best[f"{kind} decode"] + best[f"{kind} insert"])
        figures.append(Figure(f"{kind} readings of the limit of the bare parts", rate / limit, "ratio", LIMIT_SHARE))
        loose = READINGS / (best[f"{kind} decode"] + best[f"{kind} loose insert"])
        figures.append(Figure(f"{kind} readings of that limit with an insert that keeps no key", rate / loose, "ratio"))
        figures.append(Figure(f"{kind} readings", rate, "1/s of one core"))
        figures.append(Figure(f"{kind} bare parts", limit, "1/s of one core"))
    rate, peer = READINGS / best["whole ours"], STATES / best["peer"]
    figures.append(Figure("quantities against aioesphomeapi", rate * QUANTITIES / peer, "ratio", PEER_TIMES))
    figures.append(Figure("messages against aioesphomeapi", rate / peer, "ratio"))
    figures.append(Figure("aioesphomeapi states", peer, "1/s of one core"))
    return figures
