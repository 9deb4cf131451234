"""Names that tell of a common source, and what the pictures say to that."""

import doctest
import hashlib
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from whatsit.data import names
from whatsit.data.names import made_by_tools
from whatsit.data.sources import Sources, find_sources
from whatsit.images.source import taken_at

SOURCES, COPIES, DIM = 24, 5, 64
Name = Callable[[int, int], str]  # source, copy → a file's name


def test_docstrings() -> None:
    result = doctest.testmod(names)
    assert result.attempted > 0
    assert result.failed == 0


def vectors(alike: float, seed: int = 0) -> NDArray[np.float32]:
    """(24 · 5, 64): each source's copies about one point; the nearer, the more alike."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(SOURCES, 1, DIM))
    return (alike * points + rng.normal(size=(SOURCES, COPIES, DIM))).reshape(-1, DIM).astype(np.float32)


def found(name: Name, alike: float = 2.0, choice: str = "auto", **also: object) -> Sources:
    uris = [f"photos/{'ab'[s % 2]}/{name(s, c)}.jpg" for s in range(SOURCES) for c in range(COPIES)]
    labels = np.repeat(np.arange(SOURCES) % 2, COPIES)
    return find_sources(uris, labels, vectors(alike), choice, **also)  # type: ignore[arg-type]


def right(sources: Sources) -> bool:
    return all(a // COPIES == b // COPIES for a, b in sources.pairs)


def hexadecimal(s: int, c: int) -> str:
    return hashlib.md5(f"{s} {c}".encode()).hexdigest()


CHANGES = ("", "_flip", "_rot90", "-brightness-1.2", "_aug_3")
NAMES: dict[str, Name] = {
    "Roboflow": lambda s, c: f"p{s}_jpg.rf.{hexadecimal(s, c)}",
    "Roboflow, newer": lambda s, c: f"p{s}_png.rf.{hexadecimal(s, c)[:20].upper()}",
    "Augmentor": lambda s, c: f"a_original_p{s}.jpg_{UUID(hexadecimal(s, c))}" if c else f"p{s}",
    "Keras": lambda s, c: f"aug_{s}_{int(hexadecimal(s, c), 16) % 10**7}",
    "scripts": lambda s, c: f"p{s}{CHANGES[c]}",
    "prefixes": lambda s, c: f"rotated_by_{15 * c}_shot {s}" if c else f"shot {s}",
    "Plant Diseases": lambda s, c: f"x___FREC_Scab {s}{('', '_90deg', '_flipLR', '_newPixel25', '_lastRow')[c]}",
    "Windows' copies": lambda s, c: f"p{s}" + ("", " - Copy", " - Copy (2)", " - Kopie", " - Copy - Copy")[c],
    "Finder's copies": lambda s, c: f"p{s}" + ("", " copy", " copy 2", " copy 3", " copy 4")[c],
    "downloads": lambda s, c: f"p{s} ({c})" if c else f"p{s}",
    "Finder's copies of a folder": lambda s, c: f"p{s}" + ("", " 2", " 3", " 4", " 5")[c],
    "Google Drive": lambda s, c: ("", "Copy of ", "Kopie von ", "Copie de ", "Copy of Copy of ")[c] + f"p{s}",
    "German": lambda s, c: f"p{s}" + ("", "-Kopie", " - Kopie", "_Kopie2", "-kopie3")[c],
    "Label Studio": lambda s, c: f"a{hexadecimal(s, c)[:6]}7-shot{s}" if c else f"shot{s}",
    "uploads": lambda s, c: f"shot{s}_{UUID(hexadecimal(s, c))}",
    "imgaug": lambda s, c: f"p{s}_imgaug{c}" if c else f"p{s}",
    "tiles": lambda s, c: f"p{s}_tile_{c}_{7 - c}",
    "versions": lambda s, c: f"p{s}" + ("", "_v2", "_v3", "_final", "_v4_edited")[c],
    "frames": lambda s, c: f"clip{s}_frame{c:06}",
}


@pytest.mark.parametrize("tool", NAMES)
def test_copies_by_name_and_look_are_groups(tool: str) -> None:
    sources = found(NAMES[tool])
    assert (sources.photos, sources.sources, sources.proposals) == (SOURCES * COPIES, SOURCES, ())
    assert right(sources)


@pytest.mark.parametrize("tool", [tool for tool in NAMES if "Roboflow" not in tool and tool != "Augmentor"])
def test_names_alone_prove_nothing(tool: str) -> None:
    """The same names on photos that are no more alike than any."""
    sources = found(NAMES[tool], alike=0.0)
    assert (sources.photos, sources.proposals) == (0, ())


def test_a_tools_hash_is_not_dismissed_in_silence() -> None:
    sources = found(NAMES["Roboflow"], alike=0.0)
    assert sources.photos == 0
    assert [(one.photos, one.sources) for one in sources.proposals] == [(SOURCES * COPIES, SOURCES)]


@pytest.mark.parametrize("form", ["leaf ({})", "cat.{}", "frame_{:04}", "IMG_{:04}", "{}"])
def test_a_folder_that_is_numbered_through_is_no_sign_of_copies(form: str) -> None:
    sources = found(lambda s, c: form.format(s * COPIES + c))
    assert (sources.photos, sources.proposals) == (0, ())


def test_a_series_that_agrees_less_is_proposed_and_taken_where_asked() -> None:
    """`p3_0` to `p3_4` may be one photo or a day: it is said, not done."""
    by_number: Name = lambda s, c: f"p{s}x_{c}"  # noqa: E731
    assert (found(by_number).sources, right(found(by_number))) == (SOURCES, True)
    proposed = found(by_number, alike=0.6)
    assert (proposed.photos, proposed.pairs) == (0, ())
    (one,) = proposed.proposals
    assert one.example.startswith("p")
    assert one.photos == one.sources * COPIES
    assert one.sources > 8
    taken = found(by_number, alike=0.6, choice="always")
    assert (taken.photos, taken.sources, taken.proposals) == (one.photos, one.sources, ())
    assert right(taken)
    assert found(NAMES["Roboflow"], choice="never") == Sources()


def test_what_the_users_groups_hold_together_is_not_proposed() -> None:
    def by_number(s: int, c: int) -> str:
        return f"p{s}_{c}"

    (one,) = found(by_number, alike=0.6).proposals
    groups = [f"site {s}" for s in range(SOURCES) for _ in range(COPIES)]
    assert found(by_number, alike=0.6, groups=groups).proposals == ()
    groups[::COPIES] = ["elsewhere"] * SOURCES  # one photo of each source
    assert found(by_number, alike=0.6, groups=groups).proposals == (one,)
    assert found(by_number, alike=0.6, groups=[None] * len(groups)).proposals == (one,)


def test_a_long_series_is_asked_about() -> None:
    """A day of photos at one place: 150 of each of four, all alike."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(4, 1, DIM)) * 3 + rng.normal(size=(4, 150, DIM))).reshape(-1, DIM).astype(np.float32)
    uris = [f"day{row // 150}x_{row % 150:03}.jpg" for row in range(600)]
    sources = find_sources(uris, np.zeros(600, np.int64), x)
    assert sources.photos == 0


