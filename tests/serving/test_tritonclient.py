"""The unchanged client of NVIDIA Triton, over HTTP: what it asks is answered as `predict_proba` answers in Python."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tritonclient.http import (  # type: ignore[import-untyped]
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
    InferResult,
)
from tritonclient.utils import InferenceServerException  # type: ignore[import-untyped]

import whatsit
from whatsit.model.classifier import Classifier
from whatsit.model.versions.store import Repository
from whatsit.training.run import Trained

from .running import Running, serving

pytestmark = pytest.mark.slow

NAME, INPUT = "drawn", "image"
CLOSE = 1e-5
AT_ONCE = 4


@pytest.fixture(scope="module")
def server(model: Trained, second_model: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With two versions, of which the first is the default."""
    repository = Repository(tmp_path_factory.mktemp("triton") / "models")
    repository.add(model.folder, NAME)
    repository.add(second_model.folder, NAME)
    with serving(repository.root, "--quiet") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(server.host, concurrency=AT_ONCE) as one:
        yield one


@pytest.fixture(scope="module")
def classifier(model: Trained) -> Classifier:
    return whatsit.load(model.folder)


@pytest.fixture(scope="module")
def files(photos: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(photos.glob("*/00[0-1].jpg"))]


def encoded(files: list[bytes]) -> InferInput:
    """BYTES, behind the JSON."""
    one = InferInput(INPUT, [len(files)], "BYTES")
    one.set_data_from_numpy(np.array(files, np.object_), binary_data=True)
    return one


def pixels(array: NDArray[np.uint8], *, binary: bool) -> InferInput:
    one = InferInput(INPUT, list(array.shape), "UINT8")
    one.set_data_from_numpy(array, binary_data=binary)
    return one


def drawn(classifier: Classifier, files: list[bytes], side: int) -> NDArray[np.uint8]:
    """(n, side, side, 3): photos, made small by rows and columns alone."""
    whole = np.stack([classifier.pixels(data) for data in files])
    step = whole.shape[1] // side
    return np.ascontiguousarray(whole[:, ::step, ::step])


def probabilities(result: InferResult) -> NDArray[np.float32]:
    array: NDArray[np.float32] = result.as_numpy("probabilities")
    return array


