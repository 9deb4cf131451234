"""Folders of photos that are no classes, though no name of a level says so: shards, masks, boxes. Refused by name.

What people should look at in the names of classes; nothing is changed. Knows names and counts alone.

What a file is that was given as a data set and is no table: said by name, with what to do. Content alone tells.

Folders of photos beside tables of their classes: Roboflow's `train/_classes.csv`, one column for each class.
"""

import os
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from whatsit.config import ReadOptions, Split
from whatsit.data.dataset import Record
from whatsit.data.readers.files import Tree
from whatsit.data.readers.words import is_mask, is_numbered_part, is_pictures, is_unlabelled, is_vague, split_names
from whatsit.errors import DatasetError
from whatsit.text import meant, number, printable, shell_quoted, some

HALF = 0.5
SIDECARS = frozenset([".txt", ".json", ".cls", ".caption", ".xml"])
_OF_MASK = re.compile(r"[ _.-]*(mask|seg|segmentation|gt|label|labels|annotation|overlay)[ _.-]*\d*$", re.IGNORECASE)


def check_classes(shown: str, tree: Tree, members: Sequence[str]) -> None:
    """Raises DatasetError where folders of photos are shards of a download or numbered parts, and so no classes."""
    flat = [path for path in members if tree.count(path) and not tree.full(path)]
    if len(flat) < 1 or len(flat) < sum(1 for path in members if tree.count(path)):
        return
    names = [Path(path).name for path in flat]
    numbered = is_numbered_part(names)
    if (numbered or all(name.isdigit() for name in names)) and (beside := _beside(tree, flat)):
        raise DatasetError(
            f"{shown}: {some(names)} hold a {' and a '.join(sorted(beside))} beside each photo: shards of a download, "
            "not classes. Expected one folder for each class, or a CSV manifest: uri,label. Write the labels into one. "
            "If the folders are classes: --top-folders classes."
        )
    if numbered and len(flat) > 1:
        raise DatasetError(
            f"{shown}: {some(names)} are parts of a whole by their names, not classes. Expected one folder for each "
            "class, or a CSV manifest: uri,label. If the folders are classes: --top-folders classes."
        )


def check_masks(shown: str, tree: Tree, members: Sequence[str]) -> None:
    """Raises DatasetError where pictures are masks of others, at this level, in a class's folders, or beside photos."""
    for level, whole in ((list(members), True), *((tree.full(path), False) for path in members)):
        for mask in level:
            if is_mask(Path(mask).name) and (image := _masked(tree, mask, level)):
                one, two = (printable(Path(path).name) for path in (image, mask))
                raise DatasetError(
                    f"{shown}: '{two}' holds a picture to each photo of '{one}': masks, no class of photos. "
                    + ("Expected one folder for each class. " if whole and len(level) < 3 else "")
                    + f"To leave them out: --skip {two}. If they are classes: --top-folders classes."
                )
    for path in members:
        images = tree.look(path).images
        stems = {Path(image).stem for image in images}
        masks = [i for i in images if (bare := _OF_MASK.sub("", Path(i).stem)) != Path(i).stem and bare in stems]
        if len(masks) > 0.2 * len(images):
            raise DatasetError(
                f"{shown}: '{printable(Path(path).name)}' holds masks of its photos, such as "
                f"'{printable(Path(masks[0]).name)}'. To leave them out: --skip '*{_ending(masks[0])}'."
            )


def boxes_hint(tree: Tree, folder: str) -> str:
    """A sentence where photos have a text file beside them, or in `labels/`, as object detection has; or nothing."""
    found = [folder, *(path for one in tree.look(folder).folders for path in (one, *tree.look(one).folders))]
    texts = {
        Path(path).stem
        for one in found
        for path, _ in tree.look(one).others
        if Path(path).suffix.lower() in (".txt", ".xml", ".json")
    }
    stems = {Path(image).stem for one in found for image in tree.look(one).images}
    if not stems or len(stems & texts) < HALF * len(stems):
        return ""
    return " The photos have a text or XML file each, as boxes for object detection are kept: whatsit wants one label."


def _masked(tree: Tree, mask: str, level: Sequence[str]) -> str | None:
    """The folder beside whose photos the masks repeat."""
    stems = {_OF_MASK.sub("", stem) for stem in _stems(tree, mask)} | _stems(tree, mask)
    for other in level:
        if other == mask or not is_pictures(Path(other).name):
            continue
        theirs = _stems(tree, other)
        if theirs and len(theirs & stems) >= HALF * len(theirs):
            return other
    return None


def _stems(tree: Tree, folder: str) -> set[str]:
    below = [folder, *tree.look(folder).folders]
    return {Path(image).stem for path in below for image in tree.look(path).images}


