"""The comparison as text of 80 columns: a table, the pairs that differ by no more than chance, and what it means."""

import textwrap
from collections.abc import Iterator

from whatsit.evaluation.report.words import NBSP, columns, count, counted, nats, out_of_100, percent, printable
from whatsit.text import shell_quoted
from whatsit.training.compare.result import Comparison, Pair, duration
from whatsit.training.compare.run import Compared
from whatsit.training.compare.trial import Trial

WIDTH = 80
NAME = 21  # columns of a candidate's name, which is wrapped
LABEL = 11
PAIR = 58  # columns of two names
PAIRS = 10  # listed; beyond, a number: the page has all

_ROW = "{:>21}{:>10}{:>9}{:>9}{:>10}"


def line(trial: Trial) -> str:
    """One candidate, when it is done."""
    figures = f"{percent(trial.accuracy.value)} of valid photos right, log loss {nats(trial.log_loss)}"
    return f"{printable(trial.name)}: {figures}, {duration(trial.seconds)}".replace(NBSP, " ")


def summary(compared: Compared) -> str:
    """All that there is to say. No colour codes; commands and places are never cut."""
    comparison, trained = compared.comparison, compared.trained
    said = [line for sentence in compared.advice for line in _wrapped(sentence)]
    again = f"“{printable(comparison.winner.name)}” was then taught again, on train and valid photos together. "
    end = _wrapped(again + trained.report.headline)
    places = [
        f"{'page':<{LABEL}}{printable(str(compared.page))}",
        f"{'model':<{LABEL}}{printable(str(trained.folder))}",
        f"{'next':<{LABEL}}{printable(f'whatsit predict {shell_quoted(trained.folder)} PHOTO…')}",
    ]
    units = counted(comparison.counted)
    counting = _wrapped(f"Intervals and tests count {units}.") if units else []
    parts = [[*_table(comparison)], [*_pairs(comparison)], counting, said, end, places]
    return "\n\n".join("\n".join(part) for part in parts if part).replace(NBSP, " ")


def _wrapped(text: str) -> list[str]:
    """No line begins with a percent sign."""
    return textwrap.wrap(printable(text).replace(" %", f"{NBSP}%"), WIDTH)


def _table(comparison: Comparison) -> Iterator[str]:
    photos = count(comparison.photos, "valid photo")
    yield f"{photos:<{NAME}}" + _ROW.format("right (95 %)", "log loss", "training", "size", "ms/image")
    for trial in comparison.trials:
        a = trial.accuracy
        figures = _ROW.format(
            f"{percent(a.value)} ({out_of_100(a.low)} to {out_of_100(a.high)})",
            nats(trial.log_loss),
            duration(trial.seconds),
            f"{trial.megabytes:,.1f} MB",
            f"{trial.milliseconds:,.1f}",
        )
        first, *rest = textwrap.wrap(printable(trial.name), NAME - 1) or [""]
        yield first + " " * (NAME - columns(first)) + figures
        yield from (f"  {more}" for more in rest)


def _pairs(comparison: Comparison) -> Iterator[str]:
    pairs = [pair for pair in comparison.pairs if pair.by_chance]
    if not pairs:
        return
    yield f"Within noise (photos that one alone has right, p of {comparison.test}):"
    for pair in pairs[:PAIRS]:
        yield from _pair(pair)
    if len(pairs) > PAIRS:
        yield f"  … and {count(len(pairs) - PAIRS, 'more pair')}, on the page"


def _pair(pair: Pair) -> Iterator[str]:
    """Names are wrapped and never cut: what two of them differ in may stand at their ends."""
    names = printable(f"{pair.first} and {pair.second}")
    *more, last = textwrap.wrap(names, PAIR, initial_indent="  ", subsequent_indent="    ")
    alone = f"{pair.only_first:,} : {pair.only_second:,}"
    yield from more
    yield last + " " * (PAIR - columns(last)) + f"{alone:>12}  p {pair.p_value:.2f}"
