"""TIFF's tags: classic and BigTIFF, either byte order (TIFF 6.0, section 2; BigTIFF as libtiff defines it).

Fields are looked up in the file when they are asked for, and a count that the file cannot hold is refused before
anything is allocated. A whole number may be stored in any of the unsigned or signed types, as TIFF 6.0 asks of
readers.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from whatsit.errors import ImageError

_TYPES = {  # TIFF's number of a type: numpy's letter, without the byte order
    1: "u1",
    2: "S1",
    3: "u2",
    4: "u4",
    5: "u4",  # rational: two of them
    6: "i1",
    7: "u1",
    8: "i2",
    9: "i4",
    10: "i4",
    11: "f4",
    12: "f8",
    13: "u4",
    16: "u8",
    17: "i8",
    18: "u8",
}
_RATIONAL = (5, 10)
_MOST_TAGS = 4096
_MOST_PAGES = 100_000


@dataclass(frozen=True)
class Directory:
    """The tags of one page."""

    data: bytes  # the whole file, or what gives its bytes by slices
    order: str  # '<' or '>'
    entries: dict[int, tuple[int, int, int]]  # tag: (type, count, place of the values in the file)
    at: int = 0  # its own place in the file

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def raw(self, tag: int) -> bytes:
        """The field's bytes as stored. Raises `KeyError` where the page lacks the tag."""
        kind, count, at = self.entries[tag]
        size = np.dtype(_TYPES[kind]).itemsize * count * (2 if kind in _RATIONAL else 1)
        if at + size > len(self.data):
            raise ImageError(f"truncated TIFF: the values of tag {tag} lie beyond its end")
        return self.data[at : at + size]

    def numbers(self, tag: int) -> list[float]:
        """All values; rationals as quotients (0 where they are divided by 0), none where the page lacks the tag."""
        if tag not in self.entries:
            return []
        kind = self.entries[tag][0]
        if _TYPES[kind] == "S1":
            raise ImageError(f"damaged TIFF: tag {tag} is a text, expected numbers")
        values = np.frombuffer(self.raw(tag), self.order + _TYPES[kind])
        if kind in _RATIONAL:
            return [float(a) / float(b) if b else 0.0 for a, b in values.reshape(-1, 2)]
        return list(values.tolist())

    def integers(self, tag: int) -> list[int]:
        """All values of a field of whole numbers, none where the page lacks the tag."""
        values = self.numbers(tag)
        if not all(isinstance(value, int) for value in values):
            raise ImageError(f"damaged TIFF: tag {tag} holds fractions, expected whole numbers")
        return [int(value) for value in values]

    def integer(self, tag: int, default: int) -> int:
        """The first value of a field of whole numbers, `default` where the page lacks the tag."""
        values = self.integers(tag)
        return values[0] if values else default

    def text(self, tag: int) -> str:
        """A field of text up to its first NUL, empty where the page lacks the tag."""
        return self.raw(tag).split(b"\0")[0].decode("latin-1").strip() if tag in self.entries else ""


def pages(data: bytes) -> Iterator[Directory]:
    """The file's pages in its own order. Raises `ImageError` where the chain of directories is broken."""
    order, big = form(data)
    at = _unpack(data, order + ("Q" if big else "I"), 8 if big else 4)
    met: set[int] = set()
    while at and at not in met and len(met) < _MOST_PAGES:
        met.add(at)
        directory, at = _directory(data, order, big, at)
        yield directory


def form(data: bytes) -> tuple[str, bool]:
    """The byte order, '<' or '>', and whether it is a BigTIFF."""
    return {b"II": "<", b"MM": ">"}[data[:2]], 43 in data[2:4]


def page_at(data: bytes, at: int) -> Directory:
    """The page whose directory is at that place. Raises `ImageError`."""
    return _directory(data, *form(data), at)[0]


def _directory(data: bytes, order: str, big: bool, at: int) -> tuple[Directory, int]:
    """The directory at that place, and the place of the next one, or 0."""
    count_format, entry_format, field, next_format = ("Q", "HHQ", 8, "Q") if big else ("H", "HHI", 4, "I")
    start, count = at, _unpack(data, order + count_format, at)
    if not 0 < count <= _MOST_TAGS:
        raise ImageError(f"damaged TIFF: a directory of {count} tags")
    at += struct.calcsize(order + count_format)
    entry = struct.Struct(order + entry_format)
    step = entry.size + field
    if at + count * step > len(data):
        raise ImageError("truncated TIFF: ends in the middle of a header")
    entries = {}
    table = data[at : at + count * step]
    for place in range(at, at + count * step, step):
        tag, kind, values = entry.unpack_from(table, place - at)
        if kind not in _TYPES or tag in entries:
            continue  # readers skip types that they do not know (TIFF 6.0, section 2); the first of two tags counts
        size = np.dtype(_TYPES[kind]).itemsize * values * (2 if kind in _RATIONAL else 1)
        inside = place + entry.size
        entries[tag] = (kind, values, inside if size <= field else _unpack(data, order + next_format, inside))
    after = at + count * step
    has_next = after + struct.calcsize(next_format) <= len(data)
    return Directory(data, order, entries, start), _unpack(data, order + next_format, after) if has_next else 0


def _unpack(data: bytes, layout: str, at: int) -> int:
    size = struct.calcsize(layout)
    if at + size > len(data):
        raise ImageError("truncated TIFF: ends in the middle of a header")
    return int(struct.unpack(layout, data[at : at + size])[0])
