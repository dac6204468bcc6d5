"""The part of the API about what a node keeps and what it measures on request: plan, calibration, harmonics."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from gridnode.wire import schema
from host_bridge.keys import KeysError
from host_bridge.model import LinkState
from host_bridge.service.api import answer_code
from host_bridge.service.bodies import CommandBody
from host_bridge.times import in_words

if TYPE_CHECKING:
    from host_bridge.dispatch import Dispatch
    from host_bridge.fleet import Fleet
    from host_bridge.node import RemoteNode

FETCH_WITHIN_MS = 3000
MEASURE_WITHIN_MS = 8000  # a window and the working out of its harmonics; or the first whole 3 s
MS_PER_S = 1000
Name = Literal["plan", "calibration"]
Span = Literal["harmonics", "3 s", "10 min"]


class StoreRequest(BaseModel):
    """A document to be kept."""

    model_config = ConfigDict(extra="forbid")

    body: str = Field(
        max_length=2 * schema.BLOB_MAX, pattern="^([0-9a-f]{2})*$", description="hex; empty: the one before"
    )
    reason: str = Field("", max_length=200)


class RotateRequest(BaseModel):
    """Why a node gets a new key."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=200)


class StoredBody(CommandBody):
    """What became of it, and what the node keeps now, where it said so."""

    version: int | None = None
    digest: str | None = Field(None, description="hex: the first 8 bytes of SHA-256 over the body that the node keeps")


class DocumentBody(BaseModel):
    """What a node keeps."""

    version: int = Field(description="0: none")
    digest: str = Field(description="hex")
    body: str = Field(description="hex")


class Documents:
    """Routes below /api/nodes/{node}. Writing goes through dispatch; reading changes nothing on the node."""

    def __init__(self, fleet: "Fleet", dispatch: "Dispatch") -> None:
        self._fleet, self._dispatch = fleet, dispatch

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api/nodes/{node}")
        router.add_api_route("/documents/{document}", self.fetch, methods=["GET"])
        codes: dict[int | str, dict[str, Any]] = {code: {"model": StoredBody} for code in (404, 409, 503, 504)}
        router.add_api_route(
            "/documents/{document}", self.store, methods=["POST"], response_model=StoredBody, responses=codes
        )
        router.add_api_route("/measure", self.measure, methods=["GET"])
        router.add_api_route("/key", self.rotate, methods=["POST"], response_model=CommandBody, responses=codes)
        return router

    async def fetch(self, node: str, document: Name) -> DocumentBody:
        """The document as the node keeps it now. 503 the node is not online; 504 it did not answer."""
        found = await self._online(node).fetch(schema.DOCUMENTS.index(document), FETCH_WITHIN_MS)
        if found is None:
            raise _silent(node)
        return DocumentBody(version=found.version, digest=found.digest.hex(), body=found.body.hex())

    async def store(self, node: str, document: Name, request: StoreRequest) -> JSONResponse:
        """Have the node keep a document; answers when it was read back from its flash. Codes as for /api/commands."""
        command, stored = await self._dispatch.store(
            node, document, bytes.fromhex(request.body), asked_by="api", reason=request.reason
        )
        body = StoredBody.model_validate(command, from_attributes=True)
        if stored is not None:
            body.version, body.digest = stored.version, stored.digest.hex()
        return JSONResponse(body.model_dump(), answer_code(command))

    async def rotate(self, node: str, request: RotateRequest) -> JSONResponse:
        """Give the node a new key, made here; the answer names its slot and fingerprint, never the key.

        Codes as for /api/commands; 409 too where this bridge holds no key of the node's.
        """
        try:
            command = await self._dispatch.rotate(node, asked_by="api", reason=request.reason)
        except KeysError as error:
            raise HTTPException(409, str(error)) from None
        return JSONResponse(CommandBody.of(command).model_dump(), answer_code(command))

    async def measure(
        self,
        node: str,
        channel: str,
        span: Annotated[Span, Query(description="harmonics of one window, or the last whole span")] = "harmonics",
    ) -> dict[str, Any]:
        """Harmonics or an aggregate of one channel. 409 with the reason where the node cannot tell.

        409 with a Retry-After where it has no whole span yet: it gathers them from the first question on.
        """
        remote = self._online(node)
        channels = remote.view.channels
        if channel not in channels:
            raise HTTPException(404, f"{node} has no channel {channel!r}; it has: {', '.join(channels) or 'none'}")
        index, which = channels.index(channel), None if span == "harmonics" else schema.SPANS.index(span)
        wait_ms = 0 if which is None else remote.whole_in_ms(index, which)
        within_ms = FETCH_WITHIN_MS if wait_ms > 2 * MEASURE_WITHIN_MS else MEASURE_WITHIN_MS
        found = await remote.measure(index, which, within_ms)
        if found is None:
            raise _not_yet(node, channel, span, 0 if which is None else remote.whole_in_ms(index, which))
        if found.reason != "none":
            raise HTTPException(409, f"{node} {channel}: {found.reason}")
        fields = {name: value for name, value in found._asdict().items() if name != "reason"}
        return {"node": node, "channel": channel, **fields}

    def _online(self, node: str) -> "RemoteNode":
        view, remote = self._fleet.views.get(node), self._fleet.remote(node)
        if view is None:
            raise HTTPException(404, f"no node {node!r}; known nodes: {', '.join(self._fleet.views) or 'none'}")
        if remote is None or view.link_state != LinkState.ONLINE:
            raise HTTPException(503, f"{node} is {view.link_state}")
        return remote


def _not_yet(node: str, channel: str, span: Span, wait_ms: int) -> HTTPException:
    if not wait_ms:
        return _silent(node)
    text = (
        f"{node} {channel}: not yet: it gathers spans from the first time that it is asked; "
        f"there is a whole one of {span} in {in_words(wait_ms)} at the latest"
    )
    return HTTPException(409, text, {"Retry-After": str(-(-wait_ms // MS_PER_S))})


def _silent(node: str) -> HTTPException:
    return HTTPException(504, f"{node} did not answer in time; try again")
