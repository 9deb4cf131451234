"""What a report is made of: frozen values that the pipeline fills in. No computation, no words, no marks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whatsit.evaluation.figures import Answered, Evaluation
from whatsit.evaluation.intervals import GroupFigures

if TYPE_CHECKING:
    from whatsit.training.fitted import History


@dataclass(frozen=True)
class Photo:
    """One photo worth a look. In `Report.mislabelled`, `predicted` is the label it likely should have."""

    path: str
    thumbnail: bytes  # JPEG; 240 px on the longer side reads well
    truth: str
    predicted: str
    probability: float  # of the predicted class
    probability_of_truth: float
    heat_map: bytes | None = None  # JPEG of the same photo, overlaid with where the classifier looked
    reason: str = ""  # why the classifier answers "unsure", of `whatsit.decide.REASONS`


@dataclass(frozen=True)
class LeftOut:
    """A file that took no part, and why, in plain words."""

    path: str
    reason: str


@dataclass(frozen=True)
class Target:
    """How right the given answers were to be, and what became of it when the threshold was chosen. Shares in [0, 1]."""

    precision: float  # as asked for
    held_out_precision: float  # of the answers given on held-out photos
    held_out_coverage: float  # share of the held-out photos that got an answer
    reached: bool


@dataclass(frozen=True)
class Proposal:
    """Photos that are of few sources, as their names say and their looks support; they are not kept together."""

    example: str  # a file's name
    photos: int
    sources: int


@dataclass(frozen=True)
class Torn:
    """A photo and its near-copy that stand under two labels: one of them is likely wrong."""

    path: str
    label: str
    other: str  # path
    other_label: str


@dataclass(frozen=True)
class DataFigures:
    """What went in. `counts` maps a split's name to its photos per class, by class name."""

    counts: Mapping[str, Mapping[str, int]]
    skipped: Mapping[str, int] = field(default_factory=dict)  # reason → files that were passed over
    left_out: tuple[LeftOut, ...] = ()
    exact_duplicates: int = 0  # copies, byte for byte, beyond the first
    near_duplicate_groups: int = 0  # kept together in one split
    near_copies_ignored: int = 0  # photos that look like a copy of another and are not kept together, as asked for
    conflicts: int = 0  # the same picture under two labels, byte for byte
    torn: tuple[Torn, ...] = ()  # the same picture under two labels, in other bytes
    source_photos: int = 0  # photos that have others of the same source, by their names; kept together
    sources: int = 0
    proposals: tuple[Proposal, ...] = ()
    groups: int = 0  # as their owner named them, each kept within one split
    deep: tuple[str, ...] = ()  # of photos of more than 8 bits: what is black and white, then what is odd
    notes: tuple[str, ...] = ()  # how folders and columns were read, and what to look at: a sentence each


@dataclass(frozen=True)
class Leak:
    """A judged photo beside the training photo that it repeats, or that it shares a group with."""

    path: str
    training_photo: str
    why: str  # "same bytes", "near-copy", "same source by name", "group NAME"


@dataclass(frozen=True)
class Seen:
    """Which of the judged photos are not new to the classifier, as far as that is known.

    Copies and groups are told apart: a copy is the same photo again, a group is what its owner named so (a patient, a
    site).
    """

    copies: int = 0  # of training photos
    grouped: int = 0  # no copies, but in a group with training photos
    moved: int = 0  # training photos that some are very like, and that lie no more where they could be compared
    looked: str = ""  # where near-copies were looked for, where that is not among all photos at once
    unknown: str = ""  # why it is not known of the others whether they are new; empty where it is
    listed: tuple[Leak, ...] = ()  # a row each

    @property
    def leaks(self) -> int:
        return self.copies + self.grouped


NEW = Seen()


@dataclass(frozen=True)
class ForeignPhotos:
    """How well photos of no known class are refused; measured on `n` photos of `source`."""

    source: str
    n: int
    auroc: float
    fpr_at_95_tpr: float


@dataclass(frozen=True)
class Strangers:
    """Photos whose class the model does not have: how many, and of how many it was unsure, as it should be."""

    photos: int
    unsure: int
    classes: tuple[tuple[str, int, int], ...]  # (label, photos, unsure), most photos first


@dataclass(frozen=True)
class Section:
    """A section that another page's maker adds to the report, before "How it was made"."""

    id: str
    name: str  # in the navigation
    html: str  # a whole `section` element, whose texts are escaped


TRAIN_SHARE = "Share of photos"  # the fact that a model was trained on a part of its training photos


@dataclass(frozen=True)
class Report:
    """All that the page and the terminal summary say."""

    title: str
    created: str  # a date and time, as it shall be read
    headline: str  # from `headline`
    protocol: str  # "test split", "5-fold cross-validation: out-of-fold predictions", "your test folder"
    evaluation: Evaluation
    data: DataFigures
    temperature: float = 1.0  # logits were divided by this (Guo et al. 2017)
    before_calibration_ece: float | None = None
    seen: Seen = NEW  # which photos are not new to the classifier
    without_leaks: Evaluation | None = None  # the same evaluation of the others
    unsure: Answered | None = None
    target: Target | None = None
    foreign: ForeignPhotos | None = None
    strangers: Strangers | None = None  # among the photos that were given to evaluate on
    groups: tuple[GroupFigures, ...] = ()  # of the judged photos, from `by_group`; where their owner named groups
    mistakes: tuple[Photo, ...] = ()  # most confident first; a dozen of each reads best
    least_sure: tuple[Photo, ...] = ()
    mislabelled: tuple[Photo, ...] = ()  # most suspicious first
    mislabelled_count: int | None = None  # where more were found than are shown
    facts: Mapping[str, str] = field(default_factory=dict)  # how it was made, in order
    next_steps: tuple[str, ...] = ()  # from `suggest`; `backticks` mark what to type
    commands: tuple[str, ...] = ()  # to type next
    location: str = ""  # where the page will lie; the summary says it
    history: "History | None" = None  # of a network that was trained epoch by epoch
    sections: tuple[Section, ...] = ()  # besides the report's own

    @property
    def leaks(self) -> int:
        """How many photos are not new to the classifier, shown or not."""
        return self.seen.leaks

    @property
    def suspicious(self) -> int:
        """How many photos are likely labelled wrong, shown or not."""
        return len(self.mislabelled) if self.mislabelled_count is None else self.mislabelled_count

    @property
    def valid_photos(self) -> int:
        """How many photos the valid figures of `history` rest on."""
        counts = self.data.counts
        return sum((counts.get("held-out") or counts.get("valid") or {}).values()) or self.evaluation.n
