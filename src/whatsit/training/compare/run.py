"""The winner, taught again on valid photos too, and published. Here, and not before, the test photos are opened.

What a photo has to be new for stays as it was: a network's temperature and its threshold of "unsure" come from the
first fit, which had not seen the valid photos. The number of its epochs is the one that was best then.

Several ways to teach on the same splits: each measured on valid, the winner published, and only then test opened.

Every trial is kept beside the output until all is done. So what was broken off, at whatever moment, goes on from there
when it is called again.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from whatsit.config import READ_DEFAULTS, ReadOptions, TrainOptions
from whatsit.data.dataset import with_pages
from whatsit.data.read import Data, Listed, noted, read_dataset, typed_data
from whatsit.embedding.location import cache_folder
from whatsit.errors import WhatsitError
from whatsit.files import check_results, plain_os_errors, write_atomically, write_json
from whatsit.model.format import FILES
from whatsit.notices import kept_if_interrupted
from whatsit.progress import Advance, ProgressReporter, no_progress
from whatsit.training.compare.field import Field, check_candidates, default_candidates, find_field
from whatsit.training.compare.page import Facts, render_comparison
from whatsit.training.compare.result import Comparison, advice
from whatsit.training.compare.trial import Trial, embedding_source, keep, kept, key_of, run_trial, taught_network
from whatsit.training.experiment import with_vectors
from whatsit.training.network.method import fit_from_network
from whatsit.training.network.resume import alone, training_identity, unfinished, with_rate
from whatsit.training.preparation import with_depth
from whatsit.training.probe import fit_probe
from whatsit.training.run import Trained, TrainRequest, evaluate_and_save


def refitted(won: Trial, field: Field, order: TrainRequest, work: Path) -> Trained:
    """Writes the model folder. work: the folder of the checkpoint."""
    return _probe(field, order) if won.history is None else _network(won, field, order, work)


def _probe(field: Field, order: TrainRequest) -> Trained:
    """Its head is fitted on train and valid together as always, its penalty chosen on valid."""
    source, resize_mode = embedding_source(order.options, field, order.progress)
    photos = with_vectors(field.photos, source.embed(field.photos.dataset, resize_mode, "judging"))
    with order.progress("learning", None):
        fitted = fit_probe(photos, field.splits, order.options)
    return evaluate_and_save(photos, field.splits, fitted, source.extractor(resize_mode), order)


def _network(won: Trial, field: Field, order: TrainRequest, work: Path) -> Trained:
    if won.history is None:
        raise TypeError(f"{won.name} is no network")
    options = with_rate(order.options, won.found_rate)
    again = taught_network(options, field, work, order.progress, stop_after=won.history.best)
    network = replace(again, history=won.history)
    taught = fit_from_network(network, field.photos, field.splits, options, order.progress, held_out=won.logits)
    order = replace(order, options=options)
    return evaluate_and_save(taught.photos, taught.splits, taught.fitted, network.extractor, order)


SUFFIX = ".comparing"


MODEL, PAGE, FIGURES = "model", "comparison.html", "comparison.json"


FINISHED = "What was finished is kept: run the same command again to go on."


@dataclass(frozen=True)
class Compared:
    """The comparison on valid photos, and the winner's model with its figures on test photos."""

    comparison: Comparison
    trained: Trained
    folder: Path

    @property
    def page(self) -> Path:
        """The page for people."""
        return self.folder / PAGE

    @property
    def advice(self) -> list[str]:
        """Which method pays, in sentences."""
        return advice(self.comparison)

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON: those of `comparison.json`."""
        won = self.trained
        return {
            **self.comparison.to_dict(),
            "advice": self.advice,
            "model": str(won.folder),
            "test": won.figures,
        }


def compare(
    data: Data,
    candidates: Mapping[str, TrainOptions] | None = None,
    output: str | Path | None = None,
    *,
    reading: ReadOptions = READ_DEFAULTS,
    cache: str | Path | None = None,
    overwrite: bool = False,
    progress: ProgressReporter = no_progress,
    listed: Listed = noted,
    told: Callable[[Trial], None] = lambda trial: None,
) -> Compared:
    """Teaches several ways on the same splits, says which pays, and writes the winner's model folder.

    data, reading, listed: as for `train`; candidates: name → options, all with the same splits (default: every method
    once); output: a folder (default: <name of data>-comparison); told: called with each candidate's figures when they
    are there. Called again after it was broken off, it goes on. Raises a WhatsitError, one line, for whatever the user
    can mend.
    """
    candidates = default_candidates() if candidates is None else candidates
    check_candidates(candidates)
    dataset = with_pages(read_dataset(data, options=reading), next(iter(candidates.values())).limits.page)
    folder = Path(output) if output else Path(f"{dataset.name}-comparison")
    own = (MODEL, PAGE) if _work_folder(folder).exists() else ()
    check_results(folder, FIGURES, own, "replace it with --force", overwrite=overwrite)
    listed(dataset)
    dataset, ranged = with_depth(dataset, next(iter(candidates.values())))
    candidates = {name: replace(one, value_range=ranged.value_range) for name, one in candidates.items()}
    typed = typed_data(data, reading)
    with _work(folder) as work:
        field = find_field(dataset, candidates, cache_folder(cache), progress)
        trials = []
        for name, options in candidates.items():
            trials.append(_trial(name, options, field, work, _named(progress, name)))
            told(trials[-1])
        compared = _published(Comparison(tuple(trials)), candidates, field, folder, work, typed, progress)
        facts = Facts(dataset.name, len(field.splits.cv[0].train), field.few_valid, f"{MODEL}/{FILES.report}")
        page = render_comparison(compared.comparison, compared.trained.report, facts)
        write_atomically(folder / PAGE, page.encode("utf-8", "backslashreplace"))
        write_json(folder / FIGURES, compared.to_dict())
    return compared


@contextmanager
def _work(folder: Path) -> Iterator[Path]:
    """Where trials are kept; it goes when the block ends without an error. Raises WhatsitError as `alone` does."""
    work = _work_folder(folder)
    with alone(work, "comparing"), kept_if_interrupted(lambda: FINISHED, whole=True):
        yield work
    shutil.rmtree(work, ignore_errors=True)


def _work_folder(folder: Path) -> Path:
    return folder.with_name(folder.name + SUFFIX)


def _named(progress: ProgressReporter, name: str) -> ProgressReporter:
    """The same, saying whose steps they are."""

    @contextmanager
    def named(step: str, total: int | None) -> Iterator[Advance]:
        with progress(f"{name}: {step}", total) as advance:
            yield lambda n, note="": advance(n, f"{name}: {note}" if note else "")

    return named


def _trial(name: str, options: TrainOptions, field: Field, work: Path, progress: ProgressReporter) -> Trial:
    """Taught now, or kept from an earlier call."""
    place = work / key_of(options, field)
    if found := kept(name, place):
        return found
    try:
        with unfinished(
            place, training_identity(field.photos, field.splits, options), resume=True, overwrite=True
        ) as training:
            trial = run_trial(name, options, field, training, progress)
            keep(trial, place)
    except WhatsitError as error:
        raise WhatsitError(f"{name}: {error}") from error
    return trial


def _published(
    comparison: Comparison,
    candidates: Mapping[str, TrainOptions],
    field: Field,
    folder: Path,
    work: Path,
    data: str,
    progress: ProgressReporter,
) -> Compared:
    """The winner's model folder. Figures of an earlier comparison go first: they are not this one's."""
    won = comparison.winner
    options = candidates[won.name]
    order = TrainRequest(
        options, folder / MODEL, data, overwrite=True, progress=_named(progress, f"{won.name}, on valid photos too")
    )
    with plain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FIGURES).unlink(missing_ok=True)
    place = work / f"{key_of(options, field)}-again"
    with unfinished(
        place, training_identity(field.photos, field.splits, options), resume=True, overwrite=True
    ) as training:
        return Compared(comparison, refitted(won, field, order, training), folder)
