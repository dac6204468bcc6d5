"""What others talk to: the HTTP API, and the guard in front of it and of the page."""

from typing import TYPE_CHECKING

from fastapi import FastAPI

from host_bridge import __version__
from host_bridge.config import Config
from host_bridge.events import EventLog
from host_bridge.model import StoreError
from host_bridge.service.api import Api, store_unreadable
from host_bridge.service.auth import Guard, load_token
from host_bridge.service.documents import Documents
from host_bridge.service.links import Links

if TYPE_CHECKING:
    from host_bridge.agent.energy.agent import EnergyAgent
    from host_bridge.agent.worlds import WorldHost
    from host_bridge.dispatch import Dispatch
    from host_bridge.fleet import Fleet
    from host_bridge.store import Store


def create_app(
    config: Config,
    fleet: "Fleet",
    dispatch: "Dispatch",
    store: "Store",
    events: EventLog,
    worlds: "WorldHost | None" = None,
    energy: "EnergyAgent | None" = None,
) -> FastAPI:
    """The API behind its guard; without `worlds` it has no routes for them, without `energy` none for that.

    Raises ConfigError when the access token cannot be kept.
    """
    app = FastAPI(
        title="gridnexus", version=__version__, openapi_url="/api/openapi.json", docs_url=None, redoc_url=None
    )
    app.include_router(Documents(fleet, dispatch).router())
    app.include_router(Links(fleet).router())
    if worlds is not None:
        from host_bridge.agent.maker import Maker
        from host_bridge.service.worlds import Worlds

        app.include_router(Worlds(worlds, Maker(config.worlds_folder)).router())
    if energy is not None:
        from host_bridge.service.energy import Energy

        app.include_router(Energy(energy).router())
    app.include_router(Api(config, fleet, dispatch, store, events).router())
    app.add_exception_handler(StoreError, store_unreadable)
    app.add_middleware(Guard, token=load_token(config.token_file), port=config.web.port)
    return app
