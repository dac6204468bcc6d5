"""The reliable stream's two ends, each against the other's promises; time is given."""

from gridnode.node.ring import Ring
from gridnode.wire import cbor, schema
from gridnode.wire.receiver import Receiver
from gridnode.wire.stream import RTO_FIRST_MS, RTO_MAX_MS, RTO_MIN_MS, WINDOW, Sender

CREDIT = 1 << 20


class Journal:
    def __init__(self, next_sequence, oldest=0):
        self.oldest = oldest
        self.next = next_sequence

    def release(self, sequence):
        self.oldest = max(self.oldest, sequence)


def sender(count, credit=CREDIT):
    made = Sender(Journal(count))
    made.acknowledge(0, 0, credit, 0)
    return made


def send_all(stream, now_ms, length=50):
    """Send what may be sent now; return the sequences."""
    sent = []
    while True:
        sequence = stream.next(now_ms)
        if sequence < 0:
            return sent
        stream.sent(sequence, length, now_ms)
        sent.append(sequence)


def test_no_more_than_a_window_is_on_the_way():
    stream = sender(100)
    assert send_all(stream, 0) == list(range(WINDOW))
    stream.acknowledge(3, 0, CREDIT, 50)
    assert send_all(stream, 50) == [WINDOW, WINDOW + 1, WINDOW + 2]


def test_the_bitmap_fits_a_small_integer_and_holds_back_nothing():
    receiver = Receiver(5)
    assert not receiver.take(4) and not receiver.take(5 + WINDOW) and receiver.take(5 + WINDOW - 1)
    receiver.keep(5 + WINDOW - 1)
    assert receiver.bitmap() == 1 << (WINDOW - 2) < 1 << 30


def test_no_credit_stops_everything_and_credit_resumes_it():
    stream = sender(10, credit=0)
    assert send_all(stream, 0) == []
    stream.acknowledge(0, 0, 120, 0)
    assert send_all(stream, 0) == [0, 1, 2]  # the third begins within the credit
    stream.acknowledge(1, 0, 0, 10)
    assert send_all(stream, 10) == [] and send_all(stream, 100_000) == []  # not even what is overdue
    stream.acknowledge(1, 0, 120, 100_000)
    assert send_all(stream, 100_000) == [1, 2, 3]


def test_credit_counts_the_bytes_on_the_way_once_however_often_they_are_sent():
    stream = sender(2)
    for turn in range(4):
        send_all(stream, turn * 20_000)
        assert stream.in_flight_bytes == 100
    stream.acknowledge(2, 0, CREDIT, 90_000)
    assert stream.in_flight_bytes == 0


def test_what_is_not_acknowledged_is_sent_again_ever_later():
    stream = sender(1)
    times, now_ms = [], 0
    while len(times) < 8:
        if send_all(stream, now_ms):
            times.append(now_ms)
        now_ms += 10
    waits = [times[k + 1] - times[k] for k in range(len(times) - 1)]
    assert waits[0] == RTO_FIRST_MS and waits[1:4] == [4000, 8000, RTO_MAX_MS] and waits[-1] == RTO_MAX_MS
    assert stream.retransmitted == 7


def timer_of(stream, sequence, now_ms):
    """How long after `now_ms`, when it was sent, `sequence` is sent again."""
    for wait_ms in range(0, RTO_MAX_MS + 1, 2):
        if stream.next(now_ms + wait_ms) == sequence:
            return wait_ms
    raise AssertionError("never")


def test_the_timer_follows_the_round_trips_of_rfc_6298():
    stream = sender(3)
    stream.sent(stream.next(0), 50, 0)
    stream.acknowledge(1, 0, CREDIT, 200)
    assert stream.round_trip_ms == 200
    stream.sent(stream.next(200), 50, 200)
    assert timer_of(stream, 1, 200) == 600  # SRTT + 4 RTTVAR = 200 + 4 * 100
    stream.acknowledge(2, 0, CREDIT, 200 + 400)  # RTTVAR 3/4 * 100 + 1/4 * 200, SRTT 7/8 * 200 + 1/8 * 400
    stream.sent(stream.next(600), 50, 600)
    assert timer_of(stream, 2, 600) == 225 + 4 * 125 + 1  # the next even one


def test_a_quick_line_still_has_a_least_timer():
    stream = sender(50)
    now_ms = 0
    for sequence in range(40):
        stream.sent(stream.next(now_ms), 50, now_ms)
        now_ms += 1
        stream.acknowledge(sequence + 1, 0, CREDIT, now_ms)
    stream.sent(stream.next(now_ms), 50, now_ms)
    assert timer_of(stream, 40, now_ms) == RTO_MIN_MS


def test_a_repeated_record_tells_no_round_trip():
    stream = sender(2)
    send_all(stream, 0)
    assert send_all(stream, RTO_FIRST_MS) == [0]  # the timer is doubled for the rest
    stream.acknowledge(1, 0, CREDIT, RTO_FIRST_MS + 5)
    assert stream.round_trip_ms == 0  # Karn: of which sending is this the answer?


def test_what_a_later_acknowledgement_passes_by_is_sent_at_once():
    stream = sender(6)
    send_all(stream, 0)
    stream.acknowledge(0, 0b110, CREDIT, 50)  # 2 and 3 are kept; 0 and 1 went before them; 4 and 5 after
    assert send_all(stream, 50) == [0, 1]
    stream.acknowledge(0, 0b111, CREDIT, 60)  # the second sending of 1 came
    assert send_all(stream, 60) == [0, 4, 5]
    stream.acknowledge(6, 0, CREDIT, 100)
    assert send_all(stream, 100) == []


