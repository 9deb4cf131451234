"""Photos for the report: small JPEGs with their heat maps; one that has gone is passed over."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from whatsit.decide import Rule, decide
from whatsit.model.tables import HEAT_SIDE, MOST, SIDE, Shown, likely_labels
from whatsit.training.run import Trained


@pytest.fixture
def shown(model: Trained, photos: Path, tmp_path: Path) -> Shown:
    """Five photos of each class, copied, as the model's own test."""
    uris = []
    for kind in model.classifier.classes_:
        for path in sorted((photos / kind).iterdir())[:5]:
            (tmp_path / kind).mkdir(exist_ok=True)
            uris.append(str(shutil.copy(path, tmp_path / kind)))
    labels = np.repeat(np.arange(3), 5)
    p = model.classifier.predict_proba(uris).astype(np.float64)
    return Shown(uris, labels, p, model.classifier, decide(p.max(axis=1), np.ones(15), Rule(0.9, 0)).reasons.tolist())


def test_a_dozen_photos_in_the_order_asked(shown: Shown) -> None:
    order = np.arange(15)[::-1]
    made = shown.gallery(order)
    assert len(made) == MOST
    assert [photo.path for photo in made] == [
        "/".join(Path(shown.uris[i]).parts[-2:]) for i in order[:MOST]
    ]  # captions without what all paths share
    first = made[0]
    assert first.truth == shown.classifier.classes_[2]
    assert first.probability == pytest.approx(shown.probabilities[14].max())
    assert first.reason == ("probability" if shown.probabilities[14].max() < 0.9 else "")
    for data, side in ((first.thumbnail, min(SIDE, 256)), (first.heat_map, HEAT_SIDE)):
        assert data is not None
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == "JPEG"
            assert max(image.size) == side


def test_a_missing_file_is_passed_over(shown: Shown) -> None:
    Path(shown.uris[1]).unlink()
    made = shown.gallery(np.array([0, 1, 2]))
    assert [photo.path.rpartition("/")[2] for photo in made] == ["000.jpg", "002.jpg"]


def test_the_likely_label_is_another(shown: Shown) -> None:
    rows = np.array([0, 7])
    likely = likely_labels(shown.labels[rows], shown.probabilities[rows])
    assert likely[0] != 0
    assert likely[1] != 1
    made = shown.gallery(rows, likely)
    assert [photo.predicted for photo in made] == [shown.classifier.classes_[k] for k in likely]
    assert made[0].probability == pytest.approx(shown.probabilities[0, likely[0]])
    assert made[0].probability_of_truth == pytest.approx(shown.probabilities[0, 0])
