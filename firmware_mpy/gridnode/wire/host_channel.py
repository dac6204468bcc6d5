"""The host's end of a sealed link with one node: it answers OFFERs with WELCOMEs, then seals and opens packets.

A WELCOME that was sent changes nothing yet: the session's keys stay in force until the first packet opens under the
new ones, so an OFFER that somebody recorded ends no session.
"""

import os

from gridnode.wire import WireError
from gridnode.wire.cbor import put
from gridnode.wire.channel import (
    BLANK,
    CALL,
    HAIL_BYTES,
    OFFER,
    WELCOME,
    Window,
    address_of,
    alike,
    count,
    direction,
    hail_tag,
    pseudorandom,
    welcome_tag,
)
from gridnode.wire.frame import PACKET_MAX
from gridnode.wire.packet import COUNTER_MAX, LONE, header, put_header
from gridnode.wire.schema import TEXT_MAX, WIRE_VERSION
from gridnode.wire.seal import TAG_BYTES, Sealer

CALL_PACKET = CALL + bytes((WIRE_VERSION,))
WAITING_MAX = 4  # answers that the node may still take
_TAG = HAIL_BYTES - TAG_BYTES


class Offer:
    """What an OFFER says, believed or not. `name` is that of a blank node, "" of others."""

    def __init__(self, slot: int, address: int, nonce: bytes, name: str):
        self.slot = slot
        self.address = address
        self.nonce = nonce
        self.name = name


def offer_of(packet: bytes) -> "Offer | None":
    """The OFFER in a packet; None: it is none. Nothing is checked yet but its form."""
    if packet[:2] != OFFER or len(packet) < HAIL_BYTES or packet[2] != WIRE_VERSION:
        return None
    slot, name = packet[3], ""
    if slot:
        if len(packet) != HAIL_BYTES:
            return None
    elif packet[_TAG:HAIL_BYTES] != BLANK or len(packet) > HAIL_BYTES + TEXT_MAX:
        return None
    else:
        name = packet[HAIL_BYTES:].decode("utf-8", "replace")
    return Offer(slot, int.from_bytes(packet[4:6], "big"), bytes(packet[6:_TAG]), name)


class _Pair:
    """The keys of one session: of an OFFER and the WELCOME that answered it."""

    def __init__(self, slot: int, prk: bytes, node_nonce: bytes, host_nonce: bytes, address: bytes, sealer):
        self.slot = slot
        self.nonce = node_nonce
        down = direction(prk, b"down", node_nonce + host_nonce)
        said = WELCOME + bytes((WIRE_VERSION, slot)) + address + host_nonce
        self.welcome = said + welcome_tag(down, said)
        self.up = _sealer(sealer, direction(prk, b"up", node_nonce + host_nonce))
        self.down = _sealer(sealer, down)
        self.window = Window()
        self.counter = 0


