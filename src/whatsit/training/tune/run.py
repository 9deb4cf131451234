"""Searches for the options that a network learns best with: from photos to the best trial's model folder.

    shared experiment → space → trials, here or in processes → summary → the best fitted again → model, page, figures

A journal beside the output holds all that was found. So what was broken off, at whatever moment, goes on from there
when it is called again, and with more trials a search that had ended goes on, too.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from whatsit.config import READ_DEFAULTS, ReadOptions, TrainOptions, TuneOptions
from whatsit.data.dataset import Dataset, with_pages
from whatsit.data.read import Data, Listed, noted, read_dataset, typed_data
from whatsit.embedding.location import cache_folder
from whatsit.errors import MissingExtraError, WhatsitError
from whatsit.files import check_results, plain_os_errors, write_atomically, write_json
from whatsit.model.format import FILES
from whatsit.notices import kept_if_interrupted
from whatsit.progress import ProgressReporter, no_progress
from whatsit.training.compare.result import pair_of, test_of
from whatsit.training.compare.run import shared_experiment
from whatsit.training.compare.trial import made_from, refit
from whatsit.training.fitted import Run
from whatsit.training.methods import method_of
from whatsit.training.network.resume import training_identity, unfinished
from whatsit.training.preparation import with_depth
from whatsit.training.run import Trained, TrainRequest, finish
from whatsit.training.tensorboard.write import check
from whatsit.training.tune.page import render_tuning, report_section
from whatsit.training.tune.space import Choice, space_of
from whatsit.training.tune.summary import Summary, best_of, train_command

if TYPE_CHECKING:
    from whatsit.training.tune.study import Study
    from whatsit.training.tune.trials import Search, SearchProgress

SUFFIX, JOURNAL = ".tuning", "study.journal"
MODEL, PAGE, FIGURES = "model", "tuning.html", "tuning.json"
LOOK = 1.0  # seconds between looks at trials of other processes


@dataclass(frozen=True)
class Tuned:
    """What a search gave: its trials, and the model of the best."""

    summary: Summary
    headline: str  # of the best model, on test photos
    figures: Mapping[str, object]  # plain values for JSON: those of `tuning.json`
    folder: Path

    @property
    def model(self) -> Path:
        """The model folder."""
        return self.folder / MODEL

    @property
    def page(self) -> Path:
        """The page for people."""
        return self.folder / PAGE


@dataclass(frozen=True)
class _Target:
    """What to write where."""

    title: str
    data: str  # as a shell reads it
    folder: Path
    begun: float  # seconds since 1970


def tune(
    data: Data,
    output: str | Path | None = None,
    options: TuneOptions | None = None,
    *,
    reading: ReadOptions = READ_DEFAULTS,
    cache: str | Path | None = None,
    overwrite: bool = False,
    progress: ProgressReporter = no_progress,
    listed: Listed = noted,
    on_progress: "Callable[[SearchProgress], None]" = lambda progress: None,
) -> Tuned:
    """Searches for the options that a network learns best with, and writes the model folder of the best.

    data, reading, listed: as for `train`; output: a folder (default: <name of data>-tuned); on_progress: hears how far
    it is, often. Called again after it was broken off, it goes on; several calls at once share the trials. Raises a
    WhatsitError, one line, for whatever the user can mend, KeyboardInterrupt after Ctrl-C.
    """
    options = options or TuneOptions()
    _check(options)
    start = time.time()
    dataset = with_pages(read_dataset(data, options=reading), options.train.limits.page)
    folder = Path(output) if output else Path(f"{dataset.name}-tuned")
    again = "go on with its search, with more --trials: --force"
    journal = _journal(options, folder)
    check_results(folder, FIGURES, (MODEL, PAGE) if journal.exists() else (), again, overwrite=overwrite)
    listed(dataset)
    dataset, ranged = with_depth(dataset, options.train)
    options = replace(options, train=ranged)
    typed = typed_data(data, reading)
    search = _search(options, dataset, journal, cache, progress, start)
    with kept_if_interrupted(lambda: ENDED, whole=True), closing(search.opened()) as study:
        study.begin(_begun(search))
        _run(search, study, options.processes, on_progress)
        with _after_others(search, study, progress):
            return _published(search, study, _Target(dataset.name, typed, folder, start), progress)


def _check(options: TuneOptions) -> None:
    if not method_of(options.train).network:
        raise WhatsitError(
            "a probe finds its only option by itself. Search for a network's: --method finetune or scratch"
        )
    check(options.train)
    method_of(options.train).check(options.train)
    if find_spec("optuna") is None:
        raise MissingExtraError("optuna", "networks")
    if options.trials < 1 or options.processes < 1:
        raise WhatsitError(f"expected at least 1, got {options.trials} trials in {options.processes} processes")


ENDED = "All trials that had ended are kept: run the same command again to go on."


def _journal(options: TuneOptions, folder: Path) -> Path:
    return options.storage or folder.with_name(folder.name + SUFFIX) / JOURNAL


def _search(
    options: TuneOptions,
    dataset: Dataset,
    file: Path,
    cache: str | Path | None,
    progress: ProgressReporter,
    start: float,
) -> "Search":
    from whatsit.training.tune.trials import Search

    fixed, place = options.train, cache_folder(cache)
    experiment = shared_experiment(dataset, {"": fixed}, place, progress)
    mode = experiment.extractor.preprocessing.resize_mode
    with progress("preparing the search", None):
        space = space_of(options.search, fixed, len(experiment.classes), len(experiment.fold.train), mode)
    until = math.inf if options.max_seconds is None else start + options.max_seconds
    return Search(experiment, space, fixed, file, place, options.trials, until)


def _begun(search: "Search") -> Mapping[str, object]:
    """All that the trials have in common, as JSON gives it back."""
    fixed = made_from(search.fixed, search.experiment)
    ranges = {
        name: list(r.values) if isinstance(r, Choice) else [r.low, r.high] for name, r in search.space.ranges.items()
    }
    facts: dict[str, object] = json.loads(json.dumps({**fixed, "searched": list(ranges), "ranges": ranges}))
    return facts


def _run(search: "Search", study: "Study", processes: int, on_progress: "Callable[[SearchProgress], None]") -> None:
    from whatsit.training.tune.trials import search_here, search_in_processes

    if processes == 1:
        search_here(search, study, on_progress)
    else:
        search_in_processes(search, study, on_progress, processes)


@contextmanager
def _after_others(search: "Search", study: "Study", progress: ProgressReporter) -> Iterator[None]:
    """Alone, once trials of other calls have ended: the best may be among them."""
    with ExitStack() as held:
        with progress("waiting for other calls", None):
            while study.others():
                time.sleep(LOOK)
            held.enter_context(FileLock(search.work / "publish.lock"))
        yield


def _summary(search: "Search", study: "Study", data: str, progress: ProgressReporter) -> Summary:
    from whatsit.training.tune.trials import trial_of

    rows = tuple(study.rows())
    best, defaults = best_of(rows), next((row for row in rows if row.defaults), None)
    if best is None:
        raise WhatsitError(
            f"{len(rows)} of {search.trials} trials, and none came to an end. Give more --max-time, or fewer --epochs"
        )
    pair = None
    if defaults is not None and defaults.loss is not None and defaults is not best:
        pair = pair_of(*(trial_of(search, row, f"trial {rows.index(row) + 1}", progress) for row in (best, defaults)))
    return Summary(
        method=search.fixed.method,
        rows=rows,
        ranges=search.space.ranges,
        photos=len(search.experiment.valid_labels),
        pair=pair,
        test=test_of(search.experiment.valid_units),
        importances=study.importances(),
        command=train_command(data, search.options(best)),
    )


def _published(search: "Search", study: "Study", target: _Target, progress: ProgressReporter) -> Tuned:
    """By one of several calls at once; the others find it done. Here, and not before, test photos are opened."""
    summary = _summary(search, study, target.data, progress)
    file = target.folder / FIGURES
    if file.exists() and file.stat().st_mtime >= target.begun:
        figures = json.loads(file.read_text(encoding="utf-8"))
        if figures["trials"] == json.loads(json.dumps(summary.to_dict()))["trials"]:
            return Tuned(summary, figures["test"]["headline"], figures, target.folder)
    with plain_os_errors(target.folder):
        target.folder.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
    trained = _fitted_again(search, summary, target, progress)
    return _written(summary, trained, target)


def _fitted_again(search: "Search", summary: Summary, target: _Target, progress: ProgressReporter) -> Trained:
    """The model folder of the best trial's options; its report has a section on the search."""
    from whatsit.training.tune.trials import trial_of

    options: TrainOptions = search.options(summary.best)
    won = trial_of(search, summary.best, "the best trial", progress)
    section = report_section(summary, f"../{PAGE}")
    request = TrainRequest(target.folder / MODEL, target.data, overwrite=True, progress=progress, sections=(section,))
    begun = training_identity(search.experiment, options)
    with unfinished(search.place("again", options), begun, resume=True, overwrite=True) as training:
        return finish(refit(won, options, search.experiment, Run(search.cache, training, progress)), request)


def _written(summary: Summary, trained: Trained, target: _Target) -> Tuned:
    """Page and figures; figures come last."""
    folder = target.folder
    page = render_tuning(summary, trained.report, target.title, f"{MODEL}/{FILES.report}")
    write_atomically(folder / PAGE, page.encode("utf-8", "backslashreplace"))
    figures = {**summary.to_dict(), "model": str(trained.folder), "test": trained.figures}
    write_json(folder / FIGURES, figures)
    return Tuned(summary, trained.report.headline, figures, folder)
