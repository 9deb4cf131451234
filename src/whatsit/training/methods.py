"""The methods: each trains a classifier by one and the same call, `fit(experiment, options, run) → Fitted`.

`train` calls it once, `compare` calls it for each candidate and `tune` for each trial. A further method is a further
entry of `METHODS`, and a name in `config.Method`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from whatsit.config import Method as MethodName
from whatsit.config import TrainOptions
from whatsit.training.experiment import Experiment
from whatsit.training.fitted import Fitted, Run
from whatsit.training.network.build import check_networks
from whatsit.training.network.method import fit_network
from whatsit.training.probe import fit_probe


@dataclass(frozen=True)
class Method:
    """A way to train a classifier."""

    fit: Callable[[Experiment, TrainOptions, Run], Fitted]
    # It is trained on pixels, epoch by epoch: on one fold, with a checkpoint, and with the extra `networks`. Otherwise
    # it is fitted on the embeddings of the options' backbone.
    network: bool

    def check(self, options: TrainOptions) -> None:
        """Before long work. Raises MissingExtraError or WhatsitError where the method cannot be used here."""
        if self.network:
            check_networks(options)


NETWORK = Method(fit_network, network=True)


METHODS: Mapping[MethodName, Method] = {
    "probe": Method(fit_probe, network=False),
    "scratch": NETWORK,
    "finetune": NETWORK,
}


def method_of(options: TrainOptions) -> Method:
    """That of the options."""
    return METHODS[options.method]
