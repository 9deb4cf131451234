"""Where an axis has its ticks: at 1, 2 or 5 times a power of ten (Heckbert 1990, "Nice numbers for graph labels")."""

from math import ceil, floor, log10

from whatsit.evaluation.report.charts.svg import Ticks


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
