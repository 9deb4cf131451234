"""Accuracy against coverage: what is gained by leaving the unsure photos to a person."""

from math import floor

from markupsafe import Markup

from whatsit.evaluation.figures import Answered, CoveragePoint, Evaluation
from whatsit.evaluation.report.charts.svg import Axes, path, picture, tag
from whatsit.evaluation.report.words import percent

SIZE = (420.0, 360.0)
FIRST = 0.05  # the curve starts here: before, a handful of photos makes it leap


def coverage_chart(evaluation: Evaluation, unsure: Answered | None) -> Markup:
    """The curve with its Wilson band, up to where all familiar photos are answered; a ring marks the threshold."""
    curve = [p for p in evaluation.coverage if p.coverage >= FIRST]
    lowest = min([p.low for p in curve] + [unsure.accuracy.value if unsure and unsure.accuracy else 1.0])
    axes = Axes(52, 12, 352, 292, y_range=(min(floor(lowest * 10) / 10, 0.9), 1.0))
    parts = axes.drawn("share of photos answered, %", "share of answers right, %")
    parts += _curve(axes, curve) if curve else [_none(axes)]
    if unsure and unsure.accuracy:
        parts += _chosen(axes, unsure, unsure.accuracy.value)
    last = evaluation.coverage[-1] if evaluation.coverage else None
    description = f"Answering {percent(last.coverage)}: {percent(last.accuracy)} right. " if last else ""
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
        f"{percent(unsure.accuracy.value)} of those right."
    )


def _chosen(axes: Axes, unsure: Answered, accuracy: float) -> list[Markup]:
    x, y = axes.x(unsure.coverage), axes.y(accuracy)
    anchor = "end" if unsure.coverage > 0.5 else "start"
    shift = -10 if anchor == "end" else 10
    threshold = unsure.rule.threshold
    label = f"threshold {percent(threshold)}" if threshold > 0 else "all that are not unlike"
    return [
        tag("line", x1=x, x2=x, y1=y, y2=axes.y(axes.y_range[0]), class_="diagonal"),
        tag("circle", tag("title", _said(unsure)), cx=x, cy=y, r=6.5, class_="ring"),
        tag("text", label, x=x + shift, y=axes.y(axes.y_range[0]) - 10, class_="label", text_anchor=anchor),
    ]
