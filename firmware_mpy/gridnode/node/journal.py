"""The node's memory over power cuts: registers, and the records that no host has acknowledged, or may ask for again.

Records are numbered for good and kept in three places: the newest as they were appended, in RAM; the last block's, in
the record that `save` writes, with the registers; older blocks, in files (see node.block, node.segments). Numbers that
were given out and not saved when the power went are never given out again: the next boot leaves GUARD of them free.
"""

import struct

from gridnode.node.block import SIZE, is_whole, make_block, note_count, seal
from gridnode.node.pair import Pair
from gridnode.node.ring import Ring
from gridnode.node.segments import Segments, make_folder
from gridnode.wire import cbor, schema

GUARD = 64  # numbers
MUST_SAVE = 24  # records: half of those in RAM
RECORD_BYTES = 96  # the longest record is shorter
# What `save` keeps: format, channels, locks, boot epoch, journal epoch, node time (ms), released and next sequence;
# then for each channel import, export (mWh) and their remainders (mW us); then what there is of the last block.
_FORMAT = 1
_HEAD = "<BBHIIQII"
_CHANNEL = "<QQII"
_HEAD_BYTES, _CHANNEL_BYTES = struct.calcsize(_HEAD), struct.calcsize(_CHANNEL)
_NOTHING = 0xFFFFFFFFFFFFFFFF  # in place of an import: nothing was ever counted there


