"""What a file is that was given as a data set and is no table: said by name, with what to do. Content alone tells."""

import re
import zipfile
from pathlib import Path

from whatsit.errors import DatasetError
from whatsit.text import meant, printable, shell_quoted

_HEAD = 512  # bytes: where a tar has its name
BINARY = 0.05  # share of zero bytes that no text has
_ARCHIVES = (  # first bytes → what it is, and how it is unpacked
    (b"\x1f\x8b", "a gzip file", "tar -xzf"),
    (b"BZh", "a bzip2 file", "tar -xjf"),
    (b"\xfd7zXZ", "an xz file", "tar -xJf"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x"),
    (b"Rar!", "a RAR archive", "unrar x"),
    (b"(\xb5/\xfd", "a zstd file", "tar --zstd -xf"),
)
_OTHERS = (
    (b"\x93NUMPY", "a NumPy array. Save each picture as a PNG in the folder of its class"),
    (b"\x89HDF\r\n", "an HDF5 file. Save each picture as a PNG in the folder of its class"),
    (b"ARROW1", "an Arrow file. Save it as CSV with the columns uri,label, and the pictures as files"),
    (b"SQLite format 3", "an SQLite database. Save the table as CSV with the columns uri,label"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook. Save it as CSV with the columns uri,label"),
    (b"%PDF", "a PDF. Save its pictures as files in the folder of their class"),
    (b"\x80\x04", "a Python pickle, which whatsit never opens. Save each picture as a PNG in the folder of its class"),
)


def check_is_table(path: Path) -> None:
    """Raises DatasetError where the file is an archive, a photo, or another thing that is no text."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return  # reading it will say why
    if told := _told(path, head):
        raise DatasetError(f"{printable(str(path))}: {told}. Expected a folder of class folders, or a CSV manifest.")


def no_such_data(path: Path) -> DatasetError:
    """For a path that is neither a folder nor a file."""
    shown = printable(str(path))
    if "://" in shown or ":/" in shown.partition("/")[0] + "/":  # a Path makes one slash of two
        shown = re.sub(r"^(\w{2,}):/(?!/)", r"\1://", shown)
        return DatasetError(
            f"{shown}: no such folder or manifest; data is not fetched. Download it first, then name the folder or the "
            "CSV file. A CSV manifest on this computer may hold URIs."
        )
    return DatasetError(
        f"{shown}: no such folder or manifest. "
        f"Expected a folder of class folders, or a CSV file on this computer.{_beside(path) or ' Check the path.'}"
    )


def _beside(path: Path) -> str:
    """What lies in the same folder and was likely meant; empty where nothing is like it."""
    try:
        return meant(path.name, sorted(one.name for one in path.parent.iterdir()))
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return ""


def _told(path: Path, head: bytes) -> str:
    """What it is and what to do, empty for what may be a table."""
    from whatsit.images.formats import sniff

    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return _of_zip(path)
    if head.startswith(b"PAR1"):
        return (
            f"a Parquet file. If 'whatsit embed' wrote it: whatsit train --embeddings {shell_quoted(path)}. Otherwise "
            "save it as CSV with the columns uri,label, and the pictures as files"
        )
    for magic, what, unpack in _ARCHIVES:
        if head.startswith(magic):
            return f"{what}. Unpack it ({unpack} {shell_quoted(path)}) and name the folder"
    if head[257:262] == b"ustar":
        return f"a tar archive. Unpack it (tar -xf {shell_quoted(path)}) and name the folder"
    for magic, what in _OTHERS:
        if head.startswith(magic):
            return what
    if kind := sniff(head):
        return f"a photo ({kind.upper()}). Name the folder that holds the class folders"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return "JSON, as COCO's annotations are. Write its labels into a CSV manifest: uri,label"
    utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    binary = head.count(0) > BINARY * len(head) and not utf16
    return "not a text file" if binary else ""


def _of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return "a damaged zip archive. Get it again, unpack it, and name the folder"
    if any(name.startswith(("xl/", "Index/")) for name in names):
        return "a spreadsheet. Save it as CSV with the columns uri,label"
    if names and all(name.endswith(".npy") for name in names):
        return "NumPy arrays (npz). Save each picture as a PNG in the folder of its class"
    return f"a zip archive. Unpack it (unzip {shell_quoted(path)} -d {shell_quoted(path.stem)}) and name the folder"
