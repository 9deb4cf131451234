"""File names that tell of a common source: augmented copies, edited copies, numbered series.

A name proves nothing. What it says is a claim, which the pictures have to bear out (`sources.py`). The patterns are
those that tools write, read from their sources, and those that people's scripts use.
"""

import re
from dataclasses import dataclass
from posixpath import basename
from typing import Literal

Kind = Literal["export", "change", "copy", "draw", "number", "series"]

SEP = r"[ _.\-]"
_CHANGES = (
    r"(?:img?)?aug(?:ment(?:ed|ation)?)?|[hv]?flip(?:ped)?(?:lr|ud|tb|h|v)?|(?:lr|ud|tb)flip|mirror(?:ed)?|horizontal(?:ly)?"
    r"|vertical(?:ly)?|rot(?:at(?:e|ed|ion))?|new\d+deg(?:flip(?:lr|tb|ud))?|newpixel|lastrow|\d+deg(?:rees?)?"
    r"|(?:center|centre|random)?crop(?:ped)?|(?:gaussian|motion|median)?blur(?:red)?|gauss(?:ian)?|noise|noisy"
    r"|bright(?:ness|er|en|ened)?|dark(?:er|en|ened)?|contrast|colou?r(?:ed)?|colou?r ?jitter|jitter(?:ed)?|hue"
    r"|sat(?:uration)?|gr[ae]y(?:scale)?|sharp(?:en|ened|ness)?|zoom(?:ed)?(?:in|out)?|shift(?:ed)?|shear(?:ed)?"
    r"|skew(?:ed)?|scaled?|translat(?:e|ed|ion)|distort(?:ed|ion)?|elastic|affine|perspective|warp(?:ed)?"
    r"|equali[sz]ed?|clahe|invert(?:ed)?|solari[sz]ed?|posteri[sz]ed?|cutout|erased?|transform(?:ed)?|compressed"
    r"|resized?|edited|edit|effects|orig(?:inal)?|tile|patch|v\d\d?|final"
)
_NUMBERS = rf"(?:{SEP}*(?:by|plus|minus|neg|[+])?{SEP}*\d+(?:\.\d+)?(?:deg)?)*"
_SUFFIX = re.compile(rf"(?:{SEP}+(?:{_CHANGES}){_NUMBERS})+$", re.IGNORECASE)
_PREFIX = re.compile(rf"^(?:(?:{_CHANGES}){_NUMBERS}{SEP}+)+(?=.)", re.IGNORECASE)
_IMAGE = re.compile(r"[._](?:jpe?g|png|bmp|webp|tiff?|gif|heic)$", re.IGNORECASE)

