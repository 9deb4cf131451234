"""The search for nearest neighbours against one that compares everything at once."""

import numpy as np
import pytest
from numpy.typing import NDArray

from whatsit.data.near.neighbours import TILE, nearest, search

Array = NDArray[np.float32]
ROWS, WIDE = 2_000, 4_500  # queries at once, so that so many stored rows come in three tiles
assert 2 * TILE // ROWS < WIDE <= 3 * TILE // ROWS


def drawn(n: int, seed: int = 0) -> Array:
    rows = np.random.default_rng(seed).standard_normal((n, 8), np.float32)
    return rows * np.arange(1, n + 1, dtype=np.float32)[:, None]  # of any length


def unit(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.mark.parametrize("most", [0, 1, 2, 60])
@pytest.mark.parametrize(
    ("queries", "stored", "at_once"), [(30, 700, 7), (30, WIDE, ROWS), (3, 5, 7), (0, 5, 7), (3, 0, 7), (0, 0, 7)]
)
def test_the_nearest(queries: int, stored: int, at_once: int, most: int) -> None:
    x, y = drawn(queries), drawn(stored, seed=1)
    cosines = unit(x) @ unit(y).T
    expected = np.sort(cosines, axis=1)[:, stored - min(most, stored) :]
    found = [row for block in search(x, y, most, at_once=at_once) for row in zip(*block, strict=True)]
    assert len(found) == queries
    for i, (places, values) in enumerate(found):
        assert len(set(places.tolist())) == len(places)
        assert np.allclose(np.sort(values), expected[i], atol=1e-6)
        assert np.allclose(cosines[i, places], values, atol=1e-6)
    together = nearest(x, unit(y), most, at_once=at_once)
    assert together.places.shape == together.cosines.shape == expected.shape
    assert np.allclose(np.sort(together.cosines, axis=1), expected, atol=1e-6)


def test_what_is_hidden_is_not_found() -> None:
    x = unit(drawn(WIDE))
    group = np.arange(WIDE) // 5

    def hide(cosines: Array, start: int, first: int) -> None:
        mine, its = group[start : start + cosines.shape[0]], group[first : first + cosines.shape[1]]
        cosines[mine[:, None] == its] = -np.inf

    found = nearest(x, x, 10, hide=hide, at_once=ROWS)
    assert (group[found.places] != group[:, None]).all()
    some = slice(None, None, 450)
    cosines = np.where(group[some, None] == group, -np.inf, x[some] @ x.T)
    assert np.allclose(np.sort(found.cosines[some]), np.sort(cosines)[:, -10:], atol=1e-6)


def test_the_first_of_equals_is_found() -> None:
    x = np.eye(8, dtype=np.float32)
    assert nearest(x, np.concatenate([x, x]), 1).places[:, 0].tolist() == [*range(8)]
