"""Tries a user's wrapped graph on two images of noise, before anything relies on it."""

import numpy as np
import onnx
from numpy.typing import NDArray

from whatsit.embedding.session import open_session, run
from whatsit.errors import BackboneError

TOLERANCE = 1e-3  # of the largest number: admits another order of summation, not another network

Float32 = NDArray[np.float32]


def try_on_noise(model: onnx.ModelProto, outputs: list[str], size: int) -> list[Float32]:
    """Two images of noise through the graph, together and one by one, which must come to the same."""
    noise = np.random.default_rng(0).integers(0, 256, (2, size, size, 3)).astype(np.uint8)
    session = open_session(model.SerializeToString())
    try:
        singles = [run(session, outputs, noise[i : i + 1]) for i in range(2)]
    except Exception as error:  # ONNX Runtime's own errors share no base class but Exception
        reason = str(error).partition("\n")[0]
        raise BackboneError(f"fails on an image of {size} x {size} pixels: {reason}") from error
    one_by_one = [np.concatenate(arrays) for arrays in zip(*singles, strict=True)]
    try:
        together: list[Float32] = run(session, outputs, noise)
    except Exception:
        together = []
    if not together or not all(map(_close, together, one_by_one)):
        raise BackboneError("takes one image at a time only. Export it with a batch of any size")
    if not all(np.isfinite(array).all() for array in together):
        raise BackboneError("gives numbers that are not finite. Check mean, std and scale in its JSON")
    return together


def _close(a: Float32, b: Float32) -> bool:
    if a.shape != b.shape:
        return False
    return bool(np.abs(a - b).max(initial=0) <= TOLERANCE * np.abs(b).max(initial=1e-6))


def check_features(features: Float32, embedding: Float32) -> None:
    """features: (n, dim, h, w)."""
    if features.ndim != 4 or not _close(features.mean(axis=(2, 3)), embedding):
        raise BackboneError(
            f"the output {embedding.shape} is not the mean of 'features' {features.shape} over its places. "
            "Leave 'features' out of its JSON: explanations then come from covering patches"
        )
