"""The methods: each trains a classifier by one and the same call, `fit(experiment, options, run) → Fitted`.

`train` calls it once, `compare` calls it for each candidate and `tune` for each trial. A method of whatsit's own is a
module, a row of the table, and a name in `option.Method`. Another package adds one by an entry point in the group
`whatsit.methods`. This module imports no method before it is used.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from whatsit.config import TrainOptions
from whatsit.registry import Registry

if TYPE_CHECKING:
    from whatsit.training.experiment import Experiment
    from whatsit.training.fitted import Fitted, Run


def _usable(options: TrainOptions) -> None:
    """Nothing is missing."""


@dataclass(frozen=True)
class Method:
    """What a method must be: a way to train a classifier.

    fit: Fits on `experiment.splits.train` and looks at no test photo. Its options are `TrainOptions`; it leaves those
    alone that mean nothing to it. Raises a WhatsitError for whatever the user can mend.
    """

    fit: "Callable[[Experiment, TrainOptions, Run], Fitted]"
    # It is trained on pixels, epoch by epoch: on one fold, and with a checkpoint. Otherwise it is fitted on the
    # embeddings of the options' backbone.
    network: bool = False
    check: Callable[[TrainOptions], None] = _usable  # before long work; raises WhatsitError where it cannot be used


METHODS = Registry[Method](
    "whatsit.methods",
    "method",
    {
        "probe": "whatsit.training.probe:METHOD",
        "scratch": "whatsit.training.network.method:METHOD",
        "finetune": "whatsit.training.network.method:METHOD",
    },
    expected="a Method (whatsit.training.methods)",
    accepts=lambda value: isinstance(value, Method),
)


def method_of(options: TrainOptions) -> Method:
    """That of the options. Raises WhatsitError for an unknown name."""
    return METHODS.get(options.method)


def fit(experiment: "Experiment", options: TrainOptions, run: "Run") -> "Fitted":
    """The options' method, fitted on the share of the training photos that they ask for."""
    if experiment.shared and options.train_share != 1:
        experiment = _less(experiment, options)
    return method_of(options).fit(experiment, options, run)


def _less(experiment: "Experiment", options: TrainOptions) -> "Experiment":
    from whatsit.training.splits import with_train_share  # it takes time

    less = replace(experiment, splits=with_train_share(experiment.photos, experiment.splits, options))
    return less if experiment.has_test else less.without_test()
