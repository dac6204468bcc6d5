"""Batches: records packed for the radio come out as they went in; a body that is damaged is refused."""

from radio_pipe import MINUTE, Chance, Records

from gridnode.wire import WireError, batch, cbor, schema
from gridnode.wire.session import decode
from gridnode.wire.unpack import unpack

GRID = (0, MINUTE, 1)
FIGURES = [5, 6, 230_000, 8, 50_000]
CLOCK = 7 << schema.CLOCK_SHIFT


def pack(journal, first, end, grid=GRID, room=200, packer=None):
    """(body, sequence behind it)"""
    packer = packer or batch.Packer(journal, 200)
    packer.begin(first, end, room, grid)
    length = 0
    while not length:
        length = packer.step()
    return bytes(packer.content[:length]) if length > 0 else None, packer.next


def metered(chance, minutes=15, channels=1, quality=CLOCK):
    """A journal of REGISTERS and so many minutes of each channel."""
    journal = Records()
    registers = [[3_000_000_000 + chance.bits(20), 1_200_000_000] for _ in range(channels)]
    for channel in range(channels):
        journal.append([schema.REGISTERS, 0, channel, 0] + registers[channel])
    begun_ms = 0
    for minute in range(1, minutes + 1):
        end_ms = minute * MINUTE + chance.bits(20) % 200
        for channel in range(channels):
            net_mwh = chance.bits(20) % 40_000 - 10_000
            registers[channel][net_mwh < 0] += abs(net_mwh)
            power = net_mwh * 3_600_000 // (end_ms - begun_ms)
            record = [schema.INTERVAL, 0, channel, end_ms, end_ms - begun_ms] + registers[channel]
            journal.append(record + [power] + FIGURES + [quality])
        begun_ms = end_ms
    return journal


def unpacked(journal, channels=1):
    """All that is in it, by as many batches as it takes."""
    found, at = [], 0
    while at < journal.next:
        body, beyond = pack(journal, at, journal.next, (0, MINUTE, channels))
        assert beyond > at and len(body) <= 200
        found, at = found + unpack(body, decode), beyond
    return found


def check_interval(message, true):
    assert message[:3] == true[:3] and message[5:7] == true[5:7]
    assert abs(message[3] - true[3]) <= batch.TIME_ERROR_MS and abs(message[4] - true[4]) <= 2 * batch.TICK_MS
    assert abs(message[7] - true[7]) <= abs(true[7]) // 100 + 1000 and message[8:13] == [None] * 5


def test_registers_come_out_exact_and_times_to_the_tick():
    for seed in range(1, 30):
        journal = metered(Chance(seed), channels=1 + seed % 3)
        messages = unpacked(journal, 1 + seed % 3)
        assert [message[1] for message in messages] == list(range(journal.next))
        for message in messages:
            true = journal.message(message[1])
            if message[0] == schema.INTERVAL:
                check_interval(message, true)
            else:
                assert message == true


def test_a_batch_needs_no_other():
    journal = metered(Chance(3), minutes=60)
    packer = batch.Packer(journal, 200)
    for first in (46, 1, 31, 16):
        body, beyond = pack(journal, first, first + 15, packer=packer)
        assert beyond == first + 15
        for message in unpack(body, decode):
            check_interval(message, journal.message(message[1]))


def test_what_quality_says_of_the_clock_is_widened_by_the_tick():
    for known, told in ((0, 0), (1, 7), (7, 8), (8, 9), (20, 21)):
        journal = metered(Chance(4), quality=known << schema.CLOCK_SHIFT | schema.CLIPPED)
        for message in unpack(pack(journal, 1, 16)[0], decode):
            assert message[-1] == told << schema.CLOCK_SHIFT | schema.CLIPPED


def test_numbers_without_a_record_are_told_even_beyond_the_end():
    journal = metered(Chance(5), minutes=4)
    journal.leave_free(64)
    journal.append([schema.EVENT, 0, 0, 0, 300_000, 2, 0])
    body, beyond = pack(journal, 0, 15)
    assert beyond == 69
    messages = unpack(body, decode)
    assert messages[5:] == [[schema.SKIPPED, sequence] for sequence in range(5, 69)]


def test_many_numbers_without_a_record_do_not_make_one_batch():
    journal = Records()
    journal.leave_free(5000)
    body, beyond = pack(journal, 0, 15)
    assert beyond == batch.COUNT_MAX == len(unpack(body, decode)) and len(body) < 10


