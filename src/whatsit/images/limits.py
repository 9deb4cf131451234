"""How much of a file is read, and what of it, and how many pixels are decoded, before it is refused.

The defaults admit nearly every photo that a phone or camera of today makes. At 62 million pixels one decode
was measured to take 0.25 GB (PNG), 0.4 GB (progressive JPEG) and 1.3 GB at most (transparency, float TIFF).
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from whatsit.errors import ImageError
from whatsit.images.formats import FORMATS
from whatsit.kinds import Bands, Choice, Integer, Names
from whatsit.option import setting

Page = Literal["first", "all", "channels"]
PHOTOS: dict[str, Any] = {
    "heading": "Photos",
    "commands": ("train", "compare", "tune", "predict", "evaluate", "embed", "preview"),
    "same_photos": True,
}


@dataclass(frozen=True)
class Limits:
    """What one image may cost, and what of a file is read. A larger one is an `ImageError`, found before it is decoded.

    Raises `ValueError` for bands that are neither one nor three numbers from 1, and for another page.
    """

    # A 61-megapixel JPEG of the best quality has about 40 MB, a bare 20-megapixel TIFF 60 MB.
    max_bytes: int = setting(
        64 * 1024**2, Integer(1), "Largest file that is read, in bytes.", changes_weights=False, **PHOTOS
    )
    # Just above the 61 megapixels of a full-frame camera, and below Pillow's own warning at 89 million.
    # Counts the pixels that are decoded, so after a JPEG decoder's own down-scaling.
    max_pixels: int = setting(
        64_000_000,
        Integer(1),
        "Largest image that is decoded, in pixels.",
        changes_weights=False,
        **PHOTOS | {"commands": (*PHOTOS["commands"], "serve")},
    )
    # As stored: of a JPEG that the decoder scales down, which costs time but little memory. A JPEG has no more.
    max_stored_pixels: int = 65_535**2
    # Kinds of file that are read at all, told by their first bytes.
    formats: frozenset[str] = setting(
        FORMATS,
        Names(tuple(sorted(FORMATS)), "LIST"),
        f"File formats that are accepted, of {', '.join(sorted(FORMATS))}.",
        commands=("serve",),
        changes_weights=False,
    )
    # From 1.
    bands: tuple[int, ...] | None = setting(
        None,
        Bands(),
        "Bands of a TIFF that are red, green and blue: 4,3,2; or the one that is grey.",
        unset="as the file says",
        needs_photos=True,
        **PHOTOS,
    )
    # `all`: as in `source.py`.
    page: Page = setting(
        "first",
        Choice(get_args(Page)),
        "Pages of a file with several. first: that one. all: each is a photo. channels: grey pages are the channels of "
        "one photo.",
        needs_photos=True,
        **PHOTOS,
    )

    def __post_init__(self) -> None:
        if self.bands is not None and not is_bands(self.bands):
            raise ValueError(f"bands must be one or three numbers from 1, got {self.bands!r}")
        if self.page not in get_args(Page):
            raise ValueError(f"page must be one of {get_args(Page)}, got {self.page!r}")


def is_bands(value: object) -> bool:
    """Whether these are bands, as Python or JSON holds them: one, or red, green and blue."""
    return Bands().takes(value)


DEFAULT_LIMITS = Limits()


def check_bytes(n_bytes: int, limits: Limits) -> None:
    """Refuse an empty file and one of more than `limits.max_bytes` bytes: `ImageError`."""
    if n_bytes == 0:
        raise ImageError("empty file (0 bytes)")
    if n_bytes > limits.max_bytes:
        raise ImageError(f"too large: more than {limits.max_bytes:,} bytes")


def check_format(kind: str, limits: Limits) -> None:
    """Refuse a kind of file that is not in `limits.formats`: `ImageError`."""
    if kind not in limits.formats:
        raise ImageError(f"{kind.upper()} is not taken here. Send one of: {', '.join(sorted(limits.formats))}")


def check_page(number: int, there: int) -> None:
    """number: from 1; there: how many the file has. Raises `ImageError`."""
    if number > there:
        raise ImageError(f"page {number} of a file of {there}. Name one of these")


def check_pixels(width: int, height: int, limits: Limits) -> None:
    """Refuse an image of which more than `limits.max_pixels` pixels would be decoded: `ImageError`."""
    _check_count(width, height, limits.max_pixels)


def check_samples(n_bytes: int, limits: Limits) -> None:
    """Refuse an image whose samples take more memory than three 32-bit numbers a pixel: `ImageError`."""
    if n_bytes > 12 * limits.max_pixels:
        raise ImageError(f"too large: its samples take {n_bytes:,} bytes (limit {12 * limits.max_pixels:,})")


def check_stored_pixels(width: int, height: int, limits: Limits) -> None:
    """Refuse a file that holds more than `limits.max_stored_pixels` pixels: `ImageError`."""
    _check_count(width, height, limits.max_stored_pixels)


def _check_count(width: int, height: int, most: int) -> None:
    if width * height > most:
        raise ImageError(f"too many pixels: {width} x {height} is {_count(width * height)} (limit {_count(most)})")


def _count(pixels: int) -> str:
    """88_400_000 → '88.4 million'; 900 → '900'."""
    return f"{pixels / 1e6:,.1f}".removesuffix(".0") + " million" if pixels >= 1_000_000 else f"{pixels:,}"
