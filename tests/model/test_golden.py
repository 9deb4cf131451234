"""Golden answers: made where the model was trained, found to hold or not wherever it is loaded."""

import base64
import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from images.samples import difference, encode, photo, png
from PIL import Image

import whatsit
from model.damage import Copy, put, rewrite
from model.test_hostile import JSON
from whatsit.errors import ModelFolderError
from whatsit.images.limits import Limits
from whatsit.images.preprocessing import Preprocessing, ResizeMode
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES, write_core
from whatsit.model.golden import BYTES_AN_IMAGE, MOST, SIDE, TOLERANCE, check_golden, golden_bytes

Records = list[Any]


@pytest.fixture(scope="module")
def golden(folder: Path) -> bytes:
    return (folder / FILES.golden).read_bytes()


@pytest.fixture
def changed(copy: Copy, golden: bytes) -> Callable[[Callable[[Records], object]], Path]:
    """A copy of the folder, its golden answers changed under a checksum that fits."""

    def make(change: Callable[[Records], object]) -> Path:
        folder, records = copy(), json.loads(golden)
        change(records)
        put(folder, FILES.golden, json.dumps(records).encode())
        return folder

    return make


def check(folder: Path) -> int:
    return check_golden(folder, whatsit.load(folder))


def refused(folder: Path) -> str:
    """The message, which is one line; the model itself answers."""
    loaded = whatsit.load(folder)
    with pytest.raises(ModelFolderError) as caught:
        check_golden(folder, loaded)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500
    return message


def image(record: dict[str, Any]) -> bytes:
    return base64.b64decode(record["image"])


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_the_answers_are_those_of_the_classifier(folder: Path, classifier: Classifier, golden: bytes) -> None:
    records = json.loads(golden)
    assert len(records) == MOST
    for record, said in zip(records, classifier.classify([image(record) for record in records]), strict=True):
        np.testing.assert_allclose(said.probabilities, record["probabilities"], atol=1e-5)
        assert said.similarity == pytest.approx(record["similarity"], abs=1e-5)
    assert check_golden(folder, classifier) == check(folder) == MOST


def test_the_images_are_a_card_and_photos_of_several_classes(classifier: Classifier, golden: bytes) -> None:
    records = json.loads(golden)
    for record in records:
        with Image.open(io.BytesIO(image(record))) as opened:
            assert (opened.format, opened.mode) == ("PNG", "RGB")
            assert classifier.facts.preprocessing.width < max(opened.size) <= SIDE
    answers = classifier.predict([image(record) for record in records])
    assert not answers[0].familiar
    assert len({answer.label for answer in answers[1:]}) > 1


def test_photos_that_cannot_be_read_are_passed_over(classifier: Classifier, golden: bytes, paths: list[str]) -> None:
    card = json.loads(golden)[:1]
    assert json.loads(golden_bytes(classifier, [])) == card
    assert json.loads(golden_bytes(classifier, ["gone.jpg", b"no image"])) == card
    assert len(json.loads(golden_bytes(classifier, ["gone.jpg", paths[0], b"", *paths[1:3]]))) == MOST


