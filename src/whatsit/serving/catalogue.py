"""All versions that answer at one moment. Never changes: a swap puts a new one in its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from whatsit.repository.names import DEFAULT
from whatsit.serving.refusal import Refused
from whatsit.serving.sources import Stamp
from whatsit.serving.version import Version
from whatsit.text import some


@dataclass(frozen=True)
class Failure:
    """A version that must not answer, and why; tried again when its folder has changed."""

    stamp: Stamp
    reason: str


@dataclass(frozen=True)
class Model:
    """The versions of one model that answer, and what they are called."""

    name: str
    versions: Mapping[int, Version]
    aliases: Mapping[str, int]  # to versions that answer, `default` among them
    stamps: Mapping[int, Stamp]
    failures: Mapping[int, Failure] = field(default_factory=dict)

    def find(self, version: str | None, alias: str | None) -> Version:
        """Raises Refused."""
        if version is not None:
            return self._numbered(version)
        wanted = alias or DEFAULT
        if wanted not in self.aliases:
            if wanted == DEFAULT:
                raise Refused("not_ready", f"model {self.name!r}: its default version is not ready")
            raise Refused("unknown", f"model {self.name!r} has no such alias. It has: {some(list(self.aliases), 10)}")
        return self.versions[self.aliases[wanted]]

    def _numbered(self, text: str) -> Version:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if number in self.failures:
            raise Refused("not_ready", f"model {self.name!r}, version {number}: did not pass its checks")
        if number not in self.versions:
            have = ", ".join(map(str, self.versions))
            raise Refused("unknown", f"model {self.name!r}: no such version answers here. There are: {have}")
        return self.versions[number]

    def aliases_of(self, number: int) -> list[str]:
        return [alias for alias, to in self.aliases.items() if to == number]


@dataclass(frozen=True)
class Catalogue:
    models: Mapping[str, Model] = field(default_factory=lambda: MappingProxyType({}))

    def model(self, name: str) -> Model:
        """Raises Refused."""
        if name not in self.models:
            have = some(list(self.models), 10) if self.models else "none yet"
            raise Refused("unknown", f"no such model answers here. There are: {have}")
        return self.models[name]

    def find(self, name: str | None, version: str | None = None, alias: str | None = None) -> Version:
        """By the version's number as text, by its alias, or the default. Without a name: the only model.

        Raises Refused.
        """
        if version is not None and alias is not None:
            raise Refused("bad_input", "give a version or an alias, not both")
        return self.model(name if name is not None else self._only()).find(version, alias)

    def _only(self) -> str:
        if not self.models:
            raise Refused("not_ready", "no model is ready yet")
        if len(self.models) > 1:
            raise Refused("bad_input", f"say which model: there are {some(list(self.models), 10)}")
        return next(iter(self.models))

    @property
    def ready(self) -> bool:
        """Whether there is a model, and each has a default that answers."""
        return bool(self.models) and all(DEFAULT in model.aliases for model in self.models.values())

    def versions(self) -> Iterator[tuple[Model, Version]]:
        for model in self.models.values():
            for version in model.versions.values():
                yield model, version
