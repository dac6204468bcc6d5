"""The journal over boots: registers go on, every record is as it was appended or SKIPPED, no number comes twice."""

import os
import random

from gridnode.node import journal as journals
from gridnode.node import lasting
from gridnode.node.block import SIZE
from gridnode.node.journal import GUARD, MUST_SAVE, Journal
from gridnode.wire import cbor, schema

MINUTE = 60_000
NEW = {"epoch": 77}


def folder(name):
    return (os.getenv("TMPDIR") or "/tmp") + "/" + name


def opened(name, epoch=77, channels=2, **sizes):
    return Journal(folder(name), channels, epoch, MINUTE, **sizes)


def told(journal, sequence):
    buffer, start, length = journal.record(sequence)
    return cbor.decode(bytes(memoryview(buffer)[start : start + length]))


def same(got, appended):
    """Whether a record is what was appended: as a whole, or, from a block, without what a block does not keep."""
    if got == appended or appended[0] != schema.INTERVAL:
        return got == appended
    exact = got[1:3] + got[5:7] + got[13:] == appended[1:3] + appended[5:7] + appended[13:]
    return exact and abs(got[3] - appended[3]) < 4 and abs(got[4] - appended[4]) < 8 and got[8:13] == [None] * 5


class Home:
    """Two channels with switching loads; knows everything that it appended. `go_on(journal)` after each boot."""

    def __init__(self, journal, seed=1):
        self._chance = random
        random.seed(seed)
        self.kept = {}
        self.registers = [[0, 0, 0, 0], [0, 0, 0, 0]]
        self.go_on(journal)

    def go_on(self, journal):
        self.journal = journal
        self.now_ms = self._begun = journal.boot_time_ms

    def append(self, message):
        sequence = self.journal.append(message)  # which writes it into the message
        self.kept[sequence] = list(message)

    def minute(self, save=True):
        self.now_ms += MINUTE + random.getrandbits(7)
        for channel in range(2):
            register = self.registers[channel]
            power = random.choice((0, 90_000, 2_000_000)) + random.getrandbits(13)
            counted = power * MINUTE // 3_600_000
            register[channel] += counted  # the second one exports
            sign = -1 if channel else 1
            duration = self.now_ms - self._begun
            figures = [sign * counted * 3_600_000 // duration, 5, 6, 230_000, 8, 50_000, random.getrandbits(1) * 4]
            self.append([schema.INTERVAL, 0, channel, self.now_ms, duration] + register[:2] + figures)
        self._begun = self.now_ms
        for _ in range(random.getrandbits(2)):
            self.journal.tidy()
        if save:
            self.save()

    def switched(self):
        self.append([schema.SWITCHED, 0, 1, self.now_ms, 1, 1, 60_000])

    def save(self):
        for register in self.registers:
            register[2:] = random.getrandbits(29), random.getrandbits(29)
        self.journal.save(self.now_ms, [tuple(register) for register in self.registers])

    def check(self, journal, unsaved=()):
        """Every number that is held reads as it should."""
        for sequence in range(journal.oldest, journal.next):
            got = told(journal, sequence)
            if sequence in self.kept and sequence not in unsaved:
                assert same(got, self.kept[sequence]), (got, self.kept[sequence])
            else:
                assert got == [schema.SKIPPED, sequence]


def test_a_new_node_begins_a_new_journal():
    journal = opened("new", 5)
    assert (journal.epoch, journal.boot_epoch, journal.boot_time_ms) == (5, 1, 0)
    assert (journal.oldest, journal.next, journal.dropped, journal.damaged) == (0, 0, 0, 0)
    assert journal.registers == [None, None]


def test_a_boot_goes_on_where_the_last_save_was():
    home = Home(opened("boot", 5))
    home.minute()
    home.journal.release(1)
    home.switched()
    home.save()
    again = opened("boot", 6)
    assert (again.epoch, again.boot_epoch) == (5, 2)
    assert again.boot_time_ms == home.now_ms + 2 * MINUTE
    assert again.registers == [tuple(register) for register in home.registers]
    assert again.next == 3 + GUARD and again.oldest == 0
    home.check(again)


def test_a_boot_alone_is_kept():
    for number in range(1, 5):
        assert opened("boots").boot_epoch == number
    assert opened("boots").registers == [None, None]


def test_numbers_that_were_not_saved_are_never_given_out_again():
    home = Home(opened("unsaved"))
    home.minute()
    given = set(range(home.journal.next))
    for _ in range(3):
        while not home.journal.must_save:
            home.switched()
        unsaved = [sequence for sequence in home.kept if sequence not in given]
        assert len(unsaved) >= MUST_SAVE
        given |= set(unsaved)
        again = opened("unsaved")
        assert again.next > max(given)
        for sequence in unsaved:
            del home.kept[sequence]
        home.check(again)
        home.go_on(again)


def test_records_outlive_many_boots_in_all_three_places():
    home = Home(opened("boots_and_records", blocks=2))
    for life in range(6):
        for minute in range(80):
            home.minute()
            if minute % 20 == life:
                home.switched()
        home.check(home.journal)
        assert home.journal.dropped == 0 and home.journal.damaged == 0
        home.save()
        home.go_on(opened("boots_and_records", blocks=2))
        home.check(home.journal)
    assert len(os.listdir(folder("boots_and_records/blocks"))) > 3


def test_backwards_and_at_random_it_reads_the_same():
    home = Home(opened("random"))
    for _ in range(300):
        home.minute()
    for sequence in list(range(599, -1, -7)) + [random.getrandbits(9) for _ in range(60)]:
        assert same(told(home.journal, sequence), home.kept[sequence])


def test_the_newest_are_told_in_full():
    home = Home(opened("full", slots=16))
    for _ in range(40):
        home.minute()
    assert [told(home.journal, sequence) == home.kept[sequence] for sequence in range(60, 80)] == [False] * 4 + [
        True
    ] * 16


def test_when_it_is_full_the_oldest_go_and_what_no_host_had_is_counted():
    home = Home(opened("ring", most=3, blocks=1))
    while home.journal.oldest == 0:
        home.minute()
    first = home.journal.oldest
    assert home.journal.dropped == first
    assert len(os.listdir(folder("ring/blocks"))) == 3
    home.journal.release(home.journal.next)
    while home.journal.oldest == first:
        home.minute()
    assert home.journal.dropped == first
    home.check(home.journal)
    home.save()
    home.check(opened("ring", most=3, blocks=1))


def test_what_is_released_is_still_held_and_known_to_be_told_after_a_boot():
    home = Home(opened("released", most=2, blocks=1))
    home.minute()
    home.journal.release(2)
    assert home.journal.oldest == 0
    home.save()
    again = opened("released", most=2, blocks=1)
    home.go_on(again)
    while again.oldest == 0:
        home.minute()
    held_back = again.oldest - 2
    assert again.dropped == held_back


def test_a_damaged_block_loses_its_own_records_and_nothing_else():
    home = Home(opened("damage", blocks=4))
    while len(os.listdir(folder("damage/blocks"))) < 3:
        home.minute()
    name = folder("damage/blocks/") + sorted(os.listdir(folder("damage/blocks")))[1]
    with open(name, "r+b") as file:
        file.seek(SIZE + 200)
        byte = file.read(1)[0]
        file.seek(SIZE + 200)
        file.write(bytes([byte ^ 4]))
    again = opened("damage", blocks=4)
    lost = [s for s in range(again.oldest, again.next) if told(again, s)[0] == schema.SKIPPED]
    hole = list(range(again.next - GUARD, again.next))
    block = lost[: -len(hole)]
    assert lost[-len(hole) :] == hole and 20 < len(block) == block[-1] - block[0] + 1
    assert again.damaged == 1
    home.check(again, unsaved=block)
    home.check(again, unsaved=block)
    assert again.damaged == 1  # counted once


def test_a_block_cut_short_in_its_file_is_written_again():
    home = Home(opened("torn", blocks=8))
    while not os.listdir(folder("torn/blocks")):
        home.minute()
    name = folder("torn/blocks/") + os.listdir(folder("torn/blocks"))[0]
    with open(name, "ab") as file:
        file.write(b"\xb7 half a block")
    home.go_on(opened("torn", blocks=8))
    for _ in range(200):
        home.minute()
    home.save()
    again = opened("torn", blocks=8)
    home.check(again)
    assert again.damaged == 0


def test_both_saved_records_gone_is_a_new_journal():
    home = Home(opened("gone", blocks=1))
    for _ in range(100):
        home.minute()
    for name in ("saved.a", "saved.b"):
        os.remove(folder("gone/") + name)
    again = opened("gone", 9, blocks=1)
    assert again.epoch == 9 and again.registers == [None, None] and (again.oldest, again.next) == (0, 0)
    assert os.listdir(folder("gone/blocks")) == []


def test_a_record_of_another_format_is_none():
    opened("format")
    journals._FORMAT, kept = 99, journals._FORMAT
    try:
        assert opened("format", 9).epoch == 9
    finally:
        journals._FORMAT = kept


def test_registers_of_any_size_that_begin_anywhere_and_are_set_anew():
    journal = opened("set")
    home = Home(journal)
    for start in (10**13, 5, (1 << 62)):
        for register in home.registers:
            register[:] = [start, start, 0, 0]
        for _ in range(100):
            home.minute()
    again = opened("set")
    home.check(again)
    assert again.registers == [tuple(register) for register in home.registers]
    assert again.next < 5 * 300


def test_intervals_that_end_apart_or_out_of_turn_are_told_all_the_same():
    journal = opened("apart")
    kept = {}
    end = 0
    for minute in range(200):
        end += MINUTE
        for channel in (0, 1) if minute % 7 else (1, 0):
            at = end - 900 * channel
            record = (
                [schema.INTERVAL, 0, channel, at, MINUTE + minute, minute * 1000, 0, 60_000] + [None] * 5 + [minute & 1]
            )
            sequence = journal.append(record)
            kept[sequence] = list(record)
        journal.save(end, [(minute * 1000, 0, 0, 0)] * 2)
    again = opened("apart")
    for sequence, appended in kept.items():
        assert same(told(again, sequence), appended), sequence
    in_files = sum(os.stat(folder("apart/blocks/") + name)[6] for name in os.listdir(folder("apart/blocks")))
    assert in_files < 400 * 12  # as CBOR each would take twice that


def test_other_channels_than_before_leave_registers_and_records_as_they_were():
    home = Home(opened("board"))
    for _ in range(5):
        home.minute()
    again = opened("board", channels=3)
    home.check(again)
    assert again.registers == [tuple(register) for register in home.registers] + [None]
    again.save(again.boot_time_ms, again.registers)
    assert opened("board", channels=3).registers[2] is None
    home.check(opened("board", channels=1))


def test_appending_touches_no_flash():
    journal = opened("ram")
    before = sorted(os.listdir(folder("ram"))), [os.stat(folder("ram/saved.") + name)[6:] for name in "a"]
    for sequence in range(500):
        journal.append([schema.SWITCHED, 0, 0, sequence, 1, 1, 0])
    assert before == (sorted(os.listdir(folder("ram"))), [os.stat(folder("ram/saved.") + name)[6:] for name in "a"])


def test_records_that_were_never_saved_and_fell_out_of_ram_are_counted():
    journal = opened("overflow", slots=16)
    for sequence in range(50):
        journal.append([schema.SWITCHED, 0, 0, sequence, 1, 1, 0])
    journal.save(1, [(0, 0, 0, 0)] * 2)
    assert journal.dropped == 34
    assert [told(journal, sequence)[0] for sequence in range(50)] == [schema.SKIPPED] * 34 + [schema.SWITCHED] * 16


def test_a_file_that_cannot_be_written_stops_neither_registers_nor_later_records():
    home = Home(opened("fault", blocks=2))
    append = home.journal._segments.append

    def refuse(first, content):
        raise OSError(5)

    home.journal._segments.append = refuse
    faults = 0
    for _ in range(80):
        try:
            home.minute()
        except OSError:
            faults += 1
    assert faults > 10
    assert opened("fault", blocks=2).registers == [tuple(register) for register in home.registers]
    home.journal._segments.append = append
    home.minute()
    lost = home.journal.dropped
    assert 0 < lost < 160
    missing = [s for s in range(home.journal.next) if told(home.journal, s)[0] == schema.SKIPPED]
    assert len(missing) == lost
    home.check(home.journal, unsaved=missing)


def test_a_boot_that_cannot_be_marked_is_a_journal_of_its_own():
    home = Home(opened("unmarked", 5))
    home.minute()
    put, journals.Pair._put = journals.Pair._put, refuse_all
    try:
        again = opened("unmarked", 6)
    finally:
        journals.Pair._put = put
    assert again.epoch == 6 and again.registers == [tuple(register) for register in home.registers]


def refuse_all(pair, place, payload):
    raise OSError(5)


def test_the_reach_goes_by_the_records_that_the_files_hold():
    home = Home(opened("reach", most=4, blocks=2))
    assert home.journal.reach == 0
    while home.journal.oldest == 0:
        home.minute()
        home.kept.clear()
    assert len(os.listdir(folder("reach/blocks"))) == 4
    least = home.journal.reach
    for _ in range(300):
        home.minute()
        home.kept.clear()
        held = home.journal.next - home.journal.oldest
        assert 0.8 * least < held < 2 * least


def test_how_long_it_lasts():
    day = 86_400_000
    assert lasting.journal_days(172_800, 2880, day) == 60 == lasting.journal_days(172_800, 1440, day // 2)
    assert lasting.journal_days(172_800, 0, day) == 0
    # 1440 saves a day, each of which erases 1/10 block, of 100 that take 100,000 each
    assert lasting.flash_years(1440, day, 100, 100) == 100 * 100_000 // (144 * 365)
    assert lasting.flash_years(720, day // 2, 100, 100) == 100 * 100_000 // (144 * 365)
    assert lasting.flash_years(0, day, 100, 100) is None


def test_lock_outs_are_kept():
    journal = opened("locks")
    assert journal.locks == 0
    journal.locks = 0x8001
    journal.save(1, [None, None])
    assert opened("locks").locks == opened("locks").locks == 0x8001


class Saved:
    reach, saves, next, blocks_to_come = 172_800, 5, 40, 100


def test_a_node_tells_how_long_it_lasts_once_a_rate_is_known():
    journal = Saved()
    told = lasting.Lasting(journal, 1000, 400, 137)
    journal.saves, journal.next = 15, 60  # in ten minutes
    assert told.figures(1000 + 599_999) == (None, 0)
    assert told.figures(1000 + 600_000) == (300 * 100_000 * 1000 // (1440 * 137 * 365), 60)
    assert lasting.Lasting(journal, 0, 0, None).figures(600_000) == (None, 0)  # nothing of ours wears out, nothing came
