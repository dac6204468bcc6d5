"""Two real peers in virtual time, joined by a line that splits, delays, drops, repeats, reorders and flips bits.

Everything follows from one seed, on both interpreters alike. The node end is NodeSession, Ring and
frames; the host end is anything with HostPeer's methods: HostPeer itself, or the bridge's RemoteNode.
"""

from pipe import framed
from sealed import KEY, Chance

from gridnode.node.ring import Ring
from gridnode.wire import WireError, schema
from gridnode.wire.channel import NodeChannel
from gridnode.wire.frame import FrameDecoder
from gridnode.wire.host_channel import HostChannel
from gridnode.wire.host_session import HostSession
from gridnode.wire.node_session import NodeSession

TICK_MS = 10
FRAMES_A_TICK = 8
EPOCH = 4711
NAME = "n"
NODE_AHEAD_MS = 86_400  # the node's clock against the host's
CREDIT_BYTES = 4096
COMMIT_EVERY_MS = 50
COMMAND_EVERY_MS = 1000
WITHIN_MS = 3000
RESEND_MS = 300
DROPPED, FLIPPED, SPLIT = 20, 1, 10  # in 100 portions
MILD = 5, 5, 1000  # in 100 portions repeated, late; ms from one chance of a restart or an outage (1 in 12) to the next
WILD = 20, 20, 100
DISTURBANCES = ["host restarts", "node restarts", "outage", "host restarts", "node restarts", "host closes the link"]


class Dice:
    """The same numbers from the same seed on every interpreter."""

    def __init__(self, seed):
        self._state = (seed + 1) * 2654435761 & 0xFFFFFFFF

    def below(self, limit):
        state = self._state  # Marsaglia's xorshift32
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        self._state = state
        return state % limit


class Line:
    """One direction of the link."""

    def __init__(self, dice, repeats, late):
        self._dice = dice
        self._repeats = repeats
        self._late = late
        self._arrivals = {}  # tick -> portions
        self.cut = False
        self.sent = self.dropped = self.flipped = self.repeated = self.split = 0

    def send(self, data, tick):
        """Portions of `data` arrive in some later ticks, or never."""
        below = self._dice.below
        self.sent += 1
        if self.cut:
            self.dropped += 1
            return
        at = tick + 1 + below(4)
        if below(100) < self._late:
            at += below(40)
        pieces = [data]
        if below(100) < SPLIT:
            self.split += 1
            cut = 1 + below(len(data) - 1)
            pieces = [data[:cut], data[cut:]]
        for piece in pieces:
            self._carry(piece, at)
            at += below(2)

    def _carry(self, piece, at):
        below = self._dice.below
        if below(100) < DROPPED:
            self.dropped += 1
            return
        if below(100) < FLIPPED:
            self.flipped += 1
            damaged = bytearray(piece)
            damaged[below(len(piece))] ^= 1 << below(8)
            piece = bytes(damaged)
        self._arrivals.setdefault(at, []).append(piece)
        if below(100) < self._repeats:
            self.repeated += 1
            self._arrivals.setdefault(at + below(40), []).append(piece)

    def arrivals(self, tick):
        return self._arrivals.pop(tick, ())


def reading(sequence):
    """The one and only content of record `sequence`."""
    mixed = (sequence * 2654435761) & 0xFFFFFFFF
    optional = None if sequence % 7 == 0 else mixed % 250_000
    quantities = [
        mixed % 9_000_000 - 4_500_000,
        optional,
        mixed % 9_000_000,
        230_000,
        mixed % 16_000,
        50_000,
        mixed % 8,
    ]
    registers = [sequence * 1000 + mixed % 1000, sequence * 10]
    return [schema.INTERVAL, sequence, sequence % 3, sequence * 60_000, 60_000] + registers + quantities


def refused(request):
    """Whether the node refuses request number `request` (which travels as its hold_s)."""
    return request % 5 == 0


def is_store(request):
    """Whether request number `request` travels as a STORE, in whose body the number is then."""
    return request % 3 == 0


def body(request):
    """The longest there is."""
    return b"%128d" % request


