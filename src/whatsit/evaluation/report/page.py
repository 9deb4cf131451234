"""The report as one self-contained page: a `Report` and its charts poured into the templates.

No script, no network, no font: a policy in the page's head forbids them too. Class names, paths and reasons
are escaped by Jinja; only the charts, which escape their own, pass as markup.
"""

import base64
import re
from datetime import datetime
from math import isfinite, log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from whatsit.decide import IN_WORDS
from whatsit.evaluation.figures import ClassFigures, Evaluation
from whatsit.evaluation.report import words
from whatsit.evaluation.report.charts.confusion import confusion_chart, shown_classes
from whatsit.evaluation.report.charts.coverage import coverage_chart
from whatsit.evaluation.report.charts.curves import accuracy_chart, loss_chart
from whatsit.evaluation.report.charts.distribution import SHOWN, distribution_chart
from whatsit.evaluation.report.charts.reliability import reliability_chart
from whatsit.evaluation.report.charts.roc import roc_chart
from whatsit.evaluation.report.content import Report
from whatsit.evaluation.report.tiles import tiles
from whatsit.evaluation.report.words_on_learning import how_it_learned

if TYPE_CHECKING:
    from jinja2 import Environment

ROWS = 30  # of a table before the rest folds away
PAIRS = 10  # confused pairs listed
GROUPS = 500  # listed; beyond, a number: the figures as JSON have them all
LEFT_OUT = 500  # files listed; beyond, a number: the model folder's splits.csv has them all


def render_report(report: Report) -> str:
    """The page as HTML, UTF-8 text. Its size is some 100 KB plus the thumbnails."""
    return environment().get_template("page.html.j2").render(_context(report))


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
        points=words.points,
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
    """A sentence whose options, such as --bits, are not broken at a hyphen."""
    return Markup(re.sub(r"--[a-z][a-z-]*", r'<span class="typed">\g<0></span>', str(escape(text))))
