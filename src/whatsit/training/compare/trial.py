"""A trial: one candidate, fitted on train photos and measured on valid photos. It does not get the test photos.

Valid photos also choose a probe's regularization and a network's epoch. So the figures flatter all candidates a little,
and alike; what is promised of the winner comes from test photos alone.

A trial is kept on disk as arrays and JSON, so that a comparison that was broken off goes on where it ended. A folder
stands for one candidate on one experiment: with any other option or photo it is another trial. It holds the figures and
not the classifier: the winner is fitted again on more photos (`refit`).
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

import numpy as np
from numpy.typing import NDArray

from whatsit.config import TrainOptions
from whatsit.data.dataset import Dataset
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.embedder import Embedder
from whatsit.embedding.session import graph_device, open_session
from whatsit.embedding.session import run as answer
from whatsit.evaluation.figures import Figure
from whatsit.evaluation.intervals import share_interval
from whatsit.files import write_atomically
from whatsit.model.export import export_graph
from whatsit.option import Method
from whatsit.training.calibration import log_loss, softmax
from whatsit.training.experiment import Experiment
from whatsit.training.fitted import Earlier, Epoch, Fitted, History, Run
from whatsit.training.methods import METHODS, fit, method_of
from whatsit.training.network.resume import training_identity

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
    seconds: float  # that training takes: a probe with the embedding, a network without decoding its photos once
    megabytes: float  # of the ONNX file
    milliseconds: float  # that the ONNX file takes for one image on one core, decoding aside
    history: History | None  # of a network
    train_photos: int  # that it was fitted on
    found_rate: float | None = None  # its learning rate, where that was found by a trial


def run_trial(name: str, options: TrainOptions, experiment: Experiment, run: Run) -> Trial:
    """Fits a candidate and measures it on the valid photos. The method gets the experiment without its test photos.

    Raises KeyboardInterrupt where the user broke it off: what is half trained is no trial.
    """
    method = method_of(options)
    learning = experiment.without_test()
    fitted = fit(learning, options, run)
    seconds = fitted.seconds
    if not method.network:  # embeddings that are in the cache took their time, too
        with run.progress("measuring the prediction time", None):
            seconds += _embedding_seconds(fitted.extractor, fitted.experiment.photos.dataset, options)
    labels = experiment.valid_labels
    right = softmax(fitted.held_out_logits, fitted.temperature).argmax(axis=1) == labels
    graph = export_graph(fitted.extractor.graph, fitted.head, fitted.temperature, None, len(experiment.classes))
    return Trial(
        name=name,
        method=options.method,
        logits=fitted.held_out_logits,
        right=right,
        units=experiment.valid_units,
        accuracy=Figure(int(right.sum()) / len(right), *share_interval(right, experiment.valid_units)),
        log_loss=log_loss(fitted.held_out_logits, labels, fitted.temperature),
        seconds=seconds,
        megabytes=len(graph) / 1e6,
        milliseconds=_milliseconds(graph, fitted.extractor),
        history=fitted.history,
        train_photos=len(fitted.experiment.fold.train),
        found_rate=fitted.found_rate,
    )


def _embedding_seconds(extractor: FeatureExtractor, dataset: Dataset, options: TrainOptions) -> float:
    """For all photos, from a sample of them."""
    uris = [record.uri for record in dataset.records]
    sample = uris[:: max(1, len(uris) // (WARM_UP + SAMPLE))]
    warm_up = min(WARM_UP, len(sample) // 2)
    device = graph_device(options.device)
    with (
        TemporaryDirectory(prefix="whatsit-") as folder,
        Embedder(extractor, Path(folder), device=device, limits=options.limits) as embedder,
    ):
        embedder.fill(sample[:warm_up])
        start = time.monotonic()
        embedder.fill(sample[warm_up:])
        return (time.monotonic() - start) * len(uris) / (len(sample) - warm_up)


def refit(won: Trial, options: TrainOptions, experiment: Experiment, run: Run) -> Fitted:
    """The winner fitted again, on the valid photos too, which choose nothing this time.

    What a photo has to be new for stays as it was: a network's temperature and its threshold of "unsure" come from the
    first fit, which had not seen the valid photos, and it learns for as many epochs as were best then.
    """
    earlier = Earlier(won.history, won.logits, won.found_rate)
    return fit(experiment, options, replace(run, earlier=earlier))


def _milliseconds(graph: bytes, extractor: FeatureExtractor) -> float:
    """The least of many runs: what else the machine does can only add to it, as timeit's manual says."""
    session = open_session(graph)
    p = extractor.preprocessing
    image = np.zeros((1, p.height, p.width, 3), np.uint8)
    times = []
    for _ in range(TIMED):
        start = time.perf_counter()
        answer(session, ["probabilities"], image)
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


ARRAYS, FACTS = "arrays.npz", "trial.json"
PLAIN = ("method", "log_loss", "seconds", "megabytes", "milliseconds", "train_photos", "found_rate")


def key_of(options: TrainOptions, experiment: Experiment) -> str:
    """The name of a trial's folder: 16 hexadecimal digits of all that the trial depends on, its time included."""
    facts = {**made_from(options, experiment), "network": asdict(options.network)}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def made_from(options: TrainOptions, experiment: Experiment) -> Mapping[str, object]:
    """What decides a trial's figures: photos, splits, options, the bytes of weights, and whatsit's version."""
    files = [Path(name) for name in (options.backbone, options.weights or "")]
    return {
        **training_identity(experiment, options),
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
        if facts["method"] not in METHODS:
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
