"""Exchanges of both protocols: a model of which every number is known answers as their documents do, to the last key.

`recorded/*.json`: `request` has `json` for its body and `tensors`, base64, for what follows that; `response` has
`json`, and `numbers` for the float32 that follow. Each is modelled on the documents that `source` names. `WHATSIT`
stands for the version. Where a document prints the numbers of an answer (`kserve-flowers`, `v2-infer-document`), they
are its own, digit by digit.
"""

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whatsit

from .handmade import handmade_model
from .running import Response, Running, serving

pytestmark = pytest.mark.slow

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))
CLOSE = 1e-5  # of a number, as a share of it: float32 has seven digits
FRONT = "inference-header-content-length"
CLASSIFIED = re.compile(r"(\d\.\d+):(\d+:.*)")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8").replace("WHATSIT", whatsit.__version__))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return handmade_model(tmp_path_factory.mktemp("handmade") / "photos")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Running]:
    with serving(folder, "--quiet") as running:
        yield running


def _ask(server: Running, request: Any) -> Response:
    if request["method"] == "GET":
        return server.ask("GET", request["path"])
    front, behind = json.dumps(request["json"]).encode(), b64decode(request.get("tensors", ""))
    kind = {"Content-Type": "application/octet-stream", FRONT: str(len(front))} if behind else {}
    return server.ask("POST", request["path"], front + behind, {"Content-Type": "application/json", **kind})


def _parts(reply: Response) -> tuple[Any, list[float]]:
    """The JSON, and the numbers behind it."""
    length = int(reply.headers.get(FRONT, len(reply.body)))
    return json.loads(reply.body[:length]), np.frombuffer(reply.body[length:], "<f4").tolist()


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_answer_is_as_recorded(server: Running, path: Path) -> None:
    exchange = read(path)
    reply = _ask(server, exchange["request"])
    expected = exchange["response"]
    assert reply.status == expected["status"], reply.body
    kind = "application/octet-stream" if "numbers" in expected else "application/json"
    assert reply.headers["content-type"] == kind
    value, numbers = _parts(reply)
    check_alike(value, expected["json"])
    check_alike(numbers, expected.get("numbers", []))


def check_alike(given: Any, recorded: Any, where: str = "") -> None:
    """The same keys, texts and whole numbers; other numbers to float32's precision."""
    if isinstance(recorded, dict):
        assert given.keys() == recorded.keys(), where
        for key, value in recorded.items():
            check_alike(given[key], value, f"{where}/{key}")
    elif isinstance(recorded, list):
        assert len(given) == len(recorded), where
        for place, value in enumerate(recorded):
            check_alike(given[place], value, f"{where}/{place}")
    elif isinstance(recorded, float):
        assert type(given) is float, where
        assert given == pytest.approx(recorded, rel=CLOSE, abs=1e-9), where
    elif isinstance(recorded, str) and (number := CLASSIFIED.fullmatch(recorded)):
        again = CLASSIFIED.fullmatch(given)
        assert again, where
        assert again[2] == number[2], where
        check_alike(float(again[1]), float(number[1]), where)
    else:
        assert (type(given), given) == (type(recorded), recorded), where


def test_what_is_not_alike() -> None:
    recorded = {"a": [0.98, 0.0161, 0.0023, "0.98:2:cats"], "b": 1}
    check_alike({"a": [0.980001, 0.0161, 0.0023, "0.979999:2:cats"], "b": 1}, recorded)
    for wrong in (
        {"a": [0.98, 0.0023, 0.0161, "0.98:2:cats"], "b": 1},  # two small ones swapped
        {"a": [0.98, 0.0161, 0.0023, "0.98:1:cats"], "b": 1},
        {"a": [0.98, 0.0161, 0.0023, "0.97:2:cats"], "b": 1},
        {"a": [0.98], "b": 1},
        {"b": 1},
    ):
        with pytest.raises(AssertionError):
            check_alike(wrong, recorded)


def test_there_is_a_source_for_each() -> None:
    assert len(RECORDED) > 20
    assert [path.name for path in RECORDED if not all(url.startswith("https://") for url in read(path)["source"])] == []


@pytest.mark.parametrize("name", ["tensorflow-predict", "cloudml-flowers"])
def test_scores_are_what_python_answers(server: Running, folder: Path, name: str) -> None:
    request = read(next(path for path in RECORDED if path.stem == name))["request"]
    photos = [b64decode(one.get("image_bytes", one)["b64"]) for one in request["json"]["instances"]]
    predictions = _parts(_ask(server, request))[0]["predictions"]
    expected = whatsit.load(folder).predict_proba(photos)
    np.testing.assert_allclose([one["scores"] for one in predictions], expected, rtol=CLOSE)
    assert [one["prediction"] for one in predictions] == expected.argmax(axis=1).tolist()
