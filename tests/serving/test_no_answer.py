"""What a network fails on, or has no finite numbers for, is an error of that image, in Python, on the command line and
in each protocol; the images beside it are answered. A model that has no answer to its golden images does not answer."""

import json
import shutil
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cli.shell import check_mistake, process

import whatsit
from whatsit.config import ServeOptions
from whatsit.errors import ImageError, ModelFolderError
from whatsit.model.classifier import Classifier
from whatsit.model.format import FILES, read_model, write_core
from whatsit.model.golden import check_answers, check_golden, golden_bytes
from whatsit.model.versions.store import Repository
from whatsit.serving.app import Service
from whatsit.serving.manager import ModelManager, opener
from whatsit.serving.metrics import Metrics
from whatsit.serving.sources import RepositorySource, find_source
from whatsit.training.run import Trained

from .conftest import NAME
from .faulty import Fault, faulty_model, with_fault
from .hostile.requests import form
from .running import Running, serving

pytestmark = pytest.mark.slow

WORDS = {
    ("fails", "similarity"): "the network fails on it",
    ("nan", "embedding"): "not finite (NaN)",
    ("nan", "similarity"): "not finite (NaN)",
    ("inf", "probabilities"): "not finite (infinite)",
    ("inf", "similarity"): "not finite (infinite)",
    ("seven", "probabilities"): "the model's probabilities for it are none",
}
KINDS = pytest.mark.parametrize("kind", WORDS, ids="-".join)
"""What is wrong with which output."""


@KINDS
@pytest.mark.parametrize("others", [0, 2, 9])
def test_in_python_it_is_an_error_of_that_image(
    kind: tuple[Fault, str], others: int, model: Trained, asked: list[bytes], tmp_path: Path
) -> None:
    folder, bad = faulty_model(model.folder, tmp_path / "faulty", *kind)
    classifier = whatsit.load(folder)
    answers = classifier.predict([*asked[:others], bad, *asked[others : 2 * others]])
    said = answers[others]
    assert said.error is not None
    assert WORDS[kind] in said.error
    assert "\n" not in said.error
    assert (said.label, said.probability, said.similarity) == (None, None, None)
    rest = [one for one in answers if one is not said]
    expected = model.classifier.predict(asked[: 2 * others])
    assert [one.label for one in rest] == [one.label for one in expected]
    for ask in (classifier.predict_proba, classifier.embed):
        with pytest.raises(ImageError, match=r"^image 2: "):
            ask([asked[0], bad])
    pixels = [classifier.pixels(one) for one in (asked[0], bad)]
    sound, failed = classifier.answer_pixels(np.stack(pixels))
    assert (sound.error, sound.failed) == (None, False)
    assert (failed.error, failed.failed) == (said.error, True)


@KINDS
def test_on_the_command_line_it_is_a_line(
    kind: tuple[Fault, str], model: Trained, asked: list[bytes], tmp_path: Path
) -> None:
    folder, bad = faulty_model(model.folder, tmp_path / "faulty", *kind)
    (tmp_path / "bad.png").write_bytes(bad)
    (tmp_path / "good.jpg").write_bytes(asked[0])
    done = process("predict", str(folder), "bad.png", "good.jpg", folder=tmp_path)
    assert done.code == 1
    bad_line, good_line = done.out.splitlines()
    assert bad_line.startswith("bad.png: error: ")
    assert WORDS[kind] in bad_line
    assert good_line.startswith("good.jpg")
    assert "Traceback" not in done.err


@pytest.fixture(scope="module", params=WORDS, ids="-".join)
def served(
    request: pytest.FixtureRequest, model: Trained, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, bytes, str]]:
    fault, output = request.param
    folder, bad = faulty_model(model.folder, tmp_path_factory.mktemp("faulty") / "model", fault, output)
    words = WORDS[request.param] if fault != "fails" else "The server's log says why"
    with serving(folder, "--quiet") as server:
        yield server, bad, words


