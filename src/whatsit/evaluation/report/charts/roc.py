"""The ROC curve of two classes."""

from markupsafe import Markup

from whatsit.evaluation.figures import Figure, RocCurve
from whatsit.evaluation.report.charts.svg import Axes, path, picture, tag
from whatsit.evaluation.report.words import shorten

SIZE = (420.0, 360.0)
AXES = Axes(left=52, top=12, width=352, height=292)


def roc_chart(curve: RocCurve, area: Figure) -> Markup:
    """True against false positives; the dashed diagonal is guessing."""
    rates = zip(curve.false_positive_rate, curve.true_positive_rate, strict=True)
    points = [(AXES.x(false), AXES.y(true)) for false, true in rates]
    name = shorten(curve.positive, 20)
    label = f"area {area.value:.3f} ({area.low:.3f} to {area.high:.3f})"
    parts = AXES.drawn(f"others called “{name}”, %", f"“{name}” found, %")
    parts += [
        tag("line", x1=AXES.x(0), y1=AXES.y(0), x2=AXES.x(1), y2=AXES.y(1), class_="diagonal"),
        tag("path", d=path([*points, (AXES.x(1), AXES.y(0))], close=True), class_="area"),
        tag("path", d=path(points), class_="curve"),
        tag("text", label, x=AXES.x(1) - 10, y=AXES.y(0) - 12, class_="label", text_anchor="end"),
    ]
    return picture("roc", SIZE, f"ROC curve for “{curve.positive}”", f"{label}, 0.5 is guessing.", parts)
