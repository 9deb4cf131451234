"""The queue and its threads, with a real model; the event loop is the test's own."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import numpy as np
import pytest
from patience import PATIENCE

import whatsit
from whatsit.model.classifier import Classifier
from whatsit.serving.http import HTTPError
from whatsit.serving.manager import Version
from whatsit.serving.metrics import Metrics
from whatsit.serving.pool import Pool
from whatsit.training.run import Trained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def version(model: Trained) -> Version:
    return Version("drawn", 1, whatsit.load(model.folder), "", 0, None)


@contextmanager
def pool(threads: int = 2, max_waiting: int = 64, max_batch: int = 1) -> Iterator[Pool]:
    one = Pool(threads, max_waiting, max_batch, Metrics())
    yield one
    one.close()


def soon() -> float:
    return time.monotonic() + PATIENCE


@asynccontextmanager
async def blocked(pool: Pool, version: Version, threads: int) -> AsyncIterator[Callable[[], None]]:
    """All threads at work that ends when told to."""
    begun, go = threading.Semaphore(0), threading.Event()

    def work() -> None:
        begun.release()
        go.wait(PATIENCE)

    tasks = [asyncio.create_task(pool.run(version, work, soon())) for _ in range(threads)]
    for _ in range(threads):
        await asyncio.to_thread(begun.acquire)
    try:
        yield go.set
    finally:
        go.set()
        await asyncio.gather(*tasks)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(coroutine)


def test_answers_come_in_the_order_asked_with_errors_in_their_places(version: Version, asked: list[bytes]) -> None:
    expected = version.classifier.predict_proba(asked)

    async def ask() -> None:
        with pool() as one:
            answers = await one.classify(version, [*asked[:3], b"no image", *asked[3:]], soon())
            assert answers.pop(3).error == "not an image: text that starts with 'no image'"
            np.testing.assert_allclose([a.probabilities for a in answers], expected, atol=1e-6)

    run(ask())


@pytest.mark.parametrize("max_batch", [1, 4, 16])
def test_batches_change_no_answer(version: Version, asked: list[bytes], max_batch: int) -> None:
    expected = version.classifier.predict_proba(asked)

    async def ask() -> None:
        with pool(threads=1, max_batch=max_batch) as one:
            async with blocked(one, version, 1) as go:
                tasks = [asyncio.create_task(one.classify(version, [data], soon())) for data in asked]
                await asyncio.sleep(0)
                go()
                answers = [(await task)[0] for task in tasks]
            np.testing.assert_allclose([a.probabilities for a in answers], expected, atol=1e-6)

    run(ask())


def test_waiting_images_of_one_version_share_a_call(
    version: Version, asked: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    whole = Classifier.answer_pixels

    def counted(self: Classifier, pixels: Any) -> Any:
        sizes.append(len(pixels))
        return whole(self, pixels)

    monkeypatch.setattr(Classifier, "answer_pixels", counted)

    async def ask() -> None:
        with pool(threads=1, max_batch=4) as one:
            async with blocked(one, version, 1) as go:
                tasks = [asyncio.create_task(one.classify(version, [data], soon())) for data in asked[:8]]
                await asyncio.sleep(0)
                go()
                for task in tasks:
                    await task

    run(ask())
    assert sizes == [4, 4]


def test_a_full_queue_refuses_all_of_a_request(version: Version, asked: list[bytes]) -> None:
    async def ask() -> None:
        with pool(threads=1, max_waiting=3) as one:
            async with blocked(one, version, 1):
                waiting = asyncio.create_task(one.classify(version, asked[:2], soon()))
                await asyncio.sleep(0)
                one.check_capacity(1)
                with pytest.raises(HTTPError) as error:
                    await one.classify(version, asked[:2], soon())
                assert (error.value.status, error.value.retry_after) == (429, 1)
            assert len(await waiting) == 2

    run(ask())


def test_what_is_late_or_gone_is_never_decoded(
    version: Version, asked: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Any] = []
    monkeypatch.setattr(Classifier, "pixels", lambda self, image: decoded.append(image))

    async def ask() -> None:
        with pool(threads=1, max_waiting=2) as one:
            async with blocked(one, version, 1):
                gone = asyncio.create_task(one.classify(version, asked[:1], soon()))
                late = asyncio.create_task(one.classify(version, asked[1:2], time.monotonic() + 0.05))
                await asyncio.sleep(0)
                gone.cancel()
                with pytest.raises(HTTPError) as error:
                    await late
                assert (error.value.reason, error.value.status) == ("deadline", 503)
                one.check_capacity(2)  # their places are free
            with pytest.raises(asyncio.CancelledError):
                await gone
            await one.run(version, lambda: None, soon())  # the queue is empty by now

    run(ask())
    assert decoded == []


def test_one_failing_image_of_a_batch_fails_alone(
    version: Version, asked: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Classifier.answer_pixels
    bad = version.classifier.pixels(asked[1])

    def failing(self: Classifier, pixels: Any) -> Any:
        if any(np.array_equal(one, bad) for one in pixels):
            raise RuntimeError("out of some memory")
        return whole(self, pixels)

    monkeypatch.setattr(Classifier, "answer_pixels", failing)

    async def ask() -> None:
        with pool(threads=1, max_batch=4) as one:
            async with blocked(one, version, 1) as go:
                tasks = [asyncio.create_task(one.classify(version, [data], soon())) for data in asked[:4]]
                await asyncio.sleep(0)
                go()
                outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            assert [isinstance(outcome, HTTPError) for outcome in outcomes] == [False, True, False, False]

    run(ask())
