"""What people should look at in the names of classes; nothing is changed. Knows names and counts alone."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from whatsit.dataset.records import Record
from whatsit.dataset.words import is_unlabelled, is_vague
from whatsit.text import number, some


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
