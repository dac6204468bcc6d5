"""The plan that a node follows by itself while no host holds a contactor and its clock is good.

A document of at most 176 bytes of the wire's CBOR, all integers; minutes count from its beginning:

    [1, valid_from_unix_s, valid_until_unix_s, [start_min, price, start_min, price, ...], row, row, ...]
    [2, valid_from_unix_s, valid_until_unix_s, prices, world, row, row, ...]
    row: [start_min, duration_min, contactor, target, condition, threshold, threshold while closed]

A price holds until the next one; its unit is the host's (a thousandth of the account's, for a kWh, where the
command line writes it). target: 0 open, 1 closed. condition: 0 none; 1 and 2 price, 3 and 4 export in W, 5 and 6
frequency in mHz, 7 and 8 voltage in mV, of the first channel; odd: at most the threshold, even: at least. A row may
end behind `target` (no condition) or behind the first threshold (the same for both).
The first row of a contactor that runs now and whose condition holds decides. A document without rows is no plan.
world: a microworld that decides for some contactors; see node.controller, which is loaded for it.
"""

from gridnode.wire import cbor

FORMAT, WITH_WORLD = 1, 2
HOLD_MS = 5_000  # of the plan's own lease: renewed while the plan wants it
LONGEST_MIN = 44640  # 31 days
CONDITIONS = 9
_ROW_ITEMS = (4, 6, 7)


class Plan:
    """`parse` makes one. `until_unix_s`: from then on it says nothing. `rows`: those of the document. `world`: the list
    that is one, unread; None: there is none."""

    def __init__(self, from_unix_s: int, until_unix_s: int, prices: list, rows: list, world=None):
        self.from_unix_s = from_unix_s
        self.until_unix_s = until_unix_s
        self.prices = prices
        self.rows = rows
        self.world = world

    @staticmethod
    def parse(body: bytes, contactors: int) -> "Plan":
        """The plan in `body`, for a node with so many contactors. Raises ValueError that says what is wrong."""
        document = cbor.decode(body)
        if type(document) is not list or len(document) < 4 or document[0] not in (FORMAT, WITH_WORLD):
            raise ValueError("no plan of format %d or %d" % (FORMAT, WITH_WORLD))
        begin, end, prices, rows, world = document[1], document[2], document[3], document[4:], None
        if document[0] == WITH_WORLD:
            world, rows = rows[0] if rows else None, rows[1:]
            if type(world) is not list:
                raise ValueError("a plan of format %d has a world" % WITH_WORLD)
        if not (_within(begin, 0, 1 << 37) and _within(end, begin, begin + 60 * LONGEST_MIN)):
            raise ValueError("it must end after it begins, within %d days" % (LONGEST_MIN // 1440))
        _check_prices(prices)
        for row in rows:
            _check_row(row, contactors)
        return Plan(begin, end, prices, rows, world)

    def follow(self, node, first, now_ms: int):
        """What the plan wants, where nobody else holds the contactor."""
        for index, contactor in enumerate(node.contactors):
            wish = self.of(index, node, first, now_ms)
            if wish:
                contactor.plan(wish, HOLD_MS, now_ms)

    def of(self, index: int, node, first, now_ms: int):
        """`wish` of a contactor of `node` by its clock, None where it has no time; `first`: window of the first
        channel."""
        if node.clock.offset_ms is None:
            return None
        measured = first.active_power_mw, first.frequency_mhz, first.voltage_rms_mv
        return self.wish(index, now_ms + node.clock.offset_ms, measured, node.contactors[index].state == "closed")

    def wish(self, contactor: int, unix_ms: int, measured, is_closed: bool):
        """What the plan wants of a contactor now: "closed", "open", or None where it says nothing (then: safe).

        measured: (active_power_mw, frequency_mhz, voltage_rms_mv) of the first channel, + is import; None where
        unknown, and then no condition on it holds. is_closed: whether the contactor is now.
        """
        unix_s = unix_ms // 1000
        if unix_s >= self.until_unix_s:
            return None
        minute = (unix_s - self.from_unix_s) // 60
        for row in self.rows:
            if row[2] == contactor and 0 <= minute - row[0] < row[1] and self._holds(row, minute, measured, is_closed):
                return "closed" if row[3] else "open"
        return None

    def _holds(self, row, minute: int, measured, is_closed: bool) -> bool:
        condition = row[4] if len(row) > 4 else 0
        if not condition:
            return True
        quantity = (condition - 1) >> 1
        value = measured[quantity - 1] if quantity else self.price(minute)
        if value is None:
            return False
        if quantity == 1:
            value = -value // 1000
        threshold = row[6] if is_closed and len(row) > 6 else row[5]
        return value <= threshold if condition & 1 else value >= threshold

    def price(self, minute: int):
        """The price in that minute from its beginning; None: not known."""
        found = None
        for index in range(0, len(self.prices), 2):
            if self.prices[index] > minute:
                break
            found = self.prices[index + 1]
        return found


def _within(value, least: int, greatest: int) -> bool:
    return type(value) is int and least <= value <= greatest


def _check_prices(prices):
    if type(prices) is not list or len(prices) % 2:
        raise ValueError("prices: pairs of minute and price")
    last = -1
    for index in range(0, len(prices), 2):
        if not (_within(prices[index], last + 1, LONGEST_MIN) and type(prices[index + 1]) is int):
            raise ValueError("prices: whole numbers, in the order of time")
        last = prices[index]


def _check_row(row, contactors: int):
    if type(row) is not list or len(row) not in _ROW_ITEMS or not all(type(item) is int for item in row):
        raise ValueError("a row has 4, 6 or 7 whole numbers")
    start, duration, contactor, target = row[:4]
    if not (_within(start, 0, LONGEST_MIN) and _within(duration, 1, LONGEST_MIN)):
        raise ValueError("a row begins at 0 to %d min and lasts 1 to as many" % LONGEST_MIN)
    if not _within(contactor, 0, contactors - 1):
        raise ValueError("no contactor %d here" % contactor)
    if not _within(target, 0, 1):
        raise ValueError("a row's target is 0 (open) or 1 (closed)")
    if len(row) > 4 and not _within(row[4], 0, CONDITIONS - 1):
        raise ValueError("no condition %d" % row[4])
