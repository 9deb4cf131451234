"""The whole story on one page: from a folder of photos to a model folder, and from there to later figures.

    read → embed → gather → plan → learn → judge → publish
                                 ↘ teach ↗

A probe is learned on embeddings; a network is taught on pixels, and then is a backbone with a head like any other.
Each step is one file of `steps/`. Data goes one way, and the test photos are looked at once, in `judge`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from whatsit.dataset import (
    READ_DEFAULTS,
    Data,
    Dataset,
    Listed,
    ReadOptions,
    noted,
    read_dataset,
    read_photos,
    typed_data,
    with_pages,
)
from whatsit.embedding.backbones import FeatureExtractor
from whatsit.embedding.location import cache_folder
from whatsit.embedding.parquet import write_parquet
from whatsit.embedding.stored import Provenance, stored_rows
from whatsit.evaluation import Evaluation
from whatsit.evaluation.report import Report
from whatsit.files import check_file
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.interrupts import EMBEDDED, kept_if_interrupted
from whatsit.model.classifier import Classifier
from whatsit.model.folder import FILES
from whatsit.notices import in_notebook, notice
from whatsit.options import TrainOptions
from whatsit.steps.answers import answer
from whatsit.steps.build import Tell, build_for, check_networks, introduce
from whatsit.steps.depth import with_depth
from whatsit.steps.drop import seen_anew
from whatsit.steps.examine import FIGURES, examine, judge_strangers, say_notes, sound, test_part, write_examination
from whatsit.steps.figures import training_figures
from whatsit.steps.fit import better_fit, likely_fit
from whatsit.steps.gather import Photos, gather
from whatsit.steps.going_on import goes_on, keep_checkpoint
from whatsit.steps.judge import judge
from whatsit.steps.learn import Learned, learn
from whatsit.steps.plan import Plan, make_plan, unused_shares
from whatsit.steps.publish import Work, publish
from whatsit.steps.rate import with_rate
from whatsit.steps.related import checks, notice_proposals
from whatsit.steps.see import FreshSight, Sight, StoredSight, Watch, common_sight, unwatched
from whatsit.steps.show import check, show
from whatsit.steps.target import check_folder, default_folder, examination_folder, other_examination_folder
from whatsit.steps.teach import see_through, teach
from whatsit.steps.unfinished import begun_with, unfinished
from whatsit.text import shell_quoted

if TYPE_CHECKING:
    from lightning.pytorch import Callback

DEFAULTS = TrainOptions()


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


def train(
    data: Data,
    output: str | Path | None = None,
    options: TrainOptions = DEFAULTS,
    *,
    valid: str | Path | None = None,
    test: str | Path | None = None,
    label_dict: str | Path | None = None,
    reading: ReadOptions = READ_DEFAULTS,
    cache: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    keep_checkpoint: bool = False,
    watch: Watch = unwatched,
    listed: Listed = noted,
    tell: Tell | None = None,
    callbacks: Sequence["Callback"] = (),
) -> Trained:
    """Trains a classifier on a folder or CSV manifest, and writes its model folder.

    data: `<class>/…`, `train|valid|test/<class>/…`, or a manifest `uri,label[,split][,group]`; or several, of which a
    later one says what a photo shows that stands in two, by path or content; valid and test: others;
    label_dict: a text file that fixes the order of the classes; reading: how data is read where its folders or columns
    do not say it; listed: hears of the data set before anything is learned. Of a network: resume goes on with a
    training that was broken off, or that kept its checkpoint (keep_checkpoint), to more epochs where so asked; tell
    hears of its layers; callbacks are Lightning's, called while it learns. Raises a WhatsitError, one line, for
    whatever the user can mend.
    """
    check(options)
    dataset = read_dataset(data, valid=valid, test=test, label_dict=label_dict, options=reading)
    dataset = with_pages(dataset, options.limits.page)
    folder = Path(output) if output else default_folder(dataset.name)
    if resume and options.method != "probe":
        overwrite = overwrite or goes_on(folder, FILES.facts, options.network.epochs)
    check_folder(folder, FILES.facts, overwrite=overwrite)
    listed(dataset)
    dataset, options = with_depth(dataset, options)
    typed = typed_data(data, reading)
    order, place = Order(options, folder, typed, overwrite, watch), cache_folder(cache)
    if options.method == "probe":
        return _train(dataset, FreshSight(options, place, watch), order)
    going = Going(resume, keep_checkpoint, tuple(callbacks))
    return _train_network(dataset, place, going, order, tell)


def train_from_embeddings(
    file: str | Path,
    output: str | Path | None = None,
    options: TrainOptions = DEFAULTS,
    *,
    label_dict: str | Path | None = None,
    overwrite: bool = False,
    watch: Watch = unwatched,
) -> Trained:
    """The same from a Parquet file of `whatsit embed`; the photos are read for the report's pictures alone.

    options.backbone matters only where the vectors are of a network of the user's own: it names that again.
    """
    check(options)
    sight = StoredSight(Path(file), options.backbone, options.weights)
    dataset = sight.dataset(Path(label_dict) if label_dict else None)
    folder = Path(output) if output else default_folder(dataset.name)
    check_folder(folder, FILES.facts, overwrite=overwrite)
    return _train(dataset, sight, Order(options, folder, f"--embeddings {shell_quoted(file)}", overwrite, watch))


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
        from whatsit.networks.callbacks import EpochLines

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


@dataclass(frozen=True)
class Evaluated:
    """What measuring a model on other photos gave."""

    evaluation: Evaluation
    report: Report
    folder: Path

    @property
    def figures(self) -> dict[str, object]:
        """Plain values for JSON: the report's first sentence, all of the evaluation, and who gets an answer."""
        return _figures(self.report, self.evaluation)


