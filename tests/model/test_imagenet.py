"""The published head: readable names, in ImageNet's order, and the right ones for real photos where there are some."""

from pathlib import Path

import numpy as np
import pytest
from drawn import drawn_photo

import whatsit
from whatsit.model.classifier import Classifier
from whatsit.model.imagenet import imagenet_labels

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[3] / "shared" / "data"
PLAUSIBLE = {"flowers/daisy": "daisy", "ants_bees/valid/ants": "ant", "ants_bees/valid/bees": "bee"}
FOUND = [place for place in PLAUSIBLE if (DATA / place).is_dir()]  # real photos, where the checkout has them beside it


@pytest.fixture(scope="module")
def imagenet() -> Classifier:
    return whatsit.load("imagenet")


def test_a_thousand_names_each_another() -> None:
    names = imagenet_labels()
    assert len(set(names)) == len(names) == 1000
    assert all(name == name.strip() and name for name in names)
    assert names[0] == "tench"
    assert names[985] == "daisy"
    assert names[309] == "bee"


def test_it_answers_in_full(imagenet: Classifier) -> None:
    answer = imagenet.predict(drawn_photo("leaves", 1), top=5)
    assert len(answer.top) == 5
    assert not answer.unsure
    assert answer.familiar
    assert answer.similarity == 1
    assert imagenet.predict_proba(drawn_photo("leaves", 1)).sum() == pytest.approx(1, abs=1e-4)
    assert imagenet.embed(drawn_photo("leaves", 1)).shape == (1, 1952)


def test_it_explains_from_the_last_map_alone(imagenet: Classifier) -> None:
    explanation = imagenet.explain(drawn_photo("leaves", 1))
    assert explanation.heat.shape == (14, 14)
    assert np.isfinite(explanation.heat).all()


@pytest.mark.parametrize("place", FOUND)
def test_most_real_photos_are_named_rightly(place: str, imagenet: Classifier) -> None:
    photos = [str(path) for path in sorted((DATA / place).glob("*.jpg"))[:12]]
    named = [PLAUSIBLE[place] in {candidate.label for candidate in one.top} for one in imagenet.predict(photos)]
    assert sum(named) >= 0.75 * len(photos)


@pytest.mark.parametrize("place", FOUND[:1])
def test_a_daisy_is_a_daisy_at_once(place: str, imagenet: Classifier) -> None:
    photos = [str(path) for path in sorted((DATA / place).glob("*.jpg"))[:12]]
    assert sum(one.label == "daisy" for one in imagenet.predict(photos, top=1)) >= 8
