"""Embeddings in a file, and training from them."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from steps.made import PLAIN

from whatsit.api import embed, train_from_embeddings
from whatsit.config import TrainOptions
from whatsit.errors import EmbeddingError, WhatsitError
from whatsit.model.format import FILES
from whatsit.model.golden import check_golden
from whatsit.model.similar import Similar
from whatsit.training.run import Trained

from .given import splits

pytestmark = pytest.mark.slow


def test_stored_embeddings_give_the_same_model(
    small: Path, quick: TrainOptions, trained: Trained, tmp_path: Path
) -> None:
    written = embed(small, tmp_path / "vectors.parquet", quick)
    assert (written.rows, written.failed, written.computed) == (40, 0, 0)  # `trained` has embedded them
    again = train_from_embeddings(tmp_path / "vectors.parquet", tmp_path / "model", quick)
    for name in (FILES.graph, FILES.predictions, FILES.splits):
        assert (again.folder / name).read_bytes() == (trained.folder / name).read_bytes(), name


def test_photos_that_have_gone_are_missed_by_nobody(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    """The test card is there all the same; thumbnails are not."""
    photos = shutil.copytree(small, tmp_path / "photos")
    embed(photos, tmp_path / "v.parquet", quick)
    shutil.rmtree(photos)
    wanted = replace(quick, thumbnails=True)
    trained = train_from_embeddings(tmp_path / "v.parquet", tmp_path / "model", wanted)
    assert check_golden(trained.folder, trained.classifier) == 1
    similar = Similar.open(trained.folder, trained.classifier)
    assert similar is not None
    assert similar.to(trained.classifier.embed(str(small / "pears" / "000.jpg"))[0]) == ()


def test_unreadable_photos_have_a_row_in_the_file(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    photos = shutil.copytree(small, tmp_path / "photos")
    (photos / "pears" / "bad.jpg").write_bytes(b"")
    written = embed(photos, tmp_path / "v.parquet", quick)
    assert (written.rows, written.failed) == (41, 1)
    trained = train_from_embeddings(tmp_path / "v.parquet", tmp_path / "model", quick)
    assert splits(trained)["pears/bad.jpg"]["left_out"].startswith("empty")


def test_photos_without_labels_are_embedded_and_not_trained_on(
    small: Path, quick: TrainOptions, tmp_path: Path
) -> None:
    written = embed(small / "pears", tmp_path / "v.parquet", quick)
    assert (written.rows, written.failed) == (20, 0)
    with pytest.raises(EmbeddingError, match=r"\.jpg has no label\. Embed labelled photos"):
        train_from_embeddings(tmp_path / "v.parquet", tmp_path / "model", quick)


def test_a_network_of_ones_own_is_named_again(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    embed(small, tmp_path / "v.parquet", quick)
    with pytest.raises(EmbeddingError, match=r"made with own, a network of your own. Name it: --backbone my.onnx"):
        train_from_embeddings(tmp_path / "v.parquet", tmp_path / "model", PLAIN)


def test_embedding_again_needs_a_word(small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    embed(small, tmp_path / "v.parquet", quick)
    with pytest.raises(WhatsitError, match=r"v.parquet exists"):
        embed(small, tmp_path / "v.parquet", quick)
    assert embed(small, tmp_path / "v.parquet", quick, overwrite=True).rows == 40


def test_a_file_of_other_embeddings_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "v.parquet").write_bytes(b"no parquet")
    with pytest.raises(EmbeddingError, match=r"v\.parquet"):
        train_from_embeddings(tmp_path / "v.parquet", tmp_path / "model")
