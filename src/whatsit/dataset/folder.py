"""Read a folder tree: `<class>/…`, or `train|valid|test/<class>/…`. The folder below the top is the label.

A folder called `test` may be a split or a class. It is a split only where every visible folder at the top
has a split's name and one of them is train; where that reading and the other are both likely, it is an error.
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from whatsit.dataset.files import Tally, at_and_above, images_below, list_folder
from whatsit.dataset.records import SPLIT_NAMES, Record, Split
from whatsit.errors import DatasetError
from whatsit.text import clean_label, number, printable, some

NO_CLASS = "no class folder"


def read_folder(root: str) -> tuple[list[Record], Tally]:
    """Every photo of a folder tree, sorted by path, and what was passed over.

    Raises:
        DatasetError: There is no photo in a class folder, the layout can be read in two ways, or a folder
            cannot be listed.
    """
    records, tally = _list(root)
    if not records:
        raise DatasetError(_nothing_found(root, tally))
    return records, tally


def read_all_photos(root: str) -> list[Record]:
    """The same with the photos that are in no class folder, which have no label.

    Raises:
        DatasetError: As `read_folder`, but only where there is no photo at all.
    """
    records, tally = _list(root)
    records += [Record(uri, label="") for uri, reason in tally.skipped_files if reason == NO_CLASS]
    if not records:
        raise DatasetError(_nothing_found(root, tally))
    return sorted(records, key=lambda record: record.uri)


def _list(root: str) -> tuple[list[Record], Tally]:
    tally = Tally()
    records: list[Record] = []
    for folder, split in _sections(root, tally):
        records.extend(_read_classes(folder, split, tally, at_and_above(folder)))
    return sorted(records, key=lambda record: record.uri), tally


def _sections(root: str, tally: Tally) -> list[tuple[str, Split | None]]:
    """The folders that hold class folders: the root itself, or its splits."""
    folders = list_folder(root, Tally()).folders
    splits = {path: SPLIT_NAMES[word] for path in folders if (word := _name(path).lower()) in SPLIT_NAMES}
    if "train" not in splits.values():
        return [(root, None)]
    if len(splits) < len(folders):
        _check_flat(root, splits, len(folders))
        return [(root, None)]
    if len(set(splits.values())) < len(splits):
        raise DatasetError(
            f"{_shown(root)}: two folders for one split (got {_names(splits)}). "
            "Expected one each of train, valid and test. Merge or rename them."
        )
    _pass_over(list_folder(root, tally).images, tally)
    return list(splits.items())


def _check_flat(root: str, splits: Collection[str], total: int) -> None:
    """Refuse a split tree with a stray folder: read as flat, its splits would become classes."""
    below = [{_name(path) for path in list_folder(path, Tally()).folders} for path in splits]
    if len(below) > 1 and set.intersection(*below):
        raise DatasetError(
            f"{_shown(root)}: {_names(splits)} look like splits, but "
            f"{number(total - len(splits), 'other folder')} beside them would make them classes. "
            "Expected only train, valid and test, or only classes. Move the other folders away."
        )


def _read_classes(folder: str, split: Split | None, tally: Tally, above: set[tuple[int, int]]) -> Iterator[Record]:
    listing = list_folder(folder, tally)
    _pass_over(listing.images, tally)
    for path in listing.folders:
        label = clean_label(_name(path))
        if not label:
            raise DatasetError(f"{_shown(path)}: a folder with a blank name. Expected the name of a class.")
        images = list(images_below(path, tally, set(above)))
        if not images:
            tally.skip(path, "class folder without images")
        yield from (Record(image, label, split) for image in images)


def _pass_over(images: list[str], tally: Tally) -> None:
    for image in images:
        tally.skip(image, NO_CLASS)


def _nothing_found(root: str, tally: Tally) -> str:
    looked = f"looked at {number(tally.files, 'file')} in {number(tally.folders, 'folder')}"
    if loose := tally.skipped[NO_CLASS]:
        looked += f"; {number(loose, 'image')} in no class folder"
    return (
        f"{_shown(root)}: no images found ({looked}). "
        "Expected <class>/<image> or {train,valid,test}/<class>/<image>. "
        "Sort the photos into one folder a class, or list them in a CSV manifest: uri,label."
    )


def _names(paths: Collection[str]) -> str:
    return some([_name(path) for path in paths])


def _name(path: str) -> str:
    return Path(path).name


def _shown(folder: str) -> str:
    return printable(folder.rstrip(os.sep)) + os.sep
