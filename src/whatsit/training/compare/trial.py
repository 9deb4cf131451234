"""One candidate, taught on train photos and measured on valid ones; those that judge are not looked at.

Valid photos also choose a probe's penalty and a network's epoch. So the figures flatter all candidates a little, and
alike; what is promised of the winner comes from test photos alone.

Trials on disk, so that a comparison that was broken off goes on where it ended: arrays and JSON.

A folder stands for one candidate on one set of photos and splits: with any other option or photo it is another trial.
It holds the figures and not the network: the winner is taught again on more photos.
"""

import dataclasses
import hashlib
import io
import json
import time
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from whatsit.config import Method, TrainOptions
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.embedder import Embedder
from whatsit.embedding.session import graph_device, open_session, run
from whatsit.embedding.source import PhotoSource, embeddings_once
from whatsit.evaluation.figures import Figure
from whatsit.evaluation.intervals import share_interval
from whatsit.files import write_atomically
from whatsit.images.preprocessing import ResizeMode
from whatsit.model.export import export_graph
from whatsit.model.heads import Head
from whatsit.progress import ProgressReporter
from whatsit.training.calibration import fit_temperature, log_loss, softmax
from whatsit.training.compare.field import Field
from whatsit.training.heads import HEAD_TYPES, TrainingData
from whatsit.training.history import Epoch, History
from whatsit.training.network.build import build_for
from whatsit.training.network.method import TrainedNetwork, train_network
from whatsit.training.network.resume import training_identity
from whatsit.training.preparation import better_resize_mode, likely_resize_mode
from whatsit.training.selection import select_head
from whatsit.training.splits import all_vectors

if TYPE_CHECKING:
    from lightning.pytorch import Callback


WARM_UP = 8  # photos; the first ones pay for starting the network and its threads


SAMPLE = 64  # photos that the time of embedding is measured on


TIMED = 50  # runs of one image


@dataclass(frozen=True, eq=False)
class Trial:
    """A candidate's figures, all from valid photos that it was not fitted on. Each is equal to itself alone."""

    name: str  # as it was asked for: "probe --head svm"
    method: Method
    logits: NDArray[np.float32] = dataclasses.field(repr=False)  # (valid, classes)
    right: NDArray[np.bool_] = dataclasses.field(repr=False)  # (valid,)
    units: NDArray[np.int64] = dataclasses.field(repr=False)  # (valid,) equal where photos belong together
    accuracy: Figure
    log_loss: float  # calibrated
    seconds: float  # to teach it: a probe with the embedding, a network without decoding its photos once
    megabytes: float  # of the ONNX file
    milliseconds: float  # that the ONNX file takes for one image on one core, decoding aside
    history: History | None  # of a network
    found_rate: float | None = None  # its learning rate, where that was found by a trial


@dataclass(frozen=True)
class _Taught:
    logits: NDArray[np.float32]  # (valid, classes)
    seconds: float
    extractor: FeatureExtractor
    head: Head
    history: History | None = None
    found_rate: float | None = None


def run_trial(
    name: str,
    options: TrainOptions,
    field: Field,
    work: Path,
    progress: ProgressReporter,
    callbacks: tuple["Callback", ...] = (),
) -> Trial:
    """Teaches and measures a candidate. work: the folder of a network's checkpoint; callbacks: what steers it.

    Raises KeyboardInterrupt where the user broke it off: what is half taught is no trial.
    """
    probe = options.method == "probe"
    taught = _probe(options, field, progress) if probe else _network(options, field, work, progress, callbacks)
    labels = field.valid_labels
    temperature = fit_temperature(taught.logits, labels)
    right = softmax(taught.logits, temperature).argmax(axis=1) == labels
    hits = int(right.sum())
    graph = export_graph(taught.extractor.graph, taught.head, temperature, None, field.classes)
    return Trial(
        name=name,
        method=options.method,
        logits=taught.logits,
        right=right,
        units=field.valid_units,
        accuracy=Figure(hits / len(right), *share_interval(right, field.valid_units)),
        log_loss=log_loss(taught.logits, labels, temperature),
        seconds=taught.seconds,
        megabytes=len(graph) / 1e6,
        milliseconds=_milliseconds(graph, taught.extractor),
        history=taught.history,
        found_rate=taught.found_rate,
    )


def embedding_source(options: TrainOptions, field: Field, progress: ProgressReporter) -> tuple[PhotoSource, ResizeMode]:
    """A probe's source, and the resize mode that suits the photos to learn from where none was asked for."""
    source = PhotoSource(replace(options, device=graph_device(options.device)), field.cache, progress)
    guess = likely_resize_mode(field.learning, *source.input_size(), limits=options.limits)
    resize_mode, undecided = source.first_resize_mode(field.photos.dataset, *guess)
    if undecided:
        resize_mode = better_resize_mode(
            field.photos,
            field.splits,
            resize_mode,
            lambda some, mode: source.embed(some, mode, f"trying {mode}"),
            options,
        )
    return source, resize_mode


