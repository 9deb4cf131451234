"""List folders: which files claim to be photos, and a tally of all that is passed over.

A file is a photo if its content begins like one or its name ends like one. The second kind is kept without a
look inside: whether it can be read is found out, and said by name, when it is decoded. So a listing opens
only the files with an unknown suffix, and 100,000 photos are listed in about a second.

A tree of folders, listed once each, and what one asks of it to find its classes.
"""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from whatsit.data.readers.words import is_plain_split, is_unlabelled, words
from whatsit.errors import DatasetError
from whatsit.text import clean_label, printable

HIDDEN, SKIPPED = "hidden", "left out by --skip"
HERE = f".{os.sep}"  # what a listing of the working directory puts before each name, for nothing


IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".bmp", ".dib", ".webp", ".tif"),
    *(".tiff", ".avif", ".heic", ".heif", ".hif", ".jp2", ".jxl", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"),
    *(".ico", ".svg", ".psd", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
    *(".dcm", ".dicom", ".j2k", ".jpx", ".pam", ".pfm"),
)
"""Names that a user takes for a photo, readable or not: such a file is never passed over in silence."""


_JUNK = frozenset(
    (
        *("thumbs.db", "desktop.ini", "__macosx", "@eadir", "@tmp", "#recycle", "$recycle.bin"),
        *("system volume information", "lost+found", "__pycache__", "lost.dir"),
    )
)


@dataclass
class Tally:
    """What a listing looked at and what it passed over."""

    files: int = 0
    folders: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    skipped_files: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Counts what another listing passed over, too."""
        self.files += other.files
        self.folders += other.folders
        self.skipped.update(other.skipped)
        self.skipped_files += other.skipped_files

    def skip(self, uri: str, reason: str) -> None:
        """Count a file under its reason, and name it unless it is hidden."""
        self.skipped[reason] += 1
        if reason != HIDDEN:
            self.skipped_files.append((uri, reason))


@dataclass(frozen=True)
class Listing:
    """The content of one folder: paths, by name."""

    folders: list[str]
    images: list[str]
    others: list[tuple[str, str]] = field(default_factory=list)  # (path, why it is no photo)
    hidden_folders: list[str] = field(default_factory=list)  # names; among the others, too

    def tell(self, tally: Tally) -> None:
        """Counts the folder, and what was passed over in it."""
        tally.folders += 1
        tally.files += len(self.images) + sum(reason != HIDDEN for _, reason in self.others)
        for path, reason in self.others:
            tally.skip(path, reason)


def list_folder(folder: str, tally: Tally) -> Listing:
    """The folders and photos directly in a folder. Hidden entries and other files go to the tally.

    Raises:
        DatasetError: The folder cannot be opened. To go on would lose photos in silence.
    """
    listing = scan(folder)
    listing.tell(tally)
    return listing


def scan(folder: str, skip: Sequence[str] = ()) -> Listing:
    """The same without a tally. skip: patterns of names to leave out, as a shell knows them."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise _cannot_be_listed(folder, error) from error
    listing = Listing([], [])
    for entry in entries:
        path = entry.path.removeprefix(HERE)
        if is_hidden(entry.name):
            listing.others.append((path, HIDDEN))
            if _is_folder(entry):
                listing.hidden_folders.append(entry.name)
        elif any(fnmatchcase(entry.name, pattern) for pattern in skip):
            listing.others.append((path, SKIPPED))
        elif _is_folder(entry):
            listing.folders.append(path)
        elif reason := _no_photo(entry):
            listing.others.append((path, reason))
        else:
            listing.images.append(path)
    return listing


def images_below(
    folder: str,
    tally: Tally,
    seen: set[tuple[int, int]],
    unlisted: dict[str, str] | None = None,
    look: Callable[[str], Listing] = scan,
) -> Iterator[str]:
    """Every photo in a folder and the folders below it, each folder once.

    Args:
        folder: Where to begin.
        tally: Gets what is passed over.
        seen: Identities of folders not to enter (again); grows. Links to folders are followed, so this is
            what keeps a link to a folder above from running in circles.
        unlisted: Gets each folder that cannot be opened, with the reason; the folder then comes as if it were a photo,
            and the others go on. Without it, such a folder ends the listing.
        look: Lists one folder; a memory of what was listed before saves the second look.

    Raises:
        DatasetError: A folder cannot be opened, and `unlisted` is not given.
    """
    stack = [folder]
    while stack:
        here = stack.pop()
        try:
            if (identity := _identity(here)) in seen:
                tally.skip(here, "folder linked again")
                continue
            seen.add(identity)
            listing = look(here)
            listing.tell(tally)
        except DatasetError as error:
            if unlisted is None:
                raise
            unlisted[here] = str(error).removeprefix(f"{printable(here)}: ")
            yield here
            continue
        yield from listing.images
        stack.extend(reversed(listing.folders))


def at_and_above(folder: str) -> set[tuple[int, int]]:
    """Identities of a folder and of all that contain it: where a link must not lead back to."""
    real = Path(os.path.realpath(folder))
    return {_identity(str(path)) for path in (real, *real.parents)}


def is_hidden(name: str) -> bool:
    """Dot files, and what Windows, macOS and network drives leave behind."""
    return name.startswith(".") or name.lower() in _JUNK


def _cannot_be_listed(folder: str, error: OSError) -> DatasetError:
    return DatasetError(
        f"{printable(folder)}: the folder cannot be listed ({error.strerror}). "
        "Expected a folder that you may read. Change its permissions or move it away."
    )


def _identity(folder: str) -> tuple[int, int]:
    try:
        status = os.stat(folder)  # noqa: PTH116 (once a folder, but Path costs more than the call)
    except OSError as error:
        raise _cannot_be_listed(folder, error) from error
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or into a closed folder
        return False


def _no_photo(entry: os.DirEntry[str]) -> str | None:
    """Why an entry is passed over, or None for a photo."""
    kind = _kind(entry)
    if kind and not stat.S_ISREG(kind):
        return "not a regular file"  # a pipe or device: opening one may wait for ever
    if entry.name.lower().endswith(IMAGE_SUFFIXES):
        return None
    if not kind:
        return "broken link"
    return _unlike_photo(entry.path)


def _kind(entry: os.DirEntry[str]) -> int:
    """The type bits of what the entry leads to, 0 if that is nowhere."""
    try:
        if entry.is_file():  # no system call, but for a link
            return stat.S_IFREG
        return stat.S_IFMT(entry.stat().st_mode)
    except OSError:
        return 0


def _unlike_photo(path: str) -> str | None:
    from whatsit.images.formats import HEAD, sniff

    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (one system call less than Path)
            head = file.read(HEAD)
    except OSError as error:
        return f"cannot be opened ({error.strerror})"
    return None if sniff(head) else "not an image"


FEW = 0.1  # share of photos beside the folders of a level, up to which they are strays and the folders are what counts


class Tree:
    """Folders, each listed once. skip: names that the user leaves out."""

    def __init__(self, skip: Sequence[str] = ()) -> None:
        self._scan = partial(scan, skip=skip)
        self._listings: dict[str, Listing] = {}
        self._counts: dict[str, int] = {}

    def look(self, folder: str) -> Listing:
        """Raises DatasetError where the folder cannot be listed."""
        if folder not in self._listings:
            self._listings[folder] = self._scan(folder)
        return self._listings[folder]

    def count(self, folder: str) -> int:
        """Photos in a folder and below."""
        if folder not in self._counts:
            above = at_and_above(str(Path(folder).parent))
            self._counts[folder] = sum(1 for _ in images_below(folder, Tally(), above, look=self.look))
        return self._counts[folder]

    def full(self, folder: str) -> list[str]:
        """The folders in it that hold photos, but for those whose name says that they have no label."""
        return [path for path in self.look(folder).folders if self.count(path) and not is_unlabelled(name_of(path))]

    def is_of_folders(self, folder: str) -> bool:
        """Whether a folder holds folders of photos, and next to no photos itself."""
        return bool(self.full(folder)) and len(self.look(folder).images) <= FEW * self.count(folder)

    @property
    def hidden_folders(self) -> Counter[str]:
        return Counter(name for listing in self._listings.values() for name in listing.hidden_folders)


def name_of(path: str) -> str:
    return Path(path).name


def label_of(path: str) -> str:
    return clean_label(name_of(path))


def bare_names(folders: Sequence[str]) -> list[str]:
    """The names of folders without the words of the one that holds them, where a split's is left: cat/cat_train."""
    bare = []
    for path in folders:
        own = words(Path(path).parent.name)
        rest = [word for word in words(name_of(path)) if word not in own]
        bare.append(" ".join(rest) if is_plain_split(" ".join(rest)) else name_of(path))
    return bare
