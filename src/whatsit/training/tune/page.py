"""A search as one self-contained page in the report's look, and as a section of the best model's report.

The pictures are the loss by trial, what matters most, and the loss at each value of each option. Losses far above the
middle leave the frame, and stand at its top as triangles: one absurd learning rate would flatten all others. Trials
that were given up are crosses, at the least loss that they had reached.
"""

from collections.abc import Mapping, Sequence
from math import log10

from markupsafe import Markup

from whatsit.evaluation.report.content import Report, Section
from whatsit.evaluation.report.page import environment
from whatsit.evaluation.report.svg import Axes, Ticks, nice_step, path, picture, tag, whole
from whatsit.evaluation.report.words import count, nats, percent
from whatsit.training.compare.result import duration
from whatsit.training.tune.space import Choice, Rate, Value
from whatsit.training.tune.summary import FEW, WORSE, Row, Summary, running_best

SIZE = (420.0, 328.0)
FAR = 2.0  # times the median loss: above, a trial leaves the frame
FLAT = 0.01  # nats: the least that an axis spans
BAR, LEFT, WIDTH = 34.0, 118.0, 420.0
NAMED = 11  # characters under an axis of few values
AWAY = 0.06  # of the width: how far from their value's middle trials of equal values are spread
SPREAD = (0.0, -1.0, 1.0, -0.5, 0.5)


def shown_loss(row: Row) -> float | None:
    """What a trial is drawn at: its loss, or the least before it was given up; None where there is no number."""
    return row.loss if row.loss is not None else min(row.epoch_losses.values(), default=None)


def history_chart(summary: Summary) -> Markup:
    """Loss by trial, and the least so far as a line."""
    rows = summary.rows
    ticks = _loss_ticks(rows)
    axes = Axes(52, 26, 352, 248, (0.5, len(rows) + 0.5), (ticks[0][0], ticks[-1][0]))
    steps: list[tuple[float, float]] = []
    for number, least in enumerate(running_best(rows), start=1):
        if least is not None:
            place = _clipped(axes, least)
            steps += [(axes.x(number), steps[-1][1] if steps else place), (axes.x(number), place)]
    if steps:
        steps.append((axes.left + axes.width, steps[-1][1]))
    parts = [
        *axes.drawn("trial", "log loss on valid, nats", whole(1, len(rows)), ticks),
        tag("path", d=path(steps), class_="curve") if steps else Markup(""),
        *(_point(axes, summary, row, axes.x(number)) for number, row in enumerate(rows, start=1)),
    ]
    told = f"{count(len(rows), 'trial')}; the least loss is {nats(summary.best.loss or 0.0)}, of trial "
    return picture("loss-by-trial", SIZE, "Loss by trial", f"{told}{summary.place(summary.best)}.", parts)


def importance_chart(summary: Summary) -> Markup:
    """A bar an option."""
    longest = max(summary.importances.values(), default=1.0) or 1.0
    parts = []
    for i, (name, share) in enumerate(summary.importances.items()):
        top, width = 6 + BAR * i, share / longest * (WIDTH - LEFT - 60)
        parts += [
            tag("text", words_of(name), x=LEFT - 8, y=top + 15, class_="label", text_anchor="end"),
            tag("rect", x=LEFT, y=top, width=max(width, 0.5), height=20, rx=2, class_="truth"),
            tag("text", percent(share), x=LEFT + width + 8, y=top + 15, class_="tick"),
        ]
    told = ", ".join(f"{words_of(name)} {percent(share)}" for name, share in summary.importances.items())
    size = (WIDTH, 12 + BAR * len(summary.importances))
    return picture("importance", size, "What the loss hangs on", f"{told}.", parts)


def slice_chart(summary: Summary, name: str) -> Markup:
    """Each trial's loss over its value of one option; the other options differ, too."""
    ticks, values = _loss_ticks(summary.rows), summary.ranges[name]
    loss = (ticks[0][0], ticks[-1][0])
    if isinstance(values, Rate):
        axes = Axes(52, 26, 352, 248, (log10(values.low) - 0.1, log10(values.high) + 0.1), loss)
        x_ticks = _powers(values)
        places = {row.number: axes.x(log10(float(row.values[name]))) for row in summary.rows}
    else:
        axes = Axes(52, 26, 352, 248, (-0.5, len(values.values) - 0.5), loss)
        x_ticks = [(float(i), said(name, value)[:NAMED]) for i, value in enumerate(values.values)]
        places = _side_by_side(axes, summary.rows, name, values)
    points = [_point(axes, summary, row, places[row.number]) for row in summary.rows]
    parts = [*axes.drawn(words_of(name), "log loss on valid, nats", x_ticks, ticks), *points]
    best = said(name, summary.best.values[name])
    return picture(f"slice-{name}", SIZE, f"Loss by {words_of(name)}", f"The best trial has {best}.", parts)


