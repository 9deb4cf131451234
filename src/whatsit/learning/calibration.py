"""Temperature scaling (Guo et al. 2017): one number that makes probabilities mean what they say."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

LOG_TEMPERATURE_BOUNDS = (-3.0, 3.0)  # from 0.05 to 20


def log_softmax(logits: Array, temperature: float = 1.0) -> NDArray[np.float64]:
    """(n, classes) → log probabilities (n, classes) of logits / temperature."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    out: NDArray[np.float64] = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return out


def softmax(logits: Array, temperature: float = 1.0) -> NDArray[np.float64]:
    """(n, classes) → probabilities (n, classes)."""
    return np.exp(log_softmax(logits, temperature))


def log_losses(logits: Array, labels: NDArray[np.int64], temperature: float = 1.0) -> NDArray[np.float64]:
    """(n,): the negative log probability of each label, in nats."""
    out: NDArray[np.float64] = -log_softmax(logits, temperature)[np.arange(len(labels)), labels]
    return out


def log_loss(logits: Array, labels: NDArray[np.int64], temperature: float = 1.0) -> float:
    """Mean negative log probability of the given labels, in nats."""
    return float(log_losses(logits, labels, temperature).mean())


def fit_temperature(logits: Array, labels: NDArray[np.int64]) -> float:
    """The temperature of least log loss, on images that the head was not fitted on.

    Labels count as right with probability (n + 1) / (n + 2) only (Laplace's rule of succession, as in Platt 1999):
    else a few images, all of them right, would ask for a temperature of 0 and a probability of 1 for ever after.
    """
    from scipy.optimize import minimize_scalar

    n, classes = logits.shape
    doubt = classes / (classes - 1) / (n + 2)  # spread evenly over all classes, so 1 / (n + 2) on the wrong ones
    rows = np.arange(n)

    def loss(log_t: float) -> float:
        logs = log_softmax(logits, float(np.exp(log_t)))
        return float(-((1 - doubt) * logs[rows, labels] + doubt * logs.mean(axis=1)).mean())

    best = minimize_scalar(loss, bounds=LOG_TEMPERATURE_BOUNDS, method="bounded")
    return float(np.exp(best.x))


def calibrated_losses(logits: Array, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,): log losses at the temperature that these very images ask for; all nan where a logit is no number."""
    if not np.isfinite(logits).all():
        return np.full(len(labels), np.nan)
    return log_losses(logits, labels, fit_temperature(logits, labels))