@pytest.mark.parametrize(("original", "pairs"), [(0, ((0, 1),)), (3, ())])
def test_one_copy_among_many_photos_needs_to_look_it(original: int, pairs: tuple[tuple[int, int], ...]) -> None:
    x = vectors(0.0)
    x[1] = x[0] + 0.3 * x[2]
    uris = [f"{row:03}x.jpg" for row in range(len(x))]
    uris[1] = f"{original:03}x_flip.jpg"
    assert find_sources(uris, np.zeros(len(x), np.int64), x).pairs == pairs


def test_photos_of_two_classes_or_folders_are_of_two_sources() -> None:
    """`a/1_aug1` and `b/1_aug2`: each folder has its own numbers."""
    uris = [f"photos/{'ab'[c % 2]}/{s}_aug{c}.jpg" for s in range(SOURCES) for c in range(COPIES)]
    everyone = np.arange(SOURCES * COPIES)
    by_folder = find_sources(uris, everyone % COPIES % 2, vectors(2.0))
    assert by_folder.photos == SOURCES * COPIES
    assert by_folder.sources == 2 * SOURCES


@pytest.mark.parametrize(("alike", "sources"), [(2.0, SOURCES), (0.0, 0)])
def test_one_source_on_both_sides_of_a_split(alike: float, sources: int) -> None:
    """Copies of one class in train/ and test/ are joined where they look alike."""
    uris = [
        f"{'train' if c < 3 else 'test'}/a/p{s}{'_aug' if c else ''}{c or ''}.jpg"
        for s in range(SOURCES)
        for c in range(COPIES)
    ]
    assert find_sources(uris, np.zeros(len(uris), np.int64), vectors(alike)).sources == sources


