"""Cuts the power at every flash operation of a node's work on littlefs, and looks at what the next boot finds.

    MICROPYPATH=firmware_mpy:.frozen micropython -X heapsize=64m tests/power/cuts.py [PARTS PART]

The work: boots, saves of registers, records over block and file boundaries, a plan and calibrations stored and taken
back. After each cut: it mounts; no register is below what was saved; a document is the old one or the new one, whole;
a saved record is as it was appended, any other is that or SKIPPED, and no number is given out again. An ordinary file
system (a Pi's) may also leave a file half written: that is done to every file too. PARTS: look at every so many only.
"""
# ruff: noqa: B023, UP031 (each lambda is called before the next is made; MicroPython has no cheap f-strings)

import random
import sys

import vfs

sys.path.append(__file__.rpartition("/")[0])

from nor_disk import SECTOR, NorDisk, apply, apply_half

from gridnode.node import documents, journal, pair, segments
from gridnode.wire import cbor, schema

SECTORS = 48
MINUTES = 170
MINUTE = 60_000
SIZES = {"slots": 16, "most": 3, "blocks": 11}  # a file of 11 blocks is longer than a sector
CHANNELS = 2


def mount(image, where):
    disk = NorDisk(image)
    vfs.mount(vfs.VfsLfs2(disk, progsize=256, readsize=32, lookahead=32), where)
    return disk


def open_all(root):
    """The journal and the documents of a boot, made as gridnode.assemble makes them."""
    kept = journal.Journal(root + "/journal", CHANNELS, 77, MINUTE, **SIZES)
    pairs = [pair.Pair(root + name) for name in ("/plan.", "/calibration.")]
    return kept, documents.Documents(pairs, [len_or_none, len_or_none])


def len_or_none(body):
    return body and len(body)


class Work:
    """Does a node's work on `root`, and knows all that it did."""

    def __init__(self, root):
        self._root = root
        self.records = {}  # sequence -> message, of all that were appended and may be found
        self._last = -1  # sequence that was given out
        self.registers = [(0, 0, 0, 0)] * CHANNELS
        self.saved_registers = None
        self.saved_next = self.boot_epoch = 0
        self.bodies = [b"", b""]

    def facts(self):
        """What a boot after a cut now may be held to."""
        held = (self.journal.oldest, self.journal.next) if self.boot_epoch else (0, 0)
        return self.saved_registers, self.registers, self.saved_next, held, self.boot_epoch, tuple(self.bodies)

    def boot(self):
        self.journal, self.documents = open_all(self._root)
        for sequence in range(self.saved_next, self._last + 1):  # were not saved when the power went
            unsaved = self.saved_next, self._last
            assert self.records.pop(sequence, None), "record %d is unknown, of %d to %d" % ((sequence,) + unsaved)
        self.now_ms = self.journal.boot_time_ms
        self.boot_epoch = self.journal.boot_epoch
        self.saved_registers, self.saved_next = self.journal.registers, self.journal.next
        self.registers = [kept or (0, 0, 0, 0) for kept in self.journal.registers]

    def minute(self):
        """A minute's records; they are not saved yet."""
        self.now_ms += MINUTE
        for index in range(CHANNELS):
            imported, exported, _, rest = self.registers[index]
            imported += random.choice((0, 1500, 33_000)) + random.getrandbits(10)
            self.registers[index] = (imported, exported + 7 * index, random.getrandbits(29), rest)
        self.registers = list(self.registers)
        for index in range(CHANNELS):
            figures = [60_000, 5, 6, 230_000, 8, 50_000, 0]
            told = list(self.registers[index][:2])
            self._append([schema.INTERVAL, 0, index, self.now_ms, MINUTE] + told + figures)
        for _ in range(random.getrandbits(3)):
            self._append([schema.SWITCHED, 0, 1, self.now_ms, 1, 1, random.getrandbits(20)])
        self.journal.release(self.journal.next - random.getrandbits(9))
        for _ in range(random.getrandbits(3)):
            self.journal.tidy()

    def _append(self, message):
        sequence = self.journal.append(message)
        assert sequence > self._last, "a number was given out twice"
        self._last = sequence
        self.records[sequence] = list(message)

    def save(self):
        self.journal.save(self.now_ms, self.registers)
        self.saved_registers, self.saved_next = list(self.registers), self.journal.next

    def store(self, document, body):
        assert self.documents.store(document, body)[0] == "none"
        self.bodies[document] = self.documents.fetch(document)[2]

    def steps(self):
        """Its work, step by step."""
        yield self.boot
        for minute in range(MINUTES):
            self.minute()  # touches no flash
            yield self.save
            body = bytes([minute & 255, 3]) * (20 + minute % 44)
            if minute % 9 == 2:
                yield lambda: self.store(0, body)
            if minute % 13 == 5:
                yield lambda: self.store(1, body)
            if minute % 26 == 7:
                yield lambda: self.store(1, b"")
            if minute % 29 == 28:
                self.minute()  # and is not saved when the power goes
                yield self.boot


def told(kept, sequence):
    buffer, start, length = kept.record(sequence)
    return cbor.decode(bytes(memoryview(buffer)[start : start + length]))


