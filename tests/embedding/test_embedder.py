"""Each image is computed once, whatever it is called; none is lost, and none gets a neighbour's vector."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from whatsit.config import Precision
from whatsit.embedding.embedder import Embedded, Embedder
from whatsit.embedding.session import open_session, run
from whatsit.errors import BackboneError
from whatsit.images.decode import load_with_thumbnail
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import ResizeMode

from .samples import save_drawings, tiny_extractor


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    return save_drawings(tmp_path / "photos", 30)


def _fill(
    cache: Path, sources: list[str], resize_mode: ResizeMode = "squash", precision: Precision = "float32"
) -> Embedded:
    with Embedder(tiny_extractor(resize_mode, precision), cache) as embedder:
        return embedder.fill(sources)


def _vectors(cache: Path, sources: list[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    with Embedder(tiny_extractor(), cache) as embedder:
        return embedder.vectors([d for d in embedder.fill(sources).digests if d])


def test_vectors_and_thumbnails_are_those_of_each_image_alone(tmp_path: Path, photos: list[str]) -> None:
    extractor = tiny_extractor()
    session = open_session(extractor.graph)
    with Embedder(extractor, tmp_path / "cache") as embedder:
        embedded = embedder.fill(photos)
        wanted = [digest for digest in embedded.digests if digest]
        vectors, thumbnails = embedder.vectors(wanted), embedder.thumbnails(wanted)
    assert embedded.computed == len(photos) == len(wanted)
    assert embedded.readable == list(range(len(photos)))
    for path, vector, thumbnail in zip(photos, vectors, thumbnails, strict=True):
        loaded = load_with_thumbnail(path, extractor.preprocessing)
        assert np.array_equal(vector, run(session, ["embedding"], loaded.pixels[None])[0][0])
        assert np.array_equal(thumbnail, loaded.thumbnail)


def test_the_second_time_nothing_is_computed(tmp_path: Path, photos: list[str]) -> None:
    first, second = _fill(tmp_path / "cache", photos), _fill(tmp_path / "cache", photos)
    assert (first.computed, second.computed) == (30, 0)
    assert first.digests == second.digests


def test_a_touched_file_is_hashed_again_and_not_computed(tmp_path: Path, photos: list[str]) -> None:
    first = _fill(tmp_path / "cache", photos)
    os.utime(photos[3], ns=(1, 1))
    assert _fill(tmp_path / "cache", photos) == Embedded(first.digests, {}, 0)


def test_a_changed_file_is_computed_alone(tmp_path: Path, photos: list[str]) -> None:
    first = _fill(tmp_path / "cache", photos[1:])
    shutil.copy(photos[0], photos[7])
    second = _fill(tmp_path / "cache", photos[1:])
    assert second.computed == 1
    assert [i for i in range(29) if first.digests[i] != second.digests[i]] == [6]


def test_moved_files_are_known_by_their_bytes(tmp_path: Path, photos: list[str]) -> None:
    _fill(tmp_path / "cache", photos)
    moved = Path(photos[0]).parent.rename(tmp_path / "elsewhere")
    assert _fill(tmp_path / "cache", sorted(map(str, moved.iterdir()))).computed == 0


def test_the_same_relative_name_in_another_folder_is_another_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests: list[bytes | None] = []
    for seed, folder in enumerate(("one", "two")):
        name = Path(save_drawings(tmp_path / folder, 2)[seed]).rename(tmp_path / folder / "a.bmp")
        name.write_bytes(name.read_bytes().ljust(10_000, b"\0"))  # of equal size and time, as from an archive
        os.utime(name, ns=(7, 7))
        monkeypatch.chdir(tmp_path / folder)
        digests += _fill(tmp_path / "cache", ["a.bmp"]).digests
    assert digests[0] != digests[1]


def test_exact_copies_are_computed_once(tmp_path: Path, photos: list[str]) -> None:
    copies = [str(shutil.copy(photos[0], tmp_path / f"copy{i}.png")) for i in range(9)]
    sources = [*copies, photos[0], photos[1], photos[1]]
    embedded = _fill(tmp_path / "cache", sources)
    assert embedded.computed == 2
    assert len(set(embedded.digests[:10])) == 1
    assert len(_vectors(tmp_path / "cache", sources)) == 12


def test_an_unreadable_file_is_named_and_tried_again(tmp_path: Path, photos: list[str]) -> None:
    whole = Path(photos[4]).read_bytes()
    Path(photos[4]).write_bytes(whole[:100])
    sources = [*photos[:6], str(tmp_path / "gone.png")]
    for _ in range(2):
        embedded = _fill(tmp_path / "cache", sources)
        assert set(embedded.errors) == {4, 6}
        assert embedded.errors[4].startswith("truncated PNG")
        assert embedded.errors[6] == "no such file"
        assert embedded.readable == [0, 1, 2, 3, 5]
        assert embedded.digests[6] is None
    Path(photos[4]).write_bytes(whole)
    mended = _fill(tmp_path / "cache", photos[:6])
    assert (mended.errors, mended.computed) == ({}, 1)


def test_copies_of_a_damaged_file_have_its_error_each(tmp_path: Path, photos: list[str]) -> None:
    damaged = [tmp_path / f"damaged{i}.png" for i in range(3)]
    for path in damaged:
        path.write_bytes(Path(photos[0]).read_bytes()[:100])
    sources = [str(damaged[0]), photos[0], str(damaged[1]), str(damaged[2]), str(damaged[0])]
    embedded = _fill(tmp_path / "cache", sources)
    assert set(embedded.errors) == {0, 2, 3, 4}
    assert len(set(embedded.errors.values())) == 1
    assert embedded.readable == [1]


def test_a_name_that_is_not_utf8(tmp_path: Path, photos: list[str]) -> None:
    odd = shutil.copy(photos[0], os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    assert [_fill(tmp_path / "cache", [odd]).computed for _ in range(2)] == [1, 0]


def test_uris_are_read(tmp_path: Path, photos: list[str]) -> None:
    uris = [Path(photo).as_uri() for photo in photos[:3]]
    assert [_fill(tmp_path / "cache", uris).computed for _ in range(2)] == [3, 0]


def test_limits_are_kept(tmp_path: Path, photos: list[str]) -> None:
    with Embedder(tiny_extractor(), tmp_path / "cache", limits=Limits(max_pixels=1000)) as embedder:
        errors = embedder.fill(photos[:2]).errors
    assert errors[0] == "too many pixels: 32 x 32 is 1,024 (limit 1,000)"


def test_other_preprocessing_or_precision_lies_in_another_file(tmp_path: Path, photos: list[str]) -> None:
    kinds: list[tuple[ResizeMode, Precision]] = [("squash", "float32"), ("crop", "float32"), ("squash", "int8")]
    for resize_mode, precision in kinds:
        assert _fill(tmp_path / "cache", photos[:2], resize_mode, precision).computed == 2
    files = [path.name for path in (tmp_path / "cache").glob("tiny-*.sqlite")]
    assert len(files) == 3
    assert sum("-int8-" in name for name in files) == 1


def test_progress_comes_to_the_number_of_sources(tmp_path: Path, photos: list[str]) -> None:
    Path(photos[2]).write_bytes(b"no image")
    for _ in range(2):
        steps: list[int] = []
        with Embedder(tiny_extractor(), tmp_path / "cache") as embedder:
            embedder.fill([*photos, photos[0]], steps.append)
        assert sum(steps) == 31


def test_what_was_done_before_an_interruption_is_kept(tmp_path: Path) -> None:
    photos = save_drawings(tmp_path / "photos", 150)

    def interrupt(done: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Embedder(tiny_extractor(), tmp_path / "cache") as embedder:
        embedder.fill(photos, interrupt)
    assert 0 < _fill(tmp_path / "cache", photos).computed <= 150 - 64


def test_an_unknown_device_is_told_before_anything_is_read(tmp_path: Path, photos: list[str]) -> None:
    with (
        Embedder(tiny_extractor(), tmp_path / "cache", device="abacus") as embedder,
        pytest.raises(BackboneError, match="no device 'abacus'"),
    ):
        embedder.fill(photos)
