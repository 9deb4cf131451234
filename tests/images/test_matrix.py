"""TIFFs written by another library are shown as their data are, or refused by name: never otherwise."""

import random
import sys

import numpy as np
import pytest

from whatsit.errors import ImageError
from whatsit.images.decode import read_image

from .matrix import Case, cases, verdict, written

SHARE = 350  # of the 92,000 that `benchmarks/pixels.py` tries


def test_a_share_of_all_cases() -> None:
    counts = dict.fromkeys(("right", "refused"), 0)
    for case in random.Random(0).sample(list(cases()), SHARE):
        file = written(case)
        if file is not None:
            found = verdict(case, *file)
            assert found in ("right", "refused"), case
            counts[found] += 1
    assert counts["right"] > SHARE / 5, counts


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "zstd", "lzma"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("depth", ["u1", "u2", "f4"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite", "rgb"])
def test_what_microscopes_and_scanners_write_is_read(
    photometric: str, depth: str, planar: str, compression: str | None, order: str
) -> None:
    extra = "unassalpha" if planar == "separate" else None
    for predictor in (False, True) if compression in ("lzw", "zlib") else (False,):
        case = Case(photometric, depth, compression, planar, extra, order, predictor, "tiles", False)
        file = written(case)
        assert file is not None
        assert verdict(case, *file) == "right", case


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    file = written(Case("rgb", "u1", "jpeg2000", "contig", None, "<", False, "one", False))
    assert file is not None
    with pytest.raises(ImageError, match=r"compressed with JPEG 2000, without .*pip install 'whatsit\[science\]'$"):
        read_image(file[0])


def test_the_expected_pictures_are_pictures() -> None:
    """The matrix would find nothing wrong with pictures of one colour."""
    for case in random.Random(1).sample(list(cases()), 20):
        file = written(case)
        assert file is None or np.ptp(file[1]) > 50
