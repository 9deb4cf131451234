"""One run's file of events: scalars, pictures and settings, each under a tag and at a step.

No step is ever written twice: what earlier files of the same run hold is read first, so that a training which was
killed and resumed goes on where the curves end. Files are only ever appended to, and a new process writes a new one, as
a killed one may have left half a record at the end of its own.

How a run was asked for, and what came out: the tab "HParams", and the charts of the tab "Custom scalars".

TensorBoard takes the columns from whichever run it finds first. So every run names all of them, of all methods, and
gives values to its own.

A probe's course, written once it is there: it takes seconds, so there is nothing to watch meanwhile.

Embeddings for TensorBoard's projector: points to turn in space, with their photos and what is known of them.

Four files in the run's folder, and no event: the projector reads them as they are.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalars
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from whatsit.config import NetworkOptions, TrainOptions
from whatsit.files import plain_os_errors, write_atomically
from whatsit.images.decode import as_jpeg, as_png
from whatsit.kinds import Integer, Kind, LearningRate, Real, Switch
from whatsit.option import options_of
from whatsit.text import printable
from whatsit.training.selection import Step
from whatsit.training.tensorboard import tags
from whatsit.training.tensorboard.tags import CHARTS, FINAL_TEST_ACCURACY, FINAL_VALID_ACCURACY, FINAL_VALID_LOSS

NAME = "events.out.tfevents"  # by which TensorBoard knows such files
FLUSHED_EVERY = 5.0  # seconds; TensorBoard itself looks for news every 30


class Events:
    """Appends to a run's folder. Every method raises WhatsitError where that cannot be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with plain_os_errors(folder):
            self._last = last_steps(event_files(folder))
            self._writer = EventFileWriter(str(folder), flush_secs=FLUSHED_EVERY)

    def scalar(self, tag: str, value: float, step: int) -> None:
        self.add(Summary.Value(tag=tag, simple_value=value), step)

    def image(self, tag: str, picture: Image.Image, step: int, *, photos: bool = False) -> None:
        """picture: RGB. photos: whether it holds some, as JPEG then takes a tenth of PNG's time and space."""
        data = as_jpeg(picture) if photos else as_png(picture)
        encoded = Summary.Image(height=picture.height, width=picture.width, colorspace=3, encoded_image_string=data)
        self.add(Summary.Value(tag=tag, image=encoded), step)

    def has(self, tag: str, step: int) -> bool:
        """Whether it was written before, and would not be again."""
        return step <= self._last.get(tag, -1)

    def add(self, value: Summary.Value, step: int) -> None:
        if self.has(value.tag, step):
            return
        self._last[value.tag] = step
        with plain_os_errors(self.folder):
            self._writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=[value])))

    def flush(self) -> None:
        """TensorBoard sees all that was written so far."""
        with plain_os_errors(self.folder):
            self._writer.flush()

    def close(self) -> None:
        with plain_os_errors(self.folder):
            self._writer.close()


def event_files(folder: Path) -> list[Path]:
    """A run's, oldest first."""
    return sorted(folder.glob(f"{NAME}.*"))


def last_steps(files: list[Path]) -> dict[str, int]:
    """Tag → the last step under it. Half a record at the end of a file is passed over."""
    last: dict[str, int] = {}
    for file in files:
        for event in LegacyEventFileLoader(str(file)).Load():
            for value in event.summary.value:
                last[value.tag] = max(last.get(value.tag, 0), event.step)
    return last


Value = str | float | bool


def _column(kind: Kind) -> type[Value]:
    if isinstance(kind, Switch):
        return bool
    return float if isinstance(kind, Integer | Real | LearningRate) else str


HYPER_PARAMETERS = {
    name: option
    for part in (TrainOptions, NetworkOptions)
    for name, option in options_of(part).items()
    if option.changes_weights
}


COLUMNS: dict[str, type[Value]] = {
    "network": str,
    **{name: _column(option.kind) for name, option in HYPER_PARAMETERS.items()},
    "strength": float,  # of the regularization, of a probe
}


FIRST = ("method", "network", "image_size", "epochs", "learning_rate")  # TensorBoard shows five until asked for more


FIGURES = {  # and of these the first
    FINAL_VALID_ACCURACY: "valid accuracy",
    FINAL_VALID_LOSS: "valid loss",
    FINAL_TEST_ACCURACY: "test accuracy",
}


TYPES = {str: api_pb2.DATA_TYPE_STRING, float: api_pb2.DATA_TYPE_FLOAT64, bool: api_pb2.DATA_TYPE_BOOL}


def begin(events: Events, values: Mapping[str, Value]) -> None:
    """Writes the columns, this run's values, and the charts. values: of `COLUMNS`, not necessarily all."""
    experiment = api_pb2.Experiment(
        hparam_infos=[
            api_pb2.HParamInfo(name=name, type=TYPES[kind], differs=name in FIRST) for name, kind in COLUMNS.items()
        ],
        metric_infos=[
            api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=shown) for tag, shown in FIGURES.items()
        ],
    )
    start = SessionStartInfo(start_time_secs=time.time())
    for name, value in values.items():
        _set(start, name, value)
    _add(events, metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment))
    _add(events, metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start))
    _add_charts(events)


