"""How many photos show each class, and how many were predicted as it: does the classifier favour a class?

Accuracy against coverage: what is gained by leaving the unsure photos to a person.

The reliability diagram (Guo et al. 2017, fig. 1): what was claimed against what came true, with counts.

The ROC curve of two classes.

The confusion matrix: rows are true labels, columns predicted labels; the diagonal is right.

Cells are shaded by their share of the row (square root, so that rare mistakes show), in one hue on the
diagonal and another off it; up to 15 classes carry their counts. Beyond 30 classes, the 30 with most mistakes
are drawn, and the page says so.
"""

from dataclasses import dataclass
from math import floor

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from whatsit.evaluation.figures import (
    Answered,
    ClassFigures,
    CoveragePoint,
    Evaluation,
    Figure,
    ReliabilityBin,
    RocCurve,
)
from whatsit.evaluation.report.svg import Axes, path, picture, tag
from whatsit.evaluation.report.words import count, normal, percent, rounded, shorten

SHOWN = 30  # more rows are a wall; the rest is in the table
ROW, LEFT, WIDTH = 34.0, 118.0, 420.0
BAR = 11.0


def distribution_chart(evaluation: Evaluation) -> Markup:
    """Two bars a class, solid for truth and striped for predictions; of many, those that differ most."""
    rows = _rows(evaluation)
    longest = max(max(c.support, c.predicted) for c in rows) or 1
    parts = [_stripes()]
    for i, row in enumerate(rows):
        parts.append(_bars(row, 4 + ROW * i, (WIDTH - LEFT - 48) / longest))
    size = (WIDTH, 8 + ROW * len(rows))
    description = (
        "For each class, the upper bar counts its photos. The lower, striped bar counts the photos predicted as it."
    )
    return picture("distribution", size, "True and predicted labels", description, parts)


def _rows(evaluation: Evaluation) -> list[ClassFigures]:
    classes = list(evaluation.per_class)
    if len(classes) > SHOWN:
        classes = sorted(classes, key=lambda c: -abs(c.support - c.predicted))[:SHOWN]
    return sorted(classes, key=lambda c: (-c.support, c.label))


def _stripes() -> Markup:
    line = tag("path", d="M-1 6 L6 -1 M4 7 L7 4", class_="stripe")
    pattern = tag("pattern", line, id="stripes", width=6, height=6, patternUnits="userSpaceOnUse")
    return tag("defs", pattern)


def _bars(row: ClassFigures, top: float, scale: float) -> Markup:
    said = f"{row.label}: {count(row.support, 'photo')}, predicted {count(row.predicted, 'time')}"
    parts = [tag("title", said)]
    parts.append(tag("text", shorten(row.label, 15), x=LEFT - 8, y=top + 17, class_="label", text_anchor="end"))
    for n, y, look in ((row.support, top, "truth"), (row.predicted, top + BAR + 1, "said")):
        width = n * scale
        parts.append(tag("rect", x=LEFT, y=y, width=max(width, 0.5), height=BAR, rx=1.5, class_=look))
        parts.append(tag("text", f"{n:,}", x=LEFT + width + 6, y=y + 9.5, class_="tick"))
    return tag("g", *parts)


SIZE = (420.0, 360.0)
FIRST = 0.05  # the curve starts here: before, a handful of photos makes it leap


def coverage_chart(evaluation: Evaluation, unsure: Answered | None) -> Markup:
    """The curve with its Wilson band, up to where all familiar photos are answered; a ring marks the threshold."""
    curve = [p for p in evaluation.coverage if p.coverage >= FIRST]
    lowest = min([p.low for p in curve] + [unsure.accuracy.value if unsure and unsure.accuracy else 1.0])
    axes = Axes(52, 12, 352, 292, y_range=(min(floor(lowest * 10) / 10, 0.9), 1.0))
    parts = axes.drawn("coverage (photos answered), %", "accuracy of the answers, %")
    parts += _curve(axes, curve) if curve else [_none(axes)]
    if unsure and unsure.accuracy:
        parts += _chosen(axes, unsure, unsure.accuracy.value)
    last = evaluation.coverage[-1] if evaluation.coverage else None
    description = f"Answering {percent(last.coverage)}: {percent(last.accuracy)} correct. " if last else ""
    return picture("coverage", SIZE, "Accuracy against coverage", description + _said(unsure), parts)


def _curve(axes: Axes, curve: list[CoveragePoint]) -> list[Markup]:
    upper = [(axes.x(p.coverage), axes.y(p.high)) for p in curve]
    lower = [(axes.x(p.coverage), axes.y(p.low)) for p in reversed(curve)]
    line = [(axes.x(p.coverage), axes.y(p.accuracy)) for p in curve]
    return [
        tag("path", d=path(upper + lower, close=True), class_="area"),
        tag("path", d=path(line), class_="curve"),
        tag("circle", cx=line[-1][0], cy=line[-1][1], r=3.5, class_="dot"),
    ]


def _none(axes: Axes) -> Markup:
    middle = (axes.left + axes.width / 2, axes.top + axes.height / 2)
    words = f"fewer than {FIRST:.0%} of the photos are like the training photos"
    return tag("text", words, x=middle[0], y=middle[1], class_="label", text_anchor="middle")


