"""Photos of more than 8 bits over HTTP: files and tensors are answered in each protocol as `predict` answers."""

import io
import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.shell import process
from numpy.typing import NDArray
from PIL import Image
from pipeline.test_deep import SPELLINGS, written

from whatsit.api import train
from whatsit.config import TrainOptions
from whatsit.images.colour import UNKNOWN
from whatsit.training.run import Trained

from .hostile.requests import form
from .running import Response, Running, serving

pytestmark = pytest.mark.slow

DEEP = ("12 bits in 16", "floats", "int32 of 8 bits")  # one of each type of number; the rest is the pipeline's
CLOSE = 1e-5
KINDS = {"uint16": "UINT16", "int32": "INT32", "float32": "FP32"}


@dataclass
class Served:
    """Deep photos, and a server of the model that was trained on them."""

    photos: list[Path]
    trained: Trained
    server: Running

    def scores(self) -> NDArray[np.float32]:
        """By Python, of the files: (n, classes)."""
        return self.trained.classifier.predict_proba(self.photos)

    @cached_property
    def predicted(self) -> list[dict[str, Any]]:
        """By the command line."""
        return [
            json.loads(line)
            for line in process("predict", self.trained.folder, *self.photos, "--json").out.splitlines()
        ]

    def infer(self, body: bytes, **headers: str) -> Response:
        return self.server.ask("POST", "/v2/models/photos/infer", body, headers)


@pytest.fixture(scope="module", params=DEEP)
def served(
    request: pytest.FixtureRequest, quick: TrainOptions, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("deep")
    photos = written(folder / "photos", SPELLINGS[request.param])
    trained = train(photos, folder / "model", quick)
    with serving(trained.folder, "--quiet") as server:
        yield Served(sorted(photos.rglob("*[01].tif")), trained, server)


def test_files_are_answered_as_predict_answers(served: Served) -> None:
    expected = served.predicted
    headers, body = form([(f'; name="image"; filename="{i}.tif"', p.read_bytes()) for i, p in enumerate(served.photos)])
    said = json.loads(served.server.ask("POST", "/predict?top=3", body, dict(headers)).body)["predictions"]
    for one, row in zip(said, expected, strict=True):
        assert {name: one[name] for name in ("label", "unsure", "reason", "top")} == {
            name: row[name] for name in ("label", "unsure", "reason", "top")
        }
        assert one.get("note") == row.get("note")

    b64 = [b64encode(path.read_bytes()).decode() for path in served.photos]
    asked = json.dumps({"instances": [{"b64": text} for text in b64]}).encode()
    rows = json.loads(served.server.ask("POST", "/v1/models/photos:predict", asked).body)["predictions"]
    np.testing.assert_allclose([row["scores"] for row in rows], served.scores(), atol=CLOSE)
    assert [(row["unsure"], row["reason"]) for row in rows] == [(row["unsure"], row["reason"]) for row in expected]

    tensor: dict[str, Any] = {"name": "image", "datatype": "BYTES", "shape": [len(b64)], "data": b64}
    tensor["parameters"] = {"content_type": "base64"}
    check_outputs(served, served.infer(json.dumps({"inputs": [tensor]}).encode()), expected)


def check_outputs(served: Served, reply: Response, expected: list[dict[str, Any]]) -> None:
    assert reply.status == 200, reply.body
    outputs = {one["name"]: one for one in json.loads(reply.body)["outputs"]}
    scores = np.reshape(outputs["probabilities"]["data"], outputs["probabilities"]["shape"])
    np.testing.assert_allclose(scores, served.scores(), atol=CLOSE)
    assert outputs["unsure"]["data"] == [row["unsure"] for row in expected]
    assert outputs["reason"]["data"] == [row["reason"] for row in expected]
    assert outputs["note"]["data"] == [row.get("note", "") for row in expected]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
def test_tensors_are_answered_as_their_files(served: Served, channels: int, binary: bool) -> None:
    pixels = np.stack([np.asarray(Image.open(path)) for path in served.photos])
    pixels = np.repeat(pixels[..., None], channels, axis=3)
    tensor = {"name": "image", "datatype": KINDS[pixels.dtype.name], "shape": list(pixels.shape)}
    if not binary:
        reply = served.infer(json.dumps({"inputs": [{**tensor, "data": pixels.ravel().tolist()}]}).encode())
    else:
        behind = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
        front = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": len(behind)}}]}).encode()
        reply = served.infer(front + behind, **{"Inference-Header-Content-Length": str(len(front))})
    check_outputs(served, reply, served.predicted)


def test_a_model_that_saw_no_deep_photo_says_so_of_files_and_refuses_tensors(server: Running) -> None:
    file = io.BytesIO()
    pixels = np.linspace(0, 4095, 96 * 128).reshape(96, 128).astype(np.uint16)
    Image.fromarray(pixels).save(file, "TIFF")
    (said,) = json.loads(server.ask("POST", "/predict", file.getvalue()).body)["predictions"]
    assert said["note"] == UNKNOWN
    b64 = b64encode(file.getvalue()).decode()
    tensor: dict[str, Any] = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [b64]}
    asked = {
        "inputs": [{**tensor, "parameters": {"content_type": "base64"}}],
        "outputs": [{"name": "note"}],
    }
    reply = server.ask("POST", "/v2/models/photos/infer", json.dumps(asked).encode())
    (note,) = json.loads(reply.body)["outputs"]
    assert note["data"] == [UNKNOWN]
    tensor = {"name": "image", "datatype": "UINT16", "shape": [1, 96, 128, 1], "data": pixels.ravel().tolist()}
    reply = server.ask("POST", "/v2/models/photos/infer", json.dumps({"inputs": [tensor]}).encode())
    assert reply.status == 400
    assert json.loads(reply.body)["error"].startswith("instance 0: array of uint16 (96, 128): expected uint8")