@pytest.mark.parametrize(
    ("seconds", "pairs"), [(0.4, SOURCES * (COPIES - 1)), (60.0, 0), (None, 0)], ids=["burst", "minutes", "no EXIF"]
)
def test_a_burst_is_told_by_numbers_times_and_looks(seconds: float | None, pairs: int) -> None:
    by_number: Name = lambda s, c: f"IMG_{s * COPIES + c:04}"  # noqa: E731
    times = {
        f"photos/{'ab'[s % 2]}/{by_number(s, c)}.jpg": None if seconds is None else s * 3600 + c * seconds
        for s in range(SOURCES)
        for c in range(COPIES)
    }
    burst = found(by_number, alike=6.0, taken=times.get)
    assert len(burst.pairs) == pairs
    assert right(burst)


@pytest.mark.parametrize("form", ["{}_aug_{}", "{}_{}", "{} ({})", "{}_jpg.rf.{:032x}"])
@pytest.mark.parametrize("others", [0, 3])
def test_a_whole_class_is_never_taken_for_one_photo(form: str, others: int) -> None:
    """Any cats, numbered as `cat_aug_1` to `cat_aug_60`: they are more like each other than like the dogs."""
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(size=DIM) * 2 + rng.normal(size=(60 + others, DIM)) for _ in range(2)])
    names = [*(form.format("photo", row) for row in range(60)), *(f"other{row}z" for row in range(others))]
    uris = [f"{label}/{name}.jpg" for label in ("cat", "dog") for name in names]
    labels = np.repeat(np.arange(2), 60 + others)
    assert find_sources(uris, labels, x.astype(np.float32)).photos == 0


def test_a_clock_that_stands_still_proves_nothing() -> None:
    """Neighbours that look no more alike than others: a fifth of them by chance."""
    still = found(lambda s, c: f"IMG_{s * COPIES + c:04}", alike=0.0, taken=lambda uri: 0.0)
    assert len(still.pairs) < 40


def test_the_time_in_a_photos_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: "2026:03:01 12:00:07", 0x9291: "25"})
    image = Image.new("RGB", (8, 8))
    image.save(tmp_path / "a.jpg", exif=exif)
    exif.get_ifd(0x8769).update({0x9003: "2026:03:01 12:00:09", 0x9291: "75"})
    image.save(tmp_path / "b.jpg", exif=exif)
    exif.get_ifd(0x8769).update({0x9003: "no time"})
    image.save(tmp_path / "c.jpg", exif=exif)
    image.save(tmp_path / "d.jpg")
    a, b, *others = (taken_at(str(tmp_path / f"{name}.jpg")) for name in "abcde")
    assert a is not None
    assert b is not None
    assert b - a == pytest.approx(2.5)
    assert others == [None, None, None]
    assert taken_at("https://example.org/a.jpg") is None


@pytest.mark.parametrize(
    "stem", ["20240131-holiday", "00012345_left", "3fa9c1d2-01", "deadbeef-photo", "1095476_12345678"]
)
def test_dates_and_numbers_are_no_hash(stem: str) -> None:
    assert made_by_tools(stem).kind is None


def test_names_that_hold_nothing_else_stay() -> None:
    for stem in ("", "flip", "aug", "aug_3", "original", "-", "crop12", "IMG_1234", "a.b.c"):
        assert made_by_tools(stem).stem or not stem
