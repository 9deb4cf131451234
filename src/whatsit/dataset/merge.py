"""Several sources as one data set: a photo that stands in two is taken once, and the later source says what it shows.

So a folder of photos and the corrections that people made of some of them are trained on together. Photos are the same
by their path, or by the bytes of their files; those that are named by URI are not fetched for it.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace

from whatsit.dataset.folder import Found
from whatsit.dataset.records import Record
from whatsit.text import number, printable


def merged(parts: Sequence[Found], names: Sequence[str]) -> Found:
    """The records of all parts, those of the first in their order; a label of a later part counts, and is noted.

    A photo keeps the split, group and fold that it had where the later part gives none. names: of the parts, for notes.
    """
    first, *later = parts
    missing = frozenset().union(*(part.missing for part in parts))
    whole = Found(list(first.records), first.tally, list(first.notes), missing)
    for part, name in zip(later, names[1:], strict=True):
        _add(whole, part, name)
    return whole


def _add(whole: Found, part: Found, name: str) -> None:
    known = _Known(whole.records)
    torn = _torn(part.records)
    taken, changed, fresh = set[int](), set[int](), list[Record]()
    for record in part.records:
        places = [] if _digest(record.uri) in torn else known.places(record)
        for place in places:
            old = whole.records[place]
            changed |= {place} if old.label != record.label else set()
            whole.records[place] = replace(
                old,
                label=record.label,
                split=record.split or old.split,
                group=record.group or old.group,
                fold=old.fold if record.fold is None else record.fold,
            )
        taken.update(places)
        if not places:
            fresh.append(record)
    whole.records += fresh
    whole.tally.add(part.tally)
    whole.notes += part.notes
    if taken:
        are, be = ("stands", "is") if len(taken) == 1 else ("stand", "are")
        other = f"; its label counts, which is another for {len(changed):,} of them" if changed else ""
        whole.notes.append(f"{number(len(taken), 'photo')} {are} in {printable(name)}, too, and {be} taken once{other}")


class _Known:
    """Records by path and by content; only files of equal size are read."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._paths: dict[str, list[int]] = {}
        self._sizes: dict[int, list[int]] = {}
        for place, record in enumerate(records):
            self._paths.setdefault(_plain(record.uri), []).append(place)
            if (size := _size(record.uri)) is not None:
                self._sizes.setdefault(size, []).append(place)
        self._digests: dict[int, str | None] = {}

    def places(self, record: Record) -> list[int]:
        """Of the same photo, in order."""
        found = set(self._paths.get(_plain(record.uri), []))
        size = _size(record.uri)
        alike = self._sizes.get(size, []) if size is not None else []
        if alike and (digest := _digest(record.uri)) is not None:
            found.update(place for place in alike if self._digest_of(place) == digest)
        return sorted(found)

    def _digest_of(self, place: int) -> str | None:
        if place not in self._digests:
            self._digests[place] = _digest(self._records[place].uri)
        return self._digests[place]


def _torn(records: Sequence[Record]) -> set[str | None]:
    """Contents that one part has under two labels: none of them counts, and all are left for the conflict to show."""
    sizes: dict[int, list[Record]] = {}
    for record in records:
        if (size := _size(record.uri)) is not None:
            sizes.setdefault(size, []).append(record)
    labels: dict[str | None, set[str]] = {}
    for alike in sizes.values():
        if len({record.label for record in alike}) > 1:
            for record in alike:
                labels.setdefault(_digest(record.uri), set()).add(record.label)
    return {digest for digest, found in labels.items() if len(found) > 1 and digest is not None}


def _plain(uri: str) -> str:
    return uri if "://" in uri else os.path.abspath(uri)  # noqa: PTH100 (a link is another name)


def _size(uri: str) -> int | None:
    try:
        return None if "://" in uri else os.stat(uri).st_size  # noqa: PTH116 (100,000 times)
    except (OSError, ValueError):
        return None


def _digest(uri: str) -> str | None:
    try:
        with open(uri, "rb") as file:  # noqa: PTH123
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None
