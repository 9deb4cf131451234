"""What a data set is: records (uri, label, split, group), their classes, and what was passed over.

Plain values that any other room can hold, sort and pickle. Nothing here reads a disk.

Pages of a file as records of their own: `stack.tif#page=2`. Pages of one file are one group, unless it has one.

Only lists: which pages a file has, `images.source` knows.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from whatsit.config import Split
from whatsit.errors import DatasetError
from whatsit.images.limits import Page
from whatsit.images.source import page_names, split_page
from whatsit.text import number, printable


@dataclass(frozen=True, slots=True)
class Record:
    """One photo: where it lies, what it shows, and where the user wants it.

    Attributes:
        uri: A path that opens from the working directory, or a URI that fsspec opens.
        label: The class, in Unicode's normal form C, without control characters; empty where a photo has none, which
            is no hindrance to embedding it.
        split: The split that the user gave it, if any.
        group: The user's name for photos that belong together (a patient, a video), if any.
        fold: The number of the fold of a cross-validation that the user gave it, if any.
    """

    uri: str
    label: str
    split: Split | None = None
    group: str | None = None
    fold: int | None = None


@dataclass(frozen=True)
class Depth:
    """What is known of a data set's deep photos, those of more than 8 bits: whoever decodes them says it."""

    value_range: tuple[float, float]  # black and white, in the values of the files
    measured_on: int  # photos: those deep ones that were looked at
    given: bool = False  # by the user; else the range was measured on them
    lost: tuple[str, ...] = ()  # URIs of those that show next to nothing by that range
    always: tuple[str, ...] = ()  # classes whose photos are all deep
    never: tuple[str, ...] = ()  # classes of which none is


@dataclass(frozen=True)
class Dataset:
    """A listed data set. No image has been decoded.

    Attributes:
        name: The folder's name, or the manifest's without its suffix.
        records: Sorted by uri (a folder), or in the manifest's order; train, valid, test where each is given
            on its own.
        classes: The label dictionary's order where one was given, else sorted.
        skipped: How many files were passed over, by reason, e.g. ``{"hidden": 3, "not an image": 2}``.
        skipped_files: ``(uri, reason)`` of those that are not hidden.
        depth: Of its deep photos, where they were looked at and there are any.
        missing: URIs of a manifest's files that are not there; they stay records, to be listed as unreadable.
        foreign: Photos to evaluate a model on whose class it does not have.
        notes: How it was read where that is not plain, and what to look at: a sentence each, for people.
    """

    name: str
    records: tuple[Record, ...]
    classes: tuple[str, ...]
    skipped: Mapping[str, int]
    skipped_files: tuple[tuple[str, str], ...]
    depth: Depth | None = None
    notes: tuple[str, ...] = ()
    foreign: tuple[Record, ...] = ()
    missing: frozenset[str] = frozenset()

    @property
    def counts(self) -> dict[str, Counter[str]]:
        """Label → split → photos that are there. That of those without one is "", or train beside valid or test."""
        rest = "train" if self.has_splits else ""
        found = {label: Counter[str]() for label in self.classes}
        for record in self.records:
            if record.uri not in self.missing:
                found.setdefault(record.label, Counter())[record.split or rest] += 1
        return found

    @property
    def has_splits(self) -> bool:
        """Whether the user set photos aside for valid or test. Train alone is no split: it can be cut."""
        return any(record.split in ("valid", "test") for record in self.records)


_PAGED = (".tif", ".tiff", ".dcm", ".dicom")


def with_pages(dataset: Dataset, page: Page) -> Dataset:
    """Where all pages are asked for, each as a record with its file's label and split. What is no page stays as it is.

    A page that is listed by its name is not listed again with its file's others.

    Raises:
        DatasetError: A file that is not on this machine would have to be fetched for its pages to be counted.
    """
    records, foreign = dataset.records, dataset.foreign
    if page == "all":
        records, foreign = _all(records), _all(foreign)
    of_file = Counter(file for record in (*records, *foreign) if (file := _file(record)))
    if not of_file:
        return dataset
    files, pages = number(len(of_file), "file"), number(of_file.total(), "page")
    note = f"{pages} of {files} are photos of their own; pages of one file stay together"
    grouped, foreign = (tuple(map(_grouped, some)) for some in (records, foreign))
    return replace(dataset, records=grouped, foreign=foreign, notes=(*dataset.notes, note))


def _all(records: Sequence[Record]) -> tuple[Record, ...]:
    listed = {record.uri for record in records}
    found: list[Record] = []
    for record in records:
        path = record.uri.removeprefix("file://")
        if _file(record):
            found.append(record)
        elif "://" not in path:
            names = [f"{record.uri.removesuffix(path)}{name}" for name in page_names(path)]
            found += [replace(record, uri=name) for name in names if name == record.uri or name not in listed]
        elif path.lower().endswith(_PAGED):
            raise DatasetError(
                f"{printable(record.uri)}: --page all counts the pages of local files alone. Copy the file here, or "
                "list its pages in a manifest, as FILE#page=1"
            )
        else:
            found.append(record)
    return tuple(found)


def _file(record: Record) -> str | None:
    """Of a page."""
    file, page = split_page(record.uri)
    return None if page is None else file


def _grouped(record: Record) -> Record:
    file = _file(record)
    return record if file is None or record.group is not None else replace(record, group=file)
