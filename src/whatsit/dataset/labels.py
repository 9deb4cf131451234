"""The classes and their order: from a label dictionary, or from the photos themselves."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from whatsit.dataset.records import Record
from whatsit.errors import DatasetError
from whatsit.text import clean_label, number, printable, some


def read_text(path: Path) -> str:
    """A small text file in UTF-8, or in UTF-16 with a byte-order mark, as Excel's "Unicode text" is.

    Raises:
        DatasetError: It is missing, a folder, or not UTF-8.
    """
    try:
        data = path.read_bytes()
        return data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except OSError as error:
        raise DatasetError(
            f"{printable(str(path))}: cannot be read ({error.strerror}). Expected a text file."
        ) from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{printable(str(path))}: not UTF-8 text (byte {error.start}). "
            "Expected a text file in UTF-8. Save it again as UTF-8."
        ) from error


def read_label_dict(path: Path) -> tuple[str, ...]:
    """The labels of a dictionary file, one a line, in order. Blank lines count for nothing.

    Raises:
        DatasetError: The file cannot be read, is empty, or has a label twice.
    """
    labels = tuple(label for line in read_text(path).split("\n") if (label := clean_label(line)))
    shown = printable(str(path))
    if not labels:
        raise DatasetError(f"{shown}: no labels (got an empty file). Expected one label a line.")
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise DatasetError(f"{shown}: {some(twice)} listed more than once. Expected each label on one line.")
    return labels


def find_classes(
    records: Sequence[Record], name: str, dictionary: tuple[str, ...] | None, notes: Sequence[str] = ()
) -> tuple[str, ...]:
    """The classes of a data set, in order, once they fit its records.

    Args:
        records: All of them; those without a split may be trained on.
        name: What to call the data set in a message.
        dictionary: The labels in their order, where the user fixed it.
        notes: How the records were read, to be said where they have one class.

    Raises:
        DatasetError: There is no train split; fewer than two classes; labels that the dictionary or the train
            split lacks; classes of the dictionary without photos to train on.
    """
    trained = {record.label for record in records if record.split in (None, "train")}
    everywhere = {record.label for record in records}
    if not trained:
        raise DatasetError(f"{name}: no train split. Expected photos with the split train as well.")
    if dictionary is not None:
        _check_dictionary(name, dictionary, everywhere, trained)
    if unknown := sorted(everywhere - trained):
        raise DatasetError(
            f"{name}: {some(unknown)} {_occurs(unknown)} in valid or test but not in train. "
            f"Expected the classes of train: {some(sorted(trained), 5)}. Add photos, or rename the class."
        )
    if len(trained) < 2:
        raise DatasetError(
            f"{name}: only one class, {some(sorted(trained))} ({number(len(records), 'photo')}). "
            "Expected two classes or more, each in a folder of its own. Check that this is the right folder."
            + "".join(f" Note: {note}." for note in notes[:2])
        )
    return dictionary if dictionary is not None else tuple(sorted(trained))


def by_classes(
    records: Sequence[Record], name: str, classes: Sequence[str]
) -> tuple[Sequence[Record], Sequence[Record]]:
    """The photos of a model's classes, and those of others; a class without photos is fine.

    Raises:
        DatasetError: All are of others.
    """
    has = set(classes)
    known, foreign = [r for r in records if r.label in has], [r for r in records if r.label not in has]
    if not known:
        strange = sorted({record.label for record in records})
        raise DatasetError(
            f"{name}: {some(strange)} {_occurs(strange)} no class of the model. "
            f"Expected one of its {number(len(classes), 'class')}: {some(classes, 5)}. Rename the labels, or see "
            "how often it is unsure of such photos: whatsit predict MODEL FOLDER."
        )
    return known, foreign


def _check_dictionary(name: str, dictionary: tuple[str, ...], everywhere: set[str], trained: set[str]) -> None:
    if strange := sorted(everywhere.difference(dictionary)):
        raise DatasetError(
            f"{name}: {some(strange)} {_occurs(strange)} not in the label dictionary. "
            f"Expected one of its {number(len(dictionary), 'label')}: {some(dictionary, 5)}. "
            "Add the label to the dictionary, or mend it in the data."
        )
    if empty := [label for label in dictionary if label not in trained]:
        raise DatasetError(
            f"{name}: no photos to train on for {some(empty)} of the label dictionary. "
            "Expected photos of every class. Add some, or remove the label from the dictionary."
        )


def _occurs(labels: Sequence[str]) -> str:
    return "is" if len(labels) == 1 else "are"
