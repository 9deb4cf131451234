"""Whether two classifiers that judged the same photos differ by more than chance."""

from math import exp, fsum, lgamma, log

CHANCE = 0.05  # p below it is called a difference, as is usual (Fisher 1925)


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact test (McNemar 1947, Psychometrika 12): the two-sided p-value, in [0, 1].

    only_first, only_second: photos that one alone has right; what both have right or wrong tells nothing. Were they
    equally good, each such photo would fall to either like a coin: a binomial test at 1/2.

    >>> round(mcnemar(1, 9), 4), mcnemar(3, 3), mcnemar(0, 0)
    (0.0215, 1.0, 1.0)
    """
    if only_first < 0 or only_second < 0:
        raise ValueError(f"photos: got {only_first} and {only_second}, expected 0 or more")
    n, fewer = only_first + only_second, min(only_first, only_second)
    if only_first == only_second:
        return 1.0
    tail = fsum(exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) - n * log(2)) for k in range(fewer + 1))
    return min(1.0, 2 * tail)