def end(events: Events) -> None:
    """Says that the run came to its end."""
    done = SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time())
    _add(events, metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=done))


def _set(start: SessionStartInfo, name: str, value: Value) -> None:
    kind = COLUMNS[name]
    if kind is bool:
        start.hparams[name].bool_value = bool(value)
    elif kind is float:
        start.hparams[name].number_value = float(value)
    else:
        start.hparams[name].string_value = str(value)


def _add(events: Events, tag: str, content: HParamsPluginData) -> None:
    described = metadata.create_summary_metadata(content)
    events.add(Summary.Value(tag=tag, metadata=described, tensor=metadata.NULL_TENSOR), 0)


def _add_charts(events: Events) -> None:
    charts = [
        layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=[f"^{tag}$" for tag in tags]))
        for title, tags in CHARTS.items()
    ]
    layout = layout_pb2.Layout(category=[layout_pb2.Category(title="train and valid", chart=charts)])
    tensor = TensorProto(dtype=DT_STRING, string_val=[layout.SerializeToString()], tensor_shape=TensorShapeProto())
    described = custom_scalars.create_summary_metadata()
    events.add(Summary.Value(tag=custom_scalars.CONFIG_SUMMARY_TAG, metadata=described, tensor=tensor), 0)


def write_course(events: Events, steps: Sequence[Step]) -> None:
    """Curves over the iterations of L-BFGS; none of a head that has none."""
    for step in steps:
        events.scalar(tags.TRAIN_LOSS, step.train_loss, step.iteration)
        events.scalar(tags.VALID_LOSS, step.valid_loss, step.iteration)
        events.scalar(tags.TRAIN_ACCURACY, step.train_accuracy, step.iteration)
        events.scalar(tags.VALID_ACCURACY, step.valid_accuracy, step.iteration)


MOST = 1000  # points: t-SNE in a browser takes a minute for so many, and their photos fit into one picture
SIDE = 64  # pixels of a photo in that picture: 32 × 32 of them are 2,048 wide, which every graphics card takes
FOLDER = "projector"
CONFIG = "projector_config.pbtxt"  # where TensorBoard looks for it: in the run's folder
BLANK = (224, 224, 224)  # where a photo has gone


@dataclass(frozen=True)
class Points:
    """Parallel sequences of length n."""

    vectors: NDArray[np.float32]  # (n, dim)
    columns: dict[str, Sequence[str]]  # name → what is known of each; at least one
    photos: Sequence[Image.Image | None]  # RGB


def write_projector(run: Path, points: Points) -> None:
    """Raises WhatsitError where the folder cannot be written."""
    config = ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = "embeddings"
    embedding.tensor_path = f"{FOLDER}/tensors.tsv"
    embedding.tensor_shape.extend(points.vectors.shape)
    embedding.metadata_path = f"{FOLDER}/metadata.tsv"
    embedding.sprite.image_path = f"{FOLDER}/sprite.jpg"
    embedding.sprite.single_image_dim.extend([SIDE, SIDE])
    write_atomically(run / embedding.tensor_path, _tensors(points.vectors))
    write_atomically(run / embedding.metadata_path, _metadata(points.columns))
    write_atomically(run / embedding.sprite.image_path, as_jpeg(sprite(points.photos)))
    write_atomically(run / CONFIG, str(config).encode())


def _tensors(vectors: NDArray[np.float32]) -> bytes:
    """Five digits: what is drawn has fewer."""
    return "".join("\t".join(f"{one:.5g}" for one in row) + "\n" for row in vectors.tolist()).encode()


def _metadata(columns: dict[str, Sequence[str]]) -> bytes:
    """The first line names the columns, but a single one has none: so TensorBoard reads it."""
    lines = ["\t".join(printable(cell) or "-" for cell in row) for row in zip(*columns.values(), strict=True)]
    head = ["\t".join(columns)] if len(columns) > 1 else []
    return ("\n".join([*head, *lines]) + "\n").encode()


def sprite(photos: Sequence[Image.Image | None]) -> Image.Image:
    """All photos in one square picture, row by row, each whole in a square of its own."""
    columns = max(1, math.ceil(math.sqrt(len(photos))))
    picture = Image.new("RGB", (columns * SIDE, columns * SIDE), "white")
    for i, photo in enumerate(photos):
        left, top = i % columns * SIDE, i // columns * SIDE
        if photo is None:
            picture.paste(BLANK, (left, top, left + SIDE, top + SIDE))
            continue
        small = photo.copy()
        small.thumbnail((SIDE, SIDE))
        picture.paste(small, (left + (SIDE - small.width) // 2, top + (SIDE - small.height) // 2))
    return picture
