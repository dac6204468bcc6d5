"""The radios of the configuration: each opened in a reconnect loop of its own, the hub stepped over those that work.

A radio's errors end here; they disturb neither the other radios nor the nodes on serial ports.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gridnode.link.lora import LoraLink
from host_bridge.config import RadioConfig, plan
from host_bridge.events import EventLog
from host_bridge.node import monotonic_ms
from host_bridge.radio import Gateway, RadioHub

STEP_S = 0.008  # the scan of a radio wants a look each 7 to 10 ms
RETRY_FIRST_S, RETRY_MAX_S = 1.0, 30.0
STEADY_MS = 10_000
GATEWAY_ADDRESS = 0
JAMMED = "the channel is never free, so it has stopped sending; it goes on by itself"
NONE = "", ""  # no trouble

OpenRadio = Callable[[RadioConfig, int], Any]  # (config, turn_ms) -> the drivers' Radio; raises OSError, RuntimeError


class RadioLoop:
    """Serves `hub`, whose gateways come from `configs`, until cancelled."""

    def __init__(self, hub: RadioHub, configs: list[RadioConfig], events: EventLog, open_radio: OpenRadio) -> None:
        self.hub = hub
        self._events = events
        self._open_radio = open_radio
        self._turn = asyncio.Lock()  # a link is no thing for two threads
        self._gateways: list[tuple[RadioConfig, Gateway]] = []
        for config in configs:
            is_simulated = config.url.startswith("air:")
            gateway = Gateway(config.url, None, plan(config), config.region, is_simulated)
            self._gateways.append((config, gateway))
            hub.gateways.append(gateway)

    async def run(self) -> None:
        """Serve all radios."""
        async with asyncio.TaskGroup() as group:
            for config, gateway in self._gateways:
                group.create_task(self._serve(config, gateway))
            group.create_task(self._exchange())

    async def _exchange(self) -> None:
        while True:
            async with self._turn:
                self.hub.exchange(monotonic_ms())
            await asyncio.sleep(STEP_S)

    async def _serve(self, config: RadioConfig, gateway: Gateway) -> None:
        """One radio's reconnect loop."""
        wait_s = RETRY_FIRST_S
        while True:
            opened_ms = monotonic_ms()
            why = await self._use(config, gateway)
            if monotonic_ms() - opened_ms > STEADY_MS:
                wait_s, gateway.fault = RETRY_FIRST_S, ""
            if why != gateway.fault:
                self._events.add("error", "radio failed", f"{config.url}: {why}")
            gateway.link, gateway.fault = None, why
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RETRY_MAX_S)

    async def _use(self, config: RadioConfig, gateway: Gateway) -> str:
        """Open one radio and run its link; why that has ended."""
        try:
            radio = await asyncio.to_thread(self._open_radio, config, gateway.plan.turn_ms)
        except (OSError, RuntimeError) as error:  # a driver's RuntimeError says what to do
            return str(error)
        try:
            await self._flush(gateway, radio)
        except OSError as error:
            return str(error)
        finally:
            if hasattr(radio, "close"):
                radio.close()
        raise AssertionError("a radio is served until it fails")

    async def _flush(self, gateway: Gateway, radio: Any) -> None:
        """Run one radio's link; a chip on SPI in a thread, as its transfers block. Raises OSError."""
        chance = random.SystemRandom()
        now_ms = monotonic_ms()
        link = LoraLink(radio, gateway.plan, GATEWAY_ADDRESS, chance.getrandbits, gateway=True, now_ms=now_ms)
        gateway.link, gateway.fault = link, ""
        blocks, told = gateway.url.startswith("spi:"), NONE
        while True:
            async with self._turn:
                if blocks:
                    await asyncio.to_thread(link.flush, monotonic_ms())
                else:
                    link.flush(monotonic_ms())
            trouble = (link.fault, "radio fault") if link.fault else (JAMMED, "radio jammed") if link.jammed else NONE
            if trouble != told:
                told = trouble
                level, kind = ("error", told[1]) if told[0] else ("info", "radio works")
                self._events.add(level, kind, f"{gateway.url}: {told[0] or 'works again'}")
            await asyncio.sleep(STEP_S)


def open_radio(config: RadioConfig, turn_ms: int) -> Any:
    """The radio of a URL. Raises OSError or RuntimeError that says what to do."""
    parts = urlsplit(config.url)
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    if parts.scheme == "air":
        from gridnode.drivers.air_radio import AirRadio

        position = tuple(float(options.get(key, of)) for key, of in (("x", 0), ("y", 0), ("height", 10), ("gain", 2)))
        return AirRadio(parts.hostname, parts.port, options.get("name", "gateway"), position, turn_ms)
    from gridnode.radio_chips import make_chip_radio

    return make_chip_radio(chip_literal(config))


def chip_literal(config: RadioConfig) -> dict[str, Any]:
    """What radio_chips wants of a spi: or serial: URL. Raises RuntimeError that says what is wrong with it."""
    parts = urlsplit(config.url)
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    if parts.scheme == "serial":
        return {"driver": "serial_radio", "port": parts.path, "sync_word": config.sync_word}
    try:
        bus, select = (int(number) for number in parts.path.split("."))
        spec: dict[str, Any] = {"driver": options["chip"], "bus": bus, "select": select}
        spec |= {"chip": options.get("gpio", "/dev/gpiochip0"), "reset": int(options["reset"])}
        spec |= {"sync_word": config.sync_word}
        if spec["driver"] == "sx1276":
            return spec | {"dio0": int(options["irq"])}
        tcxo_mv = int(options["tcxo_mv"]) if "tcxo_mv" in options else None
        pins = {"busy": int(options["busy"]), "dio1": int(options["irq"])}
        return spec | pins | {"tcxo_mv": tcxo_mv, "dio2_switch": options.get("dio2_switch", "1") == "1"}
    except (KeyError, ValueError) as error:
        example = "spi:0.0?chip=sx1262&reset=18&busy=20&irq=16"
        raise RuntimeError(f"{config.url}: {error} is missing or no number; write e.g. {example}") from None
