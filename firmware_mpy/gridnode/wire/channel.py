"""The node's end of a sealed link: it says OFFER, takes the host's WELCOME, then seals and opens packets.

Three hails go in clear, behind a header byte 00; nothing that a node does or measures hangs on them:

    OFFER    01, version, slot, address (2), node nonce (8), tag (8)    a blank node: slot 0, `no key..`, its name
    CALL     02, version
    WELCOME  03, version, slot, address (2), host nonce (8), tag (8)

Whatever is wrong with a packet is counted by its cause: unknown (no such key), forged (its tag), replayed, stale (the
keys of another session), garbled. README.md has the whole of it.
"""

import hashlib

from gridnode.wire import WireError, cbor
from gridnode.wire.frame import CRC_BYTES, PACKET_MAX
from gridnode.wire.hkdf import expand, extract, hmac_sha256
from gridnode.wire.packet import COUNTER_MAX, LONE, header, put_header
from gridnode.wire.schema import WIRE_VERSION
from gridnode.wire.seal import TAG_BYTES, Sealer

OFFER, CALL, WELCOME = b"\x00\x01", b"\x00\x02", b"\x00\x03"
HAIL_BYTES = 22  # of an OFFER and of a WELCOME
BLANK = b"no key.."
SLOTS = (1, 2, 3)
KEY_BYTES = 32
KEYS_MAX = 2
WINDOW = 32
_SALT = b"gridnexus 3"
_NONCE = 6  # where it begins in a hail
_TAG = HAIL_BYTES - TAG_BYTES
_TRIES = 3  # WELCOMEs looked at for each OFFER: each costs 20 ms of a microcontroller
_OLDER_TURN = 3  # each fourth OFFER is of the older key, for a host that was put back to a copy from before


def address_of(name: str) -> int:
    """What stands for a node's name in hails and on the air."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "big")


def pseudorandom(key: bytes) -> bytes:
    """The key from which all others of a node come: HKDF-Extract."""
    return extract(_SALT, key)


def hail_tag(prk: bytes, said) -> bytes:
    """The tag of an OFFER: over all before it."""
    return hmac_sha256(expand(prk, b"hail", 32), said)[:TAG_BYTES]


def welcome_tag(down: bytes, said) -> bytes:
    """The tag of a WELCOME, by the key of the direction that it opens."""
    return hmac_sha256(down[16:48], said)[:TAG_BYTES]


def direction(prk: bytes, label: bytes, nonces: bytes) -> bytes:
    """Key and salt of one direction: `up` or `down` with both nonces, `lone` with the node's."""
    return expand(prk, label + nonces, 60)


def sealer(material: bytes) -> Sealer:
    """The Sealer of what `direction` gave."""
    return Sealer(material[:48], material[48:])


def alike(tag: bytes, other: bytes) -> bool:
    """Whether two tags are; how long it takes does not tell where they differ."""
    wrong = 0
    for index in range(TAG_BYTES):
        wrong |= tag[index] ^ other[index]
    return not wrong


def count(counts: dict, cause):
    """One more of `cause`, which may be the WireError that says so."""
    cause = str(cause)
    counts[cause] = counts.get(cause, 0) + 1


class Window:
    """Which counters of one key have come: the highest, and the 31 below it. Older ones count as come."""

    def __init__(self):
        self.highest = -1
        self._seen = 0  # bit k: highest - k

    def is_new(self, counter: int) -> bool:
        behind = self.highest - counter
        return behind < 0 or (behind < WINDOW and not self._seen >> behind & 1)

    def mark(self, counter: int):
        """It has come, and what it came in was genuine."""
        ahead = counter - self.highest
        if ahead <= 0:
            self._seen |= 1 << -ahead
        else:
            self._seen = (self._seen << ahead | 1) & 0xFFFFFFFF if ahead < WINDOW else 1
            self.highest = counter


