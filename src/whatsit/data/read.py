"""Read a data set from whatever the user has: one folder or manifest, or one for each split.

Several sources as one data set: a photo that stands in two is taken once, and the later source says what it shows.

So a folder of photos and the corrections that people made of some of them are trained on together. Photos are the same
by their path, or by the bytes of their files; those that are named by URI are not fetched for it.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from whatsit.config import READ_DEFAULTS, ReadOptions, Split
from whatsit.data.dataset import Dataset, Record
from whatsit.data.readers.checks import class_hints, foreign_hint, no_such_data
from whatsit.data.readers.columns import check_applies, check_found
from whatsit.data.readers.folder import read_all_photos
from whatsit.data.readers.registry import READERS, DataSource, ReadResult, find_reader
from whatsit.data.readers.table import by_classes, find_classes, read_label_dict
from whatsit.errors import DatasetError
from whatsit.notices import notice
from whatsit.text import number, printable, shell_quoted

Data = str | Path | Sequence[str | Path]
"""A folder or CSV manifest, or several, of which a later one says what a photo shows that stands in two."""


Listed = Callable[[Dataset], None]
"""Hears of a data set that was read, before it is used."""


def noted(dataset: Dataset) -> None:
    """Logs what people should know of how it was read, a warning each."""
    for note in dataset.notes:
        notice(note)


def sources_of(data: Data) -> tuple[str | Path, ...]:
    """One source or several, as several. Raises DatasetError where there is none."""
    sources = (data,) if isinstance(data, str | Path) else tuple(data)
    if not sources:
        raise DatasetError("no data (got an empty list). Expected a folder or CSV manifest, or several.")
    return sources


def typed_data(data: Data, options: ReadOptions = READ_DEFAULTS) -> str:
    """The words to type for the same data, read in the same way."""
    return " ".join([*map(shell_quoted, sources_of(data)), *options.typed()])


def read_dataset(
    source: Data,
    *,
    valid: str | Path | None = None,
    test: str | Path | None = None,
    label_dict: str | Path | None = None,
    classes: Sequence[str] | None = None,
    options: ReadOptions = READ_DEFAULTS,
) -> Dataset:
    """List a data set. No image is decoded.

    Args:
        source: A folder of class folders, a folder of train, valid and test, or a CSV manifest; or several of them: a
            photo that stands in two, by path or by content, is taken once, with the label of the later one.
        valid: A folder of class folders or a manifest to validate on; `source` is then train.
        test: The same, to test on.
        label_dict: A text file, one label a line, that fixes the classes and their order.
        classes: A model's classes, to evaluate it: some may be missing, and photos of others are `foreign`.
        options: How to read it, where that is not plain.

    Raises:
        DatasetError: Whatever keeps the data from being used as asked, with the next step.
    """
    apart: list[tuple[str | Path, Split]] = [(valid, "valid")] if valid is not None else []
    apart += [(test, "test")] if test is not None else []
    known = tuple(classes or ()) or (read_label_dict(Path(label_dict)) if label_dict is not None else ())
    first, *later = sources_of(source)
    shown = printable(", ".join(map(str, (first, *later))))
    reader = _Reader([Path(path) for path in (first, *later, *(path for path, _ in apart))], options)
    parts = [reader.read(first, "train" if apart else None, known)]
    known = known or tuple({record.label for record in parts[0].records})
    if later:
        more = [reader.read(path, "train" if apart else None, known) for path in later]
        parts = [merged([*parts, *more], [str(one) for one in (first, *later)])]
    parts += [reader.read(path, split, known) for path, split in apart]
    reader.check()
    skipped = Counter[str]()
    for part in parts:
        skipped.update(part.tally.skipped)
    records = _listed_once([record for part in parts for record in part.records], shown, skipped)
    notes = list(dict.fromkeys(note for part in parts for note in part.notes))
    dataset = dataset_of(records, source_name(Path(first)), label_dict, shown, classes, notes)
    return replace(
        dataset,
        skipped=dict(sorted(skipped.items())),
        skipped_files=tuple(sorted(file for part in parts for file in part.tally.skipped_files)),
        missing=frozenset().union(*(part.missing for part in parts)),
        notes=(*notes, *class_hints(Counter(record.label for record in records)), *foreign_hint(dataset.foreign)),
    )


def read_photos(source: str | Path, options: ReadOptions = READ_DEFAULTS) -> Dataset:
    """List photos for what needs no classes: a folder of any shape, or a CSV manifest. No image is decoded.

    Raises:
        DatasetError: There is no photo, or the folder or manifest cannot be read.
    """
    path = Path(source)
    check_applies([path], options)
    is_folder = path.is_dir() and find_reader(path) == "folder"
    found = read_all_photos(str(path), options) if is_folder else _read_source(path, options)
    records = _listed_once(found.records, printable(str(source)), Counter())
    classes = tuple(sorted({r.label for r in records if r.label}))
    return Dataset(source_name(path), records, classes, {}, (), notes=tuple(found.notes))


def dataset_of(
    records: Sequence[Record],
    name: str,
    label_dict: str | Path | None = None,
    shown: str | None = None,
    classes: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Dataset:
    """A data set of records that are known already. `shown` names it in errors, `notes` say how it was read.

    Raises:
        DatasetError: One class, labels that train or the dictionary lacks.
    """
    if classes is not None:
        known, foreign = by_classes(records, shown or name, classes)
        return Dataset(name, tuple(known), tuple(classes), {}, (), foreign=tuple(foreign))
    dictionary = read_label_dict(Path(label_dict)) if label_dict is not None else None
    return Dataset(name, tuple(records), find_classes(records, shown or name, dictionary, notes), {}, ())


class _Reader:
    """Reads the parts of a data set. An option must apply to one of them, and a column be in one of the manifests."""

    def __init__(self, sources: Sequence[Path], options: ReadOptions) -> None:
        check_applies(sources, options)
        manifests = [printable(str(path)) for path in sources if not path.is_dir()]
        self._options, self._manifests = options, manifests
        self._lacking: list[tuple[str, ...]] = []

    def read(self, path: str | Path, split: Split | None, known: Sequence[str]) -> ReadResult:
        """One folder or manifest, whose records all get `split` where it is given."""
        found = _read_source(Path(path), self._options, known, among=len(self._manifests) > 1)
        if found.lacking is not None:
            self._lacking.append(found.lacking)
        return _in_split(found, Path(path), split)

    def check(self) -> None:
        """When all are read."""
        check_found(self._lacking, self._options, ", ".join(self._manifests))


def _in_split(found: ReadResult, path: Path, split: Split | None) -> ReadResult:
    if split is None:
        return found
    if other := next((r.split for r in found.records if r.split not in (None, split)), None):
        raise DatasetError(
            f"{printable(str(path))}: given as {split}, but holds photos for {other}. Expected one split. "
            "Give the whole data set alone, or one folder or manifest for each split."
        )
    return replace(found, records=[replace(record, split=split) for record in found.records])


def _read_source(path: Path, options: ReadOptions, known: Sequence[str] = (), *, among: bool = False) -> ReadResult:
    if not os.path.isdir(path) and not os.path.isfile(path):  # noqa: PTH112, PTH113 (no errors in a closed folder)
        raise no_such_data(path)
    return READERS.get(find_reader(path))(DataSource(path, options, known, among))


def _listed_once(records: Iterable[Record], name: str, skipped: Counter[str]) -> tuple[Record, ...]:
    """The records without repetitions. The same file told in two ways is an error."""
    first: dict[str, Record] = {}
    for record in records:
        known = first.setdefault(_same_file(record.uri), record)
        if known is record:
            continue
        for what in ("label", "split", "group"):
            one, two = getattr(known, what), getattr(record, what)
            if one != two:
                raise DatasetError(
                    f"{name}: {printable(record.uri)} is listed with two {what}s, "
                    f"'{printable(str(one))}' and '{printable(str(two))}'. Expected one. Remove either."
                )
        skipped["listed twice"] += 1
    return tuple(first.values())


def _same_file(uri: str) -> str:
    return uri if "://" in uri else os.path.normpath(uri)


def source_name(source: Path) -> str:
    """The folder's name, also for ``.`` and ``..``; a manifest's without its suffix."""
    real = Path(os.path.abspath(source))  # noqa: PTH100 (resolve would follow links)
    return printable((real.name if source.is_dir() else real.stem) or "photos")


def merged(parts: Sequence[ReadResult], names: Sequence[str]) -> ReadResult:
    """The records of all parts, those of the first in their order; a label of a later part counts, and is noted.

    A photo keeps the split, group and fold that it had where the later part gives none. names: of the parts, for notes.
    """
    first, *later = parts
    missing = frozenset().union(*(part.missing for part in parts))
    whole = ReadResult(list(first.records), first.tally, list(first.notes), missing)
    for part, name in zip(later, names[1:], strict=True):
        _add(whole, part, name)
    return whole


def _add(whole: ReadResult, part: ReadResult, name: str) -> None:
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
