"""An answer, as people, programs and notebooks read it."""

from dataclasses import replace

from whatsit.model.prediction import Candidate, Prediction, Predictions


def test_an_answer_reads_well() -> None:
    sure = Prediction("a.jpg", (Candidate("ant", 0.97), Candidate("bee", 0.03)), similarity=0.9)
    assert str(sure) == "a.jpg: ant (97%)"
    assert str(replace(sure, reason="probability")) == "a.jpg: unsure, perhaps ant (97%)"
    assert str(Prediction("b.jpg", error="no such file")) == "b.jpg: no such file"
    assert sure.to_dict() == {
        "path": "a.jpg",
        "label": "ant",
        "probability": 0.97,
        "unsure": False,
        "reason": "",
        "top": [{"label": "ant", "probability": 0.97}, {"label": "bee", "probability": 0.03}],
    }


def test_several_answers_are_a_sequence() -> None:
    answers = Predictions(tuple(Prediction(f"{i}.jpg", (Candidate("ant", 1),)) for i in range(4)))
    assert answers[1].path == "1.jpg"
    assert isinstance(answers[1:3], Predictions)
    assert [answer.path for answer in answers[1:3]] == ["1.jpg", "2.jpg"]
    assert answers[-1] in answers


def test_a_notebook_is_safe_from_hostile_names() -> None:
    hostile = "<script>alert(1)</script>"
    bad = Prediction(f"{hostile}.jpg", error=hostile)
    good = Prediction(f"{hostile}'\"&.jpg", (Candidate(hostile, 0.5), Candidate("b&b", 0.5)), reason="unlike")
    page = Predictions((bad, good))._repr_html_()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 4
    assert "(unsure)" in page
    assert "b&amp;b" in page
