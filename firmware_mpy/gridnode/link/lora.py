"""Packets over a LoRa radio, relayed by neighbours; the same on a node and as the gateway. Keeps to the region's law.

What goes up has no answer from the gateway and what comes down none from the node: those who sealed it know. Between
relays the next one's sending is the acknowledgement: not overheard, it is sent again twice, slower each time, then
flooded (at once, when that neighbour was silent before). Flooded packets go at the slowest spreading factor, and the
relay that heard them weakest goes first.
"""

from gridnode.link import mesh
from gridnode.link.airtime import OWN, RELAY, URGENT
from gridnode.link.sender import NEVER, PACKET_MAX, SLOTS, Sender, free, identity  # noqa: F401 (NEVER is told here)

BROADCAST = mesh.BROADCAST
SPREAD = 48  # slots, for what is not urgent: many nodes' minutes end at one moment


class LoraLink:
    """`radio` as drivers.sx1276 has it; `plan`: regions.Plan; `random(30)` gives bits.

    `receive` gives packets; of a gateway (address, packet, hops, rssi_dbm, snr_qdb, airtime_us in all).
    """

    def __init__(self, radio, plan, address: int, random, gateway: bool = False, now_ms: int = 0):
        self._radio = radio
        self._plan = plan
        self._address = address
        self._gateway = gateway
        self._me = mesh.GATEWAY if gateway else mesh.short_id(address)
        self._ways = mesh.Ways(254 if gateway else 8, plan.spreading_factors[-1])
        self._repeats = mesh.Repeats(512 if gateway else 32)
        sender = self._sender = Sender(radio, plan, self._ways, random, 32 if gateway else 5, gateway, now_ms)
        self.ledger, self.counts = sender.ledger, sender.counts
        self._urgent = sender.slots if gateway else sender.slots[:1]
        self._own = sender.slots if gateway else sender.slots[1:2]
        self._relays = sender.slots[2:]
        self._in = []
        self._in_most = 256 if gateway else 8
        self._now_ms = now_ms
        radio.listen(plan.scan)

    # What the session asks for.

    def receive(self, now_ms: int):
        """The packets that have come in since the last call."""
        if not self._in:
            return ()
        came, self._in = self._in, []
        return came

    def room(self, urgent: bool) -> bool:
        """Whether `send` would take a packet; an urgent one has a place of its own."""
        return free(self._urgent if urgent else self._own) is not None

    @property
    def idle(self) -> bool:
        return self.room(False)

    def send(self, packet, length: int, urgent: bool = False) -> bool:
        """Take packet[:length] to the gateway. False: no room now."""
        found = self._ways.up(self._now_ms)
        return self._give(False, self._address, found.short if found else mesh.ANYBODY, packet, length, urgent)

    def send_to(self, address: int, packet, urgent: bool = False) -> bool:
        """Take `packet` from this gateway to a node, or to all (BROADCAST). False: no room now."""
        next_hop = self._ways.down(address, self._now_ms)
        return self._give(True, address, next_hop, packet, len(packet), urgent)

    def failed(self, address=None):
        """Several packets to that node, or to the gateway, have not arrived: slower now; said again: another way."""
        next_hop = self.next_hop if address is None else self._ways.down(address, self._now_ms)
        self._ways.failed(next_hop, address)

    # What is told of it.

    @property
    def fault(self) -> str:
        return self._radio.fault

    @property
    def jammed(self) -> bool:
        """Whether it has stopped sending: the channel is never free, or nobody relays what is sent."""
        return self._sender.jammed

    @property
    def refused(self) -> str:
        """Why the last packet was refused that the region forbids."""
        return self._sender.refused

    @property
    def wake_ms(self) -> int:
        """When `flush` is to be called at the latest; NEVER: nothing waits."""
        return self._sender.wake_ms

    @property
    def waiting(self) -> int:
        """How many packets `receive` would give."""
        return len(self._in)

    @property
    def next_hop(self) -> int:
        found = self._ways.up(self._now_ms)
        return found.short if found else mesh.ANYBODY

    @property
    def hops(self) -> int:
        """To the gateway; 0: no way is known."""
        found = self._ways.up(self._now_ms)
        return found.hops + 1 if found else 0

    def way(self, address: int) -> tuple:
        """(next hop, hops) from here down to a node; (255, 0): not known."""
        return self._ways.down(address, self._now_ms), self._ways.hops(address)

    @property
    def neighbours(self) -> list:
        """(short id, rssi_dbm, margin in dB at the slowest spreading factor, heard_ms, its hops to the gateway)."""
        limit = mesh.limit_qdb(self._plan.spreading_factors[-1])
        return [
            (found.short, found.rssi_dbm, (found.snr_qdb - limit) // 4, found.heard_ms, found.hops)
            for found in self._ways.neighbours.values()
        ]

    # What it does.

    def flush(self, now_ms: int):
        """Run the radio, and send what is due."""
        sender = self._sender
        self._now_ms = sender.now_ms = now_ms
        came = self._radio.poll(now_ms)
        while came:
            self._take(came, now_ms)
            came = self._radio.poll(now_ms)
        if now_ms >= sender.wake_ms:
            sender.work(now_ms)

    def _give(self, down: bool, address: int, next_hop: int, packet, length: int, urgent: bool) -> bool:
        slot = free(self._urgent if urgent else self._own)
        if slot is None or length > PACKET_MAX:
            return False
        start = mesh.put_header(slot.data, down, address, next_hop)
        memoryview(slot.data)[start : start + length] = memoryview(packet)[:length]
        spread = 1 if self._gateway else 3 if urgent else SPREAD
        self._sender.begin(slot, start, start + length, URGENT if urgent else OWN, self._sender.chance(spread))
        slot.address, slot.next_hop = address, next_hop
        self._repeats.first(slot.identity, self._now_ms)
        return True

    # What is heard.

    def _take(self, came, now_ms: int):
        data, rssi_dbm, snr_qdb, sf, _, _ = came
        head = mesh.header(data)
        if head is None:
            self.counts["garbled"] += 1
            return
        down, left, made, address, next_hop, by, start = head
        self.counts["heard"] += 1
        self._sender.heard()
        if by != self._me:  # another gateway; or a stranger would make us our own neighbour
            found = self._ways.heard(by, rssi_dbm, snr_qdb, now_ms)
            self._learn(found, down, made, address, next_hop, now_ms)
        known_by = identity(data, start, len(data))
        self._sender.copy(known_by, made, by, next_hop == self._me)
        if not made:
            self._sender.answered(down, address)
        mine = not down if self._gateway else down and (address == self._address or address == BROADCAST)
        relay = left > 0 and self._named(down, address, next_hop)
        spare = free(self._relays) if relay else None
        if (relay and not spare) or (mine and len(self._in) >= self._in_most):
            self.counts["crowded"] += 1
            mine = mine and len(self._in) < self._in_most
        if not (mine or spare) or not self._repeats.first(known_by, now_ms):
            return
        if mine:
            packet = bytes(memoryview(data)[start:])
            us = self._sender.airtime_us(len(data), sf) * (made + 1)
            self._in.append((address, packet, made + 1, rssi_dbm, snr_qdb, us) if self._gateway else packet)
        if spare:
            self._relay(spare, head, data, snr_qdb)

    def _named(self, down: bool, address: int, next_hop: int) -> bool:
        """Whether it is asked to relay this packet."""
        if self._gateway or address == self._address or self.jammed:
            return False
        if down and next_hop == mesh.short_id(address):
            return False  # that is its destination itself, even if our short id is the same
        return next_hop == self._me or next_hop == mesh.ANYBODY

    def _learn(self, found, down: bool, made: int, address: int, next_hop: int, now_ms: int):
        if down:
            self._ways.told(found, made, now_ms)
            return
        self._ways.brought(address, found, made, now_ms)
        if next_hop == self._me:
            found.hops = mesh.UNKNOWN  # it goes by us
        elif next_hop == mesh.GATEWAY:
            self._ways.told(found, 1, now_ms)
        elif next_hop in self._ways.neighbours:
            beyond = self._ways.neighbours[next_hop].hops
            if beyond < mesh.HOPS:
                self._ways.told(found, beyond + 1, now_ms)

    def _relay(self, slot, head: tuple, data, snr_qdb: int):
        down, _, _, address, next_hop, sender, start = head
        length = len(data) - start
        if length > PACKET_MAX:
            return
        wait_ms = self._sender.chance(1)
        if next_hop != mesh.ANYBODY and down:
            next_hop = self._ways.down(address, self._now_ms, sender)
        elif next_hop != mesh.ANYBODY:
            found = self._ways.up(self._now_ms, sender, mesh.short_id(address))
            next_hop = found.short if found else mesh.ANYBODY
        else:  # -20 dB goes first, 10 dB last
            slots = SLOTS * (1 + self._ways.crowd) // 2
            near = min(max(snr_qdb + 80, 0), 120)
            wait_ms = near * slots * self._sender.slot_ms // 120 + self._sender.chance(slots)
        at = mesh.put_relayed(slot.data, data, next_hop, self._me)
        memoryview(slot.data)[at : at + length] = memoryview(data)[start:]
        self._sender.begin(slot, at, at + length, RELAY, wait_ms)
        slot.address, slot.next_hop, slot.before = address, next_hop, sender
