"""The bridge: the one place that wires everything and owns the TaskGroup.

Links' errors end in their own loops; a programming error ends the group and the service manager
starts the bridge again, which leases on the nodes make safe.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import uvicorn

from host_bridge import energy_config
from host_bridge.agent.worlds import WorldHost
from host_bridge.config import Config, ConfigError, LinkConfig
from host_bridge.dispatch import Dispatch
from host_bridge.events import EventLog
from host_bridge.fleet import Fleet
from host_bridge.keys import KeyRing, KeysError
from host_bridge.radio_loop import open_radio
from host_bridge.service import create_app
from host_bridge.service.auth import entry_address, load_token
from host_bridge.store import Store, StoreError
from host_bridge.transport import Transport
from host_bridge.transport.serial import SerialTransport
from host_bridge.web import add_pages

if TYPE_CHECKING:
    from host_bridge.agent.energy.agent import EnergyAgent


class Bridge:
    """Store, fleet and dispatch, wired; `serve` runs them with the page until told to stop.

    Raises ConfigError when the nodes' keys are not kept where nobody else can read them, or prices cannot be used.
    """

    def __init__(self, config: Config, transports: Sequence[Transport]) -> None:
        self.config = config
        try:
            self.keys = KeyRing(config.key_folder)
        except KeysError as error:
            raise ConfigError(str(error)) from None
        # What is made first is called by names that come later.
        self.events = EventLog(lambda event: self.store.add_event(event))  # noqa: PLW0108
        self.store = Store(
            config.database,
            config.store,
            self.events,
            config.zone,
            lambda keys: self.fleet.committed(keys),  # noqa: PLW0108
            lambda keys: self.fleet.forgotten(keys),  # noqa: PLW0108
        )
        self.fleet = Fleet(
            self.events,
            self.store.add,
            self.store.received,
            self.store.floor,
            config.fleet.stale_after_s,
            self.keys,
        )
        self.dispatch = Dispatch(
            self.fleet, config.dispatch, self.events, self.store.save_command, self.store.update_command, self.keys
        )
        self.worlds = WorldHost(
            *(config.worlds_folder, self.fleet, self.dispatch, self.events, config.worlds.trusted, config.zone),
            reserved=energy_config.contactors(config.homes, config.loads),
        )
        self.energy = self._energy()
        for transport in transports:
            self.fleet.add(transport)
        if config.radios:
            self.fleet.serve_radios(config.radios, open_radio)

    def _energy(self) -> "EnergyAgent | None":
        """The energy agent, where a home is configured: what it needs takes a second to load."""
        if not self.config.homes:
            return None
        from host_bridge.agent.energy.agent import EnergyAgent

        return EnergyAgent(self.config, self.fleet, self.dispatch, self.store, self.events)

    async def serve(self, listener: socket.socket, stop: asyncio.Event) -> None:
        """Run everything; the page and the API are served on `listener`. Returns when `stop` is set."""
        app = create_app(self.config, self.fleet, self.dispatch, self.store, self.events, self.worlds, self.energy)
        add_pages(app, self.config, self.fleet, self.dispatch, self.store, self.events, self.worlds, self.energy)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1))
        await self.store.open()
        self.events.add("info", "bridge started", f"the bridge has started with {_listed(self.config)}")
        try:
            async with asyncio.TaskGroup() as group:
                work = [group.create_task(each.run()) for each in (self.store, self.fleet, self.worlds)]
                work += [group.create_task(self.energy.run())] if self.energy else []
                serving = group.create_task(server.serve([listener]))
                waiting = group.create_task(stop.wait())
                await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
                server.should_exit = True
                await serving
                for task in (*work, waiting):
                    task.cancel()
        finally:
            await self.store.close()


def _listed(config: Config) -> str:
    radios = f" and {len(config.radios)} radios" if config.radios else ""
    return f"{len(config.links)} links{radios}"


def listen(config: Config) -> socket.socket:
    """The listening socket of page and API. Raises ConfigError when the address cannot be had."""
    host, port = config.web.host, config.web.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; "
            "is another bridge running? Give another --port, or set [web] port"
        ) from error


def serial_transports(links: Sequence[LinkConfig]) -> list[Transport]:
    """One transport for each configured link."""
    return [SerialTransport(link.url, link.baud) for link in links]


async def _run(config: Config, listener: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await Bridge(config, serial_transports(config.links)).serve(listener, stop)


def main(config: Config, links: Sequence[str] = ()) -> int:
    """Run the bridge in the foreground until SIGINT or SIGTERM, on `links` (URLs) if given, else on the
    configured ones; returns the exit code. Raises ConfigError.
    """
    config.links = [LinkConfig(url) for url in links] or config.links
    token = load_token(config.token_file)
    with listen(config) as listener:
        if sys.stdout.isatty():
            print(f"gridnexus is at {entry_address(config, token)}   (Ctrl-C ends it)")
        else:  # a log is no place for the token
            where = f"http://{config.web.host}:{config.web.port}/"
            print(f"gridnexus is at {where} ; its access token is in {config.token_file}", flush=True)
        if not config.links and not config.radios:
            print('No link is configured: add [[link]] url = "/dev/serial/by-id/..." or give --link URL')
        try:
            asyncio.run(_run(config, listener))
        except StoreError as error:
            raise ConfigError(str(error)) from error
    return 0
