"""What differs between the classes of two versions, in one sentence. Clients that count on them want to know."""

from collections.abc import Sequence
from pathlib import Path

from whatsit.errors import ModelFolderError
from whatsit.model.folder import ModelFacts, read_facts
from whatsit.text import some


def changes_from(folder: Path, default: int | None, version: int, facts: ModelFacts) -> tuple[str, ...]:
    """Warnings of a version that is about to stand beside the default."""
    if default is None:
        return ()
    try:
        before = read_facts(folder / str(default)).labels
    except ModelFolderError as error:
        return (f"the default, version {default}, cannot be compared with. {error}",)
    change = change_of_classes(before, facts.labels, f"version {version}", f"the default, version {default}")
    return (change,) if change else ()


def change_of_classes(before: Sequence[str], after: Sequence[str], new: str, old: str) -> str:
    """Empty where nothing changed. new, old: what the versions are called.

    >>> change_of_classes(["cat", "wolf"], ["cat", "fox"], "version 2", "version 1")
    "version 2 knows other classes than version 1: new 'fox'; gone 'wolf'"
    >>> change_of_classes(["cat", "fox"], ["fox", "cat"], "version 2", "version 1")
    'version 2 has the classes of version 1 in another order: whoever counts on their numbers gets the wrong ones'
    """
    if tuple(before) == tuple(after):
        return ""
    come = [label for label in after if label not in before]
    gone = [label for label in before if label not in after]
    if not come and not gone:
        return f"{new} has the classes of {old} in another order: whoever counts on their numbers gets the wrong ones"
    told = [f"{word} {some(labels)}" for word, labels in (("new", come), ("gone", gone)) if labels]
    return f"{new} knows other classes than {old}: {'; '.join(told)}"
