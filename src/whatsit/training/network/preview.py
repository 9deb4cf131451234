"""What augmentation does to photos, as one picture: a row a photo, the photo itself first, then copies of it.

The photos are read, made small and changed by the very functions that training uses. Only photos to learn from are
shown: those that judge are never changed. How the picture is laid out, `contact_sheet.py` knows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whatsit.config import PreviewOptions
from whatsit.data.dataset import Dataset, Record
from whatsit.errors import DatasetError, ImageError, WhatsitError
from whatsit.files import check_file, write_atomically
from whatsit.images.decode import as_png, load_for_network
from whatsit.images.preprocessing import Preprocessing
from whatsit.text import printable
from whatsit.training.calibration import in_turn
from whatsit.training.network.augment.augmentation import Augmentation
from whatsit.training.network.augment.names import PRESETS
from whatsit.training.network.contact_sheet import Cell, Row, draw_sheet


@dataclass(frozen=True)
class Preview:
    """What was drawn, and what could not be read."""

    file: Path
    photos: tuple[str, ...]  # their URIs, from top to bottom
    left_out: tuple[tuple[str, str], ...]  # (uri, reason)


@dataclass(frozen=True)
class _Photo:
    record: Record
    pixels: NDArray[np.uint8]  # (height, width, 3)


def preview(dataset: Dataset, output: str | Path, options: PreviewOptions, *, overwrite: bool = False) -> Preview:
    """Draws the picture and writes it as a PNG file.

    Raises:
        DatasetError: There is no photo to learn from, or none can be read.
        WhatsitError: Not an augmentation, or a file that cannot be written, exists, or is named as no PNG.
    """
    augmentation = Augmentation(options.augment)
    file = Path(output)
    if file.suffix.lower() != ".png":
        raise WhatsitError(f"{file}: a preview is a PNG file. Name it so: --output {file.with_suffix('.png')}")
    check_file(file, overwrite=overwrite)
    photos, left_out = _read(dataset, options)
    sheet = draw_sheet(*_words(options), _rows(photos, augmentation, options))
    write_atomically(file, as_png(sheet))
    return Preview(file, tuple(photo.record.uri for photo in photos), left_out)


def _words(options: PreviewOptions) -> tuple[str, str]:
    """The title, and a line below it."""
    spelled = PRESETS.get(options.augment)
    title = f"{options.augment}: {spelled}" if spelled else options.augment or "none"
    height, width = options.size
    return title, f"{height} × {width} pixels, {options.resize_mode}, seed {options.seed}. First the photo itself"


def _read(dataset: Dataset, options: PreviewOptions) -> tuple[list[_Photo], tuple[tuple[str, str], ...]]:
    """Up to so many photos that can be read, in the order of their classes, and those that cannot, with the reason."""
    preprocessing = Preprocessing(size=options.size, resize_mode=options.resize_mode, value_range=options.value_range)
    photos: list[_Photo] = []
    left_out: list[tuple[str, str]] = []
    for record in _spread(dataset, options.seed):
        try:
            photos.append(_Photo(record, load_for_network(record.uri, preprocessing, options.limits)))
        except ImageError as error:
            left_out.append((record.uri, str(error)))
        if len(photos) == options.photos:
            break
    if not photos:
        uri, reason = left_out[0]
        raise DatasetError(
            f"{dataset.name}: none of {len(left_out)} photos to learn from can be read "
            f"(the first, {printable(uri)}: {reason}). Expected photos. Check the folder or manifest"
        )
    return sorted(photos, key=lambda photo: (photo.record.label, photo.record.uri)), tuple(left_out)


def _spread(dataset: Dataset, seed: int) -> Iterator[Record]:
    """The photos to learn from in random order, but one of each class before the second of any."""
    records = [record for record in dataset.records if record.split not in ("valid", "test")]
    if not records:
        raise DatasetError(
            f"{dataset.name}: has photos for valid or test alone, and those are never changed. Expected photos to "
            "learn from. Give the folder or manifest that they are in"
        )
    drawn = [records[i] for i in np.random.default_rng(seed).permutation(len(records))]
    number = {label: i for i, label in enumerate(sorted({record.label for record in drawn}))}
    labels = np.array([number[record.label] for record in drawn], np.int64)
    return (drawn[i] for i in in_turn(labels))


def _rows(photos: list[_Photo], augmentation: Augmentation, options: PreviewOptions) -> list[Row]:
    generator = torch.Generator().manual_seed(options.seed)
    pixels = torch.from_numpy(np.stack([photo.pixels for photo in photos])).permute(0, 3, 1, 2)  # (n, 3, h, w)
    columns = [[Cell(photo.pixels) for photo in photos]]
    columns += [_column(photos, pixels, augmentation, generator) for _ in range(options.copies)]
    return [
        Row(photo.record.label, printable(Path(photo.record.uri).name), tuple(column[i] for column in columns))
        for i, photo in enumerate(photos)
    ]


def _column(photos: list[_Photo], pixels: Tensor, augmentation: Augmentation, generator: torch.Generator) -> list[Cell]:
    """One copy of each photo. A column is a batch, so photos that are mixed are mixed within it."""
    changed, shares = augmentation.mix(augmentation(pixels, generator), torch.eye(len(photos)), generator)
    drawn: NDArray[np.uint8] = changed.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()  # (n, h, w, 3)
    return [Cell(drawn[i], _note(i, shares[i], photos)) for i in range(len(photos))]


def _note(own: int, shares: Tensor, photos: list[_Photo]) -> str:
    """What another photo has to say in this one: '31 % tulips'; nothing where too little to tell was mixed in."""
    others = shares.clone()
    others[own] = 0
    share, other = others.max(dim=0)
    percent = round(100 * float(share))
    label = photos[int(other)].record.label or "another photo"
    return f"{percent} % {label}" if percent else ""
