"""Accuracy against training time: a numbered point a candidate, with the 95 % interval of its accuracy.

Time is on a logarithmic axis, since a probe takes seconds and a network minutes or hours. Points that would lie on one
another stand side by side, as near to their places as can be.

The comparison as one self-contained page, in the report's look: a table, a plot, the pairs, and what they mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

from markupsafe import Markup

from whatsit.evaluation.intervals import CHANCE
from whatsit.evaluation.report.content import Report
from whatsit.evaluation.report.page import environment
from whatsit.evaluation.report.svg import Axes, Ticks, picture, tag, to_hundred
from whatsit.evaluation.report.words import counted, interval, nats, percent
from whatsit.training.compare.result import Comparison, advice, duration
from whatsit.training.compare.trial import Trial

SIZE = (640.0, 360.0)
RADIUS = 10.0  # of a point: room for a number of two digits
GAP = 24.0  # between the middles of points
MARGIN = 16.0  # between the frame's sides and the points
SHORTEST = 0.01  # seconds; what is faster is drawn there


TIMES = tuple(
    (seconds, said)
    for unit, name, steps in (
        (1, "s", (0.01, 0.1, 1, 3, 10, 30)),
        (60, "min", (1, 3, 10, 30)),
        (3600, "h", (1, 3, 10, 100, 1000)),
    )
    for step in steps
    for seconds, said in [(unit * step, f"{step:g} {name}")]
)


def time_chart(comparison: Comparison) -> Markup:
    """Numbers are places in `comparison.trials`, from 1; a ring marks the winner."""
    trials = comparison.trials
    times = [log10(max(trial.seconds, SHORTEST)) for trial in trials]
    ticks = to_hundred(max(0.0, min(min(trial.accuracy.low for trial in trials), 0.99)))
    axes = Axes(52, 14, 576, 288, _span(times), (ticks[0][0], ticks[-1][0]))
    places = apart([axes.x(time) for time in times], GAP, axes.left + MARGIN, axes.left + axes.width - MARGIN)
    points = [
        part
        for number, (trial, x) in enumerate(zip(trials, places, strict=True), start=1)
        for part in _point(axes, trial, x, number, won=trial is comparison.winner)
    ]
    parts = [*axes.drawn("training time", "valid photos right, %", _time_ticks(axes), ticks), *points]
    return picture("time", SIZE, "Accuracy against training time", _described(comparison), parts, look="medium")


def apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The nearest places, by least squares, of the same order between low and high, and at least a gap apart.

    Where they have not so much room, the gap is smaller. Pool adjacent violators (Ayer et al. 1955).
    """
    gap = min(gap, (high - low) / max(1, len(places) - 1))
    order = sorted(range(len(places)), key=lambda i: places[i])
    blocks: list[tuple[float, int]] = []  # mean of the places less their gaps, and how many
    for rank, i in enumerate(order):
        mean, n = places[i] - rank * gap, 1
        while blocks and blocks[-1][0] > mean:
            before, m = blocks.pop()
            mean, n = (before * m + mean * n) / (m + n), m + n
        blocks.append((mean, n))
    least = [mean for mean, n in blocks for _ in range(n)]
    found = [0.0] * len(places)
    for rank, i in enumerate(order):
        found[i] = min(max(least[rank], low), high - (len(places) - 1) * gap) + rank * gap
    return found


def _span(times: Sequence[float]) -> tuple[float, float]:
    """At least a factor of ten, of which the points leave some free at either side."""
    low, high = min(times), max(times)
    spare = max(0.0, 1 - (high - low)) / 2 + 0.15
    return low - spare, high + spare


def _time_ticks(axes: Axes) -> Ticks:
    low, high = axes.x_range
    return [(log10(seconds), said) for seconds, said in TIMES if low <= log10(seconds) <= high]


def _point(axes: Axes, trial: Trial, x: float, number: int, *, won: bool) -> list[Markup]:
    a = trial.accuracy
    y, top, bottom = axes.y(a.value), axes.y(a.high), axes.y(a.low)
    ring = [tag("circle", cx=x, cy=y, r=RADIUS + 4, class_="ring open")] if won else []
    return [
        tag("line", x1=x, x2=x, y1=top, y2=bottom, class_="error-bar"),
        *(tag("line", x1=x - 5, x2=x + 5, y1=end, y2=end, class_="error-bar") for end in (top, bottom)),
        *ring,
        tag("circle", tag("title", _said(trial)), cx=x, cy=y, r=RADIUS, class_="dot"),
        tag("text", number, x=x, y=y + 4.5, class_="on-dark", text_anchor="middle", pointer_events="none"),
    ]


def _said(trial: Trial) -> str:
    return f"{trial.name}: {percent(trial.accuracy.value)} ({interval(trial.accuracy)}), {duration(trial.seconds)}"


def _described(comparison: Comparison) -> str:
    told = "; ".join(f"{number}, {_said(trial)}" for number, trial in enumerate(comparison.trials, start=1))
    return f"{told}. A ring marks {comparison.winner.name}."


@dataclass(frozen=True)
class Facts:
    """What the page says of the data besides the figures."""

    title: str
    few_valid: str  # what to know of so few valid photos, if they are few
    report: str  # the winner's, as a link from the page


def render_comparison(comparison: Comparison, test: Report, facts: Facts) -> str:
    """The page as HTML, UTF-8 text of some 30 KB. test: the report of the winner, fitted again."""
    made = environment("whatsit.training.compare")
    made.filters.update(duration=duration, nats=nats)
    page = made.get_template("comparison.html.j2")
    fewest, most = comparison.train_photos
    return page.render(
        comparison=comparison,
        fewest=fewest,
        most=most,
        counted=counted(comparison.counted),
        facts=facts,
        test=test,
        advice=advice(comparison),
        chance=CHANCE,
        chart=time_chart(comparison),
    )
