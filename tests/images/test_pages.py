"""Pages of a file as photos of their own: each is the page, and no more than the page."""

import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from PIL import Image

from whatsit import notices as notes
from whatsit.errors import ImageError
from whatsit.images.decode import load_noted, read_image
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import Preprocessing
from whatsit.images.source import FIRST, SENT, page_names, read_bytes, split_page

from .test_kinds import GREY, dicom, dicom_bytes

RNG = np.random.default_rng(0)


def stack(file: Path, pages: list[np.ndarray], **options: Any) -> Path:
    form = {name: options.pop(name) for name in ("bigtiff", "byteorder") if name in options}
    with tifffile.TiffWriter(file, **form) as writer:
        for page in pages:
            kind = "rgb" if page.ndim == 3 else "minisblack"
            writer.write(page, photometric=kind, metadata=None, contiguous=False, **options)
    return file


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits"])
@pytest.mark.parametrize("chunks", [{"rowsperstrip": 8}, {"tile": (16, 16)}, {}])
@pytest.mark.parametrize("shape", [(37, 51), (37, 51, 3)])
def test_each_page_is_read(
    tmp_path: Path,
    bigtiff: bool,
    byteorder: Literal["<", ">"],
    compression: str | None,
    chunks: dict[str, Any],
    shape: tuple[int, ...],
) -> None:
    pages = [RNG.integers(0, 256, shape, np.uint8) for _ in range(3)]
    file = stack(tmp_path / "a.tif", pages, bigtiff=bigtiff, byteorder=byteorder, compression=compression, **chunks)
    names = page_names(str(file))
    assert names == [f"{file}#page={number}" for number in (1, 2, 3)]
    for name, page in zip(names, pages, strict=True):
        alone = read_bytes(name)
        assert len(alone) < file.stat().st_size / 2
        with tifffile.TiffFile(io.BytesIO(alone)) as opened:  # by another reader, too
            assert [one.asarray().tolist() for one in opened.pages] == [page.tolist()]
        assert np.array_equal(read_image(name), page if page.ndim == 3 else np.dstack([page] * 3))


def test_equal_pages_are_equal_bytes(tmp_path: Path) -> None:
    one, two = (RNG.integers(0, 256, (30, 40), np.uint8) for _ in range(2))
    first, second = stack(tmp_path / "a.tif", [one, two]), stack(tmp_path / "b.tif", [two, two, one])
    assert read_bytes(f"{first}#page=1") == read_bytes(f"{second}#page=3")
    assert read_bytes(f"{first}#page=1") != read_bytes(f"{first}#page=2")
    assert read_bytes(f"file://{first}#page=2") == read_bytes(f"{first}#page=2")


def test_limits_are_those_of_a_page(tmp_path: Path) -> None:
    file = stack(tmp_path / "a.tif", [RNG.integers(0, 256, (40, 50), np.uint8) for _ in range(9)])
    limits = Limits(max_bytes=3000)
    assert read_image(f"{file}#page=9", limits=limits).shape == (40, 50, 3)
    with pytest.raises(ImageError, match="too large"):
        read_image(str(file), limits=limits)
    with pytest.raises(ImageError, match="too large: more than 1,999 bytes"):
        read_image(f"{file}#page=9", limits=Limits(max_bytes=1999))
    with pytest.raises(ImageError, match="too many pixels"):
        read_image(f"{file}#page=9", limits=Limits(max_pixels=1999))


def test_one_damaged_page_is_one_error(tmp_path: Path) -> None:
    file = stack(tmp_path / "a.tif", [np.full((30, 40), i, np.uint8) for i in range(5)], compression="zlib")
    with tifffile.TiffFile(file) as opened:
        place = opened.pages[2].dataoffsets[0]
    data = bytearray(file.read_bytes())
    data[place : place + 4] = b"\xff\xff\xff\xff"
    file.write_bytes(data)
    for number, name in enumerate(page_names(str(file))):
        if number == 2:
            with pytest.raises(ImageError, match="damaged TIFF"):
                read_image(name)
        else:
            assert (read_image(name) == number).all()


def test_a_broken_chain_names_the_page_where_it_breaks(tmp_path: Path) -> None:
    file = stack(tmp_path / "a.tif", [np.full((30, 40), i, np.uint8) for i in range(5)])
    with tifffile.TiffFile(file) as opened:
        place = opened.pages[2].offset
    data = bytearray(file.read_bytes())
    data[place : place + 2] = b"\0\0"
    file.write_bytes(data)
    names = page_names(str(file))
    assert len(names) == 3
    assert (read_image(names[1]) == 1).all()
    with pytest.raises(ImageError, match=r"damaged TIFF: a directory of 0 tags\. Pages from 3 on cannot be found"):
        read_image(names[2])


def test_names(tmp_path: Path) -> None:
    file = stack(tmp_path / "a.tif", [GREY])
    assert page_names(str(file)) == [str(file)]
    assert page_names(str(tmp_path / "none.tif")) == [str(tmp_path / "none.tif")]
    with pytest.raises(ImageError, match="page 2 of a file of 1"):
        read_image(f"{file}#page=2")
    with pytest.raises(ImageError, match="no such file"):
        read_image(str(tmp_path / "none.tif#page=2"))
    odd = tmp_path / "b.tif#page=2"  # a file may be called so
    odd.write_bytes(file.read_bytes())
    assert split_page(str(odd)) == (str(odd), None)
    assert read_image(str(odd)).shape[:2] == GREY.shape


def test_frames_of_a_dicom_file(tmp_path: Path) -> None:
    frames = np.stack([GREY, 255 - GREY, GREY // 2])
    found = dicom(GREY)
    found.NumberOfFrames, found.PixelData = 3, frames.tobytes()
    file = tmp_path / "a.dcm"
    file.write_bytes(dicom_bytes(found))
    names = page_names(str(file))
    assert len(names) == 3
    for name, frame in zip(names, frames, strict=True):
        assert np.array_equal(read_image(name)[..., 0], frame)
    with pytest.raises(ImageError, match="page 4 of a file of 3"):
        read_image(f"{file}#page=4")
    notes.taken()
    assert np.array_equal(read_image(str(file))[..., 0], GREY)
    assert notes.taken()[0].startswith("1 file: further pages were left out")


def test_a_photo_of_several_pages_has_a_note(tmp_path: Path) -> None:
    file = stack(tmp_path / "a.tif", [GREY, GREY])
    assert load_noted(file, Preprocessing())[1] == FIRST
    assert load_noted(file.read_bytes(), Preprocessing())[1] == SENT
    assert load_noted(f"{file}#page=2", Preprocessing())[1] is None


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WebP"])
def test_of_an_animation_the_first_frame_is_read_and_said(kind: str) -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    file, still = io.BytesIO(), io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:])
    frames[0].save(still, kind)
    notes.taken()
    read_image(still.getvalue())
    assert notes.taken() == []
    read_image(file.getvalue())
    assert notes.taken() == ["1 file with an animation: the first frame was read."]
