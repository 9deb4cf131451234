"""What the report says: the headline, the advice, the terminal summary, and the small words."""

import doctest
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsit.decide import REASONS, Rule
from whatsit.evaluation import intervals
from whatsit.evaluation import intervals as groups
from whatsit.evaluation import intervals as mcnemar
from whatsit.evaluation.calibration import selective
from whatsit.evaluation.figures import Evaluation
from whatsit.evaluation.intervals import by_group
from whatsit.evaluation.metrics import evaluate
from whatsit.evaluation.report import svg, words
from whatsit.evaluation.report import svg as ticks
from whatsit.evaluation.report.advice import suggest
from whatsit.evaluation.report.content import NEW, DataFigures, Seen, Target
from whatsit.evaluation.report.page import render_report
from whatsit.evaluation.report.terminal import summary
from whatsit.evaluation.report.words import headline

from .made_up import HOSTILE, history, names, predictions, report


@pytest.mark.parametrize("module", [groups, intervals, mcnemar, svg, ticks, words])
def test_docstrings(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def counted(*rows: list[int], confidence: float = 0.9) -> Evaluation:
    """An evaluation with this confusion; the class said gets `confidence`."""
    k = len(rows)
    cells = [(r, c) for r, row in enumerate(rows) for c, n in enumerate(row) for _ in range(n)]
    p = np.full((len(cells), k), (1 - confidence) / (k - 1))
    p[np.arange(len(cells)), [c for _, c in cells]] = confidence
    return evaluate(np.array([r for r, _ in cells]), p, names(k))


def test_headline_of_a_test_split() -> None:
    assert headline(counted([170, 27], [28, 169])) == (
        "On 394 photos that it never saw, this classifier named the right class 86 times out of 100 "
        "(95 % interval: 82 to 89)."
    )


def test_headline_of_cross_validation_and_leaks() -> None:
    made, clean = counted([45, 5], [5, 45]), counted([20, 5], [5, 20])
    assert headline(made, cross_validated=True).startswith(
        "Cross-validated on 100 photos, each judged by a classifier that never saw it: the right class 90 "
    )
    leaky = headline(made, seen=Seen(50), without_leaks=clean)
    assert "never saw" not in leaky
    assert leaky.endswith("On the 50 that are new to it: 80 times out of 100 (95 % interval: 67 to 89).")
    assert "1 of which has a copy" in headline(made, seen=Seen(1))
    assert (
        "1 of which has a copy among its training photos and 2 of which share a group with training photos"
        in headline(made, seen=Seen(1, 2), without_leaks=clean)
    )


def test_headline_of_photos_that_may_be_known() -> None:
    """Where the model folder does not tell its training photos, nothing is said to be new."""
    made, others = counted([45, 5], [5, 45]), counted([20, 5], [5, 20])
    said = headline(made, seen=Seen(unknown="its folder has no splits.csv"))
    assert said == (
        "On 100 photos this classifier named the right class 90 times out of 100 (95 % interval: 83 to 94). "
        "It is not known whether these photos were training photos: its folder has no splits.csv."
    )
    partly = headline(made, seen=Seen(50, unknown="its splits.csv is not complete"), without_leaks=others)
    assert "new" not in partly
    assert "never saw" not in partly
    assert "On the other 50: 80 times" in partly
    assert partly.endswith("It is not known whether the others were training photos: its splits.csv is not complete.")


def test_hundred_is_said_only_of_all() -> None:
    assert "99.7 times out of 100" in headline(counted([200, 1], [0, 149]))
    assert "100 times out of 100 (95 % interval: 96 to 100)" in headline(counted([50, 0], [0, 50]))


@given(st.floats(0, 1))
def test_rounding_never_claims_all_or_nothing(share: float) -> None:
    assert (words.out_of_100(share) == "100") == (share == 1)
    assert (words.out_of_100(share) == "0") == (share == 0)
    assert words.percent(share).startswith("100.0") == (share == 1)
    assert words.percent(share).startswith("0.0") == (share == 0)


@given(st.text(max_size=60), st.integers(1, 40))
def test_shortened_text_fits_and_has_no_control(text: str, width: int) -> None:
    short = words.shorten(text, width)
    assert words.columns(short) <= width
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in short)


