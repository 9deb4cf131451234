"""Deep photos: one range of values for a data set, from the first look at the photos to the last answer."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.shell import Shell
from drawn import KINDS, drawn_photo
from numpy.typing import NDArray
from PIL import Image

import whatsit
from whatsit.api import embed, evaluate, train, train_from_embeddings
from whatsit.config import NetworkOptions, TrainOptions
from whatsit.data.dataset import Depth
from whatsit.data.read import read_dataset
from whatsit.errors import WhatsitError
from whatsit.evaluation.report.terminal import summary
from whatsit.images.colour import UNKNOWN
from whatsit.images.decode import load_for_network
from whatsit.images.preprocessing import Preprocessing, ValueRange
from whatsit.model.format import FILES
from whatsit.model.golden import check_golden
from whatsit.training import preparation as depth
from whatsit.training.preparation import look_at, with_depth
from whatsit.training.run import Trained

pytestmark = pytest.mark.slow

OPTIONS = TrainOptions(resize_mode="squash", precision="int8")
Spelling = Callable[[NDArray[np.float64], int], NDArray[np.generic]]
SPELLINGS: dict[str, Spelling] = {  # 0 to 1, and the photo's number
    "uint8": lambda a, _: (a * 255).astype(np.uint8),
    "12 bits in 16": lambda a, _: (200 + a * 1200).astype(np.uint16),
    "10 bits in 16": lambda a, _: (60 + a * 400).astype(np.uint16),
    "16 bits": lambda a, _: (a * 65535).astype(np.uint16),
    "thermal counts": lambda a, _: (28_000 + a * 4000).astype(np.uint16),
    "floats": lambda a, _: a.astype(np.float32),
    "floats with overshoot": lambda a, i: np.where((a == a.max()) & (i % 2 == 0), 1.03, a).astype(np.float32),
    "int32 of 8 bits": lambda a, _: (a * 255).astype(np.int32),
    "heights with no data": lambda a, _: np.where(a > 0.2, 300 + a * 1200, -9999).astype(np.float32),
}


@cache
def grey(kind: str, seed: int) -> NDArray[np.float64]:
    """(96, 128) of 0 to 1."""
    return np.asarray(Image.fromarray(drawn_photo(kind, seed)).convert("L").resize((128, 96)), np.float64) / 255


def written(folder: Path, spelling: Spelling, kinds: tuple[str, ...] = tuple(KINDS), each: int = 8) -> Path:
    """`folder/<kind>/<number>.tif` of grey photos."""
    for kind in kinds:
        (folder / kind).mkdir(parents=True)
        for seed in range(each):
            Image.fromarray(spelling(grey(kind, seed), seed)).save(folder / kind / f"{seed:02}.tif")
    return folder


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 bits in 16. Read it; to change it, copy it."""
    return written(tmp_path_factory.mktemp("deep") / "deep", SPELLINGS["12 bits in 16"])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("plain") / "plain", SPELLINGS["uint8"])


@pytest.fixture(scope="module")
def trained_plain(plain: Path) -> Trained:
    return train(plain, plain.parent / "model", OPTIONS)


@pytest.fixture(scope="module")
def trained_deep(deep: Path) -> Trained:
    return train(deep, deep.parent / "model", replace(OPTIONS, thumbnails=True))


def seen(folder: Path) -> NDArray[np.uint8]:
    """The network's input of all photos, by the range that is measured on them."""
    _, options = with_depth(read_dataset(folder), OPTIONS)
    taken = Preprocessing(224, "squash", value_range=options.value_range)
    return np.stack([load_for_network(str(file), taken) for file in sorted(folder.rglob("*.tif"))])


@pytest.mark.parametrize("name", SPELLINGS)
def test_however_the_photos_are_spelled_the_network_gets_the_same(name: str, plain: Path, tmp_path: Path) -> None:
    photos = written(tmp_path / "photos", SPELLINGS[name])
    expected, got = seen(plain).astype(float), seen(photos)
    if name == "heights with no data":
        expected, got = expected[expected > 80], got[expected > 80]
    slope, at_zero = np.polyfit(got.ravel(), expected.ravel(), 1)  # a range stretches or lifts all photos alike
    assert 0.65 < slope < 1.25
    assert abs(at_zero) < 55
    assert np.abs(got * slope + at_zero - expected).mean() < 4


