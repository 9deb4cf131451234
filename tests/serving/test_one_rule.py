"""Evaluation, command line, Python and server on the same photos: "unsure" is said of the same ones, for one reason."""

import csv
import io
import json
from base64 import b64encode
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from cli.shell import process
from drawn import KINDS, draw_folder, drawn_photo
from PIL import Image
from pipeline.given import rows

from whatsit.api import Evaluated, evaluate
from whatsit.decide import BOTH, PROBABILITY, UNLIKE
from whatsit.model.format import FILES
from whatsit.training.run import Trained

from .running import Running, serving

pytestmark = pytest.mark.slow

PER_CLASS = 12
ASKED = 3  # photos of each reason that the server is asked about, in each protocol


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of each kind photos like those learned from, the same in fog with colours swapped, and pictures of nothing."""
    folder = draw_folder(tmp_path_factory.mktemp("later") / "photos", PER_CLASS, first_seed=500)
    for kind in KINDS:
        for seed in range(PER_CLASS):
            rng = np.random.default_rng(seed)
            clear = drawn_photo(kind, 700 + seed).astype(np.float64)
            fogged = 210 - clear[::-1, :, ::-1] * rng.uniform(0.05, 0.5) + rng.normal(0, 20, clear.shape)
            Image.fromarray(fogged.clip(0, 255).astype(np.uint8)).save(folder / kind / f"fogged{seed}.png")
            checks = np.indices((192, 256)).sum(axis=0) // (3 + seed) % 2 * 160 + 30 * list(KINDS).index(kind)
            Image.fromarray(np.stack([checks, np.roll(checks, seed), clear[..., 0]], axis=2).astype(np.uint8)).save(
                folder / kind / f"nothing{seed}.png"
            )
    return folder


@pytest.fixture(scope="module", params=["logistic", "knn"])
def taught(request: pytest.FixtureRequest, model: Trained, second_model: Trained) -> Trained:
    return model if request.param == "logistic" else second_model


@pytest.fixture(scope="module")
def done(taught: Trained, later: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    return evaluate(taught.folder, later, tmp_path_factory.mktemp("evaluated") / "report")


def test_all_ways_agree_photo_by_photo(taught: Trained, done: Evaluated, later: Path) -> None:
    said = {row["path"]: row for row in rows(done.folder / FILES.predictions)}
    assert len(said) == 9 * PER_CLASS
    expected = {path: (row["predicted"], row["unsure"], row["reason"]) for path, row in said.items()}
    assert {reason for _, _, reason in expected.values()} >= {"", PROBABILITY, UNLIKE, BOTH}

    answers = taught.classifier.predict(list(said))
    assert {a.path: (a.label, str(a.unsure), a.reason) for a in answers} == expected

    table = process("predict", taught.folder, later, "--csv")
    printed = list(csv.DictReader(io.StringIO(table.out)))
    assert {row["path"]: (row["predicted"], row["unsure"], row["reason"]) for row in printed} == expected
    lines = [json.loads(line) for line in process("predict", taught.folder, later, "--json").out.splitlines()]
    assert {one["path"]: (one["label"], str(one["unsure"]), one["reason"]) for one in lines} == expected

    with serving(taught.folder, "--quiet") as server:
        for path, row in few_of_each(expected).items():
            reply = server.ask("POST", "/predict", Path(path).read_bytes(), {"Content-Type": "image/png"})
            (one,) = json.loads(reply.body)["predictions"]
            assert (one["label"], str(one["unsure"]), one["reason"]) == row, path
            assert one["familiar"] is ("unlike" not in row[2])
            assert one["answer"] == ("unsure" if one["unsure"] else one["label"])
            b64 = b64encode(Path(path).read_bytes()).decode()
            for told in (by_tensorflow(server, b64), by_open_inference(server, b64)):
                assert told == row[1:], path


def few_of_each(expected: dict[str, tuple[str, str, str]]) -> dict[str, tuple[str, str, str]]:
    """Some for each reason."""
    reasons = {row[2] for row in expected.values()}
    some = [path for reason in reasons for path in [p for p, row in expected.items() if row[2] == reason][:ASKED]]
    return {path: expected[path] for path in some}


def by_tensorflow(server: Running, b64: str) -> tuple[str, str]:
    """Whether it is unsure, and why: of a request by rows, and as well of one by columns."""
    url = f"/v1/models/{model_name(server)}:predict"
    (row,) = json.loads(server.ask("POST", url, json.dumps({"instances": [{"b64": b64}]}).encode()).body)["predictions"]
    columns = json.loads(server.ask("POST", url, json.dumps({"inputs": [{"b64": b64}]}).encode()).body)["outputs"]
    assert columns == {name: [value] for name, value in row.items()}
    return str(row["unsure"]), row["reason"]


def by_open_inference(server: Running, b64: str) -> tuple[str, str]:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [b64]}
    asked = {
        "inputs": [{**tensor, "parameters": {"content_type": "base64"}}],
        "outputs": [{"name": "reason"}, {"name": "unsure"}],
    }
    reply = server.ask("POST", f"/v2/models/{model_name(server)}/infer", json.dumps(asked).encode())
    reason, unsure = json.loads(reply.body)["outputs"]
    assert (reason["name"], reason["datatype"], reason["shape"]) == ("reason", "BYTES", [1])
    assert (unsure["name"], unsure["datatype"], unsure["shape"]) == ("unsure", "BOOL", [1])
    return str(unsure["data"][0]), reason["data"][0]


def model_name(server: Running) -> str:
    name: str = json.loads(server.ask("GET", "/models").body)["models"][0]["name"]
    return name


def test_figures_are_those_of_the_answers(done: Evaluated) -> None:
    said = rows(done.folder / FILES.predictions)
    answered = [row for row in said if row["unsure"] == "False"]
    unlike = sum("unlike" in row["reason"] for row in said)
    unsure = done.report.unsure
    assert unsure is not None
    assert (unsure.answered, unsure.n, unsure.unlike) == (len(answered), len(said), unlike)
    assert unsure.accuracy is not None
    assert unsure.accuracy.value == pytest.approx(np.mean([row["label"] == row["predicted"] for row in answered]))
    last = done.evaluation.coverage[-1]
    assert last.coverage == pytest.approx(1 - unlike / len(said))
    figures = json.loads((done.folder / "evaluation.json").read_text(encoding="utf-8"))
    assert figures["answered"]["answered"] == len(answered)
    reasons = {"/".join(Path(row["path"]).parts[-2:]): row["reason"] for row in said}
    shown = [*done.report.mistakes, *done.report.least_sure]
    assert shown
    assert [photo.reason for photo in shown] == [reasons[photo.path] for photo in shown]


def test_training_judges_its_own_photos_by_that_rule(taught: Trained) -> None:
    """In cross-validation with probability and similarity from the other folds."""
    rule = taught.classifier.facts.unsure
    said = rows(taught.folder / FILES.predictions)
    reasons = Counter(row["reason"] for row in said)
    for row in said:
        improbable = float(row["probability"]) < rule.threshold
        unlike = float(row["similarity"]) < rule.similarity
        assert row["unsure"] == str(improbable or unlike)
        assert (PROBABILITY in row["reason"], UNLIKE in row["reason"]) == (improbable, unlike)
    unsure = taught.report.unsure
    assert unsure is not None
    assert unsure.answered == reasons[""]
    assert unsure.unlike == reasons[UNLIKE] + reasons[BOTH]
