"""How a data set is to be read where its folders or columns do not say it by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, get_args

from whatsit.dataset.choices import Split
from whatsit.errors import DatasetError
from whatsit.text import as_option, shell_quoted

TopFolders = Literal["classes", "groups", "parts"]


@dataclass(frozen=True)
class ReadOptions:
    """What the user says of the data; whatever is left out is found out, and refused where two readings are likely.

    Attributes:
        split_folders: Folder → its split, such as ``{"training_set": "train", "test_set": "test"}``. The folders are at
            the top or in every class folder, or paths from the top. Folders that are not named are left out.
        top_folders: What the folders at the top are. ``classes``: the folder says what is on a photo, and what lies
            below it is no matter. ``groups``: each holds class folders, and its photos belong together (a site, a
            patient). ``parts``: each holds class folders, and where a photo lies is no matter.
        skip: Names of folders and files to leave out, wherever they lie; ``*`` and ``?`` as a shell has them.
        path_column: Of a manifest: the column of paths or URIs.
        label_column: The column of labels.
        split_column: The column that says train, valid or test.
        group_column: The column whose equal values keep photos together.
        max_missing: Share of a manifest's files, in [0, 1], that may be missing. They are left out, and listed as
            unreadable ones are. Above, it is a mistake in the paths more likely than lost photos.
    """

    split_folders: Mapping[str, Split] = field(default_factory=dict)
    top_folders: TopFolders | None = None
    skip: tuple[str, ...] = ()
    path_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    group_column: str | None = None
    max_missing: float = 0.1

    def __post_init__(self) -> None:
        if self.top_folders is not None and self.top_folders not in get_args(TopFolders):
            raise DatasetError(f"top_folders={self.top_folders!r}: expected {', '.join(get_args(TopFolders))} or None.")
        if self.split_folders and self.top_folders is not None:
            raise DatasetError("split_folders and top_folders: expected one of them, since both say what folders are.")
        if strange := [split for split in self.split_folders.values() if split not in get_args(Split)]:
            raise DatasetError(f"split_folders: unknown split {strange[0]!r}. Expected train, valid or test.")
        if not 0 <= self.max_missing <= 1:
            raise DatasetError(f"max_missing={self.max_missing}: not a share. Expected a number from 0 to 1.")
        named: dict[str, str] = {}
        for name in ("path_column", "label_column", "split_column", "group_column"):
            column = getattr(self, name)
            if column is not None and (other := named.setdefault(column.strip().lower(), name)) != name:
                raise DatasetError(f"{other} and {name} are both {column!r}. Expected a column each.")

    def typed(self) -> list[str]:
        """The words to type for the same reading."""
        words = []
        if self.split_folders:
            told = ",".join(f"{split}={folder}" for folder, split in self.split_folders.items())
            words += ["--split-folders", shell_quoted(told)]
        for one in fields(self)[1:]:
            if (value := getattr(self, one.name)) != one.default:
                told = ",".join(value) if isinstance(value, tuple) else str(value)
                words += [as_option(one.name), shell_quoted(told)]
        return words


READ_DEFAULTS = ReadOptions()
