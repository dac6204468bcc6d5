"""What is on its way out: packets that wait for the channel, for airtime, or for the next relay to be overheard."""

from binascii import crc32

from gridnode.link import mesh
from gridnode.link.airtime import RELAY, Ledger, airtime_us

PACKET_MAX = 250
NEVER = 1 << 50
TRIES = 3
COPIES = 2  # of a flooded packet by other relays: then it needs no third
SLOTS = 8  # of contention; one is as long as it takes to notice another sender
RELAY_LIFE_MS = 20_000
OWN_LIFE_MS = 120_000
RELAY_WAIT_MS = 3_000  # longer without airtime: somebody else shall relay
JAM_MS = 15_000  # no packet keeps the channel busy for so long
DEAF = 9  # packets in a row that nobody relayed, and nothing heard since
LEAST_DBM = 2
FREE, WAITING, UNHEARD, DONE = 0, 1, 2, 3


class Slot:
    """One packet on its way, header and all."""

    def __init__(self):
        self.data = bytearray(PACKET_MAX + 5)
        self.state = FREE
        self.length = self.identity = self.rank = self.tries = self.made = self.copies = 0
        self.next_hop = self.before = mesh.ANYBODY  # before: who sent it to us
        self.address = self.born_ms = self.due_ms = 0

    @property
    def taken(self) -> bool:
        return self.state == WAITING or self.state == UNHEARD

    @property
    def down(self) -> bool:
        return self.data[0] >= 128

    @property
    def is_flood(self) -> bool:
        """Whether it waits to be relayed to anybody."""
        return self.state == WAITING and self.rank == RELAY and self.next_hop == mesh.ANYBODY

    @property
    def answered(self) -> bool:
        """Whether a relay should now be overheard; of one's own flood once, for it may be that there is none."""
        if self.next_hop == mesh.ANYBODY:
            return self.rank != RELAY and self.tries == 1
        return self.next_hop != (mesh.short_id(self.address) if self.down else mesh.GATEWAY)


