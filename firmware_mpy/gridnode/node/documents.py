"""What a host sends ahead and the node keeps whole in flash: the plan and the calibration.

Each is an A/B pair of files: a power cut leaves the new document or the old one. The older one stays, so that one step
can be undone.
"""

import gc
import hashlib

from gridnode.node.pair import Pair
from gridnode.wire import cbor, schema

LATER_MS = 2000  # without a host that has had its first reading


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
        except (ValueError, MemoryError):
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
    plans = _Plans(node, channels)

    def take_calibration(body):
        step_16ths, gains = 0, [()] * len(channels)
        if body:
            from gridnode.metering import calibration

            step_16ths, gains = calibration.parse(cbor.decode(body), len(channels))
        meter.step_16ths = step_16ths
        for channel, gain in zip(channels, gains):
            channel.window.calibrate(*gain)

    pairs = [Pair(folder + "/" + name + ".") for name in schema.DOCUMENTS[:2]]
    documents = Documents(pairs, [plans.take, take_calibration])
    plans.at_boot = False
    return documents


class _Plans:
    """Puts a plan into the place of the node's. A world takes a tenth of a second to load: at a boot it comes after the
    first reading, and until it is there nothing closes."""

    def __init__(self, node, channels: list):
        self._node = node
        self._channels = channels
        self.at_boot = True
        self._waiting: list = None  # [body, when it is due at the latest] + the contactors' own conditions

    def take(self, body):
        node, channels = self._node, self._channels
        if self.at_boot and body and body[1:2] == b"\x02":  # its format: see node.plan
            self._wait(body)
            return
        plan = controller = None
        if body:
            from gridnode.node.plan import Plan

            plan = Plan.parse(body, len(node.contactors))
        if plan and plan.world is not None:
            if node.controller and node.controller.body == body:
                return  # it goes on where it is
            if not node.controller:
                gc.collect()  # what is loaded needs room in one piece
            from gridnode.node.controller import Controller

            controller = Controller(body, plan, node, channels)
        self._wait_no_more()
        if node.controller:
            node.controller.end()
        node.plan, node.controller, node.follow = plan, controller, None
        if controller:
            node.follow = controller.step
            controller.begin()
        elif plan:
            node.follow = lambda now_ms: plan.follow(node, channels[0].window, now_ms)

    def _wait(self, body):
        node = self._node
        node.follow = self._follow
        self._waiting = [body, None] + [contactor.interlocked for contactor in node.contactors]
        for contactor in node.contactors:
            contactor.interlocked = _always

    def _wait_no_more(self):
        if self._waiting:
            for contactor, own in zip(self._node.contactors, self._waiting[2:]):
                contactor.interlocked = own
            self._waiting = None

    def _follow(self, now_ms):
        waiting = self._waiting
        waiting[1] = waiting[1] or now_ms + LATER_MS
        if self._node.settled or now_ms >= waiting[1]:
            self._node.follow = None
            try:
                self.take(waiting[0])
            except (ValueError, MemoryError):  # another firmware wrote it
                self._wait_no_more()


def _always() -> bool:
    return True


def _parted(payload) -> tuple:
    return (payload[0] << 8 | payload[1], bytes(payload[2:])) if payload else (0, b"")
