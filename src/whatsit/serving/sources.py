"""Where served models come from: a repository, one model folder, or the built-in classifier.

A source lists which versions should be served. It loads none of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from whatsit.errors import ModelFolderError, WhatsitError
from whatsit.model.format import CHECKED, FILES, check_not_within, read_facts
from whatsit.model.load import IMAGENET
from whatsit.model.versions.layout import DEFAULT, valid_name
from whatsit.model.versions.store import Repository

Stamp = tuple[int, ...]  # what changes when a folder is replaced


@dataclass(frozen=True)
class VersionFolder:
    """The folder of a version that should be served; None for the built-in classifier."""

    folder: Path | None
    stamp: Stamp


@dataclass(frozen=True)
class DesiredModel:
    """The versions and aliases of one model that should be served; or the problem that keeps them from being read."""

    versions: Mapping[int, VersionFolder] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    problem: str | None = None


class ModelSource(Protocol):
    """A list of desired models. It is polled, so `desired` is cheap and never raises."""

    def desired(self) -> Mapping[str, DesiredModel]:
        """The desired models, by name."""


class RepositorySource:
    """A repository: of each model, the versions that an alias names, and the newest version."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    def desired(self) -> Mapping[str, DesiredModel]:
        return {name: self._one(name) for name in self.repository.names()}

    def _one(self, name: str) -> DesiredModel:
        try:
            aliases = self.repository.aliases(name)
            numbers = {*aliases.values(), *self.repository.versions(name)[-1:]}
            folders = {number: self.repository.folder(name, number) for number in sorted(numbers)}
            return DesiredModel(
                {number: VersionFolder(folder, stamp(folder)) for number, folder in folders.items()}, aliases
            )
        except WhatsitError as error:
            return DesiredModel(problem=str(error))


class FolderSource:
    """One model folder. When the folder is replaced by a new model, that becomes the next version."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = valid_name(read_facts(folder).name)
        self._number = 1
        self._stamp = stamp(folder)

    def desired(self) -> Mapping[str, DesiredModel]:
        now = stamp(self._folder)
        if now and now != self._stamp:
            self._number, self._stamp = self._number + 1, now
        return {
            self._name: DesiredModel({self._number: VersionFolder(self._folder, self._stamp)}, {DEFAULT: self._number})
        }


class BuiltInSource:
    """The 1000 classes of ImageNet, before any training."""

    def desired(self) -> Mapping[str, DesiredModel]:
        return {IMAGENET: DesiredModel({1: VersionFolder(None, ())}, {DEFAULT: 1})}


def stamp(folder: Path) -> Stamp:
    """Of the files that answers depend on; () where one is missing."""
    try:
        states = [(folder / name).stat() for name in (FILES.facts, *CHECKED)]
    except OSError:
        return ()
    return tuple(number for state in states for number in (state.st_mtime_ns, state.st_size, state.st_ino))


def find_source(place: str | Path) -> ModelSource:
    """Raises WhatsitError where the place is neither a repository nor a model folder."""
    folder = Path(place)
    if str(place) == IMAGENET and not folder.exists():
        return BuiltInSource()
    if (folder / FILES.facts).exists():
        return FolderSource(folder)
    check_not_within(folder)
    if not folder.is_dir():
        raise ModelFolderError(
            f"{place}: no such folder. Name a model folder (whatsit train PHOTOS) or a repository of them "
            "(whatsit models add MODEL)"
        )
    if (folder / FILES.graph).exists():
        read_facts(folder)  # raises: a model folder without its model.json
    return RepositorySource(Repository(folder))
