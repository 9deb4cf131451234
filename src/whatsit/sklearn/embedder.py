"""Images → vectors, for any scikit-learn estimator behind it."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from whatsit.images.limits import Limits
from whatsit.images.preprocessing import Fit, ValueRange
from whatsit.options import DEFAULT_BACKBONE, PrecisionChoice
from whatsit.sklearn.base import ImageEstimator, images_of


class ImageEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ImageEstimator):  # type: ignore[misc]
    """Images → (n, dim) float32 vectors of a backbone, for any scikit-learn estimator behind it.

    backbone: a name of whatsit's table, timm:NAME, or the path of an ONNX feature extractor; weights: a file instead of
    timm's; image_size: (height, width) in pixels, else the network's own; image_fit: "squash", "crop" or "letterbox";
    value_range: black and white in deep images, else as measured by `fit`; bits: "auto", "int8" or "float32"; cache: a
    folder, else the user's own.
    """

    def __init__(
        self,
        backbone: str = DEFAULT_BACKBONE,
        *,
        weights: str | Path | None = None,
        image_size: tuple[int, int] | None = None,
        image_fit: Fit = "crop",
        value_range: ValueRange | None = None,
        bits: PrecisionChoice = "auto",
        device: str = "cpu",
        cache: str | Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.image_size = image_size
        self.image_fit = image_fit
        self.value_range = value_range
        self.bits = bits
        self.device = device
        self.cache = cache
        self.limits = limits

    def fit(self, X: Any, y: Any = None) -> "ImageEmbedder":
        """Learns of the images only the range of values of deep ones; it makes the backbone ready."""
        self._prepare(images_of(X))
        self._n_features_out = self.extractor_.dim
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """(n, dim). Raises ImageError for an image that cannot be read."""
        check_is_fitted(self)
        return self._see(images_of(X)).vectors
