"""Photos for the report: small, with their heat maps."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.errors import ImageError
from whatsit.evaluation.report import Photo
from whatsit.model.classifier import Classifier
from whatsit.steps.gather import Photos
from whatsit.steps.plan import Rows

SIDE = 240  # pixels: reads well, at about 10 kB
MOST = 12  # photos a gallery
JPEG_QUALITY = 80


def gallery(
    photos: Photos,
    rows: Rows,
    probabilities: NDArray[np.float64],
    classifier: Classifier,
    threshold: float,
    predicted: Sequence[int] | None = None,
) -> tuple[Photo, ...]:
    """The first `MOST` of `rows` that can be read now, with the heat map of the class that was predicted.

    probabilities: (n, classes) out of sample; predicted: another class than the top one, a row each.
    """
    classes = photos.dataset.classes
    records = photos.records
    shown = []
    for place, row in enumerate(rows[:MOST]):
        p = probabilities[row]
        says = int(p.argmax()) if predicted is None else predicted[place]
        try:
            explanation = classifier.explain(records[row].uri, classes[says], side=SIDE)
        except ImageError:
            continue  # gone since it was embedded: the figures stand, the picture is missing
        shown.append(
            Photo(
                path=records[row].uri,
                thumbnail=_jpeg(Image.fromarray(explanation.photo)),
                truth=classes[photos.labels[row]],
                predicted=classes[says],
                probability=float(p[says]),
                probability_of_truth=float(p[photos.labels[row]]),
                heat_map=_jpeg(explanation.overlay()),
                unsure=bool(p.max() < threshold),
            )
        )
    return tuple(shown)


def likely_labels(photos: Photos, rows: Rows, probabilities: NDArray[np.float64]) -> list[int]:
    """The most probable class other than the given one, for each of `rows`."""
    others = probabilities[rows].copy()
    others[np.arange(len(rows)), photos.labels[rows]] = -1
    return [int(k) for k in others.argmax(axis=1)]


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


