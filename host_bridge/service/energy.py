"""The part of the API about energy: the community, homes, plans, decisions, accounts, and what people prefer."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import JSONResponse, PlainTextResponse

from host_bridge.agent.preference import PreferenceError
from host_bridge.service.bounded import BoundedRoute
from host_bridge.service.energy_bodies import PreferenceBody, PreferenceRequest, ProposalBody

if TYPE_CHECKING:
    from host_bridge.agent.energy.agent import EnergyAgent

ASKED_BY = "api"
MOST_DECISIONS = 1000
Last = Annotated[int, Query(ge=1, le=MOST_DECISIONS)]


class Energy:
    """Routes. What is shown comes from the agent's views and books; nothing here switches anything."""

    def __init__(self, agent: "EnergyAgent") -> None:
        self._agent = agent

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api/energy", route_class=BoundedRoute)
        unknown: dict[int | str, dict[str, Any]] = {
            404: {"description": "no such home, or no preference of that number"}
        }
        wrong = unknown | {422: {"description": "it cannot be understood; detail says what to write"}}
        add = router.add_api_route
        add("", self.all, methods=["GET"])
        add("/metrics", self.metrics, methods=["GET"], response_class=PlainTextResponse)
        add("/shared/{whom}", self.shared, methods=["GET"], responses=wrong)
        add("/homes/{home}", self.one, methods=["GET"], responses=unknown)
        add("/homes/{home}/plan", self.plan, methods=["GET"], responses=unknown)
        add("/homes/{home}/decisions", self.decisions, methods=["GET"], responses=unknown)
        add("/homes/{home}/account", self.account, methods=["GET"], responses=wrong)
        add("/homes/{home}/preferences", self.preferences, methods=["GET"], responses=unknown)
        add("/homes/{home}/preferences", self.prefer, methods=["POST"], responses=wrong, response_model=None)
        add("/homes/{home}/preferences/{number}", self.forget, methods=["DELETE"], responses=unknown)
        return router

    async def all(self) -> JSONResponse:
        """The community, every home, the ladder of degradation, counters. What was not measured is named estimated."""
        return JSONResponse(asdict(self._agent.view()))

    async def one(self, home: str) -> JSONResponse:
        """One home: now, ahead, decisions, preferences, today's money."""
        return JSONResponse(asdict(self._home(home)))

    async def shared(self, whom: str) -> JSONResponse:
        """What homes let neighbours or the operator see by their preferences; nothing, unless they have said so."""
        from host_bridge.agent.energy.shared import shared

        try:
            return JSONResponse(shared(self._agent.view().homes, whom))
        except ValueError as error:
            raise HTTPException(422, str(error)) from None

    async def plan(self, home: str) -> JSONResponse:
        """The plan ahead as series, the next switching, and what the node keeps for when it is alone."""
        found = self._home(home)
        ahead = asdict(found.ahead) if found.ahead else None
        switching = asdict(found.next_switching) if found.next_switching else None
        return JSONResponse({"home": home, "ahead": ahead, "next_switching": switching, "node_plan": found.node_plan})

    async def decisions(self, home: str, limit: Last = 100) -> JSONResponse:
        """The newest decisions, newest first, with their reasons and what became of them."""
        from host_bridge.agent.energy.account_today import decisions

        self._home(home)
        return JSONResponse([asdict(each) for each in await decisions(self._agent.keeper, home, limit)])

    async def account(
        self,
        home: str,
        day: Annotated[str, Query(pattern=r"\d{4}-\d\d-\d\d", description="local, as 2026-07-01; default: today")] = "",
        length: Annotated[str, Query(pattern="short|long")] = "short",
    ) -> JSONResponse:
        """The account of a day in plain language; every number in it with the rows that it is from."""
        found = self._home(home)
        try:
            day = day or (found.today.day if found.today else self._agent.today_local())
            account = await self._agent.account(home, day, length)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return JSONResponse(account.document())

    async def preferences(self, home: str) -> list[PreferenceBody]:
        """What holds for a home."""
        self._home(home)
        return [PreferenceBody.model_validate(each) for each in self._agent.preferences.views(home)]

    async def prefer(self, home: str, request: PreferenceRequest) -> PreferenceBody | ProposalBody:
        """A document is set; a sentence alone is read into a proposal, which a person confirms by its document."""
        self._home(home)
        wishes = self._agent.preferences
        if request.document is None:
            if not request.sentence.strip():
                raise HTTPException(422, "give a sentence to be read, or a document to be set")
            return ProposalBody.model_validate(await wishes.propose(home, request.sentence))
        try:
            view = await wishes.confirm(home, request.document, ASKED_BY, request.sentence)
        except PreferenceError as error:
            raise HTTPException(422, str(error)) from None
        return PreferenceBody.model_validate(view)

    async def forget(self, home: str, number: int) -> dict[str, int]:
        """One preference holds no more."""
        self._home(home)
        try:
            await self._agent.preferences.forget(home, number, ASKED_BY)
        except KeyError:
            raise HTTPException(404, f"{home} has no preference {number}") from None
        return {"forgotten": number}

    async def metrics(self) -> PlainTextResponse:
        """Counters and gauges for programs, in Prometheus' text form."""
        return PlainTextResponse(exposition(self._agent), media_type="text/plain; version=0.0.4")

    def _home(self, name: str) -> Any:
        try:
            return self._agent.home(name)
        except KeyError:
            known = ", ".join(home.name for home in self._agent.view().homes) or "none yet"
            raise HTTPException(404, f"no home {name!r}; known homes: {known}") from None


def exposition(agent: "EnergyAgent") -> str:
    """Prometheus' text form of the agent's counters, the last planning, and each home's rung."""
    view = agent.view()
    lines = []
    for name, value in sorted(view.counters.items()):
        lines += [f"# TYPE gridnexus_energy_{name}_total counter", f"gridnexus_energy_{name}_total {value}"]
    solve = view.community.solve
    if solve is not None:
        for name, number in (("solve_ms", solve.solve_ms), ("matrix_ms", solve.matrix_ms), ("gap_ppm", solve.gap_ppm)):
            lines += [f"# TYPE gridnexus_energy_plan_{name} gauge", f"gridnexus_energy_plan_{name} {number or 0:g}"]
    lines.append("# TYPE gridnexus_energy_rung gauge")
    for home in view.homes:
        label = home.name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        lines.append(f'gridnexus_energy_rung{{home="{label}"}} {home.standing.place}')
    lines += ["# TYPE gridnexus_energy_open_intervals gauge",
              f"gridnexus_energy_open_intervals {view.community.open_intervals}"]  # fmt: skip
    return "\n".join(lines) + "\n"