def test_a_model_of_deep_photos_is_as_good(trained_plain: Trained, trained_deep: Trained) -> None:
    assert trained_deep.evaluation.accuracy.value >= trained_plain.evaluation.accuracy.value - 0.15


def test_eight_bits_have_no_range(trained_plain: Trained) -> None:
    facts = json.loads((trained_plain.folder / FILES.facts).read_text(encoding="utf-8"))
    assert facts["preprocessing"].keys() == {"size", "fit", "interpolation"}
    assert "deep" not in summary(trained_plain.report)
    assert "deep" not in facts["data"]


def test_the_report_and_the_model_say_the_range(trained_deep: Trained) -> None:
    black, white = trained_deep.classifier.facts.preprocessing.value_range or (0, 0)
    assert 200 <= black < 400
    assert 1000 < white <= 1400
    line = f"black is {black:g}, white is {white:g} (measured on 24 photos)"
    assert f"deep photos   {line}" in summary(trained_deep.report)
    assert line in (trained_deep.folder / FILES.report).read_text(encoding="utf-8")
    assert trained_deep.classifier.facts.data["deep"] == {"measured_on": 24, "given": False}


def test_answers_are_made_from_the_pixels_of_training(deep: Path, trained_deep: Trained, tmp_path: Path) -> None:
    """To the byte, from a file, its bytes, a Pillow image, an array and a copy of the folder."""
    taken = trained_deep.classifier.facts.preprocessing
    folder = shutil.copytree(trained_deep.folder, tmp_path / "copy")
    loaded = whatsit.load(folder)
    assert check_golden(folder, loaded) == 4
    for file in sorted(deep.rglob("*0.tif")):
        expected = load_for_network(str(file), taken)
        assert expected.std() > 8
        with Image.open(file) as image:
            ways: list[Any] = [str(file), file, file.read_bytes(), image.copy(), np.asarray(image)]
        for way in ways:
            assert np.array_equal(loaded.pixels(way), expected)
        assert loaded.predict(str(file)).top == trained_deep.classifier.predict(np.asarray(Image.open(file))).top


def test_pictures_for_people_are_shown_by_the_range(deep: Path, trained_deep: Trained) -> None:
    file = str(next(deep.rglob("*.tif")))
    assert trained_deep.classifier.explain(file).photo.std() > 8
    with Image.open(file) as image:
        assert trained_deep.classifier.explain(np.asarray(image)).photo.std() > 8
    shown = [*trained_deep.report.mistakes, *trained_deep.report.least_sure]
    assert all(_contrast(photo.thumbnail) > 8 for photo in shown)
    thumbnails = json.loads((trained_deep.folder / FILES.thumbnails).read_text(encoding="utf-8"))
    assert all(_contrast_64(one["jpeg"]) > 8 for one in thumbnails)
    golden = json.loads((trained_deep.folder / FILES.golden).read_text(encoding="utf-8"))
    assert all(_contrast_64(one["image"]) > 8 for one in golden)


def _contrast(data: bytes) -> float:
    import io

    return float(np.asarray(Image.open(io.BytesIO(data))).std())


def _contrast_64(text: str) -> float:
    import base64

    return _contrast(base64.b64decode(text))


def test_a_range_that_is_given_holds(deep: Path, quick: TrainOptions, tmp_path: Path) -> None:
    trained = train(deep, tmp_path / "model", replace(quick, value_range=(0, 4095)))
    assert trained.classifier.facts.preprocessing.value_range == (0, 4095)
    assert "black is 0, white is 4095 (as given)" in summary(trained.report)
    for wrong in ((5, 5), (9, 1), (0, float("nan"))):
        with pytest.raises(WhatsitError, match=r"value_range=.*: expected \(black, white\), black below white"):
            replace(quick, value_range=wrong)


def test_a_range_without_deep_photos_is_said(plain: Path, quick: TrainOptions, tmp_path: Path) -> None:
    trained = train(plain, tmp_path / "model", replace(quick, value_range=(0, 4095)))
    assert "(as given, but no photo that was looked at is deep)" in summary(trained.report, 200)


