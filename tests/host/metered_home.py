"""A home for `gridnexus calibrate`: the node's own window meter and documents over computed waves.

Each channel's sensors are off by what its `Sensor` says; the node corrects by the document it keeps, as a real one.
"""

import math
import tempfile
from array import array
from dataclasses import dataclass, field

from gridnode.metering import calibration
from gridnode.metering.window import WindowMeter
from gridnode.node.documents import Documents
from gridnode.node.pair import Pair
from gridnode.wire import cbor, schema
from host_bridge.client import BridgeError

RATE_HZ = 4000
WINDOW = RATE_HZ // 5
CALIBRATION = schema.DOCUMENTS.index("calibration")
UV, UA = 12_207_031, 1_953_125  # nanovolts and nanoamperes per count, nominal


@dataclass
class Load:
    """What truly flows, in V, A and degrees; the current lags for + and flows out beyond 90."""

    volts: float = 230.0
    amperes: float = 5.0
    lag: float = 0.0

    @property
    def watts(self):
        return self.volts * self.amperes * math.cos(math.radians(self.lag))


@dataclass
class Sensor:
    """How one channel sees its load: gains, degrees that its current comes early, its own hum."""

    voltage: float = 1.0
    current: float = 1.0
    early: float = 0.0
    hum_amperes: float = 0.0  # in quadrature to all else: of another frequency
    crosstalk_watts: float = 0.0
    load: Load = field(default_factory=Load)


class Channel:
    def __init__(self, sensor):
        self.sensor = sensor
        self.meter = WindowMeter(RATE_HZ, 50, UV, UA)
        self.at = 0
        self.live = None

    def window(self):
        """The next 200 ms; the figures become the live ones."""
        sensor, load = self.sensor, self.sensor.load
        voltage, current = array("h", [0] * WINDOW), array("h", [0] * WINDOW)
        volts = load.volts * sensor.voltage * math.sqrt(2) * 1e9 / UV
        amperes = load.amperes * sensor.current * math.sqrt(2) * 1e9 / UA
        hum = sensor.hum_amperes * math.sqrt(2) * 1e9 / UA
        in_phase = sensor.crosstalk_watts / load.volts * math.sqrt(2) * 1e9 / UA
        lag = math.radians(load.lag - sensor.early)
        for k in range(WINDOW):
            turn = 2 * math.pi * 50 * self.at / RATE_HZ
            voltage[k] = round(volts * math.sin(turn))
            current[k] = round(amperes * math.sin(turn - lag) + hum * math.sin(7 * turn) + in_phase * math.sin(turn))
            self.at += 1
        self.meter.feed(voltage, current, WINDOW)


class Home:
    """Stands for `client.Bridge`: nodes(), node(), document(), store_document(), and the time in between."""

    def __init__(self, **sensors):
        """`sensors`: of the node "home-1"; a meter named "reference" is the only channel of "home-2", and exact."""
        self.channels = {name: Channel(sensor) for name, sensor in sensors.items()}
        self.reference = Channel(Sensor())
        self.link_state = "online"
        self.quality = 0
        self.now_s = 0.0
        self.garbles = self.ignores = False
        self._folder = tempfile.TemporaryDirectory()
        self.erase()
        self.before_look = lambda: None

    # The bridge's side

    def nodes(self):
        self.before_look()
        for channel in (*self.channels.values(), self.reference):
            channel.window()
        mine = [self._body(name, channel) for name, channel in self.channels.items()]
        return [
            {"name": "home-1", "link_state": self.link_state, "channels": mine},
            {"name": "home-2", "link_state": "online", "channels": [self._body("reference", self.reference)]},
        ]

    def node(self, name):
        found = next((node for node in self.nodes() if node["name"] == name), None)
        if found is None:
            raise BridgeError(f"no node {name!r}")
        return found

    def document(self, node, document):
        assert (node, document) == ("home-1", "calibration")
        version, digest, body = self.documents.fetch(CALIBRATION)
        told = body[:-1] + bytes([body[-1] ^ 1]) if self.garbles and body else body
        return {"version": version, "digest": digest.hex(), "body": told.hex()}

    def store_document(self, node, document, body, reason):
        assert (node, document) == ("home-1", "calibration")
        said = "none" if self.ignores else self.documents.store(CALIBRATION, body)[0]
        applied = said == "none"
        return {"verdict": "applied" if applied else "refused", "refusal": "refused by the node", "detail": said}

    # The node's side

    def erase(self):
        """Flash without any document."""
        self._folder.cleanup()
        self._folder = tempfile.TemporaryDirectory()
        pairs = [Pair(f"{self._folder.name}/{name}.") for name in schema.DOCUMENTS]
        self.documents = Documents(pairs, [lambda body: None, self._take])

    @property
    def kept(self):
        """The calibration that the node keeps, as bytes."""
        return self.documents.fetch(CALIBRATION)[2]

    def _take(self, body):
        gains = [calibration.NOMINAL] * len(self.channels)
        if body:
            _, gains = calibration.parse(cbor.decode(body), len(self.channels))
        for channel, each in zip(self.channels.values(), gains, strict=True):
            channel.meter.calibrate(*each)

    def _body(self, name, channel):
        meter = channel.meter
        return {
            "channel": name,
            "time_ms": channel.at,
            "voltage_rms_mv": meter.voltage_rms_mv,
            "current_rms_ma": meter.current_rms_ma,
            "active_power_mw": meter.active_power_mw,
            "reactive_power_mvar": meter.reactive_power_mvar,
            "quality": meter.quality & ~4 | self.quality,
        }

    # Time

    def clock(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds
