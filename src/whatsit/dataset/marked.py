"""Folders of photos beside tables of their classes: Roboflow's `train/_classes.csv`, one column for each class."""

import os

from whatsit.dataset.choices import Split
from whatsit.dataset.options import ReadOptions
from whatsit.dataset.words import split_names

TABLE = "_classes.csv"


def class_tables(root: str, options: ReadOptions) -> dict[str, Split | None]:
    """The tables of a folder and the split of each; empty where it has none, or is to be read as folders.

    The table is in the folder itself, or in each of its folders, which are splits by their names; no photo may lie in
    folders below, since those would be classes.
    """
    if options.top_folders or options.split_folders:
        return {}
    own = os.path.join(root, TABLE)  # noqa: PTH118
    if os.path.isfile(own) and not _folders(root):  # noqa: PTH113
        return {own: None}
    folders = _folders(root)
    splits = split_names(folders)
    tables = {os.path.join(root, name, TABLE): splits.get(name) for name in folders}  # noqa: PTH118
    if not splits or not all(map(os.path.isfile, tables)):
        return {}
    if any(_folders(os.path.dirname(table)) for table in tables):  # noqa: PTH120
        return {}
    return dict(tables)


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as found:
            return sorted(one.name for one in found if one.is_dir() and not one.name.startswith((".", "__")))
    except OSError:
        return []