class NodeChannel:
    """`keys`: (slot, 32 bytes), newest last, two at most; none: a blank node, which can only say that it is.
    `random(30)` gives random bits. `dropped(slot)`: no host needs that key any longer; it may be set later.

    `packet` is what the writing methods fill; they return its length. `pairs` rises with each WELCOME taken: other keys
    are in force then, and the session starts over. `called`: a CALL has come; who has read it sets it back. `counts`:
    cause -> packets.
    """

    def __init__(self, name: str, keys: list, boot_epoch: int, random, dropped=None):
        self.random = random
        self._name = name
        self._address = address_of(name).to_bytes(2, "big")
        self._keys = [(slot, pseudorandom(key)) for slot, key in keys]
        self.dropped = dropped
        # Never twice: boots are counted, and within a boot it rises with each offer that was taken.
        self._boot = boot_epoch.to_bytes(4, "big")
        self._chance = random(30)
        self._turn = 0
        self._tries = 0
        self._up: Sealer = None
        self._down: Sealer = None
        self._lone: Sealer = None
        self._slot = 0
        self._counter = self._lone_counter = 0
        self._window: Window = None
        self.packet = bytearray(PACKET_MAX + CRC_BYTES)
        self._view = memoryview(self.packet)
        self._limit = self._view[: PACKET_MAX - TAG_BYTES]
        self.pairs = 0
        self.called = False
        self.counts = {}

    @property
    def sealed(self) -> bool:
        """Whether a session's keys are in force, and good for another packet."""
        return self._up is not None and self._counter <= COUNTER_MAX

    @property
    def slot(self) -> int:
        """Of the newest key; 0: there is none."""
        return self._keys[-1][0] if self._keys else 0

    def _nonce(self) -> bytes:
        return self._boot + self._chance.to_bytes(4, "big")

    def add_key(self, slot: int, key: bytes):
        """From the next OFFER on this key is offered. Of the others the newest stays."""
        self._keys = [known for known in self._keys if known[0] != slot][1 - KEYS_MAX :] + [(slot, pseudorandom(key))]
        self._turn = 0
        self._lone = None

    def offer(self) -> int:
        """Write an OFFER."""
        self._tries = _TRIES
        slot, prk = 0, b""
        if self._keys:
            slot, prk = self._keys[0 if self._turn & 3 == _OLDER_TURN else -1]
            self._turn += 1
        said = OFFER + bytes((WIRE_VERSION, slot)) + self._address + self._nonce()
        said += hail_tag(prk, said) if slot else BLANK + self._name.encode()
        self._view[: len(said)] = said
        return len(said)

    def message(self, message: list, lone=False) -> int:
        """Write `message` ([id, field, ...]), sealed. WireError: it is too long, or there are no keys."""
        start = self._begin(lone)
        return self._seal(start, cbor.put(self._limit, start, message), lone)

    def body(self, source, start: int, length: int, lone=False) -> int:
        """Write what is encoded already, source[start:start + length], sealed. WireError as in `message`."""
        at = self._begin(lone)
        if at + length > len(self._limit):
            raise WireError("message longer than its buffer")
        self._view[at : at + length] = memoryview(source)[start : start + length]
        return self._seal(at, at + length, lone)

    def _begin(self, lone) -> int:
        if not lone:
            if not self.sealed:
                raise WireError("no session")
            return put_header(self.packet, self._slot, self._counter)
        if self._lone is None:
            if not self._keys:
                raise WireError("no key")
            self._lone = sealer(direction(self._keys[-1][1], b"lone", self._nonce()))
            self._lone_counter = 0
        if self._lone_counter > COUNTER_MAX:
            raise WireError("no session")
        return put_header(self.packet, self._keys[-1][0] + LONE, self._lone_counter)

    def _seal(self, start, end, lone) -> int:
        if lone:
            end = self._lone.seal(self.packet, start, end, self._lone_counter)
            self._lone_counter += 1
        else:
            end = self._up.seal(self.packet, start, end, self._counter)
            self._counter += 1
        return end

    def open(self, packet: bytes):
        """The body of a sealed packet; None: it was a hail. WireError, which is counted, on all others."""
        try:
            key_id, counter, start = header(packet)
            if not key_id:
                return self._hailed(packet)
            if key_id != self._slot:
                raise WireError("stale" if key_id in dict(self._keys) else "unknown")
            if not self._window.is_new(counter):
                raise WireError("replayed")
            body = self._down.open(packet, start, counter)
            self._window.mark(counter)
            return body
        except WireError as error:
            count(self.counts, error)
            raise

    def _hailed(self, packet):
        if packet == CALL + bytes((WIRE_VERSION,)):
            self.called = True
        elif packet[:2] == WELCOME and len(packet) == HAIL_BYTES and packet[2] == WIRE_VERSION:
            self._welcomed(packet)
        else:
            raise WireError("garbled")

    def _welcomed(self, packet):
        prk = dict(self._keys).get(packet[3])
        if prk is None or packet[4:_NONCE] != self._address:
            raise WireError("unknown")
        if not self._tries:
            raise WireError("stale")
        self._tries -= 1
        nonces = self._nonce() + packet[_NONCE:_TAG]
        down = direction(prk, b"down", nonces)
        if not alike(welcome_tag(down, packet[:_TAG]), packet[_TAG:]):
            raise WireError("forged")
        self._down = sealer(down)
        self._up = sealer(direction(prk, b"up", nonces))
        self._slot = packet[3]
        self._counter = self._tries = self._turn = 0
        self._window = Window()
        self._chance += 1  # this offer is used up
        self._lone = None
        self.pairs += 1
        if len(self._keys) > 1 and self._slot == self._keys[-1][0]:
            slot = self._keys.pop(0)[0]
            if self.dropped:
                self.dropped(slot)
