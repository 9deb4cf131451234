"""What there is to say of a version: its facts, names and size; or why it cannot be used.

Its figures are read out of model.json, which may come from elsewhere: what is no figure is none, and nothing breaks.
"""

import json
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from whatsit.errors import ModelFolderError, RepositoryError
from whatsit.evaluation.figures import Figure
from whatsit.model.format import ModelFacts, read_model
from whatsit.model.versions.aliases import names_of
from whatsit.model.versions.store import Repository

FIGURES = ("accuracy", "macro_f1", "log_loss")
UNLIMITED = ("log_loss",)  # the other figures are shares
LARGEST = 1000.0  # nats; the worst that training writes is 36
MOST_PHOTOS = 10**9

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """One version as it lies there now."""

    name: str
    version: int
    folder: Path
    aliases: tuple[str, ...]
    files: int
    bytes: int
    facts: ModelFacts | None  # None where it is damaged
    problem: str = ""

    def figure(self, name: str) -> Figure | None:
        """A figure of the headline's photos, with its interval."""
        given = self.metrics.get(name)
        if not isinstance(given, Mapping):
            return None
        value, low, high = (_number(given.get(end), name) for end in ("value", "low", "high"))
        return None if value is None or low is None or high is None else Figure(value, low, high)

    @property
    def ece(self) -> float | None:
        """How far the probabilities are off, in [0, 1]."""
        return _number(self.metrics.get("ece"), "ece")

    @property
    def ece_by_chance(self) -> float | None:
        """The largest that would be chance."""
        return _number(self.metrics.get("ece_by_chance"), "ece_by_chance")

    @property
    def photos(self) -> int | None:
        """How many photos the figures come from."""
        given = self.metrics.get("n")
        return given if type(given) is int and 0 < given <= MOST_PHOTOS else None

    @property
    def fingerprint(self) -> str:
        """Of the data that it was made from; equal for equal data."""
        given = self.facts.data.get("fingerprint") if self.facts else None
        return given if isinstance(given, str) and _SHA256.fullmatch(given) else ""

    @property
    def labels(self) -> tuple[str, ...]:
        return self.facts.labels if self.facts else ()

    @property
    def metrics(self) -> Mapping[str, Any]:
        """As model.json has them."""
        return self.facts.metrics if self.facts else {}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        figures = {name: self.figure(name) for name in FIGURES}
        return {
            "version": self.version,
            "aliases": list(self.aliases),
            "trained": self.facts.created if self.facts else None,
            **{name: asdict(figure) if figure else None for name, figure in figures.items()},
            "ece": self.ece,
            "photos": self.photos,
            "fingerprint": self.fingerprint or None,
            "files": self.files,
            "bytes": self.bytes,
            "folder": str(self.folder),
            "problem": self.problem or None,
        }

    def all_facts(self) -> dict[str, Any]:
        """The same, with all that model.json says."""
        return {"name": self.name, **self.to_dict(), "facts": json.loads(self.facts.to_json()) if self.facts else None}


@dataclass(frozen=True)
class Model:
    """A name and its versions, ascending."""

    name: str
    entries: tuple[Entry, ...]
    problem: str = ""  # why nobody knows which version answers

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        versions = [entry.to_dict() for entry in self.entries]
        return {"name": self.name, "versions": versions, "problem": self.problem or None}


def models(repository: Repository, name: str | None = None) -> list[Model]:
    """All models, or the one named. Raises RepositoryError where there is none of that name."""
    if name is not None:
        repository.existing(name)
    return [_model(repository, known) for known in ([name] if name is not None else repository.names())]


def _model(repository: Repository, name: str) -> Model:
    aliases, problem = {}, ""
    try:
        aliases = repository.aliases(name)
    except RepositoryError as error:
        problem = str(error)
    found = [_entry(repository.root / name / str(version), aliases) for version in repository.versions(name)]
    return Model(name, tuple(entry for entry in found if entry.folder.exists()), problem)


def sound_entry(repository: Repository, name: str, version: int) -> Entry:
    """One version. Raises ModelFolderError where it is damaged."""
    folder = repository.folder(name, version)
    read_model(folder)
    return _entry(folder, repository.aliases(name))


def _entry(folder: Path, aliases: Mapping[str, int]) -> Entry:
    facts, problem = None, ""
    try:
        facts, _ = read_model(folder)
    except ModelFolderError as error:
        problem = str(error).removeprefix(f"{folder}/")
    version, sizes = int(folder.name), list(_sizes(folder))
    return Entry(
        folder.parent.name, version, folder, names_of(version, aliases), len(sizes), sum(sizes), facts, problem
    )


def _sizes(folder: Path) -> Iterator[int]:
    """The bytes of each file."""
    for path in folder.rglob("*"):
        with suppress(OSError):  # it went meanwhile
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                yield status.st_size


def _number(value: object, figure: str) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value <= (LARGEST if figure in UNLIMITED else 1) else None
