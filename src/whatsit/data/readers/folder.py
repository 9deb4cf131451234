"""Read a folder tree: its photos, each with the label of its class folder, and all that is passed over.

Which folders are the classes, `layout` decides.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from whatsit.config import READ_DEFAULTS, ReadOptions, Split
from whatsit.data.dataset import Record
from whatsit.data.readers.checks import boxes_hint, class_tables
from whatsit.data.readers.files import Tally, Tree, at_and_above, images_below, scan
from whatsit.data.readers.layout import find_layout
from whatsit.data.readers.manifest import read as read_listed
from whatsit.data.readers.registry import DataSource, ReadResult
from whatsit.data.readers.words import is_pictures
from whatsit.errors import DatasetError
from whatsit.text import number, printable, some

NOT_LISTED = "in no table of classes"
NO_CLASS = "no class folder"
NO_LABEL = "folder of photos without a label"


def read(source: DataSource) -> ReadResult:
    """The reader of folders: by tables of the classes where there are some, else by the folders' names.

    Raises:
        DatasetError: As `read_folder`; as the reader of manifests where there are tables.
    """
    root, options = str(source.path), source.options
    tables = class_tables(root, options)
    return _read_tables(tables, options) if tables else read_folder(root, options, source.classes)


def read_folder(root: str, options: ReadOptions = READ_DEFAULTS, known: Collection[str] = ()) -> ReadResult:
    """Every photo of a folder tree, sorted by path, and what was passed over.

    Args:
        root: The folder.
        options: What the user says of it.
        known: Classes that are known from elsewhere; they tell at which level the classes are.

    Raises:
        DatasetError: There is no photo in a class folder, the layout can be read in two ways, or a folder
            cannot be listed.
    """
    found, tree = _read(root, options, known)
    if not found.records:
        raise DatasetError(_nothing_found(root, found.tally, tree))
    return found


def read_all_photos(root: str, options: ReadOptions = READ_DEFAULTS) -> ReadResult:
    """The same with the photos that are in no class folder, which have no label.

    Raises:
        DatasetError: As `read_folder`, but only where there is no photo at all.
    """
    found, tree = _read(root, options, ())
    found.records += [Record(uri, label="") for uri, reason in found.tally.skipped_files if reason == NO_CLASS]
    if not found.records:
        raise DatasetError(_nothing_found(root, found.tally, tree))
    found.records.sort(key=lambda record: record.uri)
    return found


def _read(root: str, options: ReadOptions, known: Collection[str]) -> tuple[ReadResult, Tree]:
    tree = Tree(options.skip)
    layout = find_layout(root, tree, options, known)
    found = ReadResult([], notes=layout.notes)
    for folder in layout.levels:
        tree.look(folder).tell(found.tally)
        for image in tree.look(folder).images:
            found.tally.skip(image, NO_CLASS)
    for folder in layout.unlabelled:
        if tree.count(folder):
            found.tally.skip(folder, NO_LABEL)
    for one in layout.classes:
        above = at_and_above(os.path.dirname(one.path))  # noqa: PTH120
        images = list(images_below(one.path, found.tally, above, look=tree.look))
        if not images:
            found.tally.skip(one.path, "class folder without images")
        found.records += [Record(image, one.label, one.split, one.group) for image in images]
    found.records.sort(key=lambda record: record.uri)
    found.notes += _also_said(found, tree)
    labels = {record.label for record in found.records}
    if len(labels) == 1 and is_pictures(only := min(labels)) and only not in known:
        found.notes.insert(0, f"'{only}' says nothing of what is on the photos.{boxes_hint(tree, root)}".rstrip("."))
    return found, tree


def _also_said(found: ReadResult, tree: Tree) -> list[str]:
    notes = []
    if loose := found.tally.skipped[NO_CLASS]:
        where = next(path for path, reason in found.tally.skipped_files if reason == NO_CLASS)
        notes.append(
            f"{number(loose, 'photo')} in no class folder {'is' if loose == 1 else 'are'} passed over, "
            f"such as {printable(where)}"
        )
    if hidden := tree.hidden_folders:
        each = [f"{name} ({n} times)" if n > 1 else name for name, n in sorted(hidden.items())]
        notes.append(f"hidden folders are passed over: {some(each)}")
    return notes


def _nothing_found(root: str, tally: Tally, tree: Tree) -> str:
    shown = printable(root.rstrip(os.sep)) + os.sep
    if loose := tally.skipped[NO_CLASS]:
        photos = "1 photo, which is" if loose == 1 else f"{loose:,} photos, but they are"
        return (
            f"{shown}: {photos} in no class folder, so nobody knows what they show. "
            f"Expected {shown}<class>/<photo>: sort the photos into one folder for each class, or list them in a CSV "
            f"manifest: uri,label.{boxes_hint(tree, root)}"
        )
    looked = f"looked at {number(tally.files, 'file')} in {number(tally.folders, 'folder')}"
    return (
        f"{shown}: no images found ({looked}). Expected {shown}<class>/<photo>. "
        "Sort the photos into one folder for each class, or list them in a CSV manifest: uri,label."
    )


def _read_tables(tables: Mapping[str, Split | None], options: ReadOptions) -> ReadResult:
    """A folder whose photos have their classes in tables beside them, a table for each split."""
    found = ReadResult([], lacking=None)
    names = [printable(name) for name in tables]
    found.notes.append(f"the classes are those of {some(names)}, as labelling tools write them beside the photos")
    for name, split in tables.items():
        one = read_listed(DataSource(Path(name), options, among=len(tables) > 1))
        found.records += [replace(record, split=split or record.split) for record in one.records]
        found.tally.add(one.tally)
        listed = {record.uri for record in one.records} | {uri for uri, _ in one.tally.skipped_files}
        folder = str(Path(name).parent)
        for image in scan(folder, options.skip).images:
            if image not in listed:
                found.tally.skip(image, NOT_LISTED)
        found.notes += [note for note in one.notes if note not in found.notes]
        found.missing |= one.missing
    if n := found.tally.skipped[NOT_LISTED]:
        found.notes.append(f"{number(n, 'photo')} {'is' if n == 1 else 'are'} in none of these tables, so left out")
    return found
