"""The ring of records not yet acknowledged: bounded, in order, and honest about what had to go."""

from gridnode.node.ring import Ring
from gridnode.wire import WireError, cbor, schema

LONGEST = [schema.INTERVAL, 0, 7, 1 << 40, 3_600_000, 1 << 62, 1 << 62] + [-(1 << 31), -(1 << 31), 1 << 31]
LONGEST += [1_000_000, 1 << 31, 60_000, 7]


def switched(time_ms):
    return [schema.SWITCHED, 0, 0, time_ms, 1, 1, 60_000]


def held(ring, sequence):
    buffer, start, length = ring.record(sequence)
    return cbor.decode(bytes(memoryview(buffer)[start : start + length]))


def test_records_come_back_with_their_sequence_written_in():
    ring = Ring(4, 96, 77)
    assert ring.epoch == 77 and (ring.oldest, ring.next) == (0, 0)
    assert [ring.append(switched(time_ms)) for time_ms in (10, 20, 30)] == [0, 1, 2]
    assert [held(ring, sequence) for sequence in (0, 1, 2)] == [
        [schema.SWITCHED, sequence, 0, 10 * sequence + 10, 1, 1, 60_000] for sequence in (0, 1, 2)
    ]


def test_when_it_is_full_the_oldest_goes_and_is_counted():
    ring = Ring(4, 96, 1)
    for time_ms in range(11):
        ring.append(switched(time_ms))
    assert (ring.oldest, ring.next, ring.dropped) == (7, 11, 7)
    assert [held(ring, sequence)[1:4:2] for sequence in range(7, 11)] == [[n, n] for n in range(7, 11)]


def test_long_and_short_records_share_a_slot_without_leaving_a_trace():
    ring = Ring(1, 96, 1)
    for message in (LONGEST, switched(5), LONGEST):
        ring.append(list(message))
        assert held(ring, ring.oldest)[2:] == message[2:]


def test_the_longest_record_that_can_occur_fits():
    ring = Ring(1, 96, 1)
    ring.next = ring.oldest = (1 << 32) - 1
    ring.append(list(LONGEST))
    assert schema.check(held(ring, (1 << 32) - 1))


def test_what_does_not_fit_changes_nothing():
    ring = Ring(2, 20, 1)
    ring.append(switched(5))
    try:
        ring.append(list(LONGEST))
    except WireError:
        pass
    else:
        raise AssertionError("taken")
    assert (ring.oldest, ring.next, ring.dropped) == (0, 1, 0)
    assert held(ring, 0)[3] == 5


def test_released_records_make_room_and_count_as_told():
    ring = Ring(4, 96, 1)
    for time_ms in range(4):
        ring.append(switched(time_ms))
    ring.release(3)
    assert (ring.oldest, ring.next) == (3, 4)
    for time_ms in range(4, 7):
        ring.append(switched(time_ms))
    assert (ring.oldest, ring.next, ring.dropped) == (3, 7, 0)
    assert [held(ring, sequence)[3] for sequence in range(3, 7)] == [3, 4, 5, 6]


def test_release_goes_neither_back_nor_beyond_what_there_is():
    ring = Ring(4, 96, 1)
    for time_ms in range(3):
        ring.append(switched(time_ms))
    ring.release(2)
    ring.release(1)
    assert ring.oldest == 2
    ring.release(1000)
    assert (ring.oldest, ring.next) == (3, 3)
    assert ring.append(switched(9)) == 3
