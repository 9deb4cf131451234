"""Compares candidates: each is fitted on the same experiment and measured on its valid photos.

    shared experiment → a trial for each candidate → winner → fitted again on train and valid → model folder, page

All candidates share one experiment: the same train photos to be fitted on, and the same valid photos to be compared by.

Test photos are opened for the winner alone, once it is fitted again. Every trial is kept beside the output until all is
done. So what was broken off, at whatever moment, goes on from there when it is called again.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from whatsit.config import READ_DEFAULTS, ReadOptions, TrainOptions
from whatsit.data.dataset import Dataset, with_pages
from whatsit.data.read import Data, Listed, noted, read_dataset, typed_data
from whatsit.embedding.location import cache_folder
from whatsit.embedding.source import default_source
from whatsit.errors import MissingExtraError, WhatsitError
from whatsit.files import check_results, plain_os_errors, write_atomically, write_json
from whatsit.model.format import FILES
from whatsit.notices import kept_if_interrupted, notice
from whatsit.option import options_of
from whatsit.progress import Advance, ProgressReporter, no_progress
from whatsit.text import number
from whatsit.training.compare.page import Facts, render_comparison
from whatsit.training.compare.result import Comparison, advice
from whatsit.training.compare.trial import Trial, keep, kept, key_of, refit, run_trial
from whatsit.training.experiment import Experiment
from whatsit.training.fitted import Run
from whatsit.training.methods import method_of
from whatsit.training.network.build import check_extra
from whatsit.training.network.resume import alone, training_identity, unfinished
from whatsit.training.preparation import make_experiment, with_depth
from whatsit.training.run import Trained, TrainRequest, finish
from whatsit.training.splits import effective_groups, make_splits
from whatsit.training.tensorboard.write import check

PROBE = TrainOptions()


CANDIDATES = {
    "probe": PROBE,
    "probe --image-size 300": replace(PROBE, image_size=(300, 300)),
    "probe --head svm": replace(PROBE, head="svm"),
    "probe --head knn": replace(PROBE, head="knn"),
    "scratch": replace(PROBE, method="scratch"),
    "finetune": replace(PROBE, method="finetune"),
}
"""Every method once, as it comes."""


def default_candidates() -> dict[str, TrainOptions]:
    """Those that can be trained here: probes alone where the extra `networks` is not installed."""
    try:
        check_extra()
    except MissingExtraError:
        return {name: options for name, options in CANDIDATES.items() if not method_of(options).network}
    return dict(CANDIDATES)


def check_candidates(candidates: Mapping[str, TrainOptions]) -> None:
    """Before long work: raises WhatsitError where there is none, or one has its own splits or cannot be fitted here."""
    if not candidates:
        raise WhatsitError("nothing to compare. Give candidates, as {'probe': TrainOptions()}")
    first, common = next(iter(candidates.items()))
    same = [name for name, option in options_of(TrainOptions).items() if option.same_photos]
    for name, options in candidates.items():
        for option in (*same, "limits"):
            here, there = getattr(options, option), getattr(common, option)
            if here != there:
                raise WhatsitError(
                    f"{name}: {option} is {here}, and {there} for {first}. Candidates are compared on the same photos: "
                    "give all the same"
                )
    for options in candidates.values():
        check(options)
        method_of(options).check(options)


FEW_VALID = 100  # photos, or groups of photos that belong together, to choose on
LEAST_ALONE = 6  # photos that one alone has right, before McNemar's exact test calls it better: 2 / 2^6 is 0.03


def few_valid(experiment: Experiment) -> str:
    """What to know of valid photos so few that differences between candidates are mostly chance; else nothing."""
    photos = len(experiment.valid_rows)
    groups = round(effective_groups(experiment.valid_units))
    if groups >= FEW_VALID:
        return ""
    what = f"Only {number(photos, 'valid photo')} to choose on"
    if groups < photos:
        what += f", worth {number(groups, 'single photo')} since they come in groups"
    gap = f"a gap under {LEAST_ALONE} ({100 * LEAST_ALONE / groups:.0f} points)"
    return f"{what}: {gap if groups >= LEAST_ALONE else 'any gap'} may be chance"


def shared_experiment(
    dataset: Dataset, candidates: Mapping[str, TrainOptions], cache: Path, progress: ProgressReporter
) -> Experiment:
    """The experiment that all candidates are fitted on. A probe can do with the one fold that a network needs, too.

    Raises DatasetError where a class has too few photos for one of the candidates, or no photo of a split can be used.
    """
    common = next(iter(candidates.values()))
    experiment = make_experiment(dataset, default_source(common, cache, progress), common, progress, shared=True)
    for head in {options.head for options in candidates.values() if not method_of(options).network}:
        make_splits(experiment.photos, replace(common, head=head))  # it knows what each head needs
    if few := few_valid(experiment):
        notice(few)
    return experiment


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
    """Fits several methods on the same splits, says which pays, and writes the winner's model folder.

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
    cached = cache_folder(cache)
    with _work(folder) as work:
        experiment = shared_experiment(dataset, candidates, cached, progress)
        trials = []
        for name, options in candidates.items():
            run = Run(cached, work / key_of(options, experiment), _named(progress, name))
            trials.append(_trial(name, options, experiment, run))
            told(trials[-1])
        comparison = Comparison(tuple(trials))
        won = comparison.winner
        again = _named(progress, f"{won.name}, on valid photos too")
        request = TrainRequest(folder / MODEL, typed, overwrite=True, progress=again)
        compared = Compared(comparison, _saved(won, candidates[won.name], experiment, request, work, cached), folder)
        few, link = few_valid(experiment), f"{MODEL}/{FILES.report}"
        facts = Facts(dataset.name, few, link)
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


def _trial(name: str, options: TrainOptions, experiment: Experiment, run: Run) -> Trial:
    """Fitted now, or kept from an earlier call."""
    if found := kept(name, run.work):
        return found
    begun = training_identity(experiment, options)
    try:
        with unfinished(run.work, begun, resume=True, overwrite=True) as training:
            trial = run_trial(name, options, experiment, replace(run, work=training))
            keep(trial, run.work)
    except WhatsitError as error:
        raise WhatsitError(f"{name}: {error}") from error
    return trial


def _saved(
    won: Trial, options: TrainOptions, experiment: Experiment, request: TrainRequest, work: Path, cache: Path
) -> Trained:
    """The winner's model folder. Figures of an earlier comparison go first: they are not this one's."""
    folder = request.folder.parent
    with plain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FIGURES).unlink(missing_ok=True)
    place, begun = work / f"{key_of(options, experiment)}-again", training_identity(experiment, options)
    with unfinished(place, begun, resume=True, overwrite=True) as training:
        return finish(refit(won, options, experiment, Run(cache, training, request.progress)), request)
