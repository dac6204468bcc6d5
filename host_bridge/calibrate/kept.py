"""The calibration that one node keeps: read, written and read back, taken back; each step goes into the history."""

import hashlib
import time
from typing import Any, NamedTuple

from host_bridge.calibrate.arithmetic import CalibrationError, Document, Figures, decode, encode, nominal
from host_bridge.calibrate.history import Entry, History
from host_bridge.client import Bridge, BridgeError

DOCUMENT = "calibration"
UNCALIBRATED = (
    "a meter that counts energy itself (S0 pulses, a smart meter's P1 or SML output) cannot be calibrated: "
    "what it counts is what its display says"
)


class Version(NamedTuple):
    """What a node keeps at a time."""

    number: int  # counted by the node; 0: nothing was ever written
    body: bytes
    document: Document
    fault: str  # why the node cannot use `body` and goes by the nominal `document`; "" when it can


class KeptCalibration:
    """Of `node`, through the bridge. Methods raise CalibrationError, and BridgeError when bridge or node refuse."""

    def __init__(self, bridge: Bridge, history: History, node: str) -> None:
        self.node = node
        self._bridge, self._history = bridge, history
        self.channels: list[str] = [channel["channel"] for channel in bridge.node(node)["channels"]]

    def read(self) -> Version:
        """What the node keeps now."""
        answer = self._bridge.document(self.node, DOCUMENT)
        body = bytes.fromhex(answer["body"])
        if answer["digest"] != _digest(body):
            raise CalibrationError(f"what {self.node} keeps came garbled: try again")
        try:
            return Version(answer["version"], body, decode(body, len(self.channels)), "")
        except CalibrationError as error:  # the node refuses it by the same rules
            return Version(answer["version"], body, nominal(len(self.channels)), str(error))

    def begin(self) -> Version:
        """As `read`, once it is sure that the history can be written to."""
        self._history.check()
        return self.read()

    def write(self, document: Document, why: Entry) -> Version:
        """Store and read back; what the node then keeps, which is `document`."""
        body = encode(document)
        self._store(body, why)
        now = self.read()
        if now.body != body:
            raise CalibrationError(f"{self.node} keeps something else than was sent to it: look with --show")
        self.note("written", now, {})
        return now

    def undo(self) -> Version:
        """Go back to the version before, of the first one to none. What the node then keeps."""
        now = self.read()
        if not now.number:
            raise CalibrationError(f"{self.node} has no calibration: there is nothing to undo")
        self._store(b"", {"why": "undo"})
        then = self.read()
        self.note("undone", then, {})
        if then.body == now.body:
            raise CalibrationError(f"{self.node} keeps no other calibration: it goes by the same as before")
        return then

    def note(self, step: str, version: Version, more: dict[str, Any]) -> None:
        """Keep in the history what was done."""
        gains = [each._asdict() for each in version.document.channels]
        said = {"version": version.number, "digest": _digest(version.body), "body": version.body.hex()}
        said |= {"steps_16th": version.document.steps_16th, "channels": dict(zip(self.channels, gains, strict=True))}
        self._add(step, {**said, **more})

    def _store(self, body: bytes, why: Entry) -> None:
        self._add("sent", {"body": body.hex(), **why})
        answer = self._bridge.store_document(self.node, DOCUMENT, body, "gridnexus calibrate")
        if answer["verdict"] == "refused" and answer["detail"] == "bad document":
            raise CalibrationError(f"{self.node} refuses this calibration and goes by the one before; {UNCALIBRATED}")
        if answer["verdict"] == "refused":
            raise BridgeError(f"{self.node} was not calibrated ({answer['refusal']}); {answer['detail']}")

    def _add(self, step: str, more: Entry) -> None:
        plain = {name: value._asdict() if isinstance(value, Figures) else value for name, value in more.items()}
        self._history.add({"time_ms": time.time_ns() // 1_000_000, "node": self.node, "step": step, **plain})


def _digest(body: bytes) -> str:
    """As the node tells it: the first 8 bytes of SHA-256, of nothing none."""
    return hashlib.sha256(body).hexdigest()[:16] if body else ""