class Journal:
    """Kept in `folder`, which is made; raises OSError if it cannot be. This boot is marked there at once (one save).

    `channels`: how many are metered. `random_epoch`: of the journal, should there be none yet. Sequences held are
    `oldest` .. `next` - 1. `saved_next`: the first that is not saved yet. `boot_epoch` counts boots;
    `boot_time_ms`: where node time goes on, two intervals after what was saved last. `registers`: (import_mwh,
    export_mwh, import_rest, export_rest) of each channel, None where none was kept. `locks`: a bit for each
    contactor that is locked out, as last saved; `save` keeps what it is set to. `slots`: records in RAM. `most` and
    `blocks`: as for Segments.
    """

    def __init__(
        self,
        folder: str,
        channels: int,
        random_epoch: int,
        interval_ms: int,
        slots: int = 48,
        most: int = 31,
        blocks: int = 42,
    ):
        make_folder(folder)
        self._pair = Pair(folder + "/saved.")
        self._segments = Segments(folder + "/blocks", most, blocks)
        self._ring = Ring(slots, RECORD_BYTES, 0)
        self._block = make_block()  # the last one
        self._read = make_block()  # one that is being read out
        self._at = (-1, 0)  # its file's index and its place in there; -1: it is a copy of the last one
        self._gap = (0, 0)  # from .. to: numbers that were looked for there and not found
        self._full = False  # whether the block must go to its file before it takes the next record
        self._looked = (-1, 0)  # damaged blocks up to this file's first sequence and place are counted
        self._scratch = bytearray(RECORD_BYTES)
        self.epoch = random_epoch
        self.boot_epoch = 1
        self.boot_time_ms = 0
        self.registers = [None] * channels
        self.locks = 0
        self.saves = 0  # since boot
        self.dropped = 0  # records that had to go before a host had them, since boot
        self.damaged = 0  # blocks that could not be read, since boot
        self._released = 0
        self.saved_next = 0
        saved = self._pair.read()
        if not saved or saved[0] != _FORMAT:
            self._segments.forget()  # of a journal that nobody can go on with
            self._block.begin(0, 0, [0] * (2 * channels))
        else:
            self._restore(saved, interval_ms)
        self._mark_boot(random_epoch)

    # -- from boot to boot

    def _restore(self, saved, interval_ms: int):
        _, count, self.locks, boot, self.epoch, time_ms, self._released, next_ = struct.unpack_from(_HEAD, saved, 0)
        self.boot_epoch = boot + 1
        self.boot_time_ms = time_ms + 2 * interval_ms
        at = _HEAD_BYTES
        for index in range(count):
            kept = struct.unpack_from(_CHANNEL, saved, at)
            at += _CHANNEL_BYTES
            if index < len(self.registers) and kept[0] != _NOTHING:
                self.registers[index] = kept
        self._block.content[: len(saved) - at] = memoryview(saved)[at:]
        if not self._block.open(True):
            self._block.begin(next_, time_ms, self._totals())
        self._go_on_behind_files()
        self._ring.next = self._ring.oldest = max(self._coded, next_) + GUARD

    def _go_on_behind_files(self):
        """The power may have gone between a block's way to its file and the save that should have followed."""
        block = self._block
        files = len(self._segments.firsts)
        last = self._segments.blocks(files - 1) - 1 if files else -1
        if last >= 0 and self._load(files - 1, last) and self._read.first >= block.first:
            block.content[:] = self._read.content
            block.open(True)
            self._never_down()
            block.begin(block.first + block.count)
        if block.channels != len(self.registers):  # another board
            if block.count:
                self._file_block()
            block.begin(block.first + block.count, self.boot_time_ms, self._totals())

    def _never_down(self):
        # What such a block tells of the registers is newer than what was saved.
        told = self._block.registers()
        for index, kept in enumerate(self.registers):
            if kept and 2 * index < len(told):
                told_import, told_export = told[2 * index : 2 * index + 2]
                imported, exported, import_rest, export_rest = kept
                if told_import > imported:
                    imported, import_rest = told_import, 0
                if told_export > exported:
                    exported, export_rest = told_export, 0
                self.registers[index] = imported, exported, import_rest, export_rest

    def _totals(self) -> list:
        return [value for kept in self.registers for value in (kept[:2] if kept else (0, 0))]

    def _mark_boot(self, random_epoch: int):
        self.dropped -= self._ring.oldest - self._coded  # free numbers are no loss
        try:
            self.save(self.boot_time_ms, self.registers)
        except OSError:  # what this boot records may not be taken for records of another
            self.epoch = random_epoch
        self.saves = 0

    # -- records

    @property
    def oldest(self) -> int:
        """First sequence held."""
        firsts = self._segments.firsts
        return firsts[0] if firsts else self._block.first

    @property
    def next(self) -> int:
        """Sequence of the record to come."""
        return self._ring.next

    @property
    def reach(self) -> int:
        """How many records are held when all files are full, going by those that are there; 0: none is yet."""
        firsts = self._segments.firsts
        return (self._block.first - firsts[0]) * self._segments.capacity // self._segments.held if firsts else 0

    @property
    def blocks_to_come(self) -> int:
        """Blocks of flash that it has yet to take until it is full."""
        return self._segments.to_come

    @property
    def must_save(self) -> bool:
        """Whether so many records are unsaved that `save` must come before the next is sent."""
        return self._ring.next - self.saved_next >= MUST_SAVE

    def append(self, message: list) -> int:
        """Keep `message` ([id, sequence, ...]) under the next sequence, which is written into it. Touches no flash."""
        return self._ring.append(message)

    def release(self, sequence: int):
        """A host has all below `sequence`: they are still held while there is room."""
        self._released = max(self._released, min(sequence, self.next))

    def record(self, sequence: int):
        """(buffer, start, length) of a record that is held; good until the next call. A number without a record, or
        whose record can no longer be read, is a record of its own: SKIPPED."""
        if sequence >= self._ring.oldest:
            return self._ring.record(sequence)
        found = None
        if self._find(sequence):
            found = self._read.read(sequence)
        if found is None:
            found = [schema.SKIPPED, sequence]
        if isinstance(found, list):
            return self._scratch, 0, cbor.put(self._scratch, 0, found)
        self._scratch[: len(found)] = found
        return self._scratch, 0, len(found)

    def _find(self, sequence: int) -> bool:
        """Have the block that holds `sequence` in `_read`; False if none does."""
        read = self._read
        if read.first <= sequence < read.first + read.count:
            return True
        if self._gap[0] <= sequence < self._gap[1]:
            return False
        if sequence >= self._block.first:
            self._at = (-1, 0)
            note_count(self._block)
            read.content[:] = self._block.content
            return read.open()
        firsts = self._segments.firsts
        index = self._segments.index(sequence)
        if index < 0:
            return False
        place = self._at[1] + 1 if self._at[0] == index and read.count and read.first <= sequence else 0
        while place < self._segments.blocks(index):
            if self._load(index, place) and sequence < read.first + read.count:
                if sequence < read.first:
                    self._gap = (sequence, read.first)
                return sequence >= read.first
            place += 1
        self._gap = (sequence, firsts[index + 1] if index + 1 < len(firsts) else self._block.first)
        return False

    def _load(self, index: int, place: int) -> bool:
        self._at = (index, place)
        good = self._segments.load(index, place, self._read.content) and is_whole(self._read) and self._read.open()
        if not good:
            self._read.count = 0
            looked = (self._segments.firsts[index], place)
            if looked > self._looked:
                self._looked = looked
                self.damaged += 1
        return good

    # -- saving

    def tidy(self):
        """Do a little of what `save` would have to do. Touches no flash."""
        if not self._full and self._coded < self._ring.next:
            self._code_next()

    def save(self, now_ms: int, registers: list):
        """Keep `registers` ((import_mwh, export_mwh, import_rest, export_rest) of each channel) and all records.

        One write of the pair; now and then a block goes to its file first. Raises OSError when something could not be
        kept: it is tried again with the next save, and what was kept stays.
        """
        fault = self._code()
        block = self._block
        next_ = self._ring.next
        at = _HEAD_BYTES + _CHANNEL_BYTES * len(registers)
        content = bytearray(at + block.used)
        head = (_FORMAT, len(registers), self.locks, self.boot_epoch, self.epoch, now_ms, self._released, next_)
        struct.pack_into(_HEAD, content, 0, *head)
        note_count(block)
        content[at:] = memoryview(block.content)[: block.used]
        for channel in reversed(registers):
            at -= _CHANNEL_BYTES
            struct.pack_into(_CHANNEL, content, at, *(channel or (_NOTHING, 0, 0, 0)))
        self._pair.write(content)
        self.saved_next = next_
        self.saves += 1
        if fault:
            raise fault

    @property
    def _coded(self) -> int:
        """First sequence that is not yet in a block."""
        return self._block.first + self._block.count

    def _code(self):
        """Put what was appended into blocks; the OSError that a full one met on its way to its file, or None."""
        while self._coded < self._ring.next:
            if self._full or not self._code_next():
                try:
                    self._file_block()
                except OSError as error:
                    return error
                self._block.begin(self._coded)
                self._full = False
        return None

    def _code_next(self) -> bool:
        """Put the next record into the block; False: it is full."""
        ring, block = self._ring, self._block
        gone = min(ring.oldest - self._coded, 0xFFFF)
        if gone > 0:
            taken = block.skip(gone)
        else:
            buffer, start, length = ring.record(self._coded)
            raw = memoryview(buffer)[start : start + length]
            taken = block.add(cbor.decode(raw) if raw[1] == schema.INTERVAL else None, raw)
        if taken:
            self.dropped += max(gone, 0)
        self._full = not taken
        return taken

    def _file_block(self):
        before = self.oldest
        seal(self._block)
        self._segments.append(self._block.first, memoryview(self._block.content)[:SIZE])
        if self.oldest > before:
            self._at = (-1, 0)
            self.dropped += max(self.oldest - max(before, self._released), 0)
