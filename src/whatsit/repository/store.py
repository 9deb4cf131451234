"""The repository: named models, numbered versions, and which of them is the default.

Reading takes no lock. Writing takes the model's, for as long as it takes to number, rename and write a few lines; the
copy of a model is made before, and what is removed is deleted after. A kill at any moment leaves a sound repository.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from whatsit.errors import RepositoryError
from whatsit.files import plain_os_errors
from whatsit.model.folder import ModelFacts, check_beside, read_model
from whatsit.repository.aliases import (
    Aliases,
    aliases_to_change,
    make_default,
    names_of,
    read_aliases,
    write_aliases,
)
from whatsit.repository.changes import changes_from
from whatsit.repository.copying import copy_folder, sync_folder, workplace
from whatsit.repository.layout import (
    FILES,
    models_in,
    next_version,
    note_highest,
    unknown_model,
    unknown_version,
    versions_in,
)
from whatsit.repository.locking import locked
from whatsit.repository.names import DEFAULT, PREVIOUS, check_alias, check_name, valid_name
from whatsit.repository.removal import delete, heir_of, hide
from whatsit.repository.triton import describe_to_triton


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