def test_records_of_all_kinds_and_registers_set_anew():
    journal = metered(Chance(6), minutes=3)
    journal.append([schema.SWITCHED, 0, 0, 190_000, 1, 1, 900_000])
    journal.append([schema.CLOCK, 0, 190_000, 1_800_000_000_000, 40])
    journal.append([schema.INTERVAL, 0, 0, 400_000, 60_000, 100, 7, None] + [None] * 5 + [0])
    journal.append([schema.INTERVAL, 0, 0, 460_000, 60_000, 1100, 7, 60_000] + [None] * 5 + [0])
    found = unpacked(journal)
    assert len(found) == journal.next
    for message in found:
        true = journal.message(message[1])
        assert message[5:7] == true[5:7] if message[0] == schema.INTERVAL else message == true


def test_what_does_not_fit_is_left_for_the_next():
    journal = metered(Chance(7), minutes=30)
    at, bodies = 1, 0
    while at < journal.next:
        body, beyond = pack(journal, at, journal.next, room=63)
        assert len(body) <= 63 and beyond > at
        assert [message[1] for message in unpack(body, decode)] == list(range(at, beyond))
        at, bodies = beyond, bodies + 1
    assert bodies >= 3
    assert pack(journal, 0, 1, room=8) == (None, 0)


def test_a_register_that_was_still_may_move_at_any_minute():
    for moves_at in range(16, 31):
        journal = Records()
        registers = [5_000_000, 700]
        for minute in range(31):
            registers[1 if minute == moves_at else 0] += 10_000
            power = (-1 if minute == moves_at else 1) * 600_000
            head = [schema.INTERVAL, 0, 0, minute * MINUTE + 100, MINUTE]
            journal.append(head + registers + [power] + FIGURES + [0])
        packer = batch.Packer(journal, 200)
        for first in (1, 16):
            body, beyond = pack(journal, first, first + 15, packer=packer)
            assert beyond == first + 15
            for message in unpack(body, decode):
                check_interval(message, journal.message(message[1]))


def test_minutes_that_end_late_are_told_so():
    for late in range(1, 16):
        journal = Records()
        for minute in range(16):
            end_ms = minute * MINUTE + (3000 if minute == late else 0)
            duration_ms = MINUTE + (3000 if minute == late else -3000 if minute == late + 1 else 0)
            total = 3_000_000 + minute * 16_667
            journal.append([schema.INTERVAL, 0, 0, end_ms, duration_ms, total, 5, 1_000_000] + FIGURES + [0])
        for message in unpack(pack(journal, 1, 16)[0], decode):
            true = journal.message(message[1])
            assert abs(message[3] - true[3]) <= 125 and abs(message[4] - true[4]) <= 250


def test_steady_minutes_take_few_bytes():
    journal = Records()
    for minute in range(16):
        end_ms = 40_000_000_000 + minute * MINUTE + minute * 37 % 200
        total = 3_000_000_000 + minute * 16_667
        journal.append([schema.INTERVAL, 0, 0, end_ms, MINUTE, total, 5, 1_000_000] + FIGURES + [0])
    body, _ = pack(journal, 1, 16, (40_000_000_000, MINUTE, 1))
    assert len(body) <= 28


def refused(body):
    try:
        unpack(body, decode)
    except WireError:
        return True
    return False


def test_what_is_cut_off_or_empty_is_refused():
    body, _ = pack(metered(Chance(8)), 0, 15)
    for length in range(len(body)):
        if not refused(body[:length]):  # it may end behind a whole record, by chance
            assert len(unpack(body[:length], decode)) < 15
    assert refused(body + b"\xff") and refused(body + bytes(40)) and refused(b"\x01\x00\x05") and refused(b"")
    assert refused(b"\x01\x00\x05" + b"\xff" * 3)


def test_a_damaged_body_is_refused_or_gives_records_that_fit_the_schema():
    chance = Chance(9)
    for seed in range(1, 5):
        body, _ = pack(metered(Chance(seed), channels=2), 0, 32, (0, MINUTE, 2))
        for _ in range(80):
            damaged = bytearray(body)
            for _ in range(1 + chance.bits(2)):
                damaged[chance.bits(16) % len(damaged)] ^= 1 << chance.bits(3)
            try:
                messages = unpack(bytes(damaged), decode)
            except WireError:
                continue
            assert 0 < len(messages) <= batch.COUNT_MAX
            for message in messages:
                schema.check(message)


