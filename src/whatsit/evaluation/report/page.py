"""The key figures on top of the page: a name, a value, its interval, and one line that gives it meaning.

The report as one self-contained page: a `Report` and its charts poured into the templates.

No script, no network, no font: a policy in the page's head forbids them too. Class names, paths and reasons
are escaped by Jinja; only the charts, which escape their own, pass as markup.
"""

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from math import isfinite, log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from whatsit.decide import IN_WORDS
from whatsit.evaluation.figures import ClassFigures, Evaluation, Figure
from whatsit.evaluation.report import words
from whatsit.evaluation.report.charts import (
    SHOWN,
    confusion_chart,
    coverage_chart,
    distribution_chart,
    reliability_chart,
    roc_chart,
    shown_classes,
)
from whatsit.evaluation.report.content import Report
from whatsit.evaluation.report.curves import accuracy_chart, loss_chart
from whatsit.evaluation.report.learning import how_it_learned
from whatsit.evaluation.report.svg import whisker
from whatsit.evaluation.report.words import (
    aside,
    count,
    interval,
    most_common,
    normal,
    out_of_100,
    percent,
    quoted,
    rounded,
)

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class Tile:
    """One key figure, in words."""

    name: str
    value: str
    note: str
    interval: str = ""
    chart: Markup | None = None


def tiles(report: Report) -> list[Tile]:
    """Those that this report has."""
    found = [_accuracy(report), _without_leaks(report), _balanced(report), _macro_f1(report)]
    found += [_calibration(report), _unsure(report), _roc(report), _foreign(report)]
    return [tile for tile in found if tile]


def _share_tile(key: str, name: str, figure: Figure, note: str) -> Tile:
    return Tile(name, percent(figure.value), note, interval(figure), whisker(key, name, figure))


def _accuracy(report: Report) -> Tile:
    name, share = most_common(report.evaluation)
    note = f"Always predicting {quoted(name)} would be right {out_of_100(share)} times out of 100."
    return _share_tile("accuracy", "Accuracy", report.evaluation.accuracy, note)


def _without_leaks(report: Report) -> Tile | None:
    if not report.without_leaks:
        return None
    name = "Accuracy on the other photos" if report.seen.unknown else "Accuracy on new photos"
    note = f"Not counted: {aside(report.seen)}. Report this figure."
    return _share_tile("clean", name, report.without_leaks.accuracy, note)


def _balanced(report: Report) -> Tile:
    note = "The mean recall of all classes. Small classes count as much as large ones."
    return _share_tile("balanced", "Balanced accuracy", report.evaluation.balanced_accuracy, note)


def _macro_f1(report: Report) -> Tile:
    note = "The mean F1 of all classes. F1 weighs missed photos and false alarms equally."
    return _share_tile("macro-f1", "Macro F1", report.evaluation.macro_f1, note)


def _calibration(report: Report) -> Tile:
    evaluation, before = report.evaluation, report.before_calibration_ece
    chance = f"{normal(evaluation).capitalize()}."
    note = chance if before is None else f"{rounded(before)} before calibration. {chance}"
    return Tile("Expected calibration error", rounded(evaluation.ece), note)


def _unsure(report: Report) -> Tile | None:
    unsure = report.unsure
    if not unsure:
        return None
    note = f"The classifier answers {percent(unsure.coverage)} of the photos, and says “unsure” to the others."
    if unsure.unlike:
        note += f" {unsure.unlike:,} of {count(unsure.n, 'photo')} {_are(unsure.unlike)} unlike the training photos."
    if not unsure.accuracy:
        return Tile("Accuracy when it answers", "no answer", note)
    return _share_tile("answered", "Accuracy when it answers", unsure.accuracy, note)


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def _roc(report: Report) -> Tile | None:
    area = report.evaluation.roc_auc
    if not area:
        return None
    note = "How well the probabilities rank the photos: 0.5 is guessing, 1 is perfect."
    drawn = whisker("area", "Area under the ROC curve", area)
    return Tile("Area under ROC", f"{area.value:.3f}", note, f"{area.low:.3f} to {area.high:.3f}", drawn)


def _foreign(report: Report) -> Tile | None:
    foreign = report.foreign
    if not foreign:
        return None
    note = (
        f"Measured on {foreign.n:,} photos of {foreign.source}, at a threshold that keeps 95 % of the known photos. "
        f"Area under ROC {foreign.auroc:.3f}."
    )
    return Tile("Out-of-distribution photos rejected", percent(1 - foreign.fpr_at_95_tpr), note)


ROWS = 30  # of a table before the rest folds away
PAIRS = 10  # confused pairs listed
GROUPS = 500  # listed; beyond, a number: the figures as JSON have them all
LEFT_OUT = 500  # files listed; beyond, a number: the model folder's splits.csv has them all


def render_report(report: Report) -> str:
    """The page as HTML, UTF-8 text. Its size is some 100 KB plus the thumbnails."""
    return environment().get_template("page.html.j2").render(_context(report))


