"""TIFFs of every kind that tifffile writes, each with the picture that its data are: for the tests and `benchmarks/`.

The expected picture comes from the numbers that were handed to the writer, never from a reader.
"""

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from whatsit.errors import ImageError
from whatsit.images.decode import read_image

from .samples import difference, photo

HEIGHT, WIDTH = 50, 70  # no multiples of tiles or strips
PHOTOMETRICS = ("miniswhite", "minisblack", "rgb", "palette", "separated", "ycbcr", "cielab")
DEPTHS = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "f2", "f4", "f8", "1", "2", "4", "6", "10", "12", "14")
COMPRESSIONS = (
    None, "lzw", "zlib", "adobe_deflate", "packbits", "lzma", "zstd", "webp", "jpeg", "jpeg2000", "lerc", "jpegxl",
    "jpegxr", "png",
)  # fmt: skip
EXTRAS = (None, "unassalpha", "assocalpha", "unspecified")
CHUNKS = ("strips", "tiles", "one")
_PICTURES = ("webp", "jpeg", "jpegxl", "jpegxr", "png", "jpeg2000")  # codecs that know colours themselves
_COLOURS = {"rgb": 3, "separated": 4, "ycbcr": 3, "cielab": 3}
_CHUNKED: dict[str, dict[str, Any]] = {"strips": {"rowsperstrip": 7}, "tiles": {"tile": (32, 48)}, "one": {}}


@dataclass(frozen=True)
class Case:
    photometric: str
    depth: str
    compression: str | None
    planar: str
    extra: str | None
    order: str
    predictor: bool
    chunks: str
    big: bool

    @property
    def bits(self) -> int:
        return int(self.depth) if self.depth.isdigit() else 8 * int(self.depth[1])

    def __str__(self) -> str:
        parts = (self.photometric, self.depth, self.compression or "none", self.planar, self.extra or "", self.chunks)
        flags = ("big-endian" * (self.order == ">"), "predictor" * self.predictor, "BigTIFF" * self.big)
        return " ".join(filter(None, (*parts, *flags)))


def cases() -> Iterator[Case]:
    """The whole product, without what no writer could write."""
    for values in itertools.product(
        PHOTOMETRICS, DEPTHS, COMPRESSIONS, ("contig", "separate"), EXTRAS, "<>", (False, True), CHUNKS, (False, True)
    ):
        case = Case(*values)
        samples = _COLOURS.get(case.photometric, 1) + (case.extra is not None)
        if samples == 1 and case.planar == "separate":
            continue
        if case.depth.isdigit() and (samples > 1 or case.predictor or case.photometric == "ycbcr"):
            continue
        if case.predictor and case.compression not in ("lzw", "zlib", "adobe_deflate", "zstd", "lzma"):
            continue
        if case.compression in _PICTURES and case.photometric not in ("miniswhite", "minisblack", "rgb"):
            continue
        if case.photometric == "palette" and case.depth not in ("u1", "u2", "1", "2", "4"):
            continue
        yield case


def written(case: Case) -> tuple[bytes, NDArray[np.uint8]] | None:
    """The file and the RGB picture that it holds; None where tifffile refuses to write it."""
    stored, expected = _pictures(case)
    options: dict[str, Any] = {"photometric": case.photometric, "compression": case.compression}
    options |= {"byteorder": case.order, "bigtiff": case.big, "metadata": None, **_CHUNKED[case.chunks]}
    options |= {"predictor": True} if case.predictor else {}
    options |= {"bitspersample": case.bits} if case.depth.isdigit() else {}
    if case.compression in ("webp", "jpegxl", "jpegxr"):
        options["compressionargs"] = {"lossless": True} if case.compression != "jpegxr" else {"level": 100}
    if case.compression == "jpeg":
        options["compressionargs"] = {"level": 98}
    if case.extra is not None:
        options["extrasamples"] = [case.extra]
    if stored.ndim == 3:
        options["planarconfig"] = case.planar
        stored = np.moveaxis(stored, -1, 0) if case.planar == "separate" else stored
    if case.photometric == "palette":
        options["colormap"] = _COLORMAP[:, : 1 << case.bits] if case.bits <= 8 else _DEEP_COLORMAP
    stored, file = np.ascontiguousarray(stored), io.BytesIO()
    try:
        tifffile.imwrite(file, stored, **options)
    except Exception:  # each codec has errors of its own for what it cannot write
        return None
    if case.order == ">" and (case.depth.isdigit() or case.compression in _PICTURES) and not _as_meant(file, stored):
        return None
    return file.getvalue(), expected


def _as_meant(file: io.BytesIO, stored: NDArray[Any]) -> bool:
    """Whether tifffile reads its own file as it wrote it: of 12 bits and JPEG 2000 in big-endian files it does not."""
    found = tifffile.imread(io.BytesIO(file.getvalue()))
    return bool(np.allclose(found, stored, atol=float(np.ptp(stored)) / 10))


