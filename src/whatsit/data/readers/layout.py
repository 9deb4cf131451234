"""Which folders of a tree are classes, and which are splits, wrappers, parts of the whole, or no classes at all.

A class is a folder whose name says what its photos show; all that lies below belongs to it. A level of the tree is
something else where

- its names are split words beside each other (`training_set`, `test_set`): splits, also below every class;
- it is one folder alone that holds others (`dataset/`): a wrapper, looked into;
- its members hold folders of the same names (`batch1/cat`, `batch2/cat`): then the upper or the lower folders are the
  classes. Names such as `2021` or `closeup` below tell; otherwise the user is asked.

What was read otherwise than word by word is noted, and where two readings are likely none is taken.
"""

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from whatsit.config import ReadOptions, Split
from whatsit.data.readers.checks import check_classes, check_masks
from whatsit.data.readers.files import FEW, Tree, bare_names, label_of, name_of
from whatsit.data.readers.words import is_plain_split, is_unlabelled, partness, split_names, split_word
from whatsit.errors import DatasetError
from whatsit.text import number, printable, some

SHARED = 0.5  # share of the folders below a level whose name occurs below another member
TOP_ARE_CLASSES = "--top-folders classes"


@dataclass(frozen=True)
class ClassFolder:
    """A folder whose photos all have one label."""

    path: str
    label: str
    split: Split | None = None
    group: str | None = None


@dataclass
class Layout:
    """How a tree is read."""

    classes: list[ClassFolder] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)  # folders above the classes; photos in them have no label
    unlabelled: list[str] = field(default_factory=list)  # folders that are none by their name
    notes: list[str] = field(default_factory=list)  # for people


def find_layout(root: str, tree: Tree, options: ReadOptions, known: Collection[str] = ()) -> Layout:
    """known: classes that are known from elsewhere, which tell the level of classes.

    Raises DatasetError where two readings are likely, with what was seen and what to type.
    """
    return _Finder(root, tree, options, frozenset(known)).find()


