"""Made-up predictions and reports, small and seeded."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.decide import UNLIKE, Rule
from whatsit.evaluation.calibration import selective
from whatsit.evaluation.metrics import evaluate
from whatsit.evaluation.report.advice import suggest
from whatsit.evaluation.report.content import DataFigures, ForeignPhotos, LeftOut, Photo, Report
from whatsit.evaluation.report.words import headline
from whatsit.training.fitted import Epoch, History

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

HOSTILE = (
    "<script>alert(1)</script>",
    'Tom & "Jerry" \'s',
    "🦄 " + "very " * 30 + "long",
    "\x1b[31mred\x07\nline",
    "`code`",
    "日本語のクラス",
)


def predictions(n: int, k: int, seed: int = 0, missing: int | None = None) -> tuple[Labels, Floats]:
    """(n,) labels and (n, k) probabilities that lean towards them; no photo of class `missing`."""
    rng = np.random.default_rng(seed)
    kept = [c for c in range(k) if c != missing]
    truth = rng.choice(kept, n).astype(np.int64)
    logits = rng.normal(size=(n, k)) + 1.5 * np.eye(k)[truth]
    odds = np.exp(logits)
    return truth, odds / odds.sum(axis=1, keepdims=True)


def names(k: int) -> list[str]:
    return [f"class {i}" for i in range(k)]


def jpeg() -> bytes:
    """A small picture."""
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (200, 80, 40)).save(file, "JPEG")
    return file.getvalue()


def photo(truth: str = "cat", predicted: str = "dog", heat_map: bytes | None = None) -> Photo:
    return Photo(f"{truth}/1.jpg", jpeg(), truth, predicted, 0.9, 0.05, heat_map=heat_map)


def report(
    n: int = 120,
    k: int = 4,
    classes: list[str] | None = None,
    missing: int | None = None,
    perfect: bool = False,
) -> Report:
    """A report with something in every section."""
    labels = classes or names(k)
    truth, p = predictions(n, len(labels), missing=missing)
    if perfect:
        p = np.eye(len(labels))[truth] * 0.98 + 0.02 / len(labels)
    evaluation = evaluate(truth, p, labels)
    data = DataFigures(
        {"train": dict.fromkeys(labels, 30), "test": dict(zip(labels, evaluation.truth_counts, strict=True))},
        skipped={"not an image": 2},
        left_out=(LeftOut(f"{labels[0]}/broken.jpg", "not an image (got 0 bytes)"),),
        exact_duplicates=3,
        near_duplicate_groups=1,
    )
    shown = () if perfect else (photo(labels[0], labels[1], jpeg()),)
    return Report(
        title="A title",
        created="3 May 2026",
        headline=headline(evaluation),
        protocol="test split",
        evaluation=evaluation,
        data=data,
        temperature=1.3,
        before_calibration_ece=0.1,
        unsure=selective(truth, p, Rule(0.4, -1)),
        foreign=ForeignPhotos("other things", 500, 0.91, 0.3),
        mistakes=shown,
        least_sure=(replace(photo(labels[0], labels[0]), reason=UNLIKE),),
        mislabelled=shown,
        facts={"Seed": "0", "Backbone": "EfficientNet-Lite0 (https://example.org)"},
        next_steps=suggest(evaluation, data),
        commands=("whatsit serve model/",),
        location="model/report.html",
    )


def history_of(
    train_loss: Sequence[float],
    valid_loss: Sequence[float],
    train_accuracy: Sequence[float] | float = 0.9,
    valid_accuracy: Sequence[float] | float = 0.88,
    augmented: bool = True,
) -> History:
    """A training with these curves; the epoch of least valid loss was kept."""
    n = len(train_loss)
    accuracies = [[a] * n if isinstance(a, float) else a for a in (train_accuracy, valid_accuracy)]
    four = zip(train_loss, accuracies[0], valid_loss, accuracies[1], strict=True)
    epochs = tuple(Epoch(i, *figures, 0.001, 4.2, 310.0) for i, figures in enumerate(four, start=1))
    best = min(epochs, key=lambda e: e.valid_loss if np.isfinite(e.valid_loss) else np.inf).number
    return History(epochs, best, f"all {n} epochs done", augmented)


def history(n: int, lost: int = 0) -> History:
    """n epochs, both losses falling from 1.5 towards 0.3; in epoch `lost` the valid loss is no number."""
    x = np.arange(1, n + 1)
    train, valid = 0.3 + 1.2 * np.exp(-x / 6), 0.35 + 1.1 * np.exp(-x / 6)
    if lost:
        valid[lost - 1] = np.nan
    return history_of(train.tolist(), valid.tolist(), (1 - train / 2).tolist(), np.maximum(0, 1 - train / 2).tolist())
