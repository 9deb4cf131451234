"""Similar training photos: in the order of the graph's references, with their own labels and thumbnails."""

import base64
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from images.samples import encode, png
from onnx import numpy_helper
from PIL import Image

import whatsit
from model.damage import put
from model.test_hostile import JSON
from whatsit.errors import ModelFolderError, WhatsitError
from whatsit.images.decode import as_jpeg, small_photo
from whatsit.images.limits import DEFAULT_LIMITS
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES, read_facts, write_core
from whatsit.model.similar import BYTES_A_PHOTO, SIDE, Similar, thumbnails_bytes

pytestmark = pytest.mark.slow

Records = list[Any]


@pytest.fixture(scope="module")
def classifier(with_thumbnails: Path) -> Classifier:
    return whatsit.load(with_thumbnails)


@pytest.fixture(scope="module")
def similar(with_thumbnails: Path, classifier: Classifier) -> Similar:
    opened = Similar.open(with_thumbnails, classifier)
    assert opened is not None
    return opened


@pytest.fixture(scope="module")
def thumbnails(with_thumbnails: Path) -> bytes:
    return (with_thumbnails / FILES.thumbnails).read_bytes()


@pytest.fixture
def damaged(with_thumbnails: Path, tmp_path: Path) -> Callable[[bytes], Path]:
    """The folder with another thumbnails.json, under a checksum that fits."""

    def make(data: bytes) -> Path:
        folder = tmp_path / "damaged"
        folder.mkdir(exist_ok=True)
        for name in (FILES.graph, FILES.facts, FILES.labels):
            shutil.copy(with_thumbnails / name, folder / name)
        put(folder, FILES.thumbnails, data)
        return folder

    return make


def refused(folder: Path) -> str:
    """The message, which is one line; the model itself answers."""
    loaded = whatsit.load(folder)
    with pytest.raises(ModelFolderError) as caught:
        Similar.open(folder, loaded)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500
    return message


def test_a_training_photo_is_most_similar_to_itself(similar: Similar, classifier: Classifier, paths: list[str]) -> None:
    for path, said in zip(paths, classifier.classify(paths), strict=True):
        first = similar.to(said.embedding, most=1)[0]
        assert first.label == Path(path).parent.name
        assert first.similarity == pytest.approx(said.similarity, abs=1e-5) == pytest.approx(1, abs=2e-3)
        assert first.thumbnail == as_jpeg(small_photo(path, SIDE))


def test_the_most_similar_come_first_and_as_many_as_asked(similar: Similar, classifier: Classifier) -> None:
    grey = classifier.embed(np.full((50, 50, 3), 127, np.uint8))[0]
    for most, count in ((0, 0), (1, 1), (6, 6), (1000, 90)):
        photos = similar.to(grey, most)
        assert len(photos) == count
        similarities = [photo.similarity for photo in photos]
        assert similarities == sorted(similarities, reverse=True)
    assert len(similar.to(grey)) == 6
    assert {photo.label for photo in photos} == set(classifier.classes_)
    assert similar.to(np.zeros_like(grey))[0].similarity == 0


def test_thumbnails_are_small_jpegs_and_carry_nothing_else(similar: Similar) -> None:
    for data in similar.thumbnails:
        with Image.open(io.BytesIO(data)) as opened:
            assert (opened.format, opened.mode, max(opened.size)) == ("JPEG", "RGB", SIDE)
            assert not opened.getexif()


def test_only_who_asks_for_thumbnails_gets_them(folder: Path, with_thumbnails: Path) -> None:
    assert not (folder / FILES.thumbnails).exists()
    assert Similar.open(folder, whatsit.load(folder)) is None
    assert (folder / FILES.graph).read_bytes() == (with_thumbnails / FILES.graph).read_bytes()
    assert read_facts(with_thumbnails).training["thumbnails"] is True
    assert read_facts(folder).training["thumbnails"] is False


def test_one_that_has_gone_since_is_passed_over(
    damaged: Any, similar: Similar, classifier: Classifier, thumbnails: bytes, paths: list[str]
) -> None:
    records = json.loads(thumbnails)
    embedding = classifier.embed(paths[0])[0]
    first, second = similar.to(embedding, most=2)
    gone = next(i for i, one in enumerate(records) if base64.b64decode(one["jpeg"]) == first.thumbnail)
    records[gone]["jpeg"] = None
    folder = damaged(json.dumps(records).encode())
    opened = Similar.open(folder, whatsit.load(folder))
    assert opened is not None
    assert opened.to(embedding)[0] == second
    assert len(opened.thumbnails) == 89


def test_a_photo_that_cannot_be_read_keeps_its_place(paths: list[str]) -> None:
    made = json.loads(thumbnails_bytes([(paths[0], "a"), ("gone.jpg", "b"), (b"", "c")], DEFAULT_LIMITS))
    assert [one["label"] for one in made] == ["a", "b", "c"]
    assert [one["jpeg"] is None for one in made] == [False, True, True]
    assert thumbnails_bytes([], DEFAULT_LIMITS).split() == [b"[", b"]"]


def test_the_bound_leaves_room_for_any_photo() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (SIDE, SIDE, 3), dtype=np.uint8) * 255
    assert len(thumbnails_bytes([(encode(noise), "x" * 4000)], DEFAULT_LIMITS)) < BYTES_A_PHOTO