class _Finder:
    def __init__(self, root: str, tree: Tree, options: ReadOptions, known: frozenset[str]) -> None:
        self.root, self.tree, self.options, self.known = root, tree, options, known
        self.layout = Layout()

    def find(self) -> Layout:
        top = self._unwrapped(self.root)
        if self.options.top_folders == "classes":
            self.layout.levels.append(top)
            self._add(self.tree.look(top).folders)
            return self.layout
        members = self._members(top)
        if self.options.split_folders:
            self._as_told(members)
        elif self.options.top_folders:
            self._parts(members, grouped=self.options.top_folders == "groups")
        else:
            self._find_out(members)
        return self.layout

    def _find_out(self, members: list[str]) -> None:
        level = self._known_level(members)
        if level != "top":
            if self._splits(members):
                return
            self._check_strays(members)
        if level == "below":
            self._parts(members, grouped=False)
            self.layout.notes.append(
                f"{_names(self._full(members))} read as folders of classes, which have known names"
            )
            return
        if self._splits_below(members):
            return
        check_masks(self._shown(), self.tree, members)
        if level is None:
            self._check_grid(members)
            check_classes(self._shown(), self.tree, members)
        self._add(members)

    # --- levels ---

    def _members(self, folder: str) -> list[str]:
        """The folders with photos at a level of the layout; those without a label are set aside."""
        self.layout.levels.append(folder)
        listing = self.tree.look(folder)
        aside = [path for path in listing.folders if is_unlabelled(name_of(path)) and label_of(path) not in self.known]
        for path in aside:
            self.layout.unlabelled.append(path)
            if count := self.tree.count(path):
                self.layout.notes.append(
                    f"'{printable(name_of(path))}' is passed over ({number(count, 'photo')}): its name says that "
                    f"they have no label. If it is a class: {TOP_ARE_CLASSES}"
                )
        return [path for path in listing.folders if path not in aside]

    def _full(self, members: Collection[str]) -> list[str]:
        return [path for path in members if self.tree.count(path)]

    def _unwrapped(self, folder: str, others: Collection[str] | None = None) -> str:
        """The folder itself, or the one inside that holds all, which is then noted."""
        inner = self._inside(folder, others)
        if inner != folder:
            self.layout.levels += _between(folder, inner)
            self.layout.notes.append(f"read from {_shown(inner)}, since nothing else in {_shown(folder)} has a label")
        return inner

    def _inside(self, folder: str, others: Collection[str] | None = None) -> str:
        """The folder itself, or the one inside that holds all: `dataset/`, `seg_train/seg_train/`.

        others: of a split's folder, the names of classes in the other splits; None above the splits.
        """
        inside = self.tree.full(folder)
        if len(inside) != 1 or len(self.tree.look(folder).images) > FEW * self.tree.count(folder):
            return folder
        inner, label = inside[0], label_of(inside[0])
        plain = is_plain_split(name_of(inner)) and others is None
        if plain or label in self.known or (others and label in others) or not self.tree.is_of_folders(inner):
            return folder
        deeper = self._inside(inner, others)
        found = self.tree.full(deeper)
        if len(found) < 2 and not (others is None and found and is_plain_split(name_of(found[0]))):
            return folder
        return deeper

    def _known_level(self, members: list[str]) -> str | None:
        """Whether the known classes are the names of a level or of the level below it."""
        if not self.known or not members:
            return None
        top = [label_of(path) in self.known for path in self._full(members)]
        below = [name in self.known for name in {label_of(p) for path in members for p in self.tree.full(path)}]
        share_top, share_below = (sum(hits) / len(hits) if hits else 0.0 for hits in (top, below))
        if max(share_top, share_below) == 0:
            return None
        return "top" if share_top >= share_below else "below"

    # --- readings ---

    def _add(self, folders: Sequence[str], split: Split | None = None, group: str | None = None) -> None:
        for path in folders:
            label = label_of(path)
            if not label:
                raise DatasetError(f"{_shown(path)}: a folder with a blank name. Expected the name of a class.")
            self.layout.classes.append(ClassFolder(path, label, split, group))

    def _parts(self, members: Sequence[str], *, grouped: bool) -> None:
        for path in self._full(members):
            self._add(self._members(path), group=printable(name_of(path)) if grouped else None)

    def _splits(self, members: list[str]) -> bool:
        """Reads the members as splits, where they are some."""
        full = self._full(members)
        splits = {path: split for path in full if (split := split_names(_each(full)).get(name_of(path)))}
        below = [set(map(label_of, self.tree.full(path))) for path in full]
        if not splits or ("train" not in splits.values() and not _is_shared(below)):
            return self._refuse_two_tests(full, below)
        if "train" in splits.values() and not any(below) and not all(is_plain_split(name) for name in _each(full)):
            return False  # steam_train/*.jpg
        if len(set(splits.values())) < len(splits):
            raise DatasetError(self._two_for_one(full))
        self._read_splits(splits)
        return True

    def _read_splits(self, splits: Mapping[str, Split]) -> None:
        unusual = [path for path in splits if name_of(path).lower() not in PLAIN]
        if unusual:
            told = ", ".join(f"{printable(name_of(path))} is {split}" for path, split in splits.items())
            self.layout.notes.append(f"splits by their folders: {told}")
        sections = self._sections(splits)
        for (path, split), section in zip(splits.items(), sections, strict=True):
            members = self._members(section)
            check_masks(_shown(path), self.tree, members)
            if split == "train":
                self._check_grid(members, split)
            self._add(members, split)

    def _sections(self, splits: Collection[str]) -> list[str]:
        """Each split's folder, or the wrapper's inside."""
        single = [path for path in splits if len(self.tree.full(path)) == 1]
        others = {label_of(p) for path in splits if path not in single for p in self.tree.full(path)}
        return [self._unwrapped(path, others) if path in single else path for path in splits]

    def _splits_below(self, members: list[str]) -> bool:
        """Reads `<class>/train`, `<class>/test`. Raises DatasetError where some classes are divided so and some not."""
        full = self._full(members)
        divided = [path for path in full if _is_divided(bare_names(self.tree.full(path)))]
        if not divided:
            self._note_lone_splits(full)
            return False
        splits = {path: split_names(bare_names(self.tree.full(path))) for path in full}
        for path in full:
            if why := self._undivided(path, splits[path]):
                first, other = (printable(name_of(one)) for one in (divided[0], path))
                raise DatasetError(
                    f"{self._shown()}: '{first}' is divided into {some(_each(self.tree.full(divided[0])))}, but "
                    f"'{other}' has {why}. Move those, leave folders out (--skip NAME), or if the subfolders are no "
                    f"splits: {TOP_ARE_CLASSES}."
                )
        for path in full:
            members = self._members(path)
            for folder in self._full(members):
                label, split = label_of(path), splits[path][bare_names([folder])[0]]
                self.layout.classes.append(ClassFolder(folder, label, split))
        self.layout.notes.append(f"splits by the folders below each class: {some(_each(self.tree.full(full[0])))}")
        return True

    def _note_lone_splits(self, full: Sequence[str]) -> None:
        for path in full:
            if lone := [name for name in _each(self.tree.full(path)) if is_plain_split(name)]:
                self.layout.notes.append(
                    f"{some(lone)} in '{printable(name_of(path))}' is read as a part of that class"
                )

    def _undivided(self, folder: str, splits: Mapping[str, Split]) -> str:
        """What keeps a class's folder from being read as splits, if anything."""
        if loose := len(self.tree.look(folder).images):
            return f"{number(loose, 'photo')} in no split"
        names = bare_names(self.tree.full(folder))
        if odd := [name for name in names if not is_plain_split(name)]:
            return f"{some(odd)}, which {'is no split' if len(odd) == 1 else 'are no splits'}"
        return "" if len(set(splits.values())) == len(names) else "two folders for one split"

    def _as_told(self, members: list[str]) -> None:
        """Reads by `split_folders`. Raises DatasetError where a folder is not there."""
        wanted = dict(self.options.split_folders)
        at_top = {name_of(path): path for path in members}
        below = {name_of(p) for path in members for p in self.tree.look(path).folders}
        paths = {name: os.path.join(self.root, name) for name in wanted if "/" in name.strip("/")}  # noqa: PTH118
        missing = [name for name in wanted if name not in at_top and not os.path.isdir(paths.get(name, ""))]  # noqa: PTH112
        if missing and set(wanted) <= below and not paths:
            self._as_told_below(members, wanted)
            return
        if missing:
            raise DatasetError(
                f"{self._shown()}: --split-folders names {some(missing)}, which is not there. "
                f"Expected some of {some([*at_top, *sorted(below)], 6)}."
            )
        chosen = {at_top.get(name) or paths[name]: split for name, split in wanted.items()}
        self._leave_out([path for path in self._full(members) if path not in chosen and not paths])
        sections = [self._unwrapped(path, set()) if len(self.tree.full(path)) == 1 else path for path in chosen]
        for split, section in zip(chosen.values(), sections, strict=True):
            self._add(self._members(section), split)

    def _as_told_below(self, members: list[str], wanted: Mapping[str, Split]) -> None:
        for path in self._full(members):
            folders = self._members(path)
            self._leave_out([p for p in self._full(folders) if name_of(p) not in wanted])
            for folder in folders:
                if split := wanted.get(name_of(folder)):
                    self.layout.classes.append(ClassFolder(folder, label_of(path), split))

    def _leave_out(self, folders: list[str]) -> None:
        if folders:
            self.layout.notes.append(f"{_names(folders)}: not named by --split-folders, so left out")

    # --- what could be read in two ways ---

    def _check_strays(self, members: list[str]) -> None:
        """Refuse splits with a stray folder beside them: read as classes, the splits would be some."""
        full = self._full(members)
        splits = [path for path in full if is_plain_split(name_of(path))]
        strays = [path for path in full if path not in splits]
        kinds = {word[0] for path in splits if (word := split_word(name_of(path)))}
        if not strays or "train" not in kinds:
            return
        below = {path: set(map(label_of, self.tree.full(self._inside(path, set())))) for path in full}
        train = next(path for path in splits if (split_word(name_of(path)) or ("",))[0] == "train")
        is_level = self.tree.is_of_folders(train) and len(below[train]) > 1
        others = [below[path] for path in full if path != train]
        skip = f"To leave out what is no split: --skip {','.join(_shell(path) for path in strays[:3])}."
        keep = f"If all are classes: {TOP_ARE_CLASSES}."
        if any(below[train] & one for one in others) or (is_level and (len(kinds) > 1 or not any(others))):
            raise DatasetError(
                f"{self._shown()}: {_names(splits)} {'looks like a split' if len(splits) == 1 else 'look like splits'}"
                f", {_names(strays)} beside {'it' if len(splits) == 1 else 'them'} not. "
                + " ".join((skip, keep)[:: 1 if any(others) or len(kinds) > 1 else -1])  # a train beside cars and buses
            )

    def _check_grid(self, members: list[str], split: Split | None = None) -> None:
        """Refuse a level whose members hold folders of the same names, unless the names below are mere parts."""
        full = self._full(members)
        below = [sorted(map(label_of, self.tree.full(path))) for path in full]
        loose = sum(len(self.tree.look(path).images) for path in full)
        if len(full) < 2 or loose > FEW * sum(map(self.tree.count, full)):
            return
        counts = Counter(name for names in below for name in names)
        common = [name for name, n in counts.most_common() if n > 1]
        pairs = sum(map(len, below))
        shared = len(common) > 1 and sum(counts[name] for name in common) >= SHARED * pairs
        upper, lower = partness(_each(full)), partness(common or list(counts))
        if not shared and not (upper == 2 and lower == 0 and len(counts) > 1 and all(below)):
            return
        if lower > upper:
            self.layout.notes.append(
                f"classes are the upper folders, such as {some(_each(full), 2)}; what lies below them "
                f"({some(common, 2)}) is taken together"
            )
            return
        what = f"hold folders of the same names, {some(common, 2)}" if shared else f"hold {some(list(counts), 2)}"
        if split is not None:
            raise DatasetError(
                f"{_shown(str(Path(full[0]).parent))}: {_names(full)} {what}. Expected {split}/<class>/. Move the "
                "photos of each class into one folder, or list them in a CSV manifest: uri,label,split."
            )
        first, second = (_shell(path) for path in sorted(full, key=self.tree.count, reverse=True)[:2])
        raise DatasetError(
            f"{self._shown()}: {_names(full)} {what}. Which are the classes? The upper ones: {TOP_ARE_CLASSES}. The "
            "lower ones: --top-folders parts, or --top-folders groups to keep the photos of each upper folder "
            f"together. If the upper ones are splits: --split-folders train={first},test={second}."
        )

    def _refuse_two_tests(self, full: list[str], below: list[set[str]]) -> bool:
        """`training`, `public_test`, `private_test`: splits, but which is which is not clear. Else gives False."""
        words = [split_word(name) for name in _each(full)]
        kinds = {word[0] for word in words if word}
        if all(words) and len(full) > 1 and "train" in kinds and len(kinds) > 1:
            if _is_shared(below):
                raise DatasetError(self._two_for_one(full))
            if not any(below):
                raise DatasetError(
                    f"{self._shown()}: {_names(full)} name a split and a class in one. Expected <split>/<class>/ "
                    f"or <class>/. Rename the folders, or list the photos in a CSV manifest: uri,label,split."
                )
        return False

    def _two_for_one(self, full: list[str]) -> str:
        told = ",".join(f"{_guess(path, at)}={_shell(path)}" for at, path in enumerate(full[:4]))
        return (
            f"{self._shown()}: two folders for one split, or unclear ones (got {_names(full)}). Say which is which: "
            f"--split-folders {told}"
        )

    def _shown(self) -> str:
        return _shown(self.root)