def test_stored_embeddings_hold_the_range(deep: Path, trained_deep: Trained, tmp_path: Path) -> None:
    embed(deep, tmp_path / "v.parquet", OPTIONS)
    again = train_from_embeddings(tmp_path / "v.parquet", tmp_path / "model", OPTIONS)
    assert again.classifier.facts.preprocessing == trained_deep.classifier.facts.preprocessing
    assert (again.folder / FILES.graph).read_bytes() == (trained_deep.folder / FILES.graph).read_bytes()
    assert "deep photos   black is 3" in summary(again.report)


def test_each_range_has_vectors_of_its_own(deep: Path, quick: TrainOptions, tmp_path: Path) -> None:
    """In one cache."""
    written = [
        embed(deep, tmp_path / f"{i}.parquet", replace(quick, value_range=r), cache=tmp_path / "cache").computed
        for i, r in enumerate([(0, 4095), (0, 1400), (0, 4095)])
    ]
    assert written == [24, 24, 0]


def test_evaluate_sees_by_the_models_range(deep: Path, trained_deep: Trained, tmp_path: Path) -> None:
    done = evaluate(trained_deep.folder, deep, tmp_path / "evaluated")
    assert done.evaluation.accuracy.value > 0.8  # it has learned from these


# What is measured.


def looked(folder: Path, asked: ValueRange | None = None) -> Depth | None:
    return look_at(read_dataset(folder), asked, TrainOptions().limits)


def test_photos_set_aside_are_not_looked_at(tmp_path: Path) -> None:
    written(tmp_path / "photos" / "train", SPELLINGS["12 bits in 16"], each=4)
    written(tmp_path / "photos" / "test", SPELLINGS["16 bits"], each=4)
    found = looked(tmp_path / "photos")
    assert found is not None
    assert found.measured_on == 12
    assert found.value_range[1] <= 1400


def test_neither_place_nor_order_matters(deep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth, "LOOKED_AT", 10)
    here, there = looked(deep), looked(shutil.copytree(deep, tmp_path / "elsewhere"))
    assert here == there
    assert here is not None
    assert here.measured_on == 10
    dataset = read_dataset(deep)
    assert look_at(replace(dataset, records=dataset.records[::-1]), None, TrainOptions().limits) == here


def test_damaged_photos_are_passed_over(deep: Path, tmp_path: Path) -> None:
    photos = shutil.copytree(deep, tmp_path / "photos")
    for file in photos.rglob("*0.tif"):
        file.write_bytes(file.read_bytes()[:300])
    found = looked(photos)
    assert found is not None
    assert found.measured_on == 21


def test_among_many_photos_of_eight_bits(plain: Path, deep: Path, tmp_path: Path) -> None:
    photos = shutil.copytree(plain, tmp_path / "photos")
    for number, kind in enumerate(KINDS):
        file = deep / kind / "00.tif"
        shutil.copy(file, photos / kind / f"deep-{number}.tif")
    found = looked(photos)
    assert found is not None
    assert found.measured_on == 3
    assert found.value_range[1] <= 1400
    assert found.always == ()


def test_classes_of_different_depth_are_said(tmp_path: Path, quick: TrainOptions) -> None:
    kinds = tuple(KINDS)
    photos = written(tmp_path / "photos", SPELLINGS["12 bits in 16"], kinds[:1])
    written(photos, SPELLINGS["uint8"], kinds[1:])
    trained = train(photos, tmp_path / "model", quick)
    said = f"all photos of '{kinds[0]}' are deep, none of '{kinds[1]}' and '{kinds[2]}'"
    assert said in summary(trained.report, 200)
    assert "that alone may tell them apart" in (trained.folder / FILES.report).read_text(encoding="utf-8")


