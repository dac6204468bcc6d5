"""The link header, what was heard before, and the ways that were learned: up to the gateway, down to each node.

    b0  bit 7 down (from the gateway), bit 6 a sender's byte follows, bits 5..3 hops left, bits 2..0 hops made
    b1 b2  address of the node: origin of what goes up, destination of what goes down; ff ff: every node
    b3  short id of the next hop; 00 the gateway, ff anybody (flood)
    b4  short id of the sender, when it is not the origin itself (bit 6; as many hops are made as this tells: 1 or more)

Nothing in a header is proven: what is learned from it may cost a way, never more than a packet's hops.
"""

HOPS = 5  # times that a packet may be relayed
GATEWAY, ANYBODY = 0, 255
BROADCAST = 0xFFFF
PACKET_LEAST = 3  # a CALL; all others have nine or more
UNKNOWN = 99  # hops
AGE_MS = 7_200_000  # what was not heard for so long is no way any more
FRESH_MS = 600_000  # a way's length is believed for so long against a longer one
WEAK = 2  # hops that a link near its limit counts for more
SAFETY_QDB = 32  # quarters of a dB above the limit: fading, and stations of unequal power
LOST_QDB = 10  # each packet that was not answered: one spreading factor

LOST_MANY, LOST_MOST = 3, 6  # in a row: one try is enough; it is gone


def short_id(address: int) -> int:
    """Low byte of the address; 1 for 0, 254 for 255."""
    return min(max(address & 255, 1), 254)


def limit_qdb(sf: int) -> int:
    """Least SNR that is demodulated: -7.5 dB at SF7, 2.5 dB less with each (SX1276 data sheet, table 13)."""
    return 40 - 10 * sf


def put_header(packet, down: bool, address: int, next_hop: int) -> int:
    """An origin's header; returns where the packet begins."""
    packet[0] = (128 if down else 0) | HOPS << 3
    packet[1] = address >> 8
    packet[2] = address & 255
    packet[3] = next_hop
    return 4


def put_relayed(packet, data, next_hop: int, sender: int) -> int:
    """The header of what came with `data`'s, relayed by `sender`; returns where the packet begins."""
    first = data[0]
    packet[0] = first & 128 | 64 | ((first >> 3 & 7) - 1) << 3 | ((first & 7) + 1)
    packet[1] = data[1]
    packet[2] = data[2]
    packet[3] = next_hop
    packet[4] = sender
    return 5


def header(data):
    """(down, hops left, hops made, address, next hop, sender, where the packet begins); None: not ours."""
    first = data[0] if data else 0
    start = 5 if first & 64 else 4
    left, made = first >> 3 & 7, first & 7
    if len(data) < start + PACKET_LEAST or left + made > HOPS or (made > 0) != (start == 5):
        return None
    down, address = first >= 128, data[1] << 8 | data[2]
    sender = data[4] if made else GATEWAY if down else short_id(address)
    if (made and not 0 < sender < 255) or (down and data[3] == GATEWAY):
        return None
    return down, left, made, address, data[3], sender, start


class Repeats:
    """Remembers the last packets: at least `most`, at most twice as many, for 20 to 40 seconds."""

    def __init__(self, most: int):
        self._most = most
        self._young, self._old = set(), set()
        self._turned_ms = 0

    def first(self, identity: int, now_ms: int) -> bool:
        """Whether this one was not seen yet; now it is."""
        if now_ms - self._turned_ms > 20_000:
            if now_ms - self._turned_ms > 40_000:
                self._young = set()
            self._turn(now_ms)
        if identity in self._young or identity in self._old:
            return False
        if len(self._young) >= self._most:
            self._turn(now_ms)
        self._young.add(identity)
        return True

    def _turn(self, now_ms: int):
        self._young, self._old = set(), self._young
        self._turned_ms = now_ms


class Neighbour:
    """A station that was heard."""

    def __init__(self, short: int):
        self.short = short
        self.rssi_dbm = self.snr_qdb = self.heard_ms = self.told_ms = self.sent_ms = 0
        self.hops = UNKNOWN  # from it to the gateway
        self.lost = 0  # of what was sent to it, more than was heard from it since

    @property
    def worth_qdb(self) -> int:
        """Its SNR, less what its silence takes from it."""
        return self.snr_qdb - LOST_QDB * self.lost