PLAIN = frozenset(["train", "training", "val", "valid", "validation", "test", "testing"])


def _between(folder: str, inner: str) -> list[str]:
    """The folder and those on the way to the inner one, which is not among them."""
    parts = Path(inner).relative_to(folder).parts[:-1]
    return [folder, *(os.path.join(folder, *parts[: at + 1]) for at in range(len(parts)))]  # noqa: PTH118


def _guess(path: str, at: int) -> str:
    word = (split_word(name_of(path)) or ("train",))[0]
    return word if word in ("train", "valid", "test") else "test"


def _is_divided(names: Sequence[str]) -> bool:
    kinds = {word[0] for name in names if is_plain_split(name) and (word := split_word(name))}
    return "train" in kinds and len(kinds) > 1


def _is_shared(below: Sequence[set[str]]) -> bool:
    counts = Counter(name for names in below for name in names)
    return all(below) and (len(below) == 1 or any(n > 1 for n in counts.values()))


def _holds(paths: Collection[str]) -> str:
    return "holds" if len(paths) == 1 else "hold"


def _each(paths: Collection[str]) -> list[str]:
    return [name_of(path) for path in paths]


def _names(paths: Collection[str]) -> str:
    return some(_each(paths))


def _shell(path: str) -> str:
    """A folder's name as a part of what is typed."""
    name = printable(name_of(path))
    return name if name.replace("_", "").replace("-", "").replace(".", "").isalnum() else f"'{name}'"


def _shown(folder: str) -> str:
    return printable(folder.rstrip(os.sep)) + os.sep
