"""How many photos show each class, and how many were called it: does it favour a class?"""

from markupsafe import Markup

from whatsit.evaluation.figures import ClassFigures, Evaluation
from whatsit.evaluation.report.charts.svg import picture, tag
from whatsit.evaluation.report.words import count, shorten

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
    description = "For each class, the upper bar is its photos and the lower, striped bar how many were called it."
    return picture("distribution", size, "Photos of each class and predictions of it", description, parts)


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
    said = f"{row.label}: {count(row.support, 'photo')}, called so {count(row.predicted, 'time')}"
    parts = [tag("title", said)]
    parts.append(tag("text", shorten(row.label, 15), x=LEFT - 8, y=top + 17, class_="label", text_anchor="end"))
    for n, y, look in ((row.support, top, "truth"), (row.predicted, top + BAR + 1, "said")):
        width = n * scale
        parts.append(tag("rect", x=LEFT, y=y, width=max(width, 0.5), height=BAR, rx=1.5, class_=look))
        parts.append(tag("text", f"{n:,}", x=LEFT + width + 6, y=y + 9.5, class_="tick"))
    return tag("g", *parts)
