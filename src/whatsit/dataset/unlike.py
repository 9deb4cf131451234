"""Folders of photos that are no classes, though no name of a level says so: shards, masks, boxes. Refused by name."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from whatsit.dataset.tree import Tree
from whatsit.dataset.words import is_mask, is_numbered_part, is_pictures
from whatsit.errors import DatasetError
from whatsit.text import printable, some

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
