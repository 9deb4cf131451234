"""Two versions side by side: their figures, and what they say of the photos that both were tested on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset import READ_DEFAULTS, ReadOptions, group_records
from whatsit.errors import RepositoryError
from whatsit.evaluation import Figure
from whatsit.evaluation.mcnemar import paired_test
from whatsit.evaluation.units import Counted, count_units, share_interval
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.model.classifier import Classifier
from whatsit.repository.changes import change_of_classes
from whatsit.repository.entries import Entry, sound_entry
from whatsit.repository.judged import Said, ask, recorded
from whatsit.repository.store import Repository
from whatsit.steps.see import Watch, unwatched

GIVE = "Give labelled photos to compare on: whatsit models compare NAME V1 V2 DATA"


@dataclass(frozen=True)
class Comparison:
    """`pairs` holds both answers to each photo that neither version learned from."""

    first: Entry
    second: Entry
    pairs: tuple[tuple[Said, Said], ...]
    left_out: Mapping[str, int] = field(default_factory=dict)  # reason → photos
    notes: tuple[str, ...] = ()  # sentences: why there are no pairs, or what else one has to know

    def accuracies(self) -> tuple[Figure, Figure]:
        """On the photos of both, with intervals that count units; there must be some."""
        first, second = (Figure(float(right.mean()), *share_interval(right, self.units)) for right in self.right)
        return first, second

    @cached_property
    def right(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(pairs,) whether each version is."""
        first, second = (np.array([pair[i].right for pair in self.pairs], bool) for i in (0, 1))
        return first, second

    @cached_property
    def units(self) -> NDArray[np.int64]:
        """(pairs,) equal where photos belong together for either version's data."""
        both = [[pair[i].unit or None for pair in self.pairs] for i in (0, 1)]
        first: dict[str, int] = {}
        same = [(first.setdefault(unit, i), i) for i, unit in enumerate(both[1]) if unit is not None]
        return group_records(len(self.pairs), same, both[0])

    @property
    def counted(self) -> Counted:
        """What intervals and test count."""
        return count_units(self.units, len(self.pairs))

    @property
    def only_first(self) -> int:
        """Photos that the first version alone has right."""
        return sum(one.right and not other.right for one, other in self.pairs)

    @property
    def only_second(self) -> int:
        return sum(other.right and not one.right for one, other in self.pairs)

    @property
    def p_value(self) -> float:
        return paired_test(*self.right, self.units)

    @property
    def differing(self) -> list[tuple[Said, Said]]:
        """The photos that they call by different names."""
        return [(one, other) for one, other in self.pairs if one.predicted != other.predicted]

    @property
    def classes(self) -> str:
        """How the second version's classes differ; empty where they do not."""
        new, old = f"version {self.second.version}", f"version {self.first.version}"
        return change_of_classes(self.first.labels, self.second.labels, new, old)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.first.name,
            "versions": [self.first.to_dict(), self.second.to_dict()],
            "classes": self.classes or None,
            "shared": self._shared() if self.pairs else None,
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
        }

    def _shared(self) -> dict[str, Any]:
        return {
            "photos": len(self.pairs),
            "units": self.counted.units,
            "accuracy": [asdict(figure) for figure in self.accuracies()],
            "right_alone": [self.only_first, self.only_second],
            "p_value": self.p_value,
            "differing": [
                {"path": one.uri, "label": one.label, "said": [_answer(one), _answer(other)]}
                for one, other in self.differing
            ],
        }


def _answer(said: Said) -> dict[str, Any]:
    return {"label": said.predicted, "probability": said.probability}


def compare(
    repository: Repository,
    name: str,
    first: int,
    second: int,
    data: str | Path | None = None,
    *,
    device: str = "cpu",
    limits: Limits = DEFAULT_LIMITS,
    reading: ReadOptions = READ_DEFAULTS,
    watch: Watch = unwatched,
) -> Comparison:
    """On the photos that both judged out of sample when they were made, or on labelled photos given now.

    Raises a WhatsitError for whatever the user can mend.
    """
    entries = sound_entry(repository, name, first), sound_entry(repository, name, second)
    if data is None:
        return _on_record(*entries)
    models = [(e.folder, Classifier.load(e.folder, device=device, limits=limits)) for e in entries]
    asked = ask(models, data, watch, reading)
    pairs = _paired(*asked.said)
    left_out = {
        "that cannot be used": asked.unusable,
        f"that are not new to version {first} or {second}": asked.known,
    }
    notes = list(asked.notes)
    for version, unknown in zip((first, second), asked.unknown, strict=True):
        if unknown:
            notes.append(f"Photos that version {version} learned from may be among these: {unknown}.")
    if not pairs:
        notes.append("No photo is new to both versions. Give others as DATA.")
    return Comparison(*entries, pairs, {why: n for why, n in left_out.items() if n}, tuple(notes))


def _on_record(first: Entry, second: Entry) -> Comparison:
    try:
        pairs = _paired(recorded(first.folder), recorded(second.folder))
    except RepositoryError as error:
        return Comparison(first, second, (), notes=(f"{error}. {GIVE}",))
    agreed = tuple((one, other) for one, other in pairs if one.label == other.label)
    relabelled = len(pairs) - len(agreed)
    left_out = {"whose label is another in each version's data": relabelled} if relabelled else {}
    none = f"No photo was judged by both versions, under one label, when they were made. {GIVE}"
    return Comparison(first, second, agreed, left_out, () if agreed else (none,))


def _paired(first: Mapping[str, Said], second: Mapping[str, Said]) -> tuple[tuple[Said, Said], ...]:
    return tuple((said, second[key]) for key, said in first.items() if key in second)