@pytest.mark.parametrize("change", [lambda data: data[:-9], lambda data: data.replace(b"leaves", b"shells", 1)])
def test_damage_is_found(change: Callable[[bytes], bytes], damaged: Any, thumbnails: bytes) -> None:
    folder = damaged(thumbnails)
    (folder / FILES.thumbnails).write_bytes(change(thumbnails))
    assert "its checksum is not the one in model.json" in refused(folder)
    (folder / FILES.thumbnails).unlink()
    assert "No such file" in refused(folder)


def test_what_never_ends_is_not_read(damaged: Any, thumbnails: bytes) -> None:
    folder = damaged(thumbnails)
    with (folder / FILES.thumbnails).open("wb") as file:
        file.truncate(10**12)  # all holes
    assert "damaged (more than 24,000,000 bytes)" in refused(folder)


def jpeg(width: int, height: int) -> str:
    return base64.b64encode(encode(Image.new("RGB", (width, height)), "JPEG")).decode()


BOMB = base64.b64encode(base64.b64decode(jpeg(16, 16)).replace(b"\0\x10\0\x10\3", b"\xff\xff\xff\xff\3")).decode()
HOSTILE: dict[str, tuple[Callable[[Records], Any], str]] = {
    "one less": (lambda r: r.pop(), "the 89 photos of thumbnails.json are not those of model.onnx"),
    "endless": (lambda r: r.extend(r * 11), "1,080 records, expected 1,000 at most"),
    "no list of objects": (lambda r: r.insert(0, []), "expected a list of objects"),
    "label: missing": (lambda r: r[7].pop("label"), "'label' is missing"),
    "label: another": (lambda r: r[7].update(label="<b>\n"), "'label' is <b>\\n, expected a label of this model"),
    "label: a list": (lambda r: r[7].update(label=["leaves"]), "expected a label of this model"),
    "label: endless": (lambda r: r[7].update(label="x" * 10**5), "\\u2026, expected a label of this model"),
    "jpeg: missing": (lambda r: r[7].pop("jpeg"), "'jpeg' is missing"),
    "jpeg: a number": (lambda r: r[7].update(jpeg=7), "'jpeg' is 7, expected a JPEG in base64, or null"),
    "jpeg: empty": (lambda r: r[7].update(jpeg=""), "no JPEG of at most 128 pixels"),
    "jpeg: other signs": (lambda r: r[7].update(jpeg="<script>"), "damaged ("),
    "jpeg: HTML": (lambda r: r[7].update(jpeg=base64.b64encode(b"<script>").decode()), "no JPEG of at most 128 pixels"),
    "jpeg: a PNG": (lambda r: r[7].update(jpeg=base64.b64encode(png(1, 1, 8, 2, [bytes(3)])).decode()), "no JPEG of"),
    "jpeg: too large": (lambda r: r[7].update(jpeg=jpeg(129, 10)), "no JPEG of at most 128 pixels"),
    "jpeg: a bomb": (lambda r: r[7].update(jpeg=BOMB), "no JPEG of at most 128 pixels"),
    "jpeg: a start alone": (lambda r: r[7].update(jpeg=jpeg(9, 9)[:40]), "damaged (truncated JPEG"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_are_named(name: str, damaged: Any, thumbnails: bytes) -> None:
    change, message = HOSTILE[name]
    records = json.loads(thumbnails)
    change(records)
    assert message in refused(damaged(json.dumps(records).encode()))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, 89), key=st.sampled_from(["label", "jpeg"]), value=JSON | st.binary(max_size=99))
def test_any_value_anywhere_is_read_or_refused_in_one_line(
    number: int, key: str, value: Any, damaged: Any, thumbnails: bytes, classifier: Classifier
) -> None:
    records = json.loads(thumbnails)
    records[number][key] = base64.b64encode(value).decode() if isinstance(value, bytes) else value
    folder = damaged(json.dumps(records).encode())
    opened, message = opened_or_refusal(folder, Classifier(read_facts(folder), classifier.graph))
    assert message.isprintable()
    if opened:
        assert len(opened.labels) == len(opened.thumbnails) == len(opened.references) in (89, 90)
        assert set(opened.labels) <= set(classifier.classes_)


def opened_or_refusal(folder: Path, classifier: Classifier) -> tuple[Similar | None, str]:
    try:
        return Similar.open(folder, classifier), ""
    except WhatsitError as error:
        return None, str(error)


CHANGES: dict[str, Callable[[onnx.TensorProto], object]] = {
    "none": lambda stored: setattr(stored, "name", "others"),
    "narrow": lambda stored: stored.CopyFrom(numpy_helper.from_array(np.zeros((7, 90), np.float16), "references")),
    "short": lambda stored: setattr(stored, "raw_data", stored.raw_data[:-2]),
    "half a number": lambda stored: setattr(stored, "raw_data", stored.raw_data[:-1]),
    "of another type": lambda stored: setattr(stored, "data_type", 99),
    "NaN": lambda stored: setattr(stored, "raw_data", b"\xff" * len(stored.raw_data)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_graph_with_other_references_is_refused(
    change: str, with_thumbnails: Path, tmp_path: Path, thumbnails: bytes
) -> None:
    model = onnx.load(with_thumbnails / FILES.graph)
    CHANGES[change](next(one for one in model.graph.initializer if one.name == "references"))
    facts = replace(read_facts(with_thumbnails), checksums={})
    write_core(tmp_path, facts, model.SerializeToString(), {FILES.thumbnails: thumbnails})
    _, message = opened_or_refusal(tmp_path, whatsit.load(tmp_path))
    assert "model.onnx" in message or "ONNX Runtime cannot load the graph" in message