def _probe(options: TrainOptions, field: Field, progress: ProgressReporter) -> _Taught:
    source, resize_mode = embedding_source(options, field, progress)
    x = all_vectors(field.learning, source.embed(field.learning, resize_mode, "embedding"))
    start = time.monotonic()
    with progress("learning", None):
        labels = field.photos.labels[field.splits.train]
        data = TrainingData(x, labels, field.classes, options.balance, options.seed)
        selected = select_head(data, HEAD_TYPES[options.head], field.splits.cv)
    learning = time.monotonic() - start
    with progress("taking the time", None):
        embedding = _embedding_seconds(source.extractor(resize_mode), field, source.options)
    return _Taught(selected.held_out_logits, learning + embedding, source.extractor(resize_mode), selected.head)


def _embedding_seconds(extractor: FeatureExtractor, field: Field, options: TrainOptions) -> float:
    """For all photos, from a sample of them: those in the cache took their time, too."""
    uris = [record.uri for record in field.learning.records]
    sample = uris[:: max(1, len(uris) // (WARM_UP + SAMPLE))]
    warm_up = min(WARM_UP, len(sample) // 2)
    with (
        TemporaryDirectory(prefix="whatsit-") as folder,
        Embedder(extractor, Path(folder), device=options.device, limits=options.limits) as embedder,
    ):
        embedder.fill(sample[:warm_up])
        start = time.monotonic()
        embedder.fill(sample[warm_up:])
        return (time.monotonic() - start) * len(uris) / (len(sample) - warm_up)


def _network(
    options: TrainOptions, field: Field, work: Path, progress: ProgressReporter, callbacks: tuple["Callback", ...]
) -> _Taught:
    network = taught_network(options, field, work, progress, callbacks=callbacks)
    seen = embeddings_once(network.extractor, field.valid, options, progress, "choosing")
    logits = network.head.logits(all_vectors(field.valid, seen))
    seconds = sum(epoch.seconds for epoch in network.history.epochs)
    return _Taught(logits, seconds, network.extractor, network.head, network.history, network.learning_rate)


def taught_network(
    options: TrainOptions,
    field: Field,
    work: Path,
    progress: ProgressReporter,
    *,
    stop_after: int | None = None,
    callbacks: tuple["Callback", ...] = (),
) -> TrainedNetwork:
    """Goes on where the checkpoint in `work` ends. Raises KeyboardInterrupt where the user broke it off."""
    built = build_for(field.learning, options, field.resize_mode_of(options), progress)
    network = train_network(
        field.photos,
        field.splits,
        built,
        options,
        cache=field.cache,
        work=work,
        progress=progress,
        stop_after=stop_after,
        callbacks=callbacks,
    )
    if network.history.interrupted:
        raise KeyboardInterrupt
    return network


def _milliseconds(graph: bytes, extractor: FeatureExtractor) -> float:
    """The least of many runs: what else the machine does can only add to it, as timeit's manual says."""
    session = open_session(graph)
    p = extractor.preprocessing
    image = np.zeros((1, p.height, p.width, 3), np.uint8)
    times = []
    for _ in range(TIMED):
        start = time.perf_counter()
        run(session, ["probabilities"], image)
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


ARRAYS, FACTS = "arrays.npz", "trial.json"


PLAIN = ("method", "log_loss", "seconds", "megabytes", "milliseconds", "found_rate")


def key_of(options: TrainOptions, field: Field) -> str:
    """The name of a trial's folder: 16 hexadecimal digits of all that the trial depends on, its time included."""
    facts = {**made_from(options, field), "network": asdict(options.network)}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def made_from(options: TrainOptions, field: Field) -> Mapping[str, object]:
    """What decides a trial's figures: photos, splits, options, the bytes of weights, and whatsit's version."""
    files = [Path(name) for name in (options.backbone, options.weights or "")]
    return {
        **training_identity(field.photos, field.splits, options),
        "stop_at_accuracy": options.network.stop_at_accuracy,
        "network_files": [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()],
    }


def keep(trial: Trial, folder: Path) -> None:
    """The facts come last: a folder with them is whole."""
    arrays = io.BytesIO()
    np.savez(arrays, logits=trial.logits, right=trial.right, units=trial.units)
    facts = {
        **{name: getattr(trial, name) for name in PLAIN},
        "accuracy": asdict(trial.accuracy),
        "history": asdict(trial.history) if trial.history else None,
    }
    write_atomically(folder / ARRAYS, arrays.getvalue())
    write_atomically(folder / FACTS, json.dumps(facts).encode())


def kept(name: str, folder: Path) -> Trial | None:
    """What `keep` wrote there, or None where there is no whole trial."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        with np.load(io.BytesIO((folder / ARRAYS).read_bytes()), allow_pickle=False) as arrays:
            logits, right, units = arrays["logits"], arrays["right"], arrays["units"]
        if facts["method"] not in get_args(Method):
            return None
        return Trial(
            name=name,
            logits=logits,
            right=right,
            units=units,
            accuracy=Figure(**facts["accuracy"]),
            history=_history(facts["history"]) if facts["history"] else None,
            **{one: facts[one] for one in PLAIN},
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):  # damaged: it is made anew
        return None


def _history(facts: dict[str, object]) -> History:
    epochs = facts["epochs"]
    if not isinstance(epochs, list):
        raise TypeError(f"epochs: expected a list, got {type(epochs).__name__}")
    return History(
        epochs=tuple(Epoch(**epoch) for epoch in epochs),
        best=int(str(facts["best"])),
        stopped=str(facts["stopped"]),
        augmented=bool(facts["augmented"]),
    )
