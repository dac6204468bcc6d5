"""How fast frames become committed readings, as ratios to what the bare parts and a peer reach in the same run.

    ours        bytes -> frames -> CRC -> opened -> CBOR -> schema -> session -> Reading -> committed in SQLite
    bare parts  COBS + CRC + HMAC + AES + cbor2 and nothing else, then a bare batched insert of the rows that the store
                makes of them, with their key: one after the other on one core
    peer        aioesphomeapi's client decoding sensor states sent over loopback, then the same insert

Two frames: 37 bytes (REGISTERS: the two registers) and a whole INTERVAL reading with all quantities of its channel.
"""

import hashlib
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gridnode.wire import schema
from gridnode.wire.channel import WELCOME, NodeChannel, direction, pseudorandom
from gridnode.wire.frame import FrameDecoder
from host_bridge.channels import Channels
from host_bridge.keys import KeyRing, NodeKeys
from host_bridge.link import framed
from host_bridge.model import LinkState, NodeView, Record
from host_bridge.node import RemoteNode
from host_bridge.store.writer import Batch, Writer
from tests.bench import bare
from tests.bench.figures import Figure

NODES, PORTION, BLOCKS = 50, 20, 11  # frames that a link hands over at once; rounds of all links
A_BATCH = NODES * PORTION  # 1,000 rows to a commit
READINGS = A_BATCH * BLOCKS
FIRST = 24  # sequences of two bytes, which makes a REGISTERS frame 37 bytes long
FRAME_BYTES = 37
ROUNDS = 5
NONCE = slice(6, 14)  # in an OFFER and in a WELCOME
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


KINDS = {"37-byte": registers, "whole": interval}


class Home:
    """A node of the bench and the bridge's end of its link, in a session that has lasted a while."""

    def __init__(self, name: str, ring: KeyRing, keep: Callable[[Record], None]) -> None:
        key = hashlib.sha256(name.encode()).digest()
        ring.save(NodeKeys(name, [(1, key)]))
        self.node = NodeChannel(name, [(1, key)], 1, random.getrandbits)
        unheard = lambda *_: None  # noqa: E731
        channels = Channels(name, ring, unheard)
        view = NodeView(name, name, LinkState.ONLINE)
        self.remote = RemoteNode(view, 1, keep, lambda *_: True, unheard, unheard, channels, unheard)
        self.decoder = FrameDecoder()
        self.key = bare.key(self._agree(key))
        self.remote.receive(self._packet(hello(name)), 0)
        self.remote.welcome(FIRST, ())
        self.node._counter = 256  # two bytes of counter

    def _agree(self, key: bytes) -> bytes:
        offer = bytes(self.node.packet[: self.node.offer()])
        self.remote.receive(offer, 0)
        welcome = next(packet for packet in self.remote.packets(0) if packet[:2] == WELCOME)
        self.node.open(welcome)
        return direction(pseudorandom(key), b"up", offer[NONCE] + welcome[NONCE])

    def _packet(self, message: list[Any]) -> bytes:
        return bytes(self.node.packet[: self.node.message(message)])

    def frame(self, message: list[Any]) -> bytes:
        return framed(self._packet(message))

    def feed(self, portion: bytes) -> None:
        """What a Link does with the bytes that came."""
        self.remote.receive_all(self.decoder.feed(portion), 1000)


class Sessions:
    """Nodes in open sessions, and the bytes that each will send: `portions[block][node]`, PORTION frames each."""

    def __init__(self, message: Callable[[int, int], list[int]], folder: Path, keep: Callable[[Record], None]) -> None:
        ring = KeyRing(folder / "keys")
        self.homes = {f"node-{number}": Home(f"node-{number}", ring, keep) for number in range(NODES)}
        self.portions: list[list[bytes]] = []
        self.frame_bytes: set[int] = set()
        for first in range(FIRST, FIRST + BLOCKS * PORTION, PORTION):
            self.portions.append([])
            for number, home in enumerate(self.homes.values()):
                frames = [home.frame(message(number, first + k)) for k in range(PORTION)]
                self.frame_bytes |= set(map(len, frames))
                self.portions[-1].append(b"".join(frames))


def hello(name: str) -> list[object]:
    """What a node of the bench said when it was greeted."""
    head: list[object] = [schema.HELLO, schema.WIRE_VERSION, schema.digest(), name, "bench", "0", 1, "power on", 0]
    return [*head, 0, 5, 256, 1, 0, 0, 60, 900, ["grid"], [], 0]