def test_noise_is_refused_or_bounded():
    chance = Chance(10)
    for _ in range(600):
        body = b"\x01" + chance.bytes(1 + chance.bits(6))
        try:
            messages = unpack(body, decode)
        except WireError:
            continue
        assert len(messages) <= batch.COUNT_MAX


def by_hand(kind, first, time_4ms, orders, registers, entries):
    """A batch of one channel, written by README.md alone. Entries: strings of bits, or the three numbers of an INTERVAL
    with the orders that they have there (None: not in it)."""

    def group7(value):
        out = []
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        return bytes(out + [value])

    def coded(change, order):
        value = (2 * change if change >= 0 else -1 - 2 * change) + (1 << order)
        digits = bin(value)[2:]
        return "0" * (len(digits) - order - 1) + digits

    head = bytes([kind, 1 << 5]) + group7(first) + group7(time_4ms) + bytes([orders[0] << 4 | orders[1]])
    sizes = [(len(hex(register)) - 1) // 2 if register else 0 for register in registers]
    head += bytes([sizes[0] << 4 | sizes[1]])
    for register, size in zip(registers, sizes):
        head += register.to_bytes(size, "little")
    line = ""
    for entry in entries:
        if isinstance(entry, str):
            line += entry
        else:
            line += "0" + "".join([coded(change, order) for change, order in entry if order is not None])
    line += "1" * (-len(line) % 8)
    return head + bytes([int(line[at : at + 8], 2) for at in range(0, len(line), 8)])


def test_a_batch_written_by_hand_is_read():
    # T is 25 000 * 4 ms = 100 s. Rounds of 240 ticks; 1000 mWh a minute, then 1010.
    entries = [[(0, None), (1000, 12), (0, None)], [(10, 5), (0, None)], "101" + "0" * 22 + "10"]
    body = by_hand(3, 700, 25_000, (5, 0), (123_456, 70), entries)
    figures = [None] * 5 + [0]
    assert unpack(body, decode) == [
        [schema.INTERVAL, 700, 0, 160_125, 60_000, 124_456, 70, 60_000] + figures,
        [schema.INTERVAL, 701, 0, 220_125, 60_000, 125_466, 70, 60_600] + figures,
        [schema.SKIPPED, 702],
        [schema.SKIPPED, 703],
    ]
    entries = [[(-1, 0), (1000, 14), (0, 12)], "111" + bin((1 << 24) + 250)[3:], [(5, 1), (-990, 14), (3, 1)]]
    timed = unpack(by_hand(1, 700, 25_000, (14, 1), (123_456, 70), entries), decode)
    assert [message[3:8] for message in timed] == [
        [159_875, 59_750, 124_456, 70, 1000 * 3_600_000 // 59_750],
        [220_875, 62_500, 124_466, 73, 7 * 3_600_000 // 62_500],
    ]


def test_few_bytes_do_not_stand_for_very_many_records():
    for count in (batch.COUNT_MAX, batch.COUNT_MAX + 1, (1 << 24) - 1):
        body = by_hand(3, 700, 25_000, (5, 0), (123_456, 70), ["101" + bin((1 << 24) + count)[3:]])
        assert refused(body) == (count > batch.COUNT_MAX)


def test_registers_that_go_down_are_refused():
    for change in (1, 0, -1, -2, -1000):
        body = by_hand(3, 700, 25_000, (12, 0), (123_456, 0), [[(0, None), (change, 12), (0, None)]])
        assert refused(body) == (change < 0)


def test_a_record_that_is_not_in_its_place_is_refused():
    def raw(message):
        buffer = bytearray(99)
        said = bytes(buffer[: cbor.put(buffer, 0, message)])
        return b"\x01\x00\x05" + (0b110 << 29 | len(said) << 5).to_bytes(4, "big") + said

    switched = [schema.SWITCHED, 5, 0, 1000, 1, 1, 0]
    assert unpack(raw(switched), decode) == [switched] and raw(switched)[-1] == 0 and refused(raw(switched)[:-1])
    switched[1] = 6
    assert refused(raw(switched))
    assert refused(raw([schema.LIVE, 5, 0, 0, 0] + [None] * 6 + [0])) and refused(raw([schema.SKIPPED]))
