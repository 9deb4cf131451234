"""What the values of model.json must be. Read strictly, as answers depend on them: every mistake has its own line.

The model folder on disk: which files it has, what model.json says, and how it is checked before use.

Nothing in it is executed or unpickled: an ONNX graph, JSON, text. It is written to a temporary sibling and renamed,
and every file that answers depend on is named with its sha256, model.json itself too, so damage is found when it is
loaded. Checksums find damage, not malice; so every value is checked besides.
"""

import hashlib
import json
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from whatsit.decide import Rule
from whatsit.errors import ModelFolderError
from whatsit.images.preprocessing import Preprocessing, is_size
from whatsit.model.sealed import check_sealed

MAX_SIDE = 4096  # pixels of the network's input; beyond, one image would fill the memory
MAX_DIM = 10**6
UNSAFE = {"Cc", "Cs", "Zl", "Zp"}  # controls, half characters, line and paragraph separators
Check = tuple[Callable[[Any], bool], str]


def is_number(value: Any, low: float, high: float) -> bool:
    """From `low` to `high`; NaN is not."""
    return type(value) in (int, float) and low <= value <= high


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and not any(unicodedata.category(sign) in UNSAFE for sign in value)


def _are_labels(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= 2
        and all(_is_line(label) and label for label in value)
        and len(set(value)) == len(value)
    )


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_share_or_unknown(value: Any) -> bool:
    return value is None or is_number(value, 0, 1)


def _has_size(value: Any) -> bool:
    return _is_object(value) and is_size(value.get("size"), MAX_SIDE)


COSINE: Check = (lambda v: is_number(v, -1.01, 1.01), "a number from -1 to 1")  # with its rounding


_FACTS: dict[str, Check] = {
    "name": (_is_line, "a line of text"),
    "labels": (_are_labels, "two lines of text or more, each another"),
    "preprocessing": (_has_size, f"an object with a size in pixels, 1 to {MAX_SIDE}, or [height, width]"),
    "temperature": (lambda v: is_number(v, 1e-6, 1e6), "a number above 0"),
    "unsure": (_is_object, "an object"),
    "backbone": (_is_object, "an object"),
    "head": (_is_object, "an object"),
    "training": (_is_object, "an object"),
    "data": (_is_object, "an object"),
    "metrics": (_is_object, "an object"),
    "software": (_is_object, "an object"),
    "created": (_is_line, "a line of text"),
    "checksums": (_is_object, "an object"),
}


_UNSURE: dict[str, Check] = {
    "threshold": (lambda v: is_number(v, 0, 1), "a number from 0 to 1"),
    "precision": (lambda v: is_number(v, 0, 1), "a number from 0 to 1"),
    "similarity": COSINE,
}


_REACHED: dict[str, Check] = {  # which models of whatsit before 0.1.0 do not have
    "reached": (lambda v: v is None or type(v) is bool, "true, false or null"),
    "held_out_precision": (_is_share_or_unknown, "a number from 0 to 1, or null"),
    "held_out_coverage": (_is_share_or_unknown, "a number from 0 to 1, or null"),
}


_BACKBONE: dict[str, Check] = {
    "name": (_is_line, "a line of text"),
    "dim": (lambda v: type(v) is int and 1 <= v <= MAX_DIM, f"a whole number, 1 to {MAX_DIM}"),
}


def check_values(facts: dict[str, Any]) -> None:
    """Raises ModelFolderError for the first value of model.json that is missing or not what it must be."""
    check(facts, _FACTS)
    check(facts["unsure"], _UNSURE, "unsure.")
    check(facts["unsure"], {key: rule for key, rule in _REACHED.items() if key in facts["unsure"]}, "unsure.")
    check(facts["backbone"], _BACKBONE, "backbone.")
    if unknown := sorted(facts["unsure"].keys() - _UNSURE.keys() - _REACHED.keys()):
        raise ModelFolderError(f"'unsure.{_shown(unknown[0])}' is unknown")


def check(values: dict[str, Any], rules: dict[str, Check], where: str = "") -> None:
    """Raises ModelFolderError for the first value that is missing or not what its rule says."""
    for key, (right, expected) in rules.items():
        if key not in values:
            raise ModelFolderError(f"'{where}{key}' is missing")
        if not right(values[key]):
            raise ModelFolderError(f"'{where}{key}' is {_shown(values[key])}, expected {expected}")


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    short = text if len(text) <= 60 else f"{text[:60]}…"
    return short.encode("unicode_escape").decode("ascii")


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
