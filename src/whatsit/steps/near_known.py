"""Which photos are near-copies of photos that a model learned from.

The graph holds up to 1,000 training photos' vectors, its references, and `splits.csv` says which photos these are. A
photo that is very like one of them is compared with that training photo itself, read from where it lay, by the same
search as before training. Where it lies no more, that is said.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whatsit.dataset.names import made_by_tools, stem_of
from whatsit.dataset.near import near_duplicates
from whatsit.evaluation.report import Leak
from whatsit.model.classifier import Classifier
from whatsit.model.prediction import Classified
from whatsit.steps.answers import Answers
from whatsit.steps.known import NearKnown, TrainingPhotos
from whatsit.steps.related import NEAR, SOURCE
from whatsit.text import number

BESIDE = 2000  # other photos that take part, so that the search learns what all have in common
AT_ONCE = 4000  # photos to compare with those of the training; vectors of 512 bytes, or few whole ones


def near_training_photos(classifier: Classifier, learned: TrainingPhotos, answers: Answers) -> NearKnown:
    """Of the answers' photos whose bytes the model did not learn from."""
    references = learned.references
    if classifier.facts.training.get("near_copies") == "ignore":
        return NearKnown(looked="not looked for, as the model was trained with --near-copies ignore")
    if not references:
        return NearKnown(looked="not looked for: the model folder does not say which photos its references are")
    new = np.array([digest not in learned.uri_of for digest in answers.digests], bool)
    rows = np.flatnonzero(new & (answers.nearest >= 0) & (answers.nearest < len(references)))
    wanted = np.unique(answers.nearest[rows]).tolist()
    read = _read(classifier, [references[place] for place in wanted])
    total = len(learned.uri_of)
    among = f"all {total:,}" if len(references) >= total else f"{len(references):,} of {total:,}"
    gone = len(wanted) - len(read)
    missing = f", but not among {number(gone, 'photo')} that are not on this machine where they lay" if gone else ""
    leaks = {**_by_name(answers, rows, references), **_found(answers, rows, read)}
    return NearKnown(leaks, f"looked for among {among} training photos{missing}", gone)


def _read(classifier: Classifier, photos: Sequence[tuple[str, str]]) -> dict[str, Classified]:
    """URI → what tells copies, of the (uri, sha256) that still lie where they lay. None is fetched from afar."""
    here = {uri: digest for uri, digest in photos if "://" not in uri or uri.startswith(("file://", "local://"))}
    said = zip(here.items(), classifier.classify(list(here), identify=True), strict=True)
    return {uri: one for (uri, digest), one in said if one.digest is not None and one.digest.hex() == digest}


def _by_name(answers: Answers, rows: NDArray[np.int64], references: Sequence[tuple[str, str]]) -> dict[int, Leak]:
    """Photos that have the name of the very training photo that they are most like, but for what tools add to names."""
    leaks = {}
    for row in rows.tolist():
        mine, (its, _) = answers.uris[row], references[answers.nearest[row]]
        one, two = made_by_tools(stem_of(mine)), made_by_tools(stem_of(its))
        if one.stem == two.stem and (one.kind or two.kind):
            leaks[row] = Leak(mine, its, SOURCE)
    return leaks


def _found(answers: Answers, rows: NDArray[np.int64], read: dict[str, Classified]) -> dict[int, Leak]:
    """Near-copies, as the pictures tell."""
    thumbnails = {uri: one.thumbnail for uri, one in read.items() if one.thumbnail is not None}
    if not len(rows) or not thumbnails:
        return {}
    uris = list(thumbnails)
    vectors = answers.reduced(np.stack([read[uri].embedding for uri in uris]))
    pictures = np.stack([thumbnails[uri] for uri in uris])
    found: dict[int, Leak] = {}
    for start in range(0, len(rows), AT_ONCE):
        wanted = rows[start : start + AT_ONCE]
        some = np.union1d(wanted, np.arange(min(len(answers.places), BESIDE)))
        pairs = near_duplicates(
            np.concatenate([answers.vectors[some], vectors]), np.concatenate([answers.thumbnails[some], pictures])
        )
        sought = set(wanted.tolist())
        for a, b in pairs:
            if a < len(some) <= b and (row := int(some[a])) in sought:
                found.setdefault(row, Leak(answers.uris[row], uris[b - len(some)], NEAR))
    return found
