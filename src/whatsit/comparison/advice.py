"""Which method pays, in sentences: who won, who is as good within noise, and whether fine-tuning is worth its time."""

from collections.abc import Iterator

from whatsit.comparison.result import Comparison, best, pair_of
from whatsit.comparison.trial import Trial
from whatsit.evaluation.mcnemar import CHANCE
from whatsit.evaluation.report.words import NBSP, count, interval, listed, percent, points, printable

MUCH = 2.0  # times as long: below, a difference in time is none to speak of
NOISE = f"p{NBSP}≥{NBSP}{CHANCE}"


def advice(comparison: Comparison) -> list[str]:
    """At least one sentence."""
    return [_winner(comparison), *_others(comparison), *_cheaper(comparison), *_of_finetuning(comparison)]


def duration(seconds: float) -> str:
    """A time in its own unit, with two digits that tell.

    >>> duration(0.4), duration(42.3), duration(150), duration(1800), duration(9000)
    ('0.4 s', '42 s', '2.5 min', '30 min', '2.5 h')
    """
    for unit, length, most in (("s", 1, 99.5), ("min", 60, 99.5), ("h", 3600, float("inf"))):
        value = seconds / length
        if value < most:
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"
    raise ValueError(f"{seconds} is no time in seconds")


def _winner(comparison: Comparison) -> str:
    won = comparison.winner
    said = (
        f"{_name(won)} names {percent(won.accuracy.value)} of {count(comparison.photos, 'valid photo')} rightly "
        f"(95 % interval: {interval(won.accuracy)})"
    )
    if len(comparison.trials) == 1:
        return f"{said}. There is nothing to compare it with."
    equals = [t for t in comparison.trials if t is not won and t.accuracy.value == won.accuracy.value]
    if equals:
        return f"{said}, as many as {_names(equals)}, and has the smallest log loss of them."
    return f"{said}, the most of {len(comparison.trials)} candidates."


def _others(comparison: Comparison) -> Iterator[str]:
    as_good = comparison.as_good
    worse = [t for t in comparison.trials if t is not comparison.winner and t not in as_good]
    if as_good and not worse:
        who = _names(as_good) if len(as_good) == 1 else "All others"
        yield f"{who} may differ from it by chance alone ({comparison.test}, {NOISE})."
    elif as_good:
        yield f"Within noise of it: {_names(as_good)} ({comparison.test}, {NOISE}). Worse: {_names(worse)}."
    elif worse:
        who = f"{_names(worse)} is" if len(worse) == 1 else "All others are"
        yield f"{who} worse by more than chance ({comparison.test}, p{NBSP}<{NBSP}{CHANCE})."


def _cheaper(comparison: Comparison) -> Iterator[str]:
    """Where another does as well in much less time; of fine-tuning more is said below."""
    won, other = comparison.winner, comparison.cheapest
    if won.seconds <= MUCH * other.seconds or (won.method, other.method) == ("finetune", "probe"):
        return
    yield (
        f"{_name(won)} is not worth its time: {_name(other)} is as good within noise, and was trained in "
        f"{duration(other.seconds)}, not {duration(won.seconds)}."
    )


def _of_finetuning(comparison: Comparison) -> Iterator[str]:
    """Whether the best fine-tuned network beats the best probe."""
    probes = tuple(t for t in comparison.trials if t.method == "probe")
    tuned = tuple(t for t in comparison.trials if t.method == "finetune")
    if not probes or not tuned:
        return
    probe, network = best(probes), best(tuned)
    gain = network.accuracy.value - probe.accuracy.value
    times = network.seconds / max(probe.seconds, 1e-9)
    slower = (
        f"in {times:,.0f} times the time ({duration(network.seconds)})" if times > MUCH else "in about as much time"
    )
    if not pair_of(probe, network).by_chance:
        verdict = "pays" if gain > 0 else "does harm"
        yield f"Fine-tuning {verdict} here: {_gain(gain)} {_name(probe)}, {slower}."
    elif times > MUCH:
        luck = ", which may be chance," if gain else ""
        yield f"Fine-tuning is not worth it here: {_gain(gain)} {_name(probe)}{luck} {slower}."
    else:
        yield f"Fine-tuning makes no difference here: {_gain(gain)} {_name(probe)}, within noise, {slower}."


def _gain(gain: float) -> str:
    if gain == 0:
        return "as many right as"
    return f"{points(abs(gain))} {'more' if gain > 0 else 'fewer'} than"


def _name(trial: Trial) -> str:
    return f"“{printable(trial.name)}”"


def _names(trials: "list[Trial] | tuple[Trial, ...]") -> str:
    return listed([_name(trial) for trial in trials])
