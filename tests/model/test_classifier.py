"""Whatever an image comes as, the answer is the same; a bad one gets a named error and spoils no other."""

import io
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import drawn_photo
from images.samples import encode
from PIL import Image

import whatsit
from whatsit.errors import BackboneError, ImageError, ModelFolderError, WhatsitError
from whatsit.images.limits import Limits
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES, Unsure
from whatsit.model.prediction import Prediction, Predictions


def with_unsure(classifier: Classifier, threshold: float, similarity: float) -> Classifier:
    facts = replace(classifier.facts, unsure=Unsure(threshold, similarity, precision=0.95))
    return Classifier(facts, classifier.graph)


def test_path_bytes_pillow_and_array_agree(classifier: Classifier, paths: list[str]) -> None:
    path = paths[0]
    image = Image.open(path)
    given: list[Any] = [path, Path(path), Path(path).read_bytes(), image, np.asarray(image)]
    expected = classifier.predict_proba(path)
    assert expected.shape == (1, 3)
    for one in given:
        np.testing.assert_allclose(classifier.predict_proba(one), expected, atol=1e-5)
        np.testing.assert_allclose(classifier.predict_proba([one]), expected, atol=1e-5)
        assert isinstance(classifier.predict(one), Prediction)
        assert isinstance(classifier.predict([one]), Predictions)


def test_grey_and_transparent_images_in_memory_are_taken(classifier: Classifier) -> None:
    grey = Image.fromarray(drawn_photo("leaves", 5)).convert("L")
    one = classifier.predict_proba(np.asarray(grey))
    np.testing.assert_allclose(classifier.predict_proba(grey), one, atol=1e-5)
    np.testing.assert_allclose(classifier.predict_proba(encode(grey)), one, atol=1e-5)
    assert classifier.predict(grey.convert("LA")).error is None


@pytest.mark.parametrize("count", [0, 1, 3, 15])
def test_lists_tuples_generators_and_arrays_of_any_length(count: int, classifier: Classifier, paths: list[str]) -> None:
    some = paths[:count]
    expected = [classifier.predict(path).label for path in some]
    for many in (some, tuple(some), (path for path in some), np.array(some, dtype=object), iter(some)):
        answers = classifier.predict(many)
        assert isinstance(answers, Predictions)
        assert [answer.label for answer in answers] == expected
        assert [answer.path for answer in answers] == some
    assert classifier.predict_proba(some).shape == (count, 3)
    assert classifier.embed(some).shape == (count, 1952)


def test_a_stack_of_images_is_many_and_a_slice_of_it_one(classifier: Classifier) -> None:
    stack = np.stack([drawn_photo("leaves", seed) for seed in range(3)])
    assert len(classifier.predict(stack)) == 3
    assert isinstance(classifier.predict(stack[0]), Prediction)


def test_answers_come_one_by_one_as_images_do(classifier: Classifier, paths: list[str]) -> None:
    taken: list[str] = []

    def endless() -> Iterator[str]:
        while True:
            taken.append(paths[0])
            yield paths[0]

    answers = classifier.predict_each(endless())
    assert [next(answers).error for _ in range(3)] == [None] * 3
    assert len(taken) < 100


def _closed() -> io.BytesIO:
    file = io.BytesIO(b"hello")
    file.close()
    return file


