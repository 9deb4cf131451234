"""Intervals where photos come in groups: how often a 95 % interval holds the truth, by photos and by groups.

    python benchmarks/intervals.py [--draws 300] [--seed 0]

Accuracy, whose interval costs next to nothing, is drawn ten times as often as the other figures.

Patients are drawn at random, each with an accuracy of its own about the true mean. `evaluate` judges made-up answers
to their photos, once as if each photo stood for itself and once with `groups`. A second table asks how often two
classifiers that are equally good are told apart, and how often a calibrated one is called off by more than chance:
5 in 100, at most, is what either test promises.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from common import finish, print_table
from numpy.typing import NDArray
from scipy.special import ndtri

from whatsit.evaluation.figures import Evaluation, Figure
from whatsit.evaluation.intervals import CHANCE, paired_test, share_interval, units_of
from whatsit.evaluation.metrics import evaluate

Rng = np.random.Generator
Labels = NDArray[np.int64]
MORE = 10  # draws of accuracy for each of the other figures
SURE, UNSURE = 0.9, 0.1  # what the made-up answers claim of their class, and of the other


@dataclass(frozen=True)
class Case:
    """Groups of photos. `spread`: the standard deviation of the groups' accuracies about `mean`."""

    name: str
    sizes: Callable[[Rng], Labels]
    spread: float
    mean: float = 0.85


def equal(groups: int, photos: int) -> Callable[[Rng], Labels]:
    return lambda rng: np.full(groups, photos)


def uneven(groups: int) -> Callable[[Rng], Labels]:
    return lambda rng: np.maximum(1, np.round(rng.lognormal(2.5, 1.2, groups))).astype(np.int64)


CASES = (
    Case("600 x 1, spread 0", equal(600, 1), 0.0),
    Case("40 x 15, spread 0.1", equal(40, 15), 0.1),
    Case("20 x 30, spread 0.1", equal(20, 30), 0.1),
    Case("20 x 30, spread 0.2", equal(20, 30), 0.2),
    Case("10 x 60, spread 0.2", equal(10, 60), 0.2),
    Case("10 x 60, spread 0", equal(10, 60), 0.0),
    Case("5 x 60, spread 0.2", equal(5, 60), 0.2),
    Case("3 x 60, spread 0.2", equal(3, 60), 0.2),
    Case("20 uneven, spread 0.2", uneven(20), 0.2),
    Case("10 uneven, spread 0.2", uneven(10), 0.2),
    Case("400 single and 20 x 2, spread 0.3", lambda rng: np.r_[np.ones(400, np.int64), np.full(20, 2)], 0.3),
    Case("one of 300, 100 single, spread 0.2", lambda rng: np.r_[300, np.ones(100, np.int64)], 0.2),
    Case("10 x 60, mean 0.98, spread 0.05", equal(10, 60), 0.05, 0.98),
    Case("30 x 10, mean 0.99, spread 0.03", equal(30, 10), 0.03, 0.99),
)


def accuracies(case: Case, groups: int, rng: Rng) -> NDArray[np.float64]:
    """(groups,)"""
    if not case.spread:
        return np.full(groups, case.mean)
    both = case.mean * (1 - case.mean) / case.spread**2 - 1
    return rng.beta(case.mean * both, (1 - case.mean) * both, groups)


def drawn(case: Case, rng: Rng, classifiers: int = 1) -> tuple[Labels, NDArray[np.bool_]]:
    """(n,) the group of each photo, and (classifiers, n) whether each answered rightly, better in some groups."""
    sizes = case.sizes(rng)
    of = np.repeat(np.arange(len(sizes)), sizes)
    right = [rng.random(len(of)) < accuracies(case, len(sizes), rng)[of] for _ in range(classifiers)]
    return of, np.stack(right)


def judged(right: NDArray[np.bool_], groups: Labels | None) -> Evaluation:
    """Photos of two classes in turn, right or wrong, all with the same confidence."""
    truth = np.arange(len(right), dtype=np.int64) % 2
    said = np.where(right, truth, 1 - truth)
    return evaluate(truth, np.eye(2)[said] * (SURE - UNSURE) + UNSURE, ("a", "b"), groups=groups)


