"""A linear programme put together from whole arrays of columns, rows and entries, as HiGHS takes it.

    minimise cost @ x  where  row_lower <= A @ x <= row_upper,  lower <= x <= upper,  some x whole numbers

Indices are handed out as arrays in the shape that was asked for, so that entries are put by broadcasting.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from host_bridge.agent.plan.homes import Floats

Index = NDArray[np.int32]


@dataclass(frozen=True)
class Finished:
    """The programme, its matrix by rows: entries start[r] to start[r + 1] of `index` and `value` are row r's."""

    cost: Floats
    lower: Floats
    upper: Floats
    whole: Index
    row_lower: Floats
    row_upper: Floats
    start: Index
    index: Index
    value: Floats


class Matrix:
    """Grows; `finished` is what it has become."""

    def __init__(self) -> None:
        self._columns: list[tuple[Floats, Floats, Floats, Index]] = []
        self._rows: list[tuple[Floats, Floats]] = []
        self._entries: list[tuple[Index, Index, Floats]] = []
        self.columns_made = 0
        self.rows_made = 0
        self.whole_made = 0

    def columns(
        self, shape: tuple[int, ...], lower: ArrayLike, upper: ArrayLike, cost: ArrayLike = 0.0, *, whole: bool = False
    ) -> Index:
        """New columns of `shape`; the rest broadcasts to it."""
        parts = [np.broadcast_to(np.asarray(part, float), shape).ravel() for part in (lower, upper, cost)]
        kind = np.full(parts[0].size, int(whole), np.int32)
        self._columns.append((parts[2], parts[0], parts[1], kind))
        made = np.arange(self.columns_made, self.columns_made + kind.size, dtype=np.int32)
        self.columns_made += kind.size
        self.whole_made += kind.size if whole else 0
        return made.reshape(shape)

    def rows(self, shape: tuple[int, ...], lower: ArrayLike, upper: ArrayLike) -> Index:
        """New rows of `shape`; the bounds broadcast to it."""
        parts = [np.broadcast_to(np.asarray(part, float), shape).ravel() for part in (lower, upper)]
        self._rows.append((parts[0], parts[1]))
        made = np.arange(self.rows_made, self.rows_made + parts[0].size, dtype=np.int32)
        self.rows_made += made.size
        return made.reshape(shape)

    def put(self, rows: ArrayLike, columns: ArrayLike, values: ArrayLike) -> None:
        """A[rows, columns] = values, all broadcast together. No place may be put twice."""
        row, column, value = np.broadcast_arrays(rows, columns, np.asarray(values, float))
        self._entries.append((row.ravel(), column.ravel(), value.ravel()))

    def finished(self) -> Finished:
        """All of it, by rows."""
        cost, lower, upper, whole = (np.concatenate(part) for part in zip(*self._columns, strict=True))
        row_lower, row_upper = (np.concatenate(part) for part in zip(*self._rows, strict=True))
        row, column, value = (np.concatenate(part) for part in zip(*self._entries, strict=True))
        order = np.argsort(row, kind="stable")
        start = np.zeros(self.rows_made + 1, np.int32)
        np.cumsum(np.bincount(row, minlength=self.rows_made), out=start[1:])
        index = column[order].astype(np.int32)
        return Finished(cost, lower, upper, whole, row_lower, row_upper, start, index, value[order])
