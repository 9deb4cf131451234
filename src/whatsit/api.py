"""The public functions: from a folder of photos to a model folder, and from there to later figures.

    Dataset → Experiment → Fitted → test results → model folder

    read_dataset      which photos there are, with their labels                      data/
    make_experiment   photos with embeddings, groups and splits                      training/preparation.py
    fit               a probe on embeddings, or a network on pixels                  training/methods.py
    predictions       of every photo by a model that was not fitted on it            training/fitted.py
    evaluate_test     the figures; here the test photos are opened, and only once    training/test_results.py
    save_model        all that is written                                            training/save.py

`train` goes this way once. `whatsit.compare` and `whatsit.tune` call the same `fit` for each candidate and trial, and
then save the best one. The functions here read what is asked for, check where it is to go, and start the work; they do
not know how anything is computed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from whatsit.config import READ_DEFAULTS, ReadOptions, TrainOptions
from whatsit.data.dataset import with_pages
from whatsit.data.read import Data, Listed, noted, read_dataset, read_photos, typed_data
from whatsit.embedding.location import cache_folder
from whatsit.embedding.parquet import Provenance, stored_rows, write_parquet
from whatsit.embedding.source import ParquetSource, PhotoSource, default_source
from whatsit.errors import WhatsitError
from whatsit.evaluation.figures import Evaluation
from whatsit.evaluation.report.content import Report
from whatsit.files import check_file, check_folder, default_folder, examination_folder, other_examination_folder
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.images.photo_cache import photo_cache
from whatsit.model.answers import answer
from whatsit.model.classifier import Classifier
from whatsit.model.evaluation import FIGURES, examine, judge_strangers, say_notes, sound, test_part, write_examination
from whatsit.model.format import FILES
from whatsit.notices import EMBEDDED, kept_if_interrupted
from whatsit.progress import ProgressReporter, no_progress
from whatsit.text import shell_quoted
from whatsit.training.methods import method_of
from whatsit.training.network.resume import goes_on
from whatsit.training.preparation import likely_resize_mode, with_depth
from whatsit.training.run import NetworkRun, Trained, TrainRequest, figures_of, run_training
from whatsit.training.tensorboard.write import check

if TYPE_CHECKING:
    from lightning.pytorch import Callback

DEFAULTS = TrainOptions()


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
    progress: ProgressReporter = no_progress,
    listed: Listed = noted,
    show_network: Callable[[str], None] | None = None,
    callbacks: Sequence["Callback"] = (),
) -> Trained:
    """Trains a classifier on a folder or CSV manifest, and writes its model folder.

    data: `<class>/…`, `train|valid|test/<class>/…`, or a manifest `uri,label[,split][,group]`; or several, of which a
    later one says what a photo shows that stands in two, by path or content; valid and test: others;
    label_dict: a text file that fixes the order of the classes; reading: how data is read where its folders or columns
    do not say it; listed: hears of the data set before anything is learned. Of a network: resume goes on with a
    training that was broken off, or that kept its checkpoint (keep_checkpoint), to more epochs where so asked;
    show_network: called with the table of its layers; callbacks are Lightning's, called while it learns. Raises a
    WhatsitError, one line, for whatever the user can mend.
    """
    check(options)
    dataset = read_dataset(data, valid=valid, test=test, label_dict=label_dict, options=reading)
    dataset = with_pages(dataset, options.limits.page)
    folder = Path(output) if output else default_folder(dataset.name)
    if resume and method_of(options).network:
        overwrite = overwrite or goes_on(folder, FILES.facts, options.network.epochs)
    check_folder(folder, FILES.facts, overwrite=overwrite)
    listed(dataset)
    request, place = TrainRequest(folder, typed_data(data, reading), overwrite, progress), cache_folder(cache)
    method = method_of(options)
    method.check(options)
    source = default_source if method.network else PhotoSource
    network = NetworkRun(resume, keep_checkpoint, tuple(callbacks), show_network)
    with photo_cache(place):
        dataset, options = with_depth(dataset, options)
        return run_training(dataset, source(options, place, progress), options, place, request, network)


def train_from_embeddings(
    file: str | Path,
    output: str | Path | None = None,
    options: TrainOptions = DEFAULTS,
    *,
    label_dict: str | Path | None = None,
    overwrite: bool = False,
    progress: ProgressReporter = no_progress,
) -> Trained:
    """The same from a Parquet file of `whatsit embed`; the photos are read for the report's pictures alone.

    options.backbone matters only where the vectors are of a network of the user's own: it names that again.
    """
    check(options)
    if method_of(options).network:
        raise WhatsitError(f"method is {options.method}: a network is trained on photos. From embeddings: probe")
    source = ParquetSource(Path(file), options.backbone, options.weights)
    dataset = source.dataset(Path(label_dict) if label_dict else None)
    folder = Path(output) if output else default_folder(dataset.name)
    check_folder(folder, FILES.facts, overwrite=overwrite)
    request = TrainRequest(folder, f"--embeddings {shell_quoted(file)}", overwrite, progress)
    return run_training(dataset, source, options, cache_folder(None), request)


@dataclass(frozen=True)
class Evaluated:
    """What measuring a model on other photos gave."""

    evaluation: Evaluation
    report: Report
    folder: Path

    @property
    def figures(self) -> dict[str, object]:
        """Plain values for JSON: the report's first sentence, all of the evaluation, and who gets an answer."""
        return figures_of(self.report, self.evaluation)


def evaluate(
    model: str | Path,
    data: str | Path,
    output: str | Path | None = None,
    *,
    device: str = "cpu",
    limits: Limits = DEFAULT_LIMITS,
    overwrite: bool = False,
    reading: ReadOptions = READ_DEFAULTS,
    progress: ProgressReporter = no_progress,
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
    answers = sound(answer(classifier, dataset, progress))
    say_notes(answers.notes)
    strangers = judge_strangers(classifier, dataset, progress)
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
    progress: ProgressReporter = no_progress,
    listed: Listed = noted,
) -> Written:
    """Writes the embeddings of photos to a Parquet file, in constant memory. They need no labels.

    Raises a WhatsitError for whatever the user can mend.
    """
    check_file(Path(output), overwrite=overwrite)
    dataset = with_pages(read_photos(data, reading), options.limits.page)
    listed(dataset)
    place = cache_folder(cache)
    with photo_cache(place) as photos:
        dataset, options = with_depth(dataset, options)
        source = PhotoSource(options, place, progress)
        resize_mode, _ = source.first_resize_mode(
            dataset, *likely_resize_mode(dataset, *source.input_size(), limits=options.limits)
        )
        photos.seal()  # each of the others is asked for once
        with (
            kept_if_interrupted(lambda: EMBEDDED),
            source.embedder(resize_mode) as embedder,
            progress("embedding", len(dataset.records)) as advance,
        ):
            embedded = embedder.fill([record.uri for record in dataset.records], advance)
            rows = stored_rows(dataset.records, embedded, embedder)
            count = write_parquet(Path(output), rows, Provenance.of(embedder.extractor, options.image_size))
    return Written(count, len(embedded.errors), embedded.computed)
