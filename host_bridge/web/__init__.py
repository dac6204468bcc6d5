"""The page for people: live power, energy today, switches, nodes and events, on NiceGUI."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from nicegui import ui

from host_bridge.config import Config
from host_bridge.events import EventLog
from host_bridge.web.page import Page
from host_bridge.web.today import Today

if TYPE_CHECKING:
    from host_bridge.agent.worlds import WorldHost
    from host_bridge.dispatch import Dispatch
    from host_bridge.fleet import Fleet
    from host_bridge.store import Store
    from host_bridge.web.energy_source import EnergySource

RECONNECT_S = 10.0
HISTORY = 100  # messages kept for a tab whose link drops for a moment


def add_pages(
    app: FastAPI,
    config: Config,
    fleet: "Fleet",
    dispatch: "Dispatch",
    store: "Store",
    events: EventLog,
    worlds: "WorldHost | None" = None,
    energy: "EnergySource | None" = None,
) -> None:
    """Serve the page at / of `app`, which already has its guard; with `worlds` theirs at /worlds, with `energy` the
    agent's at /energy.

    Once in a process: NiceGUI is global.
    """
    pages = ["/", *(["/energy"] if energy is not None else []), *(["/worlds"] if worlds is not None else [])]
    today = Today(store, fleet.views, config.zone)
    style, script, drawings, icon = (_text(name) for name in ("page.css", "page.js", "page.svg", "icon.svg"))

    def begin(request: Request) -> str:
        """What every page has; the colour scheme that was chosen."""
        ui.add_head_html(f"<style>{style}</style><script>{script}</script>")
        ui.add_body_html(drawings)
        return request.cookies.get("gridnexus_scheme", "auto")

    @ui.page("/", title=config.bridge.name)
    async def page(request: Request) -> None:
        scheme = begin(request)
        tab = Page(config, fleet.views, dispatch, store, events, today, fleet.airs, pages)
        await tab.load()
        tab.build(scheme)

    if worlds is not None:
        _add_world_page(config, fleet, events, worlds, begin, pages)
    if energy is not None:
        _add_energy_pages(config, fleet, energy, begin, pages)

    ui.run_with(
        app,
        title=config.bridge.name,
        favicon=icon,
        language="en-GB",
        dark=None,
        binding_refresh_interval=None,
        reconnect_timeout=RECONNECT_S,
        message_history_length=HISTORY,
        tailwind=False,
        show_welcome_message=False,
    )


def _add_world_page(
    config: Config,
    fleet: "Fleet",
    events: EventLog,
    worlds: "WorldHost",
    begin: Callable[[Request], str],
    pages: Sequence[str],
) -> None:
    from host_bridge.agent.maker import Maker
    from host_bridge.web.node_worlds import NodeWorlds
    from host_bridge.web.world_page import WorldPage

    maker, on_nodes = Maker(config.worlds_folder), NodeWorlds(fleet)

    @ui.page("/worlds", title=f"{config.bridge.name}: worlds")
    async def world_page(request: Request) -> None:
        scheme = begin(request)
        WorldPage(config, fleet.views, events, worlds, maker, on_nodes, pages).build(scheme)


def _add_energy_pages(
    config: Config, fleet: "Fleet", energy: "EnergySource", begin: Callable[[Request], str], pages: Sequence[str]
) -> None:
    from host_bridge.web.energy_home_page import HomePage
    from host_bridge.web.energy_page import EnergyPage

    style = _text("energy.css")

    @ui.page("/energy", title=f"{config.bridge.name}: energy")
    async def energy_page(request: Request) -> None:
        scheme = begin(request)
        ui.add_head_html(f"<style>{style}</style>")
        EnergyPage(config, fleet.views, energy, pages).build(scheme)

    @ui.page("/energy/{home}", title=f"{config.bridge.name}: energy")
    async def energy_home_page(request: Request, home: str) -> None:
        scheme = begin(request)
        ui.add_head_html(f"<style>{style}</style>")
        HomePage(config, fleet.views, energy, home, pages).build(scheme)


def _text(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
