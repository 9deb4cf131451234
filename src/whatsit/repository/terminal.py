"""What there is to say of versions, as text of 80 columns: a list of them, and one in full.

Names are cut to fit; folders and checksums are not, since a cut one is of no use.
"""

import textwrap
from collections.abc import Iterator, Mapping
from datetime import datetime

from whatsit.evaluation import Figure
from whatsit.evaluation.report.words import NBSP, columns, count, interval, out_of_100, percent, points, shorten
from whatsit.model.folder import FILES, Unsure
from whatsit.repository.entries import Entry, Model
from whatsit.text import printable

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
    yield "image", f"{facts.preprocessing.dimensions} pixels, by {facts.preprocessing.fit}"
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
