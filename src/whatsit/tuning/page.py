"""The search as one self-contained page in the report's look, and its section in the report of the best model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from whatsit.comparison.advice import duration
from whatsit.evaluation.report import Report
from whatsit.evaluation.report.page import environment
from whatsit.evaluation.report.words import nats
from whatsit.tuning.charts import history_chart, importance_chart, said, shown_loss, slice_chart, words_of
from whatsit.tuning.rows import WORSE
from whatsit.tuning.summary import FEW, Summary

BEFORE = '<section id="making"'  # where the section goes in a report, and its link before that one
LINK = '<a href="#making">'


@dataclass(frozen=True)
class Places:
    """What the page says of the search besides its figures."""

    title: str
    report: str  # of the best model, as a link from the page
    page: str  # the page, as a link from that report


def render_tuning(summary: Summary, test: Report, places: Places) -> str:
    """The page as HTML, UTF-8 text. test: the report of the best model, judged on photos that chose nothing."""
    return _rendered("tuning.html.j2", {"test": test, **_context(summary, places)})


def with_section(report: str, summary: Summary, places: Places) -> str:
    """A rendered report with the search's two plots and a link to the page; as it was where it has no such place."""
    if BEFORE not in report:
        return report
    section = _rendered("section.html.j2", _context(summary, places))
    linked = report.replace(LINK, f'<a href="#tuning">Search</a>\n    {LINK}', 1)
    return re.sub(re.escape(BEFORE), lambda found: f"{section}\n{found[0]}", linked, count=1)


def _rendered(template: str, context: Mapping[str, object]) -> str:
    made = environment("whatsit.tuning")
    made.filters.update(duration=duration, nats=nats, words=words_of, loss=shown_loss)
    made.globals["said"] = said
    return made.get_template(template).render(context)


def _context(summary: Summary, places: Places) -> dict[str, object]:
    slices: list[Markup] = [slice_chart(summary, name) for name in summary.ranges]
    return {
        "summary": summary,
        "places": places,
        "history": history_chart(summary),
        "importance": importance_chart(summary) if summary.importances else None,
        "few": FEW,
        "worse": WORSE,
        "slices": slices,
    }
