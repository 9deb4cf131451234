"""A comparison as text of 80 columns: figures side by side, and whether the difference is more than chance.

What there is to say of versions, as text of 80 columns: a list of them, and one in full.

Names are cut to fit; folders and checksums are not, since a cut one is of no use.
"""

import textwrap
from collections.abc import Iterator, Mapping
from datetime import datetime

from whatsit.evaluation.figures import Figure
from whatsit.evaluation.intervals import CHANCE, GROUPED
from whatsit.evaluation.report.words import (
    NBSP,
    columns,
    count,
    counted,
    interval,
    out_of_100,
    percent,
    points,
    shorten,
)
from whatsit.model.format import FILES, Unsure
from whatsit.model.versions.comparison import Comparison, Said
from whatsit.model.versions.entries import Entry, Model
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


WIDTH = 80
LABEL = 14  # columns of the left side, as in the report's summary
LINES = 4  # at most, of a row
NONE = "-"  # where model.json has no such figure
_LIST = "{:>3}  {:<10}  {:<19}  {:>6}  {:<6}  {:>7}  "


def listing(model: Model) -> str:
    """A line a version, the newest last; a damaged one with the reason."""
    head = _LIST.format("", "trained", "accuracy (95 %)", "photos", "data", "size") + "answers to"
    lines = [line for entry in model.entries for line in (_unusable(entry) if entry.problem else _line(entry))]
    return "\n".join([f"{model.name}: {count(len(model.entries), 'version')}", head, *lines])


def _line(entry: Entry) -> list[str]:
    start = _LIST.format(
        entry.version,
        date(entry),
        share(entry.figure("accuracy")),
        f"{entry.photos:,}" if entry.photos else NONE,
        entry.fingerprint[:6] or NONE,
        _megabytes(entry),
    )
    aliases = textwrap.wrap(", ".join(entry.aliases), WIDTH - len(start)) or [""]
    return [f"{start if i == 0 else '':<{len(start)}}{some}".rstrip() for i, some in enumerate(aliases)]


def _unusable(entry: Entry) -> list[str]:
    names = f" ({', '.join(entry.aliases)})" if entry.aliases else ""
    text = f"unusable{names}: {printable(entry.problem)}"
    return textwrap.wrap(text, WIDTH, initial_indent=f"{entry.version:>3}  ", subsequent_indent=" " * 5)


def details(entry: Entry) -> str:
    """All that matters of one sound version."""
    names = f": {', '.join(entry.aliases)}" if entry.aliases else ""
    title = f"{entry.name}, version {entry.version}{names}"
    rows = [line for label, text in _details(entry) if text for line in _row(label, text)]
    place = f"{'folder':<{LABEL}}{printable(str(entry.folder))}"
    return "\n".join([title, *textwrap.wrap(_headline(entry), WIDTH), "", *rows, place])


def _headline(entry: Entry) -> str:
    accuracy = entry.figure("accuracy")
    if not accuracy or not entry.photos:
        return "Nothing is known of how good it is."
    times = f"{out_of_100(accuracy.value)} times out of 100 (95 % interval: {ends(accuracy)})"
    return f"The right class {times}, on {count(entry.photos, 'photo')} judged unseen."


def _details(entry: Entry) -> Iterator[tuple[str, str]]:
    """(label, text) of every row; one without text is dropped."""
    facts = entry.facts
    if not facts:
        return
    head = [f"{key} {_text(value)}" for key, value in facts.head.items() if key != "name"]
    yield "protocol", _text(facts.data.get("protocol"))
    yield "classes", f"{len(facts.labels):,}: {', '.join(facts.labels)}"
    yield "data", _counts(facts.data.get("counts"))
    yield "fingerprint", entry.fingerprint
    yield "trained", facts.created
    if f1 := entry.figure("macro_f1"):
        yield "macro F1", f"{percent(f1.value)} ({interval(f1)})"
    if entry.ece is not None:
        by_chance = entry.ece_by_chance
        may = "" if by_chance is None else f"; up to {100 * by_chance:.1f} would be chance"
        yield "calibration", f"off by {points(entry.ece)}{may}"
    yield "unsure", f"below {percent(facts.unsure.threshold)}, or a similarity of {facts.unsure.similarity:.3f}"
    yield "target", _target(facts.unsure)
    yield "network", ", ".join(_text(facts.backbone.get(key)) for key in ("name", "precision", "licence"))
    yield "image", f"{facts.preprocessing.dimensions} pixels, by {facts.preprocessing.resize_mode}"
    yield "head", ", ".join([_text(facts.head.get("name")), *head])
    yield "software", ", ".join(f"{name} {_text(number)}" for name, number in facts.software.items())
    yield FILES.graph, facts.checksums[FILES.graph]
    yield "size", f"{_megabytes(entry)} in {count(entry.files, 'file')}"


def _target(unsure: Unsure) -> str:
    """What was asked for, where it is known what became of it."""
    if unsure.reached is None or unsure.held_out_precision is None:
        return ""
    asked = f"{percent(unsure.precision)} of the answers were to be right"
    return asked if unsure.reached else f"{asked}; the surest reach {percent(unsure.held_out_precision)}"


def _row(label: str, text: str) -> list[str]:
    """At most four lines."""
    text = printable(text.replace(NBSP, " "))
    room = (WIDTH - LABEL) // (1 if columns(text) == len(text) else 2)  # of wide signs, half as many
    lines = textwrap.wrap(text, room, max_lines=LINES, placeholder=" …")
    return [f"{label if i == 0 else '':<{LABEL}}{line}" for i, line in enumerate(lines)]


def _counts(counts: object) -> str:
    """Split → class → photos, summed up over the classes."""
    if not isinstance(counts, Mapping):
        return ""
    splits = [(name, split.values()) for name, split in counts.items() if isinstance(split, Mapping)]
    return ", ".join(f"{name} {sum(n for n in photos if isinstance(n, int)):,}" for name, photos in splits)


def _text(value: object) -> str:
    """A value of model.json whose type nobody checked."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else shorten(str(value), WIDTH)


def _megabytes(entry: Entry) -> str:
    return f"{entry.bytes / 1e6:,.1f} MB"


def date(entry: Entry) -> str:
    """The day on which it was trained, or what stands in its place."""
    created = entry.facts.created if entry.facts else ""
    try:
        return datetime.fromisoformat(created).date().isoformat()
    except ValueError:
        return shorten(created, 10) or NONE


def ends(figure: Figure) -> str:
    """The 95 % interval of a share, out of 100."""
    return f"{out_of_100(figure.low)} to {out_of_100(figure.high)}"


def share(figure: Figure | None) -> str:
    """``94.1 % (89 to 97)``."""
    return f"{percent(figure.value)} ({ends(figure)})".replace(NBSP, " ") if figure else NONE