def test_photos_of_other_values_than_the_rest_are_said(deep: Path, tmp_path: Path) -> None:
    photos = shutil.copytree(deep, tmp_path / "photos")
    for number in range(3):
        floats = np.asarray(Image.open(photos / next(iter(KINDS)) / f"{number:02}.tif")).astype(np.float32) / 1400
        Image.fromarray(floats).save(photos / next(iter(KINDS)) / f"{number:02}.tif")
    dataset, options = with_depth(read_dataset(photos), TrainOptions())
    assert dataset.depth is not None
    assert {Path(uri).name for uri in dataset.depth.lost} == {"00.tif", "01.tif", "02.tif"}
    assert options.value_range == dataset.depth.value_range
    said = depth.words(dataset.depth)
    assert "3 of 24 show next to nothing by that range, first 00.tif" in said[1]
    assert "--value-range LOW:HIGH" in said[1]


# What is said of answers.


def test_a_model_that_saw_no_deep_photo_says_so(deep: Path, trained_plain: Trained, tmp_path: Path) -> None:
    file = next(deep.rglob("*.tif"))
    for way in (str(file), file.read_bytes(), Image.open(file)):
        answer = trained_plain.classifier.predict(way)
        assert answer.note == UNKNOWN
        assert answer.to_dict()["note"] == UNKNOWN
    report = evaluate(trained_plain.folder, deep, tmp_path / "evaluated").report
    assert f"24 photos: {UNKNOWN}" in summary(report, 200)
    assert UNKNOWN in (tmp_path / "evaluated" / FILES.report).read_text(encoding="utf-8")


def test_photos_that_the_model_knows_have_no_note(
    deep: Path, plain: Path, trained_plain: Trained, trained_deep: Trained
) -> None:
    for trained, folder in ((trained_deep, deep), (trained_plain, plain), (trained_deep, plain)):
        answers = trained.classifier.predict(sorted(folder.rglob("*.tif")))
        assert not [answer.note for answer in answers if answer.note]
        assert "note" not in answers[0].to_dict()


def test_a_deep_photo_of_other_values_is_said(deep: Path, trained_deep: Trained) -> None:
    values = np.asarray(Image.open(next(deep.rglob("*.tif"))))
    for other in ((values / 1400).astype(np.float32), values.astype(np.int32) * 1000):
        assert (
            "shows next to nothing by the model's range, where black is" in trained_deep.classifier.predict(other).note
        )
    covered = np.full((48, 64), 210, np.uint16)
    assert trained_deep.classifier.predict(covered).note is None


def test_the_command_says_it_once(
    deep: Path, trained_plain: Trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(capsys, monkeypatch)
    said = shell("predict", trained_plain.folder, deep)
    assert said.err.count(UNKNOWN) == 1
    assert f"24 photos: {UNKNOWN}\n" in said.err


@pytest.mark.parametrize("typed", ["4095", "4095:0", "0:0", "a:b", "0:inf", "nan:1", ":", "0:1:2"])
def test_a_range_that_is_none_is_wrong_usage(
    typed: str, deep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Shell(capsys, monkeypatch)("train", deep, "--value-range", typed)
    assert done.code == 2
    assert "is no range of values. Expected LOW:HIGH, black first, as 0:4095" in done.err.replace("\n", " ")


def test_a_range_is_typed(
    deep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, quick: TrainOptions
) -> None:
    shell = Shell(capsys, monkeypatch)
    done = shell("train", deep, "-o", tmp_path / "m", "--backbone", quick.backbone, "--value-range", "-10.5:2e3")
    assert done.code == 0, done.err
    assert "deep photos   black is -10.5, white is 2000 (as given)" in done.out
    assert whatsit.load(tmp_path / "m").facts.preprocessing.value_range == (-10.5, 2000)


def test_a_network_learns_by_the_range(deep: Path, tmp_path: Path) -> None:
    network = NetworkOptions(architecture="cnn-cats-dogs", layers=(4,), dense=(), epochs=1, mixed_precision=False)
    options = TrainOptions(method="scratch", image_size=(32, 32), network=network, valid=0.25, test=0.25)
    trained = train(deep, tmp_path / "model", options)
    black, white = trained.classifier.facts.preprocessing.value_range or (0, 0)
    assert 200 <= black < 400
    assert 1000 < white <= 1400
    assert trained.classifier.pixels(str(next(deep.rglob("*.tif")))).std() > 8