@cache  # a template is compiled once a process: that takes as long as all else of a small data set's report
def environment(*packages: str) -> "Environment":
    """How templates become a page: those of the packages, and then the report's own, with its style and its words."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "whatsit.evaluation.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        percent=words.percent,
        rounded=words.rounded,
        interval=words.interval,
        whole=_whole,
        tied=_tied,
        jpeg=_jpeg,
        commands=_commands,
        typed=_typed,
        number=_number,
        share=_share,
    )
    made.globals.update(
        count=words.count,
        passed_over=words.passed_over,
        normal=words.normal,
        when_unsure=words.when_unsure,
        unsure_of_strangers=words.unsure_of_strangers,
        unsure_words=IN_WORDS,
    )
    return made


def _context(report: Report) -> dict[str, Any]:
    """What the templates see."""
    evaluation = report.evaluation
    pairs = words.confused_pairs(evaluation)
    return {
        "report": report,
        "created": _moment(report.created),
        "folder": words.printable(Path(report.location).parent.name) if report.location else "",
        "evaluation": evaluation,
        "counted": words.counted(evaluation.counted),
        "tiles": tiles(report),
        "charts": _charts(report),
        "learning": _learning(report),
        "class_rows": _folded(_worst_first(evaluation)),
        "pairs": pairs[:PAIRS],
        "more_pairs": max(0, len(pairs) - PAIRS),
        "group_rows": _folded(list(report.groups[:GROUPS])),
        "more_groups": max(0, len(report.groups) - GROUPS),
        "confusion_classes": len(shown_classes(evaluation)),
        "distribution_classes": min(SHOWN, len(evaluation.classes)),
        "data_rows": _folded(_data_rows(report)),
        "torn": report.data.torn[:LEFT_OUT],
        "leaks": report.seen.listed[:LEFT_OUT],
        "left_out": report.data.left_out[:LEFT_OUT],
        "guessing": log(len(evaluation.classes)),
        "wrong": evaluation.n - int(evaluation.confusion.trace()),
    }


def _charts(report: Report) -> dict[str, Markup | None]:
    evaluation = report.evaluation
    curve, area = evaluation.roc_curve, evaluation.roc_auc
    return {
        "confusion": confusion_chart(evaluation),
        "distribution": distribution_chart(evaluation),
        "reliability": reliability_chart(evaluation),
        "coverage": coverage_chart(evaluation, report.unsure),
        "roc": roc_chart(curve, area) if curve and area else None,
    }


def _learning(report: Report) -> dict[str, str | Markup] | None:
    """Sentence and curves, where there was at least one epoch."""
    history = report.history
    if history is None or not history.epochs:
        return None
    return {
        "words": how_it_learned(history, report.valid_photos),
        "loss": loss_chart(history),
        "accuracy": accuracy_chart(history),
    }


def _worst_first(evaluation: Evaluation) -> list[ClassFigures]:
    """Tested classes by F1, the worst first; then those that no photo shows."""
    return sorted(evaluation.per_class, key=lambda c: (c.support == 0, c.f1, c.label))


def _data_rows(report: Report) -> list[tuple[str, list[int]]]:
    """(class, photos in each split), the fewest photos first."""
    splits = list(report.data.counts.values())
    names = list(dict.fromkeys([*report.evaluation.classes, *(name for split in splits for name in split)]))
    rows = [(name, [split.get(name, 0) for split in splits]) for name in names]
    return sorted(rows, key=lambda row: (sum(row[1]), row[0]))


def _folded(rows: list[Any]) -> tuple[list[Any], list[Any]]:
    """The rows to show and the rows to fold away."""
    return rows[:ROWS], rows[ROWS:]


def _jpeg(picture: bytes) -> str:
    """The bytes of a JPEG as a data URI."""
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode("ascii")


def _whole(share: float) -> str:
    """A share as a whole percentage."""
    return f"{words.out_of_100(share)}{words.NBSP}%"


def _moment(created: str) -> str:
    """ISO 8601 as people read it; anything else as it is."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{moment.day} {moment:%B %Y, %H:%M}"


def _number(value: float, form: str) -> str:
    """A figure in a form such as "%.2f"; a network that diverged has some that are no numbers."""
    return form % value if isfinite(value) else "no number"


def _share(share: float) -> str:
    """A share as a percentage."""
    return words.percent(share) if isfinite(share) else "no number"


def _tied(text: str) -> str:
    """A sentence whose percent signs stay beside their numbers."""
    return text.replace(" %", f"{words.NBSP}%")


def _commands(text: str) -> Markup:
    """A sentence with `backticks` as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _typed(text: str) -> Markup:
    """A sentence whose options, such as --precision, are not broken at a hyphen."""
    return Markup(re.sub(r"--[a-z][a-z-]*", r'<span class="typed">\g<0></span>', str(escape(text))))
