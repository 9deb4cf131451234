"""`ImageEmbedder` and `ImageClassifier` live among scikit-learn's own: clones, pipelines, grids, cross-validation."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

import whatsit
from whatsit.data.split import assign_folds
from whatsit.errors import BackboneError, ImageError
from whatsit.sklearn import ImageClassifier, ImageEmbedder
from whatsit.training.heads import HEAD_TYPES, TrainingData
from whatsit.training.selection import make_folds, select_head
from whatsit.training.splits import FOLDS

pytestmark = pytest.mark.slow

BOTH: list[Callable[[], Any]] = [whatsit.ImageEmbedder, whatsit.ImageClassifier]


@pytest.fixture(scope="module")
def paths(photos: Path) -> list[str]:
    """Ten of each class."""
    return [str(path) for kind in sorted(photos.iterdir()) for path in sorted(kind.iterdir())[:10]]


@pytest.fixture(scope="module")
def labels(paths: list[str]) -> list[str]:
    return [Path(path).parent.name for path in paths]


@pytest.fixture(scope="module")
def fitted(paths: list[str], labels: list[str], cache: Path) -> ImageClassifier:
    return ImageClassifier(precision="float32", cache=cache).fit(paths, labels)


def pixels_of(path: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path))


CHECKS = (
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_valid_tag_types",
    "check_mixin_order",
    "check_estimator_tags_renamed",
)
"""Of scikit-learn's own checks, those that do not feed the estimator with numbers."""


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("make", BOTH)
def test_scikit_learns_checks(make: Callable[[], Any], name: str) -> None:
    getattr(estimator_checks, name)(make.__name__, make())


def test_a_clone_has_the_parameters_and_nothing_learned(fitted: ImageClassifier) -> None:
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "classes_")


def test_paths_bytes_pillow_and_arrays_embed_alike(paths: list[str], cache: Path) -> None:
    embedder = ImageEmbedder(precision="float32", cache=cache).fit(paths)
    expected = embedder.transform(paths[:3])
    assert expected.shape == (3, 1952)
    assert expected.dtype == np.float32
    given = [
        [Path(path) for path in paths[:3]],
        [Path(path).read_bytes() for path in paths[:3]],
        [Image.open(path) for path in paths[:3]],
        [pixels_of(path) for path in paths[:3]],
        np.stack([pixels_of(path) for path in paths[:3]]),
        np.array(paths[:3]),
        np.array(paths[:3], dtype=object)[:, None],
        [paths[0], Path(paths[1]).read_bytes(), Image.open(paths[2])],
    ]
    for images in given:
        np.testing.assert_allclose(embedder.transform(images), expected, atol=1e-5)


def test_the_embedder_names_its_columns(paths: list[str], cache: Path) -> None:
    names = ImageEmbedder(precision="float32", cache=cache).fit(paths).get_feature_names_out()
    assert len(names) == 1952
    assert names[0] == "imageembedder0"


def test_it_learns_the_head_of_whatsit_train(
    fitted: ImageClassifier, paths: list[str], labels: list[str], cache: Path
) -> None:
    x = ImageEmbedder(precision="float32", cache=cache).fit_transform(paths)
    index = np.unique(labels, return_inverse=True)[1]
    digests = fitted._embed(paths).digests
    folds = assign_folds(index, digests, np.arange(len(paths)), FOLDS, 0)
    selected = select_head(TrainingData(x, index, 3), HEAD_TYPES["logistic"], make_folds(folds))
    assert fitted.strength_ == selected.regularization
    assert fitted.temperature_ == selected.temperature
    np.testing.assert_array_equal(fitted.head_.logits(x), selected.head.logits(x))


