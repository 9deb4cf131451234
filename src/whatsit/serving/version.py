"""One version of a model, opened and tried: checked, loaded, warmed up, its golden answers compared."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from whatsit.model.classifier import Classifier
from whatsit.model.folder import FILES, ModelFacts
from whatsit.model.golden import check_golden
from whatsit.model.load import IMAGENET, load
from whatsit.model.similar import Similar
from whatsit.serving.options import ServeOptions

NO_GRAPH = ""  # the checksum of the built-in classifier, which has no folder


@dataclass(frozen=True, eq=False)
class Version:
    """What answers. Never changes; a request holds the one that it began with."""

    model: str
    number: int
    classifier: Classifier
    checksum: str  # sha256 of the graph
    golden: int  # images that were found to be answered as in training
    similar: Similar | None  # where the folder carries thumbnails

    @property
    def facts(self) -> ModelFacts:
        return self.classifier.facts


Open = Callable[[str, int, Path | None], Version]


def opener(options: ServeOptions) -> Open:
    """How this server opens versions."""

    def open_version(model: str, number: int, folder: Path | None) -> Version:
        """folder: None for the built-in classifier. Raises a WhatsitError where it must not answer."""
        classifier = load(folder or IMAGENET, device=options.device, limits=options.limits)
        classifier.open()
        golden = check_golden(folder, classifier) if folder else 0
        similar = Similar.open(folder, classifier) if folder else None
        checksum = classifier.facts.checksums.get(FILES.graph, NO_GRAPH)
        return Version(model, number, classifier, checksum, golden, similar)

    return open_version