class Ways:
    """Neighbours and what is beyond them; at most `most` neighbours and twice as many nodes."""

    def __init__(self, most: int, slowest_sf: int):
        self._most = most
        self._floor_qdb = limit_qdb(slowest_sf)
        self.neighbours = {}
        self._nodes = {}  # address -> [short id of who brought it, cost, heard_ms, hops]

    def heard(self, short: int, rssi_dbm: int, snr_qdb: int, now_ms: int) -> Neighbour:
        """A packet came in from this neighbour."""
        found = self.neighbours.get(short)
        if not found:
            if len(self.neighbours) >= self._most:
                self._drop_one(now_ms)
            found = self.neighbours[short] = Neighbour(short)
            found.snr_qdb = snr_qdb
        step = snr_qdb - found.snr_qdb
        found.snr_qdb += step // 2 if step < 0 else step // 4
        found.rssi_dbm = rssi_dbm
        found.heard_ms = now_ms
        found.lost = max(0, found.lost - 1)
        return found

    def heard_since(self, short: int, at_ms: int) -> bool:
        found = self.neighbours.get(short)
        return found is not None and found.heard_ms > at_ms

    def _drop_one(self, now_ms: int):
        keep = self.up(now_ms)  # or strangers could talk it out of the table
        oldest = None
        for found in self.neighbours.values():
            if found is not keep and (oldest is None or found.heard_ms < oldest.heard_ms):
                oldest = found
        del self.neighbours[oldest.short]

    def told(self, found: Neighbour, hops: int, now_ms: int):
        """That neighbour seems to be so many hops from the gateway."""
        if hops <= found.hops or now_ms - found.told_ms > FRESH_MS:
            found.hops = hops
            found.told_ms = now_ms

    def _cost(self, hops: int, found) -> int:
        weak = found is None or found.worth_qdb < self._floor_qdb + SAFETY_QDB // 2
        return hops + WEAK if weak else hops

    def up(self, now_ms: int, sender: int = ANYBODY, origin: int = ANYBODY):
        """The neighbour that is nearest to the gateway, neither `sender` nor `origin`; None: nobody known."""
        best = None
        least = 0
        for found in self.neighbours.values():
            if found.hops >= UNKNOWN or now_ms - found.heard_ms > AGE_MS or found.short in (sender, origin):
                continue
            if found.worth_qdb < self._floor_qdb - 2 * LOST_QDB:
                continue
            cost = self._cost(found.hops, found)
            if best is None or cost < least or (cost == least and found.worth_qdb > best.worth_qdb):
                best, least = found, cost
        return best

    @property
    def crowd(self) -> int:
        """How many may be about to relay one flood, roughly."""
        return 1 + (len(self.neighbours) + len(self._nodes)) // 2

    def as_near(self, short: int, now_ms: int) -> bool:
        """Whether that neighbour is as near to the gateway as we are, so far as both is known."""
        found, way = self.neighbours.get(short), self.up(now_ms)
        return found is not None and way is not None and found.hops <= way.hops + 1

    def brought(self, address: int, found: Neighbour, made: int, now_ms: int):
        """A packet of this node came by that neighbour, after so many hops."""
        known = self._nodes.get(address)
        cost = self._cost(made, found)
        if known and known[0] != found.short and cost >= known[1] and now_ms - known[2] < FRESH_MS:
            return
        if not known and len(self._nodes) >= 2 * self._most:
            del self._nodes[min(self._nodes, key=lambda address: self._nodes[address][2])]
        self._nodes[address] = [found.short, cost, now_ms, made]

    def down(self, address: int, now_ms: int, sender: int = ANYBODY) -> int:
        """Short id of the next hop to this node; ANYBODY: not known."""
        known = self._nodes.get(address)
        if not known or known[0] == sender or now_ms - known[2] > AGE_MS:
            return ANYBODY
        return known[0]

    def hops(self, address: int) -> int:
        """How many it takes to this node; 0: not known."""
        known = self._nodes.get(address)
        return known[3] + 1 if known else 0

    def silent(self, next_hop: int, address=None) -> bool:
        """That hop was sent a packet, and not overheard; whether it is so often silent that others are asked now."""
        found = self.neighbours.get(next_hop)
        if not found:
            return True
        found.lost += 1
        if found.lost >= LOST_MOST:
            self.forget(next_hop, address)
        return found.lost > LOST_MANY

    def asked(self, short: int, now_ms: int):
        """That neighbour is sent something now that it may answer."""
        found = self.neighbours.get(short)
        if found:
            found.lost += found.sent_ms > found.heard_ms
            found.sent_ms = now_ms

    def failed(self, next_hop: int, address=None):
        """What went by that hop did not arrive: slowest from now on; if that was so already, it leads nowhere."""
        found = self.neighbours.get(next_hop)
        if found and found.lost <= LOST_MANY:
            found.lost = LOST_MANY + 1
        else:
            self.forget(next_hop, address)

    def forget(self, next_hop: int, address=None):
        """That hop leads nowhere: to the gateway, or down to the node with this address."""
        found = self.neighbours.get(next_hop)
        if found:
            found.lost += 2
        if address is None and found:
            found.hops = UNKNOWN
        elif address in self._nodes and self._nodes[address][0] == next_hop:
            del self._nodes[address]