def advice(evaluation: Evaluation, train: list[int] | None = None, mislabelled: int = 0, seen: Seen = NEW) -> str:
    counts = dict(zip(evaluation.classes, train or [100] * len(evaluation.classes), strict=True))
    return "\n".join(suggest(evaluation, DataFigures({"train": counts}), mislabelled=mislabelled, seen=seen))


GOOD = counted([95, 5], [4, 96], confidence=0.95)


def test_good_figures_get_no_alarm() -> None:
    fine = counted([99, 1], [1, 99], confidence=0.99)
    assert advice(fine).startswith("No problem was found.")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (advice(counted([9, 1], [5, 5])), "With 20 test photos, the 95 % interval is"),
        (advice(counted([90, 0], [10, 0])), "always predicting “class 0” would be right 90 times out of 100"),
        (advice(GOOD, train=[7, 100]), "Add photos of “class 0” (7): fewer than 20 training photos of a class"),
        (advice(GOOD, seen=Seen(3, 1)), "Of 200 test photos, 3 have a copy among the training photos and 1 shares"),
        (advice(GOOD, seen=Seen(unknown="no splits.csv")), "It is not known whether these photos are new"),
        (advice(GOOD, mislabelled=1), "1 label may be wrong"),
        (advice(GOOD), "“class 0” was predicted as “class 1” in 5 of 100 photos"),
        (advice(counted([95, 5], [5, 95], confidence=0.6)), "calibration error is 35.0\xa0%; up to"),
        (advice(counted([60, 40], [5, 95], confidence=0.99)), "The probabilities are mostly too high."),
        (advice(counted([180, 1], [9, 10]), train=[500, 50]), "`whatsit train photos/ --balance`"),
        (advice(counted([50, 0, 0], [0, 50, 0], [0, 0, 0])), "No test photo shows “class 2”"),
    ],
)  # fmt: skip
def test_advice_cites_its_figure(said: str, expected: str) -> None:
    assert expected in said


def test_balance_is_advised_only_where_it_costs() -> None:
    assert "--balance" not in advice(GOOD, train=[500, 50])


def test_advice_on_files_and_conflicts() -> None:
    made = report()
    said = "\n".join(suggest(made.evaluation, replace(made.data, conflicts=2), listed="splits.csv"))
    assert "2 photos have two different labels" in said
    assert "1 file was left out. Repair or remove it. splits.csv says why." in said


def test_summary_tells_the_story() -> None:
    text = summary(replace(report(), mislabelled_count=12, history=history(12)))
    for part in (
        "On 120 photos that it never saw", "test split", "4 classes", "train 120, test 120", "broken.jpg",
        "(before calibration: 10.0 %)", "training      both losses", "answers are correct",
        "worst classes", "predicted as",
        "12 labels may be wrong: see suspects.csv", "model/report.html", "whatsit serve model/",
    ):  # fmt: skip
        assert part in text


