"""What is compared, and on which experiment: names of candidates as they are typed, with their options.

All candidates share one experiment: the same train photos to be fitted on, and the same valid photos to be compared by.
The module fits nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from whatsit.config import TrainOptions
from whatsit.data.dataset import Dataset
from whatsit.embedding.source import default_source
from whatsit.errors import MissingExtraError, WhatsitError
from whatsit.notices import notice
from whatsit.option import options_of
from whatsit.progress import ProgressReporter
from whatsit.text import number
from whatsit.training.experiment import Experiment
from whatsit.training.methods import method_of
from whatsit.training.network.build import check_extra
from whatsit.training.preparation import make_experiment
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
    """Those that can be taught here: probes alone where the extra `networks` is not installed."""
    try:
        check_extra()
    except MissingExtraError:
        return {name: options for name, options in CANDIDATES.items() if not method_of(options).network}
    return dict(CANDIDATES)


def check_candidates(candidates: Mapping[str, TrainOptions]) -> None:
    """Before long work: raises WhatsitError where there is none, or one has its own splits or cannot be taught here."""
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
