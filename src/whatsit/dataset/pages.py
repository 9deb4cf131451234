"""Pages of a file as records of their own: `stack.tif#page=2`. Pages of one file are one group, unless it has one.

Only lists: which pages a file has, `images.pages` knows.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from whatsit.dataset.records import Dataset, Record
from whatsit.errors import DatasetError
from whatsit.images.limits import Page
from whatsit.images.pages import page_names, split_page
from whatsit.text import number, printable

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
