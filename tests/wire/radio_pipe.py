"""A node and a host over radio, joined by a pipe that loses, repeats and reorders; in virtual time, seeded."""

from gridnode.wire import WireError, cbor, schema
from gridnode.wire.channel import NodeChannel
from gridnode.wire.host_channel import HostChannel
from gridnode.wire.host_radio import HostRadio
from gridnode.wire.node_radio import NodeRadio

EPOCH = 55555
KEYS = [(1, bytes(range(32)))]
MINUTE = 60_000
DAY = 1440 * MINUTE
GUARD = 64
AIR_MS = 800  # a packet takes that long, and the link is not idle meanwhile


class Chance:
    """Numbers as random.getrandbits gives them, and os.urandom's bytes: xorshift, the same in each run."""

    def __init__(self, first):
        self._state = first * 7919 + 1
        for _ in range(8):
            self.bits(8)

    def bits(self, count):
        state = self._state
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        self._state = state
        return state >> 32 - count

    def bytes(self, count):
        return bytes([self.bits(8) for _ in range(count)])


class Records:
    """A journal that lasts: what node.journal gives a session."""

    def __init__(self):
        self.epoch = EPOCH
        self.boot_epoch = 1
        self.oldest = self.next = 0
        self.released = 0
        self._raw = []
        self._buffer = bytearray(96)

    def append(self, message):
        message[1] = self.next
        length = cbor.put(self._buffer, 0, message)
        self._raw.append(bytes(self._buffer[:length]))
        self.next += 1

    def leave_free(self, count):
        self._raw += [None] * count
        self.next += count

    def record(self, sequence):
        raw = self._raw[sequence]
        if raw is None:
            length = cbor.put(self._buffer, 0, [schema.SKIPPED, sequence])
            raw = bytes(self._buffer[:length])
        return raw, 0, len(raw)

    def release(self, sequence):
        self.released = max(self.released, min(sequence, self.next))

    def message(self, sequence):
        return cbor.decode(self._raw[sequence]) if self._raw[sequence] else [schema.SKIPPED, sequence]


