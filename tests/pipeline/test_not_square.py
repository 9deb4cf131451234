"""A network whose input is 16 pixels high and 40 wide, through the whole of it: trained, loaded, asked, explained,
stored, and the graph alone in another runtime."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from drawn import drawn_photo
from images.samples import encode
from numpy.typing import NDArray
from PIL import Image
from steps.made import PLAIN, network

import whatsit
from whatsit.api import embed, evaluate, train, train_from_embeddings
from whatsit.errors import ImageError, ModelFolderError
from whatsit.images.decode import load_for_network
from whatsit.images.preprocessing import Preprocessing, ResizeMode
from whatsit.images.resize import covered_box
from whatsit.model.format import FILES, read_model, write_core
from whatsit.model.golden import check_golden
from whatsit.model.versions.entries import sound_entry
from whatsit.model.versions.store import Repository
from whatsit.model.versions.terminal import details
from whatsit.sklearn import ImageEmbedder
from whatsit.training.run import Trained

pytestmark = pytest.mark.slow

SIZE = (16, 40)
FITS: list[ResizeMode] = ["squash", "crop", "letterbox"]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return network(tmp_path_factory.mktemp("wide"), SIZE)


@pytest.fixture(scope="module", params=FITS)
def wide(
    request: pytest.FixtureRequest, backbone: str, photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    options = replace(PLAIN, backbone=backbone, resize_mode=request.param)
    return train(photos, tmp_path_factory.mktemp("wide") / "model", options)


@pytest.fixture
def photo() -> bytes:
    """A JPEG so large that its decoder scales it down."""
    return encode(Image.fromarray(drawn_photo("leaves", 50)).resize((1024, 768)), "JPEG")


def pixels_of(trained: Trained, photo: bytes) -> NDArray[np.uint8]:
    return load_for_network(photo, trained.classifier.facts.preprocessing)


def test_the_folder_says_height_and_width(wide: Trained, backbone: str) -> None:
    facts = json.loads((wide.folder / FILES.facts).read_text(encoding="utf-8"))
    assert facts["preprocessing"]["size"] == [16, 40]
    assert f"16 × 40 pixels, by {facts['preprocessing']['fit']}" in (wide.folder / FILES.report).read_text("utf-8")


def test_its_answers_are_those_of_the_graph_alone(wide: Trained, photo: bytes) -> None:
    session = onnxruntime.InferenceSession(wide.folder / FILES.graph, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape[1:] == [16, 40, 3]
    pixels = pixels_of(wide, photo)
    assert pixels.shape == (16, 40, 3)
    names = ["probabilities", "similarity", "embedding"]
    probabilities, similarity, embedding = session.run(names, {"image": pixels[None]})
    loaded = whatsit.load(wide.folder)
    assert np.array_equal(loaded.pixels(photo), pixels)
    np.testing.assert_allclose(loaded.predict_proba(photo), probabilities, atol=1e-5)
    np.testing.assert_allclose(loaded.predict_proba(pixels), probabilities, atol=1e-5)  # fits as it is
    np.testing.assert_allclose(loaded.embed(photo), embedding, atol=1e-5)
    assert loaded.predict(photo).similarity == pytest.approx(float(similarity[0]), abs=1e-5)
    assert check_golden(wide.folder, loaded) > 1


def test_pixels_of_another_size_are_refused(wide: Trained) -> None:
    for shape in [(1, 40, 16, 3), (1, 16, 16, 3), (16, 40, 3)]:
        with pytest.raises(ImageError, match=r"expected uint8 \(n, 16, 40, 3\)"):
            wide.classifier.answer_pixels(np.zeros(shape, np.uint8))


def test_a_graph_of_another_size_is_refused(wide: Trained, photo: bytes, tmp_path: Path) -> None:
    facts, graph = read_model(wide.folder)
    write_core(tmp_path, replace(facts, preprocessing=replace(facts.preprocessing, size=(40, 16))), graph)
    with pytest.raises(
        ModelFolderError, match=r"\(n, 16, 40, 3\) in its graph and \(n, 40, 16, 3\) by its model\.json"
    ):
        whatsit.load(tmp_path).open()


def test_the_heat_map_is_exact_and_in_its_place(wide: Trained, photo: bytes) -> None:
    explanation = wide.classifier.explain(photo, side=256)
    assert explanation.heat.shape == (8, 20)  # the convolution's stride is 2
    assert explanation.photo.shape == (192, 256, 3)
    assert explanation.box == covered_box(256, 192, wide.classifier.facts.preprocessing)
    assert explanation.overlay().size == (256, 192)
    top = explanation.box[1]
    assert top == {"squash": 0, "crop": 45, "letterbox": 0}[wide.classifier.facts.preprocessing.resize_mode]


def test_other_heads_are_explained_by_covering(backbone: str, photos: Path, photo: bytes, tmp_path: Path) -> None:
    options = replace(PLAIN, backbone=backbone, resize_mode="crop", head="knn")
    trained = train(photos, tmp_path / "model", options)
    explanation = trained.classifier.explain(photo)
    assert explanation.heat.shape == (3, 8)
    covered = pixels_of(trained, photo)
    covered[5:10, 5:10] = 127  # row 1, column 1
    k = trained.classifier.classes_.index(explanation.label)
    before, after = (trained.classifier.predict_proba(one)[0, k] for one in (photo, covered))
    assert explanation.heat[1, 1] == pytest.approx(np.log(before) - np.log(after), abs=1e-3)


def test_evaluated_stored_and_kept(wide: Trained, backbone: str, photos: Path, tmp_path: Path) -> None:
    assert evaluate(wide.folder, photos, tmp_path / "evaluation").evaluation.n == 90
    repository = Repository(tmp_path / "models")
    repository.add(wide.folder, "wide")
    assert "16 × 40 pixels, by " in details(sound_entry(repository, "wide", 1))
    assert "dims: [ 16, 40, 3 ]" in (tmp_path / "models" / "wide" / "config.pbtxt").read_text(encoding="utf-8")


def test_vectors_are_the_same_by_every_way(wide: Trained, backbone: str, photos: Path, tmp_path: Path) -> None:
    resize_mode = wide.classifier.facts.preprocessing.resize_mode
    path = str(next(photos.rglob("*.jpg")))
    vectors = ImageEmbedder(backbone=backbone, resize_mode=resize_mode).fit([path]).transform([path])
    np.testing.assert_allclose(vectors, wide.classifier.embed(path), atol=1e-5)
    embed(photos, tmp_path / "vectors.parquet", replace(PLAIN, backbone=backbone, resize_mode=resize_mode))
    again = train_from_embeddings(tmp_path / "vectors.parquet", tmp_path / "again", replace(PLAIN, backbone=backbone))
    assert again.classifier.facts.preprocessing == Preprocessing(SIZE, resize_mode)
    assert (again.folder / FILES.graph).read_bytes() == (wide.folder / FILES.graph).read_bytes()