BAD: dict[str, tuple[Any, str]] = {
    "missing": ("gone.jpg", "no such file"),
    "no image": (b"hello", "not an image"),
    "empty": (b"", "empty file"),
    "truncated": (encode(drawn_photo("leaves", 1), "JPEG")[:3000], "truncated JPEG"),
    "nothing": (None, "expected a path"),
    "a number": (7, "expected a path"),
    "floats": (np.zeros((5, 5, 3)), "expected uint8"),
    "a mutable copy": (bytearray(b"hello"), "not an image"),
    "a dictionary": ({"a": 1}, "expected a path"),
    "a set": ({"a.jpg"}, "A set has no order"),
    "a list": (["a.jpg"], "expected a path"),
    "a closed file": (_closed(), "cannot be read"),
    "text": (io.StringIO("hello"), "opened as text"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_among_good_ones(name: str, classifier: Classifier, paths: list[str]) -> None:
    bad, reason = BAD[name]
    answers = classifier.predict([paths[0], bad, *paths[1:6]])
    assert [answer.error is None for answer in answers] == [True, False, *[True] * 5]
    assert reason in answers[1].error
    assert answers[1].label is answers[1].probability is answers[1].similarity is None
    assert answers[1].to_dict() == {"path": answers[1].path, "error": answers[1].error}
    np.testing.assert_allclose(answers[2].probability, classifier.predict(paths[1]).probability, atol=1e-5)
    if not isinstance(bad, dict | set | list):
        assert reason in classifier.predict(bad).error


def test_where_there_is_no_row_for_errors_the_image_is_named(classifier: Classifier, paths: list[str]) -> None:
    for ask in (classifier.predict_proba, classifier.embed):
        with pytest.raises(ImageError, match=r"^gone\.jpg: no such file$"):
            ask([paths[0], "gone.jpg"])
        with pytest.raises(ImageError, match=r"^image 2: not an image"):
            ask([paths[0], b"hello"])
    with pytest.raises(ImageError, match="no such file"):
        classifier.explain("gone.jpg")


def test_limits_hold(folder: Path, paths: list[str]) -> None:
    small = whatsit.load(folder, limits=Limits(max_bytes=1000))
    assert "too large" in small.predict(paths[0]).error
    with pytest.raises(ImageError, match="too large"):
        small.explain(paths[0])


def test_top_is_as_many_as_asked_or_there_are(classifier: Classifier, paths: list[str]) -> None:
    for top, count in ((1, 1), (2, 2), (3, 3), (1000, 3)):
        answer = classifier.predict(paths[0], top=top)
        assert len(answer.top) == count
        assert [c.probability for c in answer.top] == sorted((c.probability for c in answer.top), reverse=True)
    assert sum(candidate.probability for candidate in answer.top) == pytest.approx(1, abs=1e-5)
    for top in (0, -1):
        with pytest.raises(WhatsitError, match="expected 1 or more"):
            classifier.predict(paths[0], top=top)


def test_columns_are_the_classes(classifier: Classifier, paths: list[str]) -> None:
    probabilities = classifier.predict_proba(paths)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    best = [classifier.classes_[k] for k in probabilities.argmax(axis=1)]
    assert best == [answer.label for answer in classifier.predict(paths)]
    truth = [Path(path).parent.name for path in paths]
    assert np.mean([a == b for a, b in zip(best, truth, strict=True)]) > 0.9


def test_unsure_below_the_threshold_or_far_from_the_training_photos(classifier: Classifier, paths: list[str]) -> None:
    answer = classifier.predict(paths[0])
    assert answer.probability is not None
    at = answer.probability
    cases = {(0.0, -1.0): (False, True), (at - 1e-4, -1.0): (False, True), (at + 1e-4, -1.0): (True, True)}
    cases |= {(0.0, 1.01): (True, False), (at + 1e-4, 1.01): (True, False)}
    for (threshold, similarity), expected in cases.items():
        seen = with_unsure(classifier, threshold, similarity).predict(paths[0])
        assert (seen.unsure, seen.familiar) == expected
        assert seen.label == answer.label


def test_most_training_photos_are_familiar_and_a_chessboard_is_not(classifier: Classifier, paths: list[str]) -> None:
    assert np.mean([answer.familiar for answer in classifier.predict(paths)]) > 0.9
    chessboard = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((28, 28))).astype(np.uint8) * 255
    assert not classifier.predict(chessboard).familiar
    assert classifier.predict(chessboard).unsure


def test_many_threads_may_ask_at_once(folder: Path, paths: list[str]) -> None:
    shared = whatsit.load(folder)
    expected = whatsit.load(folder).predict_proba(paths)
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        answers[number] = shared.predict_proba(paths if number % 2 else paths[:1])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(6):
        np.testing.assert_allclose(answers[number], expected if number % 2 else expected[:1], atol=1e-5)


def test_answers_for_pixels_are_those_for_the_photos(classifier: Classifier, paths: list[str]) -> None:
    classifier.open()
    pixels = np.stack([classifier.pixels(path) for path in paths])
    for count in (1, 4, len(paths)):
        answers = classifier.answer_pixels(pixels[:count])
        for answer, expected in zip(answers, classifier.classify(paths[:count]), strict=True):
            assert (answer.source, answer.error) == (None, None)
            np.testing.assert_allclose(answer.probabilities, expected.probabilities, atol=1e-5)
            np.testing.assert_allclose(answer.embedding, expected.embedding, atol=1e-4)
            assert answer.similarity == pytest.approx(expected.similarity, abs=1e-5)
    assert classifier.answer_pixels(pixels[:0]) == []


def test_many_threads_may_ask_for_pixels_at_once(folder: Path, paths: list[str]) -> None:
    shared = whatsit.load(folder)  # opened by whoever asks first
    pixels = [shared.pixels(path)[None] for path in paths]
    with ThreadPoolExecutor(8) as pool:
        answers = [answer for [answer] in pool.map(shared.answer_pixels, pixels * 3)]
    expected = np.tile(shared.predict_proba(paths), (3, 1))
    np.testing.assert_allclose([answer.probabilities for answer in answers], expected, atol=1e-5)


SIZE = 224


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((SIZE, SIZE, 3), np.uint8),
        np.zeros((1, SIZE, SIZE, 4), np.uint8),
        np.zeros((1, SIZE, SIZE + 1, 3), np.uint8),
        np.zeros((1, SIZE, SIZE, 3), np.float32),
        np.uint8(7),
    ],
    ids=lambda pixels: f"{pixels.dtype} {pixels.shape}",
)
def test_other_arrays_are_no_pixels(pixels: Any, classifier: Classifier) -> None:
    with pytest.raises(ImageError, match=r"expected uint8 \(n, 224, 224, 3\)"):
        classifier.answer_pixels(pixels)


