"""Numbers that nothing can be computed from: a network's that are not finite, or so large that their squares are not.

A network that divides by a photo's spread has none for a photo of one colour; one that overflows gives infinity. Such
a row is an error of its photo, as an unreadable file is, wherever rows are made or read: every later figure would be
NaN, too. It knows neither photos nor files.
"""

import numpy as np
from numpy.typing import NDArray

ADVICE = (
    "Leave the photo out, or mend the network: where it divides by a photo's spread, which is 0 for one colour, add a "
    "small number"
)


def usable(rows: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(n, columns) → (n,) whether a row's squares add up to a finite number, as every norm and cosine needs."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", rows, rows)
    good: NDArray[np.bool_] = np.isfinite(squares)
    return good


def why_unusable(row: NDArray[np.floating]) -> str | None:
    """(columns,) → what is wrong with a photo's row and what to do, in a line; None where it is usable."""
    if usable(row[None])[0]:
        return None
    if np.isnan(row).any():
        return f"the network's numbers for it are not finite (NaN). {ADVICE}"
    if np.isinf(row).any():
        return f"the network's numbers for it are not finite (infinite). {ADVICE}"
    return f"the network's numbers for it are too large to compute with ({np.abs(row).max():.1e}). {ADVICE}"