def _side_by_side(axes: Axes, rows: Sequence[Row], name: str, choice: Choice) -> dict[int, float]:
    """Trials of equal values stand a little apart."""
    places, seen = {}, dict.fromkeys(choice.values, 0)
    for row in rows:
        value = row.values[name]
        spread = SPREAD[seen.get(value, 0) % len(SPREAD)] * AWAY * axes.width
        places[row.number] = axes.x(choice.values.index(value)) + spread / 2
        seen[value] = seen.get(value, 0) + 1
    return places


def words_of(name: str) -> str:
    """An option's name within a sentence."""
    return name.replace("_", " ")


def said(name: str, value: Value) -> str:
    """A value as it is typed; a size of equal sides as one number.

    >>> said("image_size", "64x64"), said("learning_rate", 0.00123)
    ('64', '0.00123')
    """
    if name == "image_size":
        height, _, width = str(value).partition("x")
        return height if height == width else str(value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _loss_ticks(rows: Sequence[Row]) -> Ticks:
    """From below the least loss to the largest that is not far away."""
    losses = sorted(loss for row in rows if (loss := shown_loss(row)) is not None)
    low = losses[0]
    high = max(min(losses[-1], FAR * losses[len(losses) // 2]), low + FLAT)
    step = nice_step(high - low)
    digits = max(0, -int(log10(step) // 1))
    first, last = int(low // step), int(-(-high // step))
    return [(i * step, f"{i * step:.{digits}f}") for i in range(first, last + 1)]


def _powers(rate: Rate) -> Ticks:
    """Powers of ten, and thrice them."""
    low, high = log10(rate.low) - 0.1, log10(rate.high) + 0.1
    values = [factor * 10.0**power for power in range(-9, 3) for factor in (1, 3)]
    return [(log10(value), f"{value:g}") for value in values if low <= log10(value) <= high]


def _clipped(axes: Axes, loss: float) -> float:
    return axes.y(min(loss, axes.y_range[1]))


def _point(axes: Axes, summary: Summary, row: Row, x: float) -> Markup:
    loss = shown_loss(row)
    title = tag("title", _told(summary, row))
    if loss is None or loss > axes.y_range[1]:
        y = axes.top
        corners = f"M{x - 5:.1f} {y + 9:.1f}L{x + 5:.1f} {y + 9:.1f}L{x:.1f} {y + 1:.1f}Z"
        return tag("path", title, d=corners, class_="dot train")
    y = axes.y(loss)
    if row.pruned:
        cross = f"M{x - 4:.1f} {y - 4:.1f}L{x + 4:.1f} {y + 4:.1f}M{x - 4:.1f} {y + 4:.1f}L{x + 4:.1f} {y - 4:.1f}"
        return tag("path", title, d=cross, class_="stripe")
    ring = tag("circle", cx=x, cy=y, r=7, class_="ring open") if row == summary.best else Markup("")
    return tag("g", title, ring, tag("circle", cx=x, cy=y, r=4, class_="dot"))


def _told(summary: Summary, row: Row) -> str:
    options = ", ".join(f"{words_of(name)} {said(name, value)}" for name, value in row.values.items())
    loss = shown_loss(row)
    end = "given up" if row.pruned else f"log loss {nats(loss if loss is not None else float('nan'))}"
    return f"trial {summary.place(row)}: {end}; {options}"


def render_tuning(summary: Summary, test: Report, title: str, report: str) -> str:
    """The page as HTML, UTF-8 text.

    test: the report of the best model, on photos that chose nothing; report: its place, as a link from the page.
    """
    return _rendered("tuning.html.j2", {"test": test, "title": title, "report": report, **_context(summary)})


def report_section(summary: Summary, page: str) -> Section:
    """The search in the best model's report: two plots and a link to the page."""
    return Section("tuning", "Search", _rendered("section.html.j2", {"page": page, **_context(summary)}))


def _rendered(template: str, context: Mapping[str, object]) -> str:
    made = environment("whatsit.training.tune")
    made.filters.update(duration=duration, nats=nats, words=words_of, loss=shown_loss)
    made.globals["said"] = said
    return made.get_template(template).render(context)


def _context(summary: Summary) -> dict[str, object]:
    slices: list[Markup] = [slice_chart(summary, name) for name in summary.ranges]
    return {
        "summary": summary,
        "history": history_chart(summary),
        "importance": importance_chart(summary) if summary.importances else None,
        "few": FEW,
        "worse": WORSE,
        "slices": slices,
    }
