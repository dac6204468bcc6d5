"""What a host sends ahead and the node keeps whole in flash: the plan and the calibration.

Each is an A/B pair of files: a power cut leaves the new document or the old one. The older one stays, so that one step
can be undone.
"""

import hashlib

from gridnode.metering import calibration
from gridnode.node.pair import Pair
from gridnode.node.plan import Plan
from gridnode.wire import cbor, schema


class Documents:
    """`pairs`: a node.pair.Pair for each of schema.DOCUMENTS but the key; `takers`: for each a function that takes the
    body (or None: there is none) and raises ValueError when it does not say what it must; it changes nothing then.

    What is kept is taken at once; a document that its taker refuses (another firmware wrote it) is left alone.
    """

    def __init__(self, pairs: list, takers: list):
        self._pairs = pairs
        self._takers = takers
        self._kept = [_parted(pair.read()) for pair in pairs]  # (version, body)
        for index in range(len(pairs)):
            if self._kept[index][0]:
                try:
                    takers[index](self._kept[index][1])
                except ValueError:
                    self._kept[index] = (0, b"")

    def version(self, document: int) -> int:
        """0: there is none."""
        return self._kept[document][0]

    def fetch(self, document: int) -> tuple:
        """(version, digest, body); version 0: there is none."""
        version, body = self._kept[document]
        return version, digest(body), body

    def store(self, document: int, body: bytes) -> tuple:
        """Keep `body`, or go back to the one before if it is empty: (reason, version, digest) of what is kept now."""
        pair = self._pairs[document]
        try:
            if body:
                self._takers[document](body)
                version = self._kept[document][0] + 1
                pair.write(bytes((version >> 8 & 255, version & 255)) + body)
            else:
                pair.revert()
            self._kept[document] = _parted(pair.read())
            if not body:
                self._takers[document](self._kept[document][1] or None)
        except ValueError:
            return self._refused(document, "bad document")
        except OSError:
            return self._refused(document, "flash fault")
        version, body = self._kept[document]
        return "none", version, digest(body)

    def _refused(self, document: int, reason: str) -> tuple:
        version, body = self._kept[document]
        try:
            self._takers[document](body or None)  # what was taken before it could not be written
        except ValueError:
            pass
        return reason, version, digest(body)


def digest(body: bytes) -> bytes:
    """As STORED and DOCUMENT tell it."""
    return hashlib.sha256(body).digest()[:8] if body else b""


def make_documents(folder: str, node, meter, channels: list) -> Documents:
    """Those kept in `folder`: the plan is taken by `node`, the calibration by `meter` and its channels."""

    def take_plan(body):
        node.plan = Plan.parse(body, len(node.contactors)) if body else None

    def take_calibration(body):
        nominal = [()] * len(channels)
        step_16ths, gains = calibration.parse(cbor.decode(body), len(channels)) if body else (0, nominal)
        meter.step_16ths = step_16ths
        for channel, gain in zip(channels, gains):
            channel.window.calibrate(*gain)

    pairs = [Pair(folder + "/" + name + ".") for name in schema.DOCUMENTS[:2]]
    return Documents(pairs, [take_plan, take_calibration])


def _parted(payload) -> tuple:
    return (payload[0] << 8 | payload[1], bytes(payload[2:])) if payload else (0, b"")
