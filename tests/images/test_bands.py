"""Bands and pages of a file that holds more than one picture, and what is said of those left out."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from patience import PATIENCE
from PIL import Image

import whatsit
from whatsit import notices as notes
from whatsit.cli import whatsit as shell
from whatsit.errors import ImageError
from whatsit.images.decode import read_deep_values, read_image
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import Preprocessing

from .samples import encode, photo

PHOTO = photo(40, 60)
GREY = PHOTO[..., 0]


def tiff(*arrays: np.ndarray, **options: Any) -> bytes:
    """Each array a page."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for array in arrays:
            writer.write(array, photometric="minisblack", metadata=None, contiguous=False, **options)
    return file.getvalue()


BANDS = np.dstack([PHOTO, 255 - PHOTO])  # six
SIX = tiff(BANDS, planarconfig="contig")
SIX_IN_PLANES = tiff(np.moveaxis(BANDS, -1, 0), planarconfig="separate", compression="zlib")


@pytest.mark.parametrize("data", [SIX, SIX_IN_PLANES])
def test_bands_that_are_named(data: bytes) -> None:
    assert np.array_equal(read_image(data, limits=Limits(bands=(6, 1, 2))), BANDS[..., [5, 0, 1]])
    assert np.array_equal(read_image(data, limits=Limits(bands=(4,)))[..., 2], BANDS[..., 3])
    with pytest.raises(ImageError, match=r"^has 6 bands, asked for 7, 1, 1\. Give others with --bands$"):
        read_image(data, limits=Limits(bands=(7, 1, 1)))


def test_deep_bands_stay_deep() -> None:
    values = read_deep_values(tiff(BANDS.astype(np.uint16) * 7, planarconfig="contig"), Limits(bands=(6, 5, 4)))
    assert values is not None
    assert np.array_equal(values, BANDS[..., [5, 4, 3]].astype(np.uint16) * 7)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_bands_of_a_photo(kind: str) -> None:
    data = encode(PHOTO, kind)
    assert np.array_equal(read_image(data, limits=Limits(bands=(3, 2, 1))), read_image(data)[..., ::-1])
    with pytest.raises(ImageError, match="has 3 bands, asked for 4, 3, 2"):
        read_image(data, limits=Limits(bands=(4, 3, 2)))


@pytest.mark.parametrize("bands", [(), (1, 2), (0, 1, 2), (1, 2, 3, 4), (True, 1, 2)])
def test_bands_that_are_none(bands: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="bands must be one or three numbers from 1"):
        Limits(bands=bands)


def test_pages_that_are_not_there_are_said_with_what_is() -> None:
    pages = [Image.fromarray(BANDS[..., i]) for i in range(2)]
    two = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(ImageError, match=r"of 2 pages as channels\. Name three of them, as --bands 1,2,2, or one"):
        read_image(two, limits=Limits(page="channels"))
    with pytest.raises(ImageError, match=r"^has 2 pages, asked for 1, 2, 3\. Give others with --bands$"):
        read_image(two, limits=Limits(page="channels", bands=(1, 2, 3)))
    assert np.array_equal(read_image(two, limits=Limits(page="channels", bands=(1, 2, 2))), BANDS[..., [0, 1, 1]])
    assert np.array_equal(read_image(two, limits=Limits(page="channels", bands=(2,)))[..., 0], BANDS[..., 1])


def test_pages_as_channels() -> None:
    pages = tiff(*np.moveaxis(BANDS, -1, 0))
    assert np.array_equal(read_image(pages, limits=Limits(page="channels", bands=(6, 1, 2))), BANDS[..., [5, 0, 1]])
    with pytest.raises(ImageError, match=r"^not supported: TIFF of 6 pages as channels\. Name three of them"):
        read_image(pages, limits=Limits(page="channels"))
    three = tiff(*np.moveaxis(PHOTO, -1, 0))
    assert np.array_equal(read_image(three, limits=Limits(page="channels")), PHOTO)
    assert np.array_equal(read_image(encode(PHOTO), limits=Limits(page="channels")), PHOTO)
    uneven = tiff(GREY, GREY[1:], GREY)
    with pytest.raises(ImageError, match="pages of several sizes"):
        read_image(uneven, limits=Limits(page="channels"))


def test_a_smaller_copy_is_no_page() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(GREY[::4, ::4], photometric="minisblack", metadata=None, subfiletype=1)
        writer.write(GREY, photometric="minisblack", metadata=None)
    notes.taken()
    assert np.array_equal(read_image(file.getvalue())[..., 0], GREY)
    assert notes.taken() == []


