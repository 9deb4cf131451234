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


def log_loss(logits: Array, labels: NDArray[np.int64], temperature: float = 1.0) -> float:
    """Mean negative log probability of the given labels, in nats."""
    return float(-log_softmax(logits, temperature)[np.arange(len(labels)), labels].mean())


def fit_temperature(logits: Array, labels: NDArray[np.int64]) -> float:
    """The temperature of least log loss, on images that the head was not fitted on."""
    from scipy.optimize import minimize_scalar

    best = minimize_scalar(
        lambda log_t: log_loss(logits, labels, float(np.exp(log_t))),
        bounds=LOG_TEMPERATURE_BOUNDS,
        method="bounded",
    )
    return float(np.exp(best.x))