def evaluate(
    model: str | Path,
    data: str | Path,
    output: str | Path | None = None,
    *,
    device: str = "cpu",
    limits: Limits = DEFAULT_LIMITS,
    overwrite: bool = False,
    reading: ReadOptions = READ_DEFAULTS,
    watch: Watch = unwatched,
    listed: Listed = noted,
) -> Evaluated:
    """Measures a model on labelled photos, and writes report.html, predictions.csv and evaluation.json.

    Of a data set with splits the test split is taken. Photos whose very bytes the model was made from are
    counted, and the figures given with and without them. Photos of classes that the model does not have count in none
    of these figures, but tell how often it is unsure of what it does not know. Raises a WhatsitError for whatever the
    user can mend.
    """
    classifier = Classifier.load(model, device=device, limits=limits)
    dataset = test_part(read_dataset(data, classes=classifier.classes_, options=reading))
    dataset = with_pages(dataset, classifier.limits.page)
    folder = Path(output) if output else examination_folder(classifier.facts.name, dataset.name)
    other = other_examination_folder(Path(model), dataset.name)
    check_folder(folder, FIGURES, overwrite=overwrite, other="" if output or other.exists() else str(other))
    listed(dataset)
    answers = sound(answer(classifier, dataset, watch))
    say_notes(answers.notes)
    strangers = judge_strangers(classifier, dataset, watch)
    examined = examine(classifier, answers, Path(model), folder, strangers)
    write_examination(folder, answers, examined, overwrite=overwrite)
    return Evaluated(examined.evaluation, examined.report, folder)


@dataclass(frozen=True)
class Written:
    """What `embed` wrote."""

    rows: int
    failed: int  # rows with an error for a vector
    computed: int  # vectors that were not in the cache


def embed(
    data: str | Path,
    output: str | Path,
    options: TrainOptions = DEFAULTS,
    *,
    cache: str | Path | None = None,
    overwrite: bool = False,
    reading: ReadOptions = READ_DEFAULTS,
    watch: Watch = unwatched,
    listed: Listed = noted,
) -> Written:
    """Writes the embeddings of photos to a Parquet file, in constant memory. They need no labels.

    Raises a WhatsitError for whatever the user can mend.
    """
    check_file(Path(output), overwrite=overwrite)
    dataset = with_pages(read_photos(data, reading), options.limits.page)
    listed(dataset)
    dataset, options = with_depth(dataset, options)
    sight = FreshSight(options, cache_folder(cache), watch)
    fit, _ = sight.fits(dataset, *likely_fit(dataset, *sight.input_size(), limits=options.limits))
    with (
        kept_if_interrupted(lambda: EMBEDDED),
        sight.embedder(fit) as embedder,
        watch("embedding", len(dataset.records)) as advance,
    ):
        embedded = embedder.fill([record.uri for record in dataset.records], advance)
        rows = stored_rows(dataset.records, embedded, embedder)
        count = write_parquet(Path(output), rows, Provenance.of(embedder.extractor, options.image_size))
    return Written(count, len(embedded.errors), embedded.computed)
