"""A tree of folders, listed once each, and what one asks of it to find its classes."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from whatsit.dataset.files import Listing, Tally, at_and_above, images_below, scan
from whatsit.dataset.words import is_plain_split, is_unlabelled, words
from whatsit.text import clean_label

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