# Roboflow's exports: NAME_jpg.rf.<32 hexadecimal digits>.jpg; newer ones have 20 letters and digits.
_ROBOFLOW = re.compile(r"^(.+)\.rf\.[0-9A-Za-z]{16,40}$")
# Augmentor's Pipeline: <class>_original_NAME.jpg_<uuid4>.JPEG, and _groundtruth_(n)_ for masks.
_AUGMENTOR = re.compile(r"^.*?_original_(.+)_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
# Windows, macOS, GNOME and phones, in some languages.
_A_COPY = "Copy|Kopie|Copie|copia|Cópia|kopia"
_COPY = re.compile(
    rf"(?: - (?:{_A_COPY})(?: \(\d+\))?|{SEP}(?:{_A_COPY}){SEP}?\d*| \((?:\d+\w\w |another )?copy\)|~\d|-EFFECTS)$",
    re.IGNORECASE,
)
_COPY_OF = re.compile(rf"^(?:{_A_COPY})(?: \(\d+\))? (?:of|von|de|di|van) (?=.)", re.IGNORECASE)
# Label Studio writes 8 hexadecimal digits before the name of what is uploaded; others write digits or a UUID behind it.
# Without a letter it may be a date.
# A short rest is rather a member of what the digits stand for, as of a patient.
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_HEX = rf"(?:{_UUID}|(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{{8,}})"
_UPLOADED = re.compile(rf"^{_HEX}[-_](?=.{{5}})|(?<=.)[-_]{_HEX}$")
_EDITED_ON_PHONE = re.compile(r"^(IMG_)E(\d{4,})$")  # IMG_E1234 is the edited IMG_1234
# Keras' ImageDataGenerator(save_to_dir): PREFIX_INDEX_HASH, where INDEX is the photo's place and HASH is random.
_KERAS = re.compile(r"^((?:.*\D)?_(?:0|[1-9]\d{0,4}))_(?:0|[1-9]\d{0,6})$")
_NUMBER = re.compile(r"^(.+?) ?\(\d{1,5}\)$")  # NAME (2): a copy, or one of a folder that Windows has numbered
_SERIES = re.compile(
    rf"^(.+?){SEP}(?:(?:frame|fr?|img|shot|view|slice)?\d{{1,6}}|[a-z])$", re.IGNORECASE
)  # NAME_3, NAME-b


@dataclass(frozen=True, slots=True)
class Claim:
    """What a name says of its source.

    Attributes:
        stem: What the names of one source have in common; the name itself where it says nothing.
        kind: By which pattern; None where by none, as of an original beside its copies.
    """

    stem: str
    kind: Kind | None


def stem_of(uri: str) -> str:
    """A path's or URI's file name without its suffix.

    >>> stem_of("zip://cats/a b.jpg::all.zip"), stem_of("s3://bucket/c.d.png")
    ('a b', 'c.d')
    """
    name = basename(uri.split("::")[0].replace("\\", "/"))
    return name.rpartition(".")[0] or name


def made_by_tools(stem: str) -> Claim:
    """What is left of a name without all that tools and people add when they change or copy a photo.

    >>> made_by_tools("cat1_jpg.rf.0cc175b9c0f1b6a831c399e269772661")
    Claim(stem='cat1', kind='export')
    >>> made_by_tools("leaf_aug3_flip"), made_by_tools("IMG_7 - Copy (2)"), made_by_tools("rotated_by_15_cup")
    (Claim(stem='leaf', kind='change'), Claim(stem='IMG_7', kind='copy'), Claim(stem='cup', kind='change'))
    """
    kind: Kind | None = None
    while True:
        rest, found = _once(stem)
        if found is None or not rest:
            return Claim(stem, kind)
        stem, kind = rest, kind or found


def _once(stem: str) -> tuple[str, Kind | None]:
    for pattern in (_ROBOFLOW, _AUGMENTOR):
        if match := pattern.match(stem):
            return _IMAGE.sub("", match[1]), "export"
    if match := _EDITED_ON_PHONE.match(stem):
        return match[1] + match[2], "copy"
    if match := _COPY.search(stem):
        return stem[: match.start()], "copy"
    for added in (_COPY_OF, _UPLOADED):
        if match := added.search(stem):
            return stem[: match.start()] + stem[match.end() :], "copy"
    if match := _SUFFIX.search(stem):
        return stem[: match.start()], "change"
    if (match := _PREFIX.search(stem)) and not _KERAS.match(stem):  # (a prefix of Keras' may be such a word)
        return stem[match.end() :], "change"
    return stem, None


def numbered(stem: str) -> Claim:
    """What a number at the end of a name may say.

    >>> numbered("cat_0_1234"), numbered("leaf (12)"), numbered("door-b"), numbered("door")
    (Claim(stem='cat_0', kind='draw'), Claim(stem='leaf', kind='number'), Claim(stem='door', kind='series'), \
Claim(stem='door', kind=None))
    """
    kinds: tuple[tuple[re.Pattern[str], Kind], ...] = ((_KERAS, "draw"), (_NUMBER, "number"), (_SERIES, "series"))
    for pattern, kind in kinds:
        if match := pattern.match(stem):
            return Claim(match[1], kind)
    return Claim(stem, None)


_CAMERA = re.compile(r"^(.*\D|)(\d{3,10})$")  # IMG_1234, DSC01234, P1010123, 20240131_120000


def camera_number(stem: str) -> tuple[str, int] | None:
    """A camera's running number, and what stands before it.

    >>> camera_number("IMG_1234"), camera_number("door")
    (('IMG_', 1234), None)
    """
    match = _CAMERA.match(stem)
    return (match[1], int(match[2])) if match else None
