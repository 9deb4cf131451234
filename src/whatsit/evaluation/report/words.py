"""Figures as plain words: percentages that never round up to a lie, counted nouns, names cut to a width.

The one sentence to remember, in plain words, with its interval.
"""

import unicodedata
from collections.abc import Mapping
from math import isfinite

import numpy as np

from whatsit.evaluation.figures import Answered, Evaluation, Figure
from whatsit.evaluation.intervals import Counted
from whatsit.evaluation.report.content import NEW, Seen, Strangers

NBSP = "\N{NO-BREAK SPACE}"


def out_of_100(share: float) -> str:
    """A share in [0, 1] as a number out of 100; 100 and 0 only where they are true.

    >>> out_of_100(0.863), out_of_100(0.9962), out_of_100(0.99999), out_of_100(1)
    ('86', '99.6', '99.9', '100')
    """
    percent = 100 * share
    for digits in (0, 1):
        text = f"{percent:.{digits}f}"
        if share in (0, 1) or 0 < float(text) < 100:
            return text
    return "99.9" if share > 0.5 else "0.1"


def percent(share: float) -> str:
    """A share in [0, 1] with one decimal: "86.3 %"; 100.0 and 0.0 only where they are true."""
    text = f"{100 * share:.1f}"
    if share < 1 and text == "100.0":
        text = "99.9"
    if share > 0 and text == "0.0":
        text = "0.1"
    return f"{text}{NBSP}%"


def points(share: float) -> str:
    """A difference of shares, in percentage points: "3.1 points"."""
    return f"{100 * share:.1f}{NBSP}points"


def rounded(share: float) -> str:
    """A share in percent, rounded to one decimal and no further: "3.9 %". For errors, which may well be 0.0."""
    return f"{100 * share:.1f}{NBSP}%"


def normal(evaluation: Evaluation) -> str:
    """Up to where a calibration error is chance: "up to 5.0 % is normal for 377 photos"."""
    return f"up to {rounded(evaluation.ece_by_chance)} is normal for {count(evaluation.n, 'photo')}"


def nats(loss: float) -> str:
    """A loss, with two digits that tell.

    >>> nats(1.8349), nats(0.2), nats(0.0512), nats(0.0), nats(float("inf"))
    ('1.83', '0.20', '0.051', '0', 'no number')
    """
    if not isfinite(loss):
        return "no number"
    return f"{loss:.2f}" if 0.1 <= loss < 100 else f"{loss:.2g}"


def interval(figure: Figure) -> str:
    """The 95 % interval of a share, in percent: "82.1 to 89.4 %"."""
    return f"{percent(figure.low).removesuffix(NBSP + '%')} to {percent(figure.high)}"


def count(n: int, noun: str, plural: str = "") -> str:
    """A counted noun: "1 photo", "1,204 photos"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


PASSED_OVER = {  # reason → what was passed over, one and many
    "no class folder": ("photo in no class folder", "photos in no class folder"),
    "not an image": ("file that is not an image", "files that are not images"),
    "class folder without images": ("folder without photos", "folders without photos"),
    "folder of photos without a label": ("folder of photos without a label", "folders of photos without a label"),
    "listed twice": ("photo listed twice", "photos listed twice"),
    "no label": ("row without a label", "rows without a label"),
    "left out before": ("photo that was left out before", "photos that were left out before"),
    "hidden": ("hidden file", "hidden files"),
}


def passed_over(skipped: Mapping[str, int]) -> str:
    """What took no part, by reason, most first.

    >>> passed_over({"not an image": 1, "no class folder": 12, "broken link": 2})
    '12 photos in no class folder, 2 files (broken link), 1 file that is not an image'
    """
    most_first = sorted(skipped.items(), key=lambda one: -one[1])
    return ", ".join(count(n, *PASSED_OVER.get(why, (f"file ({why})", f"files ({why})"))) for why, n in most_first)


def unsure_of_strangers(strangers: Strangers) -> str:
    """How often a model is unsure of photos whose class it does not have.

    >>> unsure_of_strangers(Strangers(24, 18, (("figs", 20, 16), ("kiwis", 4, 2))))
    'unsure on 18 of 24 photos of unknown classes (figs 16 of 20, kiwis 2 of 4)'
    """
    each = ", ".join(f"{shorten(label, 20)} {unsure:,} of {n:,}" for label, n, unsure in strangers.classes[:3])
    more = f" and {len(strangers.classes) - 3} more" if len(strangers.classes) > 3 else ""
    photos = count(strangers.photos, "photo")
    return f"unsure on {strangers.unsure:,} of {photos} of unknown classes ({each}{more})"


def listed(names: list[str]) -> str:
    """Some names as a phrase: "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def printable(text: str) -> str:
    """Text without control characters: a class's name cannot move the cursor or break a line."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) == "Cc" else c for c in text)


def columns(text: str) -> int:
    """How many terminal columns a text takes: two for wide characters, none for combining ones."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    joined = sum(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in text)
    return len(text) + wide - joined


def shorten(text: str, width: int) -> str:
    """A text of at most `width` columns, cut with an ellipsis."""
    text = printable(text)
    if columns(text) <= width:
        return text
    while text and columns(text) > width - 1:
        text = text[:-1]
    return text + "…"


def quoted(name: str) -> str:
    """A class's name within a sentence: quoted, at most 40 columns, without the marks of commands."""
    plain = shorten(name, 40).replace("`", "'")
    return f"“{plain}”"


def when_unsure(unsure: Answered) -> str:
    """When the classifier is unsure, as the end of a sentence."""
    unlike = "if the photo is unlike the training photos (out-of-distribution)"
    threshold = unsure.rule.threshold
    return f"if the probability is below {percent(threshold)}, or {unlike}" if threshold > 0 else unlike


def counted(what: Counted) -> str:
    """What intervals and tests are based on, where photos belong together; else empty.

    >>> counted(Counted(600, 20, 0)), counted(Counted(600, 584, 570)), counted(Counted(9, 9, 9))
    ('20 independent groups, not 600 photos', '584 independent groups and photos, not 600 photos', '')
    """
    if not what.grouped:
        return ""
    units = count(what.units, "independent group") + (" and photos" if what.single else "")
    return f"{units}, not {count(what.photos, 'photo')}"


def confused_pairs(evaluation: Evaluation) -> list[tuple[str, str, int, int]]:
    """(true, predicted, photos, photos of the true class) of every pair that was confused, most photos first."""
    wrong = evaluation.confusion.copy()
    np.fill_diagonal(wrong, 0)
    rows, said = np.nonzero(wrong)
    order = np.argsort(-wrong[rows, said], kind="stable")
    return [
        (evaluation.classes[r], evaluation.classes[c], int(wrong[r, c]), evaluation.truth_counts[r])
        for r, c in zip(rows[order].tolist(), said[order].tolist(), strict=True)
    ]


def most_common(evaluation: Evaluation) -> tuple[str, float]:
    """The class that most photos show and its share: what one gets by always predicting it."""
    largest = max(evaluation.truth_counts)
    return evaluation.classes[evaluation.truth_counts.index(largest)], largest / evaluation.n


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
        sentences.append(f"It is not known whether {which} were training photos: {seen.unknown}.")
    elif seen.moved:
        gone = count(seen.moved, "training photo")
        among = "the others" if seen.leaks else "them"
        why = "those training photos are not at their old path on this machine"
        sentences.append(f"It is not known whether near-copies of {gone} are among {among}: {why}.")
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
