"""How often a run opens a photo's file and decodes its pixels: once each, or as often as the reason beside it says."""

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from drawn import SIZE, draw_folder, drawn_photo
from PIL import Image, ImageFile

from whatsit.api import embed, evaluate, train
from whatsit.config import NetworkOptions, TrainOptions
from whatsit.training.run import Trained

pytestmark = pytest.mark.slow

MOST_SHOWN = 36 + 4  # photos: three galleries of a report, and the golden answers


@dataclass
class Counts:
    """Of each photo's file, by its path."""

    opened: Counter[str] = field(default_factory=Counter)
    decoded: Counter[str] = field(default_factory=Counter)


_counting: list[Counts] = []  # an audit hook stays for good, so that it looks here


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _counting and isinstance(arguments[0], str | bytes | os.PathLike):
        _counting[-1].opened[os.path.abspath(os.fsdecode(arguments[0]))] += 1  # noqa: PTH100


sys.addaudithook(_hear)


def files_of(photos: Path) -> list[Path]:
    return [path for path in photos.rglob("*") if path.is_file()]


@contextmanager
def counted(photos: Path) -> Iterator[Counts]:
    """Openings by Python's audit hook, which hears of all of them; decodes where Pillow begins to fill in pixels."""
    names = {hashlib.sha256(path.read_bytes()).digest(): str(path) for path in files_of(photos)}
    counts, load = Counts(), ImageFile.ImageFile.load

    def counted_load(image: ImageFile.ImageFile) -> object:
        if image.tile and image.fp:
            at = image.fp.tell()
            image.fp.seek(0)
            counts.decoded[names.get(hashlib.sha256(image.fp.read()).digest(), "")] += 1
            image.fp.seek(at)
        return load(image)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageFile.ImageFile, "load", counted_load)
        _counting.append(counts)
        try:
            yield counts
        finally:
            _counting.pop()
    counts.opened = Counter({name: counts.opened[name] for name in names.values()})
    counts.decoded = Counter({name: counts.decoded[name] for name in names.values()})


def each(times: int, photos: Path) -> dict[str, int]:
    return {str(path): times for path in files_of(photos)}


@pytest.fixture(scope="module")
def probe(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Counts, Path]:
    """From an empty cache. The photos are 4 : 3, so that both squash and crop are tried on all of them."""
    folder = tmp_path_factory.mktemp("probe")
    with counted(photos) as counts:
        trained = train(photos, folder / "model", cache=folder / "cache")
    return trained, counts, folder / "cache"


def test_a_probe_reads_and_decodes_each_photo_once(photos: Path, probe: tuple[Trained, Counts, Path]) -> None:
    _, counts, _ = probe
    assert counts.opened == each(1, photos)
    assert counts.decoded == each(1, photos)


def test_from_a_warm_cache_photos_are_opened_for_their_size_and_decoded_for_the_report(
    photos: Path, probe: tuple[Trained, Counts, Path], tmp_path: Path
) -> None:
    """What is embedded is known by name, size and time; how wide a photo is, stands in its file."""
    with counted(photos) as counts:
        train(photos, tmp_path / "again", cache=probe[2])
    assert counts.opened == each(1, photos)
    assert max(counts.decoded.values()) == 1
    assert sum(counts.decoded.values()) <= MOST_SHOWN


@pytest.mark.parametrize(
    ("side", "times"),
    [
        (96, 1),
        # A JPEG decoder scales down to twice the input's side. For 32 pixels that is half of the drawn photos' size,
        # and other pixels than those at full size that the default backbone finds copies by.
        (32, 2),
    ],
)
def test_an_epoch_from_scratch_reads_each_photo_once_and_decodes_it_once_a_scale(
    photos: Path, tmp_path: Path, side: int, times: int
) -> None:
    assert min(SIZE) // (2 * side) == (1 if times == 1 else 3)
    network = NetworkOptions(layers=(8, 16), epochs=1, batch_size=16)
    options = TrainOptions(method="scratch", image_size=(side, side), network=network)
    with counted(photos) as counts:
        train(photos, tmp_path / "model", options, cache=tmp_path / "cache")
    assert counts.opened == each(1, photos)
    assert counts.decoded == each(times, photos)


def test_deep_photos_are_decoded_once_more_for_their_range(quick: TrainOptions, tmp_path: Path) -> None:
    """What is black and white is measured on at most 150 photos, before any is brought to 8 bits by it."""
    for kind in ("leaves", "stones"):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for seed in range(12):
            values = drawn_photo(kind, seed).mean(axis=2) * 16  # (H, W), of 12 bits
            Image.fromarray(values.astype(np.uint16)).save(tmp_path / "photos" / kind / f"{seed:03}.png")
    with counted(tmp_path / "photos") as counts:
        train(tmp_path / "photos", tmp_path / "model", quick, cache=tmp_path / "cache")
    assert counts.opened == each(1, tmp_path / "photos")
    assert counts.decoded == each(2, tmp_path / "photos")


def test_embed_reads_and_decodes_each_photo_once(photos: Path, quick: TrainOptions, tmp_path: Path) -> None:
    with counted(photos) as counts:
        embed(photos, tmp_path / "photos.parquet", quick, cache=tmp_path / "cache")
    assert counts.opened == each(1, photos)
    assert counts.decoded == each(1, photos)


def test_evaluate_decodes_again_what_the_report_shows(probe: tuple[Trained, Counts, Path], tmp_path: Path) -> None:
    """It keeps no photos, so that its memory and disk do not grow with them.

    A few are read and decoded again for the report, once for each class that a heat map is of. The head of a file is
    opened once more for its time, where names are those of a camera's series.
    """
    others = draw_folder(tmp_path / "others", 15, first_seed=500)
    with counted(others) as counts:
        evaluate(probe[0].folder, others, tmp_path / "evaluation")
    assert set(counts.decoded.values()) <= {1, 2, 3}
    assert sum(counts.decoded.values()) - len(counts.decoded) <= MOST_SHOWN
    assert all(0 <= counts.opened[name] - times <= 1 for name, times in counts.decoded.items())