def test_what_the_bitmap_names_is_not_sent_again():
    stream = sender(4)
    send_all(stream, 0)
    stream.acknowledge(1, 0b10, CREDIT, 50)  # 1 and 2 are missing, 3 is kept
    assert send_all(stream, 50) == [1, 2] and send_all(stream, 100_000) == [1, 2]


def test_late_and_impossible_acknowledgements_change_nothing():
    stream = sender(20)
    journal = stream._journal
    send_all(stream, 0)
    stream.acknowledge(10, 0, CREDIT, 50)
    for next_sequence in (3, 21, 1 << 60):
        stream.acknowledge(next_sequence, (1 << 30) - 1, CREDIT, 60)
        assert journal.oldest == 10
    assert send_all(stream, 100_000) == list(range(10, 20))


def test_a_new_session_tells_all_that_is_unacknowledged_and_nothing_that_the_welcome_names():
    stream = sender(40)
    send_all(stream, 0)
    stream.restart()
    stream.acknowledge(25, 0, CREDIT, 10)
    assert stream._journal.oldest == 25 and send_all(stream, 10) == list(range(25, 40))


def test_nothing_is_released_before_it_is_acknowledged():
    stream = sender(10)
    send_all(stream, 0)
    assert stream._journal.oldest == 0
    stream.acknowledge(4, 0b11110, CREDIT, 5)
    assert stream._journal.oldest == 4


def test_records_that_the_journal_dropped_are_left_out():
    stream = sender(40)
    send_all(stream, 0)
    stream._journal.oldest = 35
    assert send_all(stream, 1) == list(range(35, 40)) and stream.in_flight_bytes == 250


def registers(sequence):
    return [schema.REGISTERS, sequence, 0, sequence * 60_000, sequence * 1000, 0]


def test_a_full_ring_lets_the_oldest_go_and_counts_it():
    ring = Ring(8, 40, epoch=3)
    for sequence in range(20):
        assert ring.append([schema.REGISTERS, 0] + registers(sequence)[2:]) == sequence
    assert (ring.oldest, ring.next, ring.dropped) == (12, 20, 12)
    for sequence in range(12, 20):
        buffer, start, length = ring.record(sequence)
        assert cbor.decode(bytes(buffer[start : start + length])) == registers(sequence)
    ring.release(15)
    ring.release(13)
    assert ring.oldest == 15
    ring.release(1000)
    assert ring.oldest == ring.next == 20


def test_taken_is_not_kept():
    receiver = Receiver()
    assert receiver.take(0) and receiver.take(2) and not receiver.take(2)
    assert receiver.next_sequence == 0 and receiver.bitmap() == 0
    receiver.keep(2)
    assert receiver.next_sequence == 0 and receiver.bitmap() == 0b10
    receiver.keep(0)
    assert receiver.next_sequence == 1 and receiver.bitmap() == 0b1
    receiver.take(1)
    receiver.keep(1)
    assert receiver.next_sequence == 3 and receiver.bitmap() == 0 and not receiver.take(1)
    assert not receiver.taken and not receiver.kept


def test_what_could_not_be_kept_is_taken_again():
    receiver = Receiver()
    receiver.take(0)
    receiver.forget(0)
    assert receiver.take(0)
    receiver.take(1)
    receiver.keep(1)
    receiver.forget(1)
    assert not receiver.take(1)


def test_a_new_session_knows_what_is_kept_beyond_a_gap():
    receiver = Receiver(5, [7, 8])
    assert receiver.bitmap() == 0b110 and not receiver.take(7)
    receiver.keep(5)
    receiver.keep(6)
    assert receiver.next_sequence == 9


def test_the_floor_moves_the_window_and_tells_what_is_lost():
    receiver = Receiver(5, [7, 12])
    receiver.take(6)
    assert receiver.floor(5) == 0 and receiver.floor(3) == 0
    assert receiver.floor(10) == 4  # 5, 6, 8 and 9; what is only taken is not kept
    assert receiver.next_sequence == 10 and receiver.kept == receiver.taken == {12}
    assert receiver.floor(12) == 2 and receiver.next_sequence == 13 and not receiver.kept
    receiver.keep(6)  # the store was slow
    assert receiver.next_sequence == 13 and not receiver.kept


def test_a_host_that_is_far_ahead_or_a_journal_that_lost_much_is_caught_up_with_at_once():
    journal = Journal(1 << 40)
    stream = Sender(journal)
    stream.acknowledge(0, 0, CREDIT, 0)
    assert send_all(stream, 0) == list(range(WINDOW))
    far = (1 << 39) + 5
    stream.acknowledge(far, 0b101, CREDIT, 10)  # would take years record by record
    assert stream.in_flight_bytes == 0 and journal.oldest == far
    assert send_all(stream, 10) == list(range(far, far + WINDOW))
    journal.oldest = 1 << 39 << 1
    assert send_all(stream, 20) == [] and stream.in_flight_bytes == 0


def test_a_step_of_less_than_a_window_keeps_what_is_acknowledged_beyond():
    stream = sender(100)
    send_all(stream, 0)
    stream.acknowledge(0, 0b1100, CREDIT, 50)  # 3 and 4
    stream.acknowledge(2, 0, CREDIT, 60)
    assert stream.in_flight_bytes == (WINDOW - 4) * 50
    assert not set(send_all(stream, 60)) & {3, 4}
