"""Turn an image upright by its EXIF (or XMP) orientation.

Not `ImageOps.exif_transpose`: that also writes the turned image's EXIF block anew, which fails on a damaged
one, and copies an image that is upright already.
"""

from PIL import ExifTags, Image

_UPRIGHT = {  # EXIF 2.32, tag 0x0112
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# AVIF and HEIC are turned by their own properties (MIAF, ISO/IEC 23000-22, 7.3.6.7): Pillow hands them over as EXIF,
# pillow-heif turns the pixels and takes the orientation out of EXIF. XMP, to which `getexif` falls back, has no say.
_BY_PROPERTIES = ("AVIF", "HEIF")


def orientation(image: Image.Image) -> int:
    """1 to 8; 1, upright, where the loaded image says nothing or its EXIF block is damaged."""
    try:
        exif = _own_exif(image) if getattr(image, "format", None) in _BY_PROPERTIES else image.getexif()
        value = exif.get(ExifTags.Base.Orientation, 1)
        return value if value in _UPRIGHT else 1
    except Exception:  # hostile EXIF raises whatever it likes, and costs no more than the orientation
        return 1


def _own_exif(image: Image.Image) -> Image.Exif:
    """Without XMP's orientation."""
    exif = Image.Exif()
    exif.load(image.info.get("exif") or b"")
    return exif


def swaps_sides(orientation: int) -> bool:
    """Whether turning upright makes width of height."""
    return 5 <= orientation <= 8


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """The image upright; the same object where it is so already."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image
