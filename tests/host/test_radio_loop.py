"""Radios that are not there, fail and come back; URLs of radios."""

import asyncio

import pytest

from host_bridge import radio_loop
from host_bridge.channels import Channels
from host_bridge.config import ConfigError, RadioConfig, parse
from host_bridge.events import EventLog
from host_bridge.keys import KeyRing
from host_bridge.radio import RadioHub
from host_bridge.radio_loop import RadioLoop, chip_literal
from tests.host.background import beside


class FakeRadio:
    """Hears nothing; `error` is raised by its next poll."""

    busy, fault, sent_ms = False, "", 0

    def __init__(self):
        self.error = None
        self.polls = 0
        self.closed = False

    def listen(self, scan):
        self.scan = scan

    def poll(self, now_ms):
        self.polls += 1
        if self.error:
            raise self.error

    def close(self):
        self.closed = True


class Kit:
    """Two radios; `opens[url]` holds what opening gives in turn: an error, or a radio."""

    def __init__(self, tmp_path, **opens):
        self.events = EventLog()
        ring = KeyRing(tmp_path / "keys")
        self.hub = RadioHub([], ring, Channels("radio", ring, self.events.add), None)
        self.opens = {f"spi:{name}": iter(found) for name, found in opens.items()}
        configs = [RadioConfig(url) for url in self.opens]
        self.loop = RadioLoop(self.hub, configs, self.events, self._open)

    def _open(self, config, turn_ms):
        found = next(self.opens[config.url])
        if isinstance(found, Exception):
            raise found
        return found

    def texts(self, kind):
        return [event.text for event in self.events.recent if event.kind == kind]

    async def until(self, condition):
        async with asyncio.timeout(30):  # for a machine with much else to do
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.002)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(radio_loop, "RETRY_FIRST_S", 0.01)
    monkeypatch.setattr(radio_loop, "RETRY_MAX_S", 0.02)
    monkeypatch.setattr(radio_loop, "STEP_S", 0.001)


def test_a_radio_that_is_not_there_is_told_once_and_tried_until_it_comes(tmp_path):
    radio = FakeRadio()
    gone = OSError("no such device")
    kit = Kit(tmp_path, a=[gone, OSError("no such device"), RuntimeError("switch SPI on"), radio])

    async def course():
        async with beside(kit.loop.run()):
            await kit.until(lambda: radio.polls > 2)

    asyncio.run(course())
    assert kit.texts("radio failed") == ["spi:a: no such device", "spi:a: switch SPI on"]
    assert len(radio.scan) == 4


def test_a_radio_that_fails_is_closed_and_opened_again_and_the_other_goes_on(tmp_path):
    first, second, other = FakeRadio(), FakeRadio(), FakeRadio()
    kit = Kit(tmp_path, a=[first, second], b=[other])

    async def course():
        async with beside(kit.loop.run()):
            await kit.until(lambda: first.polls and other.polls)
            first.error = OSError("input/output error")
            await kit.until(lambda: second.polls)
            polls = other.polls
            await kit.until(lambda: other.polls > polls)

    asyncio.run(course())
    assert first.closed and not other.error
    assert kit.texts("radio failed") == ["spi:a: input/output error"]


def test_a_fault_that_the_radio_tells_is_an_event_and_so_is_its_end(tmp_path):
    radio = FakeRadio()
    kit = Kit(tmp_path, a=[radio])

    async def course():
        async with beside(kit.loop.run()):
            await kit.until(lambda: radio.polls)
            radio.fault = "SX1262 does not answer"
            await kit.until(lambda: kit.texts("radio fault"))
            assert kit.hub.airs(0)[0].fault == "SX1262 does not answer"
            radio.fault = ""
            await kit.until(lambda: kit.texts("radio works"))

    asyncio.run(course())


def test_a_jammed_channel_is_an_event_and_so_is_its_end(tmp_path, monkeypatch):
    radio, jammed = FakeRadio(), [False]
    monkeypatch.setattr(radio_loop.LoraLink, "jammed", property(lambda link: jammed[0]))
    kit = Kit(tmp_path, a=[radio])

    async def course():
        async with beside(kit.loop.run()):
            await kit.until(lambda: radio.polls)
            jammed[0] = True
            await kit.until(lambda: kit.texts("radio jammed"))
            radio.fault = "SX1262 does not answer"  # which is the worse
            await kit.until(lambda: kit.texts("radio fault"))
            jammed[0], radio.fault = False, ""
            await kit.until(lambda: kit.texts("radio works"))

    asyncio.run(course())
    assert kit.texts("radio jammed") == [f"spi:a: {radio_loop.JAMMED}"]


def test_a_mistake_of_ours_ends_the_loop(tmp_path):
    radio = FakeRadio()
    radio.error = ZeroDivisionError()
    kit = Kit(tmp_path, a=[radio])
    with pytest.raises(ExceptionGroup):
        asyncio.run(asyncio.wait_for(kit.loop.run(), 5))


def test_a_radio_on_spi_is_named_with_its_pins():
    url = "spi:0.1?chip=sx1262&reset=18&busy=20&irq=16&tcxo_mv=1800"
    assert chip_literal(RadioConfig(url, sync_word=0x34)) == {
        "driver": "sx1262", "bus": 0, "select": 1, "chip": "/dev/gpiochip0", "reset": 18, "busy": 20, "dio1": 16,
        "tcxo_mv": 1800, "dio2_switch": True, "sync_word": 0x34,
    }  # fmt: skip
    assert chip_literal(RadioConfig("spi:0.0?chip=sx1276&reset=4&irq=5"))["dio0"] == 5
    assert chip_literal(RadioConfig("serial:/dev/ttyACM0"))["port"] == "/dev/ttyACM0"


@pytest.mark.parametrize("url", ["spi:0.0?chip=sx1262&reset=18&busy=20", "spi:0?chip=sx1262", "spi:0.0"])
def test_a_pin_that_is_missing_is_told_with_an_example(url):
    with pytest.raises(RuntimeError, match="write e.g. spi:0.0"):
        chip_literal(RadioConfig(url))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"url": ""}, "url is missing"),
        ({"url": "/dev/ttyACM0"}, "must begin with"),
        ({"url": "spi:0.0", "region": "EU433"}, "EU868, US915"),
        ({"url": "spi:0.0", "slowest": 6}, "slowest must be from 7 to 12"),
        ({"url": "spi:0.0", "channel": 868_650}, "868650"),
        ({"url": "spi:0.0", "power_dbm": 30}, "power_dbm must be from -9 to 22"),
    ],
)
def test_a_bad_radio_is_told_with_its_number_in_the_file(table, words):
    with pytest.raises(ConfigError, match=words) as caught:
        parse({"radio": [{"url": "air://127.0.0.1:1"}, table]}, "here")
    assert "here: [[radio]] 2" in str(caught.value)


def test_a_radio_may_have_no_gain_and_little_power():
    config = parse({"radio": [{"url": "air://127.0.0.1:1", "antenna_dbi": 0, "power_dbm": 0}]}, "here")
    assert config.radios == [RadioConfig("air://127.0.0.1:1", antenna_dbi=0, power_dbm=0)]
