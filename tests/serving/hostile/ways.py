"""An image as a request in each protocol, and the probabilities in the answer."""

import json
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .requests import Case, case, form

Ask = Callable[[str, str, bytes], Case]  # the model's name, the case's, the image


def _raw(model: str, name: str, data: bytes) -> Case:
    return case(f"{name}, bare", 400, path="/predict?top=1000", body=data)


def _form(model: str, name: str, data: bytes) -> Case:
    headers, body = form([('; name="image"; filename="photo.jpg"\r\nContent-Type: image/jpeg', data)])
    return case(f"{name}, in a form", 400, path="/predict?top=1000", headers=headers, body=body)


def _v1(model: str, name: str, data: bytes) -> Case:
    body = json.dumps({"instances": [{"b64": b64encode(data).decode()}]}).encode()
    return case(f"{name}, in v1", 400, path=f"/v1/models/{model}:predict", body=body)


def _v2(model: str, name: str, data: bytes) -> Case:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [b64encode(data).decode()]}
    body = json.dumps({"inputs": [{**tensor, "parameters": {"content_type": "base64"}}]}).encode()
    return case(f"{name}, in v2", 400, path=f"/v2/models/{model}/infer", body=body)


def _v2_binary(model: str, name: str, data: bytes) -> Case:
    element = struct.pack("<I", len(data)) + data
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(element)}}
    head = json.dumps({"inputs": [tensor]}).encode()
    headers = [("Inference-Header-Content-Length", str(len(head)))]
    return case(f"{name}, in v2 binary", 400, path=f"/v2/models/{model}/infer", headers=headers, body=head + element)


WAYS: tuple[Ask, ...] = (_raw, _form, _v1, _v2, _v2_binary)


def probabilities(answer: Mapping[str, Any], labels: Sequence[str]) -> list[list[float]]:
    """Of each image, parallel to the labels; of `/predict`, where it named all classes."""
    if "scores" in answer.get("outputs", ()):
        return answer["outputs"]["scores"]  # type: ignore[no-any-return]
    if "outputs" in answer:
        flat, width = answer["outputs"][0]["data"], len(labels)
        return [flat[start : start + width] for start in range(0, len(flat), width)]
    if "id" not in answer:
        return [one["scores"] for one in answer["predictions"]]
    named = [{top["label"]: top["probability"] for top in one["top"]} for one in answer["predictions"]]
    return [[one[label] for label in labels] for one in named]