def same(got, appended):
    if got == appended or appended[0] != schema.INTERVAL:
        return got == appended
    return got[:3] + got[5:7] == appended[:3] + appended[5:7] and abs(got[3] - appended[3]) < 4


def look(image, records, before, after):
    """Boot from `image`, which is taken; `before`, `after`: the facts around the step in which the power went."""
    disk = mount(image, "/cut")
    try:
        kept, stored = open_all("/cut")
        check_registers(kept, before[0], after[1])
        check_numbers(kept, before, after)
        check_records(kept, records, before[2])
        for document in range(2):
            body = stored.fetch(document)[2]
            assert body in (before[5][document], after[5][document]), "document"
        assert stored.store(0, b"as ever")[0] == "none"
        kept.save(kept.boot_time_ms, kept.registers)
        assert disk.operations, "nothing was written"
    finally:
        vfs.umount("/cut")


def check_registers(kept, lowest, highest):
    for index in range(CHANNELS if lowest else 0):
        least, found, most = lowest[index], kept.registers[index], highest[index]
        if least is not None:
            assert found is not None, "a register is gone"
            for place in (0, 1):
                assert least[place] <= found[place] <= most[place], "register"


def check_numbers(kept, before, after):
    handed_out = before[3][1]
    assert kept.next >= handed_out, "a number would be given out again"
    assert before[3][0] <= kept.oldest <= max(after[3][0], before[3][0]), "oldest record"
    assert kept.boot_epoch > before[4], "boot epoch"
    assert kept.damaged == 0 or not WHOLE, "a block is damaged"


def check_records(kept, records, saved_next):
    for sequence in range(kept.oldest, kept.next):
        got, appended = told(kept, sequence), records.get(sequence)
        if appended is None or (sequence >= saved_next and got[0] == schema.SKIPPED):
            assert got == [schema.SKIPPED, sequence], "a record from nowhere"
            continue
        assert same(got, appended), "a record is not as it was appended: %s, %s" % (got, appended)
        register = kept.registers[got[2]] if got[0] == schema.INTERVAL else None
        assert register is None or register[0] >= got[5], "a register is below what a record tells"


WHOLE = True  # whether the file system leaves only whole files


def every_operation(parts, part):
    """Cuts at each flash operation. Returns how many states of the flash were looked at, and the operations."""
    image = bytearray(b"\xff" * SECTOR * SECTORS)
    vfs.VfsLfs2.mkfs(NorDisk(image), progsize=256, readsize=32, lookahead=32)
    seen = bytearray(image)  # follows, operation by operation
    disk = mount(image, "/disk")
    work = Work("/disk")
    states = operations = 0
    before = None
    for step in work.steps():
        before = work.facts() if work.boot_epoch else (None, work.registers, 0, (0, 0), 0, (b"", b""))
        step()
        done, disk.operations = disk.operations, []
        chance = random.getrandbits(30)
        for at, page in done:
            operations += 1
            if operations % parts == part:
                random.seed(operations)
                for state in ("before", "half-way", "after"):
                    cut = bytearray(seen)
                    if state == "half-way":
                        apply_half(cut, at, page)
                    if state == "after":
                        apply(cut, at, page)
                    look_or_tell(cut, work, before, "%s flash operation %d" % (state, operations))
                    states += 1
            apply(seen, at, page)
        assert seen == image
        random.seed(chance)
    vfs.umount("/disk")
    files = work.journal.oldest
    assert files > 0, "the work is too short: no file was ever removed"
    return states, operations


def every_file(parts, part):
    """Leaves each file that is written half written. Returns how many such states were looked at."""
    image = bytearray(b"\xff" * SECTOR * SECTORS)
    vfs.VfsLfs2.mkfs(NorDisk(image), progsize=256, readsize=32, lookahead=32)
    disk = mount(image, "/disk")
    torn = []
    writes = 0
    store = pair.store

    def tear(path, content, mode="wb", at=0):
        nonlocal writes
        writes += 1
        if writes % parts == part:
            half = bytes(memoryview(content)[: len(content) // 2])
            for left in (b"", half, half + b"\x5a" * (len(content) - len(half))):
                store(path, left, mode, at)
                torn.append((bytearray(image), writes))
        store(path, content, mode, at)

    work = Work("/disk")
    states = 0
    for step in work.steps():
        before = work.facts() if work.boot_epoch else (None, work.registers, 0, (0, 0), 0, (b"", b""))
        pair.store = segments.store = tear
        step()
        pair.store = segments.store = store
        disk.operations = []
        while torn:
            cut, write = torn.pop(0)
            look_or_tell(cut, work, before, "half of file write %d" % write)
            states += 1
    vfs.umount("/disk")
    return states


def look_or_tell(cut, work, before, where):
    try:
        look(cut, work.records, before, work.facts())
    except Exception as error:
        print("FAILED after a cut: %s" % where)
        raise error


if __name__ == "__main__":
    PARTS, PART = [int(argument) for argument in sys.argv[1:3]] if len(sys.argv) > 2 else (1, 0)
    random.seed(5)
    WHOLE = False
    print("torn files: %d cuts" % every_file(PARTS, PART))
    random.seed(4)
    WHOLE = True
    print("littlefs: %d cuts, of %d flash operations" % every_operation(PARTS, PART))
