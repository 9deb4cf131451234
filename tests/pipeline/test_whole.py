"""The pipeline as a whole, with the backbone and the options that everyone gets."""

import json
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest
from drawn import KINDS
from steps.made import make_folder

from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.embedding.backbones.registry import feature_extractor
from whatsit.embedding.embedder import Embedder
from whatsit.embedding.location import cache_contents
from whatsit.images.decode import as_jpeg, as_png, small_photo
from whatsit.model.format import FILES
from whatsit.model.golden import check_golden
from whatsit.model.similar import SIDE, Similar
from whatsit.training.run import Trained

from .given import rows, splits


def test_a_folder_of_photos_becomes_a_model_folder(model: Trained) -> None:
    always = {"model.onnx", "model.json", "labels.txt", "golden.json", "splits.csv", "predictions.csv", "report.html"}
    suspects = {"suspects.csv"} if model.report.suspicious else set()
    assert {path.name for path in model.folder.iterdir()} == always | suspects
    assert model.report.headline.startswith("Cross-validated on 90 photos")
    assert "Cross-validated on 90" in (model.folder / FILES.report).read_text(encoding="utf-8").replace("\xa0", " ")
    assert (model.folder / FILES.labels).read_text(encoding="utf-8").splitlines() == sorted(KINDS)
    assert model.classifier.classes_ == tuple(sorted(KINDS))
    assert model.evaluation.n == 90
    assert model.evaluation.accuracy.low > 0.6  # a third would be chance
    assert model.report.protocol.startswith("5-fold cross-validation; a test split would have under 100")
    assert model.report.headline in model._repr_html_()


def test_predictions_are_those_of_the_headline(model: Trained) -> None:
    said = rows(model.folder / FILES.predictions)
    right = sum(row["label"] == row["predicted"] for row in said)
    assert len(said) == model.evaluation.n
    assert right / len(said) == pytest.approx(model.evaluation.accuracy.value)
    assert {row["split"] for row in splits(model).values()} == {f"fold {k}" for k in range(1, 6)}


def test_trained_twice_is_the_same_byte_for_byte(model: Trained, photos: Path, cache: Path, tmp_path: Path) -> None:
    """Also: the second run finds every embedding in the cache."""
    before = [(entry.file, entry.vectors) for entry in cache_contents(cache)]
    again = train(photos, tmp_path / "again", cache=cache)
    assert [(entry.file, entry.vectors) for entry in cache_contents(cache)] == before
    for name in (FILES.graph, FILES.labels, FILES.splits, FILES.predictions, FILES.golden):
        assert (again.folder / name).read_bytes() == (model.folder / name).read_bytes(), name
    first, second = (json.loads((t.folder / FILES.facts).read_text(encoding="utf-8")) for t in (model, again))
    for facts in (first, second):
        del facts["created"], facts["checksums"][FILES.facts]
    assert second == first


def test_a_second_run_embeds_nothing(model: Trained, photos: Path, cache: Path) -> None:
    facts = model.classifier.facts
    extractor = feature_extractor(facts.backbone["name"], facts.backbone["precision"], facts.preprocessing.resize_mode)
    with Embedder(extractor, cache) as embedder:
        assert embedder.fill([str(path) for path in photos.rglob("*.jpg")]).computed == 0


def test_thumbnails_are_of_the_photos_learned_from(quick: TrainOptions, few_are_enough: None, tmp_path: Path) -> None:
    """Of those that judge there are none, and each has its own label."""
    photos = make_folder(tmp_path / "photos", {"apples": 30, "pears": 30})
    trained = train(photos, tmp_path / "model", replace(quick, thumbnails=True))
    similar = Similar.open(trained.folder, trained.classifier)
    assert similar is not None
    learned = [name for name, row in splits(trained).items() if row["split"] in ("train", "valid")]
    expected = sorted((name.partition("/")[0], as_jpeg(small_photo(photos / name, SIDE))) for name in learned)
    assert sorted(zip(similar.labels, similar.thumbnails, strict=True)) == expected
    again = train(photos, tmp_path / "again", replace(quick, thumbnails=True))
    for name in (FILES.thumbnails, FILES.golden):
        assert (again.folder / name).read_bytes() == (trained.folder / name).read_bytes(), name


def test_golden_photos_are_of_those_that_judged(quick: TrainOptions, few_are_enough: None, tmp_path: Path) -> None:
    photos = make_folder(tmp_path / "photos", {"apples": 30, "pears": 30})
    (photos / "apples" / "000.jpg").write_bytes(b"")
    trained = train(photos, tmp_path / "model", quick)
    judged = [photos / name for name, row in splits(trained).items() if row["split"] == "test"]
    golden = [b64decode(one["image"]) for one in json.loads((trained.folder / FILES.golden).read_bytes())]
    own = {as_png(small_photo(path, 320)): path.parent.name for path in judged}
    assert [own.get(image) for image in golden] == [None, "apples", "pears", "apples"]
    assert check_golden(trained.folder, trained.classifier) == 4