def test_opened_ahead_it_says_what_does_not_fit(classifier: Classifier) -> None:
    facts = classifier.facts
    wider = Classifier(replace(facts, labels=(*facts.labels, "more")), classifier.graph)
    with pytest.raises(ModelFolderError, match=r"'probabilities' is \(n, 3\) in its graph and \(n, 4\) by its"):
        wider.open()
    with pytest.raises(BackboneError, match="ONNX Runtime cannot load the graph"):
        Classifier(facts, classifier.graph[:-1000]).open()


def test_a_device_that_is_not_here_is_said(folder: Path, paths: list[str]) -> None:
    elsewhere = whatsit.load(folder, device="abacus")
    for ask in (lambda: elsewhere.predict(paths[0]), elsewhere.open):
        with pytest.raises(BackboneError, match="no device 'abacus'"):
            ask()


def test_it_tells_what_it_is(classifier: Classifier) -> None:
    assert repr(classifier) == "<Classifier 'photos': 3 classes, efficientnet-lite0>"


def test_nothing_of_a_model_folder_is_needed_once_it_is_loaded(folder: Path, paths: list[str], tmp_path: Path) -> None:
    for name in (FILES.graph, FILES.facts, FILES.labels):
        os.link(folder / name, tmp_path / name)
    loaded = whatsit.load(tmp_path)
    for name in (FILES.graph, FILES.facts, FILES.labels):
        (tmp_path / name).unlink()
    assert loaded.predict(paths[0]).error is None
    assert loaded.explain(paths[0]).label in loaded.classes_
