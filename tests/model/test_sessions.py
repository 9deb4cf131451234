"""Sessions go when nobody uses them any more, without waiting for Python to look for circles; copies open their own."""

import copy
import gc
import multiprocessing
import pickle
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

import whatsit
from whatsit.embedding.session import open_session
from whatsit.errors import BackboneError, ModelFolderError
from whatsit.model.classifier import Classifier
from whatsit.model.imagenet import imagenet_classifier

pytestmark = pytest.mark.slow


@contextmanager
def no_collection() -> Iterator[None]:
    """What goes within it goes by itself."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def sessions() -> int:
    """How many there are in this process."""
    return sum(issubclass(type(one), ort.InferenceSession) for one in gc.get_objects())  # type: never asks the object


USES: dict[str, Callable[[Classifier, list[str]], object]] = {
    "opened": lambda classifier, paths: classifier.open(),
    "one photo": lambda classifier, paths: classifier.predict(paths[0]),
    "many photos": lambda classifier, paths: classifier.predict(paths),
    "pixels": lambda classifier, paths: classifier.answer_pixels(classifier.pixels(paths[0])[None]),
    "a heat map": lambda classifier, paths: classifier.explain(paths[0]),
    "only some of the answers": lambda classifier, paths: next(classifier.predict_each(paths)),
    "a copy of it": lambda classifier, paths: copy.deepcopy(classifier).predict(paths[0]),
}


@pytest.mark.parametrize("use", USES)
def test_sessions_go_with_their_classifier(use: str, folder: Path, paths: list[str]) -> None:
    with no_collection():
        before = sessions()
        classifier = whatsit.load(folder)
        USES[use](classifier, paths)
        assert sessions() > before or use == "a copy of it"
        gone = weakref.ref(classifier)
        del classifier
        assert gone() is None
        assert sessions() == before


def test_sessions_of_a_head_without_a_map_go_too(folder: Path, paths: list[str]) -> None:
    """Its heat maps cover place after place, for which the classifier is asked."""
    whole = whatsit.load(folder)
    with no_collection():
        before = sessions()
        classifier = Classifier(whole.facts, whole.graph.replace(b"head.weight", b"head.wEight"))
        classifier.explain(paths[0])
        del classifier
        assert sessions() == before


def test_a_classifier_that_does_not_open_goes_too(classifier: Classifier) -> None:
    wider = replace(classifier.facts, labels=(*classifier.facts.labels, "more"))
    with no_collection():
        before = sessions()
        bad = Classifier(wider, classifier.graph)
        for _ in range(3):
            with pytest.raises(ModelFolderError, match="in its graph"):
                bad.open()
        gone = weakref.ref(bad)
        del bad
        assert gone() is None
        assert sessions() == before


def test_what_failed_is_begun_anew(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a GPU whose memory was taken for a moment."""
    opened, calls = open_session, []

    def fails_once(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 1:
            raise BackboneError("not now")
        return opened(*given)

    monkeypatch.setattr("whatsit.model.sessions.open_session", fails_once)
    fresh = Classifier(classifier.facts, classifier.graph)
    with pytest.raises(BackboneError, match="not now"):
        fresh.open()
    fresh.open()
    assert len(calls) == 2


def test_many_threads_that_ask_at_once_share_one_session(classifier: Classifier, paths: list[str]) -> None:
    with no_collection():
        before = sessions()
        fresh = Classifier(classifier.facts, classifier.graph)
        threads = [threading.Thread(target=fresh.open) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sessions() == before + 1


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_and_pickles_answer_alike(again: Callable[[Any], Any], classifier: Classifier, paths: list[str]) -> None:
    classifier.predict(paths[0])  # so that it has a session, which is not copied
    classifier.explain(paths[0])
    other = again(classifier)
    assert other is not classifier
    assert (other.facts, other.graph, other.device) == (classifier.facts, classifier.graph, classifier.device)
    assert other.limits == classifier.limits
    np.testing.assert_array_equal(other.predict_proba(paths), classifier.predict_proba(paths))
    assert other.explain(paths[0]).label == classifier.explain(paths[0]).label


def test_answers_can_be_pickled(classifier: Classifier, paths: list[str]) -> None:
    answers = classifier.predict([paths[0], "gone.jpg"])
    assert pickle.loads(pickle.dumps(answers)) == answers


def test_the_built_in_classifier_can_be_copied(paths: list[str]) -> None:
    from whatsit.images.limits import DEFAULT_LIMITS

    imagenet = imagenet_classifier(device="cpu", limits=DEFAULT_LIMITS)
    assert copy.deepcopy(imagenet).predict(paths[0]).label == imagenet.predict(paths[0]).label


def test_in_a_pool_of_processes(classifier: Classifier, paths: list[str]) -> None:
    expected = [classifier.predict(path).label for path in paths[:4]]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert [answer.label for answer in pool.map(classifier.predict, paths[:4])] == expected


_inherited: Classifier | None = None


def _ask_inherited(path: str) -> tuple[str, int]:
    assert _inherited is not None
    return _inherited.predict(path).label, len(_inherited.predict_proba([path] * 6))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_in_forked_processes_that_inherit_it_opened(folder: Path, paths: list[str]) -> None:
    """As a data loader's workers do. None of a session's threads comes along."""
    global _inherited
    _inherited = whatsit.load(folder)
    expected = _inherited.predict(paths[0]).label, len(_inherited.predict_proba([paths[0]] * 6))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(_ask_inherited, [paths[0]] * 4).get(60) == [expected] * 4
    _inherited = None
