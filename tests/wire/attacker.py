"""Somebody in the middle who records, replays, delays, swaps, truncates and forges; and a witness of what is believed.

`Attacker.between(packet)` gives what arrives in place of a genuine packet, now and later. `Witness` watches the
channels of both ends: what they take must have been said by the key's owner, in that direction, and is taken once; no
key and counter ever seal twice.
"""

from sealed import OTHER_KEY, Chance

from gridnode.wire import schema
from gridnode.wire.channel import CALL, HAIL_BYTES, OFFER, WELCOME, NodeChannel
from gridnode.wire.host_channel import CALL_PACKET, HostChannel
from gridnode.wire.seal import Sealer

RECORDED_MAX = 3000  # packets of each direction, of all ages
LATE_MAX = 400  # ticks
EVERY_WAY = ("replay", "reflect", "truncate", "flip", "splice", "extend", "stranger", "hail", "noise")


class Witness:
    """`believed`: genuine packets that were taken; raises AssertionError on any other."""

    def __init__(self):
        self.said = {"up": set(), "down": set()}
        self.taken = set()
        self.sealed = set()
        self.believed = 0

    def says(self, way, packet):
        assert packet not in self.said[way], "the same packet was made twice"
        self.said[way].add(packet)

    def takes(self, way, packet):
        packet = bytes(packet)
        assert packet in self.said[way], "taken, and never said by the key's owner: %s" % packet.hex()
        assert packet not in self.taken, "taken twice: %s" % packet.hex()
        self.taken.add(packet)
        self.believed += 1

    def seals(self, key, counter):
        assert (key, counter) not in self.sealed, "one key and counter sealed twice"
        self.sealed.add((key, counter))

    def channels(self):
        """The classes of a node's and a host's channel that are watched."""
        witness = self

        class WatchedSealer(Sealer):
            def __init__(self, key, salt):
                super().__init__(key, salt)
                self._whose = key + salt

            def seal(self, packet, start, end, counter):
                witness.seals(self._whose, counter)
                return super().seal(packet, start, end, counter)

        class WatchedNode(NodeChannel):
            def _seal(self, start, end, lone):
                end = super()._seal(start, end, lone)
                witness.says("up", bytes(self.packet[:end]))
                return end

            def open(self, packet):
                pairs = self.pairs
                body = super().open(packet)
                if body is not None or self.pairs != pairs:
                    witness.takes("down", packet)
                return body

        class WatchedHost(HostChannel):
            def __init__(self, *given, **named):
                super().__init__(*given, sealer=WatchedSealer, **named)
                self._welcomes = set()

            def message(self, message):
                packet = super().message(message)
                witness.says("down", packet)
                return packet

            def offered(self, packet):
                answer = super().offered(packet)
                if answer and answer not in self._welcomes:  # one that was lost is said again
                    self._welcomes.add(answer)
                    witness.says("down", answer)
                return answer

            def open(self, packet):
                body, lone = super().open(packet)
                witness.takes("up", packet)
                return body, lone

        return WatchedNode, WatchedHost, WatchedSealer


class Attacker:
    """`dice.below(n)` decides. `each`: hostile packets for each genuine one."""

    def __init__(self, dice, each=20):
        self._below = dice.below
        self._each = each
        self._recorded = {"up": [], "down": []}
        self.packets = 0  # that were put on the line, genuine ones among them
        self.ways = dict.fromkeys(EVERY_WAY, 0)
        stranger = HostChannel("n", [(1, OTHER_KEY)], random=Chance(99).bytes)
        node = NodeChannel("n", [(1, OTHER_KEY)], 7, Chance(98).bits)
        answer = stranger.offered(bytes(node.packet[: node.offer()]))
        node.open(answer)
        stranger.open(bytes(node.packet[: node.message([schema.PONG, 1, 2])]))
        self._strangers = stranger, node, answer

    def between(self, way, packet):
        """[(ticks later, packet)] of what arrives at the end to which `way` leads."""
        self._record(way, packet)
        below = self._below
        out = []
        fate = below(10)
        if fate < 8:
            out.append((1 + below(3), packet))
        elif fate == 8:
            out.append((1 + below(LATE_MAX), packet))
        for _ in range(self._each):
            kind = EVERY_WAY[below(len(EVERY_WAY))]
            made = getattr(self, "_" + kind)(way, packet)
            if made:
                self.ways[kind] += 1
                out.append((1 + below(LATE_MAX if below(8) == 0 else 4), made))
        self.packets += len(out)
        return out

    def _record(self, way, packet):
        recorded = self._recorded[way]
        if len(recorded) < RECORDED_MAX:
            recorded.append(packet)
        else:
            recorded[self._below(RECORDED_MAX)] = packet

    def _any(self, way):
        recorded = self._recorded[way]
        if not recorded:
            return b""
        newest = min(len(recorded), 40)
        return recorded[-1 - self._below(newest)] if self._below(2) else recorded[self._below(len(recorded))]

    def _replay(self, way, packet):
        return self._any(way)

    def _reflect(self, way, packet):
        return self._any("down" if way == "up" else "up")

    def _truncate(self, way, packet):
        known = self._any(way)
        return known[: self._below(len(known))] if known else b""

    def _extend(self, way, packet):
        return packet + self._any(way)[: self._below(9)] if len(packet) < 240 else b""

    def _flip(self, way, packet):
        changed = bytearray(packet if self._below(2) else self._any(way))
        for _ in range(1 + self._below(3)):
            changed[self._below(len(changed) if self._below(2) else min(6, len(changed)))] ^= 1 << self._below(8)
        return bytes(changed)

    def _splice(self, way, packet):
        head, body, tag = self._any(way), self._any(way), self._any(way)
        cut = 1 + self._below(4)
        return head[:cut] + body[cut:-8] + tag[-8:]

    def _stranger(self, way, packet):
        """Somebody with a key of his own, who knows the name and the wire: he asks for the contactor to close."""
        host, node, answer = self._strangers
        if way == "up":
            return bytes(node.packet[: node.message([schema.PONG, 1, 2]) if self._below(2) else node.offer()])
        return host.message([schema.REQUEST, 1, 1 << 30, 0, 1, 900, 1 << 60]) if self._below(2) else answer

    def _hail(self, way, packet):
        kind = self._below(5)
        if kind == 0:
            return CALL_PACKET
        if kind == 1:
            return CALL + bytes((self._below(256),)) * self._below(3)
        known = self._any(way)
        if known[:2] not in (OFFER, WELCOME):
            return (OFFER if way == "up" else WELCOME) + packet[2:HAIL_BYTES]
        changed = bytearray(known)
        changed[2 + self._below(len(changed) - 2)] ^= 1 << self._below(8)
        return bytes(changed)

    def _noise(self, way, packet):
        return bytes(self._below(256) for _ in range(1 + self._below(60)))
