"""The comparison as one self-contained page, in the report's look: a table, a plot, the pairs, and what they mean."""

from dataclasses import dataclass

from whatsit.comparison.advice import advice, duration
from whatsit.comparison.chart import time_chart
from whatsit.comparison.result import Comparison
from whatsit.evaluation.mcnemar import CHANCE
from whatsit.evaluation.report import Report
from whatsit.evaluation.report.page import environment
from whatsit.evaluation.report.words import counted, nats


@dataclass(frozen=True)
class Facts:
    """What the page says of the data besides the figures."""

    title: str
    learned_from: int  # train photos
    few_valid: str  # what to know of so few valid photos, if they are few
    report: str  # the winner's, as a link from the page


def render_comparison(comparison: Comparison, test: Report, facts: Facts) -> str:
    """The page as HTML, UTF-8 text of some 30 KB. test: the report of the winner, taught again and judged."""
    made = environment("whatsit.comparison")
    made.filters.update(duration=duration, nats=nats)
    page = made.get_template("comparison.html.j2")
    return page.render(
        comparison=comparison,
        counted=counted(comparison.counted),
        facts=facts,
        test=test,
        advice=advice(comparison),
        chance=CHANCE,
        chart=time_chart(comparison),
    )
