"""Parity: what a node sends that hears nothing, so that batches which are lost can be worked out from later ones.

    02                  no message begins so
    number              of this unit, 2 bytes, big-endian: from 0 with each nonce of the node
    n                   length of the batch
    batch               n bytes, see wire.batch
    check 0, check 1    each the XOR of the rows of some of the WINDOW units before, both cut to the longest of them

A unit's row: n, its batch, zeros. Check c of unit u covers unit u - 1 - i for each bit i < min(u, WINDOW) of
`chosen(u, c)`: about half of them. That is a random linear code over a sliding window, as DaRe has it (Marcelis, Rao,
Prasad: "DaRe: Data Recovery through Application Layer Coding for LoRaWAN", IoTDI 2017), at a rate of one third.
"""

from gridnode.native import micropython, ptr8

PARITY = 2  # first byte of the body
WINDOW = 24
CHECKS = 2
ROW = 64
UNIT_MAX = ROW - 1  # bytes of a batch
HEAD = 4


def chosen(unit: int, check: int) -> int:
    """Bits, of which the low WINDOW count: the units before `unit` that its check covers."""
    bits = (unit << 1 | check) + 1
    for _ in range(4):
        bits = bits * 16807 & 0xFFFFFF
        bits ^= bits >> 11
    mask = bits & (1 << min(unit, WINDOW)) - 1
    return mask or min(unit, 1)


@micropython.viper
def _mix(into: ptr8, row: ptr8, length: int):
    at = 0
    while at < length:
        into[at] = int(into[at]) ^ int(row[at])
        at += 1


class Checks:
    """The node's: remembers the last units, in memory made once, and writes each with its checks into `body`."""

    room = UNIT_MAX

    def __init__(self):
        self._rows = bytearray(WINDOW * ROW)
        self.body = bytearray(HEAD + UNIT_MAX + CHECKS * ROW)
        self._unit = 0

    def put(self, content, length: int) -> int:
        """The unit with the batch content[:length], at most UNIT_MAX bytes; the length of `body`."""
        body, unit = self.body, self._unit
        body[:HEAD] = bytes((PARITY, unit >> 8, unit & 0xFF, length))
        end = HEAD + length
        body[HEAD:end] = memoryview(content)[:length]
        end += self._put_checks(end)
        row = unit % WINDOW * ROW
        for at in range(row, row + ROW):
            self._rows[at] = 0
        self._rows[row] = length
        self._rows[row + 1 : row + 1 + length] = memoryview(content)[:length]
        self._unit = (unit + 1) & 0xFFFF
        return end

    def _put_checks(self, at: int) -> int:
        rows, unit = memoryview(self._rows), self._unit
        masks = [chosen(unit, check) for check in range(CHECKS)]
        longest = 0
        for back in range(WINDOW):
            if (masks[0] | masks[1]) >> back & 1:
                longest = max(longest, 1 + rows[(unit - 1 - back) % WINDOW * ROW])
        for mask in masks:
            into = memoryview(self.body)[at : at + longest]
            for index in range(longest):
                into[index] = 0
            for back in range(WINDOW):
                if mask >> back & 1:
                    _mix(into, rows[(unit - 1 - back) % WINDOW * ROW :], longest)
            at += longest
        return CHECKS * longest
