"""What both reports have in common, that of a training and that of a later evaluation."""

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset import Record
from whatsit.evaluation.report import DataFigures, Proposal, Report, Target, Torn
from whatsit.model.folder import Unsure
from whatsit.steps.related import Related
from whatsit.text import printable


def with_related(
    figures: DataFigures, related: Related, records: Sequence[Record], labels: NDArray[np.int64], classes: Sequence[str]
) -> DataFigures:
    """The figures of a report, with what belongs together among the photos that it is about."""

    def torn(a: int, b: int) -> Torn:
        label, other = classes[labels[a]], classes[labels[b]]
        return Torn(printable(records[a].uri), label, printable(records[b].uri), other)

    sources = related.sources
    return replace(
        figures,
        exact_duplicates=len(related.same),
        near_duplicate_groups=related.near_copy_groups,
        near_copies_ignored=len({row for pair in related.ignored for row in pair}),
        torn=tuple(torn(a, b) for a, b in related.torn(labels)),
        source_photos=sources.photos,
        sources=sources.sources,
        proposals=tuple(Proposal(printable(one.example), one.photos, one.sources) for one in sources.proposals),
    )


def checks(report: Report) -> dict[str, object]:
    """What the photos were checked for, as plain values: which are not new, what belongs together, what conflicts."""
    data = report.data
    return {
        "seen": asdict(report.seen),
        "exact_copies": data.exact_duplicates,
        "near_copy_groups": data.near_duplicate_groups,
        "near_copies_ignored": data.near_copies_ignored,
        "sources_by_name": {"photos": data.source_photos, "sources": data.sources},
        "proposed_sources": [asdict(one) for one in data.proposals],
        "near_copies_under_two_labels": [asdict(one) for one in data.torn],
    }


def target_of(unsure: Unsure) -> Target | None:
    """How right the answers were to be, for a report; None for an older model, which does not say what was reached."""
    if unsure.reached is None or unsure.held_out_precision is None or unsure.held_out_coverage is None:
        return None
    return Target(unsure.precision, unsure.held_out_precision, unsure.held_out_coverage, unsure.reached)
