"""One training from a data set to a saved model, for every method: experiment → fitted → test results → model folder.

`compare` and `tune` end here, too: `finish` opens the test photos of a fitted classifier and writes its model folder.
The module does not know how a method fits; `methods.py` does.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from whatsit.config import TrainOptions
from whatsit.data.dataset import Dataset
from whatsit.embedding.source import EmbeddingSource, PhotoSource
from whatsit.evaluation.figures import Evaluation
from whatsit.evaluation.report.content import Report, Section
from whatsit.model.classifier import Classifier
from whatsit.model.evaluation import checks
from whatsit.model.format import FILES
from whatsit.notices import EMBEDDED, in_notebook, kept_if_interrupted
from whatsit.progress import ProgressReporter, no_progress
from whatsit.training.experiment import Experiment
from whatsit.training.fitted import Fitted, Run
from whatsit.training.methods import fit, method_of
from whatsit.training.network.method import FittedNetwork
from whatsit.training.network.resume import keep_checkpoint, training_folder, training_identity, unfinished
from whatsit.training.preparation import make_experiment
from whatsit.training.save import SaveRequest, save_model, training_figures
from whatsit.training.tensorboard.write import show
from whatsit.training.test_results import evaluate_test

if TYPE_CHECKING:
    from lightning.pytorch import Callback


@dataclass(frozen=True)
class Trained:
    """What training gave. `classifier` answers, `evaluation` says how well, `folder` holds it all."""

    classifier: Classifier
    evaluation: Evaluation
    report: Report
    folder: Path
    training: Mapping[str, object] = field(default_factory=dict)  # splits, left out, groups, thresholds, suspects

    @property
    def figures(self) -> dict[str, object]:
        """Plain values for JSON: the report's first sentence, the evaluation, who gets an answer, and `training`."""
        return {**figures_of(self.report, self.evaluation), **self.training}

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p><b>{escape(self.report.headline)}</b></p><p>{escape(str(self.folder))}</p>"


def figures_of(report: Report, evaluation: Evaluation) -> dict[str, object]:
    """Of a training or a later evaluation, as plain values for JSON."""
    answered = report.unsure and report.unsure.to_dict()
    groups = {"groups": [asdict(group) for group in report.groups]}
    return {"headline": report.headline, **evaluation.to_dict(), "answered": answered, **groups, **checks(report)}


@dataclass(frozen=True)
class TrainRequest:
    """What to write where."""

    folder: Path
    data: str  # as it was named, for the report's commands
    overwrite: bool
    progress: ProgressReporter
    sections: tuple[Section, ...] = ()  # of the report, besides its own


@dataclass(frozen=True)
class NetworkRun:
    """How a network's training is run."""

    resume: bool = False
    keep_checkpoint: bool = False
    callbacks: tuple["Callback", ...] = ()
    show_network: Callable[[str], None] | None = None  # hears of its layers


PLAIN_RUN = NetworkRun()


def run_training(
    dataset: Dataset,
    source: EmbeddingSource,
    options: TrainOptions,
    cache: Path,
    request: TrainRequest,
    network: NetworkRun = PLAIN_RUN,
) -> Trained:
    """source: of a probe's embeddings; or the default backbone, where a network is trained and copies are to be found.

    Raises a WhatsitError for whatever the user can mend.
    """
    method, progress = method_of(options), request.progress
    experiment = make_experiment(dataset, source, options, progress, shared=method.network)
    embedded = EMBEDDED if isinstance(source, PhotoSource) else ""
    with _under_way(experiment, options, request, network, embedded) as work:
        callbacks = (*_epoch_lines(progress), *network.callbacks) if method.network else ()
        run = Run(cache, work, progress, callbacks, network.show_network, partial=True)
        fitted = fit(experiment, options, run)
        trained = finish(fitted, request, work if method.network else None)
        if network.keep_checkpoint and isinstance(fitted, FittedNetwork):
            keep_checkpoint(work, request.folder, FILES.facts, fitted.history, fitted.network.epochs)
    return trained


@contextmanager
def _under_way(
    experiment: Experiment, options: TrainOptions, request: TrainRequest, network: NetworkRun, embedded: str
) -> Iterator[Path]:
    """The folder of the training under way, which holds a network's checkpoint. Ctrl-C says what is kept.

    embedded: what is said of a probe.
    """
    if method_of(options).network:
        begun = training_identity(experiment, options)
        with unfinished(request.folder, begun, resume=network.resume, overwrite=request.overwrite, more=True) as work:
            yield work
    else:
        with kept_if_interrupted(lambda: embedded):
            yield training_folder(request.folder)


def _epoch_lines(progress: ProgressReporter) -> Iterator["Callback"]:
    """A line an epoch in a script, where there is no bar."""
    if progress is no_progress and not in_notebook():
        from whatsit.training.network.callbacks import EpochLines

        yield EpochLines()


def finish(fitted: Fitted, request: TrainRequest, training: Path | None = None) -> Trained:
    """Opens the test photos and writes the model folder. training: the folder of a network's training under way."""
    predictions = fitted.predictions(request.progress)
    with request.progress("writing the report", None):
        results = SaveRequest(predictions, evaluate_test(predictions), request.sections)
        classifier, report = save_model(results, request.folder, data=request.data, overwrite=request.overwrite)
    show(results, training, request.progress)
    return Trained(classifier, results.test_results.evaluation, report, request.folder, training_figures(results))
