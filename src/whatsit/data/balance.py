"""Move whole components between parts until each part's share of the photos, of every class and in all, is near.

Splits and folds are dealt by hash or in turn, which is fair where components are small and of one class each. Where
a component is large (a camera site, a patient) or holds several classes, chance alone can leave a part with twice
its share or without a class. This file mends such a deal by a local search. As scikit-learn's StratifiedGroupKFold it
compares each part's shares of the classes with those asked for, but it begins with the deal that is there, so that
few components move, and it knows parts of unequal size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatsit.data.components import Components

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MISSING = 10.0  # cost of a class that is missing from a part: more than any shares can save
VITAL = 100  # times as much where the part is learned from
MOST_FOR_SWAPS = 1500  # components; above, moves alone come near enough
TRIED_SWAPS = 50  # of those that promise most
NO_GAIN = 1e-12  # of cost: rounding
NEAR = 1e-6  # of cost: shares off by a tenth of a percentage point, which a thousand moves more would not be worth


@dataclass(frozen=True)
class _Table:
    """The components in order of place: what each holds, and what all hold together."""

    held: Floats  # (m, classes) the share of each class's photos that a component holds
    size: Floats  # (m,) the share of all photos
    has: Floats  # (m, classes) 1 where the component holds a photo of the class
    place: Floats  # (m,)
    asked: Floats  # (parts,) shares, which sum to 1
    needed: Floats  # (classes, parts) the cost of the class's absence; 0 where it has too few components for all parts


@dataclass
class _State:
    """Where each component is, and what follows from it."""

    part: Ints  # (m,)
    off: Floats  # (classes, parts) share held minus share asked, of each class's photos
    off_in_all: Floats  # (parts,)
    holders: Floats  # (classes, parts) components with the class


def balance(
    table: Components,
    counts: Ints,
    part: Ints,
    shares: tuple[float, ...],
    *,
    vital: int | None = None,
    cuts: tuple[float, ...] | None = None,
) -> Ints:
    """The part of each of `m` components, changed where whole components allow shares nearer to those asked for.

    Moves and swaps of two go on until none lowers the cost any more, or it is next to nothing. The cost is the mean
    over the classes of the squared gaps between the share of a class's photos that a part holds and the share asked
    for, plus the same for all photos, plus a penalty for each class that a part lacks though it has enough components
    for every part.

    table: of m components; counts: (m, classes) photos; part: (m,) the deal to begin with; shares: of the parts, they
    sum to 1. vital: the part that must lack no class before all others. cuts: where on the line of places each part
    but the first begins, if the deal was by place: of moves that gain the same the one nearest to its new part is
    made, so that more photos move few that were there.
    """
    order = np.lexsort((np.arange(len(part)), table.place))
    price = np.where(np.array(shares) > 0, MISSING, 0.0)  # (parts,)
    if vital is not None:
        price[vital] *= VITAL
    lookup = _describe(counts[order], table.place[order], np.array(shares), price)
    state = _start(lookup, part[order])
    away = _distance(lookup.place, cuts) if cuts is not None else np.zeros((len(part), len(shares)))
    while _cost(lookup, state) > NEAR and (_move(lookup, state, away) or _swap(lookup, state)):
        pass
    moved = np.empty_like(part)
    moved[order] = state.part
    return moved


def _describe(counts: Ints, place: Floats, shares: Floats, price: Floats) -> _Table:
    used = counts[:, counts.sum(axis=0) > 0].astype(np.float64)  # classes that occur
    has = (used > 0).astype(np.float64)
    enough = has.sum(axis=0) >= np.count_nonzero(shares)  # (classes,)
    return _Table(
        held=used / used.sum(axis=0),
        size=used.sum(axis=1) / used.sum(),
        has=has,
        place=place,
        asked=shares,
        needed=enough[:, None] * price,
    )


def _start(table: _Table, part: Ints) -> _State:
    one_hot = np.eye(len(table.asked))[part]  # (m, parts)
    return _State(
        part=part.copy(),
        off=table.held.T @ one_hot - table.asked,
        off_in_all=table.size @ one_hot - table.asked,
        holders=table.has.T @ one_hot,
    )


def _distance(place: Floats, cuts: tuple[float, ...]) -> Floats:
    """(m, parts): how far each place is from each part's stretch of the line."""
    low, high = np.array((0.0, *cuts)), np.array((*cuts, 1.0))
    away: Floats = np.maximum(0, np.maximum(low - place[:, None], place[:, None] - high))
    return away


def _gains(table: _Table, state: _State) -> Floats:
    """(m, parts): the change of cost where a component moves to a part; infinite where it is, and where none may be."""
    m, classes = table.held.shape
    rows = np.arange(m)
    pull = table.held @ state.off / classes + table.size[:, None] * state.off_in_all  # (m, parts)
    weight = (table.held**2).sum(axis=1) / classes + table.size**2  # (m,)
    change: Floats = 2 * (weight[:, None] + pull - pull[rows, state.part][:, None])
    leaves = (table.has @ ((state.holders == 1) * table.needed))[rows, state.part]  # (m,) classes it would take along
    change += leaves[:, None] - table.has @ ((state.holders == 0) * table.needed)
    change[rows, state.part] = np.inf
    change[:, table.asked == 0] = np.inf
    return change


def _put(table: _Table, state: _State, row: int, to: int) -> None:
    here = state.part[row]
    for at, sign in ((here, -1), (to, 1)):
        state.off[:, at] += sign * table.held[row]
        state.off_in_all[at] += sign * table.size[row]
        state.holders[:, at] += sign * table.has[row]
    state.part[row] = to


def _move(table: _Table, state: _State, away: Floats) -> bool:
    """The best move, made where it gains anything."""
    change = _gains(table, state)
    least = change.min(initial=0.0)
    if least >= -NO_GAIN:
        return False
    as_good = np.flatnonzero(change.ravel() <= least + NO_GAIN)
    row, to = divmod(int(as_good[np.argmin(away.ravel()[as_good])]), change.shape[1])
    _put(table, state, row, to)
    return True


def _swap(table: _Table, state: _State) -> bool:
    """The best swap of two components, made where it gains anything."""
    m, classes = table.held.shape
    if m > MOST_FOR_SWAPS:
        return False
    change = np.where(np.isfinite(gains := _gains(table, state)), gains, 0.0)
    there = change[:, state.part]  # (m, m): the gain where row i goes to where column j is
    both = there + there.T - 4 * (table.held @ table.held.T / classes + np.outer(table.size, table.size))
    both[state.part[:, None] == state.part] = np.inf
    both[np.tril_indices(m)] = np.inf
    before = _cost(table, state)
    for at in np.argsort(both, axis=None, kind="stable")[:TRIED_SWAPS]:  # `both` counts some absences twice
        a, b = divmod(int(at), m)
        if not np.isfinite(both[a, b]):
            return False
        here, to = int(state.part[a]), int(state.part[b])
        _put(table, state, a, to)
        _put(table, state, b, here)
        if _cost(table, state) < before - NO_GAIN:
            return True
        _put(table, state, a, here)
        _put(table, state, b, to)
    return False


def _cost(table: _Table, state: _State) -> float:
    gaps = (state.off**2).sum() / len(state.off) + (state.off_in_all**2).sum()
    return float(gaps + ((state.holders < 0.5) * table.needed).sum())
