"""A training → its run in TensorBoard: for a network while it learns, and for all methods at the end.

Until the end only photos to learn from and valid photos are looked at. How it is written, `events.py` knows.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from whatsit.config import TrainOptions, weight_changing
from whatsit.errors import ImageError
from whatsit.images.decode import small_photo
from whatsit.images.preprocessing import Preprocessing
from whatsit.machine import cores
from whatsit.progress import ProgressReporter
from whatsit.training.calibration import in_turn, log_loss, softmax
from whatsit.training.experiment import TrainingSet
from whatsit.training.fitted import Fitted
from whatsit.training.network.architectures import Recipe
from whatsit.training.network.build import Built
from whatsit.training.probe import FittedProbe
from whatsit.training.save import SaveRequest
from whatsit.training.selection import trace
from whatsit.training.splits import shares
from whatsit.training.tensorboard.run import check_board, run_folder

if TYPE_CHECKING:
    from lightning.pytorch import Callback

    from whatsit.training.tensorboard.events import Events, Points, Value


def check(options: TrainOptions) -> None:
    """Before long work. Raises WhatsitError where the shares leave nothing to train on, or a run cannot be written."""
    shares(options)
    if options.tensorboard is not None:
        check_board(options.tensorboard)


def watchers(
    photos: TrainingSet, built: Built, learning_rate: float, options: TrainOptions, training: Path
) -> "tuple[Callback, ...]":
    """What watches a network learn. training: the folder of its checkpoint."""
    if options.tensorboard is None:
        return ()
    from whatsit.training.tensorboard.callback import Board

    recipe = replace(built.recipe, learning_rate=learning_rate)
    values = _values(options, built.name, built.preprocessing, recipe)
    run = run_folder(options.tensorboard, photos.dataset.name, options.method, training)
    return (Board(run, photos.dataset.classes, values),)


def show(work: SaveRequest, training: Path | None, progress: ProgressReporter) -> None:
    """What can be said at the end: the figures of what was kept, and the embeddings; of a probe its course, too."""
    options = work.options
    if options.tensorboard is None:
        return
    from whatsit.training.tensorboard.events import Events, write_projector

    with progress("writing for TensorBoard", None):
        run = run_folder(options.tensorboard, work.photos.dataset.name, options.method, training)
        with closing(Events(run)) as events:
            _write_end(events, work)
        write_projector(run, _points(work))


def _values(
    options: TrainOptions, network: str, preprocessing: Preprocessing, recipe: Recipe | None = None
) -> "dict[str, Value]":
    """The hyper-parameters that have an effect on the method, as they were in force.

    recipe: of a network, in whose place None stands in the options.
    """
    from whatsit.training.tensorboard.events import HYPER_PARAMETERS

    in_force = weight_changing(options) | (asdict(recipe) if recipe else {})
    in_force |= {"image_size": preprocessing.dimensions, "resize_mode": preprocessing.resize_mode}
    mine = {name: one for name, one in HYPER_PARAMETERS.items() if options.method in one.methods}
    values = {name: (in_force[name], one.kind) for name, one in mine.items() if in_force[name] is not None}
    plain = {
        name: value if isinstance(value, str | int | float) else kind.typed(value)
        for name, (value, kind) in values.items()
    }
    return {"network": network, **plain}


def _write_end(events: "Events", work: SaveRequest) -> None:
    from whatsit.training.tensorboard import tags
    from whatsit.training.tensorboard.events import begin, end

    fitted = work.fitted
    values = _values(work.options, work.extractor.name, work.extractor.preprocessing)
    labels = fitted.experiment.train_labels[fitted.held_out_rows]
    loss = log_loss(fitted.held_out_logits, labels)
    if isinstance(fitted, FittedProbe):
        values |= {"strength": fitted.selected.regularization}
        loss = fitted.selected.losses[fitted.selected.regularization]
    begin(events, values)
    last = _write_course(events, fitted) if isinstance(fitted, FittedProbe) else _epochs(fitted)
    accuracy = float((fitted.held_out_logits.argmax(axis=1) == labels).mean())
    events.scalar(tags.FINAL_VALID_LOSS, loss, last)
    events.scalar(tags.FINAL_VALID_ACCURACY, accuracy, last)
    events.scalar(tags.FINAL_TEST_ACCURACY, work.test_results.evaluation.accuracy.value, last)
    end(events)


def _epochs(fitted: Fitted) -> int:
    """How many there were."""
    return fitted.history.epochs[-1].number if fitted.history else 0


def _write_course(events: "Events", fitted: FittedProbe) -> int:
    """Curves, confusions and the worst photos of a probe; gives the last step. Valid photos are the held-out ones."""
    from whatsit.training.tensorboard import tags
    from whatsit.training.tensorboard.confusion import confusion, draw_confusion
    from whatsit.training.tensorboard.events import write_course
    from whatsit.training.tensorboard.highest_loss import SIDE, draw_worst, worst_rows, wrong_of

    splits, names = fitted.experiment.splits, fitted.experiment.classes
    steps = trace(fitted.data, fitted.selected.regularization, splits.cv[0], fitted.options.head)
    write_course(events, steps)
    last = steps[-1].iteration if steps else 0
    labels = fitted.data.labels[fitted.held_out_rows]
    p = softmax(fitted.held_out_logits, fitted.temperature)
    counts = confusion(labels, p.argmax(axis=1), len(names))
    events.image(tags.CONFUSION, draw_confusion(counts, names, "held-out photos"), last)
    worst = worst_rows(labels, p)
    small = _photos(fitted, splits.train[fitted.held_out_rows[worst]], SIDE)
    shown = [
        wrong_of(np.asarray(photo), int(labels[i]), p[i], names)
        for i, photo in zip(worst, small, strict=True)
        if photo is not None
    ]
    events.image(tags.WORST, draw_worst(shown, "held-out photos of greatest loss"), last, photos=True)
    return last


def _photos(fitted: Fitted, rows: NDArray[np.int64], side: int) -> list[Image.Image | None]:
    """Small; None where one has gone since."""
    seen, records = fitted.extractor.preprocessing, fitted.experiment.photos.records
    limits = seen.reading(fitted.options.limits)

    def load(row: int) -> Image.Image | None:
        try:
            return small_photo(records[row].uri, side, limits, seen.value_range)
        except ImageError:
            return None

    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(load, rows.tolist()))


def _points(work: SaveRequest) -> "Points":
    """Of photos that were not learned from: those that judge, and the held-out ones; of each class as many."""
    from whatsit.training.tensorboard.events import MOST, SIDE, Points

    photos, splits, fitted = work.photos, work.splits, work.fitted
    apart = np.union1d(splits.test, splits.train[fitted.held_out_rows])
    mixed = np.random.default_rng(work.options.seed).permutation(apart)
    rows = mixed[in_turn(photos.labels[mixed])][:MOST]
    p, names = work.predictions.out_of_sample[rows], photos.dataset.classes
    columns: dict[str, Sequence[str]] = {
        "label": [names[k] for k in photos.labels[rows]],
        "answer": [names[k] for k in p.argmax(axis=1)],
        "probability": [f"{one:.3f}" for one in p.max(axis=1)],
        "right": ["yes" if right else "no" for right in p.argmax(axis=1) == photos.labels[rows]],
        "split": [splits.names[row] for row in rows],
        "photo": [Path(photos.records[row].uri).name for row in rows],
    }
    return Points(photos.x[rows], columns, _photos(fitted, rows, SIDE))
