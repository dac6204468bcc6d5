"""The part of the API about microworlds: what runs, installing, swapping, removing, and checking a specification."""

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from host_bridge.agent.maker import BusyError, Maker
from host_bridge.agent.preparing import WorldError
from host_bridge.agent.worlds import WorldHost
from host_bridge.microworld import catalogue
from host_bridge.microworld.bundle import Bundle
from host_bridge.service.bounded import BoundedRoute
from host_bridge.service.world_bodies import (
    MOST_TICKS,
    CheckBody,
    CheckRequest,
    InstallRequest,
    SpecBody,
    SwapRequest,
    TickBody,
    TicksBody,
    WorldBody,
)

ASKED_BY = "api"
Last = Annotated[int, Query(ge=1, le=MOST_TICKS)]


class Worlds:
    """Routes. What is asked for goes to the WorldHost, and from there through dispatch."""

    def __init__(self, host: WorldHost, maker: Maker) -> None:
        self._host, self._maker = host, maker

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api", route_class=BoundedRoute)
        refusals: dict[int | str, dict[str, Any]] = {
            404: {"description": "no such world"},
            409: {"description": "refused; detail says why"},
        }
        add = router.add_api_route
        add("/worlds", self.all, methods=["GET"])
        add("/worlds/{name}", self.one, methods=["GET"])
        add("/worlds/{name}", self.install, methods=["POST"], status_code=201, responses=refusals)
        add("/worlds/{name}", self.remove, methods=["DELETE"], responses=refusals)
        add("/worlds/{name}/swap", self.swap, methods=["POST"], responses=refusals)
        add("/worlds/{name}/swap", self.cancel, methods=["DELETE"], responses=refusals)
        add("/worlds/{name}/ticks", self.ticks, methods=["GET"])
        add("/worlds/{name}/spec", self.spec, methods=["GET"])
        add("/worlds/{name}/case", self.case, methods=["GET"])
        add("/worlds/{name}/case.html", self.case_page, methods=["GET"], response_class=HTMLResponse)
        add("/catalogue", self.catalogue, methods=["GET"])
        add("/catalogue/{name}", self.of_catalogue, methods=["GET"])
        busy: dict[int | str, dict[str, Any]] = {429: {"description": "a check of yours is under way"}}
        add("/check", self.check, methods=["POST"], response_model=CheckBody, responses=busy)
        return router

    async def all(self) -> list[WorldBody]:
        """Every world that the bridge runs."""
        return [WorldBody.of(view) for view in self._host.views()]

    async def one(self, name: str) -> WorldBody:
        """One of them."""
        self._known(name)
        return WorldBody.of(self._host.view(name))

    async def ticks(self, name: str, limit: Last = 100) -> TicksBody:
        """The newest ticks, oldest first. What a world computed is in `outputs`; nothing there was measured."""
        self._known(name)
        return TicksBody(name=name, rows=[TickBody.of(tick) for tick in self._host.ticks(name, limit)])

    async def install(self, name: str, request: InstallRequest) -> WorldBody:
        """Run a world under this name; 409 with the reason where it is not taken."""
        content = _decoded(request.world)
        try:
            return WorldBody.of(await self._host.install(content, request.binding, ASKED_BY, name))
        except WorldError as error:
            raise HTTPException(409, str(error)) from None

    async def swap(self, name: str, request: SwapRequest) -> WorldBody:
        """Let a newcomer run beside; answers when it does. The events say what becomes of it."""
        self._known(name)
        content = _decoded(request.world)
        try:
            view = await self._host.swap(
                name, content, request.mapping, request.shadow_ticks, request.probation_ticks, ASKED_BY, request.binding
            )
        except WorldError as error:
            raise HTTPException(409, str(error)) from None
        return WorldBody.of(view)

    async def cancel(self, name: str) -> WorldBody:
        """Send the newcomer away that is in its shadow run."""
        self._known(name)
        try:
            return WorldBody.of(await self._host.cancel(name, ASKED_BY))
        except WorldError as error:
            raise HTTPException(409, str(error)) from None

    async def remove(self, name: str) -> dict[str, str]:
        """Stop and forget a world; the contactors that it holds are given back."""
        self._known(name)
        try:
            await self._host.remove(name, ASKED_BY)
        except WorldError as error:
            raise HTTPException(409, str(error)) from None
        return {"removed": name}

    async def spec(self, name: str) -> SpecBody:
        """The specification of what is in charge, with the profile and the parameters that were chosen."""
        bundle = self._bundle(name)
        return SpecBody(name=name, spec=bundle.spec, profile=bundle.profile, parameters=bundle.parameters)

    async def case(self, name: str) -> Response:
        """The assurance case of what is in charge. `gridnexus world verify` re-runs it from the bytes."""
        return Response(self._bundle(name).case, media_type="application/json")

    async def case_page(self, name: str) -> HTMLResponse:
        """The same for people."""
        from host_bridge.microworld import verify

        return HTMLResponse(verify.Case.read(self._bundle(name).case).page())

    async def catalogue(self) -> list[str]:
        """Names of the specifications that come with the bridge."""
        return list(catalogue.names())

    async def of_catalogue(self, name: str) -> SpecBody:
        """One of them."""
        if name not in catalogue.names():
            raise HTTPException(404, f"the catalogue has no {name!r}; it has: {', '.join(catalogue.names())}")
        return SpecBody(name=name, spec=catalogue.spec_path(name).read_text(encoding="utf-8"))

    async def check(self, request: CheckRequest, http: Request) -> JSONResponse:
        """Compile and prove a specification, in another process; at most a minute. Nothing is installed."""
        client = f"api {http.client.host if http.client else ''}"
        try:
            checked = await self._maker.check(client, request.spec, request.profile, request.parameters)
        except BusyError as error:
            raise HTTPException(429, str(error), {"Retry-After": "5"}) from None
        return JSONResponse(checked.answer)

    def _known(self, name: str) -> None:
        names = [view.name for view in self._host.views()]
        if name not in names:
            raise HTTPException(404, f"no world {name!r}; installed: {', '.join(names) or 'none'}")

    def _bundle(self, name: str) -> Bundle:
        self._known(name)
        return self._host.bundle(name)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise HTTPException(422, "world: the .world file in base64 is wanted") from None
