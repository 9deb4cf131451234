"""The page: well-formed, self-contained, escaped, accessible, of sane size; for any set of classes."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest

from whatsit.decide import Rule
from whatsit.evaluation.calibration import selective
from whatsit.evaluation.intervals import by_group
from whatsit.evaluation.metrics import evaluate
from whatsit.evaluation.report.charts import DARK, SHADES, shown_classes
from whatsit.evaluation.report.content import Leak, Report, Seen, Target
from whatsit.evaluation.report.page import render_report
from whatsit.training.fitted import History

from .made_up import HOSTILE, history, names, predictions, report

VOID = {"meta", "img", "br", "link", "input"}
Attributes = dict[str, str | None]


class Page(HTMLParser):
    """Every element of a page; fails on a tag that closes what is not open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, Attributes]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[Attributes]:
        return [attributes for name, attributes in self.elements if name == tag]


REPORTS = {
    "plain": lambda: report(),
    "binary": lambda: report(k=2),
    "missing class": lambda: report(k=5, missing=2),
    "perfect": lambda: report(perfect=True),
    "hostile": lambda: report(classes=list(HOSTILE)),
    "forty": lambda: report(n=400, k=40),
    "one photo": lambda: report(n=1, k=3),
    "learned": lambda: replace(report(), history=history(12)),
    "learned long": lambda: replace(report(), history=history(200)),
    "learned once": lambda: replace(report(), history=history(1)),
    "learned nothing": lambda: replace(report(), history=History((), 0, "stopped", False)),
    "diverged": lambda: replace(report(), history=history(5, lost=3)),
    "bare": lambda: Report("t", "today", "h", "p", report().evaluation, replace(report().data, counts={})),
}