def test_it_predicts_labels_with_probabilities(fitted: ImageClassifier, paths: list[str], labels: list[str]) -> None:
    probabilities = fitted.predict_proba(paths)
    assert probabilities.shape == (30, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert fitted.classes_.tolist() == ["leaves", "shells", "stones"]
    assert fitted.score(paths, labels) == (fitted.predict(paths) == np.array(labels)).mean() >= 0.9


@pytest.mark.parametrize("names", [[3, 1, 2], [True, False, True], ["ä", "b c", "🐝"]])
def test_labels_may_be_of_any_type(names: list[Any], paths: list[str], labels: list[str], cache: Path) -> None:
    kinds = sorted(set(labels))
    y = [names[kinds.index(label)] for label in labels]
    classifier = ImageClassifier(precision="float32", cache=cache).fit(paths, y)
    assert classifier.classes_.tolist() == sorted(set(names))
    assert set(classifier.predict(paths[:5]).tolist()) <= set(names)


def test_cross_validation(paths: list[str], labels: list[str], cache: Path) -> None:
    for x in (paths, np.array(paths)):
        scores = cross_val_score(ImageClassifier(precision="float32", cache=cache), x, labels, cv=2)
        assert scores.mean() > 0.6


def test_it_survives_the_way_to_another_process(fitted: ImageClassifier, paths: list[str]) -> None:
    """As joblib sends it, where `n_jobs` is told."""
    there = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(there.predict_proba(paths), fitted.predict_proba(paths))


def test_a_grid_over_heads(paths: list[str], labels: list[str], cache: Path) -> None:
    grid = GridSearchCV(ImageClassifier(precision="float32", cache=cache), {"head": ["svm", "knn"]}, cv=2)
    grid.fit(paths, labels)
    assert grid.best_params_["head"] in {"svm", "knn"}
    assert len(grid.predict(paths[:2])) == 2


def test_a_pipeline_with_another_classifier(paths: list[str], labels: list[str], cache: Path) -> None:
    pipeline = make_pipeline(ImageEmbedder(precision="float32", cache=cache), LogisticRegression(max_iter=1000))
    assert cross_val_score(pipeline, paths, labels, cv=2).mean() > 0.6
    pipeline.set_params(imageembedder__resize_mode="squash").fit(paths, labels)
    assert pipeline[0].extractor_.preprocessing.resize_mode == "squash"


@pytest.mark.parametrize("make", BOTH)
def test_an_unreadable_image_is_named(
    make: Callable[..., Any], paths: list[str], labels: list[str], cache: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "no image.jpg"
    bad.write_text("hello")
    estimator = make(precision="float32", cache=cache).fit(paths, labels)
    use = estimator.predict if make is ImageClassifier else estimator.transform
    with pytest.raises(ImageError, match=r"no image\.jpg: not an image"):
        use([paths[0], str(bad), paths[1]])
    with pytest.raises(ImageError, match="image 2: not an image"):
        use([paths[0], b"hello"])


def test_an_unreadable_image_stops_the_fit(paths: list[str], labels: list[str], cache: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.jpg: no such file"):
        ImageClassifier(precision="float32", cache=cache).fit([*paths, "gone.jpg"], [*labels, "leaves"])


def test_copies_never_straddle_the_folds(paths: list[str], labels: list[str], cache: Path) -> None:
    """With five copies of each photo, a head that saw them would be sure of everything."""
    once = ImageClassifier(precision="float32", cache=cache).fit(paths, labels)
    five = ImageClassifier(precision="float32", cache=cache).fit(paths * 5, labels * 5)
    assert five.temperature_ > 0.5 * once.temperature_
    with pytest.raises(ValueError, match=r"class 'stones' has 1 distinct image.*near-duplicates and"):
        ImageClassifier(precision="float32", cache=cache).fit([*paths[:20], paths[-1], paths[-1]], labels[:22])


def test_groups_never_straddle_the_folds(paths: list[str], labels: list[str], cache: Path) -> None:
    """A turned copy is none that whatsit finds by itself; named as a group's, it is kept with the original."""
    turned = [np.rot90(pixels_of(path)).copy() for path in paths]
    photos: list[Any] = [pixels_of(path) for path in paths] + turned * 4
    groups = list(range(len(paths))) * 5
    apart = ImageClassifier(precision="float32", cache=cache).fit(photos, labels * 5)
    whole = ImageClassifier(precision="float32", cache=cache).fit(photos, labels * 5, groups=groups)
    assert whole.strength_ != apart.strength_ or whole.temperature_ != apart.temperature_
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        whole.fit(paths, labels, groups=groups[:-1])
    with pytest.raises(ValueError, match=r"class 'leaves' has 1 distinct image"):
        whole.fit(paths, labels, groups=labels)


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "resize_mode": ({"resize_mode": "stretch"}, ValueError, "resize_mode is 'stretch', expected one of squash"),
    "precision": ({"precision": "int4"}, ValueError, "precision is 'int4', expected one of auto"),
    "head": ({"head": "forest"}, ValueError, "head is 'forest', expected one of logistic"),
    "backbone": ({"backbone": "vgg"}, BackboneError, "no backbone 'vgg'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_parameters(name: str, paths: list[str], labels: list[str], cache: Path) -> None:
    values, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        ImageClassifier(**{"precision": "float32", "cache": cache, **values}).fit(paths, labels)


def test_wrong_images_and_labels(paths: list[str], labels: list[str], cache: Path) -> None:
    classifier = ImageClassifier(precision="float32", cache=cache)
    with pytest.raises(ValueError, match="X is one str, expected a list"):
        classifier.fit(paths[0], labels)
    with pytest.raises(ValueError, match="X is an array"):
        classifier.fit(pixels_of(paths[0]), labels)
    with pytest.raises(ValueError, match="X has no images"):
        classifier.fit([], [])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier.fit(paths, labels[:-1])
    with pytest.raises(ValueError, match="number of classes has to be greater than one"):
        classifier.fit(paths, ["one"] * len(paths))
    with pytest.raises(NotFittedError):
        classifier.predict(paths)
    with pytest.raises(NotFittedError):
        ImageEmbedder().transform(paths)


def test_another_image_size_gives_other_vectors(paths: list[str], cache: Path) -> None:
    usual, small = (
        ImageEmbedder(precision="float32", image_size=size, cache=cache).fit_transform(paths[:4])
        for size in (None, (64, 96))
    )
    assert usual.shape == small.shape
    assert not np.allclose(usual, small, atol=1e-3)


def test_deep_images_have_the_range_that_fit_measured(tmp_path: Path, cache: Path) -> None:
    rng = np.random.default_rng(0)
    shares = [rng.integers(0, 256, (12, 16)).repeat(4, axis=0).repeat(4, axis=1) / 255 for _ in range(8)]
    counts = [(200 + one * 1200).astype(np.uint16) for one in shares]
    paths = []
    for number, one in enumerate(counts):
        Image.fromarray(one).save(tmp_path / f"{number}.tif")
        paths.append(str(tmp_path / f"{number}.tif"))
    embedder = ImageEmbedder(precision="float32", cache=cache).fit(paths)
    assert embedder.extractor_.preprocessing.value_range == (200, 1400)
    grey = [(one * 255).astype(np.uint8) for one in shares]
    vectors, of_grey = embedder.transform(paths), embedder.transform(grey)
    assert np.corrcoef(vectors.ravel(), of_grey.ravel())[0, 1] > 0.99
    np.testing.assert_allclose(embedder.transform(counts), vectors, atol=1e-4)
    in_memory = ImageEmbedder(precision="float32", cache=cache).fit(counts)
    assert in_memory.extractor_.preprocessing == embedder.extractor_.preprocessing
    given = ImageEmbedder(precision="float32", cache=cache, value_range=(0, 4095)).fit(paths)
    assert given.extractor_.preprocessing.value_range == (0, 4095)
    assert ImageEmbedder(precision="float32", cache=cache).fit(grey).extractor_.preprocessing.value_range is None
    with pytest.raises(ValueError, match="black below white"):
        ImageEmbedder(value_range=(5, 5), cache=cache).fit(paths)
