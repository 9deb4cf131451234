"""What TensorBoard itself reads from a run's folder."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

EVERYTHING = {"scalars": 0, "images": 0, "tensors": 0}
START, END, EXPERIMENT = metadata.SESSION_START_INFO_TAG, metadata.SESSION_END_INFO_TAG, metadata.EXPERIMENT_TAG


def read(run: Path) -> EventAccumulator:
    return EventAccumulator(str(run), size_guidance=EVERYTHING).Reload()


def steps(run: Path, tag: str) -> list[int]:
    return [event.step for event in read(run).Scalars(tag)]


def values(run: Path, tag: str) -> list[float]:
    return [event.value for event in read(run).Scalars(tag)]


def pictures(run: Path, tag: str) -> dict[int, NDArray[np.uint8]]:
    """Step → (height, width, 3)."""
    found = {}
    for event in read(run).Images(tag):
        picture = Image.open(io.BytesIO(event.encoded_image_string))
        assert picture.size == (event.width, event.height)
        found[event.step] = np.asarray(picture)
    return found


def settings(run: Path, tag: str) -> HParamsPluginData:
    content = read(run).SummaryMetadata(tag).plugin_data.content
    return HParamsPluginData.FromString(content)
