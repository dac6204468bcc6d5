"""Who may import what: the house's table, and the proof that the source keeps it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (ROOT / "firmware_mpy", ROOT)  # where a module's name begins
NOBODY_IMPORTS = {"tools", "tests", "hil"}
ANYTHING = {"*"}
STDLIB = {"stdlib"}  # CPython's, whole

# Words that need no clock, pin, file or socket.
PLAIN = {
    "abc",
    "bisect",
    "collections",
    "contextlib",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "itertools",
    "logging",
}
PLAIN |= {"math", "operator", "re", "struct", "types", "typing", "zoneinfo"}
# What every part of the bridge may speak in.
BRIDGE = {"host_bridge.model", "host_bridge.config", "host_bridge.events", "host_bridge.times", "host_bridge.words"}
BRIDGE |= {"gridnode.wire.schema"}
WIRE = {"struct", "binascii", "hashlib", "cryptolib", "uctypes", "gridnode.wire", "gridnode.native"}
# What is heard from nodes and said to them.
NODES = PLAIN | BRIDGE | {"asyncio", "random", "time", "gridnode.wire", "host_bridge.decode", "host_bridge.transport"}
NODES |= {"host_bridge.node", "host_bridge.link", "host_bridge.records", "host_bridge.questions"}
NODES |= {"host_bridge.rivals", "host_bridge.channels", "host_bridge.keys", "host_bridge.clock", "host_bridge.loss"}
# The command line's side of a running bridge.
TERMINAL = STDLIB | BRIDGE | {"httpx", "rich", "argcomplete"}
TERMINAL |= {"host_bridge.client", "host_bridge.terminal", "host_bridge.watch", "host_bridge.export"}

# Microworlds are pure: what they are made from comes in as text and numbers.
WORLD = PLAIN | {"array", "ast", "difflib", "fractions", "graphlib", "hashlib", "html", "importlib", "json", "platform"}
WORLD |= {"random", "time", "tomllib", "host_bridge.microworld"}

# What people see and ask of the worlds that run.
AGENTS = {"host_bridge.agent", "host_bridge.microworld", "host_bridge.node_world"}

# A module's row is the longest name that it begins with. It may import what the row lists, whatever is below that,
# and its siblings in the same package. `from PACKAGE import VERSION` comes with any module of that package.
MAY_IMPORT = {
    "main": ANYTHING,
    "gridnode": set(),
    "gridnode.wire": WIRE,
    "gridnode.wire.batch": WIRE | {"array"},
    "gridnode.wire.block": WIRE | {"array"},
    "gridnode.wire.host_channel": WIRE | {"os"},  # the host's chance
    "gridnode.wire.cpython_cryptolib": {"cryptography"},
    "gridnode.native": {"micropython"},
    "gridnode.coils": {"gridnode.drivers"},
    "gridnode.hardware": {"machine", "gridnode.drivers", "gridnode.node.panel"},
    "gridnode.meters": {"gridnode.drivers", "gridnode.metering", "gridnode.chip_meters"},
    "gridnode.chip_meters": {"machine", "gridnode.drivers", "gridnode.metering"},
    "gridnode.start": ANYTHING,
    "gridnode.assemble": {"gridnode", "os", "random", "gc"},
    "gridnode.metering": {"math", "array", "gridnode.native"},
    "gridnode.switching": {"math", "array", "gridnode.native"},
    "gridnode.drivers": {"machine", "rp2", "uctypes", "time", "array", "math", "gridnode.metering", "gridnode.native"},
    "gridnode.drivers.rp2040_adc": {"gc", "rp2", "uctypes", "machine", "array", "math", "gridnode.native"},
    # On a Pi, under CPython.
    "gridnode.drivers.gpiod_relay": {"gpiod"},
    "gridnode.drivers.gpiod_edges": {"gpiod", "time"},
    "gridnode.drivers.pseudo_terminal": {"os", "tty"},
    "gridnode.drivers.serial_port": {"serial"},
    "gridnode.drivers.spidev_spi": {"spidev"},
    "gridnode.drivers.smbus2_i2c": {"smbus2"},
    "gridnode.drivers.air_radio": {"binascii", "errno", "json", "select", "socket", "time"},  # simulated LoRa
    "gridnode.drivers.serial_radio": {
        "struct",
        "collections",
        "gridnode.drivers.serial_port",
        "gridnode.wire.frame",
        "gridnode.link.radio_frames",
    },
    "gridnode.drivers.usb_stream": {"select", "sys", "micropython"},
    "gridnode.drivers.gpiod_lines": {"gpiod"},
    "gridnode.gateway": {"select", "struct", "gridnode.link", "gridnode.hardware", "gridnode.radios"},
    "gridnode.radios": {"gridnode.drivers", "gridnode.link", "gridnode.radio_chips", "gridnode.wire"},
    "gridnode.radio_chips": {"machine", "gridnode.drivers"},
    "gridnode.link": {"array", "asyncio", "binascii", "gridnode.wire"},
    "gridnode.node.clock": set(),
    "gridnode.node.keys": {"json", "os", "binascii", "hashlib", "gridnode.node.documents", "gridnode.wire"},
    "gridnode.node.lasting": set(),
    "gridnode.node.pair": {"binascii", "os", "struct"},
    "gridnode.node.segments": {"os", "gridnode.node"},
    "gridnode.node.journal": {"binascii", "os", "struct", "array", "gridnode.wire", "gridnode.node"},
    "gridnode.node.block": {"binascii", "struct", "array", "gridnode.wire", "gridnode.native", "gridnode.node"},
    "gridnode.world": {"array", "gridnode.native"},
    "gridnode.node.controller": {"gridnode.wire", "gridnode.node", "gridnode.switching", "gridnode.world"},
    "gridnode.node.documents": {"gc", "hashlib", "gridnode.wire", "gridnode.metering", "gridnode.node"},
    "gridnode.node.node": {"os", "gridnode.wire", "gridnode.node"},
    "gridnode.node": {"gridnode.wire", "gridnode.metering", "gridnode.switching", "gridnode.link"},
    "gridnode.update": {"gridnode.wire", "gridnode.metering", "gridnode.switching", "gridnode.link", "hashlib", "os"},
    "host_bridge": {"gridnode"},
    "host_bridge.model": PLAIN,
    "host_bridge.config": PLAIN | {"os", "pathlib", "tomllib", "gridnode.link.regions", "host_bridge.energy_config"},
    "host_bridge.energy_config": PLAIN | {"pathlib"},
    "host_bridge.energy_commands": TERMINAL | {"host_bridge.commands"},
    "host_bridge.events": PLAIN | {"asyncio", "time", "host_bridge.model"},
    "host_bridge.times": PLAIN,
    "host_bridge.words": PLAIN | {"host_bridge.model", "host_bridge.times", "gridnode.wire.schema"},
    "host_bridge.records": NODES,
    "host_bridge.questions": NODES,
    "host_bridge.decode": PLAIN | {"cbor2", "gridnode.wire"},
    "host_bridge.transport": PLAIN
    | {"asyncio", "errno", "os", "pathlib", "queue", "serial", "threading", "gridnode.wire.frame"},
    "host_bridge.channels": NODES | {"host_bridge.sealing"},
    "host_bridge.sealing": {"struct", "hashlib", "hmac", "cryptography", "gridnode.wire"},
    "host_bridge.keys": PLAIN | {"fcntl", "hashlib", "json", "os", "pathlib", "secrets", "tempfile", "gridnode.wire"},
    "host_bridge.clock": PLAIN,
    "host_bridge.rivals": {"gridnode.wire"},
    "host_bridge.loss": PLAIN | {"gridnode.wire"},
    "host_bridge.radio": NODES | {"gridnode.link", "gridnode.wire"},
    "host_bridge.radio_loop": NODES
    | {"os", "random", "threading", "urllib", "gridnode.link", "gridnode.radio_chips", "gridnode.drivers"}
    | {"host_bridge.radio"},
    "host_bridge.link_tables": TERMINAL,
    "host_bridge.provision": TERMINAL | {"host_bridge.keys", "tools"},
    "host_bridge.node": NODES,
    "host_bridge.link": NODES,
    "host_bridge.fleet": NODES | {"host_bridge.radio", "host_bridge.radio_loop"},
    "host_bridge.dispatch": PLAIN
    | BRIDGE
    | {
        "cbor2",
        "hashlib",
        "host_bridge.keys",
        "host_bridge.questions",
        "asyncio",
        "time",
        "host_bridge.fleet",
        "host_bridge.node",
    },
    "host_bridge.store": STDLIB | BRIDGE,
    "host_bridge.service": STDLIB
    | BRIDGE
    | AGENTS
    | {"host_bridge.keys", "fastapi", "starlette", "uvicorn", "pydantic"},
    "host_bridge.web": STDLIB | BRIDGE | AGENTS | {"nicegui", "fastapi", "starlette"},
    "host_bridge.microworld": WORLD,
    "host_bridge.microworld.wasm": WORLD | {"wasmtime"},
    "host_bridge.microworld.bytecode": WORLD | {"gridnode.world"},  # the node's own machine runs it here too
    "host_bridge.microworld.verify": WORLD | {"z3"},
    "host_bridge.microworld.runtime": WORLD | {"ctypes", "numpy", "threading", "wasmtime", "weakref"},
    "host_bridge.microworld.study": STDLIB | WORLD | {"numpy", "pyarrow"},
    "host_bridge.microworld.catalogue": WORLD | {"pathlib"},
    "host_bridge.microworld.check_apart": STDLIB | WORLD,
    "host_bridge.microworld.on_disk": WORLD | {"os", "pathlib"},
    "host_bridge.microworld.signing": WORLD | {"cryptography", "os", "pathlib", "secrets"},
    "host_bridge.microworld.bundle": WORLD | {"cbor2", "os", "pathlib", "tempfile"},
    "host_bridge.microworld.tick_log": WORLD | {"os", "pathlib", "zlib"},
    # The energy agent. Its pure parts take time and rows as arguments.
    "host_bridge.market": PLAIN | {"fractions", "hashlib", "random", "numpy", "highspy", "host_bridge.microworld"},
    "host_bridge.agent.grid_time": PLAIN,
    "host_bridge.agent.metered": PLAIN | {"host_bridge.model"},
    "host_bridge.agent.forecast": PLAIN | {"json", "numpy", "scipy", "sklearn", "warnings"},
    "host_bridge.agent.forecast.scored": STDLIB
    | {"numpy", "host_bridge.agent.forecast", "host_bridge.microworld.study"},
    "host_bridge.agent.plan": PLAIN
    | {"hashlib", "json", "threading", "time", "numpy", "scipy", "highspy", "host_bridge.microworld"}
    | {"host_bridge.plan", "gridnode.node.plan", "gridnode.wire"},
    "host_bridge.agent.preference": PLAIN | {"difflib", "pathlib", "tomllib", "unicodedata", "numpy", "sklearn"},
    "host_bridge.agent.narrative": PLAIN | {"json", "host_bridge.store.books", "host_bridge.store.book_rows"},
    "host_bridge.agent.policy": PLAIN
    | {"pathlib", "sys", "numpy", "host_bridge.agent.plan", "host_bridge.microworld", "host_bridge.model"}
    | {"host_bridge.node_world"},
    "host_bridge.agent.feeder": PLAIN
    | {"html", "json", "random", "threading", "time", "numpy", "pandapower", "host_bridge.market"},
    "host_bridge.agent.energy": STDLIB
    | BRIDGE
    | {
        "numpy",
        "gridnode.node.plan",
        "host_bridge.agent",
        "host_bridge.market",
        "host_bridge.dispatch",
        "host_bridge.fleet",
    }
    | {
        "host_bridge.energy_config",
        "host_bridge.store.books",
        "host_bridge.store.book_rows",
        "host_bridge.store.reader",
    },
    "host_bridge.agent": STDLIB
    | BRIDGE
    | {"host_bridge.dispatch", "host_bridge.fleet", "host_bridge.microworld", "host_bridge.market", "host_bridge.node"},
    "host_bridge.node_world": PLAIN
    | BRIDGE
    | {"hashlib", "gridnode.node.plan", "gridnode.node.controller", "gridnode.wire", "gridnode.world"}
    | {"host_bridge.agent", "host_bridge.microworld", "host_bridge.plan"},
    "host_bridge.node_ticks": PLAIN | BRIDGE | {"gridnode.wire", "host_bridge.microworld"},
    "host_bridge.world_commands": TERMINAL
    | {"host_bridge.agent", "host_bridge.microworld", "host_bridge.node_world", "host_bridge.plan", "numpy"},
    "host_bridge.client": TERMINAL,
    "host_bridge.calibrate": TERMINAL
    | {"cbor2", "host_bridge.config", "gridnode.metering.calibration", "gridnode.wire"},
    "host_bridge.plan": TERMINAL | {"gridnode.node.plan", "gridnode.wire"},
    "host_bridge.measurements": TERMINAL,
    "host_bridge.commands": TERMINAL
    | {
        "host_bridge.calibrate",
        "host_bridge.plan",
        "host_bridge.measurements",
        "host_bridge.app",
        "host_bridge.doctor",
        "host_bridge.keys",
        "host_bridge.link_tables",
        "host_bridge.ports",
        "host_bridge.provision",
    },
    "host_bridge.ports": STDLIB,
    "host_bridge.terminal": TERMINAL,
    "host_bridge.watch": TERMINAL,
    "host_bridge.export": TERMINAL,
    "host_bridge.doctor": TERMINAL | {"serial", "host_bridge.keys", "host_bridge.ports"},
    "host_bridge.app": ANYTHING,
    "host_bridge.cli": ANYTHING,
}
ROOTS = {"gridnode", "host_bridge"}  # their rows are for their own __init__ alone


def refusals(module: str, source: str) -> list[str]:
    """What `source`, as the text of `module`, imports and may not; one sentence each."""
    row = _row(module)
    if row is None:
        return [f"{module} is not in the table: add it to MAY_IMPORT in tests/test_imports.py"]
    siblings = {row} - ROOTS
    allowed = MAY_IMPORT[row] | siblings
    return [
        f"{module} may not import {name}" for name in _imported(module, ast.parse(source)) if not _may(name, allowed)
    ]


def _row(module: str) -> str | None:
    names = [module.rsplit(".", cut)[0] for cut in range(module.count(".") + 1)]
    return next((name for name in names if name in MAY_IMPORT and (name == module or name not in ROOTS)), None)


def _may(name: str, allowed: set[str]) -> bool:
    top = name.split(".")[0]
    if top in NOBODY_IMPORTS:
        return False
    if "*" in allowed:
        return True
    if "stdlib" in allowed and top in sys.stdlib_module_names:
        return True
    return any(_below(name, entry) or _below(entry, name) for entry in allowed)


def _below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def _imported(module: str, tree: ast.AST) -> Iterator[str]:
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = _package(module, node)
            for alias in node.names:
                inner = f"{package}.{alias.name}"
                yield inner if _is_module(inner) else package
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {
            "__import__",
            "import_module",
            "importlib.import_module",
        }:
            yield f"at run time: {ast.unparse(node)}"


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those seen by the type checker alone: naming a type is not depending on its module."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            continue
        yield child
        yield from _nodes(child)


def _package(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".") if _is_package(module) else module.split(".")[:-1]
    kept = parts[: len(parts) - node.level + 1]
    return ".".join([*kept, node.module] if node.module else kept)


def _is_module(name: str) -> bool:
    path = name.replace(".", "/")
    return any((source / f"{path}.py").exists() or (source / path / "__init__.py").exists() for source in SOURCES)


def _is_package(name: str) -> bool:
    return any((source / name.replace(".", "/") / "__init__.py").exists() for source in SOURCES)


def _modules() -> dict[str, Path]:
    """Name and file of every module of the product."""
    files = [*(ROOT / "firmware_mpy").rglob("*.py"), *(ROOT / "host_bridge").rglob("*.py")]
    found = {}
    for file in sorted(files):
        source = SOURCES[0] if SOURCES[0] in file.parents else SOURCES[1]
        parts = file.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def test_every_module_keeps_the_table():
    modules = _modules()
    assert {"gridnode.wire.schema", "host_bridge.model"} <= set(modules)
    wrong = [words for name, file in modules.items() for words in refusals(name, file.read_text(encoding="utf-8"))]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    ("module", "line", "refused"),
    [
        ("gridnode.metering.window", "import machine", "machine"),
        ("gridnode.metering.window", "from gridnode.wire import schema", "gridnode.wire.schema"),
        ("gridnode.switching.contactor", "import asyncio", "asyncio"),
        ("gridnode.wire.session", "import time", "time"),
        ("gridnode.wire.session", "def late():\n    import time", "time"),
        ("gridnode.wire.session", "from ..node import node", "gridnode.node.node"),
        ("gridnode.node.node", "import host_bridge.model", "host_bridge.model"),
        ("gridnode.node.node", "import machine", "machine"),
        ("gridnode.drivers.pin", "import gridnode.node", "gridnode.node"),
        ("main", "from tests import conftest", "tests.conftest"),
        ("host_bridge.model", "import sqlite3", "sqlite3"),
        ("host_bridge.model", "import asyncio", "asyncio"),
        ("host_bridge.transport.serial", "from gridnode.wire import schema", "gridnode.wire.schema"),
        ("host_bridge.node", "import serial", "serial"),
        ("host_bridge.dispatch", "from host_bridge.store import Store", "host_bridge.store"),
        ("host_bridge.store.database", "from host_bridge.dispatch import Dispatch", "host_bridge.dispatch"),
        ("host_bridge.store.database", "import nicegui.ui", "nicegui.ui"),
        ("host_bridge.service.api", "from host_bridge.store import Store", "host_bridge.store"),
        ("host_bridge.web", "if True:\n    import host_bridge.fleet", "host_bridge.fleet"),
        ("host_bridge.web", "import tools.homes", "tools.homes"),
        ("host_bridge.app", "import tools.demo", "tools.demo"),
        ("host_bridge.node", "__import__('serial')", "at run time: __import__('serial')"),
    ],
)
def test_a_wrong_import_is_refused(module, line, refused):
    assert refusals(module, f'"""Doc."""\n{line}\n') == [f"{module} may not import {refused}"]


@pytest.mark.parametrize("module", ["gridnode.telepathy", "host_bridge.telepathy.deep", "setup"])
def test_a_module_without_a_row_is_told_to_get_one(module):
    assert "add it to MAY_IMPORT" in refusals(module, "import math")[0]


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("gridnode.wire.frame", "from gridnode.wire import WireError\nfrom . import schema"),
        ("gridnode.metering.channel", "from gridnode.metering.energy import EnergyRegister"),
        ("gridnode.node.node", "from gridnode import VERSION"),
        ("host_bridge.transport.serial", "from gridnode.wire import WireError\nimport serial.tools"),
        (
            "host_bridge.service.api",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import host_bridge.store",
        ),
        ("host_bridge.store.database", "import sqlite3, threading"),
        ("host_bridge.app", "import sqlite3, nicegui\nfrom host_bridge.store import Store"),
    ],
)
def test_what_the_house_allows_is_allowed(module, line):
    assert refusals(module, line) == []
