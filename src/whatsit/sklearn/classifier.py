"""Images → labels, by the head that `whatsit train` would make."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from whatsit.dataset import assign_folds, distinct_by_class, duplicates, group_records, near_duplicates
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import Fit, ValueRange
from whatsit.learning import FAMILIES, HeadName, Problem, choose, fold_rounds, softmax
from whatsit.options import DEFAULT_BACKBONE, PrecisionChoice
from whatsit.sklearn.base import ImageEstimator, Seen, check_choice, images_of
from whatsit.steps.plan import FOLDS


class ImageClassifier(ClassifierMixin, ImageEstimator):  # type: ignore[misc]
    """Images → labels, by the head of `whatsit train`: its strength and temperature chosen by cross-validation.

    head: "logistic", "svm" or "knn"; balance: every class weighs the same; random_state: of the folds; the others as
    in `ImageEmbedder`. Labels may be of any type that NumPy can sort. After `fit`: `classes_`, `head_`, `strength_`,
    `temperature_`, `extractor_`.
    """

    def __init__(
        self,
        backbone: str = DEFAULT_BACKBONE,
        *,
        weights: str | Path | None = None,
        image_size: tuple[int, int] | None = None,
        head: HeadName = "logistic",
        balance: bool = False,
        image_fit: Fit = "crop",
        value_range: ValueRange | None = None,
        bits: PrecisionChoice = "auto",
        random_state: int = 0,
        device: str = "cpu",
        cache: str | Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.image_size = image_size
        self.head = head
        self.balance = balance
        self.image_fit = image_fit
        self.value_range = value_range
        self.bits = bits
        self.random_state = random_state
        self.device = device
        self.cache = cache
        self.limits = limits

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
        check_choice("head", self.head, tuple(FAMILIES))
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"The number of classes has to be greater than one; got {len(classes)} class")
        self._prepare(images)
        seen = self._see(images)
        components = _components(seen, groups)
        _check_distinct(classes, labels, components)
        folds = assign_folds(labels, seen.digests, components, FOLDS, self.random_state)
        problem = Problem(seen.vectors, labels, len(classes), self.balance)
        chosen = choose(problem, FAMILIES[self.head], fold_rounds(folds))
        self.classes_ = classes
        self.head_, self.strength_, self.temperature_ = chosen.head, chosen.strength, chosen.temperature
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """(n, classes) calibrated probabilities, columns as in `classes_`."""
        check_is_fitted(self)
        return softmax(self.head_.logits(self._see(images_of(X)).vectors), self.temperature_)

    def predict(self, X: Any) -> NDArray[Any]:
        """(n,) the most probable label of each image."""
        probabilities = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return labels


def _components(seen: Seen, groups: NDArray[Any] | None) -> NDArray[np.int64]:
    """(n,): equal for copies, near-copies and members of a group, which must not straddle folds."""
    pairs = [*duplicates(seen.digests), *near_duplicates(seen.vectors, seen.thumbnails)]
    names = [None] * len(seen.digests) if groups is None else [str(group) for group in groups.tolist()]
    return group_records(len(seen.digests), pairs, names)


def _check_distinct(classes: NDArray[Any], labels: NDArray[np.int64], components: NDArray[np.int64]) -> None:
    counts = distinct_by_class(labels, components, len(classes))
    if counts.min() < 2:
        raise ValueError(
            f"class {classes[counts.argmin()].item()!r} has {counts.min()} distinct image, expected 2 or more "
            "(near-duplicates and a group's images count once)"
        )
