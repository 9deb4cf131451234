"""The confusion matrix: rows are truth, columns what was said; the diagonal is right.

Cells are shaded by their share of the row (square root, so that rare mistakes show), in one hue on the
diagonal and another off it; up to 15 classes carry their counts. Beyond 30 classes, the 30 with most mistakes
are drawn, and the page says so.
"""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from whatsit.evaluation.figures import Evaluation
from whatsit.evaluation.report.charts.svg import picture, tag
from whatsit.evaluation.report.words import count, shorten

SHOWN = 30  # classes; beyond, cells fall below what a finger can point at
NUMBERED = 15  # classes; beyond, counts no longer fit their cells
DARK = 7  # shades from here on carry light figures; `test_page.py` holds the contrast at every shade
SHADES = 10
LABEL = 12  # columns of a class's name


def shown_classes(evaluation: Evaluation) -> list[int]:
    """The classes drawn: all, or the 30 with most photos taken for or from another class; their own order."""
    k = len(evaluation.classes)
    if k <= SHOWN:
        return list(range(k))
    right = np.diag(evaluation.confusion)
    wrong = evaluation.confusion.sum(axis=0) + evaluation.confusion.sum(axis=1) - 2 * right
    return sorted(np.argsort(-wrong, kind="stable")[:SHOWN].tolist())


def confusion_chart(evaluation: Evaluation) -> Markup:
    """The matrix of `shown_classes`."""
    shown = shown_classes(evaluation)
    names = [evaluation.classes[i] for i in shown]
    matrix = evaluation.confusion[np.ix_(shown, shown)]
    rows = evaluation.confusion.sum(axis=1)[shown]
    grid = _Grid(len(shown))
    cells = [
        grid.cell(names, matrix, rows, r, c)
        for r, c in zip(*(index.tolist() for index in np.nonzero(matrix)), strict=True)
    ]
    parts = [grid.background(), *grid.labels(names), *cells]
    wrong = int(evaluation.n - np.trace(evaluation.confusion))
    description = f"{evaluation.n - wrong:,} of {evaluation.n:,} photos lie on the diagonal, {wrong:,} off it."
    look = "large" if grid.k > 20 else "medium" if grid.k > 8 else "small"  # how far it may shrink
    return picture("confusion", grid.size, "Confusion matrix", description, parts, look)


@dataclass(frozen=True)
class _Grid:
    """The places of k rows and columns, in picture units."""

    k: int

    @property
    def step(self) -> float:
        return max(20.0, min(72.0, 400.0 / self.k))

    @property
    def left(self) -> float:
        return 112.0

    @property
    def top(self) -> float:
        return 96.0

    @property
    def size(self) -> tuple[float, float]:
        span = self.k * self.step
        return self.left + span + 64, self.top + span + 4

    def background(self) -> Markup:
        span = self.k * self.step
        return tag("rect", x=self.left, y=self.top, width=span, height=span, rx=4, class_="empty")

    def labels(self, names: list[str]) -> list[Markup]:
        parts = [
            tag(
                "text",
                "truth ↓ / said →",
                x=self.left - 10,
                y=self.top - 10,
                class_="axis",
                text_anchor="end",
            )
        ]
        for i, name in enumerate(names):
            short, middle = shorten(name, LABEL), (i + 0.5) * self.step
            x, y = self.left + middle + 4, self.top - 8
            row = {"x": self.left - 8, "y": self.top + middle + 4, "text_anchor": "end"}
            parts.append(tag("text", tag("title", name), short, class_="label", **row))
            turned = f"rotate(-50 {x:g} {y:g})"
            parts.append(tag("text", tag("title", name), short, x=x, y=y, class_="label", transform=turned))
        return parts

    def cell(self, names: list[str], matrix: NDArray[np.int64], rows: NDArray[np.int64], r: int, c: int) -> Markup:
        n, of = int(matrix[r, c]), int(rows[r])
        kind, level = ("hit" if r == c else "miss"), shade(n / of)
        x, y, side = self.left + c * self.step, self.top + r * self.step, self.step
        said = tag("title", f"“{names[r]}” called “{names[c]}”: {n:,} of {count(of, 'photo')}")
        parts = [
            said,
            tag("rect", x=x + 1, y=y + 1, width=side - 2, height=side - 2, rx=3, class_=f"{kind} s{level}"),
        ]
        if self.k <= NUMBERED:
            ink = "on-dark" if level >= DARK else "on-light"
            middle = {"x": x + side / 2, "y": y + side / 2 + 4.5, "text_anchor": "middle"}
            parts.append(tag("text", f"{n:,}", class_=f"number {ink}", **middle))
        return tag("g", *parts)


def shade(share: float) -> int:
    """The shade of a cell, 1 to 10."""
    return max(1, min(SHADES, round(SHADES * float(share**0.5))))
