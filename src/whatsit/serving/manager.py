"""The models that are served: versions are loaded and checked in the background, then swapped in.

A version is loaded, warmed up, and must give its golden answers. A catalogue holds all versions that answer at one
moment, and never changes. A swap replaces the reference to the catalogue, so a request sees the old catalogue or the
new one, and finishes on the version that it began with. A version that fails its checks leaves the catalogue as it was.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from whatsit.config import ServeOptions
from whatsit.errors import WhatsitError
from whatsit.machine import give_back_memory
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES, ModelFacts
from whatsit.model.golden import check_golden
from whatsit.model.load import IMAGENET, load
from whatsit.model.similar import Similar
from whatsit.model.versions.layout import DEFAULT, PREVIOUS
from whatsit.serving.http import HTTPError
from whatsit.serving.metrics import Metrics
from whatsit.serving.sources import DesiredModel, ModelSource, Stamp, VersionFolder
from whatsit.text import some

NO_GRAPH = ""  # the checksum of the built-in classifier, which has no folder


@dataclass(frozen=True, eq=False)
class Version:
    """One loaded version of a model. It never changes. A request keeps the version that it began with."""

    model: str
    number: int
    classifier: Classifier
    checksum: str  # sha256 of the graph
    golden: int  # images whose answers agree with those in training
    similar: Similar | None  # where the folder carries thumbnails

    @property
    def facts(self) -> ModelFacts:
        return self.classifier.facts


Open = Callable[[str, int, Path | None], Version]


def opener(options: ServeOptions) -> Open:
    """The function by which this server opens versions."""

    def open_version(model: str, number: int, folder: Path | None) -> Version:
        """folder: None for the built-in classifier. Raises a WhatsitError where it must not answer."""
        classifier = load(folder or IMAGENET, device=options.device, limits=options.limits)
        classifier.open()
        golden = check_golden(folder, classifier) if folder else 0
        similar = Similar.open(folder, classifier) if folder else None
        checksum = classifier.facts.checksums.get(FILES.graph, NO_GRAPH)
        return Version(model, number, classifier, checksum, golden, similar)

    return open_version


@dataclass(frozen=True)
class Failure:
    """A version that failed its checks, and why. It is tried again when its folder has changed."""

    stamp: Stamp
    reason: str


@dataclass(frozen=True)
class ServedModel:
    """The versions of one model that answer, and their aliases."""

    name: str
    versions: Mapping[int, Version]
    aliases: Mapping[str, int]  # to versions that answer, `default` among them
    stamps: Mapping[int, Stamp]
    failures: Mapping[int, Failure] = field(default_factory=dict)

    def find(self, version: str | None, alias: str | None) -> Version:
        """Raises HTTPError."""
        if version is not None:
            return self._numbered(version)
        desired = alias or DEFAULT
        if desired not in self.aliases:
            if desired == DEFAULT:
                raise HTTPError("not_ready", f"model {self.name!r}: its default version is not ready")
            raise HTTPError("unknown", f"model {self.name!r} has no such alias. It has: {some(list(self.aliases), 10)}")
        return self.versions[self.aliases[desired]]

    def _numbered(self, text: str) -> Version:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if number in self.failures:
            raise HTTPError("not_ready", f"model {self.name!r}, version {number}: did not pass its checks")
        if number not in self.versions:
            have = ", ".join(map(str, self.versions))
            raise HTTPError("unknown", f"model {self.name!r}: no such version answers here. There are: {have}")
        return self.versions[number]

    def aliases_of(self, number: int) -> list[str]:
        return [alias for alias, to in self.aliases.items() if to == number]


@dataclass(frozen=True)
class Catalogue:
    models: Mapping[str, ServedModel] = field(default_factory=lambda: MappingProxyType({}))

    def model(self, name: str) -> ServedModel:
        """Raises HTTPError."""
        if name not in self.models:
            have = some(list(self.models), 10) if self.models else "none yet"
            raise HTTPError("unknown", f"no such model answers here. There are: {have}")
        return self.models[name]

    def find(self, name: str | None, version: str | None = None, alias: str | None = None) -> Version:
        """By the version's number as text, by its alias, or the default. Without a name: the only model.

        Raises HTTPError.
        """
        if version is not None and alias is not None:
            raise HTTPError("bad_input", "give a version or an alias, not both")
        return self.model(name if name is not None else self._only()).find(version, alias)

    def _only(self) -> str:
        if not self.models:
            raise HTTPError("not_ready", "no model is ready yet")
        if len(self.models) > 1:
            raise HTTPError("bad_input", f"say which model: there are {some(list(self.models), 10)}")
        return next(iter(self.models))

    @property
    def ready(self) -> bool:
        """Whether there is a model, and each has a default that answers."""
        return bool(self.models) and all(DEFAULT in model.aliases for model in self.models.values())

    def versions(self) -> Iterator[tuple[ServedModel, Version]]:
        for model in self.models.values():
            for version in model.versions.values():
                yield model, version


log = logging.getLogger("whatsit.serving")


class ModelManager:
    """Keeps `catalogue` up to date with a source. `catalogue` is the one reference that a swap replaces."""

    def __init__(self, source: ModelSource, open_version: Open, metrics: Metrics) -> None:
        self.catalogue = Catalogue()
        self._source = source
        self._open = open_version
        self._metrics = metrics
        self._refreshing = threading.Lock()
        self._stop = threading.Event()
        self._problems: dict[str, str] = {}
        self._swaps = 0

    def refresh(self) -> Catalogue:
        """Brings the catalogue up to date with the source, and returns the catalogue. Thread-safe."""
        with self._refreshing:
            if self._update(self._source.desired()):
                give_back_memory()  # of what no longer answers; its last request may still be on its way
            return self.catalogue

    def _update(self, desired: Mapping[str, DesiredModel]) -> bool:
        """Brings the catalogue to the desired state. Returns whether a model was swapped."""
        swaps = self._swaps
        for name in self.catalogue.models.keys() - desired.keys():
            log.info("model %s is no longer served", name)
            self._swap({n: m for n, m in self.catalogue.models.items() if n != name})
        for name, one in desired.items():
            self._refresh_model(name, one)
        return self._swaps > swaps

    def watch(self, every: float) -> threading.Thread:
        """Refreshes now and then every so many seconds, on a thread of its own, until `stop`."""

        def run() -> None:
            while True:
                try:
                    self.refresh()
                except Exception:  # the watch must go on
                    log.exception("could not look for new versions")
                if self._stop.wait(every):
                    return

        thread = threading.Thread(target=run, name="model-manager", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        self._stop.set()

    def _refresh_model(self, name: str, desired: DesiredModel) -> None:
        if desired.problem is not None:
            if self._problems.get(name) != desired.problem:
                log.error("model %s stays as it is: %s", name, desired.problem)
            self._problems[name] = desired.problem
            return
        self._problems.pop(name, None)
        old = self.catalogue.models.get(name)
        new = self._updated(name, desired, old)
        if old is None or new != old:
            self._log_change(old, new)
            self._swap({**self.catalogue.models, name: new})

    def _updated(self, name: str, desired: DesiredModel, old: ServedModel | None) -> ServedModel:
        versions: dict[int, Version] = {}
        failures: dict[int, Failure] = {}
        for number, place in desired.versions.items():
            if old and number in old.versions and old.stamps[number] == place.stamp:
                versions[number] = old.versions[number]
            elif old and number in old.failures and old.failures[number].stamp == place.stamp:
                failures[number] = old.failures[number]
            else:
                self._open_version(name, number, place, versions, failures)
        stamps = {number: place.stamp for number, place in desired.versions.items()}
        return _resolve_aliases(name, versions, failures, stamps, desired.aliases, old)

    def _open_version(
        self, name: str, number: int, place: VersionFolder, versions: dict[int, Version], failures: dict[int, Failure]
    ) -> None:
        try:
            versions[number] = self._open(name, number, place.folder)
        except WhatsitError as error:
            failures[number] = Failure(place.stamp, str(error))
        except Exception as error:  # a folder of unknown content may raise anything; the other versions go on answering
            failures[number] = Failure(place.stamp, f"{type(error).__name__}: {error}")
        if number in failures:
            log.error("model %s, version %d is not served: %s", name, number, failures[number].reason)
        self._metrics.loads.labels("failed" if number in failures else "opened").inc()

    def _log_change(self, old: ServedModel | None, new: ServedModel) -> None:
        before = old.aliases.get(DEFAULT) if old else None
        now = new.aliases.get(DEFAULT)
        if now is None:
            log.error("model %s: no version of it can answer", new.name)
        elif now != before:
            golden = new.versions[now].golden
            log.info("model %s: version %d answers now (%d golden answers agree)", new.name, now, golden)

    def _swap(self, models: Mapping[str, ServedModel]) -> None:
        self._swaps += 1
        self.catalogue = Catalogue(MappingProxyType({name: models[name] for name in sorted(models)}))
        rows = [
            (model.name, str(v.number), ",".join(model.aliases_of(v.number)), v.checksum)
            for model, v in self.catalogue.versions()
        ]
        self._metrics.show_models(rows)


def _resolve_aliases(
    name: str,
    versions: dict[int, Version],
    failures: dict[int, Failure],
    stamps: dict[int, tuple[int, ...]],
    desired: Mapping[str, int],
    old: ServedModel | None,
) -> ServedModel:
    """The model with its aliases resolved.

    An alias whose version failed keeps its old version. A missing default falls back to the previous default.
    """
    aliases = {alias: number for alias, number in desired.items() if number in versions}
    for alias in desired.keys() - aliases.keys():
        if old and alias in old.aliases:
            number = old.aliases[alias]
            aliases[alias] = number
            versions[number], stamps[number] = old.versions[number], old.stamps[number]
    if DEFAULT not in aliases and PREVIOUS in aliases:
        aliases[DEFAULT] = aliases[PREVIOUS]
    ordered = {number: versions[number] for number in sorted(versions)}
    kept = {number: stamps[number] for number in ordered}
    return ServedModel(name, ordered, dict(sorted(aliases.items())), kept, failures)
