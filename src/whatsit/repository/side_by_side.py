"""A comparison as text of 80 columns: figures side by side, and whether the difference is more than chance."""

import textwrap
from collections.abc import Iterator

from whatsit.evaluation.mcnemar import CHANCE, GROUPED
from whatsit.evaluation.report.words import NBSP, columns, count, counted, out_of_100, points, shorten
from whatsit.repository.compare import Comparison
from whatsit.repository.entries import Entry
from whatsit.repository.judged import Said
from whatsit.repository.terminal import LABEL, NONE, WIDTH, date, share
from whatsit.text import printable

SIDE = 32  # columns of either version
MOST = 10  # photos that are shown of those on which they differ
PATH, TRUTH, ANSWER = 32, 12, 15  # columns of such a photo


def comparison(c: Comparison) -> str:
    """The figures of each, the photos of both, and where they differ."""
    blocks = ["\n".join(_table(c)), *(textwrap.fill(text, WIDTH) for text in _sentences(c)), "\n".join(_photos(c))]
    return "\n\n".join(block.replace(NBSP, " ") for block in blocks if block)


def _table(c: Comparison) -> Iterator[str]:
    for (label, first), (_, second) in zip(_figures(c.first), _figures(c.second), strict=True):
        yield f"{label:<{LABEL}}{first:<{SIDE}}{second}".rstrip()


def _figures(entry: Entry) -> Iterator[tuple[str, str]]:
    loss = entry.figure("log_loss")
    yield shorten(entry.name, LABEL - 1), f"version {entry.version}"
    yield "accuracy", share(entry.figure("accuracy"))
    yield "macro F1", share(entry.figure("macro_f1"))
    yield "log loss", f"{loss.value:.3f} ({loss.low:.3f} to {loss.high:.3f})" if loss else NONE
    yield "calibration", NONE if entry.ece is None else f"off by {points(entry.ece)}"
    yield "photos", f"{entry.photos:,}" if entry.photos else NONE
    yield "classes", f"{len(entry.labels):,}"
    yield "trained", date(entry)
    yield "data", entry.fingerprint[:16] or NONE
    yield "answers to", shorten(", ".join(entry.aliases), SIDE - 1)


def _sentences(c: Comparison) -> Iterator[str]:
    first, second = c.first.version, c.second.version
    if c.classes:
        yield f"{c.classes[0].upper()}{c.classes[1:]}."
    if c.left_out:
        reasons = [f"{count(n, 'photo')} {why}" for why, n in c.left_out.items()]
        yield f"Left out: {', '.join(reasons)}."
    yield from (printable(note) for note in c.notes)
    if not c.pairs:
        return
    one, other = (share(figure) for figure in c.accuracies())
    shared = f"On the {count(len(c.pairs), 'photo')} that neither learned from"
    yield f"{shared}, version {first} has {one} right, version {second} {other}."
    yield _verdict(c)


def _verdict(c: Comparison) -> str:
    first, second = c.first.version, c.second.version
    if not c.only_first and not c.only_second:
        return "They are right on the same photos."
    alone = (
        f"Right where the other is wrong: version {first} on {count(c.only_first, 'photo')}, "
        f"version {second} on {count(c.only_second, 'photo')}."
    )
    p = "p < 0.001" if c.p_value < 0.001 else f"p = {c.p_value:.3f}"
    units = counted(c.counted)
    test = f"{GROUPED}, which counts {units}" if units else "McNemar's exact test"
    if c.p_value >= CHANCE:
        return f"{alone} The difference is within chance ({p}, {test})."
    better = first if c.only_first > c.only_second else second
    return f"{alone} Version {better} is better ({p}, {test})."


def _photos(c: Comparison) -> Iterator[str]:
    if not (differing := c.differing):
        return
    yield f"They name {count(len(differing), 'photo')} differently:"
    yield _cells("photo", "shows", f"version {c.first.version}", f"version {c.second.version}")
    for one, other in differing[:MOST]:
        yield _cells(_end(one.uri), one.label, _answer(one), _answer(other))
    if len(differing) > MOST:
        yield f"and {len(differing) - MOST:,} more: --json has them all"


def _cells(*texts: str) -> str:
    widths = (PATH, TRUTH, ANSWER, ANSWER)
    cells = (shorten(text, width) for text, width in zip(texts, widths, strict=True))
    return "  ".join(cell + " " * (width - columns(cell)) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _answer(said: Said) -> str:
    sure = f" {out_of_100(said.probability)} %"
    return f"{shorten(said.predicted, ANSWER - len(sure))}{sure}"


def _end(path: str) -> str:
    """The end of a path tells more than its beginning."""
    text = whole = printable(path)
    while columns(text) > PATH - (text != whole):
        text = text[1:]
    return text if text == whole else f"…{text}"
