"""The few SVG parts that all charts share: escaped elements, the frame of a picture, a pair of axes.

Where an axis has its ticks: at 1, 2 or 5 times a power of ten (Heckbert 1990, "Nice numbers for graph labels").

A share and its interval on a line from 0 to 100 %: how sure the figure is, at a glance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup, escape

from whatsit.evaluation.figures import Figure
from whatsit.evaluation.report.words import interval, percent

Ticks = Sequence[tuple[float, str]]
"""Where on an axis, and what stands there."""


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """An element; children and attribute values are escaped unless they are Markup.

    `stroke_width` becomes stroke-width, `class_` becomes class.

    >>> tag("text", "a < b", x=1.25, class_="label")
    Markup('<text x="1.25" class="label">a &lt; b</text>')
    """
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{written}>{escape(Markup('').join(map(escape, children)))}</{name}>")


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(escape(value))


def picture(
    key: str,
    size: tuple[float, float],
    title: str,
    description: str,
    parts: Iterable[Markup],
    look: str = "plain",
) -> Markup:
    """A whole picture of (width, height) units, drawn at most that many pixels wide. `key` is unique."""
    width, height = size
    return tag(
        "svg",
        tag("title", title, id=f"{key}-title"),
        tag("desc", description, id=f"{key}-desc"),
        *parts,
        class_=look,
        role="img",
        viewBox=f"0 0 {width:g} {height:g}",
        style=f"max-width:{width:g}px",
        aria_labelledby=f"{key}-title {key}-desc",
    )


def path(points: Sequence[tuple[float, float]], close: bool = False) -> str:
    """The `d` of a polyline."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("Z" if close else "")


@dataclass(frozen=True)
class Axes:
    """A plot's area in picture units, and the range of values it shows."""

    left: float
    top: float
    width: float
    height: float
    x_range: tuple[float, float] = (0.0, 1.0)
    y_range: tuple[float, float] = (0.0, 1.0)

    def x(self, value: float) -> float:
        """The place of a value, in picture units."""
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * self.width

    def y(self, value: float) -> float:
        """The place of a value, in picture units; up is more."""
        low, high = self.y_range
        return self.top + (high - value) / (high - low) * self.height

    def drawn(
        self, x_label: str, y_label: str, x_ticks: Ticks | None = None, y_ticks: Ticks | None = None
    ) -> list[Markup]:
        """Grid, ticks and labels; ticks that are not given are percentages."""
        parts = [self._horizontal(*tick) for tick in y_ticks or _percentages(self.y_range)]
        parts += [self._vertical(*tick) for tick in x_ticks or _percentages(self.x_range)]
        bottom, middle = self.top + self.height, self.top + self.height / 2
        centre = self.left + self.width / 2
        parts.append(tag("text", x_label, x=centre, y=bottom + 38, class_="axis", text_anchor="middle"))
        turned = f"rotate(-90 12 {middle:g})"
        parts.append(tag("text", y_label, x=12, y=middle, class_="axis", text_anchor="middle", transform=turned))
        return parts

    def _horizontal(self, value: float, said: str) -> Markup:
        y = self.y(value)
        line = tag("line", x1=self.left, x2=self.left + self.width, y1=y, y2=y, class_="grid")
        text = tag("text", said, x=self.left - 7, y=y + 4, class_="tick", text_anchor="end")
        return line + text

    def _vertical(self, value: float, said: str) -> Markup:
        x, bottom = self.x(value), self.top + self.height
        line = tag("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="grid")
        text = tag("text", said, x=x, y=bottom + 18, class_="tick", text_anchor="middle")
        return line + text


def _percentages(bounds: tuple[float, float], steps: int = 5) -> Ticks:
    low, high = bounds
    values = [low + (high - low) * i / steps for i in range(steps + 1)]
    return [(value, f"{100 * value:.0f}") for value in values]


def nice_step(span: float, most: int = 5) -> float:
    """The least nice step of which at most `most` fit into a span above 0.

    >>> nice_step(1.83), nice_step(0.07), nice_step(199)
    (0.5, 0.02, 50.0)
    """
    power = 10.0 ** floor(log10(span / most))
    return next(factor * power for factor in (1, 2, 5, 10) if span <= factor * power * most * (1 + 1e-9))


def from_zero(highest: float) -> Ticks:
    """From 0 to the first tick at or above `highest`, which is above 0."""
    step = nice_step(highest)
    digits = max(0, -floor(log10(step)))
    return [(i * step, f"{i * step:.{digits}f}") for i in range(ceil(highest / step - 1e-9) + 1)]


def to_hundred(lowest: float) -> Ticks:
    """Percentages of shares, from the last tick at or below `lowest`, which is in [0, 1), to 100."""
    step = nice_step(100 * (1 - lowest))
    digits = max(0, -floor(log10(step)))
    down = [max(0.0, 100 - i * step) for i in range(ceil(100 * (1 - lowest) / step - 1e-9) + 1)]
    return [(value / 100, f"{value:.{digits}f}") for value in reversed(down)]


def whole(first: int, last: int) -> Ticks:
    """The first number, then nice ones up to the last.

    >>> [said for _, said in whole(1, 20)]
    ['1', '5', '10', '15', '20']
    """
    step = max(1, round(nice_step(max(last - first, 1))))
    return [(n, str(n)) for n in (first, *range((first // step + 1) * step, last + 1, step))]


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