def test_photos_are_turned_upright_and_carry_nothing_else(classifier: Classifier, folder: Path) -> None:
    told = Image.Exif()
    told[0x010E], told[0x0112] = "where I live", 6
    photo = encode(Image.new("RGB", (600, 400), "teal"), "JPEG", exif=told)
    kept = image(json.loads(golden_bytes(classifier, [photo]))[1])
    with Image.open(io.BytesIO(kept)) as opened:
        assert opened.size == (SIDE * 2 // 3, SIDE)
        assert not opened.getexif()
        assert opened.info == {}


def test_without_golden_answers_a_model_answers_all_the_same(copy: Copy, paths: list[str]) -> None:
    """Listed and gone: whoever only predicts does not look for it."""
    folder = copy()
    assert whatsit.load(folder).predict(paths[0]).error is None
    assert f"{FILES.golden}: No such file" in refused(folder)
    rewrite(folder, lambda values: values["checksums"].pop(FILES.golden))
    assert check(folder) == 0


def test_a_model_that_sees_photos_otherwise_is_found(folder: Path, classifier: Classifier) -> None:
    facts = classifier.facts
    resize_mode: ResizeMode = "squash" if facts.preprocessing.resize_mode == "crop" else "crop"
    other = Classifier(
        replace(facts, preprocessing=replace(facts.preprocessing, resize_mode=resize_mode)), classifier.graph
    )
    with pytest.raises(
        ModelFolderError, match=r"answers differently here than where it was trained: golden image \d, "
    ):
        check_golden(folder, other)


@pytest.mark.parametrize("number", [1, MOST])
def test_an_answer_that_differs_is_told_with_both_figures(number: int, changed: Any, classifier: Classifier) -> None:
    def exchange(records: Records) -> None:
        records[number - 1]["probabilities"] = [0.25, 0.5, 0.75]

    message = refused(changed(exchange))
    assert f"trained: golden image {number}, '" in message
    assert any(f"'{label}' " in message for label in classifier.classes_)
    assert any(f" for 0.{kept}" in message for kept in ("25", "50", "75"))


def test_a_similarity_that_differs_is_told(changed: Any) -> None:
    def farther(records: Records) -> None:
        records[1]["similarity"] -= 2 * TOLERANCE

    assert "golden image 2, similarity " in refused(changed(farther))


def test_rounding_is_no_difference(changed: Any) -> None:
    def nearly(records: Records) -> None:
        for record in records:
            record["probabilities"] = [min(1, p + 0.9 * TOLERANCE) for p in record["probabilities"]]
            record["similarity"] -= 0.9 * TOLERANCE

    assert check(changed(nearly)) == MOST


@pytest.mark.parametrize("change", [lambda data: data[:-100], lambda data: b"\x00" + data[1:], lambda data: b""])
def test_damage_is_found(change: Callable[[bytes], bytes], copy: Copy, golden: bytes) -> None:
    folder = copy()
    (folder / FILES.golden).write_bytes(change(golden))
    assert "its checksum is not the one in model.json" in refused(folder)


def test_limits_on_photos_of_strangers_are_not_for_golden_images(folder: Path) -> None:
    strict = whatsit.load(folder, limits=Limits(max_bytes=1000, max_pixels=1000, formats=frozenset({"jpeg"})))
    assert check_golden(folder, strict) == MOST


def test_what_is_no_file_is_not_opened_and_what_never_ends_not_read(copy: Copy) -> None:
    folder = copy()
    path = folder / FILES.golden
    os.mkfifo(path)
    assert "not a file" in refused(folder)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(10**12)  # all holes
    assert "more than 2,400," in refused(folder)


ONE_PIXEL = in_base64(png(1, 1, 8, 2, [bytes(3)]))
BOMB = in_base64(png(60_000, 60_000, 8, 2, [bytes(180_000)]))
LARGE = in_base64(encode(Image.new("RGB", (SIDE + 1, 10))))
HOSTILE: dict[str, tuple[Callable[[Records], Any], str]] = {
    "no list of objects": (lambda r: r.insert(0, []), "expected a list of objects"),
    "too many": (lambda r: r.append(r[0]), "5 records, expected 4 at most"),
    "image: missing": (lambda r: r[0].pop("image"), "'image' is missing"),
    "image: a path": (lambda r: r[0].update(image="/etc/passwd"), "damaged ("),
    "image: a number": (lambda r: r[0].update(image=7), "'image' is 7, expected a PNG in base64"),
    "image: other signs": (lambda r: r[0].update(image="ä" + ONE_PIXEL), "damaged ("),
    "image: cut": (lambda r: r[0].update(image=ONE_PIXEL[:-1]), "damaged ("),
    "image: a JPEG": (lambda r: r[0].update(image=in_base64(encode(Image.new("RGB", (9, 9)), "JPEG"))), "is no PNG of"),
    "image: a bomb": (lambda r: r[0].update(image=BOMB), "no PNG of at most 320 pixels"),
    "image: too large": (lambda r: r[0].update(image=LARGE), "no PNG of at most 320 pixels"),
    "image: half": (lambda r: r[0].update(image=in_base64(image(r[0])[:2000])), "damaged (truncated PNG"),
    "probabilities: missing": (lambda r: r[2].pop("probabilities"), "'probabilities' is missing"),
    "probabilities: NaN": (lambda r: r[2].update(probabilities=[0, float("nan"), 1]), "'probabilities' is [0, NaN, 1]"),
    "probabilities: two": (lambda r: r[2].update(probabilities=[0, 1]), "expected 3 numbers from 0 to 1"),
    "probabilities: text": (lambda r: r[2].update(probabilities="001"), "expected 3 numbers from 0 to 1"),
    "probabilities: deep": (lambda r: r[2].update(probabilities=[[0, 0, 1]] * 3), "expected 3 numbers from 0 to 1"),
    "probabilities: true": (lambda r: r[2].update(probabilities=[True, 0, 0]), "expected 3 numbers from 0 to 1"),
    "probabilities: of 400 digits": (lambda r: r[2].update(probabilities=[10**400, 0, 0]), "'probabilities' is [1000"),
    "similarity: infinite": (lambda r: r[2].update(similarity=float("inf")), "'similarity' is Infinity, expected"),
    "similarity: text": (
        lambda r: r[2].update(similarity="\x1b[2J\ud800"),
        "'similarity' is \\x1b[2J\\ud800, expected",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_are_named(name: str, changed: Any) -> None:
    change, message = HOSTILE[name]
    assert message in refused(changed(change))


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff\xfe[]", b"[" * 100_000, b"7" * 5000, b"[{}]garbage", b"NaN"])
def test_other_files_under_a_checksum_that_fits(data: bytes, copy: Copy) -> None:
    folder = copy()
    put(folder, FILES.golden, data)
    assert "golden.json: damaged (" in refused(folder)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, MOST - 1), key=st.sampled_from(["image", "probabilities", "similarity"]), value=JSON)
def test_any_value_anywhere_is_refused_in_one_line(number: int, key: str, value: Any, changed: Any) -> None:
    folder = changed(lambda records: records[number].update({key: value}))
    agreed, message = agreed_or_refusal(folder)
    assert agreed in (None, MOST)
    assert message.isprintable()


def agreed_or_refusal(folder: Path) -> tuple[int | None, str]:
    try:
        return check(folder), ""
    except ModelFolderError as error:
        return None, str(error)


def test_the_bound_leaves_room_for_any_image(classifier: Classifier) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    assert len(golden_bytes(classifier, [encode(noise)] * 3)) < MOST * BYTES_AN_IMAGE


def test_a_range_of_values_is_in_the_folder_and_in_the_golden_answers(classifier: Classifier, tmp_path: Path) -> None:
    values = (200 + photo()[..., 0] / 255 * 1200).astype(np.uint16)
    (tmp_path / "deep.tif").write_bytes(encode(values, "TIFF"))
    facts = replace(classifier.facts, preprocessing=replace(classifier.facts.preprocessing, value_range=(200, 1400)))
    deep = Classifier(facts, classifier.graph)
    folder = tmp_path / "model"
    folder.mkdir()
    write_core(folder, facts, classifier.graph, {FILES.golden: golden_bytes(deep, [tmp_path / "deep.tif"])})
    loaded = whatsit.load(folder)
    assert loaded.facts.preprocessing.value_range == (200, 1400)
    assert check_golden(folder, loaded) == 2
    with Image.open(io.BytesIO(image(json.loads((folder / FILES.golden).read_bytes())[0]))) as card:
        assert card.mode.startswith("I")  # as deep as the photos, and nearly black without the range
        assert 200 <= np.asarray(card).min() < np.asarray(card).max() <= 1400
    card_png = image(json.loads((folder / FILES.golden).read_bytes())[0])
    assert classifier.pixels(card_png).std() < 8 < 40 < loaded.pixels(card_png).std()
    kept = np.asarray(Image.open(io.BytesIO(image(json.loads((folder / FILES.golden).read_bytes())[1]))))
    assert difference(kept, photo()[..., :1].repeat(3, axis=2)).max() <= 1
    assert loaded.predict(values).probability == loaded.predict(str(tmp_path / "deep.tif")).probability


def test_eight_bit_models_say_nothing_of_a_range(classifier: Classifier) -> None:
    preprocessing = classifier.facts.preprocessing
    assert preprocessing.as_dict().keys() == {"size", "fit", "interpolation"}
    assert Preprocessing.from_dict(preprocessing.as_dict()) == preprocessing
