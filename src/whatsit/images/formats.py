"""The format of an image, told by its first bytes and never by its file's name."""

_STARTS = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),  # BigTIFF
    (b"MM\x00+", "tiff"),
)
_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)  # bytes; "BM" alone would take in any text about BMWs
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_HEIF_BRANDS = frozenset((b"mif1", b"mif2", b"msf1"))  # the container: HEVC (HEIC) or AV1 (AVIF) inside
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
HEAD = 512  # bytes of a file that tell its format for sure
FORMATS = frozenset({"jpeg", "png", "gif", "webp", "bmp", "tiff", "heic", "avif"})


def sniff(head: bytes) -> str | None:
    """'jpeg', 'png', 'gif', 'webp', 'bmp', 'tiff', 'heic' or 'avif' from a file's first bytes (`HEAD`), else None.

    >>> sniff(b"GIF89a...")
    'gif'
    >>> sniff(b"hello") is None
    True
    """
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "bmp"
    return _sniff_heif(head) if head[4:8] == b"ftyp" else None


def _sniff_heif(head: bytes) -> str | None:
    """HEIC or AVIF by the brands in an ISO base media file's `ftyp` box (ISO/IEC 14496-12, 23008-12)."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    major, compatible = head[8:12], {head[i : i + 4] for i in range(16, end, 4)}
    if major in _AVIF_BRANDS or (major in _HEIF_BRANDS and compatible & _AVIF_BRANDS):
        return "avif"
    return "heic" if major in _HEIC_BRANDS | _HEIF_BRANDS else None
