"""The picture of `whatsit preview`: what is on it, what is left out, and mistakes in a line."""

import json
import shutil
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from cli.shell import Shell, check_mistake
from drawn import draw_folder
from PIL import Image

from whatsit.cli.typed import WRITTEN
from whatsit.config import PreviewOptions
from whatsit.data.read import read_photos
from whatsit.errors import DatasetError
from whatsit.images.decode import load_for_network
from whatsit.images.preprocessing import Preprocessing
from whatsit.kinds import Sides
from whatsit.training.network.contact_sheet import GAP, LINE, MARGIN, Cell, Row, draw_sheet
from whatsit.training.network.preview import Preview, preview

pytestmark = pytest.mark.slow

TOP = 2 * MARGIN + 2 * LINE  # where the first row begins


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos of each of three classes. Read it; to change it, copy it."""
    return draw_folder(tmp_path_factory.mktemp("few") / "few", per_class=3)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(capsys, monkeypatch)


def drawn(folder: Path, file: Path, **options: object) -> tuple[Preview, Image.Image]:
    done = preview(read_photos(folder), file, PreviewOptions(**options))  # type: ignore[arg-type]
    return done, Image.open(file).convert("RGB")


def test_a_row_is_a_photo_and_its_copies(few: Path, tmp_path: Path) -> None:
    done, sheet = drawn(few, tmp_path / "grid.png", size=(120, 160), photos=4, copies=2, augment="hflip")
    assert len(done.photos) == 4
    assert {Path(uri).parent.name for uri in done.photos} == {"leaves", "shells", "stones"}
    assert sheet.size == (2 * MARGIN + 3 * 160 + MARGIN + GAP, TOP + 4 * (LINE + 120 + MARGIN))
    pixels = np.asarray(sheet)
    for row, uri in enumerate(done.photos):
        original = load_for_network(uri, Preprocessing(size=(120, 160)))
        top = TOP + row * (LINE + 120 + MARGIN) + LINE
        assert np.array_equal(pixels[top : top + 120, MARGIN : MARGIN + 160], original)
        for left in (2 * MARGIN + 160, 2 * MARGIN + 2 * 160 + GAP):
            copy = pixels[top : top + 120, left : left + 160]
            assert np.array_equal(copy, original) or np.array_equal(copy, original[:, ::-1])
        assert (pixels[top - LINE : top, :300] < 128).any()  # the caption


def test_the_seed_decides(few: Path, tmp_path: Path) -> None:
    files = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        drawn(few, tmp_path / f"{name}.png", seed=seed, augment="strong", copies=2)
        files.append((tmp_path / f"{name}.png").read_bytes())
    assert files[0] == files[1] != files[2]


def test_mixed_photos_say_with_what(few: Path, tmp_path: Path) -> None:
    _, plain = drawn(few, tmp_path / "plain.png", size=(120, 120), photos=3, augment="hflip")
    _, mixed = drawn(few, tmp_path / "mixed.png", size=(120, 120), photos=3, augment="mixup=1")
    assert mixed.height == plain.height + 3 * LINE
    below = np.asarray(mixed)[TOP + LINE + 120 : TOP + LINE + 120 + LINE]
    assert (below[:, : MARGIN + 120] == 255).all()  # the photo itself is not mixed
    assert (below < 160).any()


def test_photos_that_judge_are_not_shown(few: Path, tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        shutil.copytree(few, tmp_path / "data" / split)
    done, _ = drawn(tmp_path / "data", tmp_path / "grid.png", photos=50, copies=1)
    assert len(done.photos) == 9
    assert all(Path(uri).parts[-3] == "train" for uri in done.photos)


def test_only_photos_that_judge(few: Path, tmp_path: Path) -> None:
    photo = few / "leaves" / "000.jpg"
    (tmp_path / "data.csv").write_text(f"uri,label,split\n{photo},leaves,test\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="valid or test alone"):
        drawn(tmp_path / "data.csv", tmp_path / "grid.png")


def test_the_command(few: Path, tmp_path: Path, shell: Shell) -> None:
    file = tmp_path / "grid.png"
    done = shell("preview", few, "-o", file, "--image-size", "30x100", "--photos", "3", "--copies", "2")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{file}: 3 photos, light\n"
    with Image.open(file) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width == 2 * MARGIN + 3 * 200 + MARGIN + GAP  # small ones are magnified
    check_mistake(shell("preview", few, "-o", file), "exists", "--force")
    assert shell("preview", few, "-o", file, "--force").code == 0


def test_any_name_is_drawn_and_what_is_no_photo_is_told(few: Path, tmp_path: Path, shell: Shell) -> None:
    odd = tmp_path / "photos" / "Gänseblümchen 花 😀"
    odd.mkdir(parents=True)
    shutil.copy(few / "leaves" / "000.jpg", odd / f"Straße {'x' * 200}.jpg")
    shutil.copy(few / "leaves" / "001.jpg", odd / "a\nb.jpg")
    shutil.copy(few / "leaves" / "002.jpg", tmp_path / "photos" / "no class.jpg")
    (odd / "bad.jpg").write_bytes(b"")
    arguments = ("preview", tmp_path / "photos", "-o", tmp_path / "grid.png", "--augment", "cutmix=1")
    done = shell(*arguments)
    assert done.code == 0
    assert [line.startswith("Note: ") for line in done.err.splitlines()] == [True, False]
    assert "bad.jpg: left out: " in done.err
    said = json.loads(shell(*arguments, "--json", "--force").out)
    assert said["file"] == str(tmp_path / "grid.png")
    assert len(said["photos"]) == 3
    assert [Path(one["path"]).name for one in said["left_out"]] == ["bad.jpg"]
    assert said["left_out"][0]["error"]


def test_nothing_to_draw(tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "photos" / "a").mkdir(parents=True)
    (tmp_path / "photos" / "a" / "bad.jpg").write_bytes(b"no photo")
    done = shell("preview", tmp_path / "photos", "-o", tmp_path / "grid.png")
    check_mistake(done, "none of 1 photos to learn from can be read", "bad.jpg")
    assert not (tmp_path / "grid.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--augment", "hflipp"], ["no such step", "Did you mean 'hflip'?"]),
        (["-o", "grid.jpg"], ["grid.jpg", "--output grid.png"]),
    ],
)
def test_mistakes_are_a_line(few: Path, tmp_path: Path, shell: Shell, arguments: list[str], words: list[str]) -> None:
    check_mistake(shell("preview", few, "-o", tmp_path / "grid.png", *arguments), *words)


def test_without_pytorch_it_says_what_to_install(few: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    done = shell("preview", few, "-o", "grid.png")
    check_mistake(done, "PyTorch is not installed", "pip install 'whatsit[networks]'")


def test_large_pictures_are_made_smaller() -> None:
    black = np.zeros((1000, 500, 3), np.uint8)
    row = Row("label", "name.jpg", (Cell(black), Cell(black, "note")))
    assert draw_sheet("title " * 99, "subtitle " * 99, [row]).size == (
        3 * MARGIN + 2 * 160,
        TOP + LINE + 320 + LINE + MARGIN,
    )


@pytest.mark.parametrize(
    ("text", "expected"), [("150", (150, 150)), ("30x100", (30, 100)), (" 8X2048 ", (8, 2048)), ("60×80", (60, 80))]
)
def test_sizes_are_height_and_width(text: str, expected: tuple[int, int]) -> None:
    assert WRITTEN[Sides](Sides())["type"].convert(text, None, None) == expected
    assert WRITTEN[Sides](Sides())["type"].convert(expected, None, None) == expected


@pytest.mark.parametrize("text", ["", "7", "2049", "30x", "x30", "30x100x3", "-30", "1.5", "30x7", "٣٠", "9" * 5000])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"8 to 2048, as 150 or 30x100"):
        WRITTEN[Sides](Sides())["type"].convert(text, None, None)
