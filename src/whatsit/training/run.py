"""One training from a data set to a saved model, for every method."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from whatsit.config import TrainOptions
from whatsit.data.dataset import Dataset
from whatsit.data.groups import notice_proposals
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.source import FreshSight, Sight, Watch, common_sight, unwatched
from whatsit.evaluation.figures import Evaluation
from whatsit.evaluation.report.content import Report
from whatsit.model.classifier import Classifier
from whatsit.model.evaluation import checks
from whatsit.model.format import FILES
from whatsit.notices import EMBEDDED, in_notebook, kept_if_interrupted, notice
from whatsit.training.experiment import Photos, gather
from whatsit.training.network.build import Tell, build_for, check_networks, introduce
from whatsit.training.network.method import see_through, teach
from whatsit.training.network.resume import begun_with, keep_checkpoint, unfinished, with_rate
from whatsit.training.preparation import better_fit, likely_fit
from whatsit.training.probe import Learned, learn
from whatsit.training.save import Work, publish, training_figures
from whatsit.training.splits import Plan, make_plan, seen_anew, unused_shares
from whatsit.training.tensorboard.write import show
from whatsit.training.test_results import judge

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
class Order:
    """What was asked for: how to train, and what to write where."""

    options: TrainOptions
    folder: Path
    data: str  # as it was named, for the report's commands
    overwrite: bool
    watch: Watch
    training: Path | None = None  # the folder of a network's training under way


def _train(dataset: Dataset, sight: Sight, order: Order) -> Trained:
    photos, plan, extractor = see(dataset, sight, order.options, order.watch)
    with kept_if_interrupted(lambda: EMBEDDED if isinstance(sight, FreshSight) else ""):
        with order.watch("learning", None):
            learned = learn(photos, plan, order.options)
        return published(photos, plan, learned, extractor, order)


@dataclass(frozen=True)
class Going:
    """Where a network's training begins, what it leaves, and who watches."""

    resume: bool
    keep_checkpoint: bool
    callbacks: tuple["Callback", ...]


def _train_network(dataset: Dataset, cache: Path, going: Going, order: Order, tell: Tell | None) -> Trained:
    options, watch = order.options, order.watch
    check_networks(options)
    photos, plan, extractor = see(dataset, common_sight(options, cache, watch), options, watch)
    built = build_for(dataset, options, extractor.preprocessing.fit, watch)
    introduce(built, tell)
    callbacks, begun = going.callbacks, begun_with(photos, plan, options)
    if watch is unwatched and not in_notebook():  # a script: a line an epoch, as there is no bar
        from whatsit.training.network.callbacks import EpochLines

        callbacks = (EpochLines(), *callbacks)
    with unfinished(order.folder, begun, resume=going.resume, overwrite=order.overwrite, more=True) as work:
        network = teach(photos, plan, built, options, cache=cache, work=work, watch=watch, callbacks=callbacks)
        taught = see_through(network, photos, plan, options, watch)
        order = replace(order, training=work, options=with_rate(options, network.learning_rate))
        trained = published(taught.photos, taught.plan, taught.learned, network.extractor, order)
        if going.keep_checkpoint:
            keep_checkpoint(work, order.folder, FILES.facts, network.history, network.epochs)
        return trained


def published(photos: Photos, plan: Plan, learned: Learned, extractor: FeatureExtractor, order: Order) -> Trained:
    with order.watch("writing the report", None):
        judged = judge(photos, plan, learned)
        work = Work(photos, plan, learned, judged, extractor, order.options)
        classifier, report = publish(work, order.folder, data=order.data, overwrite=order.overwrite)
    show(work, order.training, order.watch)
    return Trained(classifier, judged.evaluation, report, order.folder, training_figures(work))


def see(dataset: Dataset, sight: Sight, options: TrainOptions, watch: Watch) -> tuple[Photos, Plan, FeatureExtractor]:
    """The photos that take part, the plan, and the extractor whose fit suits them."""
    fit, undecided = sight.fits(dataset, *likely_fit(dataset, *sight.input_size(), limits=options.limits))
    embeddings = sight.embed(dataset, fit, "embedding")
    with watch("finding copies", None):
        photos = gather(dataset, embeddings, options)
    notice_proposals(photos.related, "To keep each source together: --group-by-name always")
    plan = make_plan(photos, options)
    if unused := unused_shares(photos, plan, options):
        notice(unused)
    if undecided and options.method == "probe":
        better = better_fit(photos, plan, fit, lambda some, f: sight.embed(some, f, f"trying {f}"), options)
        if better != fit:
            fit = better
            photos, plan = seen_anew(photos, plan, sight.embed(dataset, fit, f"embedding by {fit}"))
    return photos, plan, sight.extractor(fit)
