"""One training from a data set to a saved model, for every method."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from whatsit.config import TrainOptions
from whatsit.data.dataset import Dataset
from whatsit.data.groups import notice_proposals
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.source import EmbeddingSource, PhotoSource, default_source
from whatsit.evaluation.figures import Evaluation
from whatsit.evaluation.report.content import Report
from whatsit.model.classifier import Classifier
from whatsit.model.evaluation import checks
from whatsit.model.format import FILES
from whatsit.notices import EMBEDDED, in_notebook, kept_if_interrupted, notice
from whatsit.progress import ProgressReporter, no_progress
from whatsit.training.experiment import TrainingSet, make_training_set
from whatsit.training.network.build import build_for, check_networks, introduce
from whatsit.training.network.method import fit_from_network, train_network
from whatsit.training.network.resume import keep_checkpoint, training_identity, unfinished, with_rate
from whatsit.training.preparation import better_resize_mode, likely_resize_mode
from whatsit.training.probe import Fitted, fit_probe
from whatsit.training.save import SaveRequest, save_model, training_figures
from whatsit.training.splits import Splits, make_splits, unused_shares, with_other_embeddings
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
        return {**_figures(self.report, self.evaluation), **self.training}

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p><b>{escape(self.report.headline)}</b></p><p>{escape(str(self.folder))}</p>"


def _figures(report: Report, evaluation: Evaluation) -> dict[str, object]:
    answered = report.unsure and report.unsure.to_dict()
    groups = {"groups": [asdict(group) for group in report.groups]}
    return {"headline": report.headline, **evaluation.to_dict(), "answered": answered, **groups, **checks(report)}


@dataclass(frozen=True)
class TrainRequest:
    """What was asked for: the options, and what to write where."""

    options: TrainOptions
    folder: Path
    data: str  # as it was named, for the report's commands
    overwrite: bool
    progress: ProgressReporter
    training: Path | None = None  # the folder of a network's training under way


def _train(dataset: Dataset, source: EmbeddingSource, request: TrainRequest) -> Trained:
    photos, splits, extractor = prepare(dataset, source, request.options, request.progress)
    with kept_if_interrupted(lambda: EMBEDDED if isinstance(source, PhotoSource) else ""):
        with request.progress("learning", None):
            fitted = fit_probe(photos, splits, request.options)
        return evaluate_and_save(photos, splits, fitted, extractor, request)


@dataclass(frozen=True)
class NetworkRun:
    """How a network's training is run: resumed or not, with a checkpoint kept or not, and with which callbacks."""

    resume: bool
    keep_checkpoint: bool
    callbacks: tuple["Callback", ...]


def _train_network(
    dataset: Dataset, cache: Path, run: NetworkRun, request: TrainRequest, show_network: Callable[[str], None] | None
) -> Trained:
    options, progress = request.options, request.progress
    check_networks(options)
    photos, splits, extractor = prepare(dataset, default_source(options, cache, progress), options, progress)
    built = build_for(dataset, options, extractor.preprocessing.resize_mode, progress)
    introduce(built, show_network)
    callbacks, identity = run.callbacks, training_identity(photos, splits, options)
    if progress is no_progress and not in_notebook():  # a script: a line an epoch, as there is no bar
        from whatsit.training.network.callbacks import EpochLines

        callbacks = (EpochLines(), *callbacks)
    with unfinished(request.folder, identity, resume=run.resume, overwrite=request.overwrite, more=True) as work:
        network = train_network(
            photos, splits, built, options, cache=cache, work=work, progress=progress, callbacks=callbacks
        )
        result = fit_from_network(network, photos, splits, options, progress)
        request = replace(request, training=work, options=with_rate(options, network.learning_rate))
        trained = evaluate_and_save(result.photos, result.splits, result.fitted, network.extractor, request)
        if run.keep_checkpoint:
            keep_checkpoint(work, request.folder, FILES.facts, network.history, network.epochs)
        return trained


def evaluate_and_save(
    photos: TrainingSet, splits: Splits, fitted: Fitted, extractor: FeatureExtractor, request: TrainRequest
) -> Trained:
    with request.progress("writing the report", None):
        test_results = evaluate_test(photos, splits, fitted)
        to_save = SaveRequest(photos, splits, fitted, test_results, extractor, request.options)
        classifier, report = save_model(to_save, request.folder, data=request.data, overwrite=request.overwrite)
    show(to_save, request.training, request.progress)
    return Trained(classifier, test_results.evaluation, report, request.folder, training_figures(to_save))


def prepare(
    dataset: Dataset, source: EmbeddingSource, options: TrainOptions, progress: ProgressReporter
) -> tuple[TrainingSet, Splits, FeatureExtractor]:
    """The photos that take part, the splits, and the extractor whose resize mode suits them."""
    resize_mode, undecided = source.first_resize_mode(
        dataset, *likely_resize_mode(dataset, *source.input_size(), limits=options.limits)
    )
    embeddings = source.embed(dataset, resize_mode, "embedding")
    with progress("finding copies", None):
        photos = make_training_set(dataset, embeddings, options)
    notice_proposals(photos.related, "To keep each source together: --group-by-name always")
    splits = make_splits(photos, options)
    if unused := unused_shares(photos, splits, options):
        notice(unused)
    if undecided and options.method == "probe":
        better = better_resize_mode(
            photos, splits, resize_mode, lambda some, mode: source.embed(some, mode, f"trying {mode}"), options
        )
        if better != resize_mode:
            resize_mode = better
            photos, splits = with_other_embeddings(
                photos, splits, source.embed(dataset, resize_mode, f"embedding by {resize_mode}")
            )
    return photos, splits, source.extractor(resize_mode)
