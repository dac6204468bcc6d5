"""The peer of `bench ingest`: aioesphomeapi's own client decodes sensor states sent over loopback and stores them.

The device is a process of its own that speaks ESPHome's plain-text API with aioesphomeapi's messages:
HELLO, device info, one list of entities, then sensor states as fast as the client takes them.
"""

import asyncio
import multiprocessing
import socket
import sqlite3
import time
from pathlib import Path
from typing import Any

from aioesphomeapi import APIClient
from aioesphomeapi.api_pb2 import (  # type: ignore[attr-defined]
    DeviceInfoResponse,
    HelloResponse,
    ListEntitiesDoneResponse,
    SensorStateResponse,
)

SENSORS = 10
A_BATCH = 1000
HELLO, DEVICE_INFO, LIST_ENTITIES, SUBSCRIBE, DISCONNECT, PING = 1, 9, 11, 20, 5, 7


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _packed(number: int, message: Any) -> bytes:
    body = message.SerializeToString()
    return b"\x00" + _varint(len(body)) + _varint(number) + body


def _read_varint(stream: Any) -> int:
    value = shift = 0
    while True:
        byte = stream.read(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7


def device(listener: socket.socket, states: int) -> None:
    """Serve one client: answer its greeting, then send `states` sensor states."""
    connection, _ = listener.accept()
    stream = connection.makefile("rb")
    portion = b"".join(
        _packed(25, SensorStateResponse(key=1 + k % SENSORS, state=230.0 + k * 0.37)) for k in range(100)
    )
    answers = {
        HELLO: [(2, HelloResponse(api_version_major=1, api_version_minor=10, server_info="bench", name="bench"))],
        DEVICE_INFO: [(10, DeviceInfoResponse(name="bench", mac_address="02:00:00:00:00:01"))],
        LIST_ENTITIES: [(19, ListEntitiesDoneResponse())],
    }
    try:
        while stream.read(1):
            size, number = _read_varint(stream), _read_varint(stream)
            stream.read(size)
            for answer_number, answer in answers.get(number, ()):
                connection.sendall(_packed(answer_number, answer))
            if number == SUBSCRIBE:
                for _ in range(states // 100):
                    connection.sendall(portion)
            if number == DISCONNECT:
                connection.sendall(_packed(6, HelloResponse()))
    except (OSError, IndexError):
        pass  # the client has gone


async def _receive(port: int, states: int, database: Path) -> float:
    db = sqlite3.connect(database, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE states (key INTEGER, time_ms INTEGER, state REAL)")
    rows: list[tuple[int, int, float]] = []
    done = asyncio.Event()
    stored = 0

    def on_state(state: Any) -> None:
        nonlocal stored
        rows.append((state.key, int(time.time() * 1000), state.state))
        if len(rows) == A_BATCH:
            db.execute("BEGIN")
            db.executemany("INSERT INTO states VALUES (?, ?, ?)", rows)
            db.execute("COMMIT")
            stored += len(rows)
            rows.clear()
            if stored >= states:
                done.set()

    client = APIClient("127.0.0.1", port, None)
    await client.connect(login=False)
    begin = time.process_time()
    client.subscribe_states(on_state)
    await asyncio.wait_for(done.wait(), 120)
    seconds = time.process_time() - begin
    await client.disconnect(force=True)
    db.close()
    return seconds


def seconds(states: int, folder: Path) -> float:
    """Processor time of this process for `states` sensor states from the socket to committed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = multiprocessing.get_context("fork").Process(target=device, args=(listener, states), daemon=True)
        process.start()
        try:
            return asyncio.run(_receive(listener.getsockname()[1], states, folder / "peer.sqlite3"))
        finally:
            process.kill()
            process.join()
