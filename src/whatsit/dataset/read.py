"""Read a data set from whatever the user has: one folder or manifest, or one for each split."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from whatsit.dataset.files import Tally
from whatsit.dataset.folder import read_all_photos, read_folder
from whatsit.dataset.labels import check_known, find_classes, read_label_dict
from whatsit.dataset.local import check_files
from whatsit.dataset.manifest import read_rows
from whatsit.dataset.records import Dataset, Record, Split
from whatsit.errors import DatasetError
from whatsit.text import printable


def read_dataset(
    source: str | Path,
    *,
    valid: str | Path | None = None,
    test: str | Path | None = None,
    label_dict: str | Path | None = None,
    classes: Sequence[str] | None = None,
) -> Dataset:
    """List a data set. No image is decoded.

    Args:
        source: A folder of class folders, a folder of train, valid and test, or a CSV manifest.
        valid: A folder of class folders or a manifest to validate on; `source` is then train.
        test: The same, to test on.
        label_dict: A text file, one label a line, that fixes the classes and their order.
        classes: A model's classes, to evaluate it: labels must be among them, and some may be missing.

    Raises:
        DatasetError: Whatever keeps the data from being used as asked, with the next step.
    """
    apart = [(path, split) for path, split in ((valid, "valid"), (test, "test")) if path is not None]
    parts = [_read_part(Path(source), "train" if apart else None)]
    parts += [_read_part(Path(path), "valid" if split == "valid" else "test") for path, split in apart]
    shown = printable(str(source))
    skipped = Counter[str]()
    for _, tally in parts:
        skipped.update(tally.skipped)
    records = _listed_once([record for part, _ in parts for record in part], shown, skipped)
    return replace(
        dataset_of(records, _name(Path(source)), label_dict, shown, classes),
        skipped=dict(sorted(skipped.items())),
        skipped_files=tuple(sorted(file for _, tally in parts for file in tally.skipped_files)),
    )


def read_photos(source: str | Path) -> Dataset:
    """List photos for what needs no classes: a folder of any shape, or a CSV manifest. No image is decoded.

    Raises:
        DatasetError: There is no photo, or the folder or manifest cannot be read.
    """
    path = Path(source)
    if path.is_dir():
        records: Sequence[Record] = read_all_photos(str(path))
    else:
        records, _ = _read_folder_or_manifest(path)
    records = _listed_once(records, printable(str(source)), Counter())
    return Dataset(_name(path), records, tuple(sorted({r.label for r in records if r.label})), {}, ())


def dataset_of(
    records: Sequence[Record],
    name: str,
    label_dict: str | Path | None = None,
    shown: str | None = None,
    classes: Sequence[str] | None = None,
) -> Dataset:
    """A data set of records that are known already. `shown` names it in errors.

    Raises:
        DatasetError: One class, labels that train or the dictionary lacks.
    """
    if classes is not None:
        check_known(records, shown or name, classes)
        return Dataset(name, tuple(records), tuple(classes), {}, ())
    dictionary = read_label_dict(Path(label_dict)) if label_dict is not None else None
    return Dataset(name, tuple(records), find_classes(records, shown or name, dictionary), {}, ())


def _read_part(path: Path, split: Split | None) -> tuple[Sequence[Record], Tally]:
    """One folder or manifest, whose records all get `split` where it is given."""
    records, tally = _read_folder_or_manifest(path)
    if split is None:
        return records, tally
    if other := next((r.split for r in records if r.split not in (None, split)), None):
        raise DatasetError(
            f"{printable(str(path))}: given as {split}, but holds photos for {other}. Expected one split. "
            "Give the whole data set alone, or one folder or manifest for each split."
        )
    return [replace(record, split=split) for record in records], tally


def _read_folder_or_manifest(path: Path) -> tuple[Sequence[Record], Tally]:
    if os.path.isdir(path):  # noqa: PTH112 (False, not an error, in a closed folder)
        return read_folder(str(path))
    if os.path.isfile(path):  # noqa: PTH113
        rows = check_files(read_rows(path), str(path))
        return [row.record for row in rows], Tally(files=len(rows))
    raise DatasetError(
        f"{printable(str(path))}: no such folder or manifest. "
        "Expected a folder of class folders, or a CSV file on this computer. Check the path."
    )


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


def _name(source: Path) -> str:
    """The folder's name, also for ``.`` and ``..``; a manifest's without its suffix."""
    real = Path(os.path.abspath(source))  # noqa: PTH100 (resolve would follow links)
    return printable((real.name if source.is_dir() else real.stem) or "photos")
