"""GET /api/link: how each node is reached and how well, what is refused and why, and the radios' airtime."""

from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from host_bridge.model import Air, NodeView

if TYPE_CHECKING:
    from host_bridge.fleet import Fleet

REFUSED = ("unknown", "forged", "replayed", "stale", "garbled", "rejected")  # of a view's counters
DAMAGED = ("dropped_crc", "dropped_cobs", "dropped_length")


class WayBody(BaseModel):
    """By radio. RSSI and margin are of the last hop, as the gateway hears it."""

    gateway: str
    is_simulated: bool
    hops: int = Field(description="1: the gateway hears the node itself")
    next_hop: str = Field(description="from the gateway towards the node; empty: the node itself")
    rssi_dbm: int
    margin_db: int = Field(description="above what the slowest rate needs")
    airtime_ms: float = Field(description="of the packet that came last, over all hops")
    is_one_way: bool = Field(description="it hears nothing: nothing can be asked of it")


class NodeLinkBody(BaseModel):
    """One node. Nulls: not measured yet, or nothing such on this link."""

    node: str
    link: str = Field(description="serial, radio or radio (simulated)")
    port: str
    link_state: str
    way: WayBody | None
    loss_ppm: int | None = Field(description="packets of the node that were lost, of a million")
    round_trip_ms: float | None
    clock_error_ms: float | None = Field(description="how well the node's clock is known")
    drift_ppm: float | None = Field(description="how much too fast it runs")
    answer_within_ms: int = Field(description="that a command may take; 0: as configured")
    least_hold_s: int = Field(description="a shorter hold is refused; 0: any")
    frames: int | None = Field(description="on a serial line")
    damaged: int
    repeats: int
    refused: dict[str, int] = Field(description="packets that were ignored, by cause")


class BandBody(BaseModel):
    """Airtime in one band of the region."""

    low_khz: int
    high_khz: int
    spent_ppm: int = Field(description="of the last hour")
    limit_ppm: int = Field(description="that the law gives")
    next_ms: int = Field(description="until an ordinary packet at the slowest rate may be sent; 0: now")


class AirBody(BaseModel):
    """A radio of the bridge."""

    gateway: str
    region: str
    is_simulated: bool
    fault: str
    is_jammed: bool
    bands: list[BandBody]
    counts: dict[str, int] = Field(description="packets: sent, heard, relayed, refused and so on")


class LinkBody(BaseModel):
    """All links."""

    nodes: list[NodeLinkBody]
    radios: list[AirBody]
    strangers: int = Field(description="packets on the air of nodes that have no key here")


class Links:
    """The route. Reads the fleet's views."""

    def __init__(self, fleet: "Fleet") -> None:
        self._fleet = fleet

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api")
        router.add_api_route("/link", self.links, methods=["GET"])
        return router

    async def links(self, node: str = "") -> LinkBody:
        """The links of all nodes, or of one, and the radios."""
        if node and node not in self._fleet.views:
            known = ", ".join(self._fleet.views) or "none"
            raise HTTPException(404, f"no node {node!r}; known nodes: {known}")
        views = [self._fleet.views[node]] if node else list(self._fleet.views.values())
        return LinkBody(
            nodes=[node_link(view) for view in views],
            radios=[_air(air) for air in self._fleet.airs()],
            strangers=self._fleet.strangers,
        )


def node_link(view: NodeView) -> NodeLinkBody:
    """What is told of one node."""
    way, counters = view.way, view.counters
    kind = "serial" if way is None else "radio (simulated)" if way.is_simulated else "radio"
    return NodeLinkBody(
        node=view.name,
        link=kind,
        port=way.gateway if way else view.link,
        link_state=view.link_state,
        way=WayBody.model_validate(way, from_attributes=True) if way else None,
        loss_ppm=view.loss_ppm,
        round_trip_ms=view.round_trip_ms,
        clock_error_ms=view.clock_error_ms,
        drift_ppm=view.drift_ppm,
        answer_within_ms=view.answer_within_ms,
        least_hold_s=view.least_hold_s,
        frames=counters.get("frames"),
        damaged=sum(counters.get(cause, 0) for cause in DAMAGED),
        repeats=counters.get("repeats", 0),
        refused={cause: counters[cause] for cause in REFUSED if counters.get(cause)},
    )


def _air(air: Air) -> AirBody:
    bands = [BandBody(**band._asdict()) for band in air.bands]
    return AirBody(
        gateway=air.gateway,
        region=air.region,
        is_simulated=air.is_simulated,
        fault=air.fault,
        is_jammed=air.is_jammed,
        bands=bands,
        counts=air.counts,
    )
