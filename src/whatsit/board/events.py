"""One run's file of events: scalars, pictures and settings, each under a tag and at a step.

No step is ever written twice: what earlier files of the same run hold is read first, so that a training which was
killed and resumed goes on where the curves end. Files are only ever appended to, and a new process writes a new one, as
a killed one may have left half a record at the end of its own.
"""

import time
from pathlib import Path

from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from whatsit.files import plain_os_errors
from whatsit.images.small import as_jpeg, as_png

NAME = "events.out.tfevents"  # by which TensorBoard knows such files
VERSION = "brain.Event:2"  # of the format, which TensorBoard wants to read first
FLUSHED_EVERY = 5.0  # seconds; TensorBoard itself looks for news every 30


class Events:
    """Appends to a run's folder. Every method raises WhatsitError where that cannot be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with plain_os_errors(folder):
            files = event_files(folder)
            self._last = last_steps(files)
            self._writer = RecordWriter((folder / f"{NAME}.{len(files):04}").open("xb"))
        self._flushed = time.monotonic()
        self._write(Event(wall_time=time.time(), file_version=VERSION))
        self.flush()

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
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=[value])))
        if time.monotonic() - self._flushed > FLUSHED_EVERY:
            self.flush()

    def flush(self) -> None:
        """TensorBoard sees all that was written so far."""
        with plain_os_errors(self.folder):
            self._writer.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        with plain_os_errors(self.folder):
            self._writer.close()

    def _write(self, event: Event) -> None:
        with plain_os_errors(self.folder):
            self._writer.write(event.SerializeToString())


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
