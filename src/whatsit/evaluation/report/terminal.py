"""The report in at most 25 lines of plain text, for the terminal.

Names are cut to fit and stripped of control characters. Commands and the report's place are never cut, since
a cut path is of no use: a longer one is left to the terminal to wrap.
"""

import textwrap

from whatsit.evaluation.report.advice import imbalance
from whatsit.evaluation.report.content import TRAIN_SHARE, Report
from whatsit.evaluation.report.learning import lesson
from whatsit.evaluation.report.words import (
    NBSP,
    columns,
    confused_pairs,
    count,
    counted,
    normal,
    passed_over,
    percent,
    printable,
    rounded,
    shorten,
    unsure_of_strangers,
)

LINES = 25
LABEL = 14  # columns of the left side
UNLIKE = 0.05  # share of photos unlike the training photos that is worth a line; of photos like them, 1 in 100 is
LEAKS = 2  # named
SENTENCES = ("protocol", "training", "calibration")  # wrapped into two lines, not cut


def summary(report: Report, width: int = 80) -> str:
    """The same story as the page, in at most 25 lines of `width` columns. No colour codes."""
    opening = textwrap.wrap(printable(report.headline), width, max_lines=4, placeholder=" …")
    rows = [row for row in _rows(report) if row[1]]
    table = [line for label, text in rows for line in _lines(label, text, width)]
    closing = _closing(report)
    room = LINES - len(opening) - len(closing) - 1
    return "\n".join([*opening, "", *table[:room], *closing])


def _lines(label: str, text: str, width: int) -> list[str]:
    """The line of a row; two where it is a sentence."""
    text = text.replace(NBSP, " ")
    parts = textwrap.wrap(text, width - LABEL, max_lines=2, placeholder=" …") if label in SENTENCES else [text]
    return [_row(name, part, width) for name, part in zip([label, ""], parts, strict=False)]


def _row(label: str, text: str, width: int) -> str:
    return f"{label:<{LABEL}}{shorten(text, width - LABEL)}"


def _rows(report: Report) -> list[tuple[str, str]]:
    """(label, text) of every line in the middle; a line without text is dropped."""
    return [
        ("protocol", report.protocol),
        ("data", _data(report)),
        ("sources", _sources(report)),
        *_proposals(report),
        ("splits", _splits(report)),
        ("trained on", report.facts.get(TRAIN_SHARE, "")),
        *zip(["deep photos", "", ""], report.data.deep, strict=False),
        ("left out", _left_out(report)),
        *zip(["conflicts", ""], _torn(report), strict=False),
        *_leaks(report),
        ("training", _learning(report)),
        ("intervals", _intervals(report)),
        ("balanced", _balanced(report)),
        ("calibration", _calibration(report)),
        ("unsure", _unsure(report)),
        ("answered", _answered(report)),
        ("", _unlike(report)),
        ("", unsure_of_strangers(report.strangers) if report.strangers else ""),
        ("", _missed(report)),
        *_worst_classes(report),
        *_worst_groups(report),
        ("confused", _pair(report)),
        ("wrong labels", _mislabelled(report)),
        ("unbalanced", _unbalanced(report)),
    ]


def _learning(report: Report) -> str:
    if report.history is None:
        return ""
    ended = f"{report.history.stopped}; " if report.history.interrupted else ""
    return ended + lesson(report.history, report.valid_photos).brief


def _data(report: Report) -> str:
    total = sum(sum(split.values()) for split in report.data.counts.values())
    parts = [f"{count(total, 'photo')} of {count(len(report.evaluation.classes), 'class', 'classes')}"]
    if report.data.groups:
        parts.append(count(report.data.groups, "group"))
    if report.data.exact_duplicates:
        parts.append(count(report.data.exact_duplicates, "exact copy", "exact copies"))
    if report.data.near_duplicate_groups:
        parts.append(count(report.data.near_duplicate_groups, "near-copy group"))
    if report.data.near_copies_ignored:
        parts.append(f"{count(report.data.near_copies_ignored, 'near-copy', 'near-copies')} not kept together")
    if report.data.conflicts:
        parts.append(count(report.data.conflicts, "conflicting label"))
    return ", ".join(parts) if total else ""


def _sources(report: Report) -> str:
    data = report.data
    if not data.sources:
        return ""
    return f"{count(data.source_photos, 'photo')} from {count(data.sources, 'source')}, by name and look: kept together"


def _proposals(report: Report) -> list[tuple[str, str]]:
    """What may make the figures too good, and what to type."""
    rows = []
    for one in report.data.proposals:
        rows.append(
            ("sources?", f"{count(one.photos, 'photo')} may come from {count(one.sources, 'source')}, by names such as")
        )
        rows.append(("", f"{shorten(one.example, 32)}: --group-by-name always"))
    return rows


def _torn(report: Report) -> list[str]:
    """How many near-copies have different labels, and the first of them."""
    torn = report.data.torn
    if not torn:
        return []
    first = f"{_end(torn[0].path)} = {_end(torn[0].other)}"
    how_many = f"{count(len(torn), 'near-copy', 'near-copies')} with a different label than the copy:"
    return [how_many, first + (" …" if len(torn) > 1 else "")]


def _splits(report: Report) -> str:
    return ", ".join(f"{name} {sum(split.values()):,}" for name, split in report.data.counts.items())


