"""The reliability diagram (Guo et al. 2017, fig. 1): what was claimed against what came true, with counts."""

from markupsafe import Markup

from whatsit.evaluation.figures import Evaluation, ReliabilityBin
from whatsit.evaluation.report.charts.svg import Axes, picture, tag
from whatsit.evaluation.report.words import count, percent, points

SIZE = (420.0, 440.0)
AXES = Axes(left=52, top=12, width=352, height=300)
STRIP = 44.0  # height of the strip of counts below
STRIP_TOP = 366.0


def reliability_chart(evaluation: Evaluation) -> Markup:
    """A dot and its Wilson interval for each bin; the counts as bars below."""
    bins = evaluation.reliability
    parts = AXES.drawn("probability it gave, %", "share that was right, %")
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
        f"{len(bins)} bins. On the diagonal, probabilities are right. "
        f"The mean gap is {points(evaluation.ece)}; up to {points(evaluation.ece_by_chance)} would be chance."
    )
    return picture("reliability", SIZE, "Reliability diagram", description, parts)


def _said(b: ReliabilityBin) -> Markup:
    return tag(
        "title",
        f"{count(b.count, 'photo')} at {percent(b.confidence)} on average: {percent(b.accuracy)} right "
        f"(95 % interval {percent(b.low)} to {percent(b.high)})",
    )


def _dot(b: ReliabilityBin) -> Markup:
    x = AXES.x(b.confidence)
    bar = tag("line", x1=x, x2=x, y1=AXES.y(b.low), y2=AXES.y(b.high), class_="error-bar")
    return tag("g", _said(b), bar, tag("circle", cx=x, cy=AXES.y(b.accuracy), r=4.5, class_="dot"))


def _bar(b: ReliabilityBin, most: int) -> Markup:
    height = max(1.0, STRIP * b.count / most)
    left, right = AXES.x(b.lower) + 1, AXES.x(b.upper) - 1
    top = STRIP_TOP + STRIP - height
    return tag("rect", _said(b), x=left, y=top, width=right - left, height=height, class_="count")
