"""The one sentence to remember, in plain words, with its interval."""

from whatsit.evaluation.figures import Evaluation, Figure
from whatsit.evaluation.report.content import NEW, Seen
from whatsit.evaluation.report.words import count, out_of_100


def headline(
    evaluation: Evaluation,
    *,
    cross_validated: bool = False,
    seen: Seen = NEW,
    without_leaks: Evaluation | None = None,
) -> str:
    """The result in one or two sentences.

    cross_validated: each photo was judged by a classifier that had not seen it. seen: which photos are not new to the
    classifier; without_leaks: the evaluation of the others, if any is left.
    """
    right = f"the right class {_times(evaluation.accuracy)}"
    photos = count(evaluation.n, "photo")
    if cross_validated:
        return f"Cross-validated on {photos}, each judged by a classifier that never saw it: {right}."
    if not seen.leaks and not seen.unknown and not seen.moved:
        return f"On {photos} that it never saw, this classifier named {right}."
    shared = f", {familiar(seen, evaluation.n)}," if seen.leaks else ""
    sentences = [f"On {photos}{shared} this classifier named {right}."]
    if seen.leaks and without_leaks is not None:
        n = f"{without_leaks.n:,}"
        which = f"On the other {n}" if seen.unknown or seen.moved else f"On the {n} that are new to it"
        sentences.append(f"{which}: {_times(without_leaks.accuracy)}.")
    if seen.unknown:
        which = "the others" if seen.leaks else "these photos"
        sentences.append(f"Whether it saw {which} in training is not known: {seen.unknown}.")
    elif seen.moved:
        gone = count(seen.moved, "training photo")
        among = "the others" if seen.leaks else "them"
        why = "not on this machine where they lay"
        sentences.append(f"Whether near-copies of {gone} are among {among} is not known: {why}.")
    return " ".join(sentences)


def familiar(seen: Seen, of: int) -> str:
    """Which photos are not new to it: "3 of which have copies among its training photos"."""

    def some(n: int) -> str:
        return "all" if n == of > 1 else f"{n:,}"

    has, shares = "has a copy" if seen.copies == 1 else "have copies", "shares" if seen.grouped == 1 else "share"
    copies = f"{some(seen.copies)} of which {has} among its training photos"
    grouped = f"{some(seen.grouped)} of which {shares} a group with training photos"
    return " and ".join(text for text, n in ((copies, seen.copies), (grouped, seen.grouped)) if n)


def aside(seen: Seen) -> str:
    """The same photos, counted: "3 with a copy among the training photos, 2 that share a group with some"."""
    copies, grouped = f"{seen.copies:,} with a copy among", f"{seen.grouped:,} that share a group with"
    parts = [f"{text} training photos" for text, n in ((copies, seen.copies), (grouped, seen.grouped)) if n]
    return ", ".join(parts)


def _times(accuracy: Figure) -> str:
    low, high = out_of_100(accuracy.low), out_of_100(accuracy.high)
    return f"{out_of_100(accuracy.value)} times out of 100 (95 % interval: {low} to {high})"