def test_what_was_left_out_is_said_once_for_each_file() -> None:
    notes.taken()
    first, second = tiff(GREY, GREY), tiff(255 - GREY, GREY)
    for data in (first, second, first, encode(PHOTO), tiff(GREY)):
        read_image(data)
    (sentence,) = notes.taken()
    assert sentence.startswith("2 files: further pages were left out")
    assert notes.taken() == []


def test_a_raw_files_preview_is_said() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(
            GREY, photometric="minisblack", metadata=None, subfiletype=1, extratags=[(50706, 1, 4, (1, 4, 0, 0), True)]
        )
    notes.taken()
    read_image(file.getvalue())
    (sentence,) = notes.taken()
    assert sentence.startswith("1 file of a camera's raw data: the small preview inside was read")


def test_preprocessing_remembers_bands_and_pages() -> None:
    chosen = Preprocessing(bands=(4, 3, 2), page="channels")
    assert Preprocessing.from_dict(chosen.as_dict()) == chosen
    assert "bands" not in Preprocessing().as_dict()
    assert chosen.reading(Limits(max_pixels=7)) == Limits(max_pixels=7, bands=(4, 3, 2), page="channels")


@pytest.mark.slow
def test_a_model_reads_as_it_was_trained(tmp_path: Path) -> None:
    """Photos whose first three bands are all the same: only the fourth tells the classes apart."""
    rng = np.random.default_rng(0)
    for kind, level in (("bare", 60), ("wooded", 190)):
        (tmp_path / "land" / kind).mkdir(parents=True)
        for i in range(14):
            bands = rng.integers(100, 120, (48, 48, 4)).astype(np.uint8)
            bands[..., 3] = rng.integers(level - 50, level + 50, (48, 48))
            (tmp_path / "land" / kind / f"{i}.tif").write_bytes(tiff(bands, bands[..., 0], planarconfig="contig"))
    land, model = str(tmp_path / "land"), str(tmp_path / "model")
    run = CliRunner().invoke(
        shell,
        ["train", land, "-o", model, "--bands", "4,3,2", "--cache", str(tmp_path / "cache"), "--precision", "float32"],
    )
    assert run.exit_code == 0, run.output
    classifier = whatsit.load(model)
    assert classifier.facts.preprocessing.bands == (4, 3, 2)
    answers = classifier.predict([str(path) for path in sorted((tmp_path / "land").rglob("*.tif"))])
    assert [answer.label for answer in answers].count("bare") == 14
    refused = CliRunner().invoke(shell, ["predict", model, land, "--bands", "1,2"])
    assert refused.exit_code == 2
    assert "Expected one number from 1, or three" in refused.output


@pytest.mark.slow
def test_the_command_line_says_it_and_libtiff_says_nothing(tmp_path: Path) -> None:
    whole = tiff(PHOTO[..., :1], GREY, compression="lzw")
    (tmp_path / "pages.tif").write_bytes(whole)
    damaged = bytearray(tiff(np.arange(40_000, dtype=np.uint16).reshape(200, 200) % 251, compression="lzw"))
    damaged[400:700] = bytes(range(200, 250)) * 6
    (tmp_path / "damaged.tif").write_bytes(damaged)
    run = subprocess.run(
        [sys.executable, "-m", "whatsit", "predict", str(tmp_path)], capture_output=True, text=True, timeout=PATIENCE
    )
    assert "damaged TIFF" in run.stdout + run.stderr
    assert "1 file: further pages were left out" in run.stderr
    assert "tempfile.tif" not in run.stderr


@pytest.mark.slow
def test_embeddings_remember_bands(tmp_path: Path) -> None:
    for kind in ("bare", "wooded"):
        (tmp_path / "land" / kind).mkdir(parents=True)
        for i in range(8):
            bands = np.dstack([photo(32, 32, seed=i + 100 * (kind == "bare")), np.full((32, 32, 1), 9 * i, np.uint8)])
            (tmp_path / "land" / kind / f"{i}.tif").write_bytes(tiff(bands, planarconfig="contig"))
    file, model, cache = (str(tmp_path / name) for name in ("land.parquet", "model", "cache"))
    embed = [
        "embed",
        str(tmp_path / "land"),
        "-o",
        file,
        "--bands",
        "4,3,2",
        "--cache",
        cache,
        "--precision",
        "float32",
    ]
    run = CliRunner().invoke(shell, embed)
    assert run.exit_code == 0, run.output
    run = CliRunner().invoke(shell, ["train", "--embeddings", file, "-o", model])
    assert run.exit_code == 0, run.output
    assert whatsit.load(model).facts.preprocessing.bands == (4, 3, 2)
    run = CliRunner().invoke(shell, ["train", "--embeddings", file, "--bands", "1,2,3"])
    assert run.exit_code == 2
    assert "--bands has no effect with --embeddings" in run.output