def accuracy(case: Case, draws: int, seed: int) -> tuple[str, str]:
    """How often its interval held the truth, by photos and by groups; and mean widths in points."""
    rng = np.random.default_rng(seed)
    held, widths = np.zeros(2), np.zeros(2)
    for _ in range(draws):
        of, (right,) = drawn(case, rng)
        for i, groups in enumerate((None, of)):
            low, high = share_interval(right, units_of(groups))
            held[i] += low <= case.mean <= high
            widths[i] += high - low
    shares, points = 100 * held / draws, 100 * widths / draws
    return f"{shares[0]:.1f} → **{shares[1]:.1f}**", f"{points[0]:.1f} → {points[1]:.1f}"


def coverage(case: Case, draws: int, seed: int) -> list[str]:
    """One row: of each figure, how often its interval held the truth, by photos and by groups; and accuracy's width."""
    share, width = accuracy(case, MORE * draws, seed)
    rng = np.random.default_rng(seed)
    loss = -case.mean * np.log(SURE) - (1 - case.mean) * np.log(UNSURE)
    held = np.zeros((2, 2))
    for _ in range(draws):
        of, (right,) = drawn(case, rng)
        for i, groups in enumerate((None, of)):
            e = judged(right, groups)
            held[i] += [holds(e.balanced_accuracy, case.mean), holds(e.log_loss, loss)]
    shares = [f"{100 * a / draws:.0f} → **{100 * b / draws:.0f}**" for a, b in zip(*held, strict=True)]
    return [case.name, share, *shares, width]


def holds(figure: Figure, true: float) -> bool:
    return figure.low <= true <= figure.high


def alarms(case: Case, draws: int, seed: int) -> list[str]:
    """One row: how often equals are told apart, and a calibrated classifier is called off, by photos and by groups."""
    rng = np.random.default_rng(seed)
    apart, off = np.zeros(2), np.zeros(2)
    for _ in range(draws):
        of, (first, second) = drawn(case, rng, 2)
        truth, p = calibrated(of, 0.2 if case.spread else 0.0, rng)
        for i, groups in enumerate((None, of)):
            apart[i] += paired_test(first, second, groups) < CHANCE
            e = evaluate(truth, p, ("a", "b"), groups=groups)
            off[i] += e.ece > e.ece_by_chance
    return [case.name, *(f"{100 * a / draws:.0f} → **{100 * b / draws:.0f}**" for a, b in (apart, off))]


def calibrated(of: Labels, alike: float, rng: Rng) -> tuple[Labels, NDArray[np.float64]]:
    """Labels and probabilities that come true as often as they say, though photos of a group go together by `alike`.

    A Gaussian copula: each photo's luck is part its group's and part its own.
    """
    confidence = 0.5 + 0.5 * rng.beta(3, 1, len(of))
    luck = np.sqrt(alike) * rng.normal(size=of.max() + 1)[of] + np.sqrt(1 - alike) * rng.normal(size=len(of))
    right = luck < ndtri(np.clip(confidence, 1e-9, 1 - 1e-9))
    truth = np.arange(len(of), dtype=np.int64) % 2
    said = np.where(right, truth, 1 - truth)
    return truth, np.where(np.eye(2)[said] == 1, confidence[:, None], 1 - confidence[:, None])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    given, started = parser.parse_args(arguments), time.perf_counter()
    print("95 % intervals that hold the truth, in 100: by photos → by groups\n")
    header = ("groups x photos", "accuracy", "balanced accuracy", "log loss", "width of accuracy's, points")
    print_table(header, [coverage(case, given.draws, given.seed) for case in CASES])
    print("\nFalse alarms, in 100: by photos → by groups\n")
    some = [case for case in CASES if case.mean == 0.85]
    print_table(
        ("groups x photos", "equals told apart", "calibrated, and called off"),
        [alarms(case, given.draws, given.seed + 1) for case in some],
    )
    finish(started)


if __name__ == "__main__":
    main()
