"""Rows come in order, errors in their place, and nothing runs on when it is not wanted any more."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from whatsit.embedding.session import IN_FLIGHT, Item, NetworkInput, stream


def _load(source: int) -> NetworkInput:
    """Negative numbers cannot be read; of multiples of 5 the row is not wanted."""
    if source < 0:
        return NetworkInput(None, error=f"{source} is negative")
    if source % 5 == 0:
        return NetworkInput(None, digest=bytes([source % 256]))
    return NetworkInput(np.full((2, 2, 3), source % 256, np.uint8), digest=bytes([source % 256]))


def _mean(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    means: NDArray[np.float32] = pixels.reshape(len(pixels), -1).mean(axis=1, keepdims=True, dtype=np.float32)
    return means


def _uneven(source: int) -> NetworkInput:
    time.sleep(0.002 * (source % 3 == 0))
    return _load(source)


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("embed")]


@settings(max_examples=50)
@given(
    sources=st.lists(st.integers(-20, 255), max_size=60),
    batch=st.integers(1, 9),
    workers=st.integers(1, 4),
)
def test_one_item_a_source_in_order(sources: list[int], batch: int, workers: int) -> None:
    items = list(stream(sources, _load, _mean, batch=batch, workers=workers))
    assert [item.source for item in items] == sources
    for item in items:
        wanted = item.source >= 0 and item.source % 5 != 0
        assert item.error == (f"{item.source} is negative" if item.source < 0 else None)
        assert (item.row is not None) == wanted
        if item.row is not None:
            assert item.row.tolist() == [item.source]


def test_order_is_kept_where_some_take_longer() -> None:
    items = stream(range(200), _uneven, _mean, batch=3, workers=4)
    assert [item.source for item in items] == list(range(200))


def test_an_error_of_the_network_ends_it() -> None:
    def fails(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        list(stream(range(100), _load, fails, batch=4, workers=2))
    assert not _threads()


def test_an_error_of_the_sources_ends_it() -> None:
    def sources() -> Iterator[int]:
        yield from range(50)
        raise KeyError("no more")

    with pytest.raises(KeyError, match="no more"):
        list(stream(sources(), _load, _mean, batch=4, workers=2))
    assert not _threads()


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit])
def test_interrupted_or_closed_it_leaves_no_thread(error: type[BaseException]) -> None:
    items = stream(range(10_000), _uneven, _mean, batch=4, workers=2)
    assert next(items).source == 0
    with pytest.raises(error):
        items.throw(error())
    assert not _threads()


def test_it_pulls_no_further_ahead_than_its_bound() -> None:
    pulled = 0

    def sources() -> Iterator[int]:
        nonlocal pulled
        for source in range(10_000):
            pulled += 1
            yield source

    batch, workers = 5, 2
    items = stream(sources(), _load, _mean, batch=batch, workers=workers)
    for done, _ in enumerate(items):
        assert pulled <= (done // batch + IN_FLIGHT * workers) * batch
        if done == 500:
            break
    items.close()
    assert pulled < 600


def test_nothing_of_nothing() -> None:
    assert list(stream([], _load, _mean, batch=4, workers=2)) == []


def test_an_item_without_pixels_keeps_digest_and_error() -> None:
    assert list(stream([-1, 5], _load, _mean, batch=4, workers=2)) == [
        Item(-1, None, None, None, "-1 is negative"),
        Item(5, b"\x05", None, None, None),
    ]
