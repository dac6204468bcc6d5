"""The host's part of parity: lost batches worked out from the checks of those that came. See wire.parity."""

from gridnode.wire import WireError
from gridnode.wire.parity import CHECKS, HEAD, PARITY, ROW, UNIT_MAX, WINDOW, chosen

_HELD = 3 * WINDOW  # units back from the newest that can still be worked out


class Solver:
    """The host's, for one nonce of the node: works out lost units from the checks of those that came, by Gaussian
    elimination. Holds at most _HELD units and as many equations.
    """

    def __init__(self):
        self._newest = 0
        self._known = {}  # unit -> its row as a number
        self._equations = {}  # unit -> (units whose XOR is known, the XOR); that unit is in no other

    def take(self, body: bytes) -> list:
        """The batches that are known by this body and were not before, oldest first. Raises WireError."""
        unit, batch, checks = _parts(body)
        if unit <= self._newest - WINDOW:  # 65536 units have gone by
            self._known, self._equations = {}, {}
            self._newest = unit
        self._newest = max(self._newest, unit)
        before = set(self._known)
        self._learn({unit}, _number(bytes((len(batch),)) + batch))
        for check in range(CHECKS):
            mask = chosen(unit, check)
            self._learn({unit - 1 - back for back in range(WINDOW) if mask >> back & 1}, _number(checks[check]))
        found = [self._batch(unit) for unit in sorted(self._known) if unit not in before]
        self._forget()
        return [batch for batch in found if batch]

    def _learn(self, units: set, content: int):
        """The XOR of the rows of `units` is `content`."""
        for unit in list(units):
            if unit in self._known:
                units ^= {unit}
                content ^= self._known[unit]
            elif unit in self._equations:
                others, sum_ = self._equations[unit]
                units ^= others
                content ^= sum_
        if not units:
            return
        pivot = max(units)
        self._equations[pivot] = (units, content)
        for unit, (others, sum_) in list(self._equations.items()):
            if unit != pivot and pivot in others:
                self._equations[unit] = (others ^ units, sum_ ^ content)
        for unit, (others, sum_) in list(self._equations.items()):
            if len(others) == 1:
                self._known[unit] = sum_
                del self._equations[unit]

    def _batch(self, unit: int) -> bytes:
        row = self._known[unit].to_bytes(ROW, "little")
        return row[1 : 1 + row[0]] if row[0] < ROW and not any(row[1 + row[0] :]) else b""

    def _forget(self):
        oldest = self._newest - _HELD
        self._known = {unit: row for unit, row in self._known.items() if unit >= oldest}
        self._equations = {unit: known for unit, known in self._equations.items() if min(known[0]) >= oldest}


def _number(row: bytes) -> int:
    return int.from_bytes(row, "little")


def _parts(body: bytes) -> tuple:
    """(unit, batch, checks)"""
    if len(body) < HEAD + 1 or body[0] != PARITY:
        raise WireError("not a unit of parity")
    end = HEAD + body[3]
    size = (len(body) - end) // CHECKS
    if not 0 < body[3] <= UNIT_MAX or not 0 <= size <= ROW or end + CHECKS * size != len(body):
        raise WireError("a unit of parity is cut off")
    checks = [body[end + check * size : end + check * size + size] for check in range(CHECKS)]
    return body[1] << 8 | body[2], body[HEAD:end], checks
