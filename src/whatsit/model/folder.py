"""The model folder on disk: which files it has, what model.json says, and how it is checked before use.

Nothing in it is executed or unpickled: an ONNX graph, JSON, text. It is written to a temporary sibling and renamed,
and every file that answers depend on is named with its sha256, model.json itself too, so damage is found when it is
loaded. Checksums find damage, not malice; so every value is checked besides.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from whatsit.decide import Rule
from whatsit.errors import ModelFolderError
from whatsit.images.preprocessing import Preprocessing
from whatsit.model.rules import check_values
from whatsit.model.sealed import check_sealed

FORMAT = 1


@dataclass(frozen=True)
class FileNames:
    """What lies in a model folder."""

    graph: str = "model.onnx"
    facts: str = "model.json"
    labels: str = "labels.txt"
    splits: str = "splits.csv"
    predictions: str = "predictions.csv"
    leaks: str = "leaks.csv"  # where judged photos are not new
    suspects: str = "suspects.csv"  # where labels are likely wrong
    report: str = "report.html"
    golden: str = "golden.json"
    thumbnails: str = "thumbnails.json"


FILES = FileNames()
CHECKED = (FILES.graph, FILES.labels)  # the files that answers depend on, besides model.json itself
BESIDE = (FILES.golden, FILES.thumbnails)
GRAPHS = (".onnx", ".pt", ".pth", ".h5", ".keras", ".tflite", ".safetensors")  # by their suffixes
MOST_BESIDE = 2**28  # bytes
AGAIN = "Copy the folder again or train anew"
UNSEALED = b"0" * 64
SEAL = re.compile(rb'"model\.json": "([0-9a-f]{64})"')


@dataclass(frozen=True)
class Unsure(Rule):
    """When the answer is "unsure", and how the threshold came about. Older models do not know whether it was reached.

    The precision is a share of the answers given, in [0, 1].
    """

    precision: float  # as asked for
    reached: bool | None = None  # whether held-out photos reached it
    held_out_precision: float | None = None  # what they reached
    held_out_coverage: float | None = None  # the share of them that was answered


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
        facts = asdict(self) | {"preprocessing": self.preprocessing.as_dict()}
        values = json.dumps(facts, indent=1, ensure_ascii=False, default=sorted)  # a set as a list
        return f"{values}\n".encode()


def read_model(folder: Path) -> tuple[ModelFacts, bytes]:
    """The facts and the graph, each read once and checked: what is checked is what is used.

    Raises ModelFolderError where the folder is missing, incomplete, damaged, or of a newer format.
    """
    _check_folder(folder)
    facts = read_facts(folder)
    checked = {name: _checked(folder / name, facts.checksums[name]) for name in CHECKED}
    if checked[FILES.labels] != _lines(facts.labels):
        raise ModelFolderError(f"{folder / FILES.labels}: its labels are not those of {FILES.facts}. {AGAIN}")
    try:
        check_sealed(checked[FILES.graph])
    except ModelFolderError as error:
        raise ModelFolderError(f"{folder / FILES.graph}: {error}. {AGAIN}") from None
    return facts, checked[FILES.graph]


def read_beside(folder: Path, facts: ModelFacts, name: str, most: int) -> bytes | None:
    """A file that answers do not depend on, checked; None where the folder was made without it.

    Raises ModelFolderError where it is missing, damaged, or has more than `most` bytes.
    """
    return _checked(folder / name, facts.checksums[name], most) if name in facts.checksums else None


def check_beside(folder: Path, facts: ModelFacts) -> None:
    """Of all files that answers do not depend on and that model.json lists. Raises ModelFolderError."""
    for name in BESIDE:
        read_beside(folder, facts, name, MOST_BESIDE)


def read_facts(folder: Path) -> ModelFacts:
    """model.json alone, checked. Raises ModelFolderError where it is missing, damaged, or of a newer format."""
    path = folder / FILES.facts
    data = _read(path)
    try:
        return _parse(data)
    except ModelFolderError as error:
        raise ModelFolderError(f"{path}: {error}") from None


def folder_of(path: Path) -> Path | None:
    """The model folder of which the path is a file; None where it is none."""
    is_its_own = path.name in asdict(FILES).values() and path.is_file()
    return path.parent if is_its_own and (path.parent / FILES.facts).is_file() else None


def check_not_within(path: Path) -> None:
    """Raises ModelFolderError where a file is named in place of its model folder, as other tools have it."""
    if folder := folder_of(path):
        raise ModelFolderError(f"{path}: a file of the model folder {folder}. Name the folder: {folder}")
    if path.suffix.lower() in GRAPHS and path.is_file():
        raise ModelFolderError(
            f"{path}: a network alone, not a model folder (no {FILES.facts} beside it). Name a folder that "
            "'whatsit train' wrote"
        )


def _check_folder(folder: Path) -> None:
    check_not_within(folder)
    try:
        (folder / FILES.facts).lstat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        found = os.path.lexists(folder) if isinstance(error, OSError) else False
        what = f"no {FILES.facts} in it" if found else "no such folder"
        if isinstance(error, PermissionError):
            what = "no permission to read it"
        raise ModelFolderError(f"{folder}: not a model folder ({what}). Make one: whatsit train PHOTOS") from None


def _read(path: Path, most: int | None = None) -> bytes:
    """A regular file, or a link to one: opening a pipe would wait for ever, a device never end."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelFolderError(f"{path}: not a file. {AGAIN}")
        with path.open("rb") as file:
            data = file.read() if most is None else file.read(most + 1)
    except OSError as error:
        raise ModelFolderError(f"{path}: {error.strerror or error}. {AGAIN}") from error
    if most is not None and len(data) > most:
        raise ModelFolderError(f"{path}: damaged (more than {most:,} bytes). {AGAIN}")
    return data


