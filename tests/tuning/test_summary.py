"""What is said of a search, as sentences, table and page."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE

from tuning.made import row, summary_of
from whatsit.training.compare.result import Pair
from whatsit.training.tune.page import history_chart, importance_chart, report_section, slice_chart
from whatsit.training.tune.summary import Summary, running_best
from whatsit.training.tune.terminal import _table


def test_the_best_is_told_beside_the_defaults() -> None:
    summary = summary_of(row(0, 1.0, defaults=True), row(1, None), row(2, 0.75))
    words = " ".join(summary.words)
    assert "Trial 3 of 3 did best: log loss 0.75 on 100 valid photos" in words
    assert "25.0\N{NO-BREAK SPACE}% less loss" in words
    assert "1 trial was given up" in words


@pytest.mark.parametrize(("p", "said"), [(0.2, "within noise"), (0.01, "more than chance")])
def test_noise_is_called_noise(p: float, said: str) -> None:
    best = replace(row(1, 0.5), facts={"accuracy": 0.6, "epochs": 1, "seconds": 1.0})
    summary = replace(summary_of(row(0, 1.0, defaults=True), best), pair=Pair("a", "b", 20, 10, p))
    assert said in " ".join(summary.words)


def test_defaults_that_are_best() -> None:
    assert summary_of(row(0, 0.5, defaults=True), row(1, 0.6)).words[0].startswith("The defaults did best")


def test_defaults_that_came_to_nothing() -> None:
    assert "came to nothing" in summary_of(row(0, None, defaults=True), row(1, 0.6)).words[1]


def test_broken_off_trials_leave_no_gap() -> None:
    summary = summary_of(row(0, 1.0), row(4, 0.5))
    assert summary.place(summary.best) == 2


def test_the_best_so_far_never_rises() -> None:
    assert running_best([row(0, None), row(1, 1.0), row(2, 2.0), row(3, 0.5)]) == [None, 1.0, 1.0, 0.5]


losses = st.none() | st.floats(0, 1e6)


@given(first=st.floats(0, 1e6), others=st.lists(losses, max_size=30), alone=st.booleans())
def test_pictures_and_words_never_fail(first: float, others: list[float | None], alone: bool) -> None:
    rows = [row(0, first, defaults=not alone), *(row(i, loss) for i, loss in enumerate(others, start=1))]
    blank = replace(rows[-1], loss=None, epoch_losses={}, number=99)
    summary = summary_of(*rows, blank)
    pictures = [history_chart(summary), importance_chart(summary), *(slice_chart(summary, n) for n in summary.ranges)]
    for picture in pictures:
        assert "nan" not in picture
        assert "inf" not in picture.replace("infinite", "")
    assert summary.words
    assert all(len(line) <= 80 for line in _table(summary))
    assert json.loads(json.dumps(summary.to_dict(), allow_nan=False))["best"]["number"] >= 1


def test_what_is_far_away_leaves_the_frame() -> None:
    def highest(summary: Summary) -> float:
        texts = Texts()
        texts.feed(history_chart(summary))
        return max(float(text) for text in texts.found if text.replace(".", "").isdigit() and "." in text)

    near = summary_of(row(0, 1.0), row(1, 1.5), row(2, 1.25))
    assert highest(near) == 1.5
    assert highest(summary_of(*near.rows, row(3, 1000.0))) <= 3.5


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def test_the_report_has_a_section_on_the_search() -> None:
    section = report_section(summary_of(row(0, 1.0)), "../tuning.html")
    assert (section.id, section.name) == ("tuning", "Search")
    assert section.html.startswith('<section id="tuning"')
    assert '<a href="../tuning.html">' in section.html


def test_numbers_that_are_none_are_not_json() -> None:
    odd = replace(row(1, 1.0), epoch_losses={1: math.inf, 2: 1.0})
    assert summary_of(odd).to_dict()["trials"][0]["epoch_losses"] == {"2": 1.0}  # type: ignore[index]


def test_without_optuna_the_search_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['optuna'] = None\n"
        "import whatsit, whatsit.training.tune.terminal\n"
        "import importlib.util; found = importlib.util.find_spec\n"
        "whatsit.training.tune.run.find_spec = lambda name: None if name == 'optuna' else found(name)\n"
        "try: whatsit.tune('nowhere')\n"
        "except whatsit.WhatsitError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert "pip install 'whatsit[networks]'" in done.stdout
