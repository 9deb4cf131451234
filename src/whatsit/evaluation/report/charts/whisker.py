"""A share and its interval on a line from 0 to 100 %: how sure the figure is, at a glance."""

from markupsafe import Markup

from whatsit.evaluation.figures import Figure
from whatsit.evaluation.report.charts.svg import picture, tag
from whatsit.evaluation.report.words import interval, percent

WIDTH, HEIGHT = 200.0, 16.0


def whisker(key: str, name: str, figure: Figure) -> Markup:
    """A dot on a band on a line."""
    low, value, high = (6 + (WIDTH - 12) * v for v in (figure.low, figure.value, figure.high))
    parts = [
        tag("rect", x=6, y=7, width=WIDTH - 12, height=2, rx=1, class_="rail"),
        tag("rect", x=low, y=4, width=max(high - low, 1.0), height=8, rx=2, class_="band"),
        tag("circle", cx=value, cy=8, r=4.5, class_="dot"),
    ]
    said = f"{percent(figure.value)}, 95 % interval {interval(figure)}, on a line from 0 to 100 %"
    return picture(key, (WIDTH, HEIGHT), name, said, parts)