def _parse(data: bytes) -> ModelFacts:
    try:
        values = json.loads(data.decode("utf-8"))
        version = values["format"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelFolderError(f"damaged ({type(error).__name__}: no JSON with a format). {AGAIN}") from None
    if type(version) is not int or version < 1:
        raise ModelFolderError(f"damaged (its format is no number from 1). {AGAIN}")
    if version > FORMAT:
        raise ModelFolderError(
            f"format {_short(version)} is newer than this whatsit reads ({FORMAT}). Upgrade: pip install -U whatsit"
        )
    _check_seal(data)
    try:
        check_values(values)
        return _facts(values)
    except (ModelFolderError, ValueError, RecursionError) as error:
        raise ModelFolderError(f"damaged ({error}). {AGAIN}") from None


def _short(number: int) -> str:
    return str(number) if number < 10**9 else "of many digits"


def _facts(values: dict[str, Any]) -> ModelFacts:
    facts = {key: values[key] for key in ModelFacts.__dataclass_fields__}
    facts["labels"] = tuple(facts["labels"])
    facts["preprocessing"] = Preprocessing.from_dict(facts["preprocessing"])
    facts["unsure"] = Unsure(**facts["unsure"])
    if any(not isinstance(facts["checksums"].get(name), str) for name in CHECKED):
        raise ModelFolderError("a checksum is missing")
    return ModelFacts(**facts)


def _checked(path: Path, checksum: str, most: int | None = None) -> bytes:
    data = _read(path, most)
    if hashlib.sha256(data).hexdigest() != checksum:
        raise ModelFolderError(f"{path}: damaged (its checksum is not the one in {FILES.facts}). {AGAIN}")
    return data


def _check_seal(data: bytes) -> None:
    """model.json holds its own checksum, taken with zeros in the place of it."""
    places = list(SEAL.finditer(data))
    if len(places) != 1:
        raise ModelFolderError(f"damaged (no checksum of its own). {AGAIN}")
    start, end = places[0].span(1)
    if hashlib.sha256(data[:start] + UNSEALED + data[end:]).hexdigest().encode() != data[start:end]:
        raise ModelFolderError(f"damaged (its checksum is not its own). {AGAIN}")


def seal(data: bytes) -> bytes:
    """model.json with zeros for its own checksum → the same with the checksum."""
    start, end = next(SEAL.finditer(data)).span(1)
    return data[:start] + hashlib.sha256(data).hexdigest().encode() + data[end:]


def _lines(labels: Sequence[str]) -> bytes:
    return "".join(f"{label}\n" for label in labels).encode()


def write_core(folder: Path, facts: ModelFacts, graph: bytes, beside: Mapping[str, bytes] | None = None) -> None:
    """Writes the graph, the labels, the files beside them, and model.json with the checksums of all.

    beside: name → bytes, for `read_beside`.
    """
    contents = {FILES.graph: graph, FILES.labels: _lines(facts.labels), **(beside or {})}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    complete = replace(facts, checksums={**sums, FILES.facts: UNSEALED.decode()})
    (folder / FILES.facts).write_bytes(seal(complete.to_json()))