class Run:
    """One run of one kind of message: its seconds `ours` and bare, from the same bytes."""

    def __init__(self, message: Callable[[int, int], list[int]], folder: Path) -> None:
        self._folder = folder
        self._batch: list[Record] = []
        self._records: list[Any] = []
        self.sessions = Sessions(message, folder, self._batch.append)
        self._columns = ""

    def ours(self) -> float:
        """Seconds from bytes to all committed and acknowledged, the way the bridge does it."""
        homes, batch = self.sessions.homes, self._batch
        writer = Writer(self._folder / "ours.sqlite3", ZoneInfo("UTC"))
        writer.open()
        begin = time.process_time()
        for portions in self.sessions.portions:
            for home, portion in zip(homes.values(), portions, strict=True):
                home.feed(portion)
            for node, _, sequence in writer.commit(Batch(batch.copy(), [], {}, {})).identities:
                homes[node].remote.kept(sequence)
            self._records += batch
            batch.clear()
        seconds = time.process_time() - begin
        writer.close()
        with sqlite3.connect(self._folder / "ours.sqlite3") as db:
            stored = db.execute("SELECT count(*) FROM readings").fetchone()[0]
            self._columns = ", ".join(row[1] for row in db.execute("PRAGMA table_info(readings)"))
        assert stored == READINGS, f"{stored} of {READINGS} arrived"
        return seconds

    def decode(self) -> tuple[float, list[tuple[int, ...]]]:
        """Seconds for COBS, CRC, HMAC, AES and cbor2 alone, and what was decoded."""
        messages: list[Any] = []
        keys = [home.key for home in self.sessions.homes.values()]
        begin = time.process_time()
        for portions in self.sessions.portions:
            for key, portion in zip(keys, portions, strict=True):
                bare.opened(key, bare.unstuffed(portion), messages)
        seconds = time.process_time() - begin
        assert len(messages) == READINGS
        return seconds, messages

    def insert(self) -> float:
        """Seconds to insert the rows that the store made, with their key. After `ours`."""
        ids = {name: number for number, name in enumerate(self.sessions.homes)}
        rows = [(ids[reading.node], *reading[1:]) for reading in self._records]
        table = f"CREATE TABLE readings ({self._columns}, PRIMARY KEY (node_id, epoch, sequence)) WITHOUT ROWID"
        return bare_insert(rows, table, self._folder / "keyed.sqlite3")


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


def measure(best: dict[str, float], *kinds: str) -> None:
    """One more turn of each kind: the best so far of each part, in seconds of processor time of one core."""

    def lap(name: str, seconds: float) -> None:
        best[name] = min(best.get(name, seconds), seconds)

    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            turn = Run(KINDS[kind], Path(folder))
            assert kind == "whole" or turn.sessions.frame_bytes == {FRAME_BYTES}, turn.sessions.frame_bytes
            lap(f"{kind} ours", turn.ours())
            seconds, decoded = turn.decode()
            lap(f"{kind} decode", seconds)
            lap(f"{kind} insert", turn.insert())
            loose = f"CREATE TABLE readings ({', '.join(f'c{k}' for k in range(len(decoded[0])))})"
            lap(f"{kind} loose insert", bare_insert(decoded, loose, Path(folder, "loose.sqlite3")))


def figures_of(best: dict[str, float], kind: str) -> list[Figure]:
    """Of one kind of message."""
    rate = READINGS / best[f"{kind} ours"]
    limit = READINGS / (best[f"{kind} decode"] + best[f"{kind} insert"])
    loose = READINGS / (best[f"{kind} decode"] + best[f"{kind} loose insert"])
    return [
        Figure(f"{kind} readings of the limit of the bare parts", rate / limit, "ratio", LIMIT_SHARE),
        Figure(f"{kind} readings of that limit with an insert that keeps no key", rate / loose, "ratio"),
        Figure(f"{kind} readings", rate, "1/s of one core"),
        Figure(f"{kind} bare parts", limit, "1/s of one core"),
    ]


def run(say: Callable[[str], None]) -> list[Figure]:
    """All figures: the best of ROUNDS of each."""
    from tests.bench import esphome_peer  # in the benchmarks' own environment alone

    best: dict[str, float] = {}
    peer = float("inf")
    for turn in range(ROUNDS):
        measure(best, *KINDS)
        with tempfile.TemporaryDirectory() as folder:
            peer = min(peer, esphome_peer.seconds(STATES, Path(folder)))
        say(f"round {turn + 1} of {ROUNDS}")
    rate, states = READINGS / best["whole ours"], STATES / peer
    return [
        *(figure for kind in KINDS for figure in figures_of(best, kind)),
        Figure("quantities against aioesphomeapi", rate * QUANTITIES / states, "ratio", PEER_TIMES),
        Figure("messages against aioesphomeapi", rate / states, "ratio"),
        Figure("aioesphomeapi states", states, "1/s of one core"),
    ]