class NodePeer:
    """A node with `total` readings to tell. `applied`: the requests it has carried out, in order."""

    def __init__(self, total):
        self.ring = Ring(256, 96, EPOCH)
        self.applied = []
        self.dropped = 0  # bad frames, of all lives
        self._total = total
        self._boot = 0
        self.restart()

    def restart(self):
        """The session is lost and begins anew; the journal is kept."""
        self._boot += 1
        self._channel = NodeChannel(NAME, [(1, KEY)], self._boot, Chance(self._boot).bits)
        self.session = NodeSession(self._channel, self.ring, self._hello, self._command, self._store)
        self.decoder = FrameDecoder()

    def tick(self, portions, now_ms, send):
        now_ms += NODE_AHEAD_MS
        while self.ring.next < self._total and self.ring.next - self.ring.oldest < 256:
            self.ring.append(reading(self.ring.next))
        before = self.decoder.dropped
        for portion in portions:
            for packet in self.decoder.feed(portion):
                self.session.receive(packet, now_ms)
        self.dropped += self.decoder.dropped - before
        if now_ms % 1000 == 0:
            self.session.live([schema.LIVE, 0, now_ms, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        for _ in range(FRAMES_A_TICK):
            length = self.session.next_packet(now_ms)
            if not length:
                break
            send(framed([bytes(self._channel.packet[:length])]))

    def _command(self, contactor, target, hold_s, now_ms):
        if refused(hold_s):
            return "min on time", 0, 0, 500
        self.applied.append(hold_s)
        return "none", target, 1000, 0

    def _store(self, document, body, now_ms):
        if refused(int(body)):
            return "bad document", 0, b""
        self.applied.append(int(body))
        return "none", 1, b"digest"

    def _hello(self, node_session, now_ms):
        ring = self.ring
        head = [schema.WIRE_VERSION, schema.digest(), NAME, "sim", "1", 1, "power on", now_ms, 0, node_session, 320]
        return head + [ring.epoch, ring.oldest, ring.next, 60, 900, ["a", "b", "c"], ["heater"], 0]


class Disk:
    """What a host keeps, and survives its restarts."""

    def __init__(self, total):
        self._kept = bytearray(total + 1)  # sequence -> 1: kept
        self.count = self.again = 0

    def keep(self, sequence, fields):
        """Store the record with these fields behind the channel; one that is there already is checked and counted."""
        assert fields == reading(sequence)[3:], "record %d was altered" % sequence
        self.again += self._kept[sequence]
        self.count += not self._kept[sequence]
        self._kept[sequence] = 1

    def progress(self):
        """(all below are kept, those kept beyond it)"""
        kept = self._kept
        missing = kept.find(b"\x00")
        return missing, [sequence for sequence in range(missing, min(missing + 64, len(kept))) if kept[sequence]]


class HostPeer:
    """A host made of HostSession alone. `disk` and `verdicts` outlive `restart`, what is taken and pending does not."""

    def __init__(self, total):
        self.disk = Disk(total)
        self.verdicts = {}  # request -> "applied", "refused", or None: not known
        self.gaps = 0
        self._lives = 0
        self.restart()

    def restart(self):
        self._lives += 1
        self._taken = []
        self._pending = {}  # number -> [request, expires_ms, deadline_ms, resend_ms]
        self._number = 0
        self._ahead_ms = 0
        self._decoder = FrameDecoder()
        self._session = HostSession(self._lives, HostChannel(NAME, [(1, KEY)], random=Chance(-self._lives).bytes))

    def closed(self):
        self._session.close()
        self._decoder.reset()
        self._pending = {}

    @property
    def open(self):
        return self._session.receiver is not None

    def tick(self, portions, now_ms, send):
        for portion in portions:
            for packet in self._decoder.feed(portion):
                try:
                    message = self._session.receive(packet)
                except WireError:
                    continue
                if message is not None:
                    self._take(message, now_ms)
        if now_ms % COMMIT_EVERY_MS == 0:
            self._commit()
        self._resend(now_ms)
        for packet in self._session.packets(now_ms):
            send(framed([packet]))

    def _take(self, message, now_ms):
        kind = message[0]
        if kind == schema.HELLO:
            self._pending = {}
            self._ahead_ms = message[8] - now_ms
            next_sequence, kept = self.disk.progress()
            self._session.welcome(next_sequence, kept, CREDIT_BYTES)
        elif kind == schema.INTERVAL:
            self._taken.append(message)
        elif kind == schema.FLOOR:
            self.gaps += self._session.receiver.floor(message[2])
        elif kind in (schema.OUTCOME, schema.STORED) and message[2] in self._pending:
            request = self._pending.pop(message[2])[0]
            known = schema.REASONS[message[4]] not in ("repeat too old", "wrong session")
            self.verdicts[request] = schema.RESULTS[message[3]] if known else None

    def _commit(self):
        if not self._taken or not self.open:
            return
        for message in self._taken:
            self.disk.keep(message[1], message[3:])
            self._session.receiver.keep(message[1])
        self._taken = []
        self._session.acknowledge(CREDIT_BYTES)

    def request(self, request, now_ms):
        self._number += 1
        expires_ms = now_ms + WITHIN_MS + self._ahead_ms
        self._pending[self._number] = [request, expires_ms, now_ms + WITHIN_MS + RESEND_MS, now_ms]
        self.verdicts[request] = None

    def _resend(self, now_ms):
        for number in sorted(self._pending):
            request, expires_ms, deadline_ms, resend_ms = self._pending[number]
            if now_ms >= deadline_ms:
                del self._pending[number]
            elif now_ms >= resend_ms and self.open:
                self._pending[number][3] = now_ms + RESEND_MS
                if is_store(request):
                    self._session.ask(schema.STORE, number, 0, body(request), expires_ms)
                else:
                    self._session.request(number, 0, request & 1, request, expires_ms)


class World:
    """A node with `total` readings, a host, and the lines between them; `step` lets 10 ms pass."""

    def __init__(self, seed, total, host, weather=MILD):
        repeats, late, self._turn_ms = weather
        self.dice = Dice(seed)
        self.up, self.down = Line(self.dice, repeats, late), Line(self.dice, repeats, late)
        self.node = NodePeer(total)
        self.host = host
        self.total = total
        self.requests = 0
        self.host_restarts = self.node_restarts = self.outages = 0
        self._tick = 0
        self._outage_until = 0
        self._disturbed = 0

    @property
    def now_ms(self):
        return self._tick * TICK_MS

    @property
    def done(self):
        ring = self.node.ring
        return ring.next == self.total and ring.oldest == self.total

    def step(self):
        self._tick += 1
        tick, now_ms = self._tick, self.now_ms
        self._disturb(tick)
        self.node.tick(self.down.arrivals(tick), now_ms, lambda frame: self.up.send(frame, tick))
        self.host.tick(self.up.arrivals(tick), now_ms, lambda frame: self.down.send(frame, tick))
        if now_ms % COMMAND_EVERY_MS == 0 and self.host.open:
            self.requests += 1
            self.host.request(self.requests, now_ms)

    def _disturb(self, tick):
        if tick == self._outage_until:
            self.up.cut = self.down.cut = False
        if self.now_ms % self._turn_ms:
            return
        if self.dice.below(12):
            return
        kind = DISTURBANCES[self._disturbed % len(DISTURBANCES)]
        self._disturbed += 1
        if kind == "host restarts":
            self.host_restarts += 1
            self.host.restart()
        elif kind == "node restarts":
            self.node_restarts += 1
            self.node.restart()
        elif kind == "outage":
            self.outages += 1
            self.up.cut = self.down.cut = True
            self._outage_until = tick + 1 + self.dice.below(2000)  # up to 20 s: the node may start over meanwhile
        else:
            self.host.closed()

    def check(self):
        """Every promise of the wire, at the end."""
        host, applied = self.host, self.node.applied
        assert host.gaps == 0 and self.node.ring.dropped == 0
        assert host.disk.count == self.total, host.disk.count
        once = set(applied)
        assert len(applied) == len(once), "a command was applied twice"
        counts = {"applied": 0, "refused": 0, None: 0}
        for request, verdict in host.verdicts.items():
            counts[verdict] += 1
            assert verdict != "applied" or request in once, "applied, says the host of %d; it was not" % request
            assert verdict != "refused" or request not in once, "refused, says the host of %d; it was applied" % request
        return counts


def figures(world):
    """What happened, in a line."""
    counts = world.check()
    up, down = world.up, world.down
    text = "%d readings, %d frames up, %d down, dropped %d + %d, flipped %d, repeated %d, split %d"
    line = (world.total, up.sent, down.sent, up.dropped, down.dropped, up.flipped + down.flipped)
    text %= line + (up.repeated + down.repeated, up.split + down.split)
    lives = (world.host_restarts, world.node_restarts, world.outages, world.now_ms // 1000)
    text += "; restarts: host %d, node %d; %d outages; %d s of virtual time" % lives
    return text + "; commands: %d applied, %d refused, %d unknown" % (
        counts["applied"],
        counts["refused"],
        counts[None],
    )


def run(seed, total, host, limit_s, weather=MILD):
    """Let the world run until every reading is acknowledged; AssertionError after `limit_s` virtual seconds."""
    world = World(seed, total, host, weather)
    while not world.done:
        world.step()
        assert world.now_ms < limit_s * 1000, "not all acknowledged: %d of %d" % (world.node.ring.oldest, total)
    return world
