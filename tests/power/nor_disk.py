"""A flash chip as a block device for MicroPython: sectors of 4096 bytes are erased, pages of 256 are programmed.

As the chip does it: erasing sets all bits, programming only clears some. Every operation is noted in `operations`, so
that the flash can be made as it was at any moment: before, half-way through, or after each.
"""

import random

SECTOR, PAGE = 4096, 256
_ERASED = b"\xff" * SECTOR


class NorDisk:
    """`image`: what is in it, a bytearray that is written into."""

    def __init__(self, image):
        self.image = image
        self.operations = []  # (where it begins, the page, or None where a sector was erased)

    def readblocks(self, block, buffer, offset=0):
        at = block * SECTOR + offset
        buffer[:] = memoryview(self.image)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = block * SECTOR + offset
        assert at % PAGE == 0 and len(buffer) % PAGE == 0
        for start in range(0, len(buffer), PAGE):
            page = bytes(memoryview(buffer)[start : start + PAGE])
            self.operations.append((at + start, page))
            apply(self.image, at + start, page)

    def ioctl(self, request, argument):
        if request == 4:
            return len(self.image) // SECTOR
        if request == 5:
            return SECTOR
        if request == 6:
            self.operations.append((argument * SECTOR, None))
            apply(self.image, argument * SECTOR, None)
        return 0


def apply(image, at, page):
    """One whole operation."""
    if page is None:
        image[at : at + SECTOR] = _ERASED
        return
    for place, byte in enumerate(page):
        assert image[at + place] & byte == byte, "programmed without being erased"
        image[at + place] = byte


def apply_half(image, at, page):
    """The power went half-way: of the bits that were to change, chance (random.seed) says which have."""
    if page is None:
        for place in range(at, at + SECTOR, 4):  # the same bits of four neighbours: chance is slow
            bits = random.getrandbits(8)
            for each in range(place, place + 4):
                image[each] |= bits
    else:
        for place, byte in enumerate(page, at):
            image[place] &= byte | random.getrandbits(8)