def test_summary_and_advice_say_what_intervals_count() -> None:
    made = report(n=600)
    truth, p = predictions(600, 4)
    grouped = evaluate(truth, p, names(4), groups=np.arange(600) // 30)
    assert "intervals " not in summary(made)
    assert "\nintervals     based on 20 independent groups, not 600 photos\n" in summary(
        replace(made, evaluation=grouped)
    )
    assert any("With 20 independent groups, the 95 % interval is" in text for text in suggest(grouped, made.data))
    assert not any("interval is" in text for text in suggest(made.evaluation, made.data))


def test_summary_names_groups_and_the_worst_of_them() -> None:
    right = np.ones(120, bool)
    right[:7] = False
    figures = by_group([f"site {i // 6}" for i in range(120)], right)
    made = report()
    text = summary(replace(made, groups=figures, data=replace(made.data, groups=60)))
    assert "of 4 classes, 60 groups, 3 exact copies" in text
    assert "\nworst groups  site 0: 0 of 6 correct\n              site 1: 5 of 6 correct\n" in text
    assert "worst groups" not in summary(made)
    assert "worst groups" not in summary(replace(made, groups=by_group(["one"] * 120, np.ones(120, bool))))


@pytest.mark.parametrize("width", [80, 60])
def test_summary_fits_whatever_the_names(width: int) -> None:
    hostile = report(classes=list(HOSTILE))
    crowded = replace(
        hostile,
        headline="word " * 200,
        protocol="p" * 300,
        history=history(200),
        commands=tuple(f"whatsit {i}" for i in range(9)),
    )
    for made in (hostile, crowded, report(k=2), report(perfect=True), report(n=2000, k=1000)):
        lines = summary(made, width).split("\n")
        assert len(lines) <= 25
        assert max(map(words.columns, lines)) <= width
        assert not any(ord(c) < 32 or c == "\xa0" for line in lines for c in line)


def test_a_training_that_was_broken_off_says_so() -> None:
    broken = replace(history(12), stopped="interrupted in epoch 11 of 300")
    assert "\ntraining      interrupted in epoch 11 of 300; " in summary(replace(report(), history=broken))
    assert "interrupted" not in summary(replace(report(), history=history(12)))


def test_sentences_go_on_in_a_second_line() -> None:
    protocol = "5-fold cross-validation over 14 groups; a test split would have under 100 photos"
    text = summary(
        replace(report(), protocol=protocol, history=replace(history(2), stopped="interrupted in epoch 3 of 300"))
    )
    assert "test split would have\n              under 100 photos\n" in text
    assert "judge the\n              training: try more --epochs\n" in text


def test_commands_and_places_are_never_cut() -> None:
    long = "whatsit predict " + "x" * 90
    text = summary(replace(report(), location="/" + "y" * 90, commands=(long,)))
    assert long in text
    assert "/" + "y" * 90 in text


def test_perfect_predictions_have_no_worst_class() -> None:
    text = summary(report(perfect=True))
    assert "worst" not in text
    assert "confused" not in text


def test_pairs_come_most_photos_first() -> None:
    truth, p = predictions(200, 5)
    pairs = words.confused_pairs(evaluate(truth, p, names(5)))
    counts = [n for _, _, n, _ in pairs]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == (truth != p.argmax(axis=1)).sum()


MISSED = Target(precision=0.95, held_out_precision=0.912, held_out_coverage=0.31, reached=False)


def test_a_target_that_was_missed_is_said_first_and_everywhere() -> None:
    made = report()
    steps = suggest(made.evaluation, made.data, unsure=made.unsure, target=MISSED, train="whatsit train pets")
    assert steps[0] == (
        "The target precision of 95.0 % was not reached. On held-out photos, the most confident answers (31.0 % of the "
        "photos) have a precision of 91.2 %. Add more photos, or lower the target: "
        "`whatsit train pets --target-precision 0.91`."
    ).replace(" %", "\N{NO-BREAK SPACE}%")
    missed = replace(made, target=MISSED)
    assert "the target precision of 95.0 % was not reached, only 91.2 %" in summary(missed)
    assert "could not be reached" in render_report(missed)
    reached = replace(made, target=replace(MISSED, reached=True))
    assert "could not be reached" not in render_report(reached)
    assert "target precision" not in summary(reached)


def test_a_target_reached_before_may_be_missed_on_new_photos() -> None:
    truth, p = predictions(400, 3)
    evaluation = evaluate(truth, p, names(3))
    unsure = selective(truth, p, Rule(0.4, -1))
    assert unsure.accuracy is not None
    assert unsure.accuracy.high < 0.95
    target = Target(0.95, 0.96, 0.9, reached=True)
    first = suggest(evaluation, DataFigures({}), unsure=unsure, target=target)[0]
    assert first.startswith(
        "The target precision is 95.0\N{NO-BREAK SPACE}%, but on these photos the precision of the answers is "
    )
    assert "--target-precision 0." in first
    content = suggest(evaluation, DataFigures({}), unsure=unsure, target=replace(target, precision=0.5))
    assert not any("target precision" in step for step in content)


def test_a_rule_that_refuses_most_photos_is_said_first() -> None:
    truth, p = predictions(60, 3)
    evaluation = evaluate(truth, p, names(3), familiar=np.zeros(60, np.bool_))
    strict = selective(truth, p, Rule(0.99, -1))
    assert suggest(evaluation, DataFigures({}), unsure=strict)[0].startswith(
        f"The classifier is unsure about {60 - strict.answered} of 60 photos: the probability is below the "
        "threshold of 99.0\N{NO-BREAK SPACE}%."
    )
    unlike = selective(truth, p, Rule(0.1, 0.9), np.zeros(60))
    assert suggest(evaluation, DataFigures({}), unsure=unlike)[0] == (
        "The classifier is unsure about 60 of 60 photos: 60 of them are unlike the training photos. Label photos like "
        "these, add them to the training photos and train again."
    )
    similarity = np.where(np.arange(60) < 5, 0.0, 1.0)
    mixed = selective(truth, p, Rule(0.99, 0.9), similarity)
    assert suggest(evaluation, DataFigures({}), unsure=mixed)[0].startswith(
        f"The classifier is unsure about {mixed.unsure} of 60 photos: 5 of them are unlike the training photos; for "
        "the others, the probability is below the threshold of 99.0\N{NO-BREAK SPACE}%."
    )


def test_every_gallery_marks_what_it_is_unsure_of() -> None:
    made = replace(report(), mistakes=(), least_sure=(), mislabelled=())
    (one, *_) = report().mistakes
    photos = (replace(one, reason=REASONS[1]), one)
    each = (replace(made, mistakes=photos), replace(made, least_sure=photos), replace(made, mislabelled=photos))
    assert [render_report(shown).count("? unsure") for shown in each] == [1, 1, 1]


def test_photos_that_are_all_unlike_have_a_page_and_a_summary() -> None:
    truth, p = predictions(60, 3)
    evaluation = evaluate(truth, p, names(3), familiar=np.zeros(60, np.bool_))
    assert evaluation.coverage == ()
    made = replace(report(), evaluation=evaluation, unsure=selective(truth, p, Rule(0.4, 0.9), np.zeros(60)))
    assert "60 of 60 photos are unlike the training photos" in summary(made)
    assert "if the probability is below 40.0 %, or unlike the training photos\n" in summary(made)
    assert "\nanswered      0.0 % of the photos\n" in summary(made)
    page = render_report(made)
    assert "60 of 60 photos are unlike the training photos: they get no answer at any threshold" in page
    assert "no answer" in page


def test_near_copies_that_could_not_be_looked_for_are_not_called_new() -> None:
    """Training photos that lie elsewhere by now: the bytes are new, but that is not all."""
    truth = np.arange(40) % 2
    judged = evaluate(truth, np.eye(2)[truth] * 0.8 + 0.1, ("a", "b"))
    said = headline(judged, seen=Seen(moved=3))
    assert "never saw" not in said
    assert (
        "It is not known whether near-copies of 3 training photos are among them: those training photos are not at "
        "their old path on this machine." in said
    )
    assert "never saw" in headline(judged, seen=Seen())
    both = headline(judged, seen=Seen(copies=2, moved=1), without_leaks=judged)
    assert "On the other 40" in both
    assert "whether near-copies of 1 training photo are among the others" in both
