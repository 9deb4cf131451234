"""What the names of folders and of splits tell: a split, no label, a mask, a mere part of the whole. Knows no disk.

A name is read as its words: `Train_Set`, `trainSet` and `train2017` all hold `train`, and the rest of each is filler.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from whatsit.config import Split

SplitWord = Split | Literal["judge"]  # the last: eval, holdout, which is test, or valid where there is a test

_SPELLINGS: tuple[tuple[SplitWord, tuple[str, ...]], ...] = (
    ("train", ("train", "training", "trainval", "trn", "trainings", "entrainement", "entraînement", "entrenamiento")),
    ("valid", ("valid", "val", "validation", "validate", "validating", "dev", "devel", "development", "validierung")),
    ("test", ("test", "testing", "tst", "tests", "prueba", "pruebas")),
    ("judge", ("eval", "evaluation", "evaluate", "holdout", "heldout")),
)
SPLIT_WORDS: Mapping[str, SplitWord] = {word: split for split, spelled in _SPELLINGS for word in spelled}
"""How folders and manifests spell the three splits."""


def _of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FILLERS = _of(
    "set sets data dataset datasets image images img imgs photo photos pic pics picture pictures file files folder "
    "folders dir directory seg obj split splits subset part sample samples jpg jpeg png of the my all full final "
    "new raw resized cropped and daten datos donnees données"
)
_GLUED = re.compile(
    rf"({'|'.join(sorted(SPLIT_WORDS, key=len, reverse=True))})"
    r"(set|sets|data|dataset|images?|imgs?|photos?|pics|pictures|files|folder|dir|split|daten|datensatz)"
)
_PAIRS = {("held", "out"): "heldout", ("hold", "out"): "holdout", ("train", "val"): "trainval"}

_UNLABELLED = _of("unlabeled unlabelled unlabel unlabels nolabel nolabels unannotated untagged unsorted tosort tolabel")
_NOT, _LABELLED = (
    _of("no not non without un missing to"),
    _of("label labels labeled labelled labelling annotation annotations annotated tag tags tagged sort"),
)
_VAGUE = _of(
    "unknown misc miscellaneous undefined unclassified unidentified na nan null none todo tbd newfolder untitledfolder "
    "neuerordner nouveaudossier nuevacarpeta unsortiert unsure ohnelabel sansetiquette sansétiquette sinetiqueta"
)

_PARTS = _of("shard shards part parts batch batches chunk chunks fold folds cv split splits tar partition subset")
_VIEWS = _of(
    "original originals orig augmented augmentation aug raw edited cropped crop crops resized closeup closeups "
    "close far near wide detail details front back rear left right top bottom side inside outside indoor outdoor "
    "indoors outdoors day night morning evening spring summer autumn fall winter image images img imgs photo photos "
    "picture pictures jpg jpeg png tif tiff raw clean noisy blurred small large big hd lowres highres rgb nir ir "
    "grey gray colour color new old good bad best extra more version"
)
_SERIES = _of(
    "camera cam site location station session day week month year run series trip transect plot video clip scene "
    "sequence seq patient subject person user client folder set group lot roll album import dcim msdcf "
    "sample slide plate"
)
_MASKS = _of(
    "mask masks trimap trimaps segmentation segmentations segmentationclass segmentationobject annotation "
    "annotations annot label labels groundtruth gt seg lesion overlay overlays contour contours"
)
_PICTURES = _of(
    "image images img imgs photo photos picture pictures jpegimages rgb input inputs data original originals"
)


def words(name: str) -> list[str]:
    """The words of a name, in lower case; digits are words of their own.

    >>> words("Train_SetFolder-2017")
    ['train', 'set', 'folder', '2017']
    >>> words("TRAIN"), words("obj_train_data"), words("trainset"), words("held-out")
    (['train'], ['obj', 'train', 'data'], ['train', 'set'], ['heldout'])
    """
    cut = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    found: list[str] = []
    for word in re.findall(r"\d+|[^\W\d_]+", cut):
        low = word.lower()
        glued = _GLUED.fullmatch(low)
        found += glued.groups() if glued else (low,)
    return _joined(found)


def _joined(found: list[str]) -> list[str]:
    for at in range(len(found) - 1):
        if pair := _PAIRS.get((found[at], found[at + 1])):
            return [*found[:at], pair, *_joined(found[at + 2 :])]
    return found


def split_word(name: str) -> tuple[SplitWord, tuple[str, ...]] | None:
    """Which split a name names, and the words beside that are no filler; None where it names none, or several.

    >>> split_word("seg_train"), split_word("test1"), split_word("steam_train"), split_word("boat")
    (('train', ()), ('test', ()), ('train', ('steam',)), None)
    """
    all_words = words(name)
    kinds = [SPLIT_WORDS[word] for word in all_words if word in SPLIT_WORDS]
    if len(kinds) != 1:
        return None
    rest = (word for word in all_words if word not in SPLIT_WORDS and word not in _FILLERS and not word.isdigit())
    return kinds[0], tuple(rest)


def split_names(names: Collection[str]) -> dict[str, Split]:
    """The split of each name, where all of them are split words beside each other; else nothing.

    What stands beside the words must be filler, or the same in all: `pets_train` and `pets_test` are splits,
    `steam_train` and `bench_test` are not. `eval` and `holdout` are test, or valid where there is a test.

    >>> split_names(["training_set", "test_set"])
    {'training_set': 'train', 'test_set': 'test'}
    >>> split_names(["train", "eval", "holdout"]), split_names(["train", "boat"])
    ({}, {})
    """
    found = {name: split_word(name) for name in names}
    if not all(found.values()) or len({one[1] for one in found.values() if one and one[1]}) > 1:
        return {}
    kinds = [one[0] for one in found.values() if one]
    judge: Split = "valid" if "test" in kinds else "test"
    if kinds.count("judge") > 1 or ("judge" in kinds and judge in kinds):
        return {}
    return {name: judge if one[0] == "judge" else one[0] for name, one in found.items() if one}


def is_plain_split(name: str) -> bool:
    """Whether a name is a split's and nothing more but filler.

    >>> is_plain_split("train2017"), is_plain_split("steam_train")
    (True, False)
    """
    found = split_word(name)
    return found is not None and not found[1]


def is_unlabelled(name: str) -> bool:
    """Whether a name says that its photos have no label.

    >>> is_unlabelled("_unlabeled"), is_unlabelled("no label"), is_unlabelled("unlabeled2017"), is_unlabelled("misc")
    (True, True, True, False)
    """
    real = [word for word in words(name) if word not in _FILLERS and not word.isdigit()]
    if len(real) == 1:
        return real[0] in _UNLABELLED
    return len(real) == 2 and real[0] in _NOT and real[1] in _LABELLED


def is_vague(name: str) -> bool:
    """Whether a name is the kind that is given to what has no name."""
    return bool(found := words(name)) and "".join(found) in _VAGUE


def is_mask(name: str) -> bool:
    found = set(words(name))
    return bool(found & _MASKS) and found <= _MASKS | _FILLERS


def is_pictures(name: str) -> bool:
    found = set(words(name))
    return bool(found & _PICTURES) and found <= _PICTURES | _FILLERS


def is_numbered_part(names: Iterable[str]) -> bool:
    """Whether all names are one word for a part with a number: shard-0001, fold_2, batch3.

    >>> is_numbered_part(["fold_0", "fold_1"]), is_numbered_part(["class1", "class2"]), is_numbered_part(["0", "1"])
    (True, False, False)
    """
    each = [words(name) for name in names]
    stems = {tuple(word for word in found if not word.isdigit()) for found in each}
    numbered = all(any(word.isdigit() for word in found) for found in each)
    return numbered and len(stems) == 1 and bool(_PARTS & set(next(iter(stems))))


def partness(names: Collection[str]) -> int:
    """How much names look like parts of a whole, rather than like what photos show.

    Returns:
        2 for folds, years, cameras and the like; 1 for views such as closeup or augmented; 0 for other names.

    >>> partness(["2020", "2021"]), partness(["site_a", "site_b"]), partness(["original", "augmented"])
    (2, 2, 1)
    >>> partness(["cat", "dog"]), partness(["closeup", "cat"])
    (0, 0)
    """
    return min((_partness(name) for name in names), default=0)


def _partness(name: str) -> int:
    found = words(name)
    strong = [word for word in found if word.isdigit() or word in _PARTS or word in SPLIT_WORDS]
    strong += [word for word in found if word in _SERIES and len(found) > 1]
    if any(len(word) > 1 and word not in strong and word not in _VIEWS for word in found):
        return 0
    return 2 if strong else 1 if any(word in _VIEWS for word in found) else 0