def _said(unsure: Answered | None) -> str:
    if not unsure or not unsure.accuracy:
        return ""
    return (
        f"At the threshold of {percent(unsure.rule.threshold)}: {percent(unsure.coverage)} answered, "
        f"{percent(unsure.accuracy.value)} of these answers correct."
    )


def _chosen(axes: Axes, unsure: Answered, accuracy: float) -> list[Markup]:
    x, y = axes.x(unsure.coverage), axes.y(accuracy)
    anchor = "end" if unsure.coverage > 0.5 else "start"
    shift = -10 if anchor == "end" else 10
    threshold = unsure.rule.threshold
    label = f"threshold {percent(threshold)}" if threshold > 0 else "all photos like the training photos"
    return [
        tag("line", x1=x, x2=x, y1=y, y2=axes.y(axes.y_range[0]), class_="diagonal"),
        tag("circle", tag("title", _said(unsure)), cx=x, cy=y, r=6.5, class_="ring"),
        tag("text", label, x=x + shift, y=axes.y(axes.y_range[0]) - 10, class_="label", text_anchor=anchor),
    ]


RELIABILITY_SIZE = (420.0, 440.0)
AXES = Axes(left=52, top=12, width=352, height=300)
STRIP = 44.0  # height of the strip of counts below
STRIP_TOP = 366.0


def reliability_chart(evaluation: Evaluation) -> Markup:
    """A dot and its Wilson interval for each bin; the counts as bars below."""
    bins = evaluation.reliability
    parts = AXES.drawn("predicted probability, %", "accuracy, %")
    parts.append(tag("line", x1=AXES.x(0), y1=AXES.y(0), x2=AXES.x(1), y2=AXES.y(1), class_="diagonal"))
    parts += [_dot(b) for b in bins]
    most = max(b.count for b in bins)
    parts += [_bar(b, most) for b in bins]
    parts.append(
        tag(
            "text",
            f"photos in each bin (tallest: {most:,})",
            x=AXES.left,
            y=STRIP_TOP + STRIP + 18,
            class_="axis",
        )
    )
    description = (
        f"{len(bins)} bins. On the diagonal, probabilities are correct. "
        f"The expected calibration error is {rounded(evaluation.ece)}; {normal(evaluation)}."
    )
    return picture("reliability", RELIABILITY_SIZE, "Reliability diagram", description, parts)


def _said_of_bin(b: ReliabilityBin) -> Markup:
    return tag(
        "title",
        f"{count(b.count, 'photo')} at {percent(b.confidence)} on average: {percent(b.accuracy)} correct "
        f"(95 % interval {percent(b.low)} to {percent(b.high)})",
    )


def _dot(b: ReliabilityBin) -> Markup:
    x = AXES.x(b.confidence)
    bar = tag("line", x1=x, x2=x, y1=AXES.y(b.low), y2=AXES.y(b.high), class_="error-bar")
    return tag("g", _said_of_bin(b), bar, tag("circle", cx=x, cy=AXES.y(b.accuracy), r=4.5, class_="dot"))


def _bar(b: ReliabilityBin, most: int) -> Markup:
    height = max(1.0, STRIP * b.count / most)
    left, right = AXES.x(b.lower) + 1, AXES.x(b.upper) - 1
    top = STRIP_TOP + STRIP - height
    return tag("rect", _said_of_bin(b), x=left, y=top, width=right - left, height=height, class_="count")


ROC_SIZE = (420.0, 360.0)
ROC_AXES = Axes(left=52, top=12, width=352, height=292)


def roc_chart(curve: RocCurve, area: Figure) -> Markup:
    """True against false positives; the dashed diagonal is guessing."""
    rates = zip(curve.false_positive_rate, curve.true_positive_rate, strict=True)
    points = [(ROC_AXES.x(false), ROC_AXES.y(true)) for false, true in rates]
    name = shorten(curve.positive, 20)
    label = f"area {area.value:.3f} ({area.low:.3f} to {area.high:.3f})"
    parts = ROC_AXES.drawn("false positive rate, %", f"true positive rate of “{name}”, %")
    parts += [
        tag("line", x1=ROC_AXES.x(0), y1=ROC_AXES.y(0), x2=ROC_AXES.x(1), y2=ROC_AXES.y(1), class_="diagonal"),
        tag("path", d=path([*points, (ROC_AXES.x(1), ROC_AXES.y(0))], close=True), class_="area"),
        tag("path", d=path(points), class_="curve"),
        tag("text", label, x=ROC_AXES.x(1) - 10, y=ROC_AXES.y(0) - 12, class_="label", text_anchor="end"),
    ]
    return picture("roc", ROC_SIZE, f"ROC curve for “{curve.positive}”", f"{label}, 0.5 is guessing.", parts)


NUMBERED = 15  # classes; beyond, counts no longer fit their cells
DARK = 7  # shades from here on carry light figures; `test_page.py` holds the contrast at every shade
SHADES = 10
LABEL = 12  # columns of a class's name


def shown_classes(evaluation: Evaluation) -> list[int]:
    """The classes drawn: all, or the 30 with most wrong predictions; their own order."""
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
            tag("text", name, x=self.left - 10, y=self.top - above, class_="axis", text_anchor="end")
            for name, above in (("predicted →", 28), ("true ↓", 10))
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
        said = tag("title", f"“{names[r]}” predicted as “{names[c]}”: {n:,} of {count(of, 'photo')}")
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
