"""scikit-learn's estimators: `ImageEmbedder`, images → vectors, and `ImageClassifier`, images → labels.

Images of any kind: paths go through the embedding cache, and what is in memory is embedded anew. The classifier fits
the head that `whatsit train` would make. Nothing is written but the cache.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from os import PathLike, fspath
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from whatsit.config import DEFAULT_BACKBONE, HeadName, Precision, PrecisionChoice
from whatsit.data.components import distinct_by_class, duplicates, group_records
from whatsit.data.near.search import near_duplicates
from whatsit.data.split import assign_folds
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.registry import feature_extractor, source_of
from whatsit.embedding.embedder import Embedder, embed_images
from whatsit.embedding.location import cache_folder
from whatsit.embedding.precision import settle_precision
from whatsit.embedding.session import Item
from whatsit.errors import ImageError
from whatsit.images.decode import THUMBNAIL
from whatsit.images.inputs import unpacked
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.images.preprocessing import ResizeMode, ValueRange, is_value_range
from whatsit.training.calibration import softmax
from whatsit.training.heads import HEAD_TYPES, TrainingData
from whatsit.training.preparation import range_of_images
from whatsit.training.selection import make_folds, select_head
from whatsit.training.splits import FOLDS


@dataclass(frozen=True)
class EmbeddedImages:
    """Embeddings, and what tells copies; filled row by row."""

    vectors: NDArray[np.float32]  # (n, dim)
    thumbnails: NDArray[np.uint8]  # (n, 32, 32)
    digests: list[str]  # (n,)

    @classmethod
    def room(cls, n: int, dim: int) -> "EmbeddedImages":
        return cls(np.empty((n, dim), np.float32), np.empty((n, *THUMBNAIL), np.uint8), [""] * n)


class ImageEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both have: a backbone, and how images reach it."""

    def __init__(
        self,
        backbone: str = DEFAULT_BACKBONE,
        *,
        weights: str | Path | None = None,
        image_size: tuple[int, int] | None = None,
        resize_mode: ResizeMode = "crop",
        value_range: ValueRange | None = None,  # (black, white) of deep images; None: measured by `fit`
        precision: PrecisionChoice = "auto",
        device: str = "cpu",
        cache: str | Path | None = None,
        limits: Limits | None = None,  # of bytes and pixels, else the usual ones
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.image_size = image_size
        self.resize_mode = resize_mode
        self.value_range = value_range
        self.precision = precision
        self.device = device
        self.cache = cache
        self.limits = limits

    def _prepare(self, images: Sequence[Any]) -> None:
        """images: those that are fitted on."""
        check_choice("resize_mode", self.resize_mode, get_args(ResizeMode))
        if self.value_range is not None and not is_value_range(self.value_range):
            raise ValueError(f"value_range is {self.value_range!r}, expected (black, white), black below white")
        check_choice("precision", self.precision, ("auto", *get_args(Precision)))
        settled = settle_precision(self.precision, self.backbone, self.device)
        make = feature_extractor if source_of(self.backbone).is_file else _made_once
        plain = make(self.backbone, settled.precision, self.resize_mode, self.weights, self.cache, self.image_size)
        value_range = self.value_range or range_of_images(images, self._limits())
        self.extractor_: FeatureExtractor = replace(plain, precision_reason=settled.reason).with_range(value_range)

    def _embed(self, images: Sequence[Any]) -> EmbeddedImages:
        """Raises ImageError, naming the image, for the first that cannot be read."""
        places = [i for i, image in enumerate(images) if isinstance(image, str | PathLike)]
        embedded = EmbeddedImages.room(len(images), self.extractor_.dim)
        if places:
            self._embed_paths([str(fspath(images[i])) for i in places], places, embedded)
        others = sorted(set(range(len(images))).difference(places))
        for place, item in zip(others, self._embed_in_memory([images[i] for i in others]), strict=True):
            if item.row is None or item.digest is None or item.thumbnail is None:
                raise ImageError(f"image {place + 1}: {item.error}")
            embedded.vectors[place], embedded.thumbnails[place] = item.row, item.thumbnail
            embedded.digests[place] = item.digest.hex()
        return embedded

    def _embed_paths(self, paths: Sequence[str], places: Sequence[int], embedded: EmbeddedImages) -> None:
        with Embedder(self.extractor_, cache_folder(self.cache), device=self.device, limits=self._limits()) as embedder:
            filled = embedder.fill(paths)
            for i, reason in sorted(filled.errors.items()):
                raise ImageError(f"{paths[i]}: {reason}")
            digests = [digest for digest in filled.digests if digest]
            embedded.vectors[places] = embedder.vectors(digests)
            embedded.thumbnails[places] = embedder.thumbnails(digests)
        for place, digest in zip(places, digests, strict=True):
            embedded.digests[place] = digest.hex()

    def _embed_in_memory(self, images: Sequence[Any]) -> Iterable[Item[Any]]:
        return embed_images(self.extractor_, images, self.device, self._limits()) if images else ()

    def _limits(self) -> Limits:
        return DEFAULT_LIMITS if self.limits is None else self.limits

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array, tags.input_tags.string = False, True, True
        tags.no_validation = True
        return tags


@lru_cache(maxsize=4)
def _made_once(
    name: str,
    precision: Precision,
    resize_mode: ResizeMode,
    weights: str | Path | None,
    cache: str | Path | None,
    size: tuple[int, int] | None,
) -> FeatureExtractor:
    """However many clones a cross-validation makes. Not for files of the user's own, which may change meanwhile."""
    return feature_extractor(name, precision, resize_mode, weights, cache, size)


def images_of(X: Any) -> list[Any]:
    """X as a list of images. Raises ValueError where it is one image, or none."""
    values = X.to_numpy() if hasattr(X, "to_numpy") else X
    if isinstance(values, np.ndarray):
        if values.ndim == 2 and values.shape[1] == 1 and values.dtype.kind in "OUS":
            values = values[:, 0]  # a column of a table
        if values.dtype.kind not in "OUS" and (values.ndim < 3 or (values.ndim == 3 and values.shape[2] == 3)):
            raise ValueError(f"X is an array {values.shape}, expected a list of images, or (n, H, W, 3) uint8")
    elif unpacked(values)[0]:
        raise ValueError(f"X is one {type(values).__name__}, expected a list of images")
    images = list(unpacked(values)[1])
    if not images:
        raise ValueError("X has no images, expected 1 or more")
    return images


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(choices)}")


class ImageEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ImageEstimator):  # type: ignore[misc]
    """Images → (n, dim) float32 vectors of a backbone, for any scikit-learn estimator behind it.

    backbone: a name of whatsit's table, timm:NAME, or the path of an ONNX feature extractor; weights: a file instead of
    timm's; image_size: (height, width) in pixels, else the network's own; resize_mode: "squash", "crop" or "letterbox";
    value_range: black and white in deep images, else as measured by `fit`; precision: "auto", "int8" or "float32";
    cache: a folder, else the user's own.
    """

    def fit(self, X: Any, y: Any = None) -> "ImageEmbedder":
        """Learns of the images only the range of values of deep ones; it makes the backbone ready."""
        self._prepare(images_of(X))
        self._n_features_out = self.extractor_.dim
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """(n, dim). Raises ImageError for an image that cannot be read."""
        check_is_fitted(self)
        return self._embed(images_of(X)).vectors


class ImageClassifier(ClassifierMixin, ImageEstimator):  # type: ignore[misc]
    """Images → labels, by the head of `whatsit train`: its strength and temperature chosen by cross-validation.

    head: "logistic", "mlp", "svm" or "knn"; balance: every class weighs the same; random_state: of the folds, and of
    what "mlp" draws; the others as in `ImageEmbedder`. Labels may be of any type that NumPy can sort. After `fit`:
    `classes_`, `head_`, `strength_`, `temperature_`, `extractor_`.
    """

    def __init__(
        self,
        backbone: str = DEFAULT_BACKBONE,
        *,
        weights: str | Path | None = None,
        image_size: tuple[int, int] | None = None,
        head: HeadName = "logistic",
        balance: bool = False,
        resize_mode: ResizeMode = "crop",
        value_range: ValueRange | None = None,
        precision: PrecisionChoice = "auto",
        random_state: int = 0,
        device: str = "cpu",
        cache: str | Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(
            backbone,
            weights=weights,
            image_size=image_size,
            resize_mode=resize_mode,
            value_range=value_range,
            precision=precision,
            device=device,
            cache=cache,
            limits=limits,
        )
        self.head = head
        self.balance = balance
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, groups: ArrayLike | None = None) -> "ImageClassifier":
        """Fits the head; its strength and temperature are chosen by cross-validation.

        groups: (n,) what each image belongs to (a patient, a site), in scikit-learn's sense: images of one group, as
        copies and near-copies, are never fitted on and judged by in the same fold. Raises ImageError for an image that
        cannot be read, ValueError for labels that cannot be learned.
        """
        images, y = images_of(X), column_or_1d(y, warn=True)
        groups = None if groups is None else column_or_1d(groups)
        check_consistent_length(images, y, groups)
        check_classification_targets(y)
        check_choice("head", self.head, tuple(HEAD_TYPES))
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"The number of classes has to be greater than one; got {len(classes)} class")
        self._prepare(images)
        embedded = self._embed(images)
        components = _components(embedded, groups)
        _check_distinct(classes, labels, components)
        folds = assign_folds(labels, embedded.digests, components, FOLDS, self.random_state)
        data = TrainingData(embedded.vectors, labels, len(classes), self.balance, self.random_state)
        selected = select_head(data, HEAD_TYPES[self.head], make_folds(folds))
        self.classes_ = classes
        self.head_, self.strength_, self.temperature_ = selected.head, selected.regularization, selected.temperature
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """(n, classes) calibrated probabilities, columns as in `classes_`."""
        check_is_fitted(self)
        return softmax(self.head_.logits(self._embed(images_of(X)).vectors), self.temperature_)

    def predict(self, X: Any) -> NDArray[Any]:
        """(n,) the most probable label of each image."""
        probabilities = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return labels


def _components(embedded: EmbeddedImages, groups: NDArray[Any] | None) -> NDArray[np.int64]:
    """(n,): equal for copies, near-copies and members of a group, which must not straddle folds."""
    pairs = [*duplicates(embedded.digests), *near_duplicates(embedded.vectors, embedded.thumbnails)]
    names = [None] * len(embedded.digests) if groups is None else [str(group) for group in groups.tolist()]
    return group_records(len(embedded.digests), pairs, names)


def _check_distinct(classes: NDArray[Any], labels: NDArray[np.int64], components: NDArray[np.int64]) -> None:
    counts = distinct_by_class(labels, components, len(classes))
    if counts.min() < 2:
        raise ValueError(
            f"class {classes[counts.argmin()].item()!r} has {counts.min()} distinct image, expected 2 or more "
            "(near-duplicates and a group's images count once)"
        )
