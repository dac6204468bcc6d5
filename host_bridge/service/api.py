"""The HTTP API: nodes, readings, commands and events for programs. OpenAPI at /api/openapi.json."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from gridnode.wire import schema
from host_bridge import __version__
from host_bridge.config import Config
from host_bridge.events import EventLog
from host_bridge.model import Command, NodeView, Refusal, Verdict
from host_bridge.service.bodies import (
    BridgeBody,
    CommandBody,
    CommandRequest,
    EventBody,
    NodeBody,
    ReadingsBody,
    Resolution,
)
from host_bridge.times import moment_ms

if TYPE_CHECKING:
    from host_bridge.dispatch import Dispatch
    from host_bridge.fleet import Fleet
    from host_bridge.store import Store

KEEP_ALIVE_S = 15.0
MOST_ROWS = 10_000
LATEST_MS = 1 << 53  # what JSON's numbers hold exactly
ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]

Limit = Annotated[int, Query(ge=1, le=MOST_ROWS)]

REFUSAL_CODES = {
    Refusal.UNKNOWN_NODE: 404,
    Refusal.UNKNOWN_CONTACTOR: 404,
    Refusal.BAD_DOCUMENT: 422,
    Refusal.BAD_TARGET: 422,
    Refusal.BAD_HOLD: 422,
    Refusal.PENDING: 409,
    Refusal.NODE: 409,
    Refusal.OFFLINE: 503,
    Refusal.ONE_WAY: 503,
    Refusal.INCOMPATIBLE: 503,
}


class Api:
    """The routes under /api. Reads come from fleet's views and the store; commands go through dispatch only."""

    def __init__(self, config: Config, fleet: "Fleet", dispatch: "Dispatch", store: "Store", events: EventLog) -> None:
        self._config, self._fleet, self._dispatch, self._store, self._events = config, fleet, dispatch, store, events
        self._zone = config.zone
        self._started = time.monotonic()

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api")
        router.add_api_route("/bridge", self.bridge, methods=["GET"])
        router.add_api_route("/nodes", self.nodes, methods=["GET"])
        router.add_api_route("/nodes/{node}", self.node, methods=["GET"])
        router.add_api_route("/commands", self.commands, methods=["GET"])
        router.add_api_route("/events", self.events, methods=["GET"])
        router.add_api_route("/readings", self.readings, methods=["GET"], response_model=ReadingsBody)
        router.add_api_route("/events/stream", self.event_stream, methods=["GET"], response_class=StreamingResponse)
        codes: dict[int | str, dict[str, Any]] = {code: {"model": CommandBody} for code in (404, 409, 503, 504)}
        router.add_api_route("/commands", self.command, methods=["POST"], response_model=CommandBody, responses=codes)
        router.add_api_route("/{path:path}", self.nothing_here, methods=ANY_METHOD, include_in_schema=False)
        return router

    async def bridge(self) -> BridgeBody:
        """Name, version, clock and the store's health."""
        return BridgeBody(
            name=self._config.bridge.name,
            version=__version__,
            time_ms=_now_ms(),
            uptime_s=int(time.monotonic() - self._started),
            schema_digest=schema.digest().hex(),
            store=_plain(self._store.health()),
        )

    async def nodes(self) -> list[NodeBody]:
        """Every node that this bridge knows, online or not."""
        return [self._body(view) for view in self._fleet.views.values()]

    async def node(self, node: str) -> NodeBody:
        """One node: its link, newest values, contactors with reported and requested state."""
        return self._body(self._view(node))

    async def readings(
        self,
        node: str,
        channel: str,
        start: Annotated[str, Query(description="Unix ms, ISO 8601, today, or a duration ago such as 2h")] = "1h",
        end: Annotated[str, Query(description="as start")] = "now",
        resolution: Resolution = "raw",
        limit: Limit = 1000,
    ) -> JSONResponse:
        """Readings of one channel with start <= time < end, oldest first; a raw one counts by its interval's end."""
        view = self._view(node)
        if channel not in view.channels:
            raise HTTPException(404, f"{node} has no channel {channel!r}; it has: {', '.join(view.channels) or 'none'}")
        start_ms, end_ms = self._range(start, end)
        number = view.channels.index(channel)
        rows = await self._store.readings(node, number, start_ms, end_ms, resolution, limit)
        body = {"node": node, "channel": channel, "resolution": resolution, "start_ms": start_ms, "end_ms": end_ms}
        return JSONResponse({**body, "limit": limit, "rows": [_row(row) for row in rows]})

    async def command(self, request: CommandRequest) -> JSONResponse:
        """Switch a contactor; answers when the node has applied or refused it, or its fate is unknown.

        200 applied; 404 no such node or contactor; 422 bad target or hold; 409 another command is pending, or the
        node refused; 503 the node is not online or not compatible; 504 the link failed, outcome unknown.
        """
        command = await self._dispatch.request(
            request.node, request.contactor, request.target, request.hold_s, asked_by="api", reason=request.reason
        )
        return JSONResponse(CommandBody.of(command).model_dump(), answer_code(command))

    async def commands(self, limit: Limit = 100) -> list[CommandBody]:
        """Commands and their outcomes, newest first."""
        return [CommandBody.of(command) for command in await self._store.commands(limit)]

    async def events(
        self,
        limit: Limit = 100,
        node: Annotated[str, Query(max_length=200, description="of this node alone")] = "",
        start: Annotated[str, Query(description="as for readings")] = "0",
    ) -> list[EventBody]:
        """Events that are stored, the last first; those that nodes recorded while away come when they are back."""
        try:
            start_ms = _moment_ms(start, datetime.now(self._zone))
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return [EventBody(**event._asdict()) for event in await self._store.events(limit, node, start_ms)]

    async def event_stream(self) -> StreamingResponse:
        """Events as they happen: text/event-stream, one JSON object each. A slow reader loses the oldest."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream(self._events), media_type="text/event-stream", headers=headers)

    async def nothing_here(self, path: str) -> None:
        raise HTTPException(404, f"there is nothing at /api/{path}; /api/openapi.json lists what there is")

    def _view(self, node: str) -> NodeView:
        if node not in self._fleet.views:
            known = ", ".join(self._fleet.views) or "none"
            raise HTTPException(404, f"no node {node!r}; known nodes: {known}")
        return self._fleet.views[node]

    def _body(self, view: NodeView) -> NodeBody:
        return NodeBody.of(view, self._dispatch.pending, self._dispatch.last, _now_ms())

    def _range(self, start: str, end: str) -> tuple[int, int]:
        now = datetime.now(self._zone)
        try:
            start_ms, end_ms = _moment_ms(start, now), _moment_ms(end, now)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        if start_ms >= end_ms:
            raise HTTPException(422, f"start ({start}) must be before end ({end})")
        return start_ms, end_ms


async def stream(events: EventLog, keep_alive_s: float = KEEP_ALIVE_S) -> AsyncIterator[str]:
    """The events to come as server-sent events, with a comment whenever nothing happened for `keep_alive_s`."""
    with events.subscribe() as queue:
        yield ": connected\n\n"
        while True:
            try:
                event = await asyncio.wait_for(queue.get(), keep_alive_s)
            except TimeoutError:
                yield ": keep-alive\n\n"
            else:
                yield f"data: {EventBody(**event._asdict()).model_dump_json()}\n\n"


async def store_unreadable(_: Request, error: Exception) -> JSONResponse:
    """The answer to StoreError: 503 with the store's own words."""
    return JSONResponse({"detail": str(error)}, 503)


def answer_code(command: Command) -> int:
    """The HTTP code that tells what became of a command."""
    if command.verdict is Verdict.APPLIED:
        return 200
    return REFUSAL_CODES[command.refusal] if command.refusal else 504


def _moment_ms(text: str, now: datetime) -> int:
    moment = int(text) if text.isascii() and text.isdigit() else moment_ms(text, now)
    if not 0 <= moment <= LATEST_MS:
        raise ValueError(f"{text} is not a time this bridge can have readings of")
    return moment


def _row(row: Any) -> dict[str, Any]:
    """A reading or a rollup (named tuples) as JSON; node and channel are named once, above the rows."""
    return {name: value for name, value in row._asdict().items() if name not in ("node", "channel")}


def _plain(health: Any) -> dict[str, Any]:
    return asdict(health) if is_dataclass(health) and not isinstance(health, type) else dict(health._asdict())


def _now_ms() -> int:
    return int(time.time() * 1000)
