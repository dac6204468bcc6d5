"""Worlds that nodes run as bytecode: from the plans that they keep and the ticks that they tell."""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from gridnode.wire import schema
from host_bridge import node_world
from host_bridge.microworld import bytecode, catalogue, spec
from host_bridge.microworld.program import Program
from host_bridge.model import LinkState, NodeView
from host_bridge.node_world import NodeWorld

if TYPE_CHECKING:
    from host_bridge.fleet import Fleet

FETCH_WITHIN_MS = 3000
AGAIN_S = 300.0  # after a node that did not answer: a radio's airtime is dear


@dataclass(frozen=True, slots=True)
class OnNode:
    """One node's world; `program` where it is one of the catalogue's with its parameters as written."""

    node: str
    world: NodeWorld
    program: Program | None

    @property
    def name(self) -> str:
        """For people."""
        return self.program.name if self.program else "a world"


class NodeWorlds:
    """Shared by all tabs. A plan is asked for once each time that its version changes."""

    def __init__(self, fleet: "Fleet") -> None:
        self._fleet = fleet
        self._known: dict[str, tuple[tuple[int, int], OnNode | None]] = {}  # by node: (boot, version), what it is
        self._not_before_s: dict[str, float] = {}  # by node, of a clock that never jumps
        self._asking = asyncio.Lock()

    @property
    def all(self) -> list[OnNode]:
        """What is known to run."""
        return [found for _, found in self._known.values() if found is not None]

    async def refresh(self) -> None:
        """Ask the nodes whose plan is not known."""
        if self._asking.locked():
            return
        async with self._asking:
            for name, view in list(self._fleet.views.items()):
                version = view.boot_epoch, plan_version(view)
                is_new = self._known.get(name, ((0, 0), None))[0] != version
                may_ask = view.link_state is LinkState.ONLINE and not (view.way and view.way.is_one_way)
                if is_new and may_ask and time.monotonic() >= self._not_before_s.get(name, 0):
                    await self._ask(name, view, version)

    async def _ask(self, name: str, view: NodeView, version: tuple[int, int]) -> None:
        remote = self._fleet.remote(name)
        if remote is None or not version[1]:
            self._known[name] = version, None
            return
        document = await remote.fetch(schema.DOCUMENTS.index("plan"), FETCH_WITHIN_MS)
        if document is None:
            self._not_before_s[name] = time.monotonic() + AGAIN_S
        else:
            world = node_world.read(document.body, view)
            self._known[name] = version, OnNode(name, world, _programs().get(world.digest)) if world else None


def plan_version(view: NodeView) -> int:
    """Of the plan that the node keeps, as it said last: a tick tells sooner than its vitals. 0: none."""
    told = view.vitals.plan_version if view.vitals else 0
    return max(told, view.world_ticks[-1].plan_version) if view.world_ticks else told


@cache
def _programs() -> dict[str, Program]:
    """The catalogue, by the digest of its bytecode."""
    found = {}
    for name in catalogue.names():
        try:
            program = spec.read(catalogue.spec_path(name).read_text(encoding="utf-8"), name).program()
            found[hashlib.sha256(bytecode.compile(program)).hexdigest()] = program
        except ValueError:  # too large for a node, or of several modules
            continue
    return found
