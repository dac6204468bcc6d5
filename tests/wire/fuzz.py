"""Mutated and random inputs for the decoders, all from one seed; some know the structure that they damage."""

from binascii import unhexlify

import messages

from gridnode.wire import cbor

# Heads and items that a decoder of the wire must refuse, or that sit at the edge of what it takes.
HEX = """
    00 17 1818 18ff 190100 19ffff 1a00010000 1affffffff 1b0000000100000000 1b7fffffffffffffff 1b8000000000000000
    1bffffffffffffffff 20 37 3818 38ff 390100 3a00010000 3b0000000100000000 3b7ffffffffffffffe 3b7fffffffffffffff
    3bffffffffffffffff 1800 1817 190000 1900ff 1a0000ffff 1b00000000ffffffff 3800 3900ff 1c 1d 1e 1f 3f
    40 41ff 5800 5803010203 581801 5f 5f41ffff ff 60 6161 61ff 62c080 62c2a9 63e282ac 63eda080 64f0908080 64f4908080
    7800 7801ff 7f 7f6161ff 5bffffffffffffffff 7bffffffffffffffff 9bffffffffffffffff bbffffffffffffffff 9affffffff
    80 8100 818100 8181816161 81818181818181818180 9800 981800 9f 9fff 9f00ff 98208000 a0 a10000 bf bfff bf0000ff
    c000 c249010000000000000000 c349010000000000000000 c24100 c240 c48221196ab3 d81800 d9d9f700 db000000000000000000
    e0 e1 f0 f3 f4 f5 f6 f7 f800 f814 f818 f820 f8ff f90000 f93c00 f97c00 f97e00 fa47c35000 fa7fc00000
    fb3ff199999999999a fb7ff0000000000000 fc fd fe d818d818d81800
"""
ITEMS = [unhexlify(text) for text in HEX.split()]


def pool():
    """Valid bodies as lists of their parts: array head, id, fields."""
    buffer = bytearray(512)
    parts = []
    for _, message in messages.everything():
        start = cbor.put_array(buffer, 0, len(message))
        split = [bytes(buffer[:start])]
        for item in message:
            split.append(bytes(buffer[: cbor.put(buffer, 0, item)]))
        parts.append(split)
    return parts


class Fuzzer:
    """Endless inputs. `below(n)` gives a whole number from 0 to n - 1."""

    def __init__(self, below):
        self._below = below
        self._pool = pool()

    def body(self):
        """A message body: sound one time in six, else with one or more things wrong with it."""
        below = self._below
        parts = self._pool[below(len(self._pool))]
        choice = below(6)
        if choice == 0:
            return b"".join(parts)
        if choice <= 2:
            parts = list(parts)
            for _ in range(1 + below(2)):
                parts[below(len(parts))] = ITEMS[below(len(ITEMS))]
            return b"".join(parts)
        if choice == 3:
            parts = list(parts)
            if below(2):
                parts.insert(1 + below(len(parts)), ITEMS[below(len(ITEMS))])
            else:
                del parts[below(len(parts))]
            parts[0] = bytes((0x80 | min(len(parts) - 1, 23),))
            return b"".join(parts)
        if choice == 4:
            return self.damaged(b"".join(parts))
        return self.noise(24)

    def damaged(self, data):
        """`data` with bytes changed, cut out, put in or doubled."""
        below = self._below
        changed = bytearray(data)
        for _ in range(1 + below(3)):
            at = below(len(changed) + 1)
            kind = below(6)
            if kind == 0:
                changed = changed[:at] + bytes((below(256),)) + changed[at:]
            elif kind == 1:
                changed = changed[:at] + changed[at + 1 + below(4) :]
            elif kind == 2:
                changed = changed[:at]
            elif kind == 3:
                changed = changed[:at] + changed[max(at - 5, 0) :]
            elif at < len(changed):
                changed[at] = below(256) if kind == 4 else changed[at] ^ 1 << below(8)
        return bytes(changed)

    def noise(self, limit):
        """Random bytes, fewer than `limit`."""
        below = self._below
        return bytes([below(256) for _ in range(below(limit))])