class Sender:
    """Sends through `radio` what waits in its slots, by `plan` and by what `ways` knows of the next hop.

    `slots`: how many packets at a time. Whoever fills a slot calls `begin`.
    """

    def __init__(self, radio, plan, ways, random, slots: int, gateway: bool, now_ms: int):
        self._radio = radio
        self._plan = plan
        self._ways = ways
        self._random = random
        self._gateway = gateway
        self.ledger = Ledger(plan, now_ms)
        self.slots = [Slot() for _ in range(slots)]
        self.now_ms = now_ms
        self.slot_ms = max(20, plan.turn_ms) + 10
        self._busy_ms = None  # since when the channel was never found free
        self._hold_ms = 0  # not before
        self._unheard = 0
        self.wake_ms = NEVER
        self.refused = ""  # why the last packet was, that the region forbids
        self.counts = {
            "sent": 0,
            "again": 0,  # nobody relayed it
            "flooded": 0,  # no other way known any more
            "relayed": 0,
            "spared": 0,  # others had relayed it
            "busy": 0,  # times that it had to wait for the channel
            "heard": 0,
            "garbled": 0,  # no such header
            "crowded": 0,  # no room
            "dropped": 0,  # no airtime, or no free channel, for too long
            "refused": 0,
        }

    @property
    def jammed(self) -> bool:
        """Whether it has stopped: the channel is never free, or nobody relays what is sent."""
        return self._unheard >= DEAF or (self._busy_ms is not None and self.now_ms - self._busy_ms > JAM_MS)

    def heard(self):
        """A packet came in: somebody is there, and the channel was free for it."""
        self._unheard = self._hold_ms = 0
        self._busy_ms = None

    def begin(self, slot, start: int, length: int, rank: int, wait_ms: int):
        slot.state = WAITING
        slot.length, slot.rank = length, rank
        slot.identity = identity(slot.data, start, length)
        slot.made = slot.data[0] & 7
        slot.tries = slot.copies = 0
        slot.born_ms = self.now_ms
        self._wait(slot, wait_ms)

    def _wait(self, slot, wait_ms: int):
        slot.due_ms = self.now_ms + wait_ms
        self.wake_ms = min(self.wake_ms, slot.due_ms)

    def chance(self, slots: int) -> int:
        return self._random(30) % (slots * self.slot_ms)

    def work(self, now_ms: int):
        first = None
        for slot in self.slots:
            if slot.taken:
                self._age(slot, now_ms)
            due = slot.state == WAITING and now_ms >= slot.due_ms
            if due and (first is None or (slot.rank, slot.due_ms) < (first.rank, first.due_ms)):
                first = slot
        if first:
            self._try(first, now_ms)
        self.wake_ms = NEVER
        for slot in self.slots:
            if slot.taken:
                self.wake_ms = min(self.wake_ms, slot.due_ms)
        if self.wake_ms == NEVER:
            self._busy_ms = None

    def _age(self, slot, now_ms: int):
        if now_ms - slot.born_ms > (RELAY_LIFE_MS if slot.rank == RELAY else OWN_LIFE_MS):
            slot.state = FREE
            self.counts["dropped"] += 1
        elif slot.state == UNHEARD and now_ms >= slot.due_ms:
            self._again(slot)

    def _again(self, slot):
        # Its next hop was not overheard.
        if self._radio.busy:  # perhaps that is it
            self._wait(slot, 4 * self.slot_ms)
            return
        if slot.next_hop == mesh.ANYBODY and self._ways.heard_since(mesh.GATEWAY, slot.born_ms):
            slot.state = DONE
            return
        slot.state = WAITING
        self.counts["again"] += 1
        self._wait(slot, self.chance(SLOTS))
        if slot.next_hop == mesh.ANYBODY:
            return
        self._unheard += 1
        if self._unheard >= DEAF:
            self._hold_ms = self.now_ms + min(60_000, 2000 << min(self._unheard - DEAF, 5))
        if self._ways.silent(slot.next_hop, slot.address if slot.down else None) or slot.tries >= TRIES:
            slot.next_hop = slot.data[3] = mesh.ANYBODY
            slot.tries = 0
            self.counts["flooded"] += 1

    def _try(self, slot, now_ms: int):
        if self._radio.fault:
            self._wait(slot, 1000)
            return
        if self._radio.busy:
            self.counts["busy"] += 1
            if self._busy_ms is None:
                self._busy_ms = now_ms
            crowd = self._ways.crowd if slot.is_flood else 1
            self._wait(slot, self.slot_ms + self.chance(8 * SLOTS if self.jammed else crowd * SLOTS))
            return
        self._busy_ms = None
        if now_ms < self._hold_ms:
            self._wait(slot, self._hold_ms - now_ms)
            return
        refusal, wait_ms, khz, sf, power_dbm, us = self._choose(slot, now_ms)
        if refusal:
            self.refused = refusal
            self.counts["refused"] += 1
            slot.state = FREE
        elif wait_ms > RELAY_WAIT_MS and slot.rank == RELAY:
            self.counts["dropped"] += 1
            slot.state = FREE
        elif wait_ms:
            self._wait(slot, wait_ms)
        else:
            self._transmit(slot, khz, sf, power_dbm, us)

    def _transmit(self, slot, khz: int, sf: int, power_dbm: int, us: int):
        plan = self._plan
        self.ledger.spend(self.now_ms, khz, us, slot.rank)
        self._radio.send(slot.data, slot.length, khz, plan.bandwidth_khz, sf, power_dbm, plan.preamble(sf))
        self.counts["relayed" if slot.rank == RELAY else "sent"] += 1
        slot.tries += 1
        if slot.answered:
            slow = plan.spreading_factors[-1]
            back_us = airtime_us(slot.length + 1, slow, plan.bandwidth_khz, plan.preamble(slow))
            slot.state = UNHEARD
            relays_ms = 1000 if slot.next_hop != mesh.ANYBODY else 8 * SLOTS * self.slot_ms
            self._wait(slot, (us + back_us) // 1000 + relays_ms + self.chance(4))
            return
        slot.state = DONE
        if slot.down:
            self._ways.asked(slot.next_hop, self.now_ms)

    def _choose(self, slot, now_ms: int) -> tuple:
        """(refusal, ms to wait, kHz, spreading factor, power, airtime) on the channel that is free first."""
        best = None
        factors, bandwidth_khz = self._plan.spreading_factors, self._plan.bandwidth_khz
        for khz in self._plan.channels:
            index, power_dbm = self._rate(slot, khz)
            while True:
                us = self.airtime_us(slot.length, factors[index])
                refusal = self.ledger.refusal(khz, bandwidth_khz, us, power_dbm)
                if not refusal or not index:
                    break
                index -= 1  # sooner too fast than never
            wait_ms = NEVER if refusal else self.ledger.may(now_ms, khz, us, slot.rank)
            if best is None or wait_ms < best[1]:
                best = refusal, wait_ms, khz, factors[index], power_dbm, us
        return best

    def airtime_us(self, length: int, sf: int) -> int:
        return airtime_us(length, sf, self._plan.bandwidth_khz, self._plan.preamble(sf))

    def _rate(self, slot, khz: int) -> tuple:
        """Index of the fastest spreading factor with margin, slower by one for each that was lost; and the power."""
        plan = self._plan
        last = len(plan.spreading_factors) - 1
        limit_dbm = plan.limit_dbm(khz)
        found = self._ways.neighbours.get(slot.next_hop)
        if not found:
            return last, limit_dbm
        snr_qdb = found.snr_qdb - mesh.SAFETY_QDB - 4 * (plan.limit_dbm(plan.channels[0]) - limit_dbm)
        index = 0
        while index < last and snr_qdb < mesh.limit_qdb(plan.spreading_factors[index]):
            index += 1
        spare_db = (snr_qdb - mesh.limit_qdb(plan.spreading_factors[0])) // 4
        if index == 0 and spare_db > 0 and not found.lost and not self._gateway:  # nodes measure by its full power
            return 0, max(LEAST_DBM, limit_dbm - spare_db)
        return min(last, index + found.lost), limit_dbm

    def copy(self, known_by: int, made: int, by: int, for_us: bool):
        """A packet was heard from `by`, `for_us` as its next hop; perhaps it is held here too."""
        for slot in self.slots:
            if slot.state != FREE and slot.identity == known_by:
                self._copy(slot, made, by, for_us)
                return

    def answered(self, down: bool, address: int):
        """The gateway has spoken to that node (`down`), or that node itself: floods the other way have arrived."""
        for slot in self.slots:
            if slot.is_flood and slot.address == address and slot.down != down:
                slot.state = DONE
                self.counts["spared"] += 1

    def _copy(self, slot, made: int, by: int, for_us: bool):
        if slot.is_flood:
            if made and by != slot.before:
                slot.copies += COPIES if not slot.down and self._ways.as_near(by, self.now_ms) else 1
            if slot.copies >= COPIES:
                slot.state = DONE
                self.counts["spared"] += 1
        elif made > slot.made and slot.taken:
            slot.state = DONE
        elif made < slot.made and slot.state == DONE and for_us and slot.tries < TRIES:
            slot.state = WAITING  # the one before has not heard us
            self._wait(slot, self.chance(1))


def identity(data, start: int, length: int) -> int:
    """Tells packets apart: direction, address, and all behind the header."""
    seed = (data[0] & 128) << 16 | data[1] << 8 | data[2]
    return crc32(memoryview(data)[start:length], seed) & 0x3FFFFFFF


def free(slots):
    """The slot to take: an empty one, else that which was done longest ago; None: all are on their way."""
    best = None
    for slot in slots:
        if slot.state == FREE:
            return slot
        if slot.state == DONE and (best is None or slot.born_ms < best.born_ms):
            best = slot
    return best