def test_the_server(client: InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    about = client.get_server_metadata()
    assert about["name"] == "whatsit"
    assert about["version"] == whatsit.__version__
    assert {"binary_tensor_data", "classification"} <= set(about["extensions"])


def test_the_model(client: InferenceServerClient, classifier: Classifier) -> None:
    assert client.is_model_ready(NAME)
    assert client.is_model_ready(NAME, "2")
    assert not client.is_model_ready(NAME, "3")
    assert not client.is_model_ready("other")
    about = client.get_model_metadata(NAME)
    assert (about["name"], about["versions"]) == (NAME, ["1", "2"])
    assert about["inputs"] == [{"name": INPUT, "datatype": "UINT8", "shape": [-1, -1, -1, 3]}]
    outputs = {one["name"]: one for one in about["outputs"]}
    assert outputs["probabilities"] == {
        "name": "probabilities",
        "datatype": "FP32",
        "shape": [-1, len(classifier.classes_)],
        "parameters": {"labels": list(classifier.classes_)},
    }


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
def test_pixels(client: InferenceServerClient, classifier: Classifier, files: list[bytes], binary: bool) -> None:
    images = drawn(classifier, files[:2], side=28)
    result = client.infer(NAME, [pixels(images, binary=binary)])
    np.testing.assert_allclose(probabilities(result), classifier.predict_proba(list(images)), atol=CLOSE)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
def test_encoded_photos(
    client: InferenceServerClient, classifier: Classifier, files: list[bytes], binary: bool
) -> None:
    """binary: of the answer."""
    wanted = [InferRequestedOutput(name, binary_data=binary) for name in ("probabilities", "embedding")]
    result = client.infer(NAME, [encoded(files)], outputs=wanted)
    np.testing.assert_allclose(probabilities(result), classifier.predict_proba(files), atol=CLOSE)
    np.testing.assert_allclose(result.as_numpy("embedding"), classifier.embed(files), rtol=CLOSE, atol=1e-4)
    assert result.as_numpy("similarity") is None


def test_without_a_choice_come_probabilities_and_similarity(client: InferenceServerClient, files: list[bytes]) -> None:
    result = client.infer(NAME, [encoded(files[:3])])
    assert probabilities(result).shape == (3, 3)
    similarity = result.as_numpy("similarity")
    assert similarity.shape == (3,)
    assert similarity.dtype == np.float32


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
def test_why_an_answer_is_unsure(
    client: InferenceServerClient, classifier: Classifier, files: list[bytes], binary: bool
) -> None:
    """binary: of the answer."""
    foreign = BytesIO()
    Image.new("RGB", (90, 90), (250, 120, 250)).save(foreign, "PNG")
    photos = [*files[:2], foreign.getvalue()]
    expected = classifier.predict(photos)
    assert [bool(one.reason) for one in expected] == [False, False, True]
    wanted = [InferRequestedOutput(name, binary_data=binary) for name in ("unsure", "reason", "note")]
    result = client.infer(NAME, [encoded(photos)], outputs=wanted)
    unsure = result.as_numpy("unsure")
    assert (unsure.dtype, unsure.tolist()) == (np.bool_, [one.unsure for one in expected])
    texts = {name: result.as_numpy(name).tolist() for name in ("reason", "note")}
    said = {name: [one.decode() if binary else one for one in many] for name, many in texts.items()}
    assert said == {"reason": [one.reason for one in expected], "note": ["", "", ""]}


def test_classes_by_name(client: InferenceServerClient, classifier: Classifier, files: list[bytes]) -> None:
    wanted = [InferRequestedOutput("probabilities", class_count=2)]
    rows = client.infer(NAME, [encoded(files)], outputs=wanted).as_numpy("probabilities")
    assert rows.shape == (len(files), 2)
    for row, expected in zip(rows, classifier.predict_proba(files), strict=True):
        parts = [text.decode().split(":") for text in row]
        best = np.argsort(-expected, kind="stable")[:2]
        assert [int(number) for _, number, _ in parts] == list(best)
        assert [label for *_, label in parts] == [classifier.classes_[i] for i in best]
        np.testing.assert_allclose([float(value) for value, *_ in parts], expected[best], atol=CLOSE)


def test_a_request_keeps_its_id(client: InferenceServerClient, files: list[bytes]) -> None:
    response = client.infer(NAME, [encoded(files[:1])], request_id="holiday/7").get_response()
    assert response["id"] == "holiday/7"
    assert (response["model_name"], response["model_version"]) == (NAME, "1")
    assert "id" not in client.infer(NAME, [encoded(files[:1])]).get_response()


def test_another_version(client: InferenceServerClient, second_model: Trained, files: list[bytes]) -> None:
    result = client.infer(NAME, [encoded(files)], model_version="2")
    assert result.get_response()["model_version"] == "2"
    expected = whatsit.load(second_model.folder).predict_proba(files)
    np.testing.assert_allclose(probabilities(result), expected, atol=CLOSE)


def test_several_at_once(client: InferenceServerClient, classifier: Classifier, files: list[bytes]) -> None:
    asked = [client.async_infer(NAME, [encoded([data])]) for data in files * 3]
    for one, row in zip(asked, classifier.predict_proba(files * 3), strict=True):
        np.testing.assert_allclose(probabilities(one.get_result())[0], row, atol=CLOSE)


def refusal(client: InferenceServerClient, model: str, given: InferInput, **options: Any) -> tuple[str, str]:
    """Status and message."""
    with pytest.raises(InferenceServerException) as raised:
        client.infer(model, [given], **options)
    return raised.value.status(), raised.value.message()


def test_refusals_are_the_clients_exceptions(client: InferenceServerClient, files: list[bytes]) -> None:
    good = encoded(files[:1])
    assert refusal(client, "other", good) == ("404", f"no such model answers here. There are: '{NAME}'")
    assert refusal(client, NAME, good, model_version="9")[0] == "404"
    status, message = refusal(client, NAME, encoded([files[0], b"no photo"]))
    assert (status, message.partition(":")[0]) == ("400", "instance 1")
    assert refusal(client, NAME, good, outputs=[InferRequestedOutput("logits")])[0] == "400"
    assert refusal(client, NAME, good, request_compression_algorithm="gzip")[0] == "415"
    with pytest.raises(InferenceServerException):
        client.get_model_metadata("other")
    late = client.async_infer("other", [good])
    with pytest.raises(InferenceServerException):
        late.get_result()
