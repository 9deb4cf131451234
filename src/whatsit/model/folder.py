"""The model folder on disk: which files it has, what model.json says, and how it is checked before use.

Nothing in it is executed or unpickled: an ONNX graph, JSON, text. It is written to a temporary sibling and renamed,
and every file that answers depend on is named with its sha256, so damage is found when it is loaded.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from whatsit.errors import ModelFolderError
from whatsit.images import Preprocessing

FORMAT = 1


@dataclass(frozen=True)
class FileNames:
    """What lies in a model folder."""

    graph: str = "model.onnx"
    facts: str = "model.json"
    labels: str = "labels.txt"
    splits: str = "splits.csv"
    predictions: str = "predictions.csv"
    report: str = "report.html"


FILES = FileNames()
CHECKED = (FILES.graph, FILES.labels)  # the files that answers depend on, besides model.json itself


@dataclass(frozen=True)
class Unsure:
    """When the answer is "unsure": below this top probability, or this similarity to the training photos."""

    threshold: float  # calibrated top probability, in [0, 1]
    precision: float  # of the answers given, as asked for
    similarity: float  # cosine to the nearest reference photo, in [−1, 1]


@dataclass(frozen=True)
class ModelFacts:
    """model.json. The mappings are for readers; what answers depend on has a type."""

    name: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    temperature: float
    unsure: Unsure
    backbone: Mapping[str, Any]  # name, precision, licence, source, fingerprint, dim
    head: Mapping[str, Any]  # name, strength
    training: Mapping[str, Any]  # options and seed
    data: Mapping[str, Any]  # counts, fingerprint
    metrics: Mapping[str, Any]
    software: Mapping[str, str]
    created: str  # ISO 8601, the one entry that differs between two equal runs
    checksums: Mapping[str, str] = field(default_factory=dict)  # file → sha256
    format: int = FORMAT

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n").encode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_facts(folder: Path) -> ModelFacts:
    """Reads and checks a model folder.

    Raises ModelFolderError where it is missing, incomplete, damaged, or of a newer format.
    """
    path = folder / FILES.facts
    if not path.is_file():
        what = "no such folder" if not folder.exists() else f"no {FILES.facts} in it"
        raise ModelFolderError(f"{folder}: not a model folder ({what}). Make one: whatsit train PHOTOS")
    try:
        facts = _parse(json.loads(path.read_text(encoding="utf-8")))
    except ModelFolderError as error:
        raise ModelFolderError(f"{path}: {error}") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelFolderError(f"{path}: damaged ({error!r}). Copy the folder again or train anew") from error
    _check_files(folder, facts)
    return facts


def _parse(values: dict[str, Any]) -> ModelFacts:
    version = values["format"]
    if not isinstance(version, int) or version > FORMAT:
        raise ModelFolderError(
            f"format {version} is newer than this whatsit reads ({FORMAT}). Upgrade: pip install -U whatsit"
        )
    known = set(ModelFacts.__dataclass_fields__)
    facts = {key: value for key, value in values.items() if key in known}
    facts["labels"] = tuple(str(label) for label in facts["labels"])
    facts["preprocessing"] = Preprocessing.from_dict(facts["preprocessing"])
    facts["unsure"] = Unsure(**facts["unsure"])
    return ModelFacts(**facts)


def _check_files(folder: Path, facts: ModelFacts) -> None:
    for name in CHECKED:
        path = folder / name
        try:
            found = _sha256(path)
        except OSError as error:
            raise ModelFolderError(
                f"{path}: {error.strerror}. Copy the folder again or train anew"
            ) from error
        if found != facts.checksums.get(name):
            raise ModelFolderError(
                f"{path}: damaged (its checksum is not the one in {FILES.facts}). "
                "Copy the folder again or train anew"
            )


def write_core(folder: Path, facts: ModelFacts, graph: bytes) -> None:
    """Writes the graph, the labels and model.json with the checksums of both."""
    from dataclasses import replace

    (folder / FILES.graph).write_bytes(graph)
    (folder / FILES.labels).write_text("".join(f"{label}\n" for label in facts.labels), encoding="utf-8")
    sums = {name: _sha256(folder / name) for name in CHECKED}
    (folder / FILES.facts).write_bytes(replace(facts, checksums=sums).to_json())
