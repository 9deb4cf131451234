"""The honest report: one `Report` told twice, as a page (`render_report`) and as 25 lines (`summary`).

    headline, suggest   plain words drawn from the figures
    how_it_learned      and from the curves of a training
    content             what a report is made of
    charts              figures → inline SVG, one file a chart
    templates           the page, one file a section

Nothing here computes a metric, reads a file or prints.
"""

from whatsit.evaluation.report.advice import suggest
from whatsit.evaluation.report.content import (
    DataFigures,
    ForeignPhotos,
    Leak,
    LeftOut,
    Photo,
    Proposal,
    Report,
    Seen,
    Strangers,
    Target,
    Torn,
)
from whatsit.evaluation.report.headline import headline
from whatsit.evaluation.report.page import render_report
from whatsit.evaluation.report.terminal import summary
from whatsit.evaluation.report.words_on_learning import how_it_learned

__all__ = [
    "DataFigures",
    "ForeignPhotos",
    "Leak",
    "LeftOut",
    "Photo",
    "Proposal",
    "Report",
    "Seen",
    "Strangers",
    "Target",
    "Torn",
    "headline",
    "how_it_learned",
    "render_report",
    "suggest",
    "summary",
]
