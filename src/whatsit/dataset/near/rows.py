"""Rows of numbers for the search: in memory while they are few, in a nameless temporary file where they are many.

What is searched through is read again and again, by blocks, and never needed whole. So the file is mapped, and its
pages are handed back to the system whenever enough of them have been touched: they are no memory that others lack.
"""

import mmap
import tempfile
import weakref
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from whatsit.errors import DatasetError

Index = slice | NDArray[np.integer[Any]]

IN_MEMORY = 4 << 20  # bytes of a table that stays in memory
TOUCHED = 64 << 20  # bytes of pages, after which they are handed back
PAGE = 4096


class Rows(Protocol):
    """Of n rows, some: as NumPy's arrays have it."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Chosen:
    """Some rows of others, without a copy."""

    rows: Rows
    which: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.which), *self.rows.shape[1:])

    def __len__(self) -> int:
        return len(self.which)

    def __getitem__(self, index: Index) -> NDArray[Any]:
        return self.rows[self.which[index]]


def some_rows(rows: Rows, which: NDArray[np.int64]) -> Rows:
    """which: (m,) ascending; where these are all, the rows themselves."""
    return rows if len(which) == len(rows) else Chosen(rows, which)


class Table:
    """Collects up to `most` rows of one shape and type, in order. Read what is there by a slice or by places.

    Raises DatasetError where the temporary file cannot be written.
    """

    def __init__(self, most: int, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._row, self._type = shape, np.dtype(dtype)
        self._bytes = prod(shape) * self._type.itemsize  # of a row
        self._count = self._touched = 0
        self._map: mmap.mmap | None = None
        self._file = None
        small = most * self._bytes <= IN_MEMORY
        self._rows: NDArray[Any] = np.empty((most if small else 0, *shape), self._type)
        if not small:
            try:
                self._file = tempfile.TemporaryFile(prefix="whatsit-")  # noqa: SIM115 (lives as long as the table)
            except OSError as error:
                raise _no_room(error) from error
            weakref.finalize(self, self._file.close)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._count, *self._row)

    def __len__(self) -> int:
        return self._count

    def add(self, rows: NDArray[Any]) -> None:
        """rows: (m, …) of the table's shape."""
        if self._file is None:
            self._rows[self._count : self._count + len(rows)] = rows
        else:
            self._map = None  # (mapped anew, with what is new)
            try:
                self._file.write(np.ascontiguousarray(rows, self._type).data)
            except OSError as error:
                raise _no_room(error) from error
        self._count += len(rows)

    def __getitem__(self, index: Index) -> NDArray[Any]:
        """A copy of the rows, where they lie in a file."""
        if self._file is None:
            return self._rows[: self._count][index]
        if not self._count:
            return self._rows[index]
        mapped = self._mapped()
        found = np.array(np.frombuffer(mapped, self._type).reshape(self.shape)[index])
        each = self._bytes if isinstance(index, slice) else max(self._bytes, PAGE)
        self._touched += each * (found.size // max(1, prod(self._row)))
        if self._touched > TOUCHED and hasattr(mapped, "madvise"):
            self._touched = 0
            mapped.madvise(mmap.MADV_DONTNEED)
        return found

    def _mapped(self) -> mmap.mmap:
        if self._map is None:
            assert self._file is not None
            try:
                self._file.flush()
            except OSError as error:
                raise _no_room(error) from error
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._map


def _no_room(error: OSError) -> DatasetError:
    reason = error.strerror or str(error)
    return DatasetError(
        f"{tempfile.gettempdir()}: no room for a temporary file of many photos' thumbnails and vectors ({reason}). "
        "Free some space, or set TMPDIR to a folder on another disk"
    )
