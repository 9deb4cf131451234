"""Learning curves: loss and accuracy by epoch, of the train and of the valid photos.

Train is dashed with square points, valid solid with round ones; a ring and a dashed upright mark the epoch whose
weights were kept. A figure that is no number interrupts its line. Losses far above the rest leave the frame, since one
bad epoch would flatten all others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from markupsafe import Markup

from whatsit.evaluation.report.svg import Axes, Ticks, from_zero, path, picture, tag, to_hundred, whole
from whatsit.evaluation.report.words import count, nats, percent

if TYPE_CHECKING:
    from whatsit.training.fitted import Epoch, History

SIZE = (420.0, 328.0)
POINTED = 30  # epochs; the points of more run into one another
FAR = 5.0  # times the largest train loss or the kept valid loss: above, losses leave the frame
FLAT = 1e-3  # nats, and share wrong: the least that an axis spans
TALL = 1e5  # nats; higher losses are drawn as little as what is no number: their ticks would not fit beside the axis


@dataclass(frozen=True)
class _Figures:
    """What of an epoch a chart shows, and in which words."""

    key: str
    title: str
    unit: str
    train: Callable[["Epoch"], float]
    valid: Callable[["Epoch"], float]
    said: Callable[[float], str]


_LOSS = _Figures("loss-by-epoch", "Loss by epoch", "loss, nats", lambda e: e.train_loss, lambda e: e.valid_loss, nats)
_ACCURACY = _Figures(
    "accuracy-by-epoch",
    "Accuracy by epoch",
    "accuracy, %",
    lambda e: e.train_accuracy,
    lambda e: e.valid_accuracy,
    percent,
)


def loss_chart(history: "History") -> Markup:
    """Mean cross-entropy by epoch, of at least one epoch."""
    plot = _Plot(_LOSS, history)
    typical = [plot.figures.train(e) for e in history.epochs] + [plot.figures.valid(e) for e in plot.kept]
    top = min(max([*plot.values, FLAT]), FAR * max([v for v in typical if _drawable(v)], default=FLAT))
    return plot.drawn(from_zero(max(top, FLAT)))


def accuracy_chart(history: "History") -> Markup:
    """Share of photos named rightly by epoch, of at least one epoch."""
    plot = _Plot(_ACCURACY, history)
    return plot.drawn(to_hundred(max(0.0, min([*plot.values, 1 - FLAT]))))


@dataclass(frozen=True)
class _Plot:
    figures: _Figures
    history: "History"

    @property
    def epochs(self) -> "tuple[Epoch, ...]":
        return self.history.epochs

    @property
    def kept(self) -> "list[Epoch]":
        """The epoch whose weights were kept, or none."""
        return [epoch for epoch in self.epochs if epoch.number == self.history.best]

    @property
    def values(self) -> list[float]:
        """All that can be drawn."""
        both = [value(e) for e in self.epochs for value in (self.figures.train, self.figures.valid)]
        return [value for value in both if _drawable(value)]

    def drawn(self, ticks: Ticks) -> Markup:
        """The whole chart; the ticks are the upright axis's, from its bottom to its top."""
        first, last = self.epochs[0].number, self.epochs[-1].number
        sides = (first, last) if last > first else (first - 0.5, first + 0.5)
        axes = Axes(52, 26, 352, 248, sides, (ticks[0][0], ticks[-1][0]))
        frame = tag("rect", x=axes.left, y=axes.top - 2, width=axes.width, height=axes.height + 4)
        lines = tag("g", *self._lines(axes), clip_path=f"url(#{self.figures.key}-frame)")
        parts = [
            tag("defs", tag("clipPath", frame, id=f"{self.figures.key}-frame")),
            *axes.drawn("epoch", self.figures.unit, whole(first, last), ticks),
            *self._mark(axes),
            lines,
            *self._points(axes),
            *self._ring(axes),
        ]
        return picture(self.figures.key, SIZE, self.figures.title, self._described(), parts)

    def _lines(self, axes: Axes) -> list[Markup]:
        """Each unbroken run of numbers as a line, train below valid."""
        drawn = []
        for look, value in (("train", self.figures.train), ("valid", self.figures.valid)):
            runs: list[list[tuple[float, float]]] = [[]]
            for epoch in self.epochs:
                if _drawable(v := value(epoch)):
                    runs[-1].append((axes.x(epoch.number), axes.y(v)))
                else:
                    runs.append([])
            drawn += [tag("path", d=path(run), class_=f"curve {look}") for run in runs if len(run) > 1]
        return drawn

    def _points(self, axes: Axes) -> list[Markup]:
        if len(self.epochs) > POINTED:
            return []
        return [
            *(self._square(axes, e) for e in self.epochs if _within(axes, self.figures.train(e))),
            *(self._dot(axes, e) for e in self.epochs if _within(axes, self.figures.valid(e))),
        ]

    def _square(self, axes: Axes, epoch: "Epoch") -> Markup:
        x, y = axes.x(epoch.number) - 3, axes.y(self.figures.train(epoch)) - 3
        return tag("rect", tag("title", self._said(epoch)), x=x, y=y, width=6, height=6, class_="dot train")

    def _dot(self, axes: Axes, epoch: "Epoch") -> Markup:
        x, y = axes.x(epoch.number), axes.y(self.figures.valid(epoch))
        return tag("circle", tag("title", self._said(epoch)), cx=x, cy=y, r=3.75, class_="dot")

    def _mark(self, axes: Axes) -> list[Markup]:
        """A dashed upright at the epoch kept, named above the frame."""
        parts = []
        for epoch in self.kept:
            x, bottom = axes.x(epoch.number), axes.top + axes.height
            side = (x - axes.left) / axes.width
            anchor = "start" if side < 0.2 else "end" if side > 0.8 else "middle"
            parts.append(tag("line", x1=x, x2=x, y1=axes.top, y2=bottom, class_="diagonal"))
            parts.append(tag("text", f"epoch {epoch.number} kept", x=x, y=16, class_="label", text_anchor=anchor))
        return parts

    def _ring(self, axes: Axes) -> list[Markup]:
        """Around the valid figure of the epoch kept, which has a point among however many epochs."""
        parts = []
        for epoch in self.kept:
            if _within(axes, self.figures.valid(epoch)):
                x, y = axes.x(epoch.number), axes.y(self.figures.valid(epoch))
                ring = tag("circle", tag("title", self._said(epoch)), cx=x, cy=y, r=7, class_="ring open")
                parts += [self._dot(axes, epoch), ring]
        return parts

    def _said(self, epoch: "Epoch") -> str:
        train, valid = self._word(self.figures.train(epoch)), self._word(self.figures.valid(epoch))
        return f"epoch {epoch.number}: train {train}, valid {valid}"

    def _word(self, value: float) -> str:
        return self.figures.said(value) if isfinite(value) else "no number"

    def _described(self) -> str:
        ends = dict.fromkeys((self.epochs[0].number, self.history.best, self.epochs[-1].number))
        told = [self._said(epoch) for epoch in self.epochs if epoch.number in ends]
        kept = f"The weights of epoch {self.history.best} were kept."
        return f"{count(len(self.epochs), 'epoch')}. {'; '.join(told)}. {kept}"


def _drawable(value: float) -> bool:
    return abs(value) <= TALL  # which NaN is not


def _within(axes: Axes, value: float) -> bool:
    """Whether an axis reaches it, but for rounding; no axis reaches what is no number."""
    low, high = axes.y_range
    slack = 1e-9 * (high - low)
    return low - slack <= value <= high + slack
