"""A photo that a network has no finite numbers for is a named error wherever it comes to, and spoils nothing else."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from steps.made import PLAIN, spread_network

import whatsit
from whatsit.api import embed, evaluate, train, train_from_embeddings
from whatsit.config import HeadName, TrainOptions
from whatsit.embedding.parquet import read_parquet
from whatsit.errors import ImageError, WhatsitError
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES
from whatsit.model.golden import check_golden
from whatsit.sklearn import ImageClassifier, ImageEmbedder
from whatsit.training.compare.run import compare
from whatsit.training.run import Trained

from .given import rows, splits

pytestmark = pytest.mark.slow

BLACK = "apples/black.png"
SAID = r"the network's numbers for it are not finite \((NaN|infinite)\). Leave the photo out, or mend the network"


@pytest.fixture(scope="module", params=["nan", "inf"])
def spread(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TrainOptions:
    gives: Literal["nan", "inf"] = request.param
    return replace(PLAIN, backbone=spread_network(tmp_path_factory.mktemp("spread"), gives))


@pytest.fixture(scope="module")
def with_black(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("black") / "photos"
    shutil.copytree(small, folder)
    Image.new("RGB", (48, 48)).save(folder / BLACK)
    return folder


@pytest.fixture(scope="module")
def unspoilt(small: Path, spread: TrainOptions, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(small, tmp_path_factory.mktemp("unspoilt") / "model", spread)


@pytest.fixture
def own_cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.mark.parametrize("head", ["logistic", "mlp", "svm", "knn"])
def test_training_leaves_it_out_by_name(with_black: Path, spread: TrainOptions, head: HeadName, tmp_path: Path) -> None:
    trained = train(with_black, tmp_path / "model", replace(spread, head=head))
    assert trained.evaluation.n == 40
    (out,) = trained.report.data.left_out
    assert out.path.endswith("black.png")
    assert out.reason.startswith("the network's numbers for it are not finite")
    assert splits(trained)[BLACK]["split"] == ""
    golden = json.loads((trained.folder / FILES.golden).read_text())
    assert all(np.isfinite([*one["probabilities"], one["similarity"]]).all() for one in golden)
    assert check_golden(trained.folder, whatsit.load(trained.folder)) == len(golden)


def test_it_changes_no_figure_of_the_others(
    with_black: Path, spread: TrainOptions, unspoilt: Trained, tmp_path: Path
) -> None:
    trained = train(with_black, tmp_path / "model", spread)
    assert trained.evaluation.to_dict() == unspoilt.evaluation.to_dict()


@pytest.mark.parametrize("many", [1, 30])
def test_an_answer_is_an_error_beside_good_ones(with_black: Path, unspoilt: Trained, many: int) -> None:
    black, good = str(with_black / BLACK), [str(path) for path in sorted((with_black / "pears").iterdir())][:many]
    classifier = whatsit.load(unspoilt.folder)
    first, *others = classifier.predict([black, *good])
    assert first.error is not None
    assert first.error.startswith("the network's numbers for it are not finite")
    assert (first.label, first.probability, first.similarity) == (None, None, None)
    assert first.to_dict().keys() == {"path", "error"}
    assert all(one.error is None and one.label == "pears" for one in others)
    for ask in (classifier.predict_proba, classifier.embed, classifier.explain):
        with pytest.raises(ImageError, match=SAID):
            ask(black)
    with pytest.raises(ImageError, match=SAID):
        classifier.explain(black, "pears")


def test_evaluating_leaves_it_out_by_name(with_black: Path, unspoilt: Trained, tmp_path: Path) -> None:
    done = evaluate(unspoilt.folder, with_black, tmp_path / "figures")
    (out,) = done.report.data.left_out
    assert out.path.endswith("black.png")
    assert done.evaluation.n == 40


def test_nothing_but_such_photos(unspoilt: Trained, spread: TrainOptions, tmp_path: Path) -> None:
    for label in ("apples", "pears"):
        for number in range(4):
            path = tmp_path / "black" / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (48 + number, 48)).save(path)
    with pytest.raises(WhatsitError, match=SAID):
        evaluate(unspoilt.folder, tmp_path / "black", tmp_path / "figures")
    with pytest.raises(WhatsitError, match=SAID):
        train(tmp_path / "black", tmp_path / "model", spread)


def test_a_file_of_embeddings_has_a_row_of_its_error(with_black: Path, spread: TrainOptions, tmp_path: Path) -> None:
    written = embed(with_black, tmp_path / "v.parquet", spread)
    assert (written.rows, written.failed) == (41, 1)
    trained = train_from_embeddings(tmp_path / "v.parquet", tmp_path / "model", spread)
    assert splits(trained)[BLACK]["left_out"].startswith("the network's numbers")
    assert trained.evaluation.n == 40


def test_a_file_of_embeddings_that_holds_such_numbers(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    """As older versions wrote them."""
    embed(small, tmp_path / "v.parquet", quick)
    table = pq.read_table(tmp_path / "v.parquet")
    vectors = table["embedding"].combine_chunks()
    numbers = vectors.flatten().to_numpy().copy()
    dim = vectors.type.list_size
    numbers[5 * dim + 2], numbers[7 * dim], numbers[9 * dim + 1] = np.nan, -np.inf, 1e30
    spoilt = pa.FixedSizeListArray.from_arrays(pa.array(numbers), dim)
    place = table.schema.get_field_index("embedding")
    pq.write_table(table.set_column(place, table.schema.field(place), spoilt), tmp_path / "v.parquet")
    stored = read_parquet(tmp_path / "v.parquet")
    assert sorted(stored.errors) == [5, 7, 9]
    assert [stored.errors[i].partition(". ")[0] for i in (5, 7, 9)] == [
        "the network's numbers for it are not finite (NaN)",
        "the network's numbers for it are not finite (infinite)",
        "the network's numbers for it are too large to compute with (1.0e+30)",
    ]
    assert len(stored.vectors) == len(stored.thumbnails) == 37
    trained = train_from_embeddings(tmp_path / "v.parquet", tmp_path / "model", quick)
    assert trained.evaluation.n == 37


def test_a_cache_that_holds_such_numbers(
    with_black: Path, spread: TrainOptions, own_cache: Path, tmp_path: Path
) -> None:
    """As older versions kept them: of a photo that has none, and of one whose row was spoilt."""
    train(with_black, tmp_path / "first", spread, cache=own_cache)
    (vectors,) = own_cache.glob("own-*.sqlite")
    with closing(sqlite3.connect(own_cache / "files.sqlite")) as files:
        digest_of = {
            Path(path.decode()).name: digest for path, digest in files.execute("SELECT path, digest FROM files")
        }
    spoilt = np.full(24, np.nan, np.float32).tobytes()
    with closing(sqlite3.connect(vectors)) as database, database:
        database.execute("INSERT INTO vectors VALUES (?, ?, ?)", (digest_of["black.png"], spoilt, bytes(1024)))
        database.execute("UPDATE vectors SET vector = ? WHERE digest = ?", (spoilt, digest_of["003.jpg"]))
    again = train(with_black, tmp_path / "again", spread, cache=own_cache)
    assert [Path(one.path).name for one in again.report.data.left_out] == ["black.png"]
    assert again.evaluation.n == 40


def test_estimators_name_it(with_black: Path, spread: TrainOptions) -> None:
    good = [str(path) for path in sorted((with_black / "pears").iterdir())]
    black = with_black / BLACK
    embedder = ImageEmbedder(spread.backbone).fit(good)
    for one in (str(black), black.read_bytes(), np.zeros((48, 48, 3), np.uint8), Image.new("RGB", (48, 48))):
        with pytest.raises(ImageError, match=SAID):
            embedder.transform([*good[:2], one])
    apples = [str(path) for path in sorted((with_black / "apples").glob("*.jpg"))]
    fitted = ImageClassifier(spread.backbone).fit([*apples, *good], ["apple"] * 20 + ["pear"] * 20)
    with pytest.raises(ImageError, match=SAID):
        fitted.predict([str(black)])
    with pytest.raises(ImageError, match=SAID):
        ImageClassifier(spread.backbone).fit([*good, str(black)], ["a", "b", *["a"] * 19])
    assert LogisticRegression().fit(embedder.transform([*apples, *good]), [0] * 20 + [1] * 20)


def test_comparing_names_it(with_black: Path, spread: TrainOptions, tmp_path: Path) -> None:
    with pytest.raises(WhatsitError, match=rf"^probe: .*black\.png: {SAID}"):
        compare(with_black, {"probe": spread}, tmp_path / "compared")


@pytest.mark.parametrize("resize_mode", ["auto", "crop"])
def test_a_photo_whose_middle_alone_is_black(
    spread: TrainOptions, resize_mode: Literal["auto", "crop"], tmp_path: Path
) -> None:
    """A crop has no numbers for it, a squash has."""
    rng = np.random.default_rng(0)
    for kind, label in enumerate(("apples", "pears")):
        for number in range(12):
            pixels = np.array([100 * kind, 40, 0]) + rng.integers(0, 120, (48, 80, 3))
            if number == 5:
                pixels[:, 14:66] = 0
            path = tmp_path / "photos" / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    trained = train(tmp_path / "photos", tmp_path / "model", replace(spread, resize_mode=resize_mode))
    assert len(trained.report.data.left_out) == 2
    assert {Path(one.path).name for one in trained.report.data.left_out} == {"5.png"}
    assert {row["path"].rpartition("/")[2] for row in rows(trained.folder / FILES.predictions)}.isdisjoint({"5.png"})


def test_a_neighbour_in_the_same_call_spoils_nothing(with_black: Path, unspoilt: Trained) -> None:
    classifier = Classifier.load(unspoilt.folder)
    paths = [str(with_black / BLACK) if i % 4 == 1 else str(with_black / "pears" / f"{i:03}.jpg") for i in range(16)]
    said = list(classifier.classify(paths))
    assert [one.error is not None for one in said] == [i % 4 == 1 for i in range(16)]
