"""The reliable stream of records, one journal at a time: numbered, acknowledged, sent again. The node's end.

The Sender walks the journal's sequences; the host's Receiver (receiver.py) tells which it has. An
acknowledgement is cumulative (`next_sequence`) plus a bitmap of what is received beyond it.
Retransmission timer: RFC 6298 over measured round trips, Karn's rule for repeats.
"""

WINDOW = 31  # records on the way; next_sequence and 30 bits, so that the bitmap is a small integer
RTO_MIN_MS, RTO_MAX_MS, RTO_FIRST_MS = 100, 10_000, 2_000


class Sender:
    """Decides which record of a journal goes out next. Time and credit are given, bytes are not touched.

    `journal` has `oldest` and `next` (sequences held are oldest..next-1) and `release(sequence)`,
    which forgets all below.
    """

    def __init__(self, journal):
        self._journal = journal
        self._sent_ms = [0] * WINDOW  # slot = sequence % WINDOW
        self._order = [0] * WINDOW  # number of the slot's last transmission; 0: not on the way, or lost
        self._times = [0] * WINDOW  # how often the slot's record was sent
        self._bytes = [0] * WINDOW
        self.in_flight_bytes = 0
        self.credit_bytes = 0
        self.retransmitted = 0
        self.round_trip_ms = 0
        self.restart()

    def restart(self):
        """A new session: nothing is on the way, everything unacknowledged is to be sent."""
        for slot in range(WINDOW):
            self._order[slot] = 0
            self._times[slot] = 0
            self._bytes[slot] = 0
        self.in_flight_bytes = 0
        self._acked = 0  # bitmap relative to _base + 1
        self._base = self._journal.oldest
        self._unsent = self._base
        self._transmissions = 0
        self._smoothed = 0  # RFC 6298, scaled by 8 and 4
        self._variation = 0
        self._rto_ms = RTO_FIRST_MS

    def next(self, now_ms: int) -> int:
        """The sequence to send now, or -1. Follow with `sent`."""
        self._slide(self._journal.oldest)
        sequence = self._overdue(now_ms)
        if sequence >= 0:
            return sequence
        if self._unsent >= self._journal.next or self._unsent >= self._base + WINDOW:
            return -1
        if self.in_flight_bytes >= self.credit_bytes:
            return -1
        return self._unsent

    def _overdue(self, now_ms: int) -> int:
        for sequence in range(self._base, self._unsent):
            slot = sequence % WINDOW
            timed_out = now_ms - self._sent_ms[slot] >= self._rto_ms
            if self._is_acked(sequence) or (self._order[slot] and not timed_out):
                continue
            if not self.credit_bytes:
                return -1
            if self._order[slot] and sequence == self._base:
                self._rto_ms = min(2 * self._rto_ms, RTO_MAX_MS)
            return sequence
        return -1

    def _is_acked(self, sequence: int) -> bool:
        beyond = sequence - self._base - 1
        return beyond >= 0 and bool(self._acked >> beyond & 1)

    def sent(self, sequence: int, length: int, now_ms: int):
        """Record `sequence` left in a packet of `length` bytes."""
        slot = sequence % WINDOW
        self._transmissions += 1
        self.in_flight_bytes += length - self._bytes[slot]
        self._bytes[slot] = length
        self._sent_ms[slot] = now_ms
        self._order[slot] = self._transmissions
        self._times[slot] += 1
        self.retransmitted += self._times[slot] > 1
        if sequence == self._unsent:
            self._unsent += 1

    def acknowledge(self, next_sequence: int, bitmap: int, credit_bytes: int, now_ms: int):
        """The host has all below `next_sequence`, and next_sequence + 1 + k for each bit k of `bitmap`."""
        self.credit_bytes = credit_bytes
        if not self._base <= next_sequence <= self._journal.next:
            return  # late, or of no record that there is
        newest = self._measure(next_sequence, bitmap, now_ms)
        self._slide(next_sequence)
        if next_sequence == self._base:
            self._acked |= bitmap & ((1 << max(self._unsent - self._base - 1, 0)) - 1)
        self._journal.release(next_sequence)
        self._mark_lost(newest)

    def _measure(self, next_sequence: int, bitmap: int, now_ms: int) -> int:
        """Round trip from what is newly acknowledged; return the newest transmission among it."""
        newest = 0
        for sequence in range(self._base, self._unsent):
            beyond = sequence - next_sequence - 1
            if self._is_acked(sequence) or not (sequence < next_sequence or (beyond >= 0 and bitmap >> beyond & 1)):
                continue
            slot = sequence % WINDOW
            if self._order[slot] > newest:
                newest = self._order[slot]
                if self._times[slot] == 1:
                    self._round_trip(now_ms - self._sent_ms[slot])
            self._let_go(slot)
        return newest

    def _let_go(self, slot: int):
        self.in_flight_bytes -= self._bytes[slot]
        self._bytes[slot] = 0
        self._order[slot] = 0
        self._times[slot] = 0

    def _round_trip(self, sample_ms: int):
        self.round_trip_ms = sample_ms
        if not self._smoothed:
            self._smoothed = max(8 * sample_ms, 1)
            self._variation = 2 * sample_ms
        else:
            error = sample_ms - self._smoothed // 8
            self._smoothed = max(self._smoothed + error, 1)
            self._variation += abs(error) - self._variation // 4
        self._rto_ms = min(max(self._smoothed // 8 + self._variation, RTO_MIN_MS), RTO_MAX_MS)

    def _mark_lost(self, newest: int):
        """What was sent before an acknowledged transmission and is still missing is due at once."""
        for sequence in range(self._base, self._unsent):
            slot = sequence % WINDOW
            if not self._is_acked(sequence) and self._order[slot] < newest:
                self._order[slot] = 0

    def _slide(self, base: int):
        """Move the window's lower edge up to `base`, which may be far beyond the window."""
        steps = base - self._base
        if steps <= 0:
            return
        for sequence in range(self._base, min(base, self._base + WINDOW)):
            self._let_go(sequence % WINDOW)
        self._base = base
        self._acked >>= steps
        self._unsent = max(self._unsent, base)
