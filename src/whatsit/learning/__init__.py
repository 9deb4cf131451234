"""Embeddings and labels → a head, its temperature, and when to be unsure. It prints nothing."""

from whatsit.learning.calibration import calibrated_losses, fit_temperature, log_loss, log_softmax, softmax
from whatsit.learning.familiarity import in_turn, learn_familiarity
from whatsit.learning.heads import FAMILIES, Family, Problem
from whatsit.learning.history import Epoch, History
from whatsit.learning.names import HeadName
from whatsit.learning.selection import Chosen, Round, choose, fold_rounds, held_out_logits
from whatsit.learning.trace import Step, trace
from whatsit.learning.unsure import Threshold, choose_threshold
from whatsit.model.heads import Familiarity, Head, LinearHead, NeighbourHead

__all__ = [
    "FAMILIES",
    "Chosen",
    "Epoch",
    "Familiarity",
    "Family",
    "Head",
    "HeadName",
    "History",
    "LinearHead",
    "NeighbourHead",
    "Problem",
    "Round",
    "Step",
    "Threshold",
    "calibrated_losses",
    "choose",
    "choose_threshold",
    "fit_temperature",
    "fold_rounds",
    "held_out_logits",
    "in_turn",
    "learn_familiarity",
    "log_loss",
    "log_softmax",
    "softmax",
    "trace",
]
