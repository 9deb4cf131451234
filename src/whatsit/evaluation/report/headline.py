"""The one sentence to remember, in plain words, with its interval."""

from whatsit.evaluation.figures import Evaluation, Figure
from whatsit.evaluation.report.words import count, out_of_100


def headline(
    evaluation: Evaluation,
    *,
    cross_validated: bool = False,
    leaks: int = 0,
    without_leaks: Evaluation | None = None,
) -> str:
    """The result in one or two sentences.

    cross_validated: each photo was judged by a classifier that had not seen it. leaks: how many of the photos
    have a copy among the training photos; without_leaks: the evaluation of the others, if any is left.
    """
    right = f"the right class {_times(evaluation.accuracy)}"
    photos = count(evaluation.n, "photo")
    if cross_validated:
        return f"Cross-validated on {photos}, each judged by a classifier that never saw it: {right}."
    if not leaks:
        return f"On {photos} that it never saw, this classifier named {right}."
    copies = f"{leaks:,} of which {'has a copy' if leaks == 1 else 'have copies'}"
    first = f"On {photos}, {copies} among its training photos, this classifier named {right}."
    if without_leaks is None:
        return first
    return f"{first} On the {without_leaks.n:,} that are new to it: {_times(without_leaks.accuracy)}."


def _times(accuracy: Figure) -> str:
    low, high = out_of_100(accuracy.low), out_of_100(accuracy.high)
    return f"{out_of_100(accuracy.value)} times out of 100 (95 % interval: {low} to {high})"
