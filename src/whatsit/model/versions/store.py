"""What happens when versions go: they vanish at once, and another takes the place of the default.

What differs between the classes of two versions, in one sentence. Clients that count on them want to know.

The repository: named models, numbered versions, and which of them is the default.

Reading takes no lock. Writing takes the model's, for as long as it takes to number, rename and write a few lines; the
copy of a model is made before, and what is removed is deleted after. A kill at any moment leaves a sound repository.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from whatsit.errors import ModelFolderError, RepositoryError
from whatsit.files import plain_os_errors
from whatsit.model.format import ModelFacts, check_beside, read_facts, read_model
from whatsit.model.versions.aliases import (
    Aliases,
    aliases_to_change,
    make_default,
    names_of,
    read_aliases,
    write_aliases,
)
from whatsit.model.versions.copying import copy_folder, sync_folder, workplace
from whatsit.model.versions.layout import (
    DEFAULT,
    FILES,
    PREVIOUS,
    check_alias,
    check_name,
    locked,
    models_in,
    next_version,
    note_highest,
    unknown_model,
    unknown_version,
    valid_name,
    versions_in,
)
from whatsit.model.versions.triton import describe_to_triton
from whatsit.text import some


def heir_of(folder: Path, leaving: int, previous: int | None) -> int | None:
    """The previous version, or the newest one left, that is sound; None where none is left.

    Raises RepositoryError where none of those left is sound.
    """
    left = [version for version in reversed(versions_in(folder)) if version != leaving]
    for version in sorted(left, key=lambda version: version != previous):
        if _is_sound(folder / str(version)):
            return version
    if left:
        raise RepositoryError(f"{folder.name}: no other version is sound, so none can be the default. Add one first")
    return None


def _is_sound(model: Path) -> bool:
    try:
        read_model(model)
    except ModelFolderError:
        return False
    return True


def hide(folder: Path, versions: Sequence[int]) -> list[Path]:
    """Takes versions out of sight at once; what is left of them is deleted when the model's lock is free.

    Needs no room on a disk that is full, for that is when people remove.
    """
    note_highest(folder)
    hidden = []
    for version in versions:
        place = folder / f"{FILES.removed}{version}"
        shutil.rmtree(place, ignore_errors=True)  # left by a kill
        (folder / str(version)).rename(place)
        hidden.append(place)
    sync_folder(folder)
    return hidden


def delete(hidden: Sequence[Path]) -> None:
    """What cannot be deleted now is swept by the next `add`."""
    for place in hidden:
        shutil.rmtree(place, ignore_errors=True)


def changes_from(folder: Path, default: int | None, version: int, facts: ModelFacts) -> tuple[str, ...]:
    """Warnings of a version that is about to stand beside the default."""
    if default is None:
        return ()
    try:
        before = read_facts(folder / str(default)).labels
    except ModelFolderError as error:
        return (f"the default, version {default}, cannot be compared with. {error}",)
    change = change_of_classes(before, facts.labels, f"version {version}", f"the default, version {default}")
    return (change,) if change else ()


def change_of_classes(before: Sequence[str], after: Sequence[str], new: str, old: str) -> str:
    """Empty where nothing changed. new, old: what the versions are called.

    >>> change_of_classes(["cat", "wolf"], ["cat", "fox"], "version 2", "version 1")
    "version 2 knows other classes than version 1: new 'fox'; gone 'wolf'"
    >>> change_of_classes(["cat", "fox"], ["fox", "cat"], "version 2", "version 1")
    'version 2 has the classes of version 1 in another order: whoever counts on their numbers gets the wrong ones'
    """
    if tuple(before) == tuple(after):
        return ""
    come = [label for label in after if label not in before]
    gone = [label for label in before if label not in after]
    if not come and not gone:
        return f"{new} has the classes of {old} in another order: whoever counts on their numbers gets the wrong ones"
    told = [f"{word} {some(labels)}" for word, labels in (("new", come), ("gone", gone)) if labels]
    return f"{new} knows other classes than {old}: {'; '.join(told)}"


@dataclass(frozen=True)
class Added:
    """What `add` made."""

    name: str
    version: int
    default: int  # the version that is the default now
    warnings: tuple[str, ...] = ()  # what clients will stumble over


@dataclass(frozen=True)
class Removed:
    """What `remove` took away."""

    version: int
    aliases: tuple[str, ...]  # that pointed there and are gone with it
    default: int | None  # the version that is the default now; None without versions


class Repository:
    """`<root>/<name>/<version>/`. Every method raises RepositoryError, one line, for what the user can mend."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def names(self) -> list[str]:
        """The models that have a version, sorted; none where the root is missing."""
        return models_in(self.root)

    def versions(self, name: str) -> list[int]:
        """Ascending; none where there is no such model."""
        return versions_in(self._place(name))

    def existing(self, name: str) -> list[int]:
        """The versions of a model that there must be: at least one, ascending."""
        if versions := self.versions(name):
            return versions
        raise unknown_model(self.root, name, self.names())

    def aliases(self, name: str) -> dict[str, int]:
        """Name → version, `default` first; empty where there is no such model."""
        return read_aliases(self._place(name))

    def folder(self, name: str, version: int) -> Path:
        """Where the version's model folder is."""
        versions = self.existing(name)
        if version not in versions:
            raise unknown_version(name, version, versions)
        return self._place(name) / str(version)

    def version(self, name: str, which: str) -> int:
        """The version that a number or an alias names."""
        versions = self.existing(name)
        meant = {str(version): version for version in versions}
        if which not in meant:
            meant |= self.aliases(name)
        if which not in meant:
            raise unknown_version(name, which, versions)
        return meant[which]

    def add(
        self, model: str | Path, name: str | None = None, *, default: bool = False, aliases: Sequence[str] = ()
    ) -> Added:
        """Copies a model folder in as the next version. The first one is the default, a later one if asked.

        name: without one, the model's own, made valid. Raises ModelFolderError for what is no sound model folder, and
        for one that does not answer its golden images with finite numbers.
        """
        source = Path(model)
        facts = _whole(source)
        _check_answers(source)
        name = valid_name(facts.name) if name is None else check_name(name)
        for alias in aliases:
            check_alias(alias)
        if self.versions(name):
            self.aliases(name)  # damage is said before the long work
        self._check_apart(source)
        folder = self._place(name)
        with plain_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with workplace(folder) as place:
                copy = place / "model"
                copy_folder(source, copy)
                return self._number(name, copy, _whole(copy), default, aliases)

    def _number(self, name: str, copy: Path, facts: ModelFacts, default: bool, new: Sequence[str]) -> Added:
        """A copy that is whole → a version, and what follows from it."""
        folder = self._place(name)
        with locked(folder / FILES.lock):
            aliases = aliases_to_change(folder)
            version = next_version(folder)
            warnings = changes_from(folder, aliases.get(DEFAULT), version, facts)
            note_highest(folder, version)
            copy.rename(folder / str(version))
            sync_folder(folder)
            aliases.update(dict.fromkeys(new, version))
            if default or DEFAULT not in aliases:
                make_default(aliases, version)
            _settle(folder, aliases)
        return Added(name, version, aliases[DEFAULT], warnings)

    def set_default(self, name: str, version: int) -> None:
        """The version that answers where none is asked for; it must be sound."""
        with self._writing(name, version) as folder:
            read_model(folder / str(version))
            aliases = aliases_to_change(folder)
            make_default(aliases, version)
            _settle(folder, aliases)

    def rollback(self, name: str) -> int:
        """The default and the one before it change places. Returns the version that is the default now."""
        with self._writing(name) as folder:
            aliases = aliases_to_change(folder)
            previous = aliases.get(PREVIOUS)
            if previous is None or previous not in versions_in(folder):
                raise RepositoryError(
                    f"{name}: nothing to roll back to: no version was the default before version {aliases[DEFAULT]}, "
                    f"or it is gone. Choose one: whatsit models default {name} VERSION"
                )
            read_model(folder / str(previous))
            make_default(aliases, previous)
            _settle(folder, aliases)
        return previous

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """A name of the user's own for a version."""
        check_alias(alias)
        with self._writing(name, version) as folder:
            _settle(folder, aliases_to_change(folder) | {alias: version})

    def remove_alias(self, name: str, alias: str) -> None:
        """Forgets a name; the version stays."""
        check_alias(alias)
        with self._writing(name) as folder:
            aliases = aliases_to_change(folder)
            if aliases.pop(alias, None) is None:
                raise RepositoryError(f"{name}: no alias '{alias}'. It has: {', '.join(aliases)}")
            _settle(folder, aliases)

    def remove(self, name: str, version: int, *, force: bool = False) -> Removed:
        """Deletes a version. The default only by force; then the previous or the newest one left takes its place."""
        with self._writing(name, version) as folder:
            aliases = aliases_to_change(folder)
            if aliases[DEFAULT] == version and not force:
                raise RepositoryError(
                    f"{name}: version {version} is the default. Choose another first (whatsit models default {name} "
                    "VERSION), or remove it with --force"
                )
            gone = names_of(version, aliases)
            left = {alias: number for alias, number in aliases.items() if number != version}
            if DEFAULT in gone and (heir := heir_of(folder, version, left.pop(PREVIOUS, None))):
                left[DEFAULT] = heir
            _settle(folder, left)
            hidden = hide(folder, [version])
        delete(hidden)
        return Removed(version, tuple(alias for alias in gone if alias != DEFAULT), left.get(DEFAULT))

    def prune(self, name: str, keep: int) -> list[int]:
        """Deletes all but the newest `keep` versions and those that have an alias. Returns what is gone."""
        if keep < 1:
            raise RepositoryError(f"{name}: keep is {keep}, expected 1 version or more")
        with self._writing(name) as folder:
            kept = read_aliases(folder).values()
            gone = [version for version in versions_in(folder)[:-keep] if version not in kept]
            hidden = hide(folder, gone)
        delete(hidden)
        return gone

    def _place(self, name: str) -> Path:
        return self.root / check_name(name)

    def _check_apart(self, source: Path) -> None:
        if self.root.resolve().is_relative_to(source.resolve()):
            raise RepositoryError(
                f"{self.root}: lies in the model folder {source}, so that it would be copied into itself. "
                "Name another repository: --repository DIR"
            )

    @contextmanager
    def _writing(self, name: str, version: int | None = None) -> Iterator[Path]:
        """The model's folder, ours alone while the block runs. It holds the version, if one is named."""
        self.existing(name)
        folder = self._place(name)
        with plain_os_errors(folder), locked(folder / FILES.lock):
            if version is not None:
                self.folder(name, version)
            yield folder


def _whole(model: Path) -> ModelFacts:
    """Every file of it that model.json lists is checked. Raises ModelFolderError."""
    facts, _ = read_model(model)
    check_beside(model, facts)
    return facts


def _check_answers(model: Path) -> None:
    """Raises ModelFolderError, or BackboneError where its graph does not load."""
    from whatsit.model.classifier import Classifier  # with ONNX Runtime, which the other commands need not wait for
    from whatsit.model.golden import check_answers

    check_answers(model, Classifier.load(model))


def _settle(folder: Path, aliases: Aliases) -> None:
    write_aliases(folder, aliases)
    describe_to_triton(folder, aliases.get(DEFAULT))