def test_over_http_it_is_no_answer_and_no_fault_of_the_client(
    served: tuple[Running, bytes, str], asked: list[bytes]
) -> None:
    server, bad, words = served
    b64 = b64encode(bad).decode()
    rows = {"instances": [{"b64": b64encode(asked[0]).decode()}, {"b64": b64}]}
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1],
        "data": [b64],
        "parameters": {"content_type": "base64"},
    }
    name = json.loads(server.ask("GET", "/models").body)["models"][0]["name"]
    for path, body in (
        ("/predict", bad),
        (f"/v1/models/{name}:predict", json.dumps(rows).encode()),
        (f"/v2/models/{name}/infer", json.dumps({"inputs": [tensor]}).encode()),
    ):
        reply = server.ask("POST", path, body)
        assert reply.status == 503, path
        assert words in json.loads(reply.body)["error"]
    assert 'whatsit_images_total{outcome="failed"}' in server.ask("GET", "/metrics").body.decode()


def test_beside_others_it_is_a_row(served: tuple[Running, bytes, str], asked: list[bytes]) -> None:
    server, bad, words = served
    headers, body = form(
        [(f'; name="image"; filename="{i}"', data) for i, data in enumerate([asked[0], bad, asked[1]])]
    )
    reply = server.ask("POST", "/predict", body, dict(headers))
    assert reply.status == 200
    first, failed, last = json.loads(reply.body)["predictions"]
    assert "label" in first
    assert "label" in last
    assert failed.keys() == {"name", "error"}
    assert words in failed["error"]
    server.await_log("could not answer: ")


@pytest.fixture(params=[("inf", "probabilities"), ("nan", "embedding"), ("fails", "similarity")], ids="-".join)
def mute(request: pytest.FixtureRequest, model: Trained, tmp_path: Path) -> Path:
    """A model folder that has no answer to anything, with the golden answers of the sound one."""
    fault, output = request.param
    facts, graph = read_model(model.folder)
    folder = tmp_path / "mute"
    folder.mkdir()
    golden = (model.folder / FILES.golden).read_bytes()
    write_core(folder, facts, with_fault(graph, fault, output, always=True), {FILES.golden: golden})
    return folder


def test_a_model_without_finite_golden_answers_does_not_answer(mute: Path, repository: Repository) -> None:
    with pytest.raises(ModelFolderError, match="has no answer to golden image 1"):
        Service(find_source(mute), ServeOptions()).prepare()
    shutil.copytree(mute, repository.root / NAME / "3")
    manager = ModelManager(RepositorySource(repository), opener(ServeOptions()), Metrics())
    failure = manager.refresh().models[NAME].failures[3]
    assert "has no answer to golden image 1" in failure.reason
    assert manager.catalogue.find(NAME).number == 1


def test_such_a_model_is_not_added(mute: Path, repository: Repository) -> None:
    for check in (check_golden, check_answers):
        with pytest.raises(ModelFolderError, match="has no answer to golden image 1"):
            check(mute, whatsit.load(mute))
    with pytest.raises(ModelFolderError, match="has no answer to golden image 1"):
        repository.add(mute, NAME)
    assert repository.versions(NAME) == [1, 2]
    check_mistake(process("models", "add", mute, "--repository", repository.root), "has no answer to golden image 1")


def test_without_golden_answers_the_test_card_is_asked(mute: Path, model: Trained, tmp_path: Path) -> None:
    facts, graph = read_model(mute)
    alone = tmp_path / "alone"
    alone.mkdir()
    write_core(alone, facts, graph)
    with pytest.raises(ModelFolderError, match="has no answer to the test card"):
        check_golden(alone, whatsit.load(alone))
    write_core(alone, facts, model.classifier.graph)
    assert check_golden(alone, whatsit.load(alone)) == 0


def test_golden_answers_are_made_of_images_that_have_one(model: Trained, asked: list[bytes], tmp_path: Path) -> None:
    folder, bad = faulty_model(model.folder, tmp_path / "faulty", "nan", "probabilities")
    made = json.loads(golden_bytes(whatsit.load(folder), [bad, asked[0], bad, asked[1]]))
    assert len(made) == 3
    assert np.isfinite([one["probabilities"] for one in made]).all()
    facts = model.classifier.facts
    nothing = Classifier(facts, with_fault(model.classifier.graph, "nan", "probabilities", always=True))
    assert json.loads(golden_bytes(nothing, asked[:2])) == []
