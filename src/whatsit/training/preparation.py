"""Which photos of a data set are deep (of more than 8 bits), and the one range of values by which all are shown.

It is measured before anything is embedded, on photos that the user did not set aside for valid or test. Headers tell
which photos are deep; those of 8 bits are not decoded. The sample goes by label and name, so that neither the folder's
place nor its order matters, and a few photos more or fewer hardly change it.

Which resize mode: squash or crop. It is a property of the trained model, and the better one differs by data set.

A guess by the photos' shape comes first; it is then tried against the other on a sample of the photos to learn
from, by cross-validated log loss. Photos of the input's proportions are the same either way, and cost nothing.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.config import TrainOptions
from whatsit.data.dataset import Dataset, Depth, Record
from whatsit.data.groups import notice_proposals
from whatsit.embedding.source import Embeddings, EmbeddingSource
from whatsit.errors import ImageError
from whatsit.images.colour import measured_range, sample_of, shows_nothing
from whatsit.images.decode import read_deep_values, read_size
from whatsit.images.inputs import deep_values
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.images.preprocessing import ResizeMode, ValueRange, range_words
from whatsit.images.source import Source, split_page
from whatsit.machine import cores
from whatsit.notices import notice
from whatsit.progress import ProgressReporter
from whatsit.text import number, printable, some
from whatsit.training.experiment import (
    Experiment,
    Rows,
    Splits,
    TrainingSet,
    make_training_set,
    with_other_embeddings,
)
from whatsit.training.heads import HEAD_TYPES, TrainingData
from whatsit.training.selection import make_folds, select_head
from whatsit.training.splits import folds_of, make_splits, unused_shares, with_train_share

LOOKED_AT = 150  # photos of each kind of file: the range of half as many is the same to 2 % (docs/log.md)
FAR_AWAY = 30  # of those that are named by URI: each is fetched whole
FEW = 3  # photos of a class; fewer say nothing of it
EIGHT_BITS = (".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp")
VALUES = 10_000  # of each photo
STRANGE = 0.05  # share of photos that show nothing; fewer are covered lenses


def with_depth(dataset: Dataset, options: TrainOptions) -> tuple[Dataset, TrainOptions]:
    """What is known of its deep photos, and options that hold the range: the one that was asked for, or measured.

    Both stay as they are where no photo is deep and no range was asked for.
    """
    depth = look_at(dataset, options.value_range, options.limits)
    if depth is None:
        return dataset, options
    for line in words(depth)[0 if not depth.measured_on else 1 :]:
        notice(f"Deep photos: {line}")
    return replace(dataset, depth=depth), replace(options, value_range=depth.value_range)


def look_at(dataset: Dataset, asked: ValueRange | None, limits: Limits) -> Depth | None:
    """None where no photo to learn from is deep, and no range was asked for."""
    learn = [record for record in dataset.records if record.split not in ("valid", "test")]
    looked = _sample(learn)

    def load(record: Record) -> NDArray[np.float64] | None:
        values = _values(record.uri, limits)
        return None if values is None else _some(values)

    with ThreadPoolExecutor(cores()) as pool:
        samples = list(pool.map(load, looked))
    deep = [(record, values) for record, values in zip(looked, samples, strict=True) if values is not None]
    if not deep:
        return None if asked is None else Depth(asked, measured_on=0, given=True)
    value_range = asked or measured_range([values for _, values in deep])
    lost = [record for record, values in deep if shows_nothing(values, value_range)]
    always, never = _apart(learn, looked, [record for record, _ in deep])
    return Depth(
        value_range,
        measured_on=len(deep),
        given=asked is not None,
        lost=tuple(sorted(record.uri for record in lost)) if len(lost) > STRANGE * len(deep) else (),
        always=always,
        never=never,
    )


def range_of_images(images: Sequence[Any], limits: Limits) -> ValueRange | None:
    """As measured on paths, bytes, Pillow images or arrays; None where none of those looked at is deep."""

    def load(image: Any) -> NDArray[np.float64] | None:
        values = _values(image, limits) if isinstance(image, str | PathLike | bytes) else deep_values(image)
        return None if values is None else _some(values)

    with ThreadPoolExecutor(cores()) as pool:
        some_images = images[:: max(1, len(images) // LOOKED_AT)]
        samples = [values for values in pool.map(load, some_images) if values is not None]
    return measured_range(samples) if samples else None


def words(depth: Depth) -> tuple[str, ...]:
    """For the report: the range first, then what should be looked at."""
    where = f"measured on {number(depth.measured_on, 'photo')}"
    if depth.given:
        where = "as given" if depth.measured_on else "as given, but no photo that was looked at is deep"
    said = [f"{range_words(depth.value_range)} ({where})"]
    if depth.lost:
        said.append(
            f"{len(depth.lost)} of {depth.measured_on} show next to nothing by that range, first "
            f"{printable(Path(depth.lost[0]).name)}: save all photos alike, or give --value-range LOW:HIGH"
        )
    if depth.always and depth.never:
        said.append(
            f"all photos of {some(depth.always)} are deep, none of {some(depth.never)}: that alone may tell them "
            "apart. Save all alike"
        )
    return tuple(said)


def _sample(learn: Sequence[Record]) -> list[Record]:
    """Up to so many of each kind of file, by what is near enough a draw."""
    kinds: dict[str, list[Record]] = defaultdict(list)
    for record in learn:
        kinds[_kind(record)].append(record)
    looked: list[Record] = []
    for kind, records in sorted(kinds.items()):
        drawn = sorted(records, key=_ticket)[: FAR_AWAY if kind in ("", *EIGHT_BITS) else LOOKED_AT]
        near = [record for record in drawn if "://" not in record.uri]
        far = [] if kind in EIGHT_BITS else [record for record in drawn if "://" in record.uri]
        looked += near + far[:FAR_AWAY]
    return looked


def _kind(record: Record) -> str:
    return Path(split_page(record.uri)[0]).suffix.lower()


def _ticket(record: Record) -> bytes:
    return hashlib.sha256(f"{record.label}/{Path(record.uri).name}".encode("utf-8", "surrogateescape")).digest()


def _values(source: Source, limits: Limits) -> NDArray[Any] | None:
    try:
        return read_deep_values(source, limits)
    except ImageError:
        return None


def _some(values: NDArray[Any]) -> NDArray[np.float64]:
    finite = sample_of(values)
    return finite[:: max(1, len(finite) // VALUES)]


def _apart(
    learn: Sequence[Record], looked: Sequence[Record], deep: Sequence[Record]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Classes whose photos are all deep, and those of which none is."""
    deep_of = Counter(record.label for record in deep)
    seen = Counter(record.label for record in looked) | Counter(r.label for r in learn if _kind(r) in EIGHT_BITS)
    enough = [label for label in sorted(seen) if label and seen[label] >= FEW]
    return (
        tuple(label for label in enough if deep_of[label] == seen[label]),
        tuple(label for label in enough if not deep_of[label]),
    )