def verdict(case: Case, data: bytes, expected: NDArray[np.uint8]) -> str:
    """'right', 'refused' (by name), 'damaged' (which the valid file is called) or 'wrong' (another picture)."""
    try:
        found = read_image(data)
    except ImageError as error:
        return "refused" if str(error).startswith("not supported: ") else "damaged"
    if found.shape != expected.shape:
        return "wrong"
    off = difference(found, expected)
    mean, most = (4, 60) if case.compression in ("jpeg", "jpegxr") else (2.5, 12)  # chroma is shared, or rounded twice
    return "right" if off.mean() <= mean and off.max() <= most else "wrong"


_RAMP = np.arange(256)
_COLORMAP = np.stack([_RAMP, 255 - _RAMP, (_RAMP * 7) % 256]).astype(np.uint16) * 257
_DEEP_RAMP = np.arange(65536)
_DEEP_COLORMAP = np.stack([_DEEP_RAMP, 65535 - _DEEP_RAMP, (_DEEP_RAMP * 7) % 65536]).astype(np.uint16)


def _pictures(case: Case) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """What is written, (H, W) or (H, W, samples), and the RGB that it means."""
    rgb = photo(HEIGHT, WIDTH)
    rgb[0, 0], rgb[0, 1] = 255, 0
    levels = {1: 2, 2: 4, 4: 16, 6: 64}.get(case.bits, 256)
    if case.photometric == "palette":
        index = rgb[..., 0].astype(np.uint16) * (levels - 1) // 255 if case.bits <= 8 else rgb[..., 0] * np.uint16(250)
        table = _COLORMAP if case.bits <= 8 else _DEEP_COLORMAP
        picture = (table[:, index] >> 8).astype(np.uint8).transpose(1, 2, 0)
        return _with_extra(case, index.astype(np.uint8 if case.bits <= 8 else np.uint16), picture, 1)
    if case.photometric in ("miniswhite", "minisblack"):
        grey = np.rint(rgb[..., 0] / 255 * (levels - 1)) * 255 / (levels - 1)  # of the levels that the depth has
        shade = 255 - grey if case.photometric == "miniswhite" else grey
        picture = np.repeat(np.rint(_as_shown(case, grey))[..., None], 3, axis=2).astype(np.uint8)
        return _with_extra(case, _stored(case, shade), picture, 1)
    if case.photometric == "rgb":
        return _with_extra(case, _stored(case, rgb), np.rint(_as_shown(case, rgb)).astype(np.uint8), 3)
    if case.photometric == "separated":
        inks = np.dstack([rgb, 255 - rgb[..., :1] // 2])
        paper = 255 - inks.astype(float)
        return _with_extra(
            case, _stored(case, inks), np.rint(paper[..., :3] * paper[..., 3:] / 255).astype(np.uint8), 4
        )
    if case.photometric == "ycbcr":
        y = rgb @ [0.299, 0.587, 0.114]
        ycc = np.stack([y, 128 + (rgb[..., 2] - y) / 1.772, 128 + (rgb[..., 0] - y) / 1.402], axis=-1)
        return _with_extra(case, _stored(case, np.rint(ycc.clip(0, 255))), rgb, 3)
    lab = np.asarray(Image.fromarray(rgb).convert("LAB"))  # a and b signed
    picture = np.asarray(Image.fromarray(rgb).convert("LAB").convert("RGB"))
    return _with_extra(case, _stored(case, lab), picture, 3)


def _stored(case: Case, levels: NDArray[Any]) -> NDArray[Any]:
    """Levels of 0 to 255 in the case's own numbers."""
    if case.depth.isdigit():
        dtype = np.uint8 if case.bits <= 8 else np.uint16
        numbers: NDArray[Any] = np.rint(levels / 255 * (2**case.bits - 1))
        return numbers.astype(dtype)
    if case.depth[0] == "f":
        return (levels / 255).astype(case.depth)
    if case.depth == "i1":
        return (levels - 128.0).astype(np.int8)
    scale = 128.3 if case.depth == "i2" else 1 if case.depth == "u1" else 256.7  # so that high and low bytes differ
    return np.rint(np.asarray(levels) * float(scale)).astype(case.depth)


def _as_shown(case: Case, levels: NDArray[Any]) -> Any:
    """int16 reaches half of the range of 16 bits."""
    return levels * (128 / 257) if case.depth == "i2" else levels


def _with_extra(
    case: Case, stored: NDArray[Any], picture: NDArray[np.uint8], colours: int
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    if case.extra is None:
        return stored, picture
    opacity = np.full((HEIGHT, WIDTH), 255.0)
    opacity[: HEIGHT // 2] = 102  # two fifths
    most = np.iinfo(case.depth).max if case.depth[0] in "iu" else 1
    extra = (opacity * (most / 255)).clip(0, most * (1 - 1e-15)).astype(case.depth)
    stored = stored.reshape(HEIGHT, WIDTH, colours)
    if case.extra == "assocalpha":
        stored = (stored * (opacity / 255)[..., None]).round(12 if stored.dtype.kind == "f" else 0).astype(stored.dtype)
    if case.extra != "unspecified":
        share = (opacity / 255)[..., None]
        picture = np.rint(picture * share + 255 * (1 - share)).astype(np.uint8)
    return np.dstack([stored, extra.reshape(HEIGHT, WIDTH, 1)]), picture
