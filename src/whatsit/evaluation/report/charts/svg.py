"""The few SVG parts that all charts share: escaped elements, the frame of a picture, a pair of axes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

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