class HostChannel:
    """`keys`: (slot, 32 bytes) of the node called `name`. `lone`: (nonce, counter) of the newest packet without a
    session that was taken, as kept from before; `random(8)` gives bytes that nobody can guess. `dropped(slot)`: the
    node has another key, and needs that one no longer. `sealer`: seal.Sealer or alike.

    `pairs` rises whenever a first packet has opened under new keys. `lone` is to be kept on disk, when it has changed,
    before anything that `open` gave is used. `counts`: cause -> packets.
    """

    def __init__(self, name: str, keys, lone=(b"", -1), random=os.urandom, dropped=None, sealer=Sealer):
        self.name = name
        self.lone = tuple(lone)
        self.pairs = 0
        self.counts: "dict[str, int]" = {}
        self._random = random
        self._dropped = dropped
        self._sealer = sealer
        self._address = address_of(name).to_bytes(2, "big")
        self._keys = list(keys)
        self._prks = [(slot, pseudorandom(key)) for slot, key in keys]  # newest last
        self._pair: "_Pair | None" = None
        self._former: "_Pair | None" = None
        self._waiting: "list[_Pair]" = []
        self._offered = b""  # the highest nonce of any OFFER
        self._lone_key: tuple = None  # (slot, nonce, Sealer)
        self._packet = bytearray(PACKET_MAX)
        self._limit = memoryview(self._packet)[: PACKET_MAX - TAG_BYTES]

    @property
    def sealed(self) -> bool:
        """Whether a session's keys are in force, and good for another packet."""
        return self._pair is not None and self._pair.counter <= COUNTER_MAX

    @property
    def slot(self) -> int:
        """Of the key that the session comes from; 0: there is none."""
        return self._pair.slot if self._pair else 0

    @property
    def nonce(self) -> bytes:
        """Of the OFFER that the session comes from; empty: there is none."""
        return self._pair.nonce if self._pair else b""

    def use_keys(self, keys):
        """From now on the node may offer these. A session that is open goes on."""
        if list(keys) != self._keys:
            self._keys = list(keys)
            self._prks = [(slot, pseudorandom(key)) for slot, key in keys]
            self._waiting = []

    def offered(self, packet: bytes) -> "bytes | None":
        """The WELCOME that answers this OFFER; None: it is not of this node, or it was answered and taken."""
        try:
            return self._answer(packet)
        except WireError as error:
            count(self.counts, error)
            return None

    def _answer(self, packet):
        offer = offer_of(packet)
        if offer is None:
            raise WireError("garbled")
        prk = self._prk(offer.slot)
        if prk is None or packet[4:6] != self._address:
            raise WireError("unknown")
        if not alike(hail_tag(prk, packet[:_TAG]), packet[_TAG:]):
            raise WireError("forged")
        for pair in (self._pair, self._former):
            if pair and pair.nonce == offer.nonce and pair.slot == offer.slot:
                raise WireError("replayed")
        self._offered = max(self._offered, offer.nonce)
        for pair in self._waiting:
            if pair.nonce == offer.nonce and pair.slot == offer.slot:
                return pair.welcome
        pair = _Pair(offer.slot, prk, offer.nonce, self._random(8), self._address, self._sealer)
        if len(self._waiting) == WAITING_MAX:  # nonces of a node rise: what was recorded goes before what is new
            self._waiting.remove(min(self._waiting, key=lambda old: old.nonce))
        self._waiting.append(pair)
        return pair.welcome

    def message(self, message: list) -> bytes:
        """The packet with this message, sealed. WireError: it is too long, or there are no keys."""
        pair = self._pair
        if not self.sealed:
            raise WireError("no session")
        start = put_header(self._packet, pair.slot, pair.counter)
        end = pair.down.seal(self._packet, start, put(self._limit, start, message), pair.counter)
        pair.counter += 1
        return bytes(memoryview(self._packet)[:end])

    def open(self, packet: bytes) -> tuple:
        """(body, whether it came without a session). WireError, which is counted, where it is not genuine and new."""
        try:
            key_id, counter, start = header(packet)
            if 0 < key_id < LONE:
                return self._open(packet, key_id, counter, start), False
            if key_id > LONE:
                return self._open_lone(packet, key_id - LONE, counter, start), True
            raise WireError("garbled")
        except WireError as error:
            count(self.counts, error)
            raise

    def open_run(self, packets, at: int) -> list:
        """The bodies of packets[at], packets[at + 1] and so on, as far as they come in order under the keys in force:
        nearly all do. Of the next one `open` says what it is."""
        bodies = []
        pair = self._pair
        if pair is None:
            return bodies
        window, opened = pair.window, pair.up.open
        # The header before, if its counter has two bytes or more: the next is most often of its form. One that is not
        # the shortest has a lower counter than that.
        first, start = 0x80, 0
        try:
            for index in range(at, len(packets)):
                packet = packets[index]
                if packet[0] == first:
                    counter = int.from_bytes(packet[1:start], "big")
                else:
                    key_id, counter, start = header(packet)
                    if key_id != pair.slot:
                        break
                    first = packet[0] if start > 2 else 0x80
                if counter <= window.highest:
                    break
                bodies.append(bytes(opened(packet, start, counter)))  # seal.py's are good until the next
                window.mark(counter)
        except (WireError, IndexError):
            pass
        return bodies

    def _open(self, packet, slot, counter, start):
        pair = self._pair
        cause = "stale"
        if pair and pair.slot == slot:
            try:
                body = pair.up.open(packet, start, counter)
                if pair.window.is_new(counter):
                    pair.window.mark(counter)
                    return body
                raise WireError("replayed")
            except WireError as error:
                cause = str(error)
        if cause != "replayed":
            for waiting in self._waiting:
                body = _opened(waiting, packet, slot, counter, start)
                if body is not None:
                    waiting.window.mark(counter)
                    self._begin(waiting)
                    return body
            if self._former and _opened(self._former, packet, slot, counter, start) is not None:
                cause = "stale"
        raise WireError(cause if self._prk(slot) or cause == "replayed" else "unknown")

    def awaits(self, packet: bytes) -> bool:
        """Whether this is the first packet of a session that a WELCOME of ours has opened, or one without a session."""
        try:
            key_id, counter, start = header(packet)
            if key_id > LONE:
                self._lone_text(packet, key_id - LONE, counter, start)
                return True
        except WireError:
            return False
        return any(_opened(pair, packet, key_id, counter, start) is not None for pair in self._waiting)

    def _begin(self, pair):
        """The node has taken our WELCOME: from now on these keys hold."""
        self._former, self._pair = self._pair, pair
        self._waiting = [waiting for waiting in self._waiting if waiting.nonce > pair.nonce]
        self._raise(pair.nonce, COUNTER_MAX)
        self.pairs += 1
        if pair.slot == self._prks[-1][0]:
            spare = self._prks[:-1]
            self._keys, self._prks = self._keys[-1:], self._prks[-1:]
            for slot, _ in spare:
                if self._dropped:
                    self._dropped(slot)

    def _prk(self, slot):
        for known, prk in self._prks:
            if known == slot:
                return prk
        return None

    # Packets without a session. The memory only ever rises, with the node's nonces, so none is taken twice.
    def _raise(self, nonce, counter):
        if (nonce, counter) > self.lone:
            self.lone = (nonce, counter)

    def _open_lone(self, packet, slot, counter, start):
        nonce, body = self._lone_text(packet, slot, counter, start)
        if (nonce, counter) <= self.lone:
            raise WireError("replayed")
        self._raise(nonce, counter)
        return body

    def _lone_text(self, packet, slot, counter, start):
        prk = self._prk(slot)
        if prk is None:
            raise WireError("unknown")
        nonce = max(self._offered, self.lone[0])
        if not nonce:
            raise WireError("stale")  # its OFFER is still to come
        if self._lone_key is None or self._lone_key[:2] != (slot, nonce):
            self._lone_key = (slot, nonce, _sealer(self._sealer, direction(prk, b"lone", nonce)))
        return nonce, self._lone_key[2].open(packet, start, counter)


def _sealer(kind, material):
    return kind(material[:48], material[48:])


def _opened(pair, packet, slot, counter, start):
    try:
        return pair.up.open(packet, start, counter) if pair.slot == slot else None
    except WireError:
        return None