@pytest.mark.parametrize("kind", REPORTS)
def test_well_formed_self_contained_and_accessible(kind: str) -> None:
    page = Page(render_report(REPORTS[kind]()))
    for _, attributes in page.elements:
        for key in ("src", "href", "xlink:href", "action", "srcset"):
            assert (attributes.get(key) or "#").startswith(("#", "data:image/jpeg;base64,"))
        assert not [key for key in attributes if key.startswith("on")]
    assert not {"script", "link", "iframe", "object", "foreignobject"} & {name for name, _ in page.elements}
    assert all(th.get("scope") in ("row", "col") for th in page.all("th"))
    assert all(img["alt"] for img in page.all("img"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for svg in page.all("svg"):
        assert svg["role"] == "img"
        assert set((svg["aria-labelledby"] or "").split()) <= set(ids)
    assert {a["href"] for a in page.all("a")} <= {f"#{i}" for i in ids}
    assert "nan" not in page.text.lower().split()


def test_the_style_fetches_nothing() -> None:
    style = (files("whatsit.evaluation.report") / "templates" / "page.css").read_text("utf-8")
    assert re.findall(r"url\(([^)]*)\)", style) == ["#stripes"]
    assert "@import" not in style
    assert "@font-face" not in style


def test_hostile_names_are_text() -> None:
    page = Page(render_report(report(classes=list(HOSTILE))))
    assert page.all("script") == []
    for name in (HOSTILE[0], HOSTILE[1]):
        assert name in page.text
    assert any(span.get("title") == HOSTILE[2] for span in page.all("span"))


def test_every_section_tells_its_part() -> None:
    text = Page(render_report(report(k=2))).text
    for part in (
        "A title", "3 May 2026", "On 120 photos that it never saw", "test split", "Balanced accuracy",
        "Area under ROC", "10.0 % before calibration", "says “unsure”", "Most confused pairs",
        "Most confident mistakes", "Least confident predictions", "Likely wrong labels",
        "class 0/broken.jpg", "got 0 bytes",
        "EfficientNet-Lite0", "whatsit serve model/", "Wilson 1927", "500 photos of other things",
    ):  # fmt: skip
        assert part in text


def test_a_training_by_epochs_gets_its_section() -> None:
    page = Page(render_report(replace(report(), history=history(12))))
    for part in ("Train accuracy", "more --epochs", "Training ended after 12 epochs: all 12 epochs done.", "kept 12"):
        assert part in page.text
    assert {"#learning"} <= {a["href"] for a in page.all("a")}
    assert "Training ended" not in Page(render_report(report())).text


def test_train_figures_of_augmented_photos_are_explained() -> None:
    made = history(12)
    said = "on augmented photos, which are harder"
    assert said in Page(render_report(replace(report(), history=made))).text
    assert said not in Page(render_report(replace(report(), history=replace(made, augmented=False)))).text


def test_a_figure_that_is_no_number_is_told() -> None:
    assert "no number" in Page(render_report(replace(report(), history=history(5, lost=3)))).text


def test_no_mistake_is_no_proof() -> None:
    text = Page(render_report(report(perfect=True))).text
    assert "No mistake on 120 photos. For new photos, an error rate of up to 3.1 % is still possible" in text


def test_the_page_says_what_intervals_count() -> None:
    made = report()
    truth, p = predictions(120, 4)
    said = "All confidence intervals are based on 12 independent groups, not 120 photos."
    grouped = evaluate(truth, p, names(4), groups=np.arange(120) // 10)
    text = Page(render_report(replace(made, evaluation=grouped))).text
    assert said in text
    assert "Korn & Graubard 1998" in text
    assert "confidence intervals are based on" not in Page(render_report(made)).text


def test_figures_by_group_the_worst_first() -> None:
    made = report()
    right = np.ones(120, bool)
    right[[0, 1, 2, 40]] = False
    named: list[str | None] = [f"<site {i // 3}>" for i in range(117)]
    page = Page(render_report(replace(made, groups=by_group([*named, None, None, None], right))))
    assert "39 groups of the test photos. The groups with the lowest accuracy come first." in page.text
    assert "<site 0> 3 0 0.0 %" in page.text
    assert page.text.index("<site 0>") < page.text.index("<site 13>") < page.text.index("<site 1>")
    assert "The other 9 groups" in page.text
    assert "groups of the test photos" not in Page(render_report(made)).text


def test_of_one_set_there_is_no_second_column_of_all() -> None:
    made = report()
    whole = replace(made, data=replace(made.data, counts={"all": dict.fromkeys(made.evaluation.classes, 30)}))
    for one, columns in ((whole, 2), (made, 4)):
        page = render_report(one)
        assert page[page.index("<h3>Photos of each class") :].partition("</thead>")[0].count("<th ") == columns


def test_a_class_without_photos_says_so() -> None:
    text = Page(render_report(report(k=5, missing=2))).text
    assert "no test photo" in text
    assert "No test photo shows “class 2”" in text


LEAKY = Seen(5, 2, listed=(Leak("test/a.jpg", "train/<b>.jpg", "near-copy"),) * 7)


def test_leaks_put_the_clean_figure_beside() -> None:
    base = report()
    text = Page(render_report(replace(base, seen=LEAKY, without_leaks=base.evaluation))).text
    assert "Accuracy on new photos" in text
    assert "Copies of training photos 5 among the test photos" in text
    assert "In a group with training photos 2 of the test photos" in text
    assert "test/a.jpg train/<b>.jpg near-copy" in text


def test_forty_classes_draw_thirty_and_say_so() -> None:
    made = report(n=400, k=40)
    drawn = shown_classes(made.evaluation)
    assert drawn == sorted(set(drawn))
    assert len(drawn) == 30
    text = Page(render_report(made)).text
    assert "The matrix shows the 30 classes with most mistakes, of 40." in text
    assert "The other 10 classes" in text


def test_the_worst_class_stands_first() -> None:
    made = report(k=4)
    worst = min(made.evaluation.per_class, key=lambda c: c.f1)
    html = render_report(made)
    table = html[html.index('id="classes"') :]
    first = re.search(r'<span class="name" title="([^"]+)"', table)
    assert first
    assert first[1] == worst.label


def test_a_thousand_classes_stay_small() -> None:
    html = render_report(report(n=3000, classes=names(1000)))
    Page(html)
    assert len(html) < 1_500_000
    assert html.count('title="class 999"') >= 2  # in the classes and in the data


def test_backticks_become_code_and_nothing_else() -> None:
    step = "Try `whatsit <b>` now."
    html = render_report(replace(report(), next_steps=(step,)))
    assert "Try <code>whatsit &lt;b&gt;</code> now." in html


def palette(dark: bool) -> dict[str, tuple[float, ...]]:
    """The style sheet's colours by name, as (r, g, b) in [0, 1]."""
    style = (files("whatsit.evaluation.report") / "templates" / "page.css").read_text("utf-8")
    light_block, dark_block = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    found = re.findall(r"--([\w-]+): #([0-9a-f]{6})", light_block + (dark_block if dark else ""))
    return {name: tuple(int(hexed[i : i + 2], 16) / 255 for i in (0, 2, 4)) for name, hexed in found}


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """WCAG 2.2, contrast ratio."""

    def luminance(colour: tuple[float, ...]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["ink", "soft", "accent", "wrong"])
def test_text_has_contrast(dark: bool, name: str) -> None:
    colours = palette(dark)
    assert contrast(colours[name], colours["paper"]) >= 4.5


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("hue", ["accent", "wrong"])
@pytest.mark.parametrize("level", range(1, SHADES + 1))
def test_numbers_on_every_shade_have_contrast(dark: bool, hue: str, level: int) -> None:
    style = (files("whatsit.evaluation.report") / "templates" / "page.css").read_text("utf-8")
    opacity = float(dict(re.findall(r"svg \.s(\d+) \{ fill-opacity: ([\d.]+)", style)).get(str(level), 1))
    colours = palette(dark)
    pairs = zip(colours[hue], colours["rail"], strict=True)
    cell = tuple(opacity * top + (1 - opacity) * below for top, below in pairs)
    ink = colours["on-dark" if level >= DARK else "on-light"]
    assert contrast(ink, cell) >= 4.5


def test_how_it_was_made_reads_well() -> None:
    """The model's folder on top, a date as people write it, no threshold of 0 %, and options that are not broken."""
    rule = Rule(threshold=0.0, similarity=0.676)
    truth, p = predictions(120, 2)
    made = replace(
        report(k=2),
        created="2026-12-01T00:59:49+00:00",
        location="my/site-model/report.html",
        unsure=selective(truth, p, rule, np.ones(120)),
        target=Target(precision=0.95, held_out_precision=0.987, held_out_coverage=0.993, reached=True),
        facts={"Why int8": "it is faster. Else: --precision float32"},
    )
    page = Page(render_report(made))
    assert "whatsit report · site-model · 1 December 2026, 00:59" in page.text
    assert "“Unsure” below a similarity to the training photos of 0.676; any probability will do" in page.text
    assert "95.0 %, which was reached when the threshold was chosen" in page.text
    assert "98.7" not in page.text  # of the photos that chose: the figures above are of those that judge
    assert [span for span in page.all("span") if span.get("class") == "typed"]