class World:
    """`run(duration_ms)` steps both ends. `loss_up`, `loss_down`: of 1000 packets. `store`: what the host keeps on
    disk, sequence -> message; `twice`: records that it was given twice; `outcomes`, `others`: what else it was told."""

    def __init__(self, seed=1, loss_up=0, loss_down=0, lone=False, batch=15, step_ms=1000, repeats=0):
        self.chance = Chance(seed)
        self.loss_up, self.loss_down, self.repeats = loss_up, loss_down, repeats
        self.step_ms = step_ms
        self.now_ms = 0
        self.lone, self.batch = lone, batch
        self.journal = Records()
        self.boot, self.boot_ms = 0, 0
        self.registers = [3_000_000_000, 1_200_000_000]
        self.end_ms = 0
        self.requests, self.clock = [], []
        self.answer = "none"
        self.store, self.twice, self.outcomes, self.others, self.floors = {}, [], [], [], []
        self.up, self.down = [], []  # (due_ms, packet)
        self.said_up, self.said_down, self.bytes_up, self.bytes_down = 0, 0, 0, 0
        self.free_ms = 0
        self.hosts = 0
        self.remembered = (b"", -1)
        self.meters = True
        self.base = 0
        self.start_node()
        self.start_host()

    def percent(self):
        return self.chance.bits(20) % 1000

    # -- the node

    def start_node(self):
        self.boot += 1
        self.boot_ms = self.now_ms
        self.end_ms = self.now_ms
        if self.boot > 1:
            self.journal.leave_free(GUARD)
        self.journal.boot_epoch = self.boot
        journal = self.journal
        journal.append([schema.EVENT, 0, schema.EVENTS.index("boot"), 0, self.now_ms, self.boot, 0])
        journal.append([schema.REGISTERS, 0, 0, self.now_ms] + self.registers)
        journal.append([schema.SWITCHED, 0, 0, self.now_ms, 0, 0, 0])
        self.channel = NodeChannel("home-1", KEYS, self.boot, Chance(self.boot).bits)
        given = (self.channel, journal, self._hello, self._command, None, None, None, self._clock)
        self.node = NodeRadio(*given, batch=self.batch, lone=self.lone)
        self.up = []

    def _hello(self, node_session, now_ms):
        head = [schema.WIRE_VERSION, schema.digest(), "home-1", "test", "1", self.boot, "power on"]
        journal = self.journal
        tail = [journal.epoch, journal.oldest, journal.next, 60, 7200, ["grid"], ["heater"], self.batch]
        return head + [now_ms, self.boot_ms, node_session, 263] + tail

    def _command(self, contactor, target, hold_s, now_ms):
        self.requests.append((contactor, target, hold_s))
        self.switch(target)
        return self.answer, target, hold_s * 1000, 0

    def _clock(self, *told):
        self.clock.append(told)

    def switch(self, state):
        self.journal.append([schema.SWITCHED, 0, 0, self.now_ms, state, 1, 0])

    def minute(self):
        end_ms = self.end_ms - (self.end_ms - self.boot_ms) % MINUTE + MINUTE + self.chance.bits(20) % 200
        duration_ms, self.end_ms = end_ms - self.end_ms, end_ms
        net_mwh = self.chance.bits(20) % 30_000 - 5_000
        self.registers[net_mwh < 0] += abs(net_mwh)
        power = net_mwh * 3_600_000 // duration_ms
        figures = [power, 5, 6, 230_000, 8, 50_000, 0]
        self.journal.append([schema.INTERVAL, 0, 0, end_ms, duration_ms] + self.registers + figures)

    def _step_node(self):
        now_ms = self.now_ms
        while self.meters and self.end_ms + MINUTE + 200 <= now_ms:
            self.minute()
        self.node.live([schema.LIVE, 0, now_ms, 0, 0, None, None, None, None, None, None, 0])
        self.node.live([schema.CONTACTOR, 0, now_ms, 0, 0, 0, 0])
        self.node.live([schema.VITALS, now_ms, None, 0, None, 0, 0, 0, 0, 0])
        self.down = self._arrive(self.down, lambda packet: self.node.receive(packet, now_ms))
        while now_ms >= self.free_ms:
            length = self.node.next_packet(now_ms)
            if not length:
                return
            self.free_ms = now_ms + AIR_MS
            self.said_up += 1
            self.bytes_up += length
            self._send(self.up, bytes(self.channel.packet[:length]), self.loss_up)

    # -- the host

    def start_host(self):
        self.hosts += 1
        self.host_channel = HostChannel("home-1", KEYS, self.remembered, Chance(1000 + self.hosts).bytes)
        self.host = HostRadio(70 + self.hosts, self.host_channel)
        self.down = []

    def _hear(self, packet):
        try:
            messages = self.host.messages(packet, self.now_ms)
        except WireError:
            return
        self.remembered = self.host_channel.lone
        for message in messages:
            kind = message[0]
            if kind == schema.HELLO:
                kept = [sequence for sequence in self.store if sequence >= self.base]
                self.host.welcome(self.base, kept)
            elif kind in schema.RELIABLE:
                if message[1] in self.store:
                    self.twice.append(message[1])
                self.store[message[1]] = message
                self.host.receiver.keep(message[1])
            elif kind == schema.OUTCOME:
                self.outcomes.append((message[2], schema.RESULTS[message[3]], schema.REASONS[message[4]]))
            elif kind == schema.FLOOR:
                self.floors.append(message[2])
                self.base = max(self.base, message[2])
                self.host.receiver.floor(message[2])
            else:
                self.others.append((self.now_ms, message))

    def _step_host(self):
        self.up = self._arrive(self.up, self._hear)
        for packet in self.host.packets(self.now_ms, self.now_ms + 1_800_000_000_000, self.now_ms, 50):
            self.said_down += 1
            self.bytes_down += len(packet)
            self._send(self.down, packet, self.loss_down)

    # -- the pipe

    def _send(self, queue, packet, loss):
        for _ in range(1 + (self.percent() < self.repeats)):
            if self.percent() >= loss:
                queue.append((self.now_ms + AIR_MS + self.chance.bits(20) % (3000 if self.repeats else 1), packet))

    def _arrive(self, queue, take):
        due = [packet for due_ms, packet in queue if due_ms <= self.now_ms]
        for packet in due:
            take(packet)
        return [item for item in queue if item[0] > self.now_ms]

    def run(self, duration_ms):
        until_ms = self.now_ms + duration_ms
        while self.now_ms < until_ms:
            self.now_ms += self.step_ms
            self._step_node()
            self._step_host()

    # -- what is asked in the end

    def missing(self, first=0, end=None):
        """Sequences that the host has not, below the last that is a whole group's."""
        end = self.journal.next // self.batch * self.batch if end is None else end
        return [sequence for sequence in range(first, end) if sequence not in self.store]

    def check_records(self):
        """What is kept is what was metered: registers exact, times to the tick."""
        for sequence, message in self.store.items():
            true = self.journal.message(sequence)
            assert message[0] == true[0] and message[1] == sequence
            if message[0] == schema.INTERVAL:
                assert message[5:7] == true[5:7], (message, true)
                assert abs(message[3] - true[3]) <= 125 and abs(message[4] - true[4]) <= 250, (message, true)
            else:
                assert message == true
