"""Tries a user's wrapped graph on two images of noise, before anything relies on it."""

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from whatsit.embedding.session import open_session, run
from whatsit.errors import BackboneError

TOLERANCE = 1e-3  # of the largest number: admits another order of summation, not another network

Float32 = NDArray[np.float32]


def try_on_noise(model: onnx.ModelProto, outputs: list[str], sides: tuple[int, int]) -> list[Float32]:
    """The named outputs, (2, …) each, of images of (height, width). One by one and together they must come to the same.

    Raises BackboneError where they do not, and where the graph fails or its numbers are not finite.
    """
    noise = np.random.default_rng(0).integers(0, 256, (2, *sides, 3)).astype(np.uint8)
    session = open_session(model.SerializeToString())
    try:
        singles = [run(session, outputs, noise[i : i + 1]) for i in range(2)]
    except Exception as error:  # ONNX Runtime's own errors share no base class but Exception
        reason = str(error).partition("\n")[0]
        raise BackboneError(f"fails on an image of {sides[0]} x {sides[1]} pixels: {reason}") from error
    one_by_one = [np.concatenate(arrays) for arrays in zip(*singles, strict=True)]
    if not all(np.isfinite(array).all() for array in one_by_one):
        raise BackboneError("gives numbers that are not finite. Check mean, std and scale in its JSON")
    if not all(map(_close, _together(session, outputs, noise), one_by_one)):
        raise BackboneError("takes one image at a time only. Export it with a batch of any size")
    return one_by_one


def _together(session: ort.InferenceSession, outputs: list[str], noise: NDArray[np.uint8]) -> list[Float32]:
    try:
        return run(session, outputs, noise)
    except Exception:  # as above; whatever the reason, it is the second image
        return [np.empty(0, np.float32) for _ in outputs]


def _close(a: Float32, b: Float32) -> bool:
    if a.shape != b.shape:
        return False
    return bool(np.abs(a - b).max(initial=0) <= TOLERANCE * np.abs(b).max(initial=1e-6))


def check_features(features: Float32, embedding: Float32) -> None:
    """features: (n, dim, h, w). Raises BackboneError where the embedding is not their mean over places."""
    if features.ndim != 4 or not _close(features.mean(axis=(2, 3)), embedding):
        raise BackboneError(
            f"the output {embedding.shape} is not the mean of 'features' {features.shape} over its places. "
            "Leave 'features' out of its JSON: explanations then come from covering patches"
        )