def _left_out(report: Report) -> str:
    left = report.data.left_out
    if not left:
        return passed_over({why: n for why, n in report.data.skipped.items() if why != "hidden"})
    return f"{count(len(left), 'file')}, first {_end(left[0].path, 24)}: {left[0].reason}"


def _leaks(report: Report) -> list[tuple[str, str]]:
    """The first photos that are not new, each beside its training photo, and where the others are listed."""
    leaks = report.seen.listed
    texts = [
        f"{_end(leak.path)} {'and' if leak.why.startswith('group') else '='} {_end(leak.training_photo)} ({leak.why})"
        for leak in leaks[:LEAKS]
    ]
    if len(leaks) > LEAKS:
        texts.append(f"and {len(leaks) - LEAKS:,} more: leaks.csv lists them")
    return list(zip(["data leakage", *[""] * LEAKS], texts, strict=False))


def _end(path: str, width: int = 22) -> str:
    """The last two parts of a path, without their middle where they are long: what tells one photo from another."""
    inner = path.split("::")[0].rpartition("://")[2]  # of an archive, the member
    name = "/".join(printable(inner).replace("\\", "/").split("/")[-2:])
    if columns(name) <= width:
        return name
    half = (width - 1) // 2
    end = name[-half:]
    while columns(end) > half:
        end = end[1:]
    start = name
    while columns(start) > width - 1 - columns(end):
        start = start[:-1]
    return f"{start}…{end}"


def _intervals(report: Report) -> str:
    units = counted(report.evaluation.counted)
    return f"based on {units}" if units else ""


def _balanced(report: Report) -> str:
    e = report.evaluation
    text = f"accuracy {percent(e.balanced_accuracy.value)}, macro F1 {percent(e.macro_f1.value)}"
    return text + (f", ROC AUC {e.roc_auc.value:.3f}" if e.roc_auc else "")


def _calibration(report: Report) -> str:
    before = report.before_calibration_ece
    text = f"expected calibration error {rounded(report.evaluation.ece)}"
    if before is not None:
        text += f" (before calibration: {rounded(before)})"
    return f"{text}; {normal(report.evaluation)}"


def _unsure(report: Report) -> str:
    if not (unsure := report.unsure):
        return ""
    threshold = unsure.rule.threshold
    low = f"if the probability is below {percent(threshold)}, or " if threshold > 0 else "if the photo is "
    return f"{low}unlike the training photos"


def _answered(report: Report) -> str:
    if not (unsure := report.unsure):
        return ""
    text = f"{percent(unsure.coverage)} of the photos"
    return text + (f"; {percent(unsure.accuracy.value)} of these answers are correct" if unsure.accuracy else "")


def _unlike(report: Report) -> str:
    unsure = report.unsure
    if not unsure or unsure.unlike < UNLIKE * unsure.n:
        return ""
    are = "is" if unsure.unlike == 1 else "are"
    return f"{unsure.unlike:,} of {count(unsure.n, 'photo')} {are} unlike the training photos"


def _missed(report: Report) -> str:
    """Where the target precision could not be reached when the threshold was chosen."""
    target = report.target
    if not target or target.reached:
        return ""
    reached = f"only {percent(target.held_out_precision)}"
    return f"the target precision of {percent(target.precision)} was not reached, {reached}"


def _worst_classes(report: Report) -> list[tuple[str, str]]:
    """Up to three tested classes that are not always found, lowest recall first."""
    missed = [c for c in report.evaluation.per_class if c.support and c.recall < 1]
    worst = sorted(missed, key=lambda c: (c.recall, c.label))[:3]
    texts = [
        f"{shorten(c.label, 28)}: recall {round(c.recall * c.support):,} of {c.support:,}, "
        f"precision {percent(c.precision)}"
        for c in worst
    ]
    return list(zip(["worst classes", "", ""], texts, strict=False))


def _worst_groups(report: Report) -> list[tuple[str, str]]:
    """Up to two groups of least accuracy."""
    texts = [
        f"{shorten(g.group, 28)}: {g.right:,} of {g.photos:,} correct" for g in report.groups[:2] if g.accuracy < 1
    ]
    return list(zip(["worst groups", ""], texts, strict=False))


def _pair(report: Report) -> str:
    pairs = confused_pairs(report.evaluation)
    if not pairs:
        return ""
    truth, predicted, n, of = pairs[0]
    return f"{shorten(truth, 17)} predicted as {shorten(predicted, 17)}: {n:,} of {of:,} photos"


def _mislabelled(report: Report) -> str:
    return f"{count(report.suspicious, 'label')} may be wrong: see suspects.csv" if report.suspicious else ""


def _unbalanced(report: Report) -> str:
    ratio = imbalance(report.evaluation, report.data)
    return f"the largest class has {ratio:.0f} times the photos of the smallest: try --balance" if ratio else ""


def _closing(report: Report) -> list[str]:
    """Where the page is and what to type, uncut; at most six lines."""
    place = ["", f"{'report':<{LABEL}}{printable(report.location)}"] if report.location else []
    commands = [printable(command) for command in report.commands[:4]]
    labels = ["next", *[""] * 3]
    return place + [f"{label:<{LABEL}}{c}" for label, c in zip(labels, commands, strict=False)]
