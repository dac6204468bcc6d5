"""Opens what was overheard on a sealed link: who has the nodes' keys can follow each handshake, and then each packet.

It checks tags as the two ends do, but counts nothing and drops no repeats: what is on the line is to be seen.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from gridnode.wire import WireError
from gridnode.wire.channel import HAIL_BYTES, WELCOME, alike, direction, pseudorandom, sealer, welcome_tag
from gridnode.wire.host_channel import offer_of
from gridnode.wire.packet import LONE, header
from gridnode.wire.seal import TAG_BYTES
from host_bridge.keys import NodeKeys

NODE, HOST = 0, 1  # who said it
KEPT = 8  # offers, and sessions, that a packet may still belong to
_TAG, _NONCE = HAIL_BYTES - TAG_BYTES, 6

Find = Callable[[int], Sequence[NodeKeys]]  # the nodes with this address whose keys are known: KeyRing.find


class Sealed(NamedTuple):
    """A packet's outside, and its body where it could be opened; `why` not, if not."""

    key_id: int
    counter: int
    body: bytes | None
    why: str


class _Offer(NamedTuple):
    address: int
    slot: int
    nonce: bytes
    prks: list[bytes]


class _Pair(NamedTuple):
    slot: int
    materials: tuple[bytes, bytes]  # as `direction` gave them: up, down


class Ear:
    """Of one link, both directions in the order in which they were said. `find`: None where no key is known."""

    def __init__(self, find: Find | None = None) -> None:
        self._find = find
        self._offers: list[_Offer] = []
        self._pairs: list[_Pair] = []

    def name_of(self, address: int) -> str:
        """The node with this address, as far as it is known; else the address itself."""
        found = self._find(address) if self._find else []
        return found[0].name if found else f"{address:04x}"

    def hail(self, packet: bytes) -> None:
        """Take note of a packet in clear."""
        offer = offer_of(packet)
        if offer is not None and offer.slot:
            nodes = self._find(offer.address) if self._find else []
            prks = [pseudorandom(key) for node in nodes for slot, key in node.keys if slot == offer.slot]
            heard = _Offer(offer.address, offer.slot, offer.nonce, prks)
            self._offers = [*(old for old in self._offers if old[:3] != heard[:3]), heard][-KEPT:]
        elif packet[:2] == WELCOME and len(packet) == HAIL_BYTES:
            self._welcome(packet)

    def _welcome(self, packet: bytes) -> None:
        slot, address = packet[3], int.from_bytes(packet[4:_NONCE], "big")
        for offer in reversed(self._offers):
            nonces = offer.nonce + packet[_NONCE:_TAG]
            for prk in offer.prks if offer[:2] == (address, slot) else ():
                down = direction(prk, b"down", nonces)
                if alike(welcome_tag(down, packet[:_TAG]), packet[_TAG:]):
                    pair = _Pair(slot, (direction(prk, b"up", nonces), down))
                    self._pairs = [*(old for old in self._pairs if old != pair), pair][-KEPT:]
                    return

    def open(self, speaker: int, packet: bytes) -> Sealed:
        """What a sealed packet holds. Raises WireError where it is no packet at all."""
        key_id, counter, start = header(packet)
        if len(packet) < start + TAG_BYTES or key_id == LONE:
            raise WireError("garbled")
        slot = key_id % LONE
        for material in self._lone(slot) if key_id > LONE else self._session(slot, speaker):
            try:
                return Sealed(key_id, counter, bytes(sealer(material).open(packet, start, counter)), "")
            except WireError:
                continue
        return Sealed(key_id, counter, None, self._why(slot))

    def _why(self, slot: int) -> str:
        if self._find is None:
            return ""
        offers = [offer for offer in self._offers if offer.slot == slot]
        if not offers:
            return "its handshake was not heard"
        return "not of the sessions heard, or altered" if any(offer.prks for offer in offers) else "no key for it here"

    def _session(self, slot: int, speaker: int) -> Iterator[bytes]:
        return (pair.materials[speaker] for pair in reversed(self._pairs) if pair.slot == slot)

    def _lone(self, slot: int) -> Iterator[bytes]:
        """Of the newest offers, and of the ones that follow them unsaid: see NodeChannel."""
        for offer in reversed(self._offers):
            for prk in offer.prks if offer.slot == slot else ():
                yield direction(prk, b"lone", offer.nonce)
                yield direction(prk, b"lone", _next(offer.nonce))


def _next(nonce: bytes) -> bytes:
    return ((int.from_bytes(nonce, "big") + 1) & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(len(nonce), "big")
