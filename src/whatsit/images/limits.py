"""How much of a file is read, and how many pixels are decoded, before it is refused.

The defaults admit nearly every photo that a phone or camera of today makes. At 62 million pixels one decode
was measured to take 0.25 GB (PNG), 0.4 GB (progressive JPEG) and 1.3 GB at most (transparency, float TIFF).
"""

from dataclasses import dataclass

from whatsit.errors import ImageError


@dataclass(frozen=True)
class Limits:
    """What one image may cost. A larger one is an `ImageError`, found before it is decoded."""

    # A 61-megapixel JPEG of the best quality has about 40 MB, a bare 20-megapixel TIFF 60 MB.
    max_bytes: int = 64 * 1024**2
    # Just above the 61 megapixels of a full-frame camera, and below Pillow's own warning at 89 million.
    # Counts the pixels that are decoded, so after a JPEG decoder's own down-scaling.
    max_pixels: int = 64_000_000


DEFAULT_LIMITS = Limits()


def check_bytes(n_bytes: int, limits: Limits) -> None:
    """Refuse an empty file and one of more than `limits.max_bytes` bytes: `ImageError`."""
    if n_bytes == 0:
        raise ImageError("empty file (0 bytes)")
    if n_bytes > limits.max_bytes:
        raise ImageError(f"too large: more than {limits.max_bytes:,} bytes")


def check_pixels(width: int, height: int, limits: Limits) -> None:
    """Refuse an image of more than `limits.max_pixels` pixels: `ImageError`."""
    if width * height > limits.max_pixels:
        got, limit = _count(width * height), _count(limits.max_pixels)
        raise ImageError(f"too many pixels: {width} x {height} is {got} (limit {limit})")


def _count(pixels: int) -> str:
    """88_400_000 → '88.4 million'; 900 → '900'."""
    return f"{pixels / 1e6:,.1f}".removesuffix(".0") + " million" if pixels >= 1_000_000 else f"{pixels:,}"