def _beside(tree: Tree, folders: Sequence[str]) -> set[str]:
    """The suffixes of files that stand beside most photos under the same stem."""
    photos = {os.path.splitext(image)[0] for path in folders for image in tree.look(path).images}  # noqa: PTH122
    others = [os.path.splitext(path) for folder in folders for path, _ in tree.look(folder).others]  # noqa: PTH122
    beside: dict[str, int] = {}
    for stem, suffix in others:
        if stem in photos and suffix.lower() in SIDECARS:
            beside[suffix.lower()] = beside.get(suffix.lower(), 0) + 1
    return {suffix for suffix, n in beside.items() if n >= HALF * len(photos)}


def _ending(path: str) -> str:
    bare, whole = _OF_MASK.sub("", Path(path).stem), Path(path).name
    ending = re.sub(r"\d+(?=\.)", "*", whole[len(bare) :])
    return printable(ending)


def class_hints(counts: Mapping[str, int]) -> list[str]:
    """Sentences on classes that may be one, or none. counts: label → photos."""
    alike: dict[str, list[str]] = {}
    for label in counts:
        alike.setdefault(_bare(label), []).append(label)
    hints = [
        f"classes {some(labels)} differ in spelling alone; if they are one, give all the same name"
        for labels in alike.values()
        if len(labels) > 1
    ]
    for label, n in counts.items():
        parts = [part.strip() for part in re.split(r"[|;,+]", label)]
        if len(parts) > 1 and all(part in counts for part in parts):
            hints.append(
                f"'{label}' is read as a class of its own ({number(n, 'photo')}), though {some(parts)} are classes; "
                "whatsit gives a photo one class: if it shows several, leave it out"
            )
        if is_vague(label) or is_unlabelled(label):
            hints.append(
                f"'{label}' is read as a class of its own ({number(n, 'photo')}); if its photos have no label, leave "
                "them out"
            )
    return hints


def foreign_hint(foreign: Sequence[Record]) -> list[str]:
    """On photos whose class a model does not have."""
    if not foreign:
        return []
    labels = sorted({record.label for record in foreign})
    are = "is no class" if len(labels) == 1 else "are no classes"
    return [
        f"{number(len(foreign), 'photo')} of {some(labels)}, which {are} of the model, count in no figure on its "
        "classes: they tell whether it is unsure of what it does not know"
    ]


def _bare(label: str) -> str:
    """The same for Cat, cat, CAT and cats; for golden_retriever and Golden Retriever; for 1, 01 and 1.0."""
    if re.fullmatch(r"\d+(\.0*)?", label):
        return str(int(label.partition(".")[0]))
    bare = re.sub(r"[\W_]+", "", label.casefold())
    return bare.removesuffix("s") or label


def class_lines(counts: Mapping[str, Counter[str]], most: int = 12) -> list[str]:
    """What is about to be learned from, in a line or a few: the classes with their photos.

    Args:
        counts: Label → split → photos; the split of photos that have none is "".
        most: Classes that are named; of more the largest and the smallest.
    """
    totals = {label: sum(splits.values()) for label, splits in counts.items()}
    splits = Counter[str]()
    for each in counts.values():
        splits.update(each)
    head = f"{sum(totals.values()):,} photos of {number(len(totals), 'class')}"
    if set(splits) & {"valid", "test"}:  # train alone is yet to be cut
        names = [name for name in ("train", "valid", "test", "") if name in splits]
        head += " (" + ", ".join(f"{name or 'no split'} {splits[name]:,}" for name in names) + ")"
    shown = sorted(totals.items(), key=lambda one: (-one[1], one[0]))
    if len(shown) <= most:
        return [f"{head}: {_list(sorted(shown))}"]
    half = most // 2
    return [
        f"{head}, largest: {_list(shown[:half])}",
        f"smallest: {_list(shown[-half:])}",
    ]


def _list(pairs: list[tuple[str, int]]) -> str:
    return ", ".join(f"{label if len(label) <= 40 else label[:39] + '…'} {n:,}" for label, n in pairs)


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
        f"Expected a folder of class folders, or a CSV file on this computer.{_beside_it(path) or ' Check the path.'}"
    )


def _beside_it(path: Path) -> str:
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


TABLE = "_classes.csv"


def class_tables(root: str, options: ReadOptions) -> dict[str, Split | None]:
    """The tables of a folder and the split of each; empty where it has none, or is to be read as folders.

    The table is in the folder itself, or in each of its folders, which are splits by their names; no photo may lie in
    folders below, since those would be classes.
    """
    if options.top_folders or options.split_folders:
        return {}
    own = os.path.join(root, TABLE)  # noqa: PTH118
    if os.path.isfile(own) and not _folders(root):  # noqa: PTH113
        return {own: None}
    folders = _folders(root)
    splits = split_names(folders)
    tables = {os.path.join(root, name, TABLE): splits.get(name) for name in folders}  # noqa: PTH118
    if not splits or not all(map(os.path.isfile, tables)):
        return {}
    if any(_folders(os.path.dirname(table)) for table in tables):  # noqa: PTH120
        return {}
    return dict(tables)


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as found:
            return sorted(one.name for one in found if one.is_dir() and not one.name.startswith((".", "__")))
    except OSError:
        return []
