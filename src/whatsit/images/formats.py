"""The format of an image, told by its first bytes and never by its file's name."""

import re

_STARTS = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),  # BigTIFF
    (b"MM\x00+", "tiff"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),  # the codestream alone
)
_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)  # bytes; "BM" alone would take in any text about BMWs
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_HEIF_BRANDS = frozenset((b"mif1", b"mif2", b"msf1"))  # the container: HEVC (HEIC) or AV1 (AVIF) inside
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_PNM = re.compile(rb"P[1-6](\s+|#[^\n\r]*[\n\r])+\d+(\s+|#[^\n\r]*[\n\r])+\d+\s|P7\n|P[Ff]\s+\d+\s+\d+\s+[-+.\d]")
_TGA_DEPTHS = {1: (8,), 9: (8,), 2: (16, 24, 32), 10: (16, 24, 32), 3: (8, 16), 11: (8, 16)}  # bits, by kind of image
_HTML = re.compile(r"<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_SHOWN = 40  # characters of a file that is text
HEAD = 512  # bytes of a file that tell its format for sure
FORMATS = frozenset(
    {"jpeg", "png", "gif", "webp", "bmp", "tiff", "heic", "avif", "ico", "dib", "pnm", "jp2", "tga", "dicom"}
)

_UNREAD = (  # what people keep beside their photos; (where, bytes, name)
    (0, b"\xff\x0a", "JPEG XL"),
    (12, b"CgBI", "PNG as Apple's tools change it for iOS"),
    (0, b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (0, b"II\xbc", "JPEG XR"),
    (0, b"8BPS", "PSD (Photoshop)"),
    (0, b"8BPB", "PSB (Photoshop)"),
    (0, b"FUJIFILMCCD-RAW", "RAF (a camera's raw data)"),
    (0, b"IIRO", "ORF (a camera's raw data)"),
    (0, b"IIRS", "ORF (a camera's raw data)"),
    (0, b"IIU\x00", "RW2 (a camera's raw data)"),
    (0, b"FOVb", "X3F (a camera's raw data)"),
    (0, b"\x00MRM", "MRW (a camera's raw data)"),
    (4, b"ftypcrx ", "CR3 (a camera's raw data)"),
    (0, b"gimp xcf", "XCF (GIMP)"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "EPS"),
    (0, b"\xc5\xd0\xd3\xc6", "EPS"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"#?RGBE", "Radiance HDR"),
    (0, b"DDS ", "DDS"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"ZISRAWFILE", "CZI (Zeiss)"),
    (0, b"\x70\x00\x00\x00", "LIF (Leica)"),
    (0, b"\xda\xce\xbe\x0a", "ND2 (Nikon)"),
    (0, b"\x0aPLY", "PLY"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"\x01\xda\x01", "SGI"),
    (0, b"\x01\xda\x00", "SGI"),
    (0, b"qoif", "QOI"),
    (0, b"\x59\xa6\x6a\x95", "Sun raster"),
    (0, b"\x0a\x05\x01\x08", "PCX"),
    (0, b"\x0a\x05\x01\x01", "PCX"),
    (0, b"SDPX", "DPX"),
    (0, b"XPDS", "DPX"),
    (0, b"EHFA_HEADER_TAG", "Erdas Imagine"),
    (0, b"PCIDSK", "PCIDSK"),
    (0, b"CDF\x01", "NetCDF"),
    (0, b"CDF\x02", "NetCDF"),
    (0, b"farbfeld", "farbfeld"),
    (0, b"/* XPM */", "XPM"),
    (0, b"\xd7\xcd\xc6\x9a", "WMF (a drawing, not pixels)"),
    (344, b"n+1\x00", "NIfTI"),
    (208, b"MAP ", "MRC"),
    (0, b"\x00\x00\x02\x00", "CUR"),
    (4, b"ftypisom", "a film (MP4)"),
    (4, b"ftypmp42", "a film (MP4)"),
    (4, b"ftypqt  ", "a film (QuickTime)"),
    (4, b"ftypM4V", "a film (MP4)"),
    (0, b"\x1aE\xdf\xa3", "a film (Matroska)"),
    (8, b"AVI LIST", "a film (AVI)"),
    (0, b"BPG\xfb", "BPG"),
)
_SVG = re.compile(rb"\s*(\xef\xbb\xbf)?(<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE svg[^>]*>|\s)*<svg[\s>]", re.DOTALL)


def sniff(head: bytes) -> str | None:
    """One of `FORMATS` from a file's first bytes (`HEAD`), else None.

    >>> sniff(b"GIF89a...")
    'gif'
    >>> sniff(b"hello") is None
    True
    """
    for start, kind in _STARTS:
        if head.startswith(start):
            return None if head[12:16] == b"CgBI" and kind == "png" else kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "bmp"
    if head[4:8] == b"ftyp":
        return _sniff_heif(head)
    if head[128:132] == b"DICM":
        return "dicom"
    if _PNM.match(head):
        return "pnm"
    return next((kind for kind, is_it in _BY_FIELDS.items() if is_it(head)), None)


def name_of_unread(head: bytes) -> str | None:
    """Of a kind of file that people take for a photo and that is not read: its name, for people.

    >>> name_of_unread(b"8BPS...")
    'PSD (Photoshop)'
    """
    for place, mark, name in _UNREAD:
        if head[place : place + len(mark)] == mark:
            return name
    return "SVG (a drawing, not pixels)" if _SVG.match(head) else None


def _sniff_heif(head: bytes) -> str | None:
    """HEIC or AVIF by the brands in an ISO base media file's `ftyp` box (ISO/IEC 14496-12, 23008-12)."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    major, compatible = head[8:12], {head[i : i + 4] for i in range(16, end, 4)}
    if major in _AVIF_BRANDS or (major in _HEIF_BRANDS and compatible & _AVIF_BRANDS):
        return "avif"
    return "heic" if major in _HEIC_BRANDS | _HEIF_BRANDS else None


def _is_ico(head: bytes) -> bool:
    """Its directory: icons, one at least, the first behind the directory."""
    count, first = _u16(head, 4), int.from_bytes(head[18:22], "little")
    return head[:4] == b"\0\0\1\0" and len(head) >= 22 and 0 < count < 256 and head[9] == 0 and first >= 6 + 16 * count


def _is_dib(head: bytes) -> bool:
    """A BMP without its file header: one plane, a depth and a compression that there are, a size."""
    size, compression = int.from_bytes(head[:4], "little"), int.from_bytes(head[16:20], "little")
    known = size in (40, 52, 56, 108, 124) and _u16(head, 12) == 1 and _u16(head, 14) in (1, 4, 8, 16, 24, 32)
    return known and compression in (0, 1, 2, 3, 6) and head[4:8] != b"\0" * 4 and len(head) >= 40


def _is_tga(head: bytes) -> bool:
    """TGA has no mark at its start, so all of its fields must make sense: a palette just where the kind has one."""
    if len(head) < 18 or head[1] > 1 or head[16] not in _TGA_DEPTHS.get(head[2], ()):
        return False
    palette = head[7] in (15, 16, 24, 32) and _u16(head, 5) > 0 if head[1] else head[3:8] == b"\0" * 5
    return palette and head[1] == (head[2] in (1, 9)) and _u16(head, 12) > 0 < _u16(head, 14) and head[17] & 0xC0 == 0


def _u16(head: bytes, at: int) -> int:
    return int.from_bytes(head[at : at + 2], "little")


_BY_FIELDS = {"ico": _is_ico, "dib": _is_dib, "tga": _is_tga}


def what_it_is(head: bytes) -> str:
    """Of a file that is no image, from its first bytes, in words that its owner understands.

    >>> what_it_is(b"no photo\\n")
    "text that starts with 'no photo'"
    >>> what_it_is(bytes(9))
    'its first bytes are those of no known format'
    """
    text = head.decode("utf-8", "ignore").lstrip("\ufeff \t\r\n")
    if not text or not all(sign.isprintable() or sign in "\t\r\n" for sign in text) or b"\0" in head:
        return "its first bytes are those of no known format"
    if _HTML.match(text):
        return "a web page (HTML)"
    line = text.splitlines()[0].strip()
    return f"text that starts with {line if len(line) <= _SHOWN else line[:_SHOWN] + '…'!r}"