SHAPES_LOOKED_AT = 200  # photos whose headers are read
ALIKE = 1.05  # proportions of a photo over those of the input; below, cropping takes off less than 5 %
ELONGATED = 2.0  # above, a crop would lose more than half of the picture
SAMPLE = 400  # photos to learn from that both resize modes are tried on
GAIN = 0.03  # share of the log loss that the other resize mode must save


def likely_resize_mode(
    dataset: Dataset, height: int = 1, width: int = 1, *, limits: Limits = DEFAULT_LIMITS
) -> tuple[ResizeMode, bool]:
    """The resize mode that the photos' shape suggests, and whether another could make a difference.

    height, width: of the network's input, whose proportions alone matter; limits: a photo beyond them is not looked at.
    """
    step = max(1, len(dataset.records) // SHAPES_LOOKED_AT)
    ratios = [r for record in dataset.records[::step] if (r := _elongation(record.uri, limits, width / height))]
    if not ratios or np.quantile(ratios, 0.9) <= ALIKE:
        return "squash", False
    return ("squash" if np.median(ratios) > ELONGATED else "crop"), True


def _elongation(uri: str, limits: Limits, input_ratio: float) -> float | None:
    """How many times longer or shorter than the input, by its proportions (width over height), from 1."""
    try:
        width, height = read_size(uri, limits)
    except ImageError:
        return None
    ratio = width / height / input_ratio
    return max(ratio, 1 / ratio)


def sample_rows(photos: TrainingSet, splits: Splits) -> Rows:
    """Up to `SAMPLE` of the photos to learn from, chosen by their hashes."""
    digests = photos.digests
    return np.sort(np.array(sorted(splits.train, key=lambda i: digests[i])[:SAMPLE], np.int64))


def better_resize_mode(
    photos: TrainingSet,
    splits: Splits,
    here: ResizeMode,
    embed: Callable[[Dataset, ResizeMode], Embeddings],
    options: TrainOptions,
) -> ResizeMode:
    """`here`, or the other mode where that saves enough of the sample's log loss, or has numbers for more of it."""
    other: ResizeMode = "crop" if here == "squash" else "squash"
    rows = sample_rows(photos, splits)
    records = photos.records
    sample = replace(photos.dataset, records=tuple(records[i] for i in rows))
    seen = {resize_mode: embed(sample, resize_mode) for resize_mode in (here, other)}
    counts = {resize_mode: len(one.readable) for resize_mode, one in seen.items()}
    if counts[here] != counts[other]:
        return max((here, other), key=lambda resize_mode: counts[resize_mode])
    losses = {
        resize_mode: _loss(photos, rows[one.readable], one.vectors, options)  # a photo may have gone since
        for resize_mode, one in seen.items()
    }
    return other if losses[other] < (1 - GAIN) * losses[here] else here


def _loss(photos: TrainingSet, rows: Rows, x: NDArray[np.float32], options: TrainOptions) -> float:
    """Cross-validated log loss of the sample, by one resize mode's vectors x (sample, dim)."""
    folds = folds_of(photos, rows, options.seed)
    data = TrainingData(x, photos.labels[rows], len(photos.dataset.classes), options.balance, options.seed)
    return min(select_head(data, HEAD_TYPES[options.head], make_folds(folds)).losses.values())


def make_experiment(
    dataset: Dataset, source: EmbeddingSource, options: TrainOptions, progress: ProgressReporter, *, shared: bool
) -> Experiment:
    """A data set → its photos with embeddings and groups, and their splits.

    shared: the source is the default backbone, whose embeddings find the copies for all methods alike, and there is one
    fold. Otherwise a probe is fitted on the embeddings of a share of the training photos, and the resize mode is chosen
    by them.
    """
    mode, undecided = source.first_resize_mode(
        dataset, *likely_resize_mode(dataset, *source.input_size(), limits=options.limits)
    )
    embeddings = source.embed(dataset, mode, "embedding")
    with progress("finding copies", None):
        photos = make_training_set(dataset, embeddings, options)
    notice_proposals(photos.related, "To keep each source together: --group-by-name always")
    splits = make_splits(photos, options, one_fold=shared)
    if not shared:
        splits = with_train_share(photos, splits, options)
    if unused := unused_shares(photos, splits, options):
        notice(unused)
    if undecided and not shared:
        better = better_resize_mode(photos, splits, mode, lambda some, m: source.embed(some, m, f"trying {m}"), options)
        if better != mode:
            mode = better
            again = source.embed(dataset, mode, f"embedding by {mode}")
            photos, splits = with_other_embeddings(photos, splits, again)
    return Experiment(photos, splits, source.extractor(mode), shared)
