"""`whatsit.load`: a model folder, or the built-in ImageNet classifier by its name."""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.machine import Later
from whatsit.model.format import read_model

if TYPE_CHECKING:
    from whatsit.model.classifier import Classifier

IMAGENET = "imagenet"


def load(
    model: str | PathLike[str] = IMAGENET, *, device: str = "cpu", limits: Limits = DEFAULT_LIMITS
) -> "Classifier":
    """A model folder by its path, or "imagenet": the published 1000-class head, before any training.

    Raises ModelFolderError where the folder is missing, damaged, or of a newer format.
    """
    if model == IMAGENET:
        from whatsit.model.imagenet import imagenet_classifier

        return imagenet_classifier(device=device, limits=limits)
    reading = Later(lambda: read_model(Path(model)))
    from whatsit.model.classifier import Classifier  # imports NumPy and ONNX Runtime while the model is read

    return Classifier(*reading.result(), device=device, limits=limits)
